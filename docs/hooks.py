# ruff: noqa: INP001 - a script beside the pages, no package.
"""What the site adds to the pages when it is built: the palette, commands, source files, the notebook."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

DOCS = Path(__file__).parent
TOP = DOCS.parent
LOOK = TOP / "harness/modelmetry/reports/templates/look.css"

_LINK = re.compile(r"\]\((?P<path>[^)\s#:]+)(?P<anchor>#[^)\s]*)?\)")
_ELSEWHERE = re.compile(r'<script src="https?://[^"]*"[^>]*></script>')
_LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}
_PALETTES = {"light": '[data-md-color-scheme="default"]', "dark": '[data-md-color-scheme="slate"]'}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and the style that are made and not written."""
    from mkdocs.structure.files import File

    made = {
        "stylesheets/palette.css": palette(),
        "reference/commands.md": commands_page(),
        **{
            f"notebooks/{p.stem}.md": notebook_page(p) for p in (DOCS / "notebooks").glob("*.ipynb")
        },
        **{source_page(path): shown for path, shown in _linked_sources().items()},
    }
    for uri, content in made.items():
        files.append(File.generated(config, uri, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Point links to files of the repository at the page that shows them."""
    here = PurePosixPath(page.file.src_uri).parent

    def pointed(found: re.Match[str]) -> str:
        target = _source(DOCS / here, found["path"])
        if target is None:
            return found.group()
        up = "../" * len(here.parts) if str(here) != "." else ""
        return f"]({up}{source_page(target)})"

    return _LINK.sub(pointed, markdown)


def on_post_page(output: str, page: Page, **_: Any) -> str:
    """Put worker.js in the place of the one script that the theme would load from elsewhere."""
    up = "../" * page.file.dest_uri.count("/")
    return _ELSEWHERE.sub(f'<script src="{up}javascripts/worker.js"></script>', output)


def on_post_template(output_content: str, **_: Any) -> str:
    """Leave that script out of pages that are no pages, such as the one for what is not found."""
    return _ELSEWHERE.sub("", output_content)


def palette() -> str:
    """The reports' two palettes, under the names by which the theme switches between them."""
    text = LOOK.read_text(encoding="utf-8")
    rules = []
    for name, selector in _PALETTES.items():
        found = re.search(rf"macro {name}\(\) %}}(.*?){{% endmacro", text, re.DOTALL)
        if found is None:
            raise ValueError(f"{LOOK}: no palette {name!r}")
        rules.append(f"{selector} {{{found[1]}}}\n")
    return "".join(rules)


def commands_page() -> str:
    """Every command with its help, as the terminal shows it."""
    from modelmetry.cli.main import commands

    parts = [
        "# Command line\n",
        f"{commands.epilog}\n",
    ]
    for name, command in sorted(commands.commands.items()):
        parts += _helps(command, f"modelmetry {name}", 2)
    return "\n".join(parts)


def _helps(command: click.Command, called: str, level: int) -> list[str]:
    context = click.Context(command, info_name=called, max_content_width=92, terminal_width=92)
    parts = [f"{'#' * level} {called}\n", f"```text\n{command.get_help(context)}\n```\n"]
    if isinstance(command, click.Group):
        for name, each in sorted(command.commands.items()):
            parts += _helps(each, f"{called} {name}", level + 1)
    return parts


def notebook_page(path: Path) -> str:
    """A notebook as Markdown: its text, its code, and what its code printed."""
    parts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        parts += [_output(output) for output in cell["outputs"]]
    name = path.name
    return "\n\n".join([*parts, f"*This page is the notebook `docs/notebooks/{name}`, run.*\n"])


def _output(output: dict[str, Any]) -> str:
    if output["output_type"] == "stream":
        return "" if output["name"] == "stderr" else _printed("".join(output["text"]))
    data = output["data"]
    if "image/svg+xml" in data:
        svg = "".join(data["image/svg+xml"])
        return f'<div class="figure">{" ".join(svg.split())}</div>'
    if "text/html" in data:
        # pandas' own table, without its style.
        table = re.sub(r"<style.*?</style>", "", "".join(data["text/html"]), flags=re.DOTALL)
        return " ".join(table.split())
    return _printed("".join(data["text/plain"]))


def _printed(text: str) -> str:
    return f'<pre class="printed"><code>{html.escape(text.rstrip())}</code></pre>'


def source_page(path: Path) -> str:
    """Where the site shows a file of the repository."""
    return f"source/{path.relative_to(TOP).as_posix()}.md"


def _source(folder: Path, link: str) -> Path | None:
    """The file of the repository that a link names and that is no page or picture of the site."""
    target = (folder / link).resolve()
    pages = (".md", ".png", ".svg", ".ipynb")
    if not target.is_file() or not target.is_relative_to(TOP):
        return None
    return None if target.is_relative_to(DOCS) and target.suffix in pages else target


def _linked_sources() -> dict[Path, str]:
    """The files that pages link to, and the Markdown that shows each."""
    found: dict[Path, str] = {}
    for page in DOCS.rglob("*.md"):
        for link in _LINK.finditer(page.read_text(encoding="utf-8")):
            target = _source(page.parent, link["path"])
            if target is not None:
                found[target] = _shown(target)
    return dict(sorted(found.items()))


def _shown(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    name = path.relative_to(TOP).as_posix()
    language = _LANGUAGES.get(path.suffix, "text")
    fence = "`" * max(4, *(len(run) + 1 for run in re.findall(r"`+", text) or [""]))
    return f"---\nsearch: {{exclude: true}}\n---\n# {name}\n\n{fence}{language}\n{text.rstrip()}\n{fence}\n"
