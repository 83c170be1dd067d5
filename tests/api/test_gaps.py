"""Systematicity through the public interface, with a respondent that has a gap."""

from __future__ import annotations

import pytest

from modelmetry import api
from modelmetry.errors import BadInput

SUITE = """# Is there a gap?
version: 1
sampling: {temperature: 0, max_tokens: 16}
repeats: 1
tasks:
  told:
    generator: clevr-hope
    options: {pairs: [rubber cylinder, cyan rubber, large cyan, small red]}
    scorer: choice
    splits: {minimal-iid: 96, minimal-ood: 96}
    prompts:
      list: {template: clevr-hope/list}
      symbols: {template: clevr-hope/symbols}
primary: [minimal-ood]
"""


def _run(folder, **options):
    suite = folder / "gap.yaml"
    suite.write_text(SUITE)
    found = api.run(
        suite,
        model="reference/simulated",
        model_options={"ability": 2, **options},
        log_dir=folder
        / "runs",  # one folder, so that runs of the same second have names of their own
    )
    return found.folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A run with a planted gap, and one without."""
    folder = tmp_path_factory.mktemp("runs")
    planted = _run(folder, split_shift={"*-ood": -4.0})
    return planted, _run(folder, respondent=1)


def test_a_planted_gap_is_measured_from_end_to_end(folders):
    """From suite to estimate: a gap that is planted is found, and none where there is none."""
    planted, plain = (api.systematicity(folder).runs[0].found[0] for folder in folders)
    assert planted.pooled.mean.low > 0.1
    for gap in planted.gaps:  # the accuracies shown beside a gap are those it is made of
        assert gap.accuracy_a - gap.accuracy_b == pytest.approx(gap.estimate.value)
    assert plain.pooled.mean.low < 0.1
    assert len(planted.gaps) == 4
    constants = {(c.answer, c.a, c.b) for c in planted.constants}
    assert constants == {("yes", 0.25, 0.25), ("no", 0.75, 0.75)}


def test_quads_are_tested_in_each_wording_and_together(folders):
    """In one wording a variant counts once, and the test is McNemar's; together it is over variants."""
    found = api.systematicity(folders[0]).runs[0].found[0].quads
    assert [c.of for c in found[:4]] == [
        "quads",
        "quads in list",
        "quads in symbols",
        "both values",
    ]
    assert [c.comparison.exact_method for c in found[1:3]] == ["McNemar mid-p"] * 2
    assert found[0].comparison.exact_method.startswith("sign-flip")
    for name in ("both", "only_iid", "only_ood", "neither"):
        assert getattr(found[0], name) == sum(getattr(c, name) for c in found[1:3])


def test_a_control_run_and_amounts_are_taken(folders):
    """A run may be held against another, and two with amounts of data."""
    planted, plain = folders
    (run,) = api.systematicity(planted, control=plain).runs
    assert run.found[0].control.pooled.mean.value > 0.1
    ids = [folder.name for folder in folders]
    study = api.systematicity(folders, amounts=dict(zip(ids, (100, 400), strict=True)))
    assert [run.amount for run in study.runs] == [100, 400]
    assert [trend.of for trend in study.trends] == ["amount"]


def test_no_run_and_other_suites_are_refused(tmp_path):
    """Nothing to measure is one clear line."""
    with pytest.raises(BadInput, match="no run; allowed: one or more"):
        api.systematicity([])
    other = api.run("greater-than", model="reference/chance", log_dir=tmp_path, limit=4)
    with pytest.raises(BadInput, match="no splits in twos"):
        api.systematicity(other.folder)
