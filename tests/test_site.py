"""The documentation as a site: commands that run, outputs that are real, one look, nothing from elsewhere."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from modelmetry import suites
from modelmetry.cli.main import commands

TOP = Path(__file__).parent.parent
DOCS = TOP / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md"))


def _script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXAMPLES, HOOKS = _script("examples"), _script("hooks")


def _tokens(rule: str) -> dict[str, str]:
    return dict(re.findall(r"(--[\w-]+):\s*([^;]+);", rule))


def test_the_site_has_the_reports_palettes() -> None:
    """Every color of the reports, in light and in dark, is that of the site; the sheet adds none."""
    look = HOOKS.LOOK.read_text(encoding="utf-8")
    light, dark = re.findall(r"macro (?:light|dark)\(\) %\}(.*?)\{% endmacro", look, re.DOTALL)
    made = dict(
        re.findall(r"\[data-md-color-scheme=\"(\w+)\"\] \{(.*?)\n\}", HOOKS.palette(), re.DOTALL)
    )
    assert _tokens(made["default"]) == _tokens(light)
    assert _tokens(made["slate"]) == _tokens(dark)
    assert len(_tokens(light)) > 20
    sheet = (DOCS / "stylesheets/site.css").read_text(encoding="utf-8")
    assert set(re.findall(r"#[0-9a-f]{3,8}\b", sheet)) == {"#fff"}
    assert {f"--{name}" for name in re.findall(r"var\(--(\w[\w-]*)\)", sheet)} <= set(
        _tokens(light)
    )


def test_drawings_have_the_colors_of_the_reports() -> None:
    """What figures.py draws with are colors of the light palette, and the drawings have them."""
    look = HOOKS.LOOK.read_text(encoding="utf-8")
    light = _tokens(look[: look.index("endmacro")])
    script = (DOCS / "figures.py").read_text(encoding="utf-8")
    used = re.findall(r"^BLUE, ORANGE, GRAY, INK = (.*)$", script, re.MULTILINE)
    assert re.findall(r"#\w+", used[0]) == [
        light[f"--{name}"] for name in ("s0", "s1", "soft", "ink")
    ]
    drawn = "".join(path.read_text(encoding="utf-8") for path in DOCS.glob("statistics/*.svg"))
    assert {light["--s0"], light["--s1"]} <= set(re.findall(r"#[0-9a-f]{6}", drawn))


def test_the_site_follows_the_system_until_told_otherwise() -> None:
    """Its first palette is neither light nor dark, so that what a reader's system says is followed."""
    settings = (TOP / "mkdocs.yml").read_text(encoding="utf-8")
    asked = re.findall(r'media: "\(([^)]*)\)"', settings)
    assert asked[0] == "prefers-color-scheme"
    assert [each.partition(": ")[2] for each in asked[1:]] == ["light", "dark"]


def test_every_suite_has_a_tutorial_and_every_command_a_help() -> None:
    """Each packaged suite is run or shown in a tutorial, and the reference holds all commands."""
    told = "".join(path.read_text(encoding="utf-8") for path in DOCS.glob("tutorials/*.md"))
    assert [name for name in suites.names() if not re.search(rf"`{name}`|\b{name} ", told)] == []
    page = HOOKS.commands_page()
    assert [name for name in commands.commands if f"## modelmetry {name}\n" not in page] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link of a page is a file, or a page that is made; no page names this machine."""
    text = path.read_text(encoding="utf-8")
    bare = re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE)
    made = {"commands.md", "../notebooks/first-hour.md", "notebooks/first-hour.md"}
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", bare)
    assert [each for each in links if each not in made and not (path.parent / each).exists()] == []
    assert str(TOP) not in text


def test_links_to_source_files_lead_to_their_pages() -> None:
    """A link to a script becomes a link to the page that shows it; links to pages stay."""

    class Here:
        class file:  # noqa: N801
            src_uri = "how-to/suite.md"

    turned = HOOKS.on_page_markdown("[a](../gallery.py) [b](generator.md) [c](https://x.org)", Here)
    assert turned == "[a](../source/docs/gallery.py.md) [b](generator.md) [c](https://x.org)"


def test_what_a_notebook_printed_is_shown_as_text(tmp_path: Path) -> None:
    """Output with a tag in it is no markup; what went to stderr is left out."""
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": "<script>x</script>\n"},
        {"output_type": "stream", "name": "stderr", "text": "noise"},
    ]
    cells = [{"cell_type": "code", "source": "1", "outputs": outputs}]
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    page = HOOKS.notebook_page(path)
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "noise" not in page


def test_a_page_that_shows_what_is_not_printed_is_found(tmp_path: Path) -> None:
    """The check of the pages fails on another output and on a failing command, and writes real ones."""
    page = tmp_path / "page.md"
    page.write_text("```bash\necho 20260102T030405Z a\n```\n\n```text\nb\n```\n")
    with pytest.raises(EXAMPLES.Failed, match="-b"):
        EXAMPLES.run(page)
    EXAMPLES.run(page, write=True)
    EXAMPLES.run(page)
    assert "20261121T080000Z a\n" in page.read_text()
    page.write_text("<!-- run: exit 3 -->\n")
    with pytest.raises(EXAMPLES.Failed, match="exit code 3"):
        EXAMPLES.run(page)


@pytest.mark.docs
@pytest.mark.parametrize("page", EXAMPLES.PAGES, ids=lambda path: path.stem)
def test_the_commands_of_a_page_print_what_it_shows(page: Path) -> None:
    """Every command of the tutorials, how-to pages and gallery runs, and prints what stands there."""
    assert EXAMPLES.commands(page)
    EXAMPLES.run(page)


@pytest.mark.docs
def test_the_notebook_runs_and_prints_what_it_shows() -> None:
    """From top to bottom, with the outputs that are stored."""
    import nbformat
    from nbclient import NotebookClient

    stored = nbformat.read(DOCS / "notebooks/first-hour.ipynb", as_version=4)
    again = nbformat.read(DOCS / "notebooks/first-hour.ipynb", as_version=4)
    for cell in again.cells:
        cell.pop("outputs", None)
        if cell.cell_type == "code":
            cell.outputs = []
    NotebookClient(again, timeout=120, kernel_name="python3").execute()
    for before, after in zip(stored.cells, again.cells, strict=True):
        if before.cell_type == "code":
            assert _told(before) == _told(after)


def _told(cell: dict) -> list[object]:
    shown = [each for each in cell["outputs"] if each.get("name") != "stderr"]
    return [each.get("text") or each["data"].get("image/svg+xml") or each["data"] for each in shown]


@pytest.mark.docs
def test_the_site_builds_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    """`mkdocs build --strict` has no warning; no page, style or script is fetched over the network."""
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path / "site")],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert built.returncode == 0, built.stderr[-3000:]
    loads = re.compile(
        r"<(?:script|img|iframe|source|video)[^>]+src=[\"']?(?:https?:)?//[^\"'> ]+"
        r"|<link[^>]+href=[\"']?(?:https?:)?//[^\"'> ]+|@import[^;]*//|url\([\"']?https?:"
    )
    found = [
        (path.name, hit.group())
        for path in (tmp_path / "site").rglob("*")
        if path.suffix in (".html", ".css")
        for hit in loads.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []
    page = (tmp_path / "site/tutorials/quickstart.html").read_text(encoding="utf-8")
    assert '<script src="../javascripts/worker.js"></script>' in page
    assert (tmp_path / "site/source/docs/figures.py.html").is_file()
    api = (tmp_path / "site/reference/api.html").read_text(encoding="utf-8")
    assert 'id="modelmetry.api.compare"' in api
