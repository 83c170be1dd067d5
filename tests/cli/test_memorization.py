"""The command `modelmetry memorization`: its tables, its axis, its single lines."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.reports.memorization.folders import answered
from tests.reports.memorization.studies import memorization_study, task_study

from modelmetry.cli.main import main
from modelmetry.cli.memorization_tables import show


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs lie."""
    return tmp_path_factory.mktemp("memorization")


def told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, str, str]:
    """Exit code, output and errors of a command line."""
    monkeypatch.setattr(sys, "argv", ["modelmetry", "memorization", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_the_tables_hold_the_numbers_of_the_study(capsys: pytest.CaptureFixture[str]) -> None:
    """Rates with intervals, what is owed, shares, copies, exposure, gains and features."""
    show("small", memorization_study())
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "all 41.0 35.0 to 47.0 21.0 15.0 to 27.0 +20.0 +15.0 to +25.0 0.0010" in lines
    assert any(
        line.startswith("recollection 15.0 9.0 to 21.0 0.0 0.0 to 6.0 +15.0") for line in lines
    )
    assert "recitation 60.0 54.0 to 66.0" in lines
    assert "all 7 5.3 to 9.2" in lines
    assert any(line.startswith("repeating - - at all numbers of copies") for line in lines)
    assert "64 copies 4.77 4.37 to 5.17 5.17 0.0020" in lines
    assert any(line.startswith("1 copy 1.20") for line in lines)
    assert "ROC AUC taxonomic - generic 0.910 - 0.880 +0.030 +0.010 to +0.050 0.010" in lines
    features = [line for line in lines if line.startswith(("log(1", "code len", "rarest"))]
    assert features[0] == "log(1 + duplicates) 0.900 0.86 to 0.94 0.0010"
    assert lines.count("note: the model counts other tokens than the corpus") == 1


def test_features_that_are_not_shown_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Twelve of sixteen stand in the terminal, which says so; of three nothing is left out."""
    show("small", memorization_study())
    assert "features that tell most" not in capsys.readouterr().out
    task = task_study()
    first = task.dependence[0]
    many = tuple(replace(first, feature=f"feature {i}") for i in range(16))
    show("small", memorization_study(replace(task, dependence=many)))
    out = capsys.readouterr().out
    assert "the 12 of 16 features that tell most; the report has all of them" in out
    assert sum(line.startswith(" feature ") for line in out.splitlines()) == 12 + 1
    assert "p, Holm" in out


def test_the_terminal_counts_copies(capsys: pytest.CaptureFixture[str]) -> None:
    """Warnings and groups say copies, as the report does; large numbers have no exponent."""
    task = task_study()
    half, none = task.halfway
    far = replace(half.duplicates, value=1316.0, low=1200.0, high=None)
    told = ("half may be reached with fewer than 1 duplicates",)
    halfway = (replace(half, duplicates=far, warnings=told), none)
    warned = replace(task, halfway=halfway, warnings=("duplicates were counted elsewhere",))
    show("small", memorization_study(warned))
    out = capsys.readouterr().out
    assert "all 1,320 above 1,200 half may be reached with fewer than 1 copy" in " ".join(
        out.split()
    )
    assert "note: copies were counted elsewhere" in out
    features = out.index(" feature ")
    assert "duplicates" not in out[:features]


def test_a_run_is_read_and_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a folder to tables; a run of text alone says what needs log-probabilities."""
    code, out, _ = told(monkeypatch, capsys, answered(folder, 16))
    assert code == 0
    assert "recitation: more than 5 copies" in out
    assert "--logprobs target" in out
    assert "no predictive models: 9 of 21 planted sequences were extracted" in out
    assert "wording half 42.9" in " ".join(out.split())
    (line,) = [line.split() for line in out.splitlines() if line.split()[:2] == ["wording", "half"]]
    assert line[6] == "0.0"
    (line,) = [line.split() for line in out.splitlines() if line.split()[:1] == ["all"]][:1]
    assert line[:2] == ["all", "42.9"]


def test_several_runs_show_growth(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rates and shares of every run along the axis, then the last less the first."""
    both = [answered(folder, copies, weights=w) for copies, w in ((64, 1000), (16, 4000))]
    code, out, _ = told(monkeypatch, capsys, *both, "--along", "steps", "--at", "1e2,2e2")
    assert code == 0
    assert "along training steps" in out
    growth = [" ".join(line.split()) for line in out[out.index("along training") :].splitlines()]
    assert any(line.startswith("all rate +28.6 ") for line in growth)
    assert all(len(line) <= 100 for line in out[out.index("along training") :].splitlines())
    assert [line[:7] for line in growth if line.split()[1:2] == ["reference/oracle"]] == [
        *("100 ref", "200 ref"),
    ]
    assert any(line.startswith("200 42.9 (") for line in growth)
    assert sum(line.startswith(("100 14.3", "200 42.9")) for line in growth) == 2
    (shares,) = [i for i, line in enumerate(growth) if "share of it, %" in line]
    assert [growth[shares + i].split()[:2] for i in (2, 3)] == [["100", "100.0"], ["200", "100.0"]]


def test_what_is_wrong_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers that are none, and runs whose places are not known, end with code 2."""
    runs = [answered(folder, 32), answered(folder, 8)]
    for arguments, line in (
        (("--at", "1,two"), "'1,two'; allowed: numbers with commas between"),
        ((), "the number of weights is not known of every run"),
        (("--along", "steps"), "stated with --at"),
    ):
        code, out, errors = told(monkeypatch, capsys, *runs, *arguments)
        assert (code, out) == (2, "")
        assert line in errors
        assert errors.count("\n") == 1


def test_a_report_takes_the_same_axis(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`report --along steps --at` is parsed as here, with the same lines for what is wrong."""
    both = [str(answered(folder, copies)) for copies in (64, 16)]
    out = folder / "steps"

    def report(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["modelmetry", "report", *both, *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr().err

    for arguments in (("--at", "1,two"), ("--along", "steps"), ("--at", "1,1"), ("--at", "1")):
        wrong = report(*arguments)
        code, _, errors = told(monkeypatch, capsys, *both, *arguments)
        assert wrong == (code, errors)
        assert code == 2
    assert report("--along", "steps", "--at", "1e2,2e2", "--out", str(out)) == (0, "")
    assert "along training steps" in (out / "report.md").read_text("utf-8")


def test_a_run_says_how_to_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a run of such a suite the terminal names the command, which reads it."""
    answered(folder, 4)  # writes the suite
    options = ["--model", "reference/chance", "--limit", "3", "--log-dir", str(folder / "asked")]
    monkeypatch.setattr(sys, "argv", ["modelmetry", "run", str(folder / "continue.yaml"), *options])
    with pytest.raises(SystemExit):
        main()
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "what is memorized" in line]
    code, out, _ = told(monkeypatch, capsys, line.split()[-1])
    assert code == 0
    assert out.startswith("reference/chance memorization: 6 sequences")
