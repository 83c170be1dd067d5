"""A run from start to end: what is asked, how it is resumed, and how it stopped."""

from __future__ import annotations

import asyncio
import contextlib
import platform
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from modelmetry.errors import BadInput, LimitReached, ModelmetryError, Unreachable
from modelmetry.items import Item, Problem, canonical_json
from modelmetry.models import Model, Request, Retries, Sampling, sampling_seed
from modelmetry.runs import folder as folders
from modelmetry.runs.ask import Asker, Plan, Tally
from modelmetry.runs.record import RunRecord, Status
from modelmetry.runs.store import Store
from modelmetry.suites import Suite

_GRACE_S = 5.0
"""How long answers in flight are waited for after the first Ctrl-C."""

_PACKAGES = ("modelmetry", "numpy", "scipy", "openai", "aiohttp", "torch", "transformers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How hard to try; nothing here changes an answer.

    Attributes:
        connections: Most requests in flight; None for the model's own default.
        retries: When to ask again.
        cost_limit_usd: Spending in this session that ends it; None for no limit.
    """

    connections: int | None = None
    retries: Retries = field(default_factory=Retries)
    cost_limit_usd: float | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.connections is not None and self.connections < 1:
            raise BadInput(f"max-connections: {self.connections}; allowed: from 1")
        if self.cost_limit_usd is not None and not self.cost_limit_usd > 0:
            raise BadInput(f"cost-limit: {self.cost_limit_usd}; allowed: US dollars above 0")


def prepare(
    log_dir: Path,
    items: Iterable[Item],
    *,
    suite: Suite,
    seed: int,
    edition: str,
    model: Model,
    sampling: Sampling,
    repeats: int,
    limit: int | None = None,
) -> Path:
    """Make a run's folder with everything that will be asked in it; nothing is asked yet.

    Returns:
        The folder. It counts as a run from the moment its `run.json` is there.
    """
    folder = folders.make(log_dir, suite.name, model.spec)
    try:
        with Store(folder / folders.RESPONSES, create=True) as store:
            count = store.add_items(items)
        record = RunRecord(
            id=folder.name,
            suite=suite,
            seed=seed,
            edition=edition,
            model=model.spec,
            identity=model.identity(),
            sampling=sampling,
            repeats=repeats,
            planned=count * repeats,
            limit=limit,
            status="interrupted",
            versions=_versions(),
            started_at=folders.now(),
            note="not started",
        )
        folders.write_record(folder, record)
    except BaseException:
        # Half a folder is no run, and would only be in the way, most of all on a full disk.
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def find(
    log_dir: Path, *, edition: str, model: Model, sampling: Sampling, repeats: int
) -> Path | None:
    """The newest run in a log folder that asks exactly this, or None; what is damaged is no run."""
    wanted = (edition, _identity(model), sampling, repeats)
    for folder in folders.runs_in(log_dir):
        with contextlib.suppress(BadInput):
            record = folders.read_record(folder)
            asked = canonical_json([record.model, record.identity])
            if (record.edition, asked, record.sampling, record.repeats) == wanted:
                return folder
    return None


def _identity(model: Model) -> bytes:
    """The model's spec and whatever else can change its answers, to be compared."""
    return canonical_json([model.spec, model.identity()])


def execute(
    folder: Path, model: Model, effort: Effort, watch: Callable[[Tally], None] = lambda _: None
) -> RunRecord:
    """Ask whatever a run still lacks, answers that failed before included.

    Args:
        folder: The run's folder.
        model: The model the run was prepared for.
        effort: Connections, retries, cost limit.
        watch: Called with the tally after every answer.

    Returns:
        The record as written at the end.

    Raises:
        Unreachable: The server does not answer; the run can be resumed.
        LimitReached: The cost limit was reached; the run can be resumed.
        BadInput: The model is another than the run's, or the server refuses the key.
        KeyboardInterrupt: Ctrl-C; the run can be resumed.
    """
    with folders.locked(folder):
        record = folders.read_record(folder)
        _check_same_model(folder, record, model)
        started = time.monotonic()
        record = replace(record, status="running", ended_at="", note="")
        folders.write_record(folder, record)
        found: dict[str, str] = {}
        status: Status = "interrupted"
        note = "stopped by a signal or a fault"
        try:
            with folders.open_store(folder) as store:
                _in_loop(lambda: _ask(record, store, model, effort, watch, found))
            status, note = "finished", ""
        except KeyboardInterrupt:
            note = "interrupted"
            raise
        except ModelmetryError as error:
            status, note = _ending(error), str(error)
            raise
        finally:
            wall_s = round(record.wall_s + time.monotonic() - started, 3)
            ended = replace(record, status=status, note=note, wall_s=wall_s, ended_at=folders.now())
            # A full disk must not hide the error that is already on its way.
            with contextlib.suppress(ModelmetryError) if note else contextlib.nullcontext():
                folders.write_record(folder, ended)
        return ended


async def _ask(
    record: RunRecord,
    store: Store,
    model: Model,
    effort: Effort,
    watch: Callable[[Tally], None],
    found: dict[str, str],
) -> None:
    if model.studies:
        model.study(_problems(store))
    done = store.answered()
    asker = Asker(
        model=model,
        store=store,
        tally=Tally(planned=record.planned, answered=len(done)),
        # A connection beyond what is left to ask would only be a task that does nothing.
        connections=min(effort.connections or model.max_connections, record.planned),
        retries=effort.retries,
        cost_limit_usd=effort.cost_limit_usd,
        watch=watch,
    )
    with _stoppable(asker):
        await model.open()
        found.update(model.found())
        try:
            await asker.ask_all(_plan(record, store, done))
        finally:
            await model.close()
    if asker.stop.is_set():
        raise KeyboardInterrupt


def _plan(record: RunRecord, store: Store, done: dict[tuple[int, int], str]) -> Plan:
    """Everything not yet answered, with the request keys of what is answered checked."""
    model = f"{record.model} {canonical_json(record.identity).decode()}"
    suite = f"{record.suite.name}@{record.suite.version} {record.edition}"
    stops = {(task.name, p.name): p.stop for task in record.suite.tasks for p in task.prompts}
    for position, item in store.items():
        sampling = record.sampling
        if stop := stops.get((item.task, item.wording)):
            sampling = replace(sampling, stop=(*sampling.stop, *stop))
        for repeat in range(record.repeats):
            request = Request(
                item=item,
                repeat=repeat,
                sampling=sampling,
                model=model,
                suite=suite,
                seed=sampling_seed(record.seed, item, repeat),
            )
            stored = done.get((position, repeat))
            if stored is None:
                yield position, request
            elif stored != request.key:
                raise BadInput(
                    f"{store.path}: item {position} was asked otherwise than run.json says; "
                    "allowed: a run whose files were not edited"
                )


def _problems(store: Store) -> Iterator[Problem]:
    return (item.problem for _, item in store.items())


@contextlib.contextmanager
def _stoppable(asker: Asker) -> Iterator[None]:
    """Let the first SIGINT or SIGTERM stop gently, a second one or a few seconds at once."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if threading.current_thread() is not threading.main_thread() or task is None:
        yield
        return

    def stop() -> None:
        if asker.stop.is_set():
            task.cancel()
            return
        asker.stop.set()
        loop.call_later(_GRACE_S, task.cancel)

    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        with contextlib.suppress(NotImplementedError):  # not on Windows
            loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in signals:
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(number)


def _in_loop(work: Callable[[], object]) -> None:
    """Run a coroutine to its end, also from inside a notebook, which has a loop running."""

    def run() -> None:
        try:
            asyncio.run(work())  # type: ignore[arg-type]
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        run()
        return
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            run()
        except BaseException as error:  # noqa: BLE001 - carried over to the caller's thread
            failures.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def _check_same_model(folder: Path, record: RunRecord, model: Model) -> None:
    if canonical_json([record.model, record.identity]) != _identity(model):
        raise BadInput(
            f"{folder}: asked of {dict(record.identity)}, not {dict(model.identity())}; "
            "allowed: the same model with the same options"
        )


def _ending(error: ModelmetryError) -> Status:
    if isinstance(error, Unreachable):
        return "unreachable"
    return "limit" if isinstance(error, LimitReached) else "interrupted"


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
