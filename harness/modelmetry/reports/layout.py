"""The templates and the one environment in which they are rendered."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelmetry.analyses.table import KINDS
from modelmetry.reports.samples import visible
from modelmetry.reports.words import css, markdown

if TYPE_CHECKING:
    import jinja2


TEMPLATES = Path(__file__).parent / "templates"
"""The reports' own templates, and those that all pages share: `look.css`, `theme.js`, the figures."""


def rendered(template: str, *, folder: Path = TEMPLATES, **values: Any) -> str:
    """A template filled in; values are escaped for HTML in every template but Markdown's.

    Args:
        template: Its file name.
        folder: Where it lies; it may include and import the templates of the reports.
        **values: What it shows.
    """
    kinds = [{"name": kind, "css": css(kind)} for kind in KINDS]
    return _environment(folder).get_template(template).render(kinds=kinds, **values)


@cache
def _environment(folder: Path) -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, TEMPLATES]),
        autoescape=jinja2.select_autoescape(
            enabled_extensions=("html.jinja",), disabled_extensions=("md.jinja",), default=True
        ),
        undefined=jinja2.StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["md"] = markdown
    return environment


def _plain(value: object) -> object:
    """Text on its way onto the page, with nothing hidden in it; what is marked safe stays."""
    return visible(value, longest=len(value)) if type(value) is str else value
