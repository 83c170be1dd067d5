"""The leaderboard files."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelmetry.errors import BadInput
from modelmetry.leaderboards import COLUMNS, entries_of, read, update
from modelmetry.leaderboards.ranks import ranked
from modelmetry.leaderboards.store import dumped


@pytest.fixture(scope="module")
def runs(simulated, addition_suite):
    """Entries of a good and a poor model."""
    suite = addition_suite({"held-out": 40, "carry": 40})
    sections = [simulated(suite, model=m, ability=a) for m, a in (("a/good", 4.0), ("b/poor", 0.0))]
    return [entries_of(section.record, section.scores) for section in sections]


def test_entries_are_appended_and_ranked_anew(runs, tmp_path):
    """The poor model is first while alone and second once the good one is there."""
    path = tmp_path / "data" / "addition.csv"
    update(path, runs[1])
    assert {e.rank for e in read(path)} == {1}
    update(path, runs[0])
    found = {(e.split, e.model): e.rank for e in read(path)}
    assert found["held-out", "a/good"] == 1
    assert found["held-out", "b/poor"] == 2


def test_what_is_written_reads_back(runs, tmp_path):
    """The file holds what was ranked, to six digits."""
    path = tmp_path / "addition.csv"
    written = update(path, runs[0])
    assert [e.run_digest for e in read(path)] == [e.run_digest for e in written]
    assert [e.value for e in read(path)] == pytest.approx([e.value for e in written], rel=1e-5)
    assert path.read_text().splitlines()[0] == ",".join(COLUMNS)


def test_the_order_of_updates_does_not_matter(runs, tmp_path):
    """The same entries give the same bytes."""
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    update(one, runs[0])
    update(one, runs[1])
    update(other, [*runs[1], *runs[0]])
    assert one.read_bytes() == other.read_bytes()


def test_a_run_is_entered_once(runs, tmp_path):
    """The same answers again are refused, and the file stays as it was."""
    path = tmp_path / "addition.csv"
    update(path, runs[0])
    before = path.read_bytes()
    with pytest.raises(BadInput, match="already on this leaderboard"):
        update(path, runs[0])
    assert path.read_bytes() == before


def test_no_unfinished_file_is_left(runs, tmp_path):
    """Only the leaderboard itself is in the folder."""
    update(tmp_path / "addition.csv", runs[0])
    assert [path.name for path in tmp_path.iterdir()] == ["addition.csv"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rank,model\n1,x\n", "line 1: not the header"),
        (",".join(COLUMNS) + "\n1,2\n", "line 2: 2 cells; allowed: 28"),
        (
            ",".join(COLUMNS) + "\n" + ",".join(["x"] * 28) + "\n",
            "line 2: rank: 'x' is not a number",
        ),
        ("\udcff", "cannot be read"),
    ],
)
def test_a_damaged_file_is_named_with_its_line(text, says, runs, tmp_path):
    """What is wrong, where, and the file stays as it was."""
    path = tmp_path / "addition.csv"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    before = path.read_bytes()
    with pytest.raises(BadInput, match=says):
        update(path, runs[0])
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_one_clear_line(runs, tmp_path):
    """A file where the folder should be is named."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        update(tmp_path / "taken" / "addition.csv", runs[0])


def test_the_packaged_boards_are_as_the_code_would_write_them():
    """Every file in leaderboards/data reads, and ranking it anew changes no byte."""
    files = sorted((Path(__file__).parents[2] / "leaderboards" / "data").glob("*.csv"))
    assert files
    for path in files:
        assert dumped(ranked(read(path))) == path.read_text(encoding="utf-8")
