"""Scorers that go along with exports: copies that need nothing and score the same."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from tests.suites.exports.answering import STYLES

from modelmetry.errors import BadInput
from modelmetry.items import Target, installed, load
from modelmetry.models import Response
from modelmetry.scoring import score
from modelmetry.suites.exports import scorers
from modelmetry.suites.exports.scorers import write_scorers

NAMES = [name for name in installed("scorers") if name != "recorded"]

TARGETS = [
    {"answers": ["16", "sixteen"], "domain": [0, 99]},
    {"answers": ["16"], "tolerance": 1.0},
    {"answers": ["3/4"], "interval": [0.7, 0.8], "tolerance": 0.01},
    {"answers": ["Monday"], "choices": ["Sunday", "Monday", "Tuesday"]},
    {"answers": ["complies"], "choices": ["complies", "partial", "refuses"]},
]
NEAR = "16.5"
FINISHES = [("stop", None), ("length", None), ("filter", None), ("error", "it broke")]

_ALONE = """
import json, sys
sys.path.insert(0, sys.argv[1])
score = __import__(sys.argv[2]).score
found = []
for name, target, text, (finish, error) in json.load(sys.stdin):
    one = score(name, target, text, finish, error)
    found.append([one.value, one.outcome, one.reason, one.answer])
assert not any(module.startswith("modelmetry") for module in sys.modules)
json.dump(found, sys.stdout)
"""


def cases() -> list[tuple[str, dict[str, Any], str, tuple[str, str | None]]]:
    """Every scorer with every target, reply and ending."""
    found = []
    for name, given, style, finish in product(NAMES, TARGETS, (*STYLES, NEAR), FINISHES):
        target = {"interval": None, "choices": [], "domain": None, "tolerance": 0.0} | given
        other = (target["choices"] or ["4711"])[0]
        found.append((name, target, style.format(right=target["answers"][0], other=other), finish))
    return found


def test_copies_score_as_the_originals_without_any_package(tmp_path: Path) -> None:
    """In a Python without site-packages: value, outcome, reason and answer of every case."""
    package = write_scorers(tmp_path, NAMES)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _ALONE, str(tmp_path), package],
        input=json.dumps(cases()),
        capture_output=True,
        text=True,
        check=True,
    )
    expected = []
    for name, target, text, (finish, error) in cases():
        right = Target(
            answers=tuple(target["answers"]),
            interval=target["interval"] and tuple(target["interval"]),
            choices=tuple(target["choices"]),
            domain=target["domain"] and tuple(target["domain"]),
            tolerance=target["tolerance"],
        )
        response = Response(request_key="", text=text, finish=finish, error=error)  # pyright: ignore[reportArgumentType]
        one = score(load("scorers", name), right, response)
        expected.append([one.value, one.outcome, one.reason, one.answer])
    assert json.loads(done.stdout) == expected
    assert {row[0] for row in expected} == {0.0, 1.0, None}
    assert len({row[1] for row in expected}) == 5


def test_only_imports_are_changed(tmp_path: Path) -> None:
    """Whatever else stands in a copied module stands in the original, line by line."""
    package = write_scorers(tmp_path, NAMES)
    copied = 0
    for path in (tmp_path / package).iterdir():
        home = "personas" if path.stem == "verdicts" else "scoring"
        spec = importlib.util.find_spec(f"modelmetry.{home}.{path.stem}")
        if path.stem in ("__init__", "vocabulary") or spec is None or spec.origin is None:
            continue
        copied += 1
        pairs = zip(
            path.read_text().splitlines(),
            Path(spec.origin).read_text().splitlines(),
            strict=True,
        )
        changed = [(mine, theirs) for mine, theirs in pairs if mine != theirs]
        assert all(mine.startswith("from .") for mine, _ in changed)
        assert all(theirs.startswith("from modelmetry.") for _, theirs in changed)
    assert copied > 10


def test_a_copy_is_named_by_what_it_holds(tmp_path: Path) -> None:
    """The same scorers have the same name; others have another, so both can be imported at once."""
    names = []
    for number, chosen in enumerate((["number"], ["number", "number"], ["choice"])):
        (tmp_path / str(number)).mkdir()
        names.append(write_scorers(tmp_path / str(number), chosen))
    assert names[0] == names[1] != names[2]
    assert not (tmp_path / "0" / names[0] / "choice.py").exists()


def test_other_peoples_scorers_do_not_go_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their package may need anything, so one line says so; nothing is written."""
    found = [EntryPoint(name="theirs", value="theirs.scoring:f", group="modelmetry.scorers")]
    monkeypatch.setattr(scorers, "entry_points", lambda **_: found)
    with pytest.raises(BadInput, match="scorer theirs: is of the package theirs, which cannot go"):
        write_scorers(tmp_path, ["theirs"])
    assert not list(tmp_path.iterdir())


def test_what_takes_more_does_not_go_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scorer that reads more of modelmetry than a target and a text is refused by name."""
    judge = EntryPoint(name="j", value="modelmetry.scoring.judging:f", group="modelmetry.scorers")
    monkeypatch.setattr(scorers, "entry_points", lambda **_: [judge])
    with pytest.raises(BadInput, match=r"modelmetry\.scoring\.judging: takes .*cannot go along"):
        write_scorers(tmp_path, ["j"])
