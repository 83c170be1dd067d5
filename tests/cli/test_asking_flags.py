"""`--logprobs` and `-T` as a user meets them: what is asked, what is refused, what is found again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from tests.cli.test_commands import modelmetry

from modelmetry import api
from modelmetry.cli.main import commands
from modelmetry.errors import BadInput, ModelmetryError
from modelmetry.models import Sampling

SUITE = """\
# Does it go on with a sum?
version: 1
sampling: {max_tokens: 4, stop: ["\\n"]}
tasks:
  addition:
    generator: addition
    options: {digits: 1}
    scorer: number
    splits: {held-out: 6}
    prompts:
      sum: {template: sum, format: completion}
      same: {template: same, format: completion}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a suite of two completions and one that has a chat besides."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "sum.jinja").write_text("{{ a }} + {{ b }} =")
    (tmp_path / "prompts" / "same.jinja").write_text("{{ a }} + {{ b }} is the same as")
    (tmp_path / "sums.yaml").write_text(SUITE)
    chat = SUITE.replace("same: {template: same, format: completion}", "same: {template: same}")
    (tmp_path / "talk.yaml").write_text(chat)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def called(*words: str) -> Result:
    """A command in this process; an error is in the result."""
    return CliRunner().invoke(commands, list(words), standalone_mode=False)


def refused(*words: str) -> str:
    """The one line of a command that is bad input."""
    error = called(*words).exception
    assert isinstance(error, BadInput)
    assert "\n" not in str(error)
    return str(error)


def runs() -> list[Path]:
    """Folders of runs, by name."""
    return sorted(path.parent for path in Path("runs").glob("*/run.json"))


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "run.json").read_text())


def test_a_run_scores_what_it_shows(here: Path) -> None:
    """The flag stands in the record, and every row has the sums and the numbers of tokens."""
    done = modelmetry("run", "sums.yaml", "--logprobs", "target", "-T", "digits=2", cwd=here)
    assert done.returncode == 0, done.stderr
    (folder,) = runs()
    assert record(folder)["sampling"]["logprobs"] == "target"
    assert record(folder)["suite"]["tasks"][0]["options"] == {"digits": 2}
    rows = pq.read_table(folder / "scores.parquet").to_pylist()
    assert len(rows) == 12
    for row in rows:
        assert row["shown_logprob"] < row["target_logprob"] < 0
        assert row["shown_tokens"] > row["target_tokens"] == len(row["expected"])
    assert json.loads(rows[0]["factors"])["digits"] <= 2


@pytest.mark.parametrize(
    ("word", "asked"), [("none", False), ("answer", True), ("target", "target"), (None, False)]
)
def test_each_word_is_its_sampling(word: Any, asked: object, here: Path) -> None:
    """In place of the suite's own; without the flag it is that."""
    done = api.run("sums.yaml", logprobs=word, limit=1)
    assert done.record.sampling == Sampling(max_tokens=4, stop=("\n",), logprobs=asked)  # type: ignore[arg-type]
    shown = done.scores.column("shown_logprob").null_count
    assert shown == (0 if asked == "target" else done.scores.num_rows)
    own = here / "own.yaml"
    own.write_text(SUITE.replace("sampling: {", "sampling: {logprobs: target, "))
    assert api.read_suite(own).sampling.logprobs == "target"
    made = api.run(own, logprobs=word, limit=1).record.sampling.logprobs
    assert made == ("target" if word is None else asked)


def test_what_has_no_such_probabilities_is_refused_before_anything_is_asked(here: Path) -> None:
    """A chat, a back end, a word: one line each, and no folder of a run is left."""
    line = refused("run", "talk.yaml", "--logprobs", "target")
    assert line.endswith(
        "prompt addition/same is a chat; allowed with logprobs target: completion prompts only"
    )
    line = refused("run", "sums.yaml", "--logprobs", "target", "--model", "reference/chance")
    assert line.startswith(
        "reference/chance: gives no log-probabilities of the text shown; allowed: "
    )
    assert line.endswith("such as vllm/ or hf/, or without --logprobs target")
    assert refused(
        "run", "sums.yaml", "--logprobs", "target", "--dry-run", "-m", "reference/oracle"
    )
    assert refused("run", "talk.yaml", "--logprobs", "target", "--until", "ci<0.1")
    with pytest.raises(BadInput, match="logprobs: 'all'; allowed: none, answer, target"):
        api.run("sums.yaml", logprobs="all")  # type: ignore[arg-type]
    made = api.generate("talk.yaml", seed=1, limit=2)
    assert "is a chat" in refused("run", str(made), "--logprobs", "target")
    assert runs() == []
    assert called("run", "talk.yaml", "--logprobs", "answer", "--limit", "1").exception is None


def test_a_run_keeps_what_it_was_made_with(here: Path) -> None:
    """Going on with a run, neither flag may say otherwise; the same again is no mistake."""
    done = api.run("sums.yaml", logprobs="target", limit=1)
    folder = str(done.folder)
    assert called("run", folder, "--logprobs", "target").exception is None
    line = refused("run", folder, "--logprobs", "answer")
    assert "logprobs answer; allowed: leave it out, as this was made with target" in line
    assert "-T digits; allowed: leave it out" in refused("run", folder, "-T", "digits=1")
    with pytest.raises(
        BadInput, match=r"options digits are given for a suite that was read already"
    ):
        api.run(api.read_suite("sums.yaml"), suite_options={"digits": 2})


def test_an_edition_has_its_problems(here: Path) -> None:
    """`generate -T` makes them with the options; `run EDITION -T` is refused in one line."""
    called("generate", "sums.yaml", "--seed", "4", "--out", "editions", "-T", "digits=2")
    called("generate", "sums.yaml", "--seed", "4", "--out", "editions")
    first, second = sorted(Path("editions").iterdir())
    assert first != second, "other options are another edition"
    line = refused("run", str(first), "-T", "digits=3")
    assert line == (
        f"{first}: -T digits; allowed: leave it out, as the problems of this are made, or start anew "
        "from the suite"
    )
    assert runs() == []
    assert called("run", str(first)).exception is None
    assert called("run", str(second)).exception is None
    digits = {record(folder)["suite"]["tasks"][0]["options"]["digits"] for folder in runs()}
    assert digits == {1, 2}


def test_resuming_finds_the_run_of_the_same_options(here: Path) -> None:
    """Nothing is asked twice; other options, or other log-probabilities, are another run."""
    same = ("run", "sums.yaml", "-T", "digits=2", "--logprobs", "target", "--resume")
    for flags, count in (
        (same, 1),
        (same, 1),
        (("run", "sums.yaml", "--logprobs", "target", "--resume"), 2),
        (("run", "sums.yaml", "-T", "digits=2", "--resume"), 3),
        (same, 3),
    ):
        assert called(*flags).exception is None
        assert len(runs()) == count
    assert len({record(folder)["edition"] for folder in runs()}) == 2


def test_an_option_that_no_generator_has_is_one_line(here: Path) -> None:
    """With those that there are, in every command that takes them; not a key and a value: likewise."""
    for command in ("run", "preview", "verify", "plan"):
        line = refused(command, "sums.yaml", "-T", "digit=2")
        assert line.endswith(
            "sums.yaml: -T: no option 'digit' (did you mean 'digits'?); allowed: digits, longest"
        )
    assert refused("generate", "sums.yaml", "--seed", "1", "-T", "digit=2").endswith("longest")
    assert refused("run", "sums.yaml", "--until", "ci<0.3", "-T", "digit=2").endswith("longest")
    assert "option digits is 'x'" in refused("run", "sums.yaml", "--dry-run", "-T", "digits=x")
    done = modelmetry("run", "sums.yaml", "-T", "digits", cwd=here)
    assert done.returncode == 2
    assert "'digits'; allowed: key=value" in done.stderr


def test_looking_and_checking_take_options_too(here: Path) -> None:
    """What is shown, checked, planned and counted is what would be asked."""
    plain, other = (
        called("preview", "sums.yaml", "--limit", "40", *flags).output
        for flags in ((), ("-T", "digits=3"))
    )
    assert plain != other
    assert called("verify", "sums.yaml", "--n", "20", "-T", "digits=2").exception is None
    assert called("plan", "sums.yaml", "-T", "digits=2").exception is None
    with pytest.raises(ModelmetryError, match="digits is 9"):
        api.plan("sums.yaml", suite_options={"digits": 9})
    told: dict[str, Any] = {"model": "reference/chance", "until": "ci<0.9", "limit": 40}
    run = api.run("sums.yaml", suite_options={"digits": "2"}, **told)
    assert run.record.suite.tasks[0].options == {"digits": 2}


def test_options_can_be_given_by_the_environment(here: Path) -> None:
    """As those of a back end."""
    told = {"MODELMETRY_SUITE_OPTIONS": "digits=2 longest=3", "MODELMETRY_LOGPROBS": "target"}
    done = modelmetry("run", "sums.yaml", "--limit", "1", cwd=here, **told)
    assert done.returncode == 0, done.stderr
    (folder,) = runs()
    assert record(folder)["suite"]["tasks"][0]["options"] == {"digits": 2, "longest": 3}
    assert record(folder)["sampling"]["logprobs"] == "target"


def test_a_dry_run_counts_both_queries(here: Path) -> None:
    """Each item is asked, and its text is read once more with the right answer after it."""
    plain = api.dry_run("sums.yaml")
    scored = api.dry_run("sums.yaml", logprobs="target")
    assert (plain["requests"], scored["requests"]) == (12, 24)
    assert plain["output tokens, at most"] + 12 == scored["output tokens, at most"]
    assert 2 * plain["input tokens, about"] < scored["input tokens, about"]
    assert api.dry_run("sums.yaml", suite_options={"digits": 3}) != plain
