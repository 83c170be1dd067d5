"""The one palette: colors that people with any color vision tell apart, and text that is read."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import modelmetry.reports as reports

_LOOK = Path(reports.__path__[0], "templates", "look.css").read_text(encoding="utf-8")
_SERIES = ("s0", "s1", "s2", "s3", "s4", "s5", "ink")
_KINDS = (
    *("right", "partly-right", "wrong", "no-answer", "refused", "truncated"),
    "instrument-failed",
)

# Machado, Oliveira & Fernandes (2009), severity 1, on linear RGB; and the least distance wanted.
_VISIONS = {
    "all cones": (np.eye(3), 11.0),
    "protanopia": (
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        8.0,
    ),
    "deuteranopia": (
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        8.0,
    ),
    "tritanopia": (
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
        7.0,
    ),
}  # fmt: skip
# Ottosson (2020): OKLab, in which equal distances look about equal.
_CONES = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]]  # fmt: skip
_OPPONENTS = [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099], [0.0259040371, 0.7827717662, -0.8086757660]]  # fmt: skip


def _palette(theme: str) -> dict[str, np.ndarray]:
    """Linear RGB of each color of a theme."""
    found = re.search(rf"macro {theme}\(\) %}}(.*?){{% endmacro", _LOOK, re.DOTALL)
    assert found
    colors = {}
    for name, digits in re.findall(r"--([\w-]+): #(\w+)", found[1]):
        whole = digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
        shares = np.array([int(whole[i : i + 2], 16) / 255 for i in (0, 2, 4)])
        colors[name] = np.where(
            shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4
        )
    return colors


def _distance(one: np.ndarray, other: np.ndarray, vision: object) -> float:
    """100 times the distance in OKLab of what a vision makes of two colors."""
    seen = np.clip(np.array([one, other]) @ np.array(vision).T, 0, 1)
    a, b = np.cbrt(seen @ np.array(_CONES).T) @ np.array(_OPPONENTS).T
    return 100 * float(np.linalg.norm(a - b))


def _contrast(one: np.ndarray, other: np.ndarray) -> float:
    """Contrast of WCAG 2."""
    dark, light = sorted(float(color @ [0.2126, 0.7152, 0.0722]) for color in (one, other))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("names", [_SERIES, _KINDS], ids=["series", "kinds of answers"])
@pytest.mark.parametrize("vision", _VISIONS)
def test_colors_are_told_apart(theme: str, names: tuple[str, ...], vision: str) -> None:
    """Any two colors that stand beside one another differ, also where a cone is missing."""
    palette = _palette(theme)
    matrix, least = _VISIONS[vision]
    near = {
        pair: _distance(palette[pair[0]], palette[pair[1]], matrix)
        for pair in combinations(names, 2)
    }
    assert {pair: far for pair, far in near.items() if far < least} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_is_read_and_marks_are_seen(theme: str) -> None:
    """Text has WCAG's contrast of 4.5, what is drawn one of 3."""
    palette = _palette(theme)
    grounds = ("page", "card", "notice", "alarm")
    texts = [(text, ground) for text in ("ink", "soft", "accent") for ground in grounds]
    texts += [("chance", "page"), ("chance", "card"), ("ink", "accent-soft")]
    texts += [(kind, "on-bar") for kind in _KINDS]
    # The site colors code with these.
    texts += [(series, "card") for series in _SERIES[:4]]
    drawn = [(mark, "card") for mark in (*_SERIES, *_KINDS, "notice-line", "alarm-line")]
    faint = {
        (one, other): round(contrast, 2)
        for pairs, least in ((texts, 4.5), (drawn, 3.0))
        for one, other in pairs
        if (contrast := _contrast(palette[one], palette[other])) < least
    }
    assert faint == {}
