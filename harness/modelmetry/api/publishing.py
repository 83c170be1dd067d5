"""Publishing: editions, commitments and results on the Hub, or in a folder or a store like S3."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import modelmetry.suites as suites
from modelmetry.errors import BadInput, Unreachable

if TYPE_CHECKING:
    from modelmetry.hub.parcel import Parcel, Publication
    from modelmetry.hub.repository import Repository


def publish(
    what: str | Path,
    *,
    repo: str | None = None,
    to: str | None = None,
    private: bool = False,
    revision: str | None = None,
    message: str = "",
    dry_run: bool = False,
) -> Publication:
    """Publish an edition, a commitment or an opening; what is there already is not sent again.

    Every checksum of an edition is verified first, and only files that its manifest names go. On the Hub
    they go in one commit, then the tag is set: before that no revision is to be cited. A repository that
    is there must be empty or hold editions of the same suite, each under its own tag.

    Args:
        what: Folder of an edition, or file of a commitment or an opening.
        repo: Data set on the Hub, `org/name`; made if missing. The token is taken from HF_TOKEN or the
            Hub's own login and is never shown.
        to: In place of `repo`: a folder, or an address that fsspec knows, such as `s3://bucket/editions`.
        private: Whether a repository that is made is private.
        revision: Tag in place of the edition's name and the suite's version.
        message: First line of the commit.
        dry_run: Whether only to say what would go. Where the other side does not answer, all files are
            listed, and `Publication.unseen` says why nothing is known of what is there.

    Raises:
        BadInput: It was changed since it was made, or target, rights or names are not as they must be.
        Unreachable: The other side does not answer; the same call goes on.
    """
    from modelmetry.hub import repository, store
    from modelmetry.hub.parcel import unseen

    if (repo is None) == (to is None):
        raise BadInput("publish: allowed: either --repo org/name or --to URL")
    if to is not None and (private or revision or message):
        raise BadInput(
            "publish: --private, --revision and --message are for --repo; allowed: without"
        )
    parcel = _parcel(Path(what), revision, message)
    if to is not None:
        place = store.open_store(to)
        try:
            planned = store.plan(place, parcel)
        except Unreachable as error:
            if dry_run:
                return unseen(parcel, f"{place.url}/{parcel.name}", str(error))
            raise
        return planned if dry_run else store.push(place, parcel, planned)
    assert repo is not None  # noqa: S101 - tells the type checker what stands above
    hub = repository.connect(repo)
    if not dry_run:
        repository.who(hub)
    try:
        found = repository.look(hub)
        planned = repository.plan(hub, parcel, found, private=private)
    except Unreachable as error:
        if dry_run:
            return unseen(parcel, hub.url, str(error))
        raise
    return planned if dry_run else repository.push(hub, parcel, planned, found, message=message)


def publish_results(
    run_folders: Sequence[str | Path],
    *,
    repo: str,
    dataset: str,
    revision: str | None = None,
    url: str = "",
    pull_request: bool = False,
    message: str = "",
    dry_run: bool = False,
) -> Publication:
    """Publish results of runs in a model's repository, as `.eval_results/<suite>.yaml`.

    Args:
        run_folders: Finished runs of one model, each of another suite, on published editions.
        repo: Model repository on the Hub, `org/name`; it must be there.
        dataset: Data set on the Hub that holds the editions that were asked.
        revision: Their tag there; by default the edition's name and the suite's version.
        url: Where the runs' report stands; empty for none.
        pull_request: Whether to open a pull request, for repositories of others.
        message: First line of the commit.
        dry_run: Whether only to say what would go.

    Raises:
        BadInput: A run is not finished, its edition is not published, or there is no such repository.
        Unreachable: The Hub does not answer.
    """
    from modelmetry.hub import repository

    hub, data = repository.connect(repo, "model"), repository.connect(dataset)
    parcel = _results(run_folders, data, revision, url)
    if not dry_run:
        repository.who(hub)
    found = repository.look(hub)
    if not found.exists:
        raise BadInput(
            f"{hub.url}: no such model, or this token may not see it; allowed: one that is there"
        )
    planned = repository.plan(hub, parcel, found)
    if dry_run:
        return planned
    return repository.push(hub, parcel, planned, found, message=message, pull=pull_request)


def _parcel(what: Path, revision: str | None, message: str) -> Parcel:
    """What lies there, checked."""
    from modelmetry.hub.commitments import kind_of
    from modelmetry.hub.failures import hidden
    from modelmetry.hub.parcel import edition_parcel

    if suites.is_edition(what):
        return edition_parcel(suites.read_edition(what), tag=revision, title=message)
    kind = kind_of(what) if what.is_file() else ""
    if kind == "secret":
        raise BadInput(
            f"{what}: is the secret of a commitment; allowed: the commitment, and after scoring its "
            "opening (modelmetry reveal)"
        )
    if not kind:
        why = "is nothing that can be published" if what.exists() else "no such file or folder"
        raise BadInput(
            f"{hidden(str(what))}: {why}; allowed: the folder of an edition (modelmetry generate), a "
            "commitment or an opening; runs with --results"
        )
    return _commitment(what, kind, revision, message)


def _results(
    run_folders: Sequence[str | Path], data: Repository, revision: str | None, url: str
) -> Parcel:
    """One file per run, its edition looked up where it is published."""
    from modelmetry.analyses import estimate
    from modelmetry.api.results import read_run
    from modelmetry.hub.eval_results import eval_results
    from modelmetry.hub.parcel import Parcel, edition_tag, piece_of
    from modelmetry.hub.repository import edition_commit
    from modelmetry.leaderboards import run_digest

    reads = [read_run(folder) for folder in run_folders]
    models = {read.record.model for read in reads}
    names = [read.record.suite.name for read in reads]
    if len(models) != 1 or len({*names}) < len(names):
        raise BadInput("publish --results: allowed: runs of one model, one of each suite")
    pieces = []
    for read in reads:
        record = read.record
        if record.status != "finished":
            raise BadInput(
                f"{read.folder}: the run is {record.status}; allowed: finished runs "
                f"(go on with: modelmetry run {read.folder})"
            )
        tag = revision or edition_tag(record.edition, record.suite.version)
        text = eval_results(
            record,
            estimate(record, read.scores),
            dataset=data.name,
            revision=edition_commit(data, tag, record.edition),
            url=url,
            digest=run_digest(record, read.scores),
        )
        pieces.append(piece_of(f".eval_results/{record.suite.name}.yaml", text.encode()))
    return Parcel(
        what="results",
        name="results",
        suite="",
        tag="",
        title=f"Results on {', '.join(names)}",
        pieces=tuple(pieces),
    )


def _commitment(path: Path, kind: str, revision: str | None, message: str) -> Parcel:
    """A commitment or an opening, named after the commitment's hash."""
    from modelmetry.hub.commitments import read_commitment, read_opening
    from modelmetry.hub.parcel import Parcel, checked_tag, piece_of

    if kind == "commitment":
        commitment = read_commitment(path)
        short, names = commitment.id[:12], [each.suite for each in commitment.suites]
    else:
        opening = read_opening(path)
        short, names = opening.commitment[:12], [each.suite for each in opening.suites]
    name = f"{kind}s/{short}.json"
    return Parcel(
        what="commitment" if kind == "commitment" else "opening",
        name=f"{kind}-{short}",
        suite="",
        tag=checked_tag(revision or f"{kind}-{short}"),
        title=message or f"{kind} {short} for {', '.join(names)}",
        pieces=(piece_of(name, path.read_bytes()),),
    )
