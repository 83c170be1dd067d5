"""Where a run's questions come from: a suite and a seed, an edition, or a run to go on with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import modelmetry.runs as runs
import modelmetry.suites as suites
from modelmetry.api.making import checked_limit, read_suite
from modelmetry.errors import BadInput
from modelmetry.items import Item, Seed
from modelmetry.models import Sampling
from modelmetry.suites import Suite


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
        self, epochs: int | None, temperature: float | None, max_tokens: int | None
    ) -> Source:
        """With other repeats and sampling, where they are given; a run keeps its own.

        Raises:
            BadInput: A value is not allowed, or is not that of the run.
        """
        if epochs is not None and epochs < 1:
            raise BadInput(f"epochs: {epochs}; allowed: from 1")
        given = {"temperature": temperature, "max_tokens": max_tokens}
        if self.run is not None:
            _check_own(self.run, "epochs", epochs, self.repeats)
            for name, value in given.items():
                _check_own(self.run, name, value, getattr(self.sampling, name))
        changes = {name: value for name, value in given.items() if value is not None}
        return replace(
            self,
            sampling=replace(self.sampling, **changes),
            repeats=self.repeats if epochs is None else epochs,
        )


def source_of(what: str | Path | Suite, limit: int | None, seed: int | None) -> Source:
    """What a suite's name, path or object, or the folder of an edition or a run, stands for.

    Raises:
        BadInput: It is none of these, or limit and seed are not those it was made with.
    """
    checked_limit(limit)
    if isinstance(what, Suite) or str(what) in suites.names() or not Path(what).is_dir():
        suite, root = read_suite(what), Seed(root=seed or 0)
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
    _check_own(folder, "limit", limit, source.limit)
    _check_own(folder, "seed", seed, source.seed)
    return source


def _of_run(folder: Path) -> Source:
    record = runs.read_record(folder)

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


def _check_own(folder: Path, name: str, given: float | None, own: float | None) -> None:
    """Refuse to ask a run or an edition otherwise than it was made."""
    if given is not None and given != own:
        raise BadInput(
            f"{folder}: {name} {given}; allowed: leave it out, as this was made with "
            f"{'none' if own is None else own}, or start anew from the suite"
        )
