"""Completion as a shell asks for it: names, splits, runs; quickly, and in real shells."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import click.shell_completion
import pytest

from modelmetry import suites
from modelmetry.cli import completion
from modelmetry.cli.main import commands
from modelmetry.items import installed
from modelmetry.models import reference

HEAVY = ("numpy", "pandas", "pyarrow", "scipy", "yaml", "jinja2", "openai", "msgspec")
PROGRAM = shutil.which("modelmetry", path=f"{Path(sys.executable).parent}") or ""

# What a terminal would do: ask the function that the script defines, and print what it offers.
BASH = """
eval "$(modelmetry completion bash)"
COMP_WORDS=({words}); COMP_CWORD={place}
compopt() {{ echo compopt "$@"; }}
_modelmetry_completion modelmetry; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
FISH = "modelmetry completion fish | source; complete --do-complete '{line}'"
ZSH = """
autoload -Uz compinit; compinit -u -D
compadd() {{ print -rl -- "${{completions[@]}}"; }}; _describe() {{ print -rl -- "${{completions_with_descriptions[@]}}"; }}
eval "$(modelmetry completion zsh)"
words=({words}); CURRENT={place}
_modelmetry_completion
"""


def _environment(**more: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, **more}


def asked(line: str, cwd: Path) -> list[str]:
    """The same, within this process."""
    words = line.split(" ")
    completion.prepare(commands)
    here = Path.cwd()
    os.chdir(cwd)
    try:
        shell = click.shell_completion.BashComplete(
            commands, {}, completion.PROGRAM, completion.VARIABLE
        )
        return [str(item.value) for item in shell.get_completions(words[1:-1], words[-1])]
    finally:
        os.chdir(here)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two runs and an edition."""
    for name in ("runs/a-run", "runs/b-run", "editions/an-edition"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("runs/a-run/run.json", "runs/b-run/run.json", "editions/an-edition/edition.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "runs/not-a-run").mkdir()
    (tmp_path / "sums.yaml").write_text("tasks: {sums: {splits: {mine: 3, yours: 4}}}")
    return tmp_path


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("modelmetry ru", ["run"]),
        ("modelmetry run quick", ["quickstart"]),
        ("modelmetry run runs/a", ["runs/a-run"]),
        ("modelmetry run editions/", ["editions/an-edition"]),
        ("modelmetry verify guardrails-", ["guardrails-fans", "guardrails-screening"]),
        ("modelmetry run addition --model vl", ["vllm/"]),
        ("modelmetry run addition --model reference/o", ["reference/oracle"]),
        ("modelmetry run addition --model replay/runs/b", ["replay/runs/b-run"]),
        ("modelmetry preview addition --split c", ["carry"]),
        (
            "modelmetry preview quickstart --split calendar/",
            ["calendar/train", "calendar/held-out"],
        ),
        ("modelmetry preview sums.yaml --split ", ["mine", "yours"]),
        ("modelmetry score runs/a-run --scorer ex", ["exact"]),
        ("modelmetry compare runs/a-run runs/b", ["runs/b-run"]),
        ("modelmetry list su", ["suites"]),
        ("modelmetry run --max-t", ["--max-tokens"]),
        ("modelmetry completion z", ["zsh"]),
    ],
)
def test_what_is_installed_or_stored_is_offered(
    folder: Path, line: str, expected: list[str]
) -> None:
    """Suites, models, splits, scorers, runs and editions are completed where they belong."""
    assert asked(line, folder) == expected


def test_runs_are_the_newest_first_and_no_other_folders(folder: Path) -> None:
    """A folder without a record is no run; the one changed last stands first."""
    os.utime(folder / "runs/b-run", (1, 1))
    assert asked("modelmetry report ", folder) == ["runs/a-run", "runs/b-run"]


def test_where_nothing_is_known_files_are_left_to_the_shell(folder: Path) -> None:
    """A suite's own file, or a folder elsewhere, is completed by the shell."""
    completion.prepare(commands)
    shell = click.shell_completion.BashComplete(commands, {}, "modelmetry", "_")
    assert [item.type for item in shell.get_completions(["run"], "./su")] == ["file"]


def test_the_lists_kept_by_hand_are_those_of_the_package(tmp_path: Path) -> None:
    """Suites are found by their files and references by a list: both are what there is."""
    known = {*reference._KINDS, "check-standard"}
    assert {
        name.partition("/")[2] for name in asked("modelmetry run x --model reference/", tmp_path)
    } == known
    assert set(suites.names()) <= set(asked("modelmetry verify ", tmp_path))
    assert asked("modelmetry judge r --model ", tmp_path) == [f"{n}/" for n in installed("models")]


@pytest.mark.parametrize(
    "text", ["tasks: 3", "tasks: {a: 1}", "- x", "\x00", "tasks: {a: {splits: [1"]
)
def test_a_broken_suite_offers_no_splits_and_says_nothing(folder: Path, text: str) -> None:
    """A Tab on a file that is no suite is silent."""
    (folder / "sums.yaml").write_text(text)
    assert asked("modelmetry preview sums.yaml --split ", folder) in ([""], [])


def test_the_command_line_loads_nothing_heavy() -> None:
    """`--help` and Tab import none of the libraries that a measurement needs, so they answer at once."""
    code = "import sys, modelmetry.cli.main; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert {name.partition(".")[0] for name in loaded.stdout.split()} & set(HEAVY) == set()


def test_tab_and_help_are_quick() -> None:
    """The best of three of each takes less than 0.3 s of a processor, whatever else runs beside."""
    tab = {
        "_MODELMETRY_COMPLETE": "bash_complete",
        "COMP_WORDS": "modelmetry run q",
        "COMP_CWORD": "2",
    }
    for arguments, more in ((["--help"], {}), ([], tab)):
        taken = []
        for _ in range(3):
            before = _spent()
            subprocess.run(
                [PROGRAM, *arguments], env=_environment(**more), capture_output=True, check=False
            )
            taken.append(_spent() - before)
        assert min(taken) < 0.3, (arguments, taken)


def _spent() -> float:
    """Seconds of a processor that the processes started from here have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_in_a_real_shell(folder: Path, shell: str) -> None:
    """The printed script completes in the shell itself; a name that goes on gets no space in bash."""
    program = shutil.which(shell)
    if program is None and shell != "bash":
        pytest.skip(f"{shell} is not installed")
    line = "modelmetry run addition --model ref"
    words = line.split(" ")
    script = {
        "bash": BASH.format(words=line, place=len(words) - 1),
        "zsh": ZSH.format(words=line, place=len(words)),
        "fish": FISH.format(line=line),
    }[shell]
    flags = {"bash": ["--noprofile", "--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    done = subprocess.run(
        [program or shell, *flags, "-c", script],
        env=_environment(HOME=str(folder)),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "reference/" in done.stdout.split(), done.stderr
    assert shell != "bash" or "compopt -o nospace" in done.stdout
    assert shell == "fish" or "openai/" not in done.stdout
