"""An edition's own page: what it is, what its verification found, what its files hash to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import UnsetType

from modelmetry.analyses.verification import Certificate, SplitCheck
from modelmetry.errors import BadInput
from modelmetry.leaderboards.entry import seed_commitment
from modelmetry.leaderboards.slugs import slug
from modelmetry.reports.samples import visible
from modelmetry.reports.words import count, digits, interval, percent
from modelmetry.statistics import Estimate
from modelmetry.suites.editions import Edition, read_edition

COLUMNS = (
    *("problems", "second solver disagrees", "duplicates", "oracle", "chance"),
    *("one constant answer", "bag of words", "shared with the next seed"),
)
"""Columns of the certificate's table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An edition with its certificate, None where it has none."""

    edition: Edition
    certificate: Certificate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionPage:
    """The page of an edition.

    Attributes:
        suite: The suite's name.
        href: The suite's page.
        commitment: Beginning of the seed's commitment, which stands for the edition: its name holds the
            seed.
        question: What is measured.
        facts: (term, value).
        verdict: What the verification found, in a sentence; empty without a certificate.
        columns: Headings of the certificate's table.
        checks: (split, cells) of the table.
        remarks: Failures and warnings.
        files: (path, SHA-256).
    """

    suite: str
    href: str
    commitment: str
    question: str
    facts: list[tuple[str, str]]
    verdict: str
    columns: tuple[str, ...]
    checks: list[tuple[str, tuple[str, ...]]]
    remarks: list[str]
    files: list[tuple[str, str]]


def read_given(folder: Path) -> Given:
    """An edition, every byte checked, and its certificate.

    Raises:
        BadInput: It is no edition, was changed, or its certificate cannot be read.
    """
    edition = read_edition(folder)
    path = folder / "certificate.json"
    if "certificate.json" not in edition.manifest.files:
        return Given(edition=edition, certificate=None)
    try:
        certificate = msgspec.json.decode(path.read_bytes(), type=Certificate)
    except (OSError, msgspec.DecodeError) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from error
    return Given(edition=edition, certificate=certificate)


def edition_page(given: Given) -> EditionPage:
    """What is said of an edition; its seed is not, so that a secret one stays so."""
    manifest, certificate = given.edition.manifest, given.certificate
    suite = manifest.suite
    commitment = seed_commitment(suite.name, manifest.seed)
    # The sentence around the identifier names the edition, and with it the seed.
    canary = "" if isinstance(manifest.canary, UnsetType) else manifest.canary.split()[-1]
    facts = [
        ("Suite", f"{suite.name}, version {suite.version}"),
        ("Items", f"{manifest.item_count:,}"),
        ("Seed commitment", commitment),
        *(
            (f"Generator of {task.name}", f"{task.generator}, hash {task.fingerprint}")
            for task in suite.tasks
        ),
        ("Canary GUID", canary or "none"),
        ("Manifest's SHA-256", manifest.digest),
    ]
    checks = certificate.splits if certificate else ()
    return EditionPage(
        suite=visible(suite.name),
        href=f"../suites/{slug(suite.name)}/index.html",
        commitment=commitment[:12],
        question=suite.question,
        facts=facts,
        verdict=_verdict(certificate),
        columns=COLUMNS,
        checks=[(check.split, _cells(check)) for check in checks],
        remarks=[
            *(certificate.failures if certificate else ()),
            *(f"{check.split}: {line}" for check in checks for line in check.warnings),
        ],
        files=sorted(manifest.files.items()),
    )


def _verdict(certificate: Certificate | None) -> str:
    if certificate is None:
        return "This edition came without a certificate."
    checked = count(sum(check.problems for check in certificate.splits), "problem")
    if not certificate.passed:
        return f"Failed: of {checked}, some did not pass verification."
    return f"Passed: {checked} were drawn and checked before any model was asked."


def _cells(check: SplitCheck) -> tuple[str, ...]:
    return (
        f"{check.problems:,}",
        _and(f"{check.disagreements:,}", f"at most {percent(check.disagreement_bound, 2)}"),
        f"{check.duplicates:,}",
        percent(check.oracle),
        percent(check.chance),
        _share(check.constant),
        _share(check.bag_of_words),
        _and(f"{check.seed_shared:,}", f"by chance {check.seed_expected:,.1f}"),
    )


def _share(found: Estimate) -> str:
    return _and(percent(found.value, digits(found)), interval(found))


def _and(number: str, more: str) -> str:
    """A number, and what it is held against in brackets, which no line end parts."""
    return f"{number} ({more.replace(' ', chr(0xA0))})"
