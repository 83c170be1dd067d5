# ruff: noqa: INP001 - a script beside a page, no package.
"""The figures of docs/statistics.md, drawn from the functions that the page is about.

    pip install matplotlib
    python docs/figures.py [--only estimates comparisons ...]

Writes docs/statistics/<name>.svg. All data are simulated from fixed seeds, and the files hold no date,
so that the same versions of numpy and matplotlib draw the same bytes. Matplotlib is a tool of this
script alone, not a dependency of the package. All of them take about 20 seconds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from modelmetry.statistics import (
    Estimate,
    budget,
    charts,
    components,
    deployment,
    drift,
    gauge,
    means,
    misclassification,
    pairs,
    planning,
    prediction_powered,
    proportions,
    psychometric,
    ranks,
    sequential,
    staircase,
    tolerance,
)

BLUE, ORANGE, GRAY, INK = "#17599c", "#b8541a", "#59616b", "#1b1f24"

WIDTH = 8.4
"""Inches: on a page of 700 pixels letters are about 10 pixels high."""

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "modelmetry",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 9,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": GRAY,
    "axes.labelcolor": INK,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
}

Floats = NDArray[np.float64]


def two(ratio: tuple[float, float] = (1, 1), height: float = 2.9) -> tuple[Figure, Axes, Axes]:
    """A figure of two panels."""
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(WIDTH, height), width_ratios=ratio, layout="constrained"
    )
    figure.get_layout_engine().set(wspace=0.06)  # pyright: ignore
    return figure, left, right


def said(axes: Axes, x: float, y: float, text: str, color: str = INK, **how: object) -> None:
    """A label beside what it names."""
    axes.annotate(text, (x, y), color=color, **how)  # pyright: ignore


def percent(axes: Axes, which: str = "y") -> None:
    """Show a share in percent."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))


def span(found: Estimate) -> tuple[float, float]:
    """The interval of an estimate that has one."""
    if found.low is None or found.high is None:
        raise ValueError(f"found: {found.warnings}; allowed: estimates with an interval")
    return found.low, found.high


def whiskers(
    axes: Axes,
    y: float,
    low_value_high: tuple[float | None, float, float | None],
    color: str,
    scale: float = 1,
) -> None:
    """An interval as a line and its estimate as a dot."""
    low, value, high = low_value_high
    if low is not None and high is not None:
        axes.plot([scale * low, scale * high], [y, y], color=color, lw=2.4, solid_capstyle="butt")
    axes.plot([scale * value], [y], "o", color=color, ms=6)


def answers(rng: np.random.Generator, rate: float, icc: float, size: tuple[int, int]) -> Floats:
    """Right or wrong answers to problems (rows) that differ in how likely each is solved."""
    if icc == 0:
        return (rng.random(size) < rate).astype(float)
    total = 1 / icc - 1
    solved = rng.beta(rate * total, (1 - rate) * total, size=(size[0], 1))
    return (rng.random(size) < solved).astype(float)


def estimates() -> Figure:
    """Coverage of the naive interval and of ours: at the edges, and with clustered answers."""
    from scipy.stats import binom

    figure, left, right = two()
    n, z = 20, 1.959964
    counts, rates = np.arange(n + 1), np.linspace(0.01, 0.99, 393)
    share = counts / n
    half = z * np.sqrt(share * (1 - share) / n)
    found = [proportions.wilson(k, n) for k in counts.tolist()]
    ends = {
        "Wald": (share - half, share + half, ORANGE),
        "Wilson": ([e.low for e in found], [e.high for e in found], BLUE),
    }
    for name, (low, high, color) in ends.items():
        holds = (np.array(low)[:, None] <= rates) & (rates <= np.array(high)[:, None])
        covered = (binom.pmf(counts[:, None], n, rates) * holds).sum(axis=0)
        left.plot(rates, covered, color=color, lw=1.3)
        x, y = (0.31, 0.80) if name == "Wald" else (0.31, 0.985)
        said(left, x, y, "p ± 1.96 SE (Wald)" if name == "Wald" else "Wilson", color)
    left.axhline(0.95, color=GRAY, lw=1, ls="--")
    left.set(ylim=(0.6, 1.01), xlim=(0, 1), xlabel="true accuracy", ylabel="coverage")
    left.set_title("20 independent questions")
    percent(left)
    percent(left, "x")

    rng, runs, size = np.random.default_rng(1), 2000, (40, 5)
    iccs = np.array([0.0, 0.1, 0.2, 0.4, 0.6, 0.8])
    problem = np.repeat(np.arange(size[0]), size[1])
    held = np.zeros((2, len(iccs)))
    for place, icc in enumerate(iccs.tolist()):
        for _ in range(runs):
            scores = answers(rng, 0.8, icc, size).ravel()
            for row, clusters in enumerate((None, problem)):
                found = means.mean(scores, clusters)
                held[row, place] += (found.low or 0) <= 0.8 <= (found.high or 1)
    held /= runs
    right.plot(iccs, held[0], "o-", color=ORANGE, ms=4)
    right.plot(iccs, held[1], "o-", color=BLUE, ms=4)
    right.axhline(0.95, color=GRAY, lw=1, ls="--")
    said(right, 0.02, 0.72, "every answer\ncounted as a problem", ORANGE)
    said(right, 0.33, 0.975, "the problem is the cluster", BLUE)
    right.set(ylim=(0.6, 1.01), xlabel="correlation of answers to one problem", ylabel="coverage")
    right.set_title("40 problems in 5 wordings each")
    percent(right)
    return figure


def comparisons() -> Figure:
    """The same two models paired and unpaired; and ranks with the places left open."""
    rng = np.random.default_rng(20)
    figure, left, right = two((1, 1.35))
    hard = rng.normal(size=(1, 150))
    skill = np.array([[1.3], [0.6]])
    a, b = (rng.random((2, 150)) < 1 / (1 + np.exp(-1.2 * skill + 3.2 * hard))).astype(float)
    unpaired = means.difference_of_means(a, b)
    together = pairs.difference(a, b)
    for y, found, color in ((1, unpaired, ORANGE), (0, together, BLUE)):
        whiskers(left, y, (found.low, found.value, found.high), color)
    said(left, together.value, 1.14, "as if on different items", ORANGE)
    said(left, together.value, 0.14, "paired on the same items", BLUE)
    left.axvline(0, color=GRAY, lw=1, ls="--")
    left.set(ylim=(-0.5, 1.6), yticks=[], xlabel="accuracy of A minus accuracy of B")
    left.spines["left"].set_visible(False)
    left.set_title("Two models, 150 answers each")
    percent(left, "x")

    skills = np.array([1.9, 1.15, 1.1, 0.95, 0.45, 0.35, -0.2, -0.6])[:, None]
    hard = rng.normal(size=(1, 400))
    scores = (rng.random((8, 400)) < 1 / (1 + np.exp(-1.2 * skills + 2.0 * hard))).astype(float)
    found = ranks.rank_sets(scores, rng=rng)
    order = np.argsort(found.rank, kind="stable")
    for y, model in enumerate(order.tolist()):
        color = (BLUE, ORANGE)[(found.group[model] - 1) % 2]
        right.plot([found.low[model], found.high[model]], [y, y], color=color, lw=6, alpha=0.35)
        right.plot([found.rank[model]], [y], "o", color=color, ms=6)
        said(right, 8.6, y, f"{100 * found.values[model]:.1f} %", va="center")
        said(right, 10.9, y, str(found.group[model]), color, va="center", ha="center")
    said(right, 8.6, -0.95, "mean", GRAY, va="center")
    said(right, 10.9, -0.95, "tie group", GRAY, va="center", ha="center")
    right.set(xlim=(0.6, 11.8), ylim=(7.6, -1.4), xticks=range(1, 9), xlabel="place")
    right.set_yticks(range(8), [f"model {chr(65 + y)}" for y in range(8)])
    right.tick_params(left=False)
    right.spines["left"].set_visible(False)
    right.set_title("Eight models on 400 items: places left open")
    return figure


def budgets() -> Figure:
    """The lines of a budget, for these wordings and for any of their kind."""
    rng = np.random.default_rng(5)
    problems, wordings, repeats = 80, 5, 2
    shape = (problems, wordings, repeats)
    score = (
        1.3
        + 1.3 * rng.normal(size=(problems, 1, 1))
        + 0.35 * rng.normal(size=(1, wordings, 1))
        + 0.9 * rng.normal(size=(problems, wordings, 1))
    )
    values = (rng.random(shape) < 1 / (1 + np.exp(-score))).astype(float).ravel()
    problem, wording, _ = (index.ravel() for index in np.indices(shape))
    parts = components.variance_components(values, {"problem": problem, "wording": wording})
    judge = budget.Source(name="judge", std_uncertainty=0.008, df=60)
    figure, axes = plt.subplots(figsize=(WIDTH, 3.1), layout="constrained")
    found = budget.budget(parts, sources=[judge])
    names = {
        "problem": "which problems were drawn",
        "wording": "which wordings were chosen",
        "problem:wording": "problems that suit a wording",
        "residual": "decoding",
        "judge": "judge's calibration (type B)",
    }
    lines = [(names[line.name], line.std_uncertainty, line.share) for line in found.lines]
    for y, (_, size, share) in enumerate(lines):
        axes.barh(y, 100 * size, color=BLUE, height=0.62)
        said(
            axes,
            100 * size + 0.04,
            y,
            f"{100 * size:.2f}  ({100 * share:.0f} % of the variance)",
            va="center",
        )
    y = len(lines) + 0.2
    axes.barh(y, 100 * found.std_uncertainty, color=INK, height=0.62)
    total = f"{100 * found.std_uncertainty:.2f}, with {found.df:.0f} degrees of freedom"
    said(axes, 100 * found.std_uncertainty + 0.04, y, total, va="center")
    axes.set_yticks([*range(len(lines)), y], [*(name for name, _, _ in lines), "combined"])
    axes.invert_yaxis()
    axes.tick_params(left=False)
    axes.spines["left"].set_visible(False)
    most = 100 * found.std_uncertainty
    axes.set(xlim=(0, 1.45 * most), xlabel="contribution to the standard uncertainty, in points")
    interval = f"Accuracy {100 * found.value:.1f} ± {100 * (found.expanded or 0):.1f} points"
    axes.set_title(f"{interval} (k = {found.coverage_factor:.2f}) for any wordings of this kind")
    return figure


def gauges() -> Figure:
    """Categories that a score tells apart, against problems and wordings."""
    rng = np.random.default_rng(11)
    shape = (8, 60, 4, 2)
    score = (
        0.9 * rng.normal(size=(8, 1, 1, 1))
        + 1.2 * rng.normal(size=(1, 60, 1, 1))
        + 0.25 * rng.normal(size=(1, 1, 4, 1))
        + 0.6 * rng.normal(size=(8, 60, 1, 1))
        + 0.12 * rng.normal(size=(8, 1, 4, 1))
    )
    values = (rng.random(shape) < 1 / (1 + np.exp(-score))).astype(float).ravel()
    labels = [index.ravel() for index in np.indices(shape)]
    model, problem, wording, _ = labels
    factors = {"model": model, "problem": problem, "wording": wording}
    parts = components.variance_components(values, factors)
    figure, left, right = two((1.15, 1))
    problems = np.unique(np.geomspace(10, 1000, 60).round().astype(int))
    for wordings, color in ((1, ORANGE), (4, BLUE)):
        ratio = []
        for n in problems.tolist():
            sizes = {"problem": n, "wording": wordings, "repeat": 1}
            study = gauge.resolution(parts, sizes)
            ratio.append(1.41 * study["part"].std_dev / study["measurement"].std_dev)
        left.plot(problems, ratio, color=color)
        name = "4 wordings" if wordings > 1 else "1 wording"
        said(left, 1050, ratio[-1], name, color, va="center", annotation_clip=False)
    left.axhline(5, color=GRAY, lw=1, ls="--")
    said(left, 10, 5.2, "5 is adequate", GRAY)
    left.set(xscale="log", xlim=(9, 1000), ylim=(0, None))
    left.set(xlabel="problems", ylabel="categories (not rounded)")
    left.set_xticks([10, 30, 100, 300, 1000], ["10", "30", "100", "300", "1,000"])
    left.minorticks_off()
    left.set_title("Groups of models told apart")

    study = gauge.resolution(parts)
    shown = ("repeatability", "reproducibility", "interaction", "measurement", "part")
    for y, name in enumerate(shown):
        spread = study[name]
        color = INK if name == "part" else BLUE
        whiskers(right, y, (spread.low, spread.std_dev, spread.high), color, scale=100)
    named = {"measurement": "all three: R&R", "part": "the models"}
    right.set_yticks(range(len(shown)), [named.get(name, name) for name in shown])
    right.invert_yaxis()
    right.set(xscale="log", xlabel="standard deviation, points")
    right.set_xticks([1, 3, 10, 30], ["1", "3", "10", "30"])
    right.minorticks_off()
    right.set_title("60 problems, 4 wordings, 2 repeats")
    return figure


def tolerances() -> Figure:
    """Lower tolerance bounds of skewed scores against how many deployments were seen."""
    from scipy.stats import beta

    rng = np.random.default_rng(3)
    figure, axes = plt.subplots(figsize=(WIDTH, 3.3), layout="constrained")
    shape, content = (9.0, 1.2), 0.95
    truth = float(beta.ppf(1 - content, *shape))
    sizes = [10, 15, 20, 30, 45, 59, 70, 80, 93, 110, 130, 160, 200, 250, 300, 400]
    for method, color, name in (
        (tolerance.normal, ORANGE, "normal"),
        (tolerance.ranked, BLUE, "ranked"),
    ):
        rows = []
        for n in sizes:
            drawn = rng.beta(*shape, size=(400, n))
            bounds = [method(row, content=content).low for row in drawn]
            rows.append([np.nan if low is None else low for low in bounds])
        low, middle, high = np.quantile(np.array(rows), [0.05, 0.5, 0.95], axis=1)
        axes.plot(sizes, middle, color=color)
        axes.fill_between(sizes, low, high, color=color, alpha=0.16, lw=0)
        text = "normal: mean - k s" if name == "normal" else "ranked: the r-th lowest score"
        said(axes, *((10.4, 0.72) if name == "normal" else (112, 0.475)), text, color)
    axes.axhline(truth, color=INK, lw=1, ls="--")
    said(axes, 395, 0.75, "what 95 % of deployments truly reach (dashed)", ha="right")
    fewest = tolerance.fewest(content=content)
    axes.axvline(fewest, color=GRAY, lw=1, ls=":")
    said(axes, fewest - 0.7, 0.37, f"ranked refuses below {fewest}", GRAY, ha="right")
    axes.set(xscale="log", xlim=(10, 400), ylim=(0.35, 0.8))
    axes.set(xlabel="deployments seen", ylabel="lower bound, content 95 %")
    axes.set_xticks([10, 20, 50, 100, 200, 400], ["10", "20", "50", "100", "200", "400"])
    axes.minorticks_off()
    axes.set_title(
        "Scores that pile up near 1: median bound of 400 experiments, middle 90 % shaded"
    )
    return figure


def plans() -> Figure:
    """Power against the difference, and what the same answers buy in other designs."""
    figure, left, right = two()
    effects = np.linspace(0.001, 0.15, 120)
    for n, color in ((100, ORANGE), (400, BLUE), (1600, INK)):
        curve = []
        for effect in effects.tolist():
            parts = planning.binary(0.7, 0.5, effect)
            curve.append(planning.power(effect, parts, planning.Design(clusters=n)))
        left.plot(effects, curve, color=color)
        at = float(np.interp(0.6, curve, effects))
        said(left, at + 0.003, 0.57, f"{n:,}" if n > 100 else f"{n} problems", color)
    left.axhline(0.8, color=GRAY, lw=1, ls="--")
    left.set(ylim=(0, 1.02), xlim=(0, 0.15), ylabel="power", xlabel="true difference of accuracy")
    left.set_title("Two models, same problems")
    percent(left)
    percent(left, "x")

    parts = planning.Variances(between=0.13, wording=0.07, noise=0.05)
    answers_each = 16 * np.unique(np.geomspace(8, 375, 50).round().astype(int))
    for wordings, repeats, color, name in (
        (1, 1, BLUE, "each asked once"),
        (4, 1, ORANGE, "4 wordings"),
        (4, 4, INK, "4 wordings, 4 repeats"),
    ):
        found = []
        for total in answers_each.tolist():
            clusters = total // (wordings * repeats)
            design = planning.Design(clusters=clusters, wordings=wordings, repeats=repeats)
            found.append(planning.detectable(parts, design))
        right.plot(answers_each, [np.nan if f is None else f for f in found], color=color)
        y = np.interp(750, answers_each, np.array(found, dtype=float))
        said(right, 780, y * (1.08 if wordings > 1 else 0.46), name, color)
    right.set(
        xscale="log",
        yscale="log",
        xlim=(128, 6000),
        ylim=(0.015, 0.62),
        xlabel="answers of each model",
    )
    right.set_ylabel("detectable difference (80 % power)")
    right.set_xticks([200, 500, 1000, 2000, 5000], ["200", "500", "1,000", "2,000", "5,000"])
    right.set_yticks([0.02, 0.05, 0.1, 0.2], ["2 %", "5 %", "10 %", "20 %"])
    right.minorticks_off()
    right.set_title("The same answers, spent differently")
    return figure


def stopping() -> Figure:
    """A confidence sequence beside an interval that was made for one look."""
    rng = np.random.default_rng(4)
    figure, left, right = two((1, 1))
    truth, length, runs = 0.7, 2000, 400
    looks = np.arange(10, length + 1)
    missed = np.zeros((2, runs, len(looks)), dtype=bool)
    for run in range(runs):
        values = (rng.random(length) < truth).astype(float)
        low, high = sequential.mean_sequence(values)
        wilson = fixed_bounds(np.cumsum(values)[looks - 1], looks)
        for row, ends in enumerate((wilson, (low[looks - 1], high[looks - 1]))):
            missed[row, run] = np.logical_or.accumulate((ends[0] > truth) | (ends[1] < truth))
        if run == 0:
            some = slice(0, None, 5)
            ends = low[looks - 1][some], high[looks - 1][some]
            left.fill_between(looks[some], *ends, color=BLUE, alpha=0.25, lw=0)
            for end in wilson:
                left.plot(looks[some], end[some], color=ORANGE, lw=1.2)
    left.axhline(truth, color=INK, lw=1, ls="--")
    said(left, 620, truth + 0.115, "valid at every look (betting)", BLUE)
    said(left, 620, truth - 0.105, "made for one look (Wilson)", ORANGE)
    left.set(ylim=(0.5, 0.9), xlim=(10, length), xlabel="answers", ylabel="accuracy")
    left.set_title("One run: 95 % intervals as answers come in")
    percent(left)
    share = missed.mean(axis=1)
    few = np.unique(np.geomspace(1, len(looks), 200).astype(int)) - 1
    right.plot(looks[few], share[0, few], color=ORANGE)
    right.plot(looks[few], share[1, few], color=BLUE)
    right.axhline(0.05, color=GRAY, lw=1, ls="--")
    said(right, length, share[0, -1] - 0.21, "Wilson at every look", ORANGE, ha="right")
    said(right, length, share[1, -1] + 0.045, "betting", BLUE, ha="right")
    right.set_yticks([0, 0.05, 0.2, 0.4, 0.6])
    right.set(
        xscale="log", xlim=(10, length), ylim=(0, 0.6), xlabel="answers, looked at after each"
    )
    right.set_ylabel("runs that were ever wrong")
    right.set_xticks([10, 30, 100, 300, 1000], ["10", "30", "100", "300", "1,000"])
    right.minorticks_off()
    right.set_title(f"{runs} runs: has an interval ever missed?")
    percent(right)
    return figure


def fixed_bounds(k: Floats, n: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Ends of Wilson's interval after every answer."""
    ends = [proportions.wilson(int(right), int(total)) for right, total in zip(k, n, strict=True)]
    return np.array([e.low for e in ends]), np.array([e.high for e in ends])


def difficulty() -> Figure:
    """Accuracy along difficulty with its threshold, and a staircase on the way to one."""
    rng = np.random.default_rng(6)
    figure, left, right = two()
    truth, guess = 5.2, 0.1

    def known(x: Floats) -> Floats:
        return guess + (1 - guess) / (1 + np.exp(1.1 * (x - truth)))

    levels = np.arange(1.0, 11.0)
    x = np.repeat(levels, 25)
    y = (rng.random(len(x)) < known(x)).astype(float)
    curve = psychometric.fit(x, y, guess=guess)
    for level in levels:
        found = means.mean(y[x == level])
        left.plot([level, level], span(found), color=GRAY, lw=1.2)
        left.plot([level], [found.value], "o", color=INK, ms=4)
    grid = np.linspace(1, 10, 200)
    fitted, threshold = curve.at(grid, guess), curve.threshold
    assert fitted is not None  # noqa: S101 - the seed is fixed
    assert threshold is not None  # noqa: S101
    left.plot(grid, fitted, color=BLUE)
    left.axvspan(*span(threshold), color=BLUE, alpha=0.18, lw=0)
    text = f"threshold {threshold.value:.1f}\n({threshold.low:.1f} to {threshold.high:.1f})"
    said(left, span(threshold)[1] + 0.2, 0.85, text, BLUE)
    left.axhline(guess, color=GRAY, lw=1, ls="--")
    said(left, 1, guess - 0.065, "guess rate", GRAY)
    left.set(ylim=(0, 1.03), xlabel="difficulty", ylabel="accuracy", xticks=levels)
    left.set_title("250 items, all levels alike")
    percent(left)

    steps = staircase.Staircase(levels, guess=guess, rng=rng)
    asked, right_at, track = [], [], []
    for _ in range(80):
        index = steps.next()
        good = float(rng.random() < known(levels[index : index + 1])[0])
        steps.update([index], [good])
        found = steps.estimate()
        asked.append(levels[index])
        right_at.append(good)
        track.append((found.value, found.low, found.high))
    turn = np.arange(1, 81)
    value, low, high = np.array(track, dtype=float).T
    low, high = np.nan_to_num(low, nan=1.0), np.nan_to_num(high, nan=10.0)
    right.fill_between(turn, low, high, color=BLUE, alpha=0.18, lw=0)
    right.plot(turn, value, color=BLUE)
    good = np.array(right_at) > 0
    right.plot(turn[good], np.array(asked)[good], "o", color=INK, ms=3)
    right.plot(turn[~good], np.array(asked)[~good], "x", color=ORANGE, ms=4.5, mew=1.4)
    right.axhline(truth, color=INK, lw=1, ls="--")
    said(right, 80, 9.6, "● right", INK, ha="right")
    said(right, 80, 8.8, "x wrong", ORANGE, ha="right")
    said(right, 80, truth + 1.6, "threshold and interval", BLUE, ha="right")
    right.set(ylim=(0.6, 10.4), xlim=(0, 81), xlabel="question", ylabel="difficulty asked")
    right.set_yticks(levels)
    right.set_title("A staircase: 80 items where they tell most")
    return figure


def nights() -> Figure:
    """A chart that alarms after a small lasting fall, and contrasts that say what moved."""
    rng = np.random.default_rng(4)
    figure, left, right = two((1.2, 1))
    error, fell, length = 0.012, 30, 60
    before = charts.baseline(rng.normal(0.0, error, 40), np.full(40, error))
    values = rng.normal(0.0, error, length) - 0.013 * (np.arange(length) >= fell)
    chart = charts.control_chart(
        values, np.full(length, error), reference=before, rule=charts.CUSUM(), rng=rng
    )
    night = np.arange(1, length + 1)
    first = (chart.first or 0) + 1
    left.plot(night[:first], chart.lower[:first], color=BLUE)
    left.plot(night[:first], chart.upper[:first], color=GRAY, lw=1.2)
    left.axhline(chart.limit, color=INK, lw=1, ls="--")
    length_of_run = f"{chart.run_length.value:.0f} nights"
    said(left, 1, chart.limit + 0.25, f"limit: a false alarm in {length_of_run}")
    left.axvline(fell + 0.5, color=GRAY, lw=1, ls=":")
    said(left, fell + 1.2, 9.3, "the model falls\nby 1.3 points", GRAY, va="top")
    left.plot([first], [chart.lower[first - 1]], "o", color=ORANGE, ms=7)
    said(left, first + 1.5, chart.lower[first - 1] - 0.3, f"alarm, night {first}", ORANGE)
    said(left, 1, 3.6, "blue: sum against a fall,\ngray: against a rise", BLUE)
    left.set(ylim=(0, 9.5), xlim=(0, length), xlabel="night", ylabel="CUSUM, standard errors")
    left.set_title("CUSUM of the nightly paired difference")

    stories = (
        ("truth: model moved", (-0.06, -0.06, 0, 0), BLUE),
        ("truth: test harder", (-0.06, 0, -0.06, 0), ORANGE),
    )
    for place, (story, shifts, color) in enumerate(stories):
        found = drift.attribute(night_changes(shifts, rng), margin=0.03)
        for row, contrast in enumerate(found.contrasts):
            e, y = contrast.estimate, row + 0.3 * (place - 0.5)
            whiskers(right, y, (e.low, e.value, e.high), color, scale=100)
        verdict = f"{story}; found: {', '.join(found.verdicts)}"
        said(right, -11.6, 3.85 + 0.45 * place, verdict, color, va="center")
    labels = ("judge moved", "test got harder", "model moved", "anchors leaked")
    right.set_yticks(range(4), labels)
    right.set_ylim(4.7, -0.6)
    right.axvline(0, color=GRAY, lw=1, ls="--")
    right.set(xlabel="contrast, points", xlim=(-12, 6.5))
    right.tick_params(left=False)
    right.spines["left"].set_visible(False)
    right.set_title("Two nights: what moved?")
    return figure


def night_changes(
    shifts: tuple[float, float, float, float], rng: np.random.Generator
) -> drift.Changes:
    """Changes of model and check standard on fresh items and on anchors, 1500 items a side."""
    found = []
    for place, shift in enumerate(shifts):
        rate, n = (0.8 if place < 2 else 0.75), 1500
        before = (rng.random(n) < rate).astype(float)
        if place % 2 == 0:
            tonight = (rng.random(n) < rate + shift).astype(float)
            found.append(means.difference_of_means(tonight, before))
        else:
            flipped = rng.random(n) < 0.02 + max(0.0, -shift) / rate
            tonight = np.where(flipped & (before > 0), 0.0, before)
            risen = rng.random(n) < 0.02 * rate / (1 - rate)
            tonight = np.where(risen & (before == 0), 1.0, tonight)
            found.append(pairs.difference(tonight, before))
    return drift.Changes(
        model_fresh=found[0], model_anchors=found[1], check_fresh=found[2], check_anchors=found[3]
    )


def judges() -> Figure:
    """A judge's rate and the corrected one; and what a judge saves in labels."""
    rng = np.random.default_rng(6)
    figure, left, right = two()
    catches, clears, n, labels = 0.88, 0.80, 1000, 150
    rates = np.linspace(0.1, 0.9, 9)
    sensitivity = proportions.wilson(int(rng.binomial(labels, catches)), labels)
    specificity = proportions.wilson(int(rng.binomial(labels, clears)), labels)
    left.plot([0, 1], [0, 1], color=INK, lw=1, ls="--")
    for rate in rates.tolist():
        share = rate * catches + (1 - rate) * (1 - clears)
        seen = proportions.wilson(int(rng.binomial(n, share)), n)
        found = misclassification.corrected_rate(seen, sensitivity, specificity)
        for shift, e, color in ((-0.008, seen, ORANGE), (0.008, found, BLUE)):
            left.plot([rate + shift] * 2, span(e), color=color, lw=2)
            left.plot([rate + shift], [e.value], "o", color=color, ms=4)
    said(left, 0.03, 0.62, "as the judge counts", ORANGE)
    said(left, 0.82, 0.52, "corrected for\nits errors", BLUE, ha="center")
    left.set(xlim=(0, 1), ylim=(0, 1), xlabel="true rate", ylabel="estimated rate")
    left.set_title("1,000 items, 150 labels of each kind")
    percent(left)
    percent(left, "x")

    sizes = [40, 60, 80, 120, 160, 240, 320, 480]
    widths = np.zeros((3, len(sizes)))
    for place, size in enumerate(sizes):
        for _ in range(60):
            true, judged = with_judge(rng, size + 4000, catches=0.93, clears=0.88)
            others = judged[size:]
            for row, tuning in enumerate((0.0, None)):
                e = prediction_powered.prediction_powered_mean(
                    true[:size], judged[:size], others, tuning=tuning
                )
                widths[row, place] += ((e.high or 1) - (e.low or 0)) / 60
    right.plot(sizes, widths[0], "o-", color=ORANGE, ms=4)
    right.plot(sizes, widths[1], "o-", color=BLUE, ms=4)
    said(right, 100, widths[0, 2] + 0.012, "human labels alone", ORANGE)
    said(right, 42, widths[1, 0] - 0.15, "labels and 4,000 verdicts\n(prediction-powered)", BLUE)
    right.set(xscale="log", xlim=(38, 500), ylim=(0, None), xlabel="human labels")
    right.set_ylabel("width of the 95 % interval")
    right.set_xticks([40, 80, 160, 320], ["40", "80", "160", "320"])
    right.minorticks_off()
    right.set_title("What a good judge saves")
    percent(right)
    return figure


def with_judge(
    rng: np.random.Generator, n: int, *, catches: float, clears: float
) -> tuple[Floats, Floats]:
    """True labels, 70 % of them 1, and a judge's verdicts on them."""
    true = rng.random(n) < 0.7
    verdict = np.where(true, rng.random(n) < catches, rng.random(n) > clears)
    return true.astype(float), verdict.astype(float)


def deployments() -> Figure:
    """Outcomes in deployment against a suite's score, with the interval for a new model."""
    rng = np.random.default_rng(12)
    figure, axes = plt.subplots(figsize=(WIDTH, 3.4), layout="constrained")
    scores = rng.uniform(0.45, 0.9, 16)
    outcome = 0.15 + 0.75 * scores + rng.normal(0, 0.035, 16)
    grid = np.linspace(0.4, 0.95, 60)
    found = deployment.predict(scores[:, None], outcome, grid[:, None])
    value = np.array([e.value for e in found.predicted])
    low = np.array([e.low for e in found.predicted], dtype=float)
    high = np.array([e.high for e in found.predicted], dtype=float)
    axes.fill_between(grid, low, high, color=BLUE, alpha=0.16, lw=0)
    axes.plot(grid, value, color=BLUE)
    axes.plot(scores, outcome, "o", color=INK, ms=5)
    new = deployment.predict(scores[:, None], outcome, [[0.82]]).predicted[0]
    axes.plot([0.82, 0.82], span(new), color=ORANGE, lw=2.6)
    axes.plot([0.82], [new.value], "o", color=ORANGE, ms=7)
    percents = "{:.0f} %, between {:.0f} and {:.0f} %".format(
        *(100 * x for x in (new.value, *span(new)))
    )
    text = f"a new model at 82 %:\n{percents}"
    said(axes, 0.828, span(new)[0] - 0.045, text, ORANGE, va="top")
    skill = f"leave-one-out error {100 * found.error:.1f} points;\npredicting the mean: {100 * found.baseline:.1f}"
    said(axes, 0.41, 0.86, skill, INK, va="top")
    said(axes, 0.5, 0.415, "95 % interval for one more model's own outcome", BLUE)
    axes.set(xlim=(0.4, 0.95), xlabel="score on the suite", ylabel="outcome in deployment")
    axes.set_title("16 models that are deployed already")
    percent(axes)
    percent(axes, "x")
    return figure


FIGURES: dict[str, Callable[[], Figure]] = {
    "estimates": estimates,
    "comparisons": comparisons,
    "budget": budgets,
    "gauge": gauges,
    "tolerance": tolerances,
    "planning": plans,
    "stopping": stopping,
    "difficulty": difficulty,
    "drift": nights,
    "judges": judges,
    "deployment": deployments,
}


def main() -> None:
    """Draw all figures, or some."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(FIGURES), default=list(FIGURES))
    folder = Path(__file__).parent / "statistics"
    folder.mkdir(exist_ok=True)
    plt.rcParams.update(STYLE)
    for name in parser.parse_args().only:
        figure = FIGURES[name]()
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        plt.close(figure)


if __name__ == "__main__":
    main()
