"""Commit and reveal: seeds are fixed before models are scored and opened after, and anybody can check."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import date as calendar_date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelmetry.api.making import checked_limit, read_suite
from modelmetry.errors import BadInput
from modelmetry.suites import Suite

if TYPE_CHECKING:
    from modelmetry.hub.commitments import Commitment, Opening


def commit(
    what: Sequence[str | Path | Suite],
    *,
    out: str | Path,
    secret_out: str | Path | None = None,
    seeds_from: str | Path | None = None,
    secret: str | Path | None = None,
    date: str = "",
    limit: int | None = None,
    suite_options: Mapping[str, Any] | None = None,
) -> Commitment:
    """Write the hash of secret seeds, to be published before models are scored, and what opens it.

    Args:
        what: Suites, each another.
        out: The commitment, JSON; shows no seed.
        secret_out: What opens it, for this user's eyes only; by default `<out>.secret.json` beside.
        seeds_from: A file, or `env:NAME`, that holds a JSON object of suite names and seeds, or one seed;
            by default they are drawn, of 128 random bits.
        secret: A nightly job's secret, in a file or `env:NAME`: the seeds are those of its `date`.
        date: ISO 8601; by default none is stated.
        limit: Most problems per split.
        suite_options: Options of the suites' generators in place of their own.

    Raises:
        BadInput: A file is there already, a suite is unknown or given twice, or a seed can be guessed.
    """
    from importlib.metadata import version

    from modelmetry.hub import commitments

    checked_limit(limit)
    if not what:
        raise BadInput("commit: no suite; allowed: one or more")
    if seeds_from is not None and secret is not None:
        raise BadInput("commit: allowed: either --seeds-from or --secret")
    _check_date(date, needed=secret is not None)
    chosen = [read_suite(each, suite_options) for each in what]
    names = [suite.name for suite in chosen]
    if secret is not None:
        seeds, nonces = _nightly(_text(secret), names, date)
    else:
        seeds = (
            {name: commitments.fresh_seed() for name in names}
            if seeds_from is None
            else _given(seeds_from, names)
        )
        nonces = {name: commitments.fresh_nonce() for name in names}
    made, opener = commitments.commit(
        chosen, seeds, nonces, limit=limit, date=date, harness_version=version("modelmetry")
    )
    public = Path(out)
    hidden = Path(secret_out) if secret_out else public.with_name(f"{public.stem}.secret.json")
    if public.exists():
        raise BadInput(f"{public}: is there already and is not overwritten; allowed: a new name")
    # The secret first: a commitment that nothing opens is worth less than none.
    commitments.write(hidden, opener, private=True)
    commitments.write(public, made)
    return made


def reveal(
    commitment: str | Path,
    *,
    secret: str | Path,
    out: str | Path,
    only: Sequence[str] = (),
) -> Opening:
    """Write what opens a commitment, after checking that it does.

    Args:
        commitment: The commitment's file.
        secret: The file that `commit` wrote beside it; or the nightly secret that it was made with, in a
            file or `env:NAME`.
        out: The opening, JSON, to be published.
        only: Suites to open; all by default. The others stay hidden.

    Raises:
        BadInput: It does not open the commitment, or the file is there already.
    """
    from modelmetry.hub import commitments

    sealed = commitments.read_commitment(Path(commitment))
    known = [each.suite for each in sealed.suites]
    for name in only:
        if name not in known:
            raise BadInput(f"{commitment}: no suite {name!r}; allowed: {', '.join(known)}")
    opened = _openers(sealed, secret)
    for each in opened:
        if why := commitments.why_not(sealed, each):
            raise BadInput(f"{commitment}: the secret does not open it: {why}")
    opening = commitments.Opening(
        commitment=sealed.id,
        suites=tuple(each for each in opened if not only or each.suite in only),
    )
    commitments.write(Path(out), opening)
    return opening


def _openers(sealed: Commitment, secret: str | Path) -> tuple[Any, ...]:
    """What opens each suite, from the secret file or from a nightly secret."""
    from modelmetry.hub import commitments

    path = Path(secret)
    if not str(secret).startswith("env:") and commitments.kind_of(path) == "secret":
        return commitments.read_secret(path).suites
    raw = _text(secret)
    if not sealed.date:
        raise BadInput(
            "secret: is not the secret file of a commitment; allowed: the one that modelmetry commit wrote"
        )
    names = [each.suite for each in sealed.suites]
    seeds, nonces = _nightly(raw, names, sealed.date)
    return tuple(
        commitments.Opened(
            suite=each.suite,
            seed=str(seeds[each.suite]),
            nonce=nonces[each.suite],
            text=commitments.text_of(each, sealed.date, seeds[each.suite], nonces[each.suite]),
        )
        for each in sealed.suites
    )


def _nightly(raw: str, names: Sequence[str], date: str) -> tuple[dict[str, int], dict[str, str]]:
    """Seeds of a night and nonces that follow from the same secret, so that it alone opens them."""
    import hashlib
    import hmac

    from modelmetry.nightly.seeds import SHORTEST, fresh_seed

    key = raw.strip().encode()
    if len(key) < SHORTEST:
        raise BadInput(f"secret: it has {len(key)} bytes; allowed: from {SHORTEST}")
    seeds = {name: fresh_seed(key, name, date) for name in names}
    nonces = {
        name: hmac.new(key, f"nonce|{name}|{date}".encode(), hashlib.sha256).hexdigest()
        for name in names
    }
    return seeds, nonces


def _given(where: str | Path, names: Sequence[str]) -> dict[str, int]:
    """Seeds that somebody else drew."""
    allowed = "a JSON object of suite names and seeds, or one seed for one suite"
    try:
        found = json.loads(_text(where))
    except (ValueError, RecursionError):
        raise BadInput(f"{where}: cannot be read; allowed: {allowed}") from None
    if isinstance(found, int | str) and len(names) == 1:
        found = {names[0]: found}
    if not isinstance(found, dict):
        raise BadInput(f"{where}: allowed: {allowed}")
    missing = [name for name in names if name not in found]
    if missing:
        raise BadInput(f"{where}: no seed for {missing[0]}; allowed: one of each suite")
    seeds = {name: str(found[name]) for name in names}
    for name, digits in seeds.items():
        if not re.fullmatch(r"\d{1,200}", digits, re.ASCII):
            raise BadInput(f"{where}: the seed of {name} is no number; allowed: integers from 0")
    return {name: int(digits) for name, digits in seeds.items()}


def _text(where: str | Path) -> str:
    """The content of a file or of a variable of the environment; no line of ours repeats it."""
    name = str(where)
    if name.startswith("env:"):
        variable = name.removeprefix("env:")
        if not os.environ.get(variable, "").strip():
            raise BadInput(f"{name}: the variable {variable} is not set")
        return os.environ[variable]
    try:
        return Path(where).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{where}: is not UTF-8 text") from None
    except OSError as error:
        # Not repeated, as somebody may have given the secret itself.
        raise BadInput(
            f"secret or seeds: the file named cannot be read: {error.strerror}; allowed: a file, or "
            "env:NAME for a variable NAME"
        ) from None


def _check_date(date: str, *, needed: bool) -> None:
    if needed and not date:
        raise BadInput("commit: --secret needs --date; allowed: the night's, such as 2026-01-31")
    try:
        right = not date or calendar_date.fromisoformat(date).isoformat() == date
    except ValueError:
        right = False
    if not right:
        raise BadInput(f"date: {date!r}; allowed: ISO 8601, such as 2026-01-31")
