"""Runs with pictures: painted once for all who ask, kept beside the runs, taken from editions."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.runs.conftest import Scripted
from tests.tiny_pictures import SUITE, paint, write_suite

from modelmetry import api
from modelmetry.errors import BadInput
from modelmetry.items import Seed
from modelmetry.models import Request
from modelmetry.suites import items, read, write

TEXT = SUITE.replace(", unseen: 4", "")

ASKED = 18
"""Six problems in three wordings."""


@pytest.fixture
def suite(tmp_path: Path, painted: Path) -> Path:
    """Six problems about dots, in three wordings, two with pictures."""
    return write_suite(tmp_path / "suite", TEXT)


def seeing(seen: list[bytes]) -> Scripted:
    """A model that counts the white dots of the last picture, or reads the number."""

    async def script(request: Request) -> str:
        pictures = await request.pictures()
        shown = request.item.pictures
        if not shown:
            return request.item.messages[-1].text.split()[0]
        seen.append(pictures[shown[-1].address])
        assert pictures == {p.address: paint(p.recipe) for p in shown}
        return str(shown[-1].recipe["dots"])

    return Scripted(script=script)


def paintings(log: Path) -> int:
    """Pictures painted in children so far: the tests' own paintings are in this process."""
    import os

    return sum(not line.endswith(f" {os.getpid()}") for line in log.read_text().splitlines())


def test_all_wordings_repeats_and_models_share_one_painting(
    suite: Path, tmp_path: Path, painted: Path
) -> None:
    """A second model, and a run that is gone on with, find every picture painted."""
    seen: list[bytes] = []
    log_dir = tmp_path / "runs"
    run = api.run(suite, model=seeing(seen), epochs=2, seed=1, log_dir=log_dir)
    assert set(run.scores["value"].to_pylist()) == {1.0}
    different = {p.address for item in items(read(suite), Seed(root=1)) for p in item.pictures}
    assert paintings(painted) == len(different) == len(list(log_dir.rglob("*.png")))
    api.run(suite, model=seeing([]), seed=1, log_dir=log_dir)
    assert paintings(painted) == len(different)
    assert len(seen) == 2 * 12


def test_an_edition_shows_the_pictures_it_holds(suite: Path, tmp_path: Path, painted: Path) -> None:
    """Nothing is painted for an edition, also where it cannot be written and is gone afterwards."""
    edition = write(tmp_path / "e", read(suite), Seed(root=1)).folder
    for path in [edition, *edition.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = paintings(painted)
    seen: list[bytes] = []
    model = seeing(seen)
    run = api.run(edition, model=model, log_dir=tmp_path / "runs")
    assert set(run.scores["value"].to_pylist()) == {1.0}
    for path in [edition, *edition.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    shutil.rmtree(edition)
    api.run(run.folder, model=model)
    assert paintings(painted) == before


def test_a_dry_run_paints_nothing_and_counts_pictures(
    suite: Path, tmp_path: Path, painted: Path
) -> None:
    """What it says of tokens leaves pictures out, and says so."""
    planned = api.dry_run(suite, model="vllm/x", model_options={"price_input": "1"}, epochs=2)
    assert planned["pictures shown, about"] == 2 * (6 * 1 + 6 * 3)
    assert planned["input tokens besides pictures, about"] > 0
    assert planned["cost in USD besides pictures, at most about"] > 0
    assert not painted.read_text()
    assert "input tokens, about" in api.dry_run("addition")
    assert api.plan(suite, effect=0.2).basis.cost.about.count("pictures not counted") == 1


def test_a_text_only_model_ends_the_run_at_once(suite: Path, tmp_path: Path) -> None:
    """One line that names the model, and no folder but one that keeps answers to texts."""
    with pytest.raises(BadInput, match="check-standard: a picture was asked of a text-only model"):
        api.run(suite, log_dir=tmp_path / "runs")
    for folder in (tmp_path / "runs").iterdir():
        if folder.name != "pictures":  # a text may be answered before the first picture is asked
            with closing(sqlite3.connect(folder / "responses.db")) as store:
                (answers,) = store.execute("SELECT count(*) FROM responses").fetchone()
            assert 0 < answers < ASKED


def test_a_picture_is_kept_once_per_place(suite: Path, tmp_path: Path, painted: Path) -> None:
    """The folder is beside the runs, under `pictures`."""
    run = api.run(suite, model=seeing([]), limit=1, log_dir=tmp_path / "runs")
    assert {path.parent.parent for path in tmp_path.rglob("*.png")} == {
        run.folder.parent / "pictures"
    }
