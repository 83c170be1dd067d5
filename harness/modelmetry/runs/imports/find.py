"""Finding logs: which files of a folder are logs, and of which harness."""

from __future__ import annotations

from pathlib import Path

from modelmetry.errors import BadInput
from modelmetry.runs.imports.inspect_logs import read_inspect
from modelmetry.runs.imports.lm_eval_samples import NAME, read_lm_eval
from modelmetry.runs.imports.log import Log

ALLOWED = (
    "logs of inspect_ai (.eval or .json), samples of lm_eval (samples_<task>_<time>.jsonl), "
    "or folders with some in them"
)
_PEEK = 4096


def logs_in(path: Path) -> list[Path]:
    """The logs that a path stands for: itself, or all below a folder, by name.

    A `results_<time>.json` of lm-eval stands for the samples beside it.

    Raises:
        BadInput: There is none.
    """
    if path.is_dir():
        found = [each for each in sorted(path.rglob("*")) if each.is_file() and _is_log(each)]
        if not found:
            raise BadInput(f"{path}: no logs in it; allowed: {ALLOWED}")
        return found
    if not path.exists():
        raise BadInput(f"{path}: no such file or folder; allowed: {ALLOWED}")
    if path.name.startswith("results_") and path.suffix == ".json":
        time = path.stem.removeprefix("results_")
        found = sorted(path.parent.glob(f"samples_*_{_plain(time)}.jsonl"))
        if not found:
            raise BadInput(
                f"{path}: no samples_<task>_{time}.jsonl beside it; allowed: results of an evaluation "
                "with --log_samples"
            )
        return found
    return [path]


def read_log(path: Path) -> Log:
    """A log of any harness; its answers are read later.

    Raises:
        BadInput: It is none that can be read.
    """
    if path.suffix == ".jsonl":
        return read_lm_eval(path)
    if path.suffix in (".eval", ".json"):
        return read_inspect(path)
    raise BadInput(f"{path}: neither .eval nor .json nor .jsonl; allowed: {ALLOWED}")


def _is_log(path: Path) -> bool:
    if path.suffix == ".eval" or NAME.fullmatch(path.name):
        return path.stat().st_size > 0
    if path.suffix != ".json" or path.name.startswith("results_"):
        return False
    with path.open("rb") as file:
        head = file.read(_PEEK)
    return b'"version"' in head and b'"eval"' in head


def _plain(time: str) -> str:
    """A text as a pattern that matches just it."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in time)
