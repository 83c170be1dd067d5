"""The generator `contamination`: canary, rows and orders of an edition, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from modelmetry import suites
from modelmetry.errors import BadInput
from modelmetry.items import Problem, Seed, canonical_json
from modelmetry.memory.contamination import Contamination
from modelmetry.memory.published import read_published, strata

SEED = Seed(root=5)
LIMIT = 16


@pytest.fixture(scope="module")
def editions(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """Folders of three editions of `addition`, by their seeds; a fourth, of `calendar`, by 0."""
    out = tmp_path_factory.mktemp("editions")
    made = {
        seed: str(suites.write(out, suites.read("addition"), Seed(root=seed), limit=LIMIT).folder)
        for seed in (1, 2, 3)
    }
    other = suites.write(out, suites.read("calendar"), Seed(root=1), limit=LIMIT)
    return {**made, 0: str(other.folder)}


@pytest.fixture(scope="module")
def both(editions: dict[int, str]) -> Contamination:
    """A published and a fresh edition."""
    return Contamination(
        edition=editions[1], fresh=editions[2], references=20, orders=3, stretch=200
    )


def _all(generator: Contamination, split: str, seed: Seed = SEED) -> list[Problem]:
    return list(generator.problems(seed, split, generator.count(split)))


def test_every_answer_is_found_again(both: Contamination) -> None:
    """The second way to the answer reads it in the card and the files; problems survive JSON."""
    for split in both.splits:
        for problem in _all(both, split):
            shown = msgspec.json.decode(canonical_json(problem.fields))
            assert both.solve(shown) == problem.target.answers[0], problem
            assert set(problem.fields) == set(both.fields)
            assert set(problem.factors) == set(both.factors)
            assert problem.target.answers[0].lstrip() != problem.target.answers[0]


def test_another_object_draws_the_same_bytes(both: Contamination, editions: dict[int, str]) -> None:
    """A seed gives the same problems again; the names of the editions are in the fingerprint."""
    again = Contamination(
        edition=editions[1], fresh=editions[2], references=20, orders=3, stretch=200
    )
    for split in both.splits:
        assert canonical_json(_all(both, split)) == canonical_json(_all(again, split))
    other = Contamination(
        edition=editions[1], fresh=editions[3], references=20, orders=3, stretch=200
    )
    assert both.fingerprint() == again.fingerprint() != other.fingerprint()


def test_one_identifier_is_that_of_the_edition(
    both: Contamination, editions: dict[int, str]
) -> None:
    """It comes first; the references are as many as told, of its form, others with another seed."""
    first, *others = _all(both, "canary")
    manifest = json.loads((Path(editions[1]) / "edition.json").read_text())
    assert first.fields["prompt"] + first.target.answers[0] == manifest["canary"]
    assert first.factors["duplicates"] == 3 * 3 * LIMIT
    assert len(others) == 20
    for problem in others:
        assert problem.fields["prompt"] == first.fields["prompt"]
        assert UUID(problem.target.answers[0].strip()).version == 4
        assert (problem.factors["inserted"], problem.factors["canary"]) == (0, 1)
    again = {p.target.answers[0] for p in _all(both, "canary", Seed(root=6))}
    assert again & {p.target.answers[0] for p in [first, *others]} == {first.target.answers[0]}
    assert not again & {p.target.answers[0] for p in _all(both, "train", Seed(root=6))}


def test_a_row_stands_beside_its_control(both: Contamination, editions: dict[int, str]) -> None:
    """Published and fresh rows take turns, of one place and one cluster; the text is the row's."""
    problems = _all(both, "rows")
    sides = [read_published(editions[seed]) for seed in (1, 2)]
    texts = [{row.text for row in side.rows} for side in sides]
    for published, fresh in zip(problems[::2], problems[1::2], strict=True):
        assert (published.factors["inserted"], fresh.factors["inserted"]) == (1, 0)
        assert published.cluster == fresh.cluster
        names = [str(problem.fields["of"]).split(" ")[2] for problem in (published, fresh)]
        assert names[0] == names[1]
        for problem, known, other in zip((published, fresh), texts, reversed(texts), strict=True):
            begun = problem.fields["prompt"] + problem.target.answers[0]
            assert any(text.startswith(begun) for text in known)
            if problem is fresh:
                assert not any(text.startswith(begun) and text in known for text in other)
            assert str(problem.fields["prompt"]).endswith(str(problem.fields["tail"]))


def test_a_block_comes_with_all_its_orders(both: Contamination, editions: dict[int, str]) -> None:
    """As published it is a stretch of the file; in other orders the same rows, strata in their places."""
    edition = read_published(editions[1])
    files: dict[str, list[str]] = {}
    for row in edition.rows:
        files.setdefault(f"{row.task}/{row.split}", []).append(row.text)
    problems = _all(both, "order")
    assert Counter(p.cluster for p in problems).keys() == {p.cluster for p in problems}
    assert set(Counter(p.cluster for p in problems).values()) == {8}
    for i in range(0, len(problems), 8):
        block = problems[i : i + 8]
        assert [(p.factors["inserted"], p.factors["order"]) for p in block] == [
            (side, order) for side in (1, 0) for order in range(4)
        ]
        first = block[0].fields["prompt"] + block[0].target.answers[0]
        assert first in "\n".join(files[str(block[0].factors["place"])])
        for problem in block[1:4]:
            text = problem.fields["prompt"] + problem.target.answers[0]
            assert text != first
            assert sorted(text.split("\n")) == sorted(first.split("\n"))


def test_strata_keep_their_places(both: Contamination, editions: dict[int, str]) -> None:
    """In every order of a block the sums have as many digits, place by place, as in the published one.

    Where no block is long enough for that, any order is tried and said to be no fair one.
    """
    assert {p.factors["exchangeable"] for p in _all(both, "order")} == {0, 1}
    both = Contamination(edition=editions[1], fresh=editions[2], orders=3)
    assert {p.factors["exchangeable"] for p in _all(both, "order")} == {1}
    edition = read_published(editions[1])
    turns = strata(edition, "addition", "longer")
    assert turns is not None
    units = both._files["addition", "longer"][0]
    rows = {row.text: row.index for unit in units for row in unit}
    seen = 0
    for problem in _all(both, "order"):
        if problem.factors["place"] == "addition/longer" and problem.factors["inserted"]:
            text = str(problem.fields["prompt"]) + problem.target.answers[0]
            plain = [line for line in text.split("\n") if line in rows and line.startswith("What")]
            labels = [turns.turns.place(rows[line])[0] for line in plain]
            names = str(problem.fields["of"]).split(" ")
            start = int(names[1].split("/")[2])
            assert labels == [
                turns.turns.place(unit[0].index)[0] for unit in units[start : start + len(plain)]
            ]
            seen += 1
    assert seen == 4


def test_shared_problems_are_no_controls(tmp_path: Path) -> None:
    """Rows whose counterpart the published edition has too are not asked."""
    suite = suites.read("calendar")
    folders = [
        str(suites.write(tmp_path, suite, Seed(root=seed), limit=40).folder) for seed in (1, 2)
    ]
    published, fresh = map(read_published, folders)
    shared = {row.text for row in published.rows} & {row.text for row in fresh.rows}
    assert shared
    generator = Contamination(edition=folders[0], fresh=folders[1])
    asked = {row.text for pairs in generator._pairs.values() for _, row in pairs}
    assert asked
    assert not asked & shared


def test_without_a_fresh_edition_there_are_no_controls(editions: dict[int, str]) -> None:
    """Rows and orders are then of the published edition alone."""
    generator = Contamination(edition=editions[1], references=0, orders=0)
    assert [generator.count(split) for split in ("canary", "order")] == [1, 0]
    assert {p.factors["inserted"] for p in _all(generator, "rows")} == {1}
    assert generator.members("rows") == 1


def _older(folder: str, out: Path) -> str:
    """A copy of an edition as it was written before there were canaries."""
    shutil.copytree(folder, out)
    manifest = suites.read_edition(out).manifest
    text = msgspec.json.encode(
        replace(manifest, canary=msgspec.UNSET).sealed(), order="deterministic"
    )
    (out / "edition.json").write_bytes(text)
    return str(out)


def test_an_edition_without_a_canary_is_asked_the_rest(
    editions: dict[int, str], tmp_path: Path
) -> None:
    """Editions made before there were canaries have rows and orders."""
    folder = _older(editions[1], tmp_path / "older")
    generator = Contamination(edition=folder, fresh=editions[2])
    assert generator.count("canary") == 0
    assert generator.count("rows") > 0
    suite = suites.read("contamination", {"edition": folder, "fresh": editions[2]})
    assert sum(1 for _ in suites.items(suite, Seed(root=0), 8)) > 0


def test_a_generator_that_is_not_the_one_leaves_strata_unknown(
    editions: dict[int, str], tmp_path: Path
) -> None:
    """With another fingerprint nobody knows which rows could have come in another order."""
    folder = tmp_path / "other"
    shutil.copytree(editions[1], folder)
    path = folder / "edition.json"
    raw = json.loads(path.read_text())
    raw["suite"]["tasks"][0]["fingerprint"] = "0" * 16
    raw["digest"] = ""
    text = msgspec.json.encode(raw)
    raw["digest"] = hashlib.sha256(text).hexdigest()
    path.write_bytes(msgspec.json.encode(raw))
    edition = read_published(str(folder))
    assert strata(edition, "addition", "carry") is None
    assert Contamination(edition=str(folder)).count("order") == 0


def test_what_cannot_be_used_is_refused(editions: dict[int, str], tmp_path: Path) -> None:
    """No edition, none there, one that was changed, controls that are none, numbers out of range."""
    with pytest.raises(BadInput, match=r"no edition; allowed: -T edition=FOLDER"):
        Contamination()
    with pytest.raises(BadInput, match="no edition can be read"):
        Contamination(edition=str(tmp_path / "none"))
    with pytest.raises(BadInput, match="is of suite calendar"):
        Contamination(edition=editions[1], fresh=editions[0])
    with pytest.raises(BadInput, match="is the published edition itself"):
        Contamination(edition=editions[1], fresh=editions[1])
    for name in ("references", "k", "stretch", "orders"):
        with pytest.raises(BadInput, match=f"{name} is -1"):
            Contamination(edition=editions[1], **{name: -1})  # pyright: ignore[reportArgumentType]
    other = suites.write(tmp_path / "few", suites.read("addition"), Seed(root=9), limit=2)
    for file in sorted(other.folder.rglob("*.parquet")):
        good = file.read_bytes()
        file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        with pytest.raises(BadInput, match=rf"{file.name}: was changed"):
            Contamination(edition=str(other.folder))
        file.write_bytes(good)
    manifest = other.folder / "edition.json"
    manifest.write_text(manifest.read_text().replace('"seed": 9', '"seed": 8'))
    with pytest.raises(BadInput, match=r"edition\.json: was changed"):
        Contamination(edition=str(other.folder))
