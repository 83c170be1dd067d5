"""Audits: opened seeds are put through the generators again and held against what was published."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import modelmetry.runs as runs
import modelmetry.suites as suites
from modelmetry.errors import BadInput
from modelmetry.items import Item, Seed, canonical_json
from modelmetry.suites import Suite

if TYPE_CHECKING:
    from modelmetry.hub.commitments import Commitment, Opened, Opening, Sealed

Outcome = Literal["agrees", "differs", "not opened"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What an audit says about one thing.

    Attributes:
        about: A suite, or the path of an edition, a run or a table.
        outcome: Whether it is what was committed to.
        says: Why, in one sentence; of a difference, the first.
        items: Items that were made again and compared.
    """

    about: str
    outcome: Outcome
    says: str
    items: int = 0


def audit(
    commitment: str | Path, opening: str | Path, things: Sequence[str | Path] = ()
) -> list[Finding]:
    """Check an opening, and that editions, runs and tables of results are of the opened seeds.

    Args:
        commitment: The commitment's file.
        opening: The opening's file.
        things: Folders of editions and runs, every item of which is made again and compared; and tables
            with a column `seed_commitment`: leaderboards' CSV files, nightly histories in Parquet.

    Returns:
        One finding per suite and per thing, in this order.

    Raises:
        BadInput: A file or folder cannot be read as any of these, or the generator installed here is not
            the one committed to.
    """
    from modelmetry.hub import commitments

    sealed = commitments.read_commitment(Path(commitment))
    opened = commitments.read_opening(Path(opening))
    findings = list(_hashes(sealed, opened))
    right = tuple(each for each in opened.suites if not commitments.why_not(sealed, each))
    held = replace(opened, suites=right)
    return findings + [_thing(Path(each), sealed, held) for each in things]


def _hashes(sealed: Commitment, opened: Opening) -> Iterator[Finding]:
    """Whether every hash opens."""
    from modelmetry.hub import commitments

    if opened.commitment != sealed.id:
        yield Finding(
            about="opening",
            outcome="differs",
            says=f"is for commitment {opened.commitment[:12]}, not {sealed.id[:12]}",
        )
    for each in opened.suites:
        why = commitments.why_not(sealed, each)
        yield Finding(
            about=each.suite,
            outcome="differs" if why else "agrees",
            says=why or f"seed {each.seed} is the one committed to",
        )
    names = {each.suite for each in opened.suites}
    for what in sealed.suites:
        if what.suite not in names:
            yield Finding(about=what.suite, outcome="not opened", says="its seed stays secret")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """What an edition or a run says of itself, and its items in order."""

    path: Path
    suite: Suite
    seed: int
    limit: int | None
    edition: str
    items: Iterable[Item]


def _thing(path: Path, sealed: Commitment, opened: Opening) -> Finding:
    if suites.is_edition(path):
        return _edition(path, sealed, opened)
    if runs.is_run(path):
        return _run(path, sealed, opened)
    if path.suffix in {".csv", ".parquet"} and path.exists():
        return _table(path, sealed, opened)
    why = "is none of these" if path.exists() else "no such file or folder"
    raise BadInput(
        f"{path}: {why}; allowed: the folder of an edition or a run, a leaderboard's .csv, a nightly "
        "history's .parquet"
    )


def _edition(path: Path, sealed: Commitment, opened: Opening) -> Finding:
    try:
        edition = suites.read_edition(path)
    except BadInput as error:  # a changed file is what an audit looks for
        return Finding(about=str(path), outcome="differs", says=str(error))
    made = edition.manifest
    claim = _Claim(
        path=path,
        suite=made.suite,
        seed=made.seed,
        limit=made.limit,
        edition=made.edition,
        items=edition.items(),
    )
    return _compared(claim, sealed, opened)


def _run(path: Path, sealed: Commitment, opened: Opening) -> Finding:
    record = runs.read_record(path)
    if record.until is not None:
        raise BadInput(
            f"{path}: the run drew items as it went; allowed in an audit: runs of fixed items"
        )
    if sealed.date and record.started_at[:10] < sealed.date:
        return Finding(
            about=str(path),
            outcome="differs",
            says=f"was asked on {record.started_at[:10]}, before the commitment of {sealed.date}",
        )
    with closing(runs.open_store(path)) as store:
        claim = _Claim(
            path=path,
            suite=record.suite,
            seed=record.seed,
            limit=record.limit,
            edition=record.edition,
            items=(item for _, item in store.items()),
        )
        return _compared(claim, sealed, opened)


def _compared(claim: _Claim, sealed: Commitment, opened: Opening) -> Finding:
    """Hold the items of an edition or a run against those that the opened seed gives."""
    suite, limit = claim.suite, claim.limit

    def differs(says: str, count: int = 0) -> Finding:
        return Finding(about=str(claim.path), outcome="differs", says=says, items=count)

    pair = _pair(sealed, opened, suite.name)
    if pair is None:
        return differs(f"is of suite {suite.name}, which the opening does not open")
    what, opener = pair
    if why := _other_suite(what, suite):
        return differs(why)
    if limit != what.limit:
        return differs(f"has limit {_or_none(limit)}, committed was {_or_none(what.limit)}")
    root = Seed(root=int(opener.seed))
    if claim.seed != root.root:
        return differs(f"says it is of seed {claim.seed}, opened was {opener.seed}")
    _check_generators(claim.path, sealed, what, suite)
    count, difference = _held(claim.items, suites.items(suite, root, limit))
    if difference:
        return differs(difference, count)
    expected = suites.edition(suite, root, limit)
    if claim.edition != expected:
        return differs(f"is named {claim.edition}, its items are those of {expected}", count)
    says = f"all {count} items are those of the opened seed"
    return Finding(about=str(claim.path), outcome="agrees", says=says, items=count)


def _held(theirs: Iterable[Item], ours: Iterable[Item]) -> tuple[int, str]:
    """How many items are the same, and the first difference; empty where there is none.

    Each split is held against itself in its own order: in which order splits take turns is no part of
    what an edition keeps of its suite.
    """
    waiting: dict[tuple[str, str], tuple[deque[Item], deque[Item]]] = {}
    count = 0
    for pair in zip_longest(theirs, ours):
        for side, item in enumerate(pair):
            if item is None:
                continue
            queues = waiting.setdefault((item.task, item.problem.split), (deque(), deque()))
            queues[side].append(item)
            if not (queues[0] and queues[1]):
                continue
            one, other = queues[0].popleft(), queues[1].popleft()
            if canonical_json(one) != canonical_json(other):
                return count, _first_difference(one, other)
            count += 1
    for (task, split), (more, fewer) in waiting.items():
        if more or fewer:
            word, number = ("more", len(more)) if more else ("fewer", len(fewer))
            return count, f"has {number} items {word} in {task}/{split} than the seed gives"
    return count, ""


def _pair(sealed: Commitment, opened: Opening, name: str) -> tuple[Sealed, Opened] | None:
    """What was committed of a suite, and what opens it."""
    whats = [each for each in sealed.suites if each.suite == name]
    openers = [each for each in opened.suites if each.suite == name]
    return (whats[0], openers[0]) if whats and openers else None


def _other_suite(what: Sealed, suite: Suite) -> str:
    """Why a suite is not the one committed to; empty where it is."""
    from modelmetry.hub.commitments import sealed, suite_hash

    own = sealed(suite, what.limit)
    if own.version != what.version:
        return f"asks version {own.version} of {suite.name}, committed was {what.version}"
    if own.generators != what.generators:
        wrong = sorted(
            task
            for task in {*own.generators, *what.generators}
            if own.generators.get(task) != what.generators.get(task)
        )
        return f"has another generator or other options in task {wrong[0]} than committed"
    if suite_hash(suite) != what.suite_hash:
        return f"asks {suite.name} in other words, amounts or with another scorer than committed"
    return ""


def _check_generators(path: Path, sealed: Commitment, what: Sealed, suite: Suite) -> None:
    """Refuse to audit with a generator that is not the one committed to."""
    from importlib.metadata import version

    for task in suite.tasks:
        if suites.generator_of(task).fingerprint() != what.generators[task.name]:
            raise BadInput(
                f"{path}: task {task.name}: modelmetry {version('modelmetry')} makes it otherwise than "
                f"committed; allowed: modelmetry {sealed.harness_version}"
            )


def _first_difference(theirs: Item, ours: Item) -> str:
    """Where two items part, and what stands there."""
    import msgspec

    one, other = (msgspec.json.decode(canonical_json(each)) for each in (theirs, ours))
    where, a, b = _parting("", one, other)
    return (
        f"{theirs.task}/{theirs.problem.split} {theirs.problem.index}, wording {theirs.wording}, item "
        f"{theirs.problem.uid}, differs at {where}: {_short(a)}, the seed gives {_short(b)}"
    )


def _parting(where: str, one: Any, other: Any) -> tuple[str, Any, Any]:
    """The first place at which two JSON values differ, and both values there."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            if one.get(key) != other.get(key):
                return _parting(f"{where}.{key}".lstrip("."), one.get(key), other.get(key))
    if isinstance(one, list) and isinstance(other, list):
        for number, (a, b) in enumerate(zip_longest(one, other)):
            if a != b:
                return _parting(f"{where}[{number}]", a, b)
    return where, one, other


def _table(path: Path, sealed: Commitment, opened: Opening) -> Finding:
    """Link the rows of a table of results to the opened seeds."""
    from modelmetry.leaderboards import seed_commitment

    openers = {each.suite: each for each in opened.suites}
    plain = {
        name: seed_commitment(name, int(each.seed))
        for name, each in openers.items()
        if each.seed.isdecimal()
    }
    rows = [row for row in _rows(path) if row["seed_commitment"] == plain.get(row["suite"])]
    if not rows:
        return Finding(about=str(path), outcome="differs", says="no row is of an opened seed")
    for row in rows:
        what, _ = _pair(sealed, opened, row["suite"]) or (None, None)
        fingerprint = row.get("generator_hash", "")
        if what is None or (fingerprint and fingerprint not in what.generators.values()):
            return Finding(
                about=str(path),
                outcome="differs",
                says=f"a row of {row['model']} is of another generator than committed",
            )
        if sealed.date and row["date"] < sealed.date:
            return Finding(
                about=str(path),
                outcome="differs",
                says=f"a row of {row['model']} is of {row['date']}, before the commitment of {sealed.date}",
            )
    models = sorted({row["model"] for row in rows})
    return Finding(
        about=str(path),
        outcome="agrees",
        says=f"{len(rows)} rows, of {', '.join(models)}, are of the opened seeds",
    )


def _rows(path: Path) -> list[Mapping[str, str]]:
    """The rows of a leaderboard or of a nightly history, those columns that are audited."""
    import pandas as pd

    wanted = ("suite", "seed_commitment", "generator_hash", "date", "model")
    try:
        if path.suffix == ".csv":
            frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        else:
            frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error
    lacking = [name for name in wanted if name not in frame and name != "generator_hash"]
    if lacking:
        raise BadInput(f"{path}: no column {lacking[0]}; allowed: leaderboards, nightly histories")
    kept = frame[[name for name in wanted if name in frame]].astype(str)
    return kept.to_dict("records")  # type: ignore[return-value]


def _or_none(limit: int | None) -> str:
    return "none" if limit is None else str(limit)


def _short(value: Any) -> str:
    text = canonical_json(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."
