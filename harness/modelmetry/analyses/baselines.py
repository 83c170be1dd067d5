"""Shallow baselines: what can be scored without doing what the question asks."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from modelmetry.items import Problem
from modelmetry.models import Response
from modelmetry.scoring import Scorer, score
from modelmetry.statistics import Estimate, means

_CANDIDATES = 20
"""Constant answers tried: the most common ones."""

_MOST = 2_000
"""Problems that naive Bayes looks at, which bounds its memory at about 100 MB."""

_TOKEN = re.compile(r"\w+|[^\w\s]")


def right(scorer: Scorer, problem: Problem, answer: str) -> bool:
    """Whether the suite's own scorer gives an answer full marks, through all outcome rules."""
    response = Response(request_key="", text=answer, finish="stop")
    return score(scorer, problem.target, response).value == 1.0


def constant_answer(problems: Sequence[Problem], scorer: Scorer, seed: int) -> Estimate:
    """What one answer to every question scores on half of the problems, chosen on the other half.

    Args:
        problems: Two or more.
        scorer: The suite's scorer.
        seed: Of the random halves.
    """
    fit, test = _halves(len(problems), seed)
    common = Counter(problems[i].target.answers[0] for i in fit).most_common(_CANDIDATES)
    best = max(
        (answer for answer, _ in common),
        key=lambda answer: sum(right(scorer, problems[i], answer) for i in fit),
    )
    return _accuracy(problems, test, [right(scorer, problems[i], best) for i in test])


def bag_of_words(
    problems: Sequence[Problem], questions: Sequence[str], scorer: Scorer, seed: int
) -> Estimate:
    """What multinomial naive Bayes over the words of the question scores.

    Word order is lost, so a score well above the constant answer's tells of a giveaway in the
    words alone. Add-one smoothing; the classes are the canonical answers of the training half.

    Args:
        problems: Two or more.
        questions: Their texts, in the same order.
        scorer: The suite's scorer.
        seed: Of the random halves.
    """
    fit, test = _halves(min(len(problems), _MOST), seed)
    words: dict[str, int] = {}
    bags = [
        [words.setdefault(token, len(words)) for token in _TOKEN.findall(questions[i].casefold())]
        for i in fit
    ]
    answers = sorted({problems[i].target.answers[0] for i in fit})
    classes = np.array([answers.index(problems[i].target.answers[0]) for i in fit])
    counts = np.zeros((len(answers), len(words)))
    for row, bag in zip(classes, bags, strict=True):
        np.add.at(counts[row], bag, 1)
    rates = np.log(counts + 1) - np.log(counts.sum(axis=1, keepdims=True) + len(words))
    prior = np.log(np.bincount(classes) / len(fit))
    marks = []
    for i in test:
        bag = [words[t] for t in _TOKEN.findall(questions[i].casefold()) if t in words]
        best = answers[int(np.argmax(prior + rates[:, bag].sum(axis=1)))]
        marks.append(right(scorer, problems[i], best))
    return _accuracy(problems, test, marks)


def _halves(n: int, seed: int) -> tuple[list[int], list[int]]:
    """A random half of range(n) and the other one, which is the larger where n is odd."""
    if n < 2:
        return [0], [0]
    order = random.Random(seed).sample(range(n), n)
    return sorted(order[: n // 2]), sorted(order[n // 2 :])


def _accuracy(problems: Sequence[Problem], test: Sequence[int], marks: Sequence[bool]) -> Estimate:
    clusters = np.unique([problems[i].cluster for i in test], return_inverse=True)[1]
    return means.mean(np.array(marks, dtype=float), clusters=clusters)
