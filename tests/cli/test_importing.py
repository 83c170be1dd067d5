"""`modelmetry import` as a user meets it."""

from __future__ import annotations

from pathlib import Path

from tests.cli.test_commands import modelmetry
from tests.imported_logs import REAL, inspect_log, results, sample, write_json


def test_a_log_becomes_a_run(tmp_path: Path) -> None:
    """The table shows both sides' numbers, the last line is the folder; a second time it is there."""
    done = modelmetry("import", str(REAL), "--metric", "match", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "0.5000       0.2236       0.5000      0.2236" in done.stdout
    folder = done.stdout.splitlines()[-1]
    assert (tmp_path / folder / "report.html").is_file()
    again = modelmetry("import", str(REAL), cwd=tmp_path, MODELMETRY_METRIC="match")
    assert again.stdout.splitlines()[-1] == f"{folder} (imported before)"


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    """What, where and what is allowed, and exit code 2."""
    write_json(tmp_path / "log.json", inspect_log([sample(0, 7)]))
    for words, said in {
        ("nowhere",): "nowhere: no such file or folder; allowed: logs of inspect_ai",
        (".",): "match is 7; allowed: 0 to 1, or another --scale LOW,HIGH, such as 1,10",
        ("log.json", "--metric", "mach"): "metric 'mach' (did you mean 'match'?); allowed: match",
        ("log.json", "--scale", "1-10"): "'1-10'; allowed: two numbers, such as 1,10",
        ("log.json", "--scale", "10"): "scale: 10,nan; allowed: two numbers",
        (
            "log.json",
            "--scale",
            "1,10",
            "--cluster",
            "p",
        ): "sample 0 has no 'p'; allowed: leave it out",
    }.items():
        done = modelmetry("import", *words, cwd=tmp_path)
        assert done.returncode == 2, (words, done.stdout, done.stderr)
        (line,) = done.stderr.splitlines()
        assert said in line


def test_differences_are_noted(tmp_path: Path) -> None:
    """Where the log's own mean is another, a note says why."""
    log = inspect_log(
        [sample(0, 10), sample(1, error={"message": "x"})], results=results("match", 5.0, 1.0)
    )
    write_json(tmp_path / "log.json", log)
    done = modelmetry("import", "log.json", "--scale", "0,10", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "note: log.json: the means differ: the log counts what failed" in done.stdout
    assert "1.0000            -       0.5000      0.1000         1          1" in done.stdout
