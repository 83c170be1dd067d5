"""The leaderboard files."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.leaderboards.boards import FORMULA, entry, night

from modelmetry.errors import BadInput
from modelmetry.leaderboards import COLUMNS, entries_of, read, update
from modelmetry.leaderboards.ranks import ranked
from modelmetry.leaderboards.store import data_file, dumped


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


TEXTS = st.text(alphabet=st.sampled_from("=+-@'\t\r\n ,\"ab1"), max_size=5)


@settings(deadline=None, max_examples=30)
@given(model=TEXTS, revision=TEXTS, judge=TEXTS, cost=st.floats(-9, 9))
def test_any_text_reads_back_as_it_was(model, revision, judge, cost, tmp_path_factory):
    """Formulas, quotes and line ends come back; numbers stay numbers, negative ones too."""
    path = tmp_path_factory.mktemp("texts") / "sums.csv"
    cost = float(f"{cost:.6g}")
    written = entry(model, 0.5, model_revision=revision, judge=judge, cost_usd=cost)
    update(path, [written])
    update(path, [entry("other", 0.4, seed_commitment="another board")])
    (found,) = (e for e in read(path) if e.run_digest == written.run_digest)
    assert replace(found, rank=0, rank_low=0, rank_high=0, tie_group=0) == written


def test_formulas_are_defused_in_the_file_and_negative_numbers_are_not(tmp_path):
    """The cell begins with an apostrophe; a negative number with its sign."""
    path = tmp_path / "sums.csv"
    update(path, [entry(FORMULA, 0.5, cost_usd=-1.5)])
    line = path.read_text(encoding="utf-8").splitlines()[1]
    assert "'=HYPERLINK" in line
    assert ",-1.5," in line


def test_boards_without_new_entries_keep_their_bytes(tmp_path):
    """An update ranks what it touches; a rank that stands elsewhere stays, even a strange one."""
    path = tmp_path / "sums.csv"
    update(path, night(0, [("a", 0.5), ("b", 0.4)]))
    strange = path.read_text(encoding="utf-8").replace("\n1,1,1,1,a", "\n7,1,9,1,a")
    path.write_text(strange, encoding="utf-8")
    touched = update(path, night(1, [("a", 0.6)]))
    assert {e.date for e in touched} == {"2026-01-02"}
    lines = path.read_text(encoding="utf-8").splitlines()
    assert set(strange.splitlines()) < set(lines)
    assert len(lines) == 4


def test_two_updates_at_once_lose_nothing(tmp_path):
    """Each waits for the other: both nights are there."""
    path = tmp_path / "sums.csv"
    start = threading.Barrier(8)

    def add(number):
        start.wait()
        update(path, night(number, [("a", 0.5), ("b", 0.4)]))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read(path)) == 16


def test_a_dry_run_ranks_and_writes_nothing(tmp_path):
    """The file is not even made."""
    path = tmp_path / "data" / "sums.csv"
    (found,) = update(path, [entry("a", 0.5)], dry_run=True)
    assert found.rank == 1
    assert not path.parent.exists()


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a b", "x\0"])
def test_a_suite_cannot_lie_outside_the_folder(name, tmp_path):
    """A run's record may come from anybody."""
    with pytest.raises(BadInput, match="not a name"):
        data_file(tmp_path, name)
    assert data_file(tmp_path, "clevr-hope").name == "clevr-hope.csv"
