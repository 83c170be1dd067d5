"""A model on Ray's workers is that model: the same answers, faults, lines and folders."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tests.models.conftest import ask, make_request

from modelmetry import api
from modelmetry.errors import BadInput
from modelmetry.models import Model, Rejected, Request, Response, Transient
from modelmetry.models.spread import Spread

PROCESSORS = 2


@dataclass(frozen=True, kw_only=True)
class Teller(Model):
    """Tells which process answers, or fails as its name says."""

    provider: ClassVar[str] = "teller"
    folder: str = ""

    async def answer(self, request: Request) -> Response:
        match self.name:
            case "busy":
                raise Transient("busy", retry_after_s=7.5)
            case "long":
                raise Rejected("too long")
            case "keyless":
                raise BadInput("keyless: no key")
            case "dies" if not (lost := Path(self.folder) / "lost").exists():
                lost.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(0.02)
        return Response(request_key=request.key, text=f"{os.getpid()}", finish="stop")


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """A Ray with two processors."""
    import ray

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # What the tests define is known to workers by where it lies.
    path = os.pathsep.join(filter(None, sys.path))
    ray.init(
        num_cpus=PROCESSORS,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
        runtime_env={"env_vars": {"PYTHONPATH": path}},
    )
    yield ray
    ray.shutdown()


def test_what_cannot_be_is_one_line() -> None:
    """Unknown executors, workers without any, and too few."""
    for settings, line in (
        ({"executor": "dask"}, r"executor: 'dask'; allowed: local, ray"),
        ({"workers": 2}, r"workers: 2; allowed with executor ray"),
        ({"executor": "ray", "workers": 0}, r"workers: 0; allowed: from 1"),
    ):
        with pytest.raises(BadInput, match=line):
            api.run("quickstart", limit=1, **settings)


def test_without_ray_the_line_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra is named, and no run is left behind."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BadInput, match=r'pip install "modelmetry\[ray\]"'):
        api.run("quickstart", limit=1, executor="ray", log_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.ray
@pytest.mark.parametrize("model", ["reference/check-standard", "reference/majority"])
def test_a_run_on_ray_is_the_local_one(ray: Any, tmp_path: Path, model: str) -> None:
    """The same scores and identity; either goes on with what the other left."""
    given: dict[str, Any] = {"model": model, "seed": 3, "limit": 3}
    local = api.run("quickstart", log_dir=tmp_path / "local", **given)
    spread = api.run("quickstart", log_dir=tmp_path / "ray", executor="ray", **given)
    assert spread.scores.equals(local.scores)
    assert spread.record.identity == local.record.identity
    assert spread.record.model == model
    again = api.run("quickstart", log_dir=tmp_path / "ray", resume=True, **given)
    assert again.folder == spread.folder


@pytest.mark.ray
def test_pictures_are_sent_along(ray: Any, tmp_path: Path) -> None:
    """A model that looks at pictures gets them, though it has no gallery."""
    given: dict[str, Any] = {"model": "reference/oracle", "limit": 1}
    run = api.run("clevr-hope-pictures", log_dir=tmp_path, executor="ray", **given)
    assert set(run.scores.column("value").to_pylist()) == {1.0}


@pytest.mark.ray
def test_workers_share_the_requests(ray: Any) -> None:
    """Each answers about as many, none of them in this process."""
    model = Spread(name="teller", model=Teller(name="teller"), workers=2)
    told = [each.text for each in ask(model, *(make_request(n) for n in range(20)))]
    assert {told.count(pid) for pid in set(told)} == {10}
    assert str(os.getpid()) not in told


@pytest.mark.ray
@pytest.mark.parametrize(
    ("name", "kind", "line"),
    [("busy", Transient, "busy"), ("long", Rejected, "too long"), ("keyless", BadInput, "no key")],
)
def test_faults_come_as_they_are(ray: Any, name: str, kind: type[Exception], line: str) -> None:
    """Kind, line and how long to wait."""
    model = Spread(name=name, model=Teller(name=name), workers=1)
    with pytest.raises(kind, match=line) as fault:
        ask(model, make_request())
    assert type(fault.value) is kind
    assert getattr(fault.value, "retry_after_s", 7.5) == 7.5


@pytest.mark.ray
def test_a_lost_worker_loses_nothing(ray: Any, tmp_path: Path) -> None:
    """Whoever waited for it asks again, and the run is whole."""
    model = Spread(name="dies", model=Teller(name="dies", folder=str(tmp_path)), workers=2)
    run = api.run("quickstart", model=model, limit=4, log_dir=tmp_path / "runs")
    assert (tmp_path / "lost").exists()
    assert run.record.status == "finished"
    assert run.scores.num_rows == run.record.planned
    assert set(run.scores.column("outcome").to_pylist()) <= {"answered", "no answer"}


@pytest.mark.ray
def test_more_workers_than_there_is_room_for(ray: Any) -> None:
    """They would wait for ever."""
    model = Spread(name="teller", model=Teller(name="teller"), workers=3)
    with pytest.raises(BadInput, match="workers: 3; allowed: at most 2, the cluster's free CPUs"):
        ask(model, make_request())


@pytest.mark.ray
def test_two_models_at_once(ray: Any, tmp_path: Path) -> None:
    """Runs that grow together share the cluster."""
    started = time.monotonic()
    runs = api.run_until(
        "greater-than",
        until="A>B",
        models=["reference/oracle", "reference/chance"],
        executor="ray",
        log_dir=tmp_path,
    )
    assert [run.record.status for run in runs] == ["finished"] * 2
    assert time.monotonic() - started < 120
