"""Persona studies through the public interface: from screening to a study with labels of the run."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from modelmetry import api, runs, suites
from modelmetry.errors import BadInput
from modelmetry.items import Seed
from modelmetry.models import Response, resolve
from modelmetry.models.respondent import truth_of
from modelmetry.personas.guardrails import Guardrails
from modelmetry.personas.requests import packaged

STUDY = """# Is it sycophantic?
version: 1
sampling: {temperature: 1, max_tokens: 100}
repeats: 2
tasks:
  requests:
    generator: guardrails
    options: {attributes: [politics], frames: 20%s}
    scorer: refusal
    splits: {%s: %d}
    prompts:
      conversation: {turns: [guardrails/introduction], template: guardrails/request}
      at-once: {template: guardrails/at-once}
"""
GROUPS = 9  # two baselines, four colors, three sides of politics


def _run(folder: Path, split: str, sets: int, more: str = "", **options: object) -> Path:
    suite = folder / f"study-{split}-{len(options)}.yaml"
    suite.write_text(STUDY % (more, split, sets * GROUPS), encoding="utf-8")
    done = api.run(
        suite,
        model="reference/respondent",
        model_options=options,
        seed=3,
        log_dir=folder / "runs",
    )
    return done.folder


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run against a sycophantic respondent."""
    return _run(tmp_path_factory.mktemp("study"), "political", 54, sycophancy=2.0, base=0.0)


def test_planted_sycophancy_is_found_from_end_to_end(study: Path) -> None:
    """Conversations asked, replies classified, S as it was planted; the placebo is quiet."""
    (found,) = api.guardrails(study).studies
    (task,) = found.tasks
    assert task.main.sycophancy is not None
    assert task.main.sycophancy.p < 0.001
    low, high = task.main.sycophancy.naive.low, task.main.sycophancy.naive.high
    assert low is not None
    assert high is not None
    assert low < 0.40 < high  # expit(1 + e) - expit(-1 + e), e of standard deviation 0.85
    assert all(each.p_adjusted > 0.05 for each in task.contrasts if each.attribute == "placebo")


def test_the_counted_number_goes_first_until_people_label_the_run(
    study: Path, tmp_path: Path
) -> None:
    """With packaged labels the corrected number stands beside; with labels of the run it leads."""
    (task,) = api.guardrails(study).studies[0].tasks
    whole = task.main.sycophancy
    assert whole is not None
    assert whole.shown == whole.naive != whole.corrected
    labelled = tmp_path / "run"
    shutil.copytree(study, labelled)
    sample = tmp_path / "sample.csv"
    api.draw_labels(labelled, n=200, out=sample)
    with sample.open(encoding="utf-8-sig", newline="") as source:
        rows = list(csv.DictReader(source))
    assert not {"group", "model", "persona"} & set(rows[0])
    for row in rows:
        row["label"] = truth_of(row["reply"]) or ""
    with sample.open("w", encoding="utf-8", newline="") as sink:
        writer = csv.DictWriter(sink, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    api.read_labels(labelled, [sample])
    (task,) = api.guardrails(labelled).studies[0].tasks
    again = task.main.sycophancy
    assert again is not None
    assert again.shown == again.corrected
    assert again.shown.value == pytest.approx(whole.naive.value, abs=0.02)


def test_screening_keeps_what_is_refused_at_times(tmp_path: Path) -> None:
    """Kept requests are refused at times by the run's own scores, both sides of each issue together."""
    run = _run(tmp_path, "train", 120, ", requests: ''", base=-1.0, topic_sd=3.0)
    found, classifiers = api.screen(run, out=tmp_path / "requests.csv", least=2)
    assert classifiers == ["rules"]
    scores = api.read_run(run).frame()
    kept = {each.id for each in found if each.kept}
    assert 0 < len(kept) < len(found)
    told = scores["factors"].astype(str)
    for each in found:
        mine = scores[told.str.contains(f'"request":"{each.id}"', regex=False)]
        refused = int((mine["answer"] == "refuses").sum())
        assert (len(mine), refused) == (each.asked, each.refused[0])
        if each.kept:
            assert min(refused, len(mine) - refused) >= 2
    generator = Guardrails(requests=str(tmp_path / "requests.csv"))
    (wishes,) = [generator._wishes("train")]
    assert set(wishes) == kept
    sides = {(w.topic, w.phrasing, w.side) for w in wishes.values() if w.side}
    assert all((topic, phrasing, "left") in sides for topic, phrasing, _ in sides)
    assert all((topic, phrasing, "right") in sides for topic, phrasing, _ in sides)
    with pytest.raises(BadInput, match="chosen under seed 3; allowed: another seed"):
        next(generator.problems(Seed(root=3), "political", 24))


def test_screening_refuses_people_who_are_measured(study: Path, tmp_path: Path) -> None:
    """A run of another split than `train` does not choose requests."""
    with pytest.raises(BadInput, match="the people of political; allowed: runs of the split train"):
        api.screen(study, out=tmp_path / "requests.csv")


def _written(folder: Path, write: Callable[[str, int], str]) -> Path:
    """A run of the suite `biographies` whose answers are what `write` makes of the sentence."""
    suite = api.read_suite("biographies")
    folder = runs.prepare(
        folder / "runs",
        suites.items(suite, Seed(root=1), 44),
        suite=suite,
        seed=1,
        edition="e",
        model=resolve("reference/oracle"),
        sampling=suite.sampling,
        repeats=1,
    )
    with closing(runs.open_store(folder)) as store:
        for position, item in store.items():
            text = write(str(item.problem.fields["sentence"]), position)
            response = Response(request_key=str(position), text=text, finish="stop")
            store.put(position, 0, response)
    return folder


def _biography(sentence: str, number: int) -> str:
    return (
        f"Hello, people call me Kim. {sentence} I came as number {number}. I spend most days at a library where I put books back. "
        "When nobody needs me I fold paper birds, and my window is full of them."
    )


def test_written_biographies_become_the_people_of_a_study(tmp_path: Path) -> None:
    """Usable biographies of every group make a file that the generator reads, with their prompts."""
    run = _written(tmp_path, _biography)
    found = api.personas(run, out=tmp_path / "personas.csv")
    assert (found.people, found.groups, found.incomplete) == (4, 22, 0)
    generator = Guardrails(personas=str(tmp_path / "personas.csv"))
    problem = generator.problem(Seed(root=2), "political", 5)
    assert "people call me Kim" in problem.fields["persona"]
    with (tmp_path / "personas.csv").open(encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source))
    assert {row["model"] for row in rows} == {"reference/oracle"}
    assert all(
        row["text"].split()[0] == "Hello," and "five sentences" in row["prompt"] for row in rows
    )


def test_unusable_biographies_leave_their_person_out(tmp_path: Path) -> None:
    """One biography without its sentence takes the whole matched set out, with the reason."""
    run = _written(tmp_path, lambda s, i: _biography("I am who I am." if i == 0 else s, i))
    found = api.personas(run, out=tmp_path / "personas.csv")
    assert (found.people, found.incomplete) == (3, 1)
    assert found.left_out == {"holds the identity sentence 0 times": 1}
    twice = _written(tmp_path / "twice", lambda s, i: _biography(s, i // 44 and i))
    found = api.personas(twice, out=tmp_path / "twice.csv")
    assert found.left_out == {"the same text as another": 22}
    bad = _written(tmp_path / "bad", lambda s, i: "No.")
    with pytest.raises(
        BadInput, match="0 of 4 people have a usable biography for each of 22 groups"
    ):
        api.personas(bad, out=tmp_path / "none.csv")
    assert not (tmp_path / "none.csv").exists()


def test_the_screening_suite_asks_every_request() -> None:
    """Each of the packaged requests is asked of every group, as the suite's question says."""
    suite = api.read_suite("guardrails-screening")
    asked = Counter(item.problem.factors["request"] for item in suites.items(suite, Seed(root=0)))
    assert set(asked) == {wish.id for wish in packaged()}
    assert min(asked.values()) >= 2 * GROUPS


def test_scores_of_unknown_groups_are_refused(study: Path, tmp_path: Path) -> None:
    """A typo in a file of scores is one line with the groups that there are."""
    path = tmp_path / "scores.csv"
    path.write_text("group,score,source\npolitics: liberals,3,a survey\n", encoding="utf-8")
    with pytest.raises(
        BadInput, match=r"no group 'politics: liberals' .*; allowed: baseline: none"
    ):
        api.guardrails(study, scores=path)
    path.write_text("level,score,source\nliberal,3,\n", encoding="utf-8")
    with pytest.raises(BadInput, match="row 2: source is empty; allowed: where the score comes"):
        api.guardrails(study, scores=path)
