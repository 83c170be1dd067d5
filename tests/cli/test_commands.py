"""The command line as a user meets it: real processes, real signals, exit codes and single lines."""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import pty
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

import pytest

from modelmetry.cli.main import main

ROOT = Path(__file__).parents[2]
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("OPENAI", "AZURE", "VLLM", "MODELMETRY"))
}


# Processes of their own, forked from one that has imported already what all of them need.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["pytest", "pandas", "pyarrow.parquet", "scipy.stats", "modelmetry.api", "modelmetry.reports"]
)


def modelmetry(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        given = (arguments, cwd, environment, DupFd(out.fileno()), DupFd(errors.fileno()))
        process = PROCESSES.Process(target=command, args=given)
        process.start()
        process.join(timeout=120)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"modelmetry {' '.join(arguments)}")
        said = []
        for file in (out, errors):
            file.seek(0)
            said.append(file.read().decode())
        return subprocess.CompletedProcess(arguments, process.exitcode, *said)


def command(
    arguments: tuple[str, ...], cwd: Path, environment: dict[str, str], out: Any, errors: Any
) -> None:
    """What the shell does: the command line in a folder, with an environment, into two files."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update({**CLEAN, **environment})
    for stream, file in ((1, out), (2, errors)):
        os.dup2(file.detach(), stream)
    encoding = environment.get("PYTHONIOENCODING", "utf-8")
    sys.stdout = open(1, "w", encoding=encoding, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.argv = ["modelmetry", *arguments]
    main()


@pytest.fixture(scope="module")
def stub() -> Iterator[str]:
    """The base URL of a stub server that takes 20 ms an answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "benchmarks" / "stub_server.py"), str(port)],
        env={**CLEAN, "STUB_LATENCY_MS": "20"},
    )
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}/v1"
    server.terminate()
    server.wait()


def stub_run(base: str) -> list[str]:
    """Arguments of a run against the stub: 90 problems in several wordings."""
    return ["run", "addition", "--model", "openai-api/stub", "--model-base-url", base,
            "--limit", "30", "--max-connections", "4", "--log-dir", "runs"]  # fmt: skip


def stored(log_dir: Path) -> int:
    """Answers in the only run of a log folder."""
    paths = list(log_dir.glob("*/responses.db"))
    if not paths:
        return 0
    with sqlite3.connect(paths[0]) as database:
        count = database.execute("SELECT COUNT(*) FROM responses").fetchone()[0]
    database.close()
    return count


def start(base: str, cwd: Path) -> subprocess.Popen[str]:
    """Start a run and wait until it has some answers, but not all."""
    process = subprocess.Popen(
        [sys.executable, "-m", "modelmetry.cli", *stub_run(base)],
        cwd=cwd,
        env=CLEAN,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(1200):
        try:
            if stored(cwd / "runs") >= 20:
                break
        except sqlite3.Error:
            pass
        time.sleep(0.05)
    assert process.poll() is None
    return process


def scores(log_dir: Path) -> str:
    """Hash of the only run's scores.parquet."""
    (path,) = log_dir.glob("*/scores.parquet")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_kill_9_loses_nothing_and_resuming_gives_the_same_bytes(stub: str, tmp_path: Path) -> None:
    """A run killed in the middle and resumed writes the same scores.parquet as one left alone."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    assert modelmetry(*stub_run(stub), cwd=whole).returncode == 0
    process = start(stub, killed)
    process.kill()
    process.communicate()
    before = stored(killed / "runs")
    assert before >= 20
    done = modelmetry(*stub_run(stub), "--resume", cwd=killed)
    assert done.returncode == 0, done.stderr
    assert len(list((killed / "runs").iterdir())) == 1
    assert stored(killed / "runs") == stored(whole / "runs") > before
    assert scores(killed / "runs") == scores(whole / "runs")


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(stub: str, tmp_path: Path) -> None:
    """Ctrl-C ends with 130, keeps every answer, and names the command that goes on."""
    process = start(stub, tmp_path)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    (folder,) = (tmp_path / "runs").iterdir()
    assert f"modelmetry run runs/{folder.name}" in errors
    done = modelmetry("run", f"runs/{folder.name}", "--model-base-url", stub, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_default_run_needs_no_model(tmp_path: Path) -> None:
    """`run quickstart` takes the check standard and writes a report."""
    done = modelmetry("run", "quickstart", "--limit", "3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    names = {path.name for path in folder.iterdir()}
    assert {
        "run.json",
        "responses.db",
        "scores.parquet",
        "estimates.csv",
        "report.html",
        "report.md",
    } <= names
    assert "check-standard" in done.stdout


def test_an_edition_is_made_checked_and_run(tmp_path: Path) -> None:
    """`generate` writes an edition that `run` asks; a changed byte is refused with exit 2."""
    made = modelmetry("generate", "addition", "--seed", "5", "--limit", "3", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    edition = tmp_path / made.stdout.strip()
    asked = modelmetry("run", str(edition), "--model", "reference/oracle", cwd=tmp_path)
    assert asked.returncode == 0, asked.stderr
    file = next(edition.rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    refused = modelmetry("run", str(edition), "--model", "reference/oracle", cwd=tmp_path)
    assert refused.returncode == 2
    assert f"{file.name}: was changed" in refused.stderr


def test_runs_are_compared_scored_again_and_put_on_the_board(tmp_path: Path) -> None:
    """compare, report, score and leaderboard update work on runs of two models."""
    done = modelmetry(
        "run", "addition", "--limit", "12", "--model", "reference/oracle", "--model",
        "reference/chance", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folders = sorted(str(path) for path in (tmp_path / "runs").iterdir())
    compared = modelmetry(
        "compare", *folders, "--margin", "0.1", "--correction", "bh", cwd=tmp_path
    )
    assert compared.returncode == 0, compared.stderr
    assert "reference/oracle" in compared.stdout
    assert "p corrected by Benjamini-Hochberg" in compared.stdout
    assert "margin 0.1" in compared.stdout
    both = modelmetry("report", *folders, "--out", "both", cwd=tmp_path)
    assert both.returncode == 0, both.stderr
    assert (tmp_path / "both" / "report.html").is_file()
    again = modelmetry("score", folders[0], "--scorer", "exact", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    board = modelmetry("leaderboard", "update", *folders, "--data", "board", cwd=tmp_path)
    assert board.returncode == 0, board.stderr
    assert (tmp_path / "board" / "addition.csv").is_file()
    twice = modelmetry("leaderboard", "update", folders[0], "--data", "board", cwd=tmp_path)
    assert twice.returncode == 2


def unused() -> str:
    """A base URL at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"


BAD = [
    (["run", "quikstart"], 2, "quickstart"),
    (["run", "quickstart", "--model", "oracle"], 2, "provider"),
    (["run", "quickstart", "--model", "openi/gpt"], 2, "openai"),
    (["run", "quickstart", "--model", "reference/orakel"], 2, "oracle"),
    (["run", "quickstart", "--model", "reference/oracle", "-M", "abilty=1"], 2, "abilty"),
    (["run", "quickstart", "--model", "reference/oracle", "-M", "x"], 2, "key=value"),
    (["run", "quickstart", "--model", "openai/gpt-x"], 2, "OPENAI_API_KEY"),
    (["run", "quickstart", "--model", "vllm/x"], 2, "VLLM_BASE_URL"),
    (["run", "quickstart", "--model", "vllm/x", "--model-base-url", unused()], 3, "127.0.0.1"),
    (["run", "quickstart", "--limit", "0"], 2, "limit"),
    (["run", "quickstart", "--cost-limit", "1", "--model", "reference/oracle"], 2, "price_input"),
    (["run", "quickstart", "--model", "replay/nowhere"], 2, "nowhere"),
    (["preview", "quickstart", "--split", "nope"], 2, "addition/held-out"),
    (["report", "nowhere"], 2, "nowhere"),
    (["compare", "nowhere", "elsewhere"], 2, "nowhere"),
    (["score", "nowhere", "--scorer", "number"], 2, "nowhere"),
    (["verify", "nothing"], 2, "unknown suite"),
    (["frobnicate"], 2, "frobnicate"),
    (["run", "."], 2, "no run.json"),
    (["run", "addition", "--temperature", "nan", "--model", "reference/oracle"], 2, "temperature"),
    (["run", "addition", "--max-tokens", str(10**20), "--model", "reference/oracle"], 2, "2^31"),
    (
        [
            "run",
            "addition",
            "--model",
            "reference/oracle",
            "-M",
            "price_output=1",
            "--cost-limit",
            "nan",
        ],
        2,
        "cost-limit",
    ),
    (["run", "addition", "--model", "reference/oracle", "--model", "opnai/x"], 2, "opnai"),
]


@pytest.mark.parametrize(("arguments", "code", "word"), BAD)
def test_bad_input_is_one_line(arguments: list[str], code: int, word: str, tmp_path: Path) -> None:
    """The line says what is wrong or allowed, the exit code is right, and there is no traceback."""
    done = modelmetry(*arguments, cwd=tmp_path)
    complaint = [line for line in done.stderr.splitlines() if line.startswith("modelmetry: ")]
    assert done.returncode == code, done.stderr
    # A run that never could have begun leaves nothing behind.
    assert code == 3 or not list(tmp_path.glob("runs/*"))
    assert len(complaint) == 1
    assert word in complaint[0]
    assert "Traceback" not in done.stderr


def test_a_run_is_gone_on_with_as_it_was_started(tmp_path: Path) -> None:
    """A run's folder knows its model and options; settings that differ from its own are refused."""
    model = ("--model", "reference/simulated", "-M", "ability=3")
    done = modelmetry("run", "addition", "--limit", "2", *model, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    for same in ([], ["--limit", "2", "--seed", "0", "--temperature", "0"], ["--dry-run"]):
        again = modelmetry("run", str(folder), *same, cwd=tmp_path)
        assert again.returncode == 0, again.stderr
    assert "requests: 0" in again.stdout
    for other in (["--limit", "3"], ["--seed", "1"], ["--temperature", "1"], ["--epochs", "2"],
                  ["--max-tokens", "9"], ["--model", "reference/check-standard"],
                  ["-M", "ability=2"]):  # fmt: skip
        again = modelmetry("run", str(folder), *other, cwd=tmp_path)
        assert again.returncode == 2, other
        assert "Traceback" not in again.stderr
    more = ("--model", "reference/simulated", "-M", "ability=2", "--resume")
    done = modelmetry("run", "addition", "--limit", "2", *more, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_a_model_that_cannot_be_reached_does_not_stop_the_others(tmp_path: Path) -> None:
    """The others are asked, and the exit code is that of the one that was not."""
    url = unused()
    done = modelmetry(
        "run", "addition", "--limit", "2", "--model", "vllm/x", "--model", "reference/oracle",
        "--model-base-url", url, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 3
    assert "addition reference/oracle" in done.stdout
    complaints = [line for line in done.stderr.splitlines() if line.startswith("modelmetry: ")]
    assert len(complaints) == 1
    assert f"--model-base-url {url}" in done.stderr


def test_names_that_are_no_text_and_plain_terminals_work(tmp_path: Path) -> None:
    """A suite in a folder whose name is no UTF-8, printed to a terminal that knows only ASCII."""
    folder = tmp_path / os.fsdecode(b"s\xff")
    folder.mkdir()
    packaged = ROOT / "suites" / "modelmetry" / "suites"
    shutil.copy(packaged / "addition.yaml", folder / "own.yaml")
    done = modelmetry(
        "run", str(folder / "own.yaml"), "--limit", "1", "--model", "reference/oracle",
        cwd=tmp_path, PYTHONIOENCODING="ascii",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = modelmetry("preview", str(folder / "own.yaml"), cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert shown.returncode == 0, shown.stderr


def test_an_unwritable_folder_is_one_line(tmp_path: Path) -> None:
    """A log folder that is a file is refused by name."""
    (tmp_path / "runs").write_text("")
    done = modelmetry("run", "quickstart", "--model", "reference/oracle", cwd=tmp_path)
    assert done.returncode == 2
    assert "runs: cannot be written: Not a directory" in done.stderr


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    """On a full device the run ends with exit 1 and one line, and what was stored can be read."""
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    done = modelmetry(
        "run", "addition", "--limit", "2", "--model", "reference/oracle", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "estimates.csv").symlink_to("/dev/full")
    (tmp_path / "out" / "report.html").symlink_to("/dev/full")
    (tmp_path / "out" / "scores.parquet").symlink_to("/dev/full")
    full = modelmetry("report", str(folder), "--out", "out", cwd=tmp_path)
    assert full.returncode == 1
    assert "No space left" in full.stderr
    assert "Traceback" not in full.stderr


def test_environment_variables_are_flags(tmp_path: Path) -> None:
    """Every flag can come from MODELMETRY_<FLAG>."""
    done = modelmetry(
        "run", "addition", cwd=tmp_path, MODELMETRY_MODEL="reference/oracle", MODELMETRY_LIMIT="1",
        MODELMETRY_LOG_DIR="elsewhere",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1
    planned = modelmetry(
        "run", "addition", "--limit", "1", "--dry-run", "--model", "reference/oracle",
        cwd=tmp_path, MODELMETRY_MODEL_OPTIONS="price_input=1 price_output=2",
    )  # fmt: skip
    assert "cost in USD" in planned.stdout


def test_keys_are_never_stored(stub: str, tmp_path: Path) -> None:
    """The API key is in no file of the run."""
    secret = "sk-very-secret-0123456789"
    done = modelmetry(*stub_run(stub), "--limit", "2", cwd=tmp_path, OPENAI_API_KEY=secret)
    assert done.returncode == 0, done.stderr
    files = [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    assert files
    assert not any(secret.encode() in path.read_bytes() for path in files)
    assert secret not in done.stdout + done.stderr


def test_verify_passes_and_preview_shows_answers(tmp_path: Path) -> None:
    """verify ends with 0 on a sound suite; preview prints what is asked and what is right."""
    verified = modelmetry("verify", "greater-than", "--n", "50", "--out", "c.json", cwd=tmp_path)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert (tmp_path / "c.json").is_file()
    shown = modelmetry("preview", "addition", "--limit", "2", cwd=tmp_path)
    assert shown.returncode == 0
    assert "right:" in shown.stdout
    page = modelmetry("preview", "addition", "--html", "page.html", cwd=tmp_path)
    assert page.returncode == 0, page.stderr
    assert "<html" in (tmp_path / "page.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run", "greater-than", "--model", "reference/oracle", "--limit", "1"], "preparing"),
        (["verify", "greater-than", "--n", "20"], "verifying"),
        (["generate", "greater-than", "--seed", "1", "--limit", "1"], "verifying, then writing"),
        (["run", "greater-than", "--dry-run"], "counting"),
    ],
)
def test_a_terminal_says_what_takes_a_while(
    arguments: list[str], word: str, tmp_path: Path
) -> None:
    """Before there is a result, a terminal shows what is being done, and a file does not."""
    ours, theirs = pty.openpty()
    terminal = {**CLEAN, "TERM": "xterm", "COLUMNS": "100"}
    command = [sys.executable, "-m", "modelmetry.cli", *arguments]
    with subprocess.Popen(
        command, cwd=tmp_path, env=terminal, stdout=subprocess.DEVNULL, stderr=theirs
    ) as process:
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # the other end was closed: it is done
            while part := os.read(ours, 4096):
                said += part
    os.close(ours)
    assert process.returncode == 0, said.decode()
    assert word in said.decode()
    plain = modelmetry(*arguments, "--seed", "2", cwd=tmp_path)
    assert word not in plain.stderr + plain.stdout


@pytest.mark.parametrize("kind", ["suites", "generators", "models", "scorers"])
def test_list_names_what_is_installed(kind: str, tmp_path: Path) -> None:
    """`list` prints each name with a line about it."""
    done = modelmetry("list", kind, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    import json

    table = modelmetry("list", kind, cwd=tmp_path)
    rows = json.loads(done.stdout)
    assert len(table.stdout.splitlines()) == len(rows)
    assert len(rows) >= 3
    assert all(row["name"] and row["about"] for row in rows)


def test_a_suite_that_fails_its_verification_gives_no_edition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the two solvers disagree, `generate` writes nothing and says how to see why."""
    from modelmetry import api
    from modelmetry.algebra.addition import Addition
    from modelmetry.errors import ModelmetryError

    monkeypatch.setattr(Addition, "solve", lambda *_: "0")
    with pytest.raises(ModelmetryError, match="fails its verification"):
        api.generate("addition", seed=1, limit=2, out=tmp_path / "editions")
    assert not (tmp_path / "editions").exists()
