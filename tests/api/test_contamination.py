"""Contamination through the public interface: readers of known memory, and what cannot be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from modelmetry import api
from modelmetry.api.contamination import Contamination
from modelmetry.errors import BadInput
from modelmetry.items import digest
from modelmetry.models import Model, Request, Response
from modelmetry.models.hashed import normal
from modelmetry.reports.contamination import conclusion, sentences

SUITE = """# Does a model add numbers of up to six digits?
version: 1
tasks:
  addition:
    generator: addition
    options: {digits: 2, longest: 6}
    scorer: number
    splits: {held-out: 40, longer: 80}
    prompts:
      plain: {template: addition/plain}
      words: {template: addition/words}
"""


@dataclass(frozen=True, kw_only=True)
class Reader(Model):
    """A respondent that has read the published edition as well as `recall` says.

    It knows answers with probability `ability`, and recalls, besides, published items and rows, with
    probability `recall`; likewise it raises log-probabilities by up to `nats`.
    """

    name: str = "reader"
    ability: float = 0.5
    recall: float = 0.0
    nats: float = 0.0
    canary: bool = False
    seed_read: int = 1

    provider: ClassVar[str] = "test"
    scores_texts: ClassVar[bool] = True

    def identity(self) -> Mapping[str, object]:
        return {"model": self.spec, "recall": self.recall, "nats": self.nats}

    async def answer(self, request: Request) -> Response:
        problem, uid = request.item.problem, request.item.uid
        inserted = problem.factors.get("inserted", f" seed-{self.seed_read}-" in request.suite)
        known = 0.0 if "inserted" in problem.factors else self.ability
        if inserted:
            known = 1 - (1 - known) * (1 - self.recall)
        if problem.split == "canary":
            known = float(bool(inserted) and self.canary)
        right = digest("reader", self.name, uid, request.suite) % 1000 < 1000 * known
        text = problem.target.answers[0] if right else "7"
        if request.sampling.logprobs != "target":
            return Response(request_key=request.key, text=text, finish="stop")
        logprob = -60 + normal("reader", self.name, uid)
        if inserted and not problem.factors["order"]:
            logprob += self.nats
        return Response(
            request_key=request.key,
            text=text,
            finish="stop",
            shown_logprobs=(None, -2.0),
            target_logprobs=(logprob / 2, logprob / 2),
        )


Asked = Callable[..., Contamination]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where editions and runs of this module lie, with the suite and its two editions."""
    out = tmp_path_factory.mktemp("contamination")
    (out / "sums.yaml").write_text(SUITE, encoding="utf-8")
    for seed in (1, 2):
        api.generate(out / "sums.yaml", seed=seed, out=out / "editions")
    return out


def _edition(folder: Path, seed: int) -> Path:
    return next((folder / "editions").glob(f"sums-seed-{seed}-*"))


def _asked(folder: Path, model: Model, *, logprobs: str | None = "target", **options: Any) -> Path:
    given = {"edition": str(_edition(folder, 1)), "fresh": str(_edition(folder, 2)), "orders": 4}
    return api.run(
        "contamination",
        model=model,
        suite_options={**given, "references": 40, **options},
        limit=100,
        logprobs=logprobs,  # type: ignore[arg-type]
        log_dir=folder / "runs",
    ).folder


def _scored(folder: Path, model: Model, what: str | Path, seed: int | None = None) -> Path:
    return api.run(what, model=model, seed=seed, log_dir=folder / "runs").folder


@pytest.fixture(scope="module")
def readers(folder: Path) -> dict[str, list[Path]]:
    """Runs of a reader and of its twin: on the edition, on two fresh ones, and of contamination."""
    made = {}
    for model in (
        Reader(name="read", recall=0.5, nats=4.0, canary=True),
        Reader(name="unread"),
    ):
        suite = folder / "sums.yaml"
        made[model.name] = [
            _scored(folder, model, _edition(folder, 1)),
            *(_scored(folder, model, suite, seed) for seed in (2, 3)),
            _asked(folder, model),
        ]
    return made


def test_a_reader_is_told_from_its_twin(folder: Path, readers: dict[str, list[Path]]) -> None:
    """Scores, canary, rows and order all show the one and none shows the other."""
    found = api.contamination([*readers["read"], *readers["unread"]], edition=_edition(folder, 1))
    read, twin = found.studies
    assert (read.model, twin.model) == ("test/read", "test/unread")
    assert {signal.test for signal in read.shown} == {"score", "canary", "rows", "order"}
    assert not twin.shown
    assert len(twin.signals) == 4
    assert read.canary is not None
    assert read.canary.came_back
    assert (read.canary.rank, read.canary.references) == (1, 40)
    assert read.canary.p == pytest.approx(1 / 41)
    assert twin.canary is not None
    assert not twin.canary.came_back
    assert not read.missing
    assert "has seen edition" in conclusion(read)
    assert "Nothing shows" in conclusion(twin)
    assert "which is not to say that it has not" in conclusion(twin)


def test_the_differences_are_those_planted(folder: Path, readers: dict[str, list[Path]]) -> None:
    """Recall of 0.5 lifts scores of 0.5 by 25 points and rows from 0 by 50; order gains 4 nats."""
    (read,) = api.contamination(readers["read"], edition=_edition(folder, 1)).studies
    score = read.frozen[0].comparison.difference
    assert score.low is not None
    assert score.high is not None
    assert score.low < 0.25 < score.high
    assert [each.split for each in read.frozen] == ["all", "held-out", "longer"]
    assert read.frozen[0].editions == 2
    assert all(each.paired for each in read.frozen)
    rows = read.rows[0].comparison
    assert rows is not None
    assert rows.difference.value == pytest.approx(0.5, abs=0.2)
    assert read.rows[0].fresh is not None
    assert read.rows[0].fresh.value == 0
    assert read.order is not None
    assert read.order.beyond is not None
    assert read.order.beyond.gain.value == pytest.approx(4, abs=1.2)
    assert read.order.orders == 4
    assert sum("fresh items are in the published edition" in line for line in read.warnings) == 1
    said = "\n".join(sentences(read))
    for words in ("2 fresh editions", "rank 1 of 41", "smallest detectable", "nats"):
        assert words in said


def test_text_alone_says_what_it_lacks(folder: Path) -> None:
    """Without log-probabilities canary and rows remain, and what it takes for the rest is said."""
    model = Reader(name="text", recall=0.6)
    run = _asked(folder, model, logprobs=None, references=0, orders=0)
    (study,) = api.contamination(run, edition=_edition(folder, 1)).studies
    assert [signal.test for signal in study.shown] == ["rows"]
    assert study.order is None
    said = "\n".join(study.missing)
    assert "no exposure of the canary: it takes log-probabilities (--logprobs target)" in said
    assert "no order test: it takes log-probabilities" in said
    assert "a run of the edition's folder and a run of sums with another --seed" in said
    assert "is not like a model that has never seen" in conclusion(study)


def test_without_controls_rows_are_no_test(folder: Path) -> None:
    """Rows of the published edition alone have a share and no difference; the order test its strata."""
    model = Reader(name="alone", recall=0.6, nats=4.0)
    run = _asked(folder, model, fresh="")
    (study,) = api.contamination(run, edition=_edition(folder, 1)).studies
    assert study.rows[0].comparison is None
    assert study.rows[0].published.value > 0.4
    assert any("-T fresh=FOLDER" in line for line in study.missing)
    assert study.order is not None
    assert study.order.beyond is None
    assert study.order.published is not None
    assert {signal.test for signal in study.shown} == {"canary", "order"}


def test_only_scores_are_compared_without_the_suite(
    folder: Path, readers: dict[str, list[Path]]
) -> None:
    """Runs of the edition and of a fresh seed do; with one kind nothing can be said."""
    edition = _edition(folder, 1)
    (study,) = api.contamination(readers["unread"][:2], edition=edition).studies
    assert [signal.test for signal in study.signals] == ["score"]
    assert "points higher than on fresh editions" in conclusion(study)
    (study,) = api.contamination(readers["unread"][0], edition=edition).studies
    assert conclusion(study) == "Of test/unread nothing can be said: no test could be made."


def test_the_report_is_written_twice_alike(
    folder: Path, readers: dict[str, list[Path]], tmp_path: Path
) -> None:
    """HTML, Markdown and CSV, the same bytes for the same runs; every study's words are on the page."""
    runs = [*readers["read"], *readers["unread"]]
    one, two = (
        api.contamination(runs, edition=_edition(folder, 1), out=tmp_path / name)
        for name in ("a", "b")
    )
    assert [path.name for path in one.files] == ["report.html", "report.md", "estimates.csv"]
    for here, there in zip(one.files, two.files, strict=True):
        assert here.read_bytes() == there.read_bytes()
    page, text, table = (path.read_text(encoding="utf-8") for path in one.files)
    for name in ("test/read", "test/unread"):
        assert name in page
        assert name in text
        assert name in table
    assert "Nothing shows that" in page
    assert "Nothing shows that" in text
    assert table.count(",difference,") == 2 * (3 + 2 + 1)
    assert "canary,,exposure" in table


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda folder, readers: ([], _edition(folder, 1)), "no run; allowed: one or more"),
        (
            lambda folder, readers: (readers["read"], folder),
            "is no edition; allowed: a folder made",
        ),
        (lambda folder, readers: (readers["read"][3], _edition(folder, 2)), "asks about seed-1"),
        (
            lambda folder, readers: ([readers["read"][0]] * 2, _edition(folder, 1)),
            "two runs of the",
        ),
    ],
)
def test_bad_input_is_one_line(
    folder: Path, readers: dict[str, list[Path]], make: Callable[..., Any], line: str
) -> None:
    """What cannot be compared is named."""
    runs, edition = make(folder, readers)
    with pytest.raises(BadInput, match=line) as error:
        api.contamination(runs, edition=edition)
    assert "\n" not in str(error.value)


def test_runs_of_other_things_are_refused(folder: Path, tmp_path: Path) -> None:
    """Another suite, another version of it, the edition's seed under another limit."""
    edition, model = _edition(folder, 1), Reader(name="other")
    run = api.run("calendar", model=model, limit=2, log_dir=tmp_path).folder
    with pytest.raises(
        BadInput, match="a run of calendar version 1; allowed: runs of sums version 1"
    ):
        api.contamination(run, edition=edition)
    run = api.run(folder / "sums.yaml", model=model, seed=1, limit=3, log_dir=tmp_path).folder
    with pytest.raises(BadInput, match="has the seed of the published edition"):
        api.contamination(run, edition=edition)
    (tmp_path / "sums.yaml").write_text(SUITE.replace("longest: 6", "longest: 5"))
    run = api.run(tmp_path / "sums.yaml", model=model, seed=4, limit=3, log_dir=tmp_path).folder
    with pytest.raises(BadInput, match="made in another way"):
        api.contamination(run, edition=edition)


def test_a_changed_edition_is_refused(folder: Path, readers: dict[str, list[Path]]) -> None:
    """A flipped byte is named with its file."""
    path = next(_edition(folder, 1).rglob("*.parquet"))
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    try:
        with pytest.raises(BadInput, match=f"{path.name}: was changed"):
            api.contamination(readers["read"], edition=_edition(folder, 1))
    finally:
        path.write_bytes(good)
