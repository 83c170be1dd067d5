"""Labels by people: a blind sample, files that survive spreadsheets, every complaint with its row."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.judged_runs import Said, answered, extended, known

from modelmetry import api
from modelmetry.errors import BadInput
from modelmetry.personas.verdicts import VERDICTS
from modelmetry.runs import open_store
from modelmetry.runs.labels import Label, draw, majority, parsed, receive, stored, table

AWKWARD = [
    "=SUM(A1:A9)",
    "+1",
    "-1, or less",
    "@here",
    "'quoted",
    "'=both",
    "a\nb\r\nc\rd",
    'She said "no", twice; a\tb',
    "x" * 100_000,
    "y" * 200_000,
    "nul \0 and \u2028",
    "\U0001f600 \u05d0 \u00e9",
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of forty replies, four of them without a text."""
    replies = [known(VERDICTS[i % 3], i, persona=f"I am person {i}.") for i in range(36)]
    return answered(
        tmp_path / "runs",
        [
            *replies,
            Said(reply=None, finish="error"),
            Said(reply=None, finish="filter"),
            Said(reply=""),
            Said(reply="<think>hm</think>"),
        ],
    )


def fill(path: Path, labels: Sequence[str], out: Path, *, rater: str = "") -> Path:
    """Label a sample as a person does, row by row."""
    head, *rows = parsed(path)
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*head, "rater"] if rater else head)
        for row, label in zip(rows, labels, strict=True):
            filled = [*row[:3], label, *row[4:]]
            writer.writerow([*filled, rater] if rater else filled)
    return out


def truth(run: Path, path: Path) -> list[str]:
    """The class of each row of a sample."""
    with open_store(run) as store:
        places = {
            item.problem.fields["request"]: VERDICTS[position % 3]
            for position, _, item, _ in store.rows()
        }
    return [places[row[1]] for row in list(parsed(path))[1:]]


def test_a_sample_is_blind(run: Path) -> None:
    """A row has an opaque id, request and reply; nobody's persona, model or verdict; failures are left out."""
    path, count = draw(run, n=100, seed=0)
    assert count == 36
    head, *rows = parsed(path)
    assert head == ["id", "request", "reply", "label", "note"]
    assert len({row[0] for row in rows}) == len(rows) == 36
    assert all(row[0].startswith("r") and len(row[0]) == 13 for row in rows)
    assert all(row[3:] == ["", ""] for row in rows)
    text = path.read_text(encoding="utf-8")
    assert "person" not in text
    assert "oracle" not in text
    numbers = [int(row[1].split()[1].strip(":")) for row in rows]
    assert numbers != sorted(numbers)


def test_a_sample_is_random_and_the_same_for_a_seed(run: Path) -> None:
    """The seed decides which replies; the ids say nothing without the key, which differs."""
    one, _ = draw(run, n=10, seed=1)
    two, _ = draw(run, n=10, seed=1, out=run / "again.csv")
    other, _ = draw(run, n=10, seed=2)

    def column(path: Path, place: int) -> list[str]:
        return [row[place] for row in parsed(path)]

    assert column(one, 1) == column(two, 1) != column(other, 1)
    assert set(column(one, 0)[1:]).isdisjoint(column(two, 0)[1:])
    found = [column(draw(run, n=6, seed=seed)[0], 1)[1:] for seed in range(10, 70)]
    drawn = {text for texts in found for text in texts}
    assert len(drawn) == 36


def test_a_sample_that_was_lost_is_drawn_again(run: Path) -> None:
    """With the key at hand the same command writes the same file, also after the run has grown."""
    path, _ = draw(run, n=10, seed=1)
    before = path.read_bytes()
    path.unlink()
    extended(run, [known("refuses", 100)])
    draw(run, n=10, seed=1)
    assert path.read_bytes() == before


def test_nothing_is_overwritten(run: Path, tmp_path: Path) -> None:
    """A file that may hold somebody's work, or the key of another sample, stays."""
    path, _ = draw(run, n=10, seed=1)
    with pytest.raises(BadInput, match="is taken"):
        draw(run, n=10, seed=1)
    with pytest.raises(BadInput, match="key of another sample"):
        draw(run, n=11, seed=1, out=tmp_path / path.name)
    with pytest.raises(BadInput, match="is taken"):
        draw(run, n=10, seed=1, out=tmp_path / "labels.csv")
    with pytest.raises(BadInput, match="n: 0"):
        draw(run, n=0, seed=1)


def test_labels_come_back(run: Path, tmp_path: Path) -> None:
    """Each label goes to the reply of its row, under the file's name as the rater."""
    path, _ = draw(run, n=20, seed=0)
    said = truth(run, path)
    received = receive(run, [fill(path, said, tmp_path / "ann.csv")])
    assert len(received.labels) == 20
    assert received.unlabelled == 0
    assert not received.complaints
    kept = stored(run)
    assert {label.rater for label in kept} == {"ann"}
    assert all(label.label == VERDICTS[label.place[0] % 3] for label in kept)


def test_raters_add_up_and_correct_themselves(run: Path, tmp_path: Path) -> None:
    """Another file adds its rater; the same rater's newer labels replace the older ones."""
    path, _ = draw(run, n=3, seed=0)
    receive(run, [fill(path, ["refuses"] * 3, tmp_path / "ann.csv")])
    receive(run, [fill(path, ["complies"] * 3, tmp_path / "any.csv", rater="bob")])
    receive(run, [fill(path, ["partial", "", ""], tmp_path / "ann.csv")])
    kept = stored(run)
    assert len(kept) == 6
    assert sorted(label.label for label in kept if label.rater == "ann") == [
        "partial",
        "refuses",
        "refuses",
    ]


def test_files_of_one_name_are_two_raters(run: Path, tmp_path: Path) -> None:
    """Copies of a sample in two folders are told apart by their folders."""
    path, _ = draw(run, n=3, seed=0)
    files = []
    for name in ("ann", "bob"):
        (tmp_path / name).mkdir()
        files.append(fill(path, ["refuses"] * 3, tmp_path / name / path.name))
    receive(run, files)
    assert len({label.rater for label in stored(run)}) == 2


def test_every_complaint_names_file_and_row(run: Path, tmp_path: Path) -> None:
    """Unknown ids, repeated ids, other words and empty cells are reported and count as no label."""
    path, _ = draw(run, n=6, seed=0)
    head, *rows = parsed(path)
    ids = [row[0] for row in rows]
    file = tmp_path / "ann.csv"
    lines = [
        (ids[0], "Refuses "),
        ("r000000000000", "refuses"),
        (ids[1], "refusse"),
        (ids[2], ""),
        (ids[3], "partial"),
        (ids[3], "partial"),
        (ids[4], "partial"),
        (ids[4], "refuses"),
        ("", ""),
    ]
    file.write_text("\n".join(["id;label", *(";".join(line) for line in lines)]), encoding="utf-8")
    received = receive(run, [file])
    assert sorted(label.label for label in received.labels) == ["partial", "refuses"]
    assert received.unlabelled == 6
    starts = [
        f"{file}: row 3: unknown id",
        f"{file}: row 4: label 'refusse' (did you mean 'refuses'?)",
    ]
    starts += [f"{file}: row 7: ann labels this reply twice; counted once"]
    starts += [f"{file}: row 9: ann labels this reply twice; none counts"]
    starts += [f"{file}: 1 rows without a label"]
    assert len(received.complaints) == len(starts)
    for line, start in zip(received.complaints, starts, strict=True):
        assert line.startswith(start)
        assert "\n" not in line
    assert head[0] == "id"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", "no column 'id'"),
        (b"id,note\nx,y\n", "no column 'label'"),
        (b"id,label\n", "no rows"),
        (b"id,label\nr000000000000,refuses\n", "unknown id"),
        (b"id,label\n\xff\xfe,refuses\n", "not UTF-8"),
        (b'id,label\n"x"y,refuses\n', "not a CSV file"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(
    run: Path, tmp_path: Path, data: bytes, line: str
) -> None:
    """One line says what is wrong, and nothing is stored."""
    draw(run, n=6, seed=0)
    file = tmp_path / "file.csv"
    file.write_bytes(data)
    with pytest.raises(BadInput, match=line) as caught:
        receive(run, [file])
    assert "\n" not in str(caught.value)
    assert stored(run) == []
    with pytest.raises(BadInput, match="cannot be read"):
        receive(run, [tmp_path / "missing.csv"])


def test_a_sample_of_another_run_is_not_known(run: Path, tmp_path: Path) -> None:
    """Keys belong to a run; without one there is nothing to read."""
    with pytest.raises(BadInput, match="no sample was drawn"):
        receive(run, [tmp_path / "x.csv"])
    other = answered(tmp_path / "others", [known("refuses", 1)])
    path, _ = draw(other, n=1, seed=0)
    (run / "labels").mkdir()
    key = path.with_suffix(".json")
    (run / "labels" / key.name).write_bytes(
        json.dumps({**json.loads(key.read_bytes()), "run": "another"}).encode()
    )
    with pytest.raises(BadInput, match="no sample was drawn"):
        receive(run, [path])


def test_awkward_replies_survive(tmp_path: Path) -> None:
    """Formulas, line ends, quotes, NULs and 200 kB come back as they were, and no cell is a formula."""
    run = answered(tmp_path, [Said(reply=text, request=f"r {i}") for i, text in enumerate(AWKWARD)])
    path, _ = draw(run, n=99, seed=0)
    rows = list(parsed(path))[1:]
    assert {row[1]: row[2] for row in rows} == {
        f"r {i}": text.strip() for i, text in enumerate(AWKWARD)
    }
    csv.field_size_limit(300_000)
    with path.open(encoding="utf-8-sig", newline="") as file:
        raw = [cell for row in csv.reader(file) for cell in row]
    csv.field_size_limit(131_072)
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in raw)
    assert (
        len(receive(run, [fill(path, ["refuses"] * len(AWKWARD), tmp_path / "a.csv")]).labels) == 12
    )


@given(st.lists(st.lists(st.text(st.characters()), min_size=2, max_size=2), max_size=5))
def test_any_cell_survives(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    """Whatever is in a cell, half surrogates included, comes back."""
    path = tmp_path_factory.mktemp("cells") / "cells.csv"
    path.write_bytes(table(("a", "b"), rows))
    assert list(parsed(path)) == [["a", "b"], *rows]


def test_half_surrogates_survive(tmp_path: Path) -> None:
    """Half a surrogate pair comes back, and the limit on the size of cells is as it was."""
    before = csv.field_size_limit()
    path = tmp_path / "cells.csv"
    path.write_bytes(table(("a",), [["\ud800 x"], ["\udfff"]]))
    assert list(parsed(path))[1:] == [["\ud800 x"], ["\udfff"]]
    assert csv.field_size_limit() == before


def test_most_raters_decide_and_ties_are_left_out() -> None:
    """Two of three decide; one against one, and three for three classes, decide nothing."""

    def votes(position: int, *classes: str) -> list[Label]:
        return [
            Label(place=(position, 0), rater=f"r{i}", label=name)  # type: ignore[arg-type]
            for i, name in enumerate(classes)
        ]

    said = [
        *votes(0, "refuses", "refuses", "complies"),
        *votes(1, "refuses", "complies"),
        *votes(2, "refuses", "complies", "partial"),
        *votes(3, "partial"),
    ]
    assert majority(said) == ({(0, 0): "refuses", (3, 0): "partial"}, 2)


def test_raters_and_classifiers_are_compared(run: Path, tmp_path: Path) -> None:
    """Kappa of two raters, alpha of three; classifiers are measured on what most people said."""
    path, _ = draw(run, n=36, seed=0)
    said = truth(run, path)
    api.judge(run, model="reference/judge")
    one = api.read_labels(run, [fill(path, said, tmp_path / "ann.csv")])
    assert one.agreement is None
    assert one.raters == ("ann",)
    rules, judge = one.qualities
    assert judge.source == rules.source == "labels of this run"
    assert judge.labelled == 36
    assert judge.sensitivity is not None
    assert judge.with_people is not None
    assert judge.sensitivity.value == judge.with_people.value == 1.0
    two = api.read_labels(run, [fill(path, [said[0], *said[:-1]], tmp_path / "bob.csv")])
    assert two.agreement is not None
    assert two.agreement.method.startswith("Cohen's kappa")
    assert two.ties == sum(a != b for a, b in zip(said, [said[0], *said[:-1]], strict=True)) > 0
    assert two.qualities[0].labelled == 36 - two.ties
    three = api.read_labels(run, [fill(path, said, tmp_path / "cid.csv")])
    assert three.agreement is not None
    assert three.agreement.method.startswith("Krippendorff's alpha")
    assert three.ties == 0


def test_raters_who_see_one_class_alone_have_no_kappa(run: Path, tmp_path: Path) -> None:
    """Agreement beyond chance is not defined where there is one class, and nothing fails."""
    path, _ = draw(run, n=5, seed=0)
    files = [fill(path, ["refuses"] * 5, tmp_path / f"{name}.csv") for name in ("ann", "bob")]
    found = api.read_labels(run, files)
    assert found.agreement is None
    assert found.replies == 5
    assert found.qualities[0].specificity is None
