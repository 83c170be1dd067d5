"""Repositories on the Hub: what is there, what a parcel would change, and the one commit that does it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from modelmetry.errors import BadInput, ModelmetryError
from modelmetry.hub.failures import explained, hidden
from modelmetry.hub.parcel import MANIFEST, Change, Parcel, Publication, compared

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Kind = Literal["dataset", "model"]

_OWN = (".gitattributes", "commitments/", "openings/")
"""Beginnings of paths that may stand beside any edition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository and who speaks to it.

    Attributes:
        name: `org/name`.
        kind: Of data or of weights.
        api: The Hub's client; it finds the token itself, in HF_TOKEN or in the Hub's own login.
    """

    name: str
    kind: Kind
    api: HfApi

    @property
    def url(self) -> str:
        """Its address, to be shown."""
        folder = "datasets/" if self.kind == "dataset" else ""
        return hidden(f"{self.api.endpoint}/{folder}{self.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is there.

    Attributes:
        exists: Whether there is a repository that this token may see.
        private: Whether it is private.
        head: Hash of the last commit on main; empty for none.
        files: Path -> hash of the files on main, as in `parcel.compared`.
        tags: Tag -> hash of its commit.
    """

    exists: bool
    private: bool = False
    head: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def connect(name: str, kind: Kind = "dataset") -> Repository:
    """A repository by its name; nothing is asked of the Hub yet.

    Raises:
        BadInput: The name is not `org/name`, or the Hub's client is not installed.
    """
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.utils import validate_repo_id
    except ImportError:
        raise BadInput(
            "the Hub: needs huggingface_hub; allowed: pip install 'modelmetry[hub]'"
        ) from None
    try:
        validate_repo_id(name)
    except ValueError:
        name_is_right = False
    else:
        name_is_right = name.count("/") == 1
    if not name_is_right:
        raise BadInput(
            f"repo: {hidden(name)!r}; allowed: org/name, of letters, digits, '-', '_' and '.'"
        )
    return Repository(name=name, kind=kind, api=HfApi(library_name="modelmetry"))


def look(repo: Repository) -> Found:
    """What is there now; a repository that this token may not see counts as none.

    Raises:
        Unreachable: The Hub does not answer.
    """
    from huggingface_hub.errors import RepositoryNotFoundError

    with explained(repo.url):
        try:
            info = repo.api.repo_info(repo.name, repo_type=repo.kind)
        except RepositoryNotFoundError:
            return Found(exists=False)
        refs = repo.api.list_repo_refs(repo.name, repo_type=repo.kind)
        return Found(
            exists=True,
            private=bool(info.private),
            head=info.sha or "",
            files=_files(repo, info.sha) if info.sha else {},
            tags={tag.name: tag.target_commit for tag in refs.tags},
        )


def plan(repo: Repository, parcel: Parcel, found: Found, *, private: bool = False) -> Publication:
    """What publishing would do; nothing is sent.

    Raises:
        BadInput: The repository holds something else, the tag names other files, or it is public and
            was to be private.
    """
    if found.exists and private and not found.private:
        raise BadInput(
            f"{repo.url}: is there and public; allowed: without --private, or another name"
        )
    tagged = found.tags.get(parcel.tag) if parcel.tag else None
    made = Publication(
        target=repo.url,
        what=parcel.what,
        exists=found.exists,
        private=found.private if found.exists else private,
        tag=parcel.tag,
        complete=False,
        sent=False,
        changes=(),
        read_with=_read_with(repo, parcel),
    )
    if tagged is not None:
        with explained(repo.url):
            changes = compared(parcel.pieces, _files(repo, tagged))
        _refuse_other(
            repo, parcel, changes, f"revision {parcel.tag}", "--revision with another tag"
        )
        return replace(made, complete=True, changes=tuple(changes), commit=tagged)
    changes = compared(parcel.pieces, found.files)
    if parcel.what in {"commitment", "opening"}:
        kept = [each for each in changes if each.state != "new"]
        _refuse_other(repo, parcel, kept, "main", "none in its place: it is never changed")
    if parcel.what == "edition":
        own = {piece.path for piece in parcel.pieces}
        gone = sorted(_replaced(repo, parcel, found) - own)
        changes += [Change(path=path, state="deleted") for path in gone]
    same = all(change.state == "same" for change in changes)
    return replace(
        made,
        complete=same and not parcel.tag,
        changes=tuple(changes),
        commit=found.head if same else "",
    )


def push(
    repo: Repository,
    parcel: Parcel,
    planned: Publication,
    found: Found,
    *,
    message: str = "",
    pull: bool = False,
) -> Publication:
    """Do what was planned: large files first, then one commit, then the tag.

    Before the commit readers see nothing; before the tag there is no revision to cite. What was
    uploaded by a push that ended early is found there by the next.

    Args:
        repo: Where to.
        parcel: What.
        planned: What `plan` said.
        found: What it was planned on; where somebody else changed that since, nothing is committed.
        message: First line of the commit in place of the parcel's title.
        pull: Whether to open a pull request and leave main as it is.

    Raises:
        BadInput: No right to write, or somebody else was faster.
        Unreachable: The Hub does not answer.
    """
    if planned.complete:
        return planned
    commit, request = planned.commit, ""
    if not found.exists:
        found = _create(repo, private=bool(planned.private))
    if not commit:
        commit, request = _commit(repo, parcel, planned, found, message, pull=pull)
    if request:
        return replace(planned, sent=True, commit=commit, pull_request=request)
    left = f"the files are there without their tag {parcel.tag}" if parcel.tag else "it is there"
    with explained(repo.url, left=left):
        changes = compared(parcel.pieces, _files(repo, commit))
        wrong = [change.path for change in changes if change.state != "same"]
        if wrong:
            raise ModelmetryError(
                f"{repo.url}: {wrong[0]} of commit {commit[:8]} is not what was sent; it got no tag"
            )
        if parcel.tag:
            repo.api.create_tag(
                repo.name,
                tag=parcel.tag,
                tag_message=parcel.title,
                revision=commit,
                repo_type=repo.kind,
            )
    return replace(planned, sent=True, commit=commit)


def who(repo: Repository) -> str:
    """The name that the token belongs to.

    Raises:
        BadInput: There is no token, or it is not accepted.
    """
    with explained(str(repo.api.endpoint)):
        return str(repo.api.whoami()["name"])


def edition_commit(repo: Repository, tag: str, edition: str) -> str:
    """Hash of the commit under which an edition is published.

    Args:
        repo: The data set.
        tag: The edition's revision.
        edition: Its name.

    Raises:
        BadInput: There is no such repository or tag, or the tag is of another edition.
    """
    allowed = (
        "the data set and revision under which the edition that was asked is published (modelmetry "
        "publish EDITION --repo org/name)"
    )
    found = look(repo)
    if tag not in found.tags:
        why = f"no revision {tag}" if found.exists else "no such data set for this token"
        raise BadInput(f"{repo.url}: {why}; allowed: {allowed}")
    commit = found.tags[tag]
    if MANIFEST not in _listed(repo, commit) or _manifest(repo, commit).get("edition") != edition:
        raise BadInput(f"{repo.url}: revision {tag} is not edition {edition}; allowed: {allowed}")
    return commit


def _create(repo: Repository, *, private: bool) -> Found:
    """Make the repository, empty."""
    with explained(repo.url):
        repo.api.create_repo(repo.name, repo_type=repo.kind, private=private, exist_ok=False)
    return look(repo)


def _commit(
    repo: Repository,
    parcel: Parcel,
    planned: Publication,
    found: Found,
    message: str,
    *,
    pull: bool,
) -> tuple[str, str]:
    """Everything in one commit; its hash, and the address of the pull request."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    pieces = {piece.path: piece for piece in parcel.pieces}
    operations: list[Any] = []
    for change in planned.changes:
        if change.state == "deleted":
            operations.append(CommitOperationDelete(path_in_repo=change.path, is_folder=False))
        elif change.state != "same":
            content = pieces[change.path].content
            source = content if isinstance(content, bytes) else str(content)
            operations.append(CommitOperationAdd(path_in_repo=change.path, path_or_fileobj=source))
    state = "is as it was" if planned.exists else "is there and empty"
    with explained(
        repo.url,
        left=f"the repository {state}, nothing was published",
        pull=parcel.what == "results" and not pull,
    ):
        made = repo.api.create_commit(
            repo.name,
            operations,
            commit_message=message or parcel.title,
            repo_type=repo.kind,
            create_pr=pull,
            parent_commit=None if pull else found.head or None,
        )
    return str(made.oid), str(made.pr_url or "")


def _files(repo: Repository, revision: str) -> dict[str, str]:
    """Path -> hash of all files at a revision."""
    from huggingface_hub.hf_api import RepoFile

    tree = repo.api.list_repo_tree(
        repo.name, recursive=True, revision=revision, repo_type=repo.kind
    )
    return {
        entry.path: entry.lfs.sha256 if entry.lfs else entry.blob_id
        for entry in tree
        if isinstance(entry, RepoFile)
    }


def _listed(repo: Repository, revision: str) -> dict[str, str]:
    with explained(repo.url):
        return _files(repo, revision)


def _manifest(repo: Repository, revision: str) -> dict[str, Any]:
    """The manifest at a revision; empty where it is none."""
    with explained(repo.url):
        path = repo.api.hf_hub_download(repo.name, MANIFEST, revision=revision, repo_type=repo.kind)
    try:
        found = json.loads(Path(path).read_bytes())
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _replaced(repo: Repository, parcel: Parcel, found: Found) -> set[str]:
    """The files of the edition on main, in whose place this one comes.

    Raises:
        BadInput: Main holds something that is no edition of the suite.
    """
    foreign = sorted(path for path in found.files if not path.startswith(_OWN))
    if not foreign:
        return set()
    allowed = f"a repository that is empty or holds editions of {parcel.suite}"
    if MANIFEST not in found.files:
        raise BadInput(
            f"{repo.url}: is there and holds {foreign[0]}, which is of no edition; allowed: {allowed}"
        )
    manifest = _manifest(repo, found.head)
    try:
        suite, files = manifest["suite"]["name"], {*manifest["files"], MANIFEST}
    except (KeyError, TypeError):
        raise BadInput(f"{repo.url}: its {MANIFEST} is of no edition; allowed: {allowed}") from None
    if suite != parcel.suite:
        raise BadInput(f"{repo.url}: is there and holds an edition of {suite}; allowed: {allowed}")
    return files & {*found.files}


def _refuse_other(
    repo: Repository, parcel: Parcel, changes: list[Change], where: str, allowed: str
) -> None:
    """Refuse to put anything in the place of something published."""
    wrong = [change for change in changes if change.state != "same"]
    if wrong:
        raise BadInput(
            f"{repo.url}: {where} is there with another {wrong[0].path} than this {parcel.what}'s; "
            f"allowed: {allowed}"
        )


def _read_with(repo: Repository, parcel: Parcel) -> str:
    if parcel.what != "edition":
        return ""
    return f"datasets.load_dataset({repo.name!r}{parcel.first_config}, revision={parcel.tag!r})"
