"""Leaderboards: finished runs onto them, after checks; a static site of them, built and shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelmetry.api.results import Run, read_run
from modelmetry.errors import BadInput

if TYPE_CHECKING:
    from modelmetry.leaderboards import Entry
    from modelmetry.leaderboards.site import Built

_DATA = "leaderboards/data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What an update changed, or would change.

    Attributes:
        files: The leaderboard files.
        added: The new entries, ranked among the others.
        dry_run: Whether nothing was written.
    """

    files: tuple[Path, ...]
    added: tuple[Entry, ...]
    dry_run: bool


def update_leaderboard(
    run_folders: Sequence[str | Path],
    *,
    data: str | Path = _DATA,
    saturated_ok: bool = False,
    dry_run: bool = False,
) -> Update:
    """Append the headline estimates of finished runs to the leaderboards' CSV files.

    Every run is checked before any file is written: it is finished and has all of its answers; its
    digest, recomputed from these, is the one that its folder states, where it states one; its
    generators are the installed ones; each split has at least ten independent units, an interval
    and at most 5 % of unscored answers; it is not saturated; it is not there already.

    Args:
        run_folders: Finished runs.
        data: Folder of one CSV file per suite.
        saturated_ok: Whether a model may be so good that a better one could not be told from it.
        dry_run: Whether to check and rank, and write nothing.

    Raises:
        BadInput: A run does not pass a check, or a file cannot be read or written.
    """
    from modelmetry.leaderboards import admitted, data_file, update

    folder = Path(data)
    new: dict[Path, list[Entry]] = {}
    for run_folder in run_folders:
        read = read_run(run_folder)
        if read.record.status != "finished":
            raise BadInput(
                f"{run_folder}: the run is {read.record.status}; allowed: finished runs "
                f"(go on with: modelmetry run {run_folder})"
            )
        entries = admitted(read.record, read.scores, saturated_ok=saturated_ok)
        _check_stated(read, entries[0].run_digest)
        here = new.setdefault(data_file(folder, read.record.suite.name), [])
        if any(other.run_digest == entries[0].run_digest for other in here):
            raise BadInput(f"{run_folder}: given twice; allowed: each run once")
        here += entries
    ranked = {}
    if dry_run or len(new) > 1:  # a file that refuses is known before another one is changed
        ranked = {path: update(path, entries, dry_run=True) for path, entries in new.items()}
    if not dry_run:
        ranked = {path: update(path, entries) for path, entries in new.items()}
    digests = {entry.run_digest for entries in new.values() for entry in entries}
    return Update(
        files=tuple(new),
        added=tuple(e for board in ranked.values() for e in board if e.run_digest in digests),
        dry_run=dry_run,
    )


def _check_stated(read: Run, digest: str) -> None:
    """Hold the digest of the stored answers against those that lie beside them.

    A report leaves its scores in the run's folder, and a night its summary two folders above.
    """
    for path, stated in (*_reported(read), *_told(read.folder)):
        if stated != digest:
            raise BadInput(
                f"{read.folder}: its answers have the digest {digest[:12]}, {path} states "
                f"{stated[:12]}; allowed: runs whose answers are those that were reported (if they "
                f"were scored anew, say so with: modelmetry report {read.folder})"
            )


def _reported(read: Run) -> list[tuple[Path, str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from modelmetry.leaderboards import run_digest

    path = read.folder / "scores.parquet"
    if not path.is_file():
        return []
    try:
        return [(path, run_digest(read.record, pq.read_table(path)))]
    except (OSError, KeyError, pa.ArrowException) as error:
        raise BadInput(f"{path}: cannot be read: {' '.join(str(error).split())}") from error


def _told(folder: Path) -> list[tuple[Path, str]]:
    """What the summary of the night that the run belongs to says of it."""
    import msgspec

    from modelmetry.nightly.night import Night

    night = folder.resolve().parent.parent
    path = night / "summary.json"
    if not path.is_file():
        return []
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Night)
    except (OSError, msgspec.MsgspecError):
        return []  # another program's file
    cells = {
        (cell.suite, cell.model, cell.kind)
        for cell in found.cells
        if cell.run and (night / cell.run).resolve() == folder.resolve()
    }
    stated = {r.run_digest for r in found.readings if (r.suite, r.model, r.kind) in cells}
    return [(path, digest) for digest in sorted(stated)]


def build_leaderboard(
    *,
    data: str | Path = _DATA,
    out: str | Path = "site",
    editions: Sequence[str | Path] = (),
) -> Built:
    """Build the leaderboards' static site, which needs no server and no network.

    Args:
        data: Folder of one CSV file per suite.
        out: Folder of the site; a site that was built there before is replaced.
        editions: Folders of editions whose certificates are shown.

    Raises:
        BadInput: There are no leaderboards, one cannot be read, an edition was changed, or `out`
            holds something else.
    """
    from modelmetry.leaderboards.site import build, read_given

    given = [read_given(Path(folder)) for folder in editions]
    return build(Path(data), Path(out), given)


def serve_leaderboard(
    *,
    data: str | Path = _DATA,
    port: int = 8000,
    editions: Sequence[str | Path] = (),
    said: Callable[[str], None] = print,
) -> None:
    """Show the leaderboards at 127.0.0.1 until interrupted; a change of the files is built anew.

    Args:
        data: Folder of one CSV file per suite.
        port: Where to listen; 0 for any free port.
        editions: Folders of editions whose certificates are shown.
        said: Told the address, and every change.

    Raises:
        BadInput: As for `build_leaderboard`, or the port is taken.
    """
    from modelmetry.leaderboards.serving import serve
    from modelmetry.leaderboards.site import read_given

    given = [read_given(Path(folder)) for folder in editions]
    serve(Path(data), port, given, said)
