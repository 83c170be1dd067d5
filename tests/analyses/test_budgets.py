"""Uncertainty budgets and gauge studies of runs: planted effects are found, what is missing is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelmetry import api
from modelmetry.analyses.budgets import TERMS, budget_rows, find_budgets
from modelmetry.analyses.designs import CLUSTERED, Layout, lay_out
from modelmetry.analyses.estimates import headline
from modelmetry.analyses.resolution import resolve
from modelmetry.errors import BadInput
from modelmetry.statistics import means, tolerance
from modelmetry.statistics.budget import budget


def simulated(folder: Path, *, suite: str = "addition", seed: int = 0, **options: Any) -> api.Run:
    """A run of a simulated respondent on 40 problems a split."""
    epochs = options.pop("epochs", 1)
    limit = options.pop("limit", 40)
    return api.run(
        suite,
        model="reference/simulated",
        model_options=options,
        seed=seed,
        epochs=epochs,
        limit=limit,
        log_dir=folder,
    )


def test_the_budget_for_these_wordings_is_the_clustered_error(tmp_path: Path) -> None:
    """With wordings fixed the combined uncertainty is the standard error of the headline."""
    # Problems differ enough that no component is cut off at 0, where the two would part.
    run = simulated(tmp_path, ability=0.5, cluster_sd=2.0)
    (found,) = find_budgets([(run.record, run.scores)], ["held-out"])
    (row,) = headline(run.record, run.scores)
    assert found.narrow.value == pytest.approx(row.value)
    assert found.narrow.std_uncertainty == pytest.approx(row.estimate.std_error, rel=1e-6)
    assert found.problems == row.n_clusters == 40


def test_a_planted_effect_of_wordings_dominates(tmp_path: Path) -> None:
    """A respondent that minds the words has a budget in which the wordings weigh most."""
    run = simulated(tmp_path, ability=0.0, wording_sd=2.0, epochs=2)
    (found,) = find_budgets([(run.record, run.scores)], ["held-out"])
    shares = {line.name: line.share for line in found.whole.lines}
    assert shares["wording"] > 0.8
    assert found.whole.expanded is not None
    assert found.narrow.expanded is not None
    assert found.whole.expanded > 3 * found.narrow.expanded
    rows = list(budget_rows([found]))
    assert {row.of for row in rows if row.kind == "standard uncertainty"} == set(shares)
    combined = [row for row in rows if row.kind == "accuracy with combined uncertainty"]
    assert [row.of for row in combined] == ["any wording", "these wordings"]
    assert all(0 <= (row.ci_low or 0) <= (row.ci_high or 1) <= 1 for row in combined)


def test_what_one_run_cannot_show_is_named_with_what_would(tmp_path: Path) -> None:
    """One edition and one repeat leave two components open; both extra runs are offered."""
    run = simulated(tmp_path, ability=0.5)
    (found,) = find_budgets([(run.record, run.scores)], ["held-out"])
    missing = {part.name for part in found.whole.unidentified}
    assert missing == {"edition", "problem:wording"}
    assert {extra.factor for extra in found.whole.extras} == {"edition", "repeat"}
    text = (run.folder / "report.md").read_text()
    assert "Uncertainty budget" in text
    assert "--epochs 2" in text
    assert "--seed 1" in text
    assert "--back-ends" in text
    assert (
        "To see editions (seeds): modelmetry run addition --model reference/simulated -M ability=0.5"
        in text
    )


def test_perfect_scores_have_no_budget_but_a_sentence(tmp_path: Path) -> None:
    """Where no score differs there is nothing to apportion, and no interval of width 0."""
    run = api.run("addition", model="reference/oracle", limit=5, log_dir=tmp_path)
    (found,) = find_budgets([(run.record, run.scores)], ["held-out"])
    assert found.whole.low is None
    assert "no score differs" in (run.folder / "report.md").read_text()


def test_problems_drawn_together_count_by_their_cluster() -> None:
    """Where clusters hold several problems, they carry the uncertainty that they share."""
    rng = np.random.default_rng(5)
    cluster = np.repeat(np.arange(30), 8)
    problem = np.repeat(np.arange(120), 2)
    shared = rng.random(30)[cluster]
    layout = Layout(
        values=(rng.random(240) < shared).astype(float),
        factors={
            "problem": problem.astype(str),
            "cluster": cluster.astype(str),
            "wording": np.tile(["a", "b"], 120),
            "edition": np.full(240, "e"),
        },
        nested=CLUSTERED,
    )
    found = budget(layout.components(TERMS), fixed=["wording"])
    clustered = means.mean(layout.values, clusters=cluster)
    assert found.std_uncertainty == pytest.approx(clustered.std_error, rel=0.03)
    assert {line.name: line.share for line in found.lines}["cluster"] > 0.5


def test_unscored_answers_are_left_out(tmp_path: Path) -> None:
    """The layout holds scored answers only; under two there is none."""
    run = simulated(tmp_path, ability=0.5, limit=2)
    layout = lay_out([(run.record, run.scores)], "held-out")
    assert layout is not None
    assert len(layout.values) == 6
    assert lay_out([(run.record, run.scores.slice(0, 1))], "held-out") is None
    assert lay_out([(run.record, run.scores)], "nowhere") is None


def test_models_far_apart_are_told_apart(tmp_path: Path) -> None:
    """Four respondents of clearly different ability make several categories; alike ones make one."""
    apart = [
        simulated(tmp_path / "apart", ability=ability, respondent=i, epochs=2)
        for i, ability in enumerate((-2.0, -0.5, 1.0, 3.0))
    ]
    (found,) = resolve([(run.record, run.scores) for run in apart])
    assert found.models == 4
    assert found.gauge.categories is not None
    assert found.gauge.categories >= 4
    assert found.coefficients.generalizability is not None
    assert found.coefficients.generalizability > 0.9
    assert found.study is not None
    assert found.study.recommended is not None
    assert found.study.recommended.generalizability is not None
    assert found.study.recommended.generalizability >= 0.9
    alike = [simulated(tmp_path / "alike", ability=0.5, respondent=i) for i in range(4)]
    (found,) = resolve([(run.record, run.scores) for run in alike])
    assert found.gauge.categories in (None, 1)


def test_one_score_is_of_one_edition_however_many_were_asked(tmp_path: Path) -> None:
    """Two models under two seeds: the gauge speaks of a score on one edition's problems."""
    runs = [
        simulated(tmp_path, ability=ability, respondent=i, seed=seed, limit=20)
        for i, ability in enumerate((0.0, 2.0))
        for seed in (1, 2)
    ]
    study = api.grr([run.folder for run in runs])
    assert (study.models, study.editions) == (2, 2)
    (found,) = study.resolutions
    assert dict(found.gauge.sizes) == {"problem": 20, "wording": 3, "edition": 1, "repeat": 1}
    assert dict(found.coefficients.sizes) == dict(found.gauge.sizes)


def test_one_model_over_several_editions_has_a_budget(tmp_path: Path) -> None:
    """Runs of one model under other seeds show the component of editions."""
    runs = [simulated(tmp_path, ability=0.5, seed=seed, limit=20) for seed in range(4)]
    study = api.grr([run.folder for run in runs])
    assert (study.models, study.editions, study.resolutions) == (1, 4, [])
    (found,) = study.budgets
    assert "edition" in {line.name for line in found.whole.lines}
    assert not any(part.name == "edition" for part in found.whole.unidentified)
    floor = study.floors["held-out"]
    assert floor.n == 4
    assert floor.low is not None
    assert floor.low < floor.value < found.whole.value
    frames = [run.frame() for run in runs]
    means_ = [frame[frame.split == "held-out"]["value"].mean() for frame in frames]
    bound = np.mean(means_) - tolerance.normal_factor(4, content=0.9) * np.std(means_, ddof=1)
    assert floor.low == pytest.approx(max(0.0, bound))


def test_back_ends_of_one_model_are_a_component(tmp_path: Path) -> None:
    """Two back ends that answer differently show a component; alike ones show none."""
    runs = [simulated(tmp_path, ability=ability) for ability in (0.0, 2.0, -1.0, 1.0)]
    study = api.grr([run.folder for run in runs], back_ends=True)
    (found,) = study.budgets
    assert (study.models, study.resolutions) == (1, [])
    shares = {line.name: line.share for line in found.whole.lines}
    assert shares["back end"] > 0.5


def test_gauge_studies_refuse_what_they_cannot_use(tmp_path: Path) -> None:
    """One run, two suites, or a target out of range: one line."""
    run = simulated(tmp_path, ability=0.5, limit=3)
    other = simulated(tmp_path, suite="calendar", ability=0.5, limit=3)
    chance = api.run("addition", model="reference/chance", limit=3, log_dir=tmp_path)
    with pytest.raises(BadInput, match="allowed: two or more"):
        api.grr([run.folder])
    with pytest.raises(BadInput, match="allowed: runs of one suite"):
        api.grr([run.folder, other.folder])
    with pytest.raises(BadInput, match="target: 1"):
        api.grr([run.folder, chance.folder], target=1.0)
