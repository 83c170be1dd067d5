"""The packaged suites of the laboratory: what they ask, in which words, and that they verify."""

from __future__ import annotations

import pytest

from modelmetry import api, suites
from modelmetry.items import Seed, as_text
from modelmetry.suites import Suite

NAMES = ("memorization", "memorization-chat")


@pytest.fixture(scope="module", params=NAMES)
def suite(request: pytest.FixtureRequest) -> Suite:
    """One of the two."""
    return suites.read(request.param)


def test_all_that_is_not_kept_for_train_is_asked(suite: Suite) -> None:
    """As many problems as either split holds, greedily, with the difference of both as a contrast."""
    (task,) = suite.tasks
    generator = suites.generator_of(task)
    assert dict(task.splits) == {name: generator.count(name) for name in ("planted", "twins")}
    assert (suite.sampling.temperature, suite.sampling.logprobs) == (0, False)
    assert suite.primary == ("planted",)
    assert [(c.name, c.a, c.b) for c in suite.contrasts] == [("counterfactual", "planted", "twins")]
    assert task.scorer == "continuation"


def test_it_passes_its_verification(suite: Suite) -> None:
    """Keys, splits and baselines; no question repeats another, in the shorter wording either."""
    certificate = api.verify(suite)
    assert certificate.failures == ()
    assert [check.problems for check in certificate.splits] == [315, 315]


def test_a_completion_shows_the_sequence_and_nothing_else() -> None:
    """The whole prompt, or the later half of it: with the answer it is the sequence as it stands."""
    (task,) = suites.read("memorization").tasks
    vocabulary = suites.generator_of(task).laboratory.vocabulary
    sequences = {vocabulary.text(s.tokens) for s in suites.generator_of(task).laboratory.planted()}
    for item in suites.items(suites.read("memorization"), Seed(root=3), 20):
        shown = as_text(item.messages[0].parts)
        assert item.format == "completion"
        whole = str(item.problem.fields["prompt"])
        assert shown == (whole if item.wording == "whole" else item.problem.fields["tail"])
        assert whole.endswith(shown)
        assert whole + item.problem.target.answers[0] in sequences
        assert len(shown.split()) == (32 if item.wording == "whole" else 16)


def test_a_chat_shows_all_of_it_and_says_how_much_is_wanted() -> None:
    """The passage stands unchanged within either wording, with the number of words to follow."""
    seen = set()
    for item in suites.items(suites.read("memorization-chat"), Seed(root=3), 10):
        (message,) = item.messages
        assert str(item.problem.fields["prompt"]) in as_text(message.parts).split("\n")
        assert "32 words" in as_text(message.parts)
        seen.add(item.wording)
    assert seen == {"go-on", "what-follows"}


def test_the_answer_fits_into_what_may_be_generated(suite: Suite) -> None:
    """Even at five characters in four tokens, which is worse than any common tokenizer, none is cut."""
    longest = max(len(item.problem.target.answers[0]) for item in suites.items(suite, Seed(root=0)))
    assert longest / 1.25 <= suite.sampling.max_tokens
