"""The report's words: numbers as people read them, and the sentences made of them."""

from __future__ import annotations

from collections.abc import Sequence

from modelmetry.statistics import Estimate

NBSP = "\u00a0"
MINUS = "\u2212"
DASH = "\u2013"

_SUPERSCRIPT = str.maketrans(
    "0123456789", "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"
)


def digits(estimate: Estimate) -> int:
    """Decimals of a percentage that its uncertainty supports: 1, or 2 where that is small."""
    if estimate.low is None or estimate.high is None:
        return 1
    return 2 if estimate.high - estimate.low < 0.01 else 1


def percent(value: float | None, decimals: int = 1) -> str:
    """A share as a percentage, such as `61.7 %`; a dash where there is none.

    Args:
        value: A share, usually in [0, 1].
        decimals: Digits after the point.
    """
    if value is None:
        return DASH
    return f"{_signed(100 * value, decimals, plus='')}{NBSP}%"


def points(value: float, decimals: int = 1) -> str:
    """A difference of shares in percentage points, with its sign, such as `+3.1`."""
    return _signed(100 * value, decimals, plus="+")


def interval(estimate: Estimate) -> str:
    """An interval of shares, such as `52.1 to 70.4 %`; `none` where there is none."""
    if estimate.low is None or estimate.high is None:
        return "none"
    low = percent(estimate.low, digits(estimate)).removesuffix(f"{NBSP}%")
    return f"{low} to {percent(estimate.high, digits(estimate))}"


def points_interval(estimate: Estimate) -> str:
    """An interval of differences in percentage points, such as `-2.0 to +4.1`."""
    if estimate.low is None or estimate.high is None:
        return "none"
    low, high = (points(end, digits(estimate)) for end in (estimate.low, estimate.high))
    return f"{low} to {high}"


def _signed(value: float, decimals: int, *, plus: str) -> str:
    text = f"{abs(value):.{decimals}f}"
    if not float(text):
        return text
    return f"{MINUS if value < 0 else plus}{text}"


def number(value: float | None) -> str:
    """A number on any scale with about three significant digits."""
    if value is None:
        return DASH
    return f"{value:#.3g}".removesuffix(".").replace("-", MINUS)


def span(estimate: Estimate) -> str:
    """An interval on any scale, such as `2.9 to 3.8`; `above 2.9` where it has one end."""
    if estimate.low is None or estimate.high is None:
        if estimate.low is not None:
            return f"above {number(estimate.low)}"
        return "none" if estimate.high is None else f"below {number(estimate.high)}"
    return f"{number(estimate.low)} to {number(estimate.high)}"


def p_value(p: float) -> str:
    """A p-value as it is printed: never 0."""
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}" if p < 0.01 else f"{p:.3f}"


def count(n: int, noun: str, plural: str = "") -> str:
    """`1 item`, `12,000 items`."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def size(n: int) -> str:
    """A whole number of any size: `1,122`, `8.2 x 10^11` with superscripts."""
    if n < 10**7:
        return f"{n:,}"
    mantissa, exponent = f"{n:.1e}".split("e+")
    return f"{mantissa}{NBSP}\u00d7{NBSP}10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def css(kind: str) -> str:
    """The name of a kind of result in style sheets."""
    return kind.replace(" ", "-")


_MARKDOWN = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>#|~"} | {"\n": " ", "\r": " "})


def markdown(text: object) -> str:
    """A text as one line of Markdown in which nothing of it is markup."""
    return str(text).translate(_MARKDOWN)
