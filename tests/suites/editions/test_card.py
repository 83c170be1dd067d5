"""Cards and what lies beside them: fields that the Hub knows, filled from what was measured, and no markup."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.tiny_pictures import SUITE, write_suite

from modelmetry.analyses.verification import certificate_json, verify
from modelmetry.errors import BadInput
from modelmetry.items import Seed
from modelmetry.suites import Edition, Suite, read, read_edition, write
from modelmetry.suites.editions.contents import is_whole
from modelmetry.suites.editions.eval_yaml import LAST_WHOLE, LAST_WORD
from modelmetry.suites.editions.words import code, plain


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> Edition:
    """A small edition with its certificate."""
    suite = read("quickstart")
    proof = certificate_json(verify(suite, n=40, seed=3))
    out = tmp_path_factory.mktemp("editions")
    return write(out, suite, Seed(root=3), limit=4, certificate=proof)


@pytest.fixture
def dots(tmp_path: Path, painted: Path) -> Suite:
    """Problems about dots, as pictures and as text, with and without examples that show pictures."""
    return read(write_suite(tmp_path, SUITE.replace(", unseen: 4", "")))


@pytest.fixture
def seen(tmp_path: Path, dots: Suite) -> Edition:
    """An edition with pictures, as data URIs too."""
    return write(tmp_path / "e", dots, Seed(root=3), data_uri=True, processes=1)


def front(edition: Edition) -> dict[str, Any]:
    """The YAML block of a card."""
    return yaml.safe_load((edition.folder / "README.md").read_text().split("---\n")[1])


def body(edition: Edition) -> str:
    """The Markdown of a card."""
    return (edition.folder / "README.md").read_text().split("---\n", 2)[2]


def test_the_card_has_the_fields_that_users_filter_by(edition: Edition) -> None:
    """License, language, size, origin and categories, with the Hub's own words."""
    head = front(edition)
    assert (head["license"], head["language"]) == ("cc-by-4.0", ["en"])
    assert head["annotations_creators"] == head["language_creators"] == ["machine-generated"]
    assert (head["size_categories"], head["source_datasets"]) == (["n<1K"], ["original"])
    assert head["task_categories"] == ["question-answering", "multiple-choice"]
    assert {"benchmark", "modelmetry"} <= set(head["tags"])
    assert head["pretty_name"] == f"quickstart ({edition.manifest.edition})"


def test_the_hubs_client_reads_the_card_and_loses_nothing(edition: Edition) -> None:
    """`huggingface_hub` parses the block into its own class, and writes the same block again."""
    huggingface_hub = pytest.importorskip("huggingface_hub")
    card = huggingface_hub.DatasetCard.load(edition.folder / "README.md")
    assert card.data.license == "cc-by-4.0"
    written = yaml.safe_load(card.data.to_yaml())
    assert written == front(edition)


@pytest.mark.parametrize("name", ["edition", "seen"])
def test_datasets_finds_the_columns_that_the_card_states(
    name: str, request: pytest.FixtureRequest
) -> None:
    """The card's `dataset_info` is what `datasets` itself writes of the files."""
    datasets = pytest.importorskip("datasets")
    found: Edition = request.getfixturevalue(name)
    for info in front(found)["dataset_info"]:
        folder = "data_uri" if info["config_name"].endswith("_data_uri") else "data"
        task = info["config_name"].removesuffix("_data_uri")
        files = sorted((found.folder / folder / task).glob("*.parquet"))
        features = datasets.Features.from_arrow_schema(pq.read_schema(files[0]))
        assert features._to_yaml_list() == info["features"]
        rows = {split["name"]: split["num_examples"] for split in info["splits"]}
        assert rows == {
            re.sub(r"-\d{5}", "", file.stem): pq.read_metadata(file).num_rows for file in files
        }
        assert info["download_size"] == sum(file.stat().st_size for file in files)
        assert info["dataset_size"] == sum(split["num_bytes"] for split in info["splits"])


def test_every_config_with_pictures_is_loaded_by_datasets(
    seen: Edition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images come as images, data URIs as the same bytes in texts, in the order of the conversation."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    for config in ("dots", "dots_data_uri"):
        rows = datasets.load_dataset(
            str(seen.folder), config, split="held_out", cache_dir=str(tmp_path)
        )
        items = {item.uid: item for item in seen.items()}
        for row in rows:
            item = items[row["uid"]]
            if not config.endswith("_data_uri"):
                assert [image.size for image in row["images"]] == [(6, 2)] * len(item.pictures)
                continue
            parts = [part for turn in row["messages"] for part in turn["content"]]
            uris = [part["image"] for part in parts if part["type"] == "image"]
            assert len(uris) == len(item.pictures)
            assert all(uri.startswith("data:image/png;base64,iVBOR") for uri in uris)
            assert row["image"] == (uris[0] if len(uris) == 1 else None)
            assert "[picture" not in row["prompt"]


def test_data_uris_are_there_only_when_asked_for(
    seen: Edition, dots: Suite, tmp_path: Path
) -> None:
    """Without the option no byte of the items differs, and the card says why Inspect cannot ask them."""
    without = write(tmp_path, dots, Seed(root=3), processes=1)
    assert not (without.folder / "data_uri").exists()
    assert not (without.folder / "eval.yaml").exists()
    assert "make the edition with `--data-uri`" in body(without)
    tables = {n: h for n, h in seen.manifest.files.items() if n.startswith("data/")}
    assert tables == {n: h for n, h in without.manifest.files.items() if n.startswith("data/")}
    assert without.manifest.edition == seen.manifest.edition
    assert list(seen.items()) == list(without.items())
    assert dict(seen.pictures()) == dict(without.pictures())


def test_the_card_tells_what_the_certificate_found(edition: Edition) -> None:
    """Every checked split has a row with its own numbers; without a certificate nothing is claimed."""
    certificate = json.loads((edition.folder / "certificate.json").read_text())
    text = body(edition)
    assert len(certificate["splits"]) == 8
    for check in certificate["splits"]:
        (row,) = [
            line
            for line in text.splitlines()
            if line.startswith(f"| `{check['split']}` ") and line.count("|") == 9
        ]
        assert f"| {check['problems']:,} | 0 | 0 |" in row
        assert f"| {check['chance']:.3f} | {check['constant']['value']:.3f} |" in row
        assert row.endswith(f"| {check['bag_of_words']['value']:.3f} |")


def test_a_card_without_a_certificate_claims_no_check(tmp_path: Path) -> None:
    """The heading is there only together with the numbers."""
    assert "How it was checked" not in body(
        write(tmp_path, read("addition"), Seed(root=1), limit=2)
    )


def test_files_are_described_by_their_true_hashes(edition: Edition) -> None:
    """`croissant.json`, `SHA256SUMS` and `edition.json` say the same of every file."""
    files = dict(edition.manifest.files)
    described = json.loads((edition.folder / "croissant.json").read_text())
    assert {
        each["contentUrl"]: each["sha256"]
        for each in described["distribution"]
        if each["@type"] == "cr:FileObject"
    } == {name: digest for name, digest in files.items() if name.endswith(".parquet")}
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"],  # noqa: S607
        cwd=edition.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(re.findall(r"(.*): OK", done.stdout)) == set(files) - {"SHA256SUMS"}


def test_no_file_says_when_it_was_made(edition: Edition) -> None:
    """The same bytes tomorrow: no year stands in what describes the tables."""
    for name in ("README.md", "croissant.json", "eval.yaml", "edition.json"):
        text = (edition.folder / name).read_text()
        assert not re.search(r"\b20[2-9]\d-\d\d", text), name


def test_eval_yaml_names_the_splits_that_inspect_can_score(edition: Edition) -> None:
    """Intervals of right answers cannot be said there; the other tasks' splits are each a task."""
    document = yaml.safe_load((edition.folder / "eval.yaml").read_text())
    assert document["evaluation_framework"] == "inspect-ai"
    assert [task["id"] for task in document["tasks"]] == [
        *("addition_held_out", "addition_carry", "calendar_train", "calendar_held_out"),
    ]
    assert [(task["config"], task["split"]) for task in document["tasks"]][2:] == [
        *(("calendar", "train"), ("calendar", "held_out")),
    ]
    assert "- `greater-than`: more than one answer is right" in body(edition)


def test_eval_yaml_asks_what_a_run_asks(edition: Edition) -> None:
    """Its columns hold the messages of the item and the canonical right answer."""
    document = yaml.safe_load((edition.folder / "eval.yaml").read_text())
    items = {item.uid: item for item in edition.items()}
    for task in document["tasks"]:
        path = edition.folder / "data" / task["config"] / f"{task['split']}.parquet"
        fields = task["field_spec"]
        for row in pq.read_table(path).to_pylist():
            item = items[row["uid"]]
            assert row[fields["target"]] == item.problem.target.answers[0]
            assert row[fields["input"]] == [
                {"role": turn.role, "content": turn.text} for turn in item.messages
            ]


@pytest.mark.parametrize(
    ("name", "scorer"),
    [
        ("quickstart", {"name": "match", "args": {"location": "end", "numeric": True}}),
        ("addition", {"name": "pattern", "args": {"pattern": LAST_WHOLE}}),
        ("calendar", {"name": "pattern", "args": {"pattern": LAST_WORD}}),
        ("biographies", {"name": "includes", "args": {"ignore_case": False}}),
        (
            "memorization-chat",
            {"name": "match", "args": {"location": "begin", "ignore_case": False}},
        ),
    ],
)
def test_scorers_have_their_nearest_counterparts(
    name: str, scorer: dict[str, Any], tmp_path: Path
) -> None:
    """By kind of answer; numbers beyond five digits are not left to Inspect's own comparison."""
    edition = write(tmp_path, read(name), Seed(root=1), limit=2 if name == "quickstart" else 40)
    document = yaml.safe_load((edition.folder / "eval.yaml").read_text())
    assert document["tasks"][0]["scorers"] == [scorer]


def test_conversations_with_replies_have_no_eval_yaml(tmp_path: Path) -> None:
    """Nothing is promised that Inspect's loader cannot run."""
    edition = write(tmp_path, read("guardrails"), Seed(root=1), limit=2)
    assert not (edition.folder / "eval.yaml").exists()
    assert "- `requests`: its conversations wait for replies of the model" in body(edition)


def test_a_suite_can_name_its_license(tmp_path: Path) -> None:
    """It goes into card and `croissant.json`; an unknown one is refused with the nearest."""
    text = Path(read("addition").source).read_text()
    own = tmp_path / "own.yaml"
    own.write_text(text + "license: apache-2.0\n")
    edition = write(tmp_path, read(own), Seed(root=1), limit=2)
    assert front(edition)["license"] == "apache-2.0"
    described = json.loads((edition.folder / "croissant.json").read_text())
    assert described["license"] == "https://spdx.org/licenses/Apache-2.0.html"
    assert read_edition(edition.folder).manifest.suite.license == "apache-2.0"
    for wrong in ("cc-by-4", "[mit]", "3"):
        own.write_text(text + f"license: {wrong}\n")
        with pytest.raises(BadInput, match=r"own\.yaml: license: unknown license .*allowed"):
            read(own)


def test_a_suite_without_a_license_hashes_as_it_did(tmp_path: Path) -> None:
    """The field is no part of what was stored before there was one."""
    edition = write(tmp_path, read("addition"), Seed(root=1), limit=2)
    assert '"license"' not in (edition.folder / "edition.json").read_text()


HOSTILE = (
    '<script>alert(1)</script> | [x](javascript:y) ![i](http://e.x/p) `c` --- # h\n---\nkey: "v'
)


def test_markup_from_a_suite_is_text(tmp_path: Path) -> None:
    """A question, a wording and a split's answer with markup stay text in card and YAML."""
    suite = read("addition")
    (task,) = suite.tasks
    prompts = (replace(task.prompts[0], name="<b>|`x`"), *task.prompts[1:])
    suite = replace(suite, question=HOSTILE, tasks=(replace(task, prompts=prompts),))
    split = {"split": "<i>|`", "problems": 1, "duplicates": 0, "disagreements": 0, "chance": 0.1}
    shares = {"constant": {"value": 0.1}, "bag_of_words": {"value": 0.1}}
    certificate = {"splits": [{**split, **shares, "marginals": {HOSTILE: 1.0}}]}
    edition = write(
        tmp_path, suite, Seed(root=1), limit=2, certificate=json.dumps(certificate).encode()
    )
    text = body(edition)
    assert front(edition)["pretty_name"].startswith("addition")
    assert "<" not in text.replace("\n", "")
    assert not re.search(r"(?<!\\)\]\((?!https://(creativecommons|inspect))", text)
    assert "http://" not in text
    (row,) = [line for line in text.splitlines() if line.startswith("| `i`")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 9
    assert yaml.safe_load((edition.folder / "eval.yaml").read_text())["description"] == HOSTILE
    assert json.loads((edition.folder / "croissant.json").read_text())["description"] == HOSTILE


@given(st.text(max_size=60))
def test_plain_text_stays_on_a_line_and_opens_nothing(text: str) -> None:
    """No tag, code, link, column or line break comes out of any text, and no letter is lost."""
    shown = plain(text)
    assert not set("\n\r<>") & set(shown)
    assert not re.search(r"(?<!\\)(\\\\)*[`|\[\]*_]", shown)
    back = re.sub(r"\\(.)", r"\1", shown).replace("\u2060", "").replace("&lt;", "<")
    back = back.replace("&gt;", ">").replace("&amp;", "&")
    assert back == " ".join(text.split()).replace("\u2060", "")
    assert code(text).count("`") == 2


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        *((LAST_WORD, "It is **March**.\n", "March"), (LAST_WORD, "_yes_", "yes")),
        *((LAST_WORD, "no, 12", "12"), (LAST_WORD, "...", None)),
        *((LAST_WHOLE, "12 + 3 = 15.", "15"), (LAST_WHOLE, "-7", "-7"), (LAST_WHOLE, "3-4", "4")),
        *((LAST_WHOLE, "7.0", "7"), (LAST_WHOLE, "none", None)),
    ],
)
def test_patterns_find_the_last_answer(pattern: str, text: str, found: str | None) -> None:
    """The last word without its marks; the last whole number with its sign."""
    match = re.search(pattern, text)
    assert (match and match[1]) == found


def test_patterns_are_fast_on_long_replies() -> None:
    """A reply of 20,000 characters costs no more than its length."""
    for pattern in (LAST_WORD, LAST_WHOLE):
        for text in ("1" * 300 + "x", "- " * 10_000 + "a1!" * 200, "word " * 4000):
            re.search(pattern, text)


@given(st.integers(-(10**9), 10**9))
def test_whole_numbers_are_those_that_python_prints(number: int) -> None:
    """Neither zeros before them, nor signs or points, nor other digits."""
    assert is_whole(str(number))
    assert not is_whole(f"0{abs(number)}")
    assert not is_whole(f"{number}.0")
    assert not any(map(is_whole, ("", "-", "\u0661", " 7")))


def test_an_edition_that_could_not_be_finished_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the middle, it leaves nothing behind, and can be made again at once."""
    from modelmetry.suites.editions import edition as module

    def stop(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "card", stop)
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path, read("addition"), Seed(root=1), limit=2)
    assert list(tmp_path.iterdir()) == []
    write(tmp_path, read("addition"), Seed(root=1), limit=2)
