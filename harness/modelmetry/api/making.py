"""Making and checking test sets: what is installed, previews, editions, certificates."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from inspect import getdoc
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import modelmetry.items as plugins
import modelmetry.suites as suites
from modelmetry.errors import BadInput, ModelmetryError
from modelmetry.items import Item, Seed
from modelmetry.suites import Suite

if TYPE_CHECKING:
    from modelmetry.analyses.verification import Certificate


def read_suite(suite: str | Path | Suite, options: Mapping[str, Any] | None = None) -> Suite:
    """A suite by name, by path, or as it is.

    Args:
        suite: Which.
        options: Options of its generators in place of its own; see `modelmetry.suites.read`.

    Raises:
        BadInput: There is no such suite or option, or options are given for a suite that was read.
    """
    if not isinstance(suite, Suite):
        return suites.read(suite, options)
    if options:
        raise BadInput(
            f"{suite.name}: options {', '.join(options)} are given for a suite that was read already; "
            "allowed: its name or its file, or read(..., options)"
        )
    return suite


def installed(kind: str) -> list[dict[str, str]]:
    """Name and one line about everything installed of a kind, with what it must be given.

    Args:
        kind: `suites`, `generators`, `models` or `scorers`.
    """
    if kind == "suites":
        about = {name: suites.question(name) for name in suites.names()}
        wanted = {name: suites.needs(name) for name in about}
    else:
        about = {name: _first_line(kind, name) for name in plugins.installed(kind)}
        wanted = {name: getattr(plugins.load(kind, name), "needs", ()) for name in about}
    return [{"name": name, "about": about[name] + _needed(wanted[name])} for name in about]


def preview(
    suite: str | Path | Suite,
    *,
    split: str | None = None,
    seed: int = 0,
    limit: int = 10,
    suite_options: Mapping[str, Any] | None = None,
) -> list[Item]:
    """The first items of a suite, or of one of its splits.

    Args:
        suite: Name, path or suite.
        split: A split's name or label; None for all splits in turn.
        seed: Root seed.
        limit: Most items.
        suite_options: Options of the suite's generators in place of its own, as text or as values.

    Raises:
        BadInput: There is no such suite or split.
    """
    checked_limit(limit)
    chosen = _chosen(read_suite(suite, suite_options), split)
    return list(islice(suites.items(chosen, Seed(root=seed)), limit))


def generate(
    suite: str | Path | Suite,
    *,
    seed: int,
    limit: int | None = None,
    split: str | None = None,
    out: str | Path = "editions",
    data_uri: bool = False,
    suite_options: Mapping[str, Any] | None = None,
) -> Path:
    """Write an edition: Parquet files, dataset card, checksums and certificate.

    Args:
        suite: Name, path or suite.
        seed: Root seed.
        limit: Most problems per split; None for the suite's own numbers.
        split: Only this split, by name or label.
        out: Folder in which the edition's own folder is made.
        data_uri: Whether pictures are also written as data URIs, for harnesses that read no others.
        suite_options: As for `preview`.

    Returns:
        The edition's folder.

    Raises:
        BadInput: Anything asked for does not exist, or the edition is there already.
        ModelmetryError: The suite fails its verification; nothing is written.
    """
    from modelmetry.analyses.verification import certificate_json, verify

    checked_limit(limit)
    chosen = _chosen(read_suite(suite, suite_options), split)
    certificate = verify(chosen, seed=seed)
    if not certificate.passed:
        given = (suite_options or {}).items()
        again = [
            "--seed",
            f"{seed}",
            *(word for pair in given for word in ("-T", "{}={}".format(*pair))),
        ]
        raise ModelmetryError(
            f"{chosen.name}: fails its verification, so no edition was written; "
            f"see: {shlex.join(['modelmetry', 'verify', chosen.source or chosen.name, *again])}"
        )
    edition = suites.write(
        Path(out),
        chosen,
        Seed(root=seed),
        limit=limit,
        certificate=certificate_json(certificate),
        data_uri=data_uri,
    )
    return edition.folder


def verify(
    suite: str | Path | Suite,
    *,
    n: int = 1000,
    seed: int = 0,
    suite_options: Mapping[str, Any] | None = None,
) -> Certificate:
    """Check a suite's answer keys, splits and baselines.

    Args:
        suite: Name, path or suite.
        n: Problems per split, as far as the space holds them.
        seed: Root seed.
        suite_options: As for `preview`.

    Returns:
        The certificate, a `modelmetry.analyses.verification.Certificate`.
    """
    from modelmetry.analyses.verification import verify as verify_suite

    return verify_suite(read_suite(suite, suite_options), n=n, seed=seed)


def _chosen(suite: Suite, split: str | None) -> Suite:
    return suite if split is None else suite.only(split)


def _needed(options: Sequence[str]) -> str:
    """What is said of options that must be given."""
    return f" Needs {' '.join(f'-T {option}=...' for option in options)}" if options else ""


def _first_line(kind: str, name: str) -> str:
    return (getdoc(plugins.load(kind, name)) or "").split("\n\n")[0].replace("\n", " ")


def checked_limit(limit: int | None) -> None:
    """Refuse a limit below 1."""
    if limit is not None and limit < 1:
        raise BadInput(f"limit: {limit}; allowed: integers from 1")
