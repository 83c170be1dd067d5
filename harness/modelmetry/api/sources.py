"""Where a run's questions come from: a suite and a seed, an edition, or a run to go on with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import modelmetry.runs as runs
import modelmetry.suites as suites
from modelmetry.api.making import checked_limit, read_suite
from modelmetry.errors import BadInput
from modelmetry.items import Item, Seed
from modelmetry.models import Sampling
from modelmetry.suites import Suite

Logprobs = Literal["none", "answer", "target"]
"""What to ask log-probabilities of: nothing; the tokens of the answer; besides, the text shown and the
right answer after it."""

_LOGPROBS: Mapping[Logprobs, bool | Literal["target"]] = {
    "none": False,
    "answer": True,
    "target": "target",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the questions come from: a suite and a seed, an edition made of them, or a run.

    Attributes:
        suite: The suite, as it was read.
        seed: Root seed.
        edition: Names the exact test set.
        limit: Most problems per split, or None.
        sampling: How to decode.
        repeats: How often to ask each item.
        items: Makes every item, in order.
        pictures: Gives the (address, PNG bytes) of the pictures that are painted already.
        run: The folder of a run to go on with, or None.
    """

    suite: Suite
    seed: int
    edition: str
    limit: int | None
    sampling: Sampling
    repeats: int
    items: Callable[[], Iterator[Item]]
    pictures: Callable[[], Iterator[tuple[str, bytes]]] = lambda: iter(())
    run: Path | None = None

    def changed(
        self,
        epochs: int | None,
        temperature: float | None,
        max_tokens: int | None,
        logprobs: Logprobs | None,
    ) -> Source:
        """With other repeats and sampling, where they are given; a run keeps its own.

        Raises:
            BadInput: A value is not allowed, or is not that of the run; or log-probabilities of the text
                shown are asked for and a prompt is a chat, which has none.
        """
        if epochs is not None and epochs < 1:
            raise BadInput(f"epochs: {epochs}; allowed: from 1")
        if logprobs is not None and logprobs not in _LOGPROBS:
            raise BadInput(f"logprobs: {logprobs!r}; allowed: {', '.join(_LOGPROBS)}")
        given = {
            "temperature": temperature,
            "max_tokens": max_tokens,
            "logprobs": None if logprobs is None else _LOGPROBS[logprobs],
        }
        if self.run is not None:
            _check_own(self.run, "epochs", epochs, self.repeats)
            _check_own(self.run, "logprobs", logprobs, _logprobs_word(self.sampling))
            for name in ("temperature", "max_tokens"):
                _check_own(self.run, name, given[name], getattr(self.sampling, name))
        changes = {name: value for name, value in given.items() if value is not None}
        changed = replace(
            self,
            sampling=replace(self.sampling, **changes),
            repeats=self.repeats if epochs is None else epochs,
        )
        if changed.sampling.logprobs == "target":
            _check_completions(changed.suite)
        return changed


def source_of(
    what: str | Path | Suite,
    limit: int | None,
    seed: int | None,
    suite_options: Mapping[str, Any] | None = None,
) -> Source:
    """What a suite's name, path or object, or the folder of an edition or a run, stands for.

    Args:
        what: Which.
        limit: Most problems per split.
        seed: Root seed.
        suite_options: Options of a suite's generators in place of its own.

    Raises:
        BadInput: It is none of these, or limit and seed are not those it was made with; or options are
            given for anything but a suite that is yet to be read.
    """
    checked_limit(limit)
    if isinstance(what, Suite) or str(what) in suites.names() or not Path(what).is_dir():
        suite, root = read_suite(what, suite_options), Seed(root=seed or 0)
        return Source(
            suite=suite,
            seed=root.root,
            edition=suites.edition(suite, root, limit),
            limit=limit,
            sampling=suite.sampling,
            repeats=suite.repeats,
            items=lambda: suites.items(suite, root, limit),
        )
    folder = Path(what)
    if runs.is_run(folder):
        source = _of_run(folder)
    elif suites.is_edition(folder):
        source = _of_edition(folder)
    else:
        raise BadInput(
            f"{folder}: neither a run (no run.json) nor an edition (no edition.json); "
            "allowed: the folder of either, a suite's name, or a .yaml file"
        )
    if suite_options:
        raise BadInput(
            f"{folder}: -T {' '.join(suite_options)}; allowed: leave it out, as the problems of this are "
            "made, or start anew from the suite"
        )
    _check_own(folder, "limit", limit, source.limit)
    _check_own(folder, "seed", seed, source.seed)
    return source


def _of_run(folder: Path) -> Source:
    record = runs.read_record(folder)
    if record.origin:
        raise BadInput(
            f"{folder}: was imported from {record.origin.get('harness')}, which asked its questions; allowed: "
            "report, compare, grr and score on it, or a run of ours to go on with"
        )

    def items() -> Iterator[Item]:
        with runs.open_store(folder) as store:
            yield from (item for _, item in store.items())

    return Source(
        suite=record.suite,
        seed=record.seed,
        edition=record.edition,
        limit=record.limit,
        sampling=record.sampling,
        repeats=record.repeats,
        items=items,
        run=folder,
    )


def _of_edition(folder: Path) -> Source:
    edition = suites.read_edition(folder)
    manifest = edition.manifest
    return Source(
        suite=manifest.suite,
        seed=manifest.seed,
        edition=manifest.edition,
        limit=manifest.limit,
        sampling=manifest.suite.sampling,
        repeats=manifest.suite.repeats,
        items=edition.items,
        pictures=edition.pictures,
    )


def _check_completions(suite: Suite) -> None:
    """Refuse log-probabilities of what is shown where a prompt is a chat."""
    for task in suite.tasks:
        for prompt in task.prompts:
            if prompt.format != "completion":
                raise BadInput(
                    f"{suite.name}: prompt {task.name}/{prompt.name} is a chat; allowed with logprobs "
                    "target: completion prompts only"
                )


def _logprobs_word(sampling: Sampling) -> Logprobs:
    return next(word for word, value in _LOGPROBS.items() if value == sampling.logprobs)


def _check_own(folder: Path, name: str, given: object, own: object) -> None:
    """Refuse to ask a run or an edition otherwise than it was made."""
    if given is not None and given != own:
        raise BadInput(
            f"{folder}: {name} {given}; allowed: leave it out, as this was made with "
            f"{'none' if own is None else own}, or start anew from the suite"
        )
