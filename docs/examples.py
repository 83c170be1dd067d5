# ruff: noqa: INP001 - a script beside the pages, no package.
"""Runs the commands of the tutorials and how-to pages, and writes or checks the outputs shown.

    python docs/examples.py [--write] [PAGE ...]

A page's ```bash blocks run in order, in one empty folder of their own, in bash, and so does what stands in
a comment `<!-- run: ... -->`, for what a reader does otherwise. A ```text block right after one holds what it
printed on stdout; a ```sh block is for a reader with a model of their own and is not run. Packages that a page
puts into `.site` are found. Dates in the names of folders are those of this text, whenever it ran.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent
PAGES = sorted([*DOCS.glob("tutorials/*.md"), *DOCS.glob("how-to/*.md"), DOCS / "gallery.md"])

_BLOCK = re.compile(
    r"^<!-- run: (?P<hidden>.*?) -->\n"
    r"|^```bash\n(?P<command>.*?)^```\n(?:\n```text\n(?P<shown>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
_DATE = re.compile(r"\d{8}T\d{6}Z")
_SEEN = "20261121T080000Z"
_PATIENCE_S = 300.0


class Failed(Exception):
    """A command of a page failed or printed something else than the page shows."""


def commands(page: Path) -> list[str]:
    """The page's commands, block by block."""
    return [
        found["command"] or found["hidden"]
        for found in _BLOCK.finditer(page.read_text(encoding="utf-8"))
    ]


def run(page: Path, *, write: bool = False) -> None:
    """Run a page's commands.

    Args:
        page: Which.
        write: Whether to put what they print into the page; else it must be what stands there.

    Raises:
        Failed: A command failed, or printed something else.
    """
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:

        def ran(found: re.Match[str]) -> str:
            said = _said(found["command"] or found["hidden"], Path(folder), page)
            shown = found["shown"]
            if shown is None:
                return found.group()
            if not write and shown != said:
                lines = difflib.unified_diff(
                    shown.splitlines(), said.splitlines(), "shown", "printed", lineterm=""
                )
                raise Failed(f"{page.name}: {found['command']}" + "\n".join(lines))
            return f"```bash\n{found['command']}```\n\n```text\n{said}```\n"

        done = _BLOCK.sub(ran, text)
    if write and done != text:
        page.write_text(done, encoding="utf-8")


def _said(command: str, folder: Path, page: Path) -> str:
    """What the commands of a block print, as the page would show it."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("MODELMETRY", "OPENAI", "VLLM"))
    }
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(  # noqa: S603
        ["bash", "-euo", "pipefail", "-c", command],  # noqa: S607
        cwd=folder,
        env={
            **kept,
            "PATH": beside,
            "PYTHONPATH": f"{folder / '.site'}{os.pathsep}{kept.get('PYTHONPATH', '')}",
            "HF_HUB_OFFLINE": "1",
            "NO_COLOR": "1",
            "PIP_NO_INPUT": "1",
        },
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    if done.returncode:
        raise Failed(f"{page.name}: exit code {done.returncode}: {command}{done.stderr[-2000:]}")
    lines = [line.rstrip() for line in _DATE.sub(_SEEN, done.stdout).splitlines()]
    return "".join(f"{line}\n" for line in "\n".join(lines).strip("\n").splitlines())


def main() -> None:
    """Run the pages asked for, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("pages", nargs="*", type=Path, default=PAGES)
    parser.add_argument("--write", action="store_true", help="put the outputs into the pages")
    asked = parser.parse_args()
    for page in asked.pages:
        try:
            run(page, write=asked.write)
        except Failed as error:
            sys.exit(str(error))
        print(page.name)  # noqa: T201


if __name__ == "__main__":
    main()
