"""The command `plan`, as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from modelmetry import api
from modelmetry.api.planning import plan as make
from modelmetry.cli import planning as commands
from modelmetry.cli.main import commands as cli
from modelmetry.errors import BadInput


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Folders of small pilots: of two simulated models, of another suite, and of the oracle."""
    folder = tmp_path_factory.mktemp("runs")

    def asked(suite: str, model: str = "reference/simulated", **options: str) -> str:
        found = api.run(
            suite,
            model=model,
            model_options=options,
            limit=20,
            epochs=2,
            temperature=1.0,
            log_dir=folder,
        )
        return str(found.folder)

    return [
        asked("addition", ability="1", cluster_sd="1"),
        asked("addition", ability="0.4", cluster_sd="1", respondent="1"),
        asked("calendar"),
        asked("addition", model="reference/oracle"),
    ]


def shown(*arguments: str) -> str:
    """What the command prints."""
    done = CliRunner().invoke(cli, ["plan", *arguments])
    assert done.exit_code == 0, done.output + repr(done.exception)
    return done.output


def test_a_plan_without_a_pilot_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """The defaults are named, and one design is recommended."""
    commands.plan.main(["addition", "--effect", "0.05"], standalone_mode=False)
    text = capsys.readouterr().out
    assert "accuracy 0.5, correlation 0.3" in text
    assert "->" in text
    assert "power by effect" in text


def test_a_plan_from_two_pilots_is_written_as_json(runs: list[str], tmp_path: Path) -> None:
    """The file holds what the screen shows, and the money comes from the prices given."""
    out = tmp_path / "plan.json"
    commands.plan.main(
        [
            *("addition", "--effect", "0.1", "--pilot", runs[0], "--pilot", runs[1]),
            *("--price-input", "2", "--price-output", "10", "--out", str(out)),
        ],
        standalone_mode=False,
    )
    written = json.loads(out.read_text(encoding="utf-8"))
    assert written["models"] == 2
    best = written["options"][written["recommended"]]
    assert best["power"] >= 0.8
    tokens = 2 * best["input_tokens"] + 10 * best["output_tokens"]
    assert best["usd"] == pytest.approx(tokens / 1e6, rel=0.01)


def test_the_answer_without_an_effect_is_what_the_suite_finds(runs: list[str]) -> None:
    """The suite's own size comes first."""
    made = make("addition", pilots=runs[:1], one=True)
    assert made.effect is None
    assert made.models == 1
    assert made.shown.problems == 100


def test_tokens_of_a_model_that_counts_none_are_guessed(runs: list[str]) -> None:
    """A reference model counts no tokens: four characters are one."""
    made = make("addition", effect=0.1, pilots=runs[:1], requests_per_second=2.0)
    assert "four characters" in made.basis.cost.about
    assert made.basis.cost.seconds == pytest.approx(1.0)
    assert made.basis.cost.input_tokens > 10


def test_bad_input_is_one_line(runs: list[str]) -> None:
    """Numbers out of range, pilots that do not fit: what is wrong and what is allowed."""
    cases = [
        ({"effect": 1.5}, "effect: 1.5; allowed"),
        ({"effect": 0.0}, "effect: 0; allowed"),
        ({"effect": float("nan")}, "effect: nan; allowed"),
        ({"power": 2.0}, "power: 2; allowed"),
        ({"level": 1.0}, "level: 1; allowed"),
        ({"budget": 5.0}, "prices are unknown"),
        ({"budget": -5.0}, "budget: -5"),
        ({"price_input": -1.0}, "price-input: -1"),
        ({"requests_per_second": 0.0}, "requests-per-second: 0"),
        ({"correlation": 1.0}, "correlation: 1"),
        ({"accuracy": 0.95, "effect": 0.2}, "allowed: 0 to 0.1"),
        ({"pilots": runs[:1], "accuracy": 0.5}, "accuracy: a pilot is given"),
        ({"pilots": [runs[2]]}, "asked calendar version 1; allowed: runs of addition"),
        ({"pilots": [runs[3]]}, "no variance to plan with"),
        ({"pilots": ["nowhere"]}, "nowhere: not a run"),
        ({"split": "nowhere"}, "no split 'nowhere'"),
    ]
    for settings, words in cases:
        with pytest.raises(BadInput, match=words) as error:
            make("addition", **settings)
        assert error.value.exit_code == 2
        assert "\n" not in str(error.value)


def test_the_command_is_listed() -> None:
    """`modelmetry plan --help` names its options."""
    assert "--pilot" in shown("--help")
