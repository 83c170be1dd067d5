"""Wrong names: one line that names the nearest right one, everywhere that takes a name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from modelmetry import api
from modelmetry.analyses.stopping import parse
from modelmetry.cli.main import main
from modelmetry.errors import BadInput, nearest, offered
from modelmetry.items import load
from modelmetry.models import resolve
from modelmetry.suites import read

SUITE = """# Does it add?
version: 1
tasks:
  sums:
    generator: addition
    scorer: number
    splits: {held-out: 5}
    prompts:
      one: {template: addition/plain}
      two: {template: addition/words}
"""


def _suite(folder: Path, old: str = "", new: str = "") -> Path:
    path = folder / "sums.yaml"
    assert old in SUITE
    path.write_text(SUITE.replace(old, new, 1) if old else SUITE)
    return path


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("adition", ("addition", "calendar"), " (did you mean 'addition'?)"),
        ("HELD_OUT", ("held-out", "carry"), " (did you mean 'held-out'?)"),
        ("cary", ("addition/held-out", "addition/carry"), " (did you mean 'addition/carry'?)"),
        ("max_token", ("max_tokens", "seed"), " (did you mean 'max_tokens'?)"),
        ("a_b_c_d", ("a-b-c-d", "a"), " (did you mean 'a-b-c-d'?)"),
        ("zebra", ("addition", "calendar"), ""),
        ("", ("addition",), ""),
        ("addition", (), ""),
        (3, ("addition",), ""),
    ],
)
def test_the_nearest_name(name: object, known: tuple[str, ...], hint: str) -> None:
    """Case, dashes and the part before a slash do not count; where nothing is near nothing is said."""
    assert nearest(name, known) == hint
    assert offered(name, known) == f"{hint}; allowed: {', '.join(known)}"


PLACES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "suite": (lambda _: read("quickstrat"), "unknown suite 'quickstrat' (did you mean 'quickstart'?); allowed: addition, "),
    "generator": (lambda _: load("generators", "calender"), "'calender' (did you mean 'calendar'?); installed: "),
    "scorer": (lambda _: load("scorers", "nmber"), "'nmber' (did you mean 'number'?); installed: "),
    "provider": (lambda _: resolve("openia/x"), "'openia' (did you mean 'openai'?); installed: "),
    "spec without a name": (lambda _: resolve("opanai"), "'opanai' (did you mean 'openai'?); allowed: <provider>"),
    "reference": (lambda _: resolve("reference/orakle"), "'orakle' (did you mean 'oracle'?); allowed: "),
    "-M": (lambda _: resolve("vllm/m", options={"timeout": "3"}), "'timeout' (did you mean 'timeout_s'?); allowed: "),
    "-T": (lambda _: read("addition", {"digit": "2"}), "'digit' (did you mean 'digits'?); allowed: "),
    "--split": (lambda _: api.preview("quickstart", split="cary"), "'cary' (did you mean 'addition/carry'?); allowed: "),
    "split of a generator": (lambda _: load("generators", "addition")().count("cary"), "'cary' (did you mean 'carry'?); allowed: "),
    "key of a suite": (lambda d: read(_suite(d, "scorer:", "scorers:")), "tasks.sums.scorers: unknown key (did you mean 'scorer'?); allowed: "),
    "split of a suite": (lambda d: read(_suite(d, "held-out:", "heldout:")), "heldout: unknown key (did you mean 'held-out'?); allowed: "),
    "option of a suite": (lambda d: read(_suite(d, "    scorer:", "    options: {longst: 5}\n    scorer:")), "'longst' (did you mean 'longest'?); allowed: "),
    "primary": (lambda d: read(_suite(d, "version: 1", "version: 1\nprimary: [held_out]")), "'held_out' (did you mean 'held-out'?); allowed: "),
    "format": (lambda d: read(_suite(d, "addition/plain", "addition/plain, format: chta")), "'chta' (did you mean 'chat'?); allowed: "),
    "letter of --until": (lambda _: parse("a>B", ["vllm/m", "vllm/n"]), "'a' (did you mean 'A'?); allowed: A (vllm/m), B (vllm/n), one"),
    "model of --until": (lambda _: parse("A>openai/gtp-4o", ["vllm/m", "openai/gpt-4o"]), "'openai/gtp-4o' (did you mean 'openai/gpt-4o'?); allowed: "),
    "export": (lambda d: api.export("quickstart", to=cast("Any", "inspct"), out=d), "'inspct' (did you mean 'inspect'?); allowed: "),
    "split of an export": (lambda d: api.export("addition", to="chat", out=d / "x", split="cary"), "'cary' (did you mean 'carry'?); allowed: "),
    "wording of an export": (lambda d: api.export("addition", to="chat", out=d / "x", wordings=["plan"]), "'plan' (did you mean 'addition/plain'?); allowed: "),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_every_place_names_the_nearest(place: str, tmp_path: Path) -> None:
    """The line has the hint beside all that is allowed, and is one line."""
    call, said = PLACES[place]
    with pytest.raises(BadInput) as refused:
        call(tmp_path)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("rnu quickstart", "no modelmetry command 'rnu' (did you mean 'run'?); allowed: "),
        ("leaderboard updte", "no modelmetry leaderboard command 'updte' (did you mean 'update'?)"),
        ("run quickstart --limt 3", "run: no option '--limt' (did you mean '--limit'?); see modelmetry run --help"),
        ("run quickstart --zzzzzzz", "run: no option '--zzzzzzz'; see modelmetry run --help"),
        ("run quickstart -q", "run: no option '-q'; allowed: -"),
        ("list suits", "list: kind 'suits' (did you mean 'suites'?); allowed: suites, generators"),
        ("run x --logprobs targt", "run: --logprobs 'targt' (did you mean 'target'?); allowed: none, answer, target"),
        ("completion bsh", "completion: shell 'bsh' (did you mean 'bash'?); allowed: bash, zsh, fish"),
        ("qqqqqqqq", "no modelmetry command 'qqqqqqqq'; allowed: "),
    ],
)  # fmt: skip
def test_commands_and_options(
    line: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Commands, options and choices are answered like all other names, with exit code 2."""
    monkeypatch.setattr(sys, "argv", ["modelmetry", *line.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert said in told
    assert told.count("\n") == 1
