"""Reference instruments read what they are built to read."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from dataclasses import replace

import pytest

from modelmetry.errors import BadInput
from modelmetry.items import Target
from modelmetry.models import resolve

DIGITS = Target(answers=("7",), domain=(0, 9))
LETTERS = Target(answers=("b",), choices=("a", "b", "c", "d"))
N = 4000


def logistic(eta: float) -> float:
    return 1 / (1 + math.exp(-eta))


@pytest.fixture
def right(make_request, ask):
    """Asks a reference `n` items with one target; gives the share that is right."""

    def share(spec, n=N, target=DIGITS, *, options=None, **changes):
        model = resolve(spec, options=options)
        requests = [make_request(i, target=target, **changes) for i in range(n)]
        answers = [response.text for response in ask(model, *requests)]
        return sum(text in target.answers for text in answers) / n

    return share


def near(p: float, n: int = N) -> object:
    """Within four standard errors of a probability."""
    return pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / n) + 1e-12)


def test_the_oracle_is_always_right(make_request, ask):
    """The oracle gives the canonical answer and nothing else."""
    target = Target(answers=("07", "7"), domain=(0, 99))
    (response,) = ask(resolve("reference/oracle"), make_request(target=target))
    assert (response.text, response.finish, response.error) == ("07", "stop", None)


@pytest.mark.parametrize(
    "target",
    [
        DIGITS,
        LETTERS,
        Target(answers=("a", "b"), choices=("a", "b", "c")),
        Target(answers=("50",), domain=(1, 100), interval=(41, 60)),
    ],
)
def test_chance_is_right_as_often_as_the_target_says(target, make_request, ask):
    """The share right matches `target.chance`, and every admitted answer is given equally often."""
    requests = [make_request(n, target=target) for n in range(N)]
    texts = [response.text for response in ask(resolve("reference/chance"), *requests)]
    low, high = target.interval or (math.inf, -math.inf)
    hits = sum(text in target.answers or low <= float(text) <= high for text in texts
               if text in target.answers or target.domain)  # fmt: skip
    assert hits / N == near(target.chance)
    admitted = target.choices or range(target.domain[0], target.domain[1] + 1)
    counts = Counter(texts)
    assert set(counts) == set(map(str, admitted))
    expected = N / len(counts)
    chi2 = sum((count - expected) ** 2 / expected for count in counts.values())
    freedom = len(counts) - 1
    assert chi2 < freedom + 4 * math.sqrt(2 * freedom)


def test_chance_writes_numbers_like_the_answer(make_request, ask):
    """Where the answer has leading zeros, guesses have them too."""
    target = Target(answers=("07",), domain=(0, 99))
    requests = [make_request(n, target=target) for n in range(300)]
    texts = {response.text for response in ask(resolve("reference/chance"), *requests)}
    assert {len(text) for text in texts} == {2}


def test_chance_has_nothing_to_guess_among(make_request, ask):
    """A free answer cannot be guessed: the text is empty and the chance is 0."""
    target = Target(answers=("a free text",))
    assert target.chance == 0
    assert ask(resolve("reference/chance"), make_request(target=target))[0].text == ""


@pytest.mark.parametrize("name", ["chance", "simulated"])
def test_answers_depend_on_the_request_alone(name, make_request, ask):
    """Order, company and time do not matter; repeats are drawn anew."""
    requests = [make_request(n, target=DIGITS) for n in range(50)]
    model = resolve(f"reference/{name}")
    texts = [response.text for response in ask(model, *requests)]
    assert [r.text for r in ask(model, *requests[::-1])][::-1] == texts
    again = [make_request(n, target=DIGITS, repeat=1) for n in range(50)]
    assert [r.text for r in ask(model, *again)] != texts


def test_majority_gives_the_commonest_answer(make_request, ask):
    """The commonest canonical answer of the studied split, ties to the first in order."""
    model = resolve("reference/majority")
    assert model.studies
    answers = ["3", "5", "5", "3", "9"]
    requests = [make_request(n, target=Target(answers=(text,))) for n, text in enumerate(answers)]
    model.study(request.item.problem for request in requests)
    assert {response.text for response in ask(model, *requests)} == {"3"}
    item = requests[0].item
    stranger = replace(requests[0], item=replace(item, problem=replace(item.problem, split="x")))
    with pytest.raises(BadInput, match="has not studied addition/x"):
        ask(model, stranger)


@pytest.mark.parametrize("ability", [-1.5, 0.0, 2.0])
def test_simulated_has_its_ability(ability, right):
    """The share right is k + (1 - k) * chance with k the logistic of the ability."""
    k = logistic(ability)
    options = {"ability": str(ability)}
    assert right("reference/simulated", options=options) == near(k + (1 - k) * 0.1)
    assert right("reference/simulated", target=LETTERS, options=options) == near(k + (1 - k) / 4)


def test_simulated_recovers_from_its_answers(right):
    """Turning the formula around gives the ability back, within its standard error."""
    share = right("reference/simulated", options={"ability": 0.8})
    k = (share - 0.1) / 0.9
    assert math.log(k / (1 - k)) == pytest.approx(0.8, abs=0.15)


def test_simulated_lapses(right):
    """The most able respondent still guesses at its lapse rate."""
    options = {"ability": 50, "lapse": 0.2}
    assert right("reference/simulated", options=options) == near(0.8 + 0.2 * 0.1)


def test_simulated_loses_with_difficulty(right):
    """Each unit of the difficulty factor costs `slope` logits."""
    options = {"ability": 3, "slope": 1}
    for level in (1, 3, 5):
        k = logistic(3 - level)
        share = right("reference/simulated", options=options, level=level)
        assert share == near(k + (1 - k) * 0.1)


def test_simulated_wordings_and_clusters_shift_the_logit(make_request):
    """Effects are shared within a wording or cluster and have the stated spread over many."""
    for option, field in (("wording_sd", "wording"), ("cluster_sd", "cluster")):
        model = resolve("reference/simulated", options={"ability": 0, option: 0.7})
        logits = []
        for n in range(1000):
            k = model.knows(make_request(n, **{field: f"number {n}"}))
            assert k == model.knows(make_request(n + 1, repeat=1, **{field: f"number {n}"}))
            logits.append(math.log(k / (1 - k)))
        assert statistics.mean(logits) == pytest.approx(0, abs=0.1)
        assert statistics.stdev(logits) == pytest.approx(0.7, abs=0.07)


def test_simulated_has_a_gap_where_it_is_planted(make_request):
    """Logits are gained on the splits whose name, or task and name, a pattern matches."""
    planted = {"*-ood": -1.5, "other/*": 9.0}
    model = resolve("reference/simulated", options={"ability": 0.5, "split_shift": planted})
    request = make_request()
    item = request.item

    def known(split):
        problem = replace(item.problem, split=split)
        return model.knows(replace(request, item=replace(item, problem=problem)))

    assert known("minimal-iid") == pytest.approx(logistic(0.5))
    assert known("minimal-ood") == pytest.approx(logistic(-1.0))
    own = {f"{item.task}/*-ood": -1.0}
    model = resolve("reference/simulated", options={"ability": 0.5, "split_shift": own})
    assert known("minimal-ood") == pytest.approx(logistic(-0.5))


def test_simulated_reads_its_splits_from_the_command_line(make_request):
    """The option may be JSON, as `-M` gives it; what is no mapping of numbers is refused."""
    text = '{"*": -2.0}'
    model = resolve("reference/simulated", options={"ability": "0", "split_shift": text})
    assert model.knows(make_request()) == pytest.approx(logistic(-2))
    for wrong in ("-1", '{"*-ood": "much"}', "{"):
        with pytest.raises(BadInput, match="split_shift"):
            resolve("reference/simulated", options={"split_shift": wrong})
    with pytest.raises(BadInput, match="finite"):
        resolve("reference/simulated", options={"split_shift": {"*": math.inf}})


def test_simulated_repeats_are_independent(make_request, ask):
    """Given an item's probability, its repeats scatter as independent draws do."""
    model = resolve("reference/simulated", options={"ability": 0})
    pairs = []
    for n in range(2000):
        requests = [make_request(n, target=DIGITS, repeat=repeat) for repeat in (0, 1)]
        pairs.append(requests)
    texts = [r.text == "7" for r in ask(model, *(request for pair in pairs for request in pair))]
    both = sum(a and b for a, b in zip(texts[::2], texts[1::2], strict=True)) / 2000
    assert both == near(0.55**2, 2000)


def test_simulated_wrong_answers_are_wrong(make_request, ask):
    """A wrong answer is an admitted one, or without a list of those a number near the right one."""
    model = resolve("reference/simulated", options={"ability": -50})
    admitted = {r.text for r in ask(model, *(make_request(n, target=DIGITS) for n in range(400)))}
    assert admitted == set("0123456789")
    free = Target(answers=("100",))
    near_by = {r.text for r in ask(model, *(make_request(n, target=free) for n in range(400)))}
    assert near_by == {str(n) for n in range(101, 110)}


def test_simulated_options_are_part_of_its_identity():
    """Two simulated respondents that can answer differently have different identities."""
    one = resolve("reference/simulated", options={"ability": 1})
    two = resolve("reference/simulated", options={"ability": 2})
    assert one.identity() != two.identity()


@pytest.mark.parametrize(
    ("option", "value"),
    [("lapse", "1.5"), ("lapse", "-0.1"), ("wording_sd", "-1"), ("cluster_sd", "inf"),
     ("ability", "nan"), ("slope", "inf")],
)  # fmt: skip
def test_simulated_refuses_impossible_options(option, value):
    """Each option is held to its range, in one line."""
    with pytest.raises(BadInput, match=f"{option}.*allowed"):
        resolve("reference/simulated", options={option: value})
