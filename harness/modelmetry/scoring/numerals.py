r"""Numerals: how numbers are written in texts, and their exact values.

Read: signs (also Unicode minus), decimals, thousands separators (`1,234`, `1_234`, `1 234` with any
narrow or plain space, `1{,}234`), scientific notation (`1.5e3`, `1.5 x 10^3`, also with a cross or
superscripts), fractions (`3/4`, `1 3/4`, `¾`, `\frac{3}{4}`), percentages (hundredths), currency
signs, units. Not numbers: ordinals, decades (`1740s`), hexadecimal, dotted versions and dates, list
numbers (`2) `), digits inside words, and the modulus after `mod`.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from fractions import Fraction

Value = int | Fraction | str
"""An exact value, or the text in normal form of a number too long to be worth computing."""

NUMERAL = re.compile(
    r"""
    (?<![A-Za-z\d]) (?<!\d[.]) (?<![A-Za-z\d]_)
    (?:
      (?P<skip> \\?[pb]?mod(?:ulo|ulus)?\b[\s{]*+\d++ | \d++(?:\.\d++){2,} | 0[xX][\da-fA-F]++
              | (?m:^)\d{1,2}\)(?=[ \t]) )
    |
      (?P<sign>[-+\N{MINUS SIGN}\N{EN DASH}﹣\N{FULLWIDTH HYPHEN-MINUS}])? (?:[$€£¥][ ]?)?
      (?>
        \\[dt]?frac\s?\{\s?(?P<over>[-\N{MINUS SIGN}]?\d++)\s?\}\s?\{\s?(?P<under>\d++)\s?\}
      | (?:(?P<whole>\d++)[ ]?)?(?P<vulgar>[¼-¾⅐-⅞])
      | (?P<mixed>\d++)[ ](?P<n>\d++)/(?P<d>\d++)(?!\d|[.,/]\d)
      | (?P<digits>
          (?: \d{1,3}(?P<sep>[,_ \u00a0\u2009\u202f]|\\,|\{,\})\d{3}(?!\d)(?:(?P=sep)\d{3}(?!\d))*+ | \d++ )
          (?:\.\d++)? | \.\d++
        )
        (?: [eE](?P<e>[-+\N{MINUS SIGN}]?\d++)
          | [ ]?(?:[\N{MULTIPLICATION SIGN}x*]|\\times|\\cdot)[ ]?10[ ]?
            (?: (?:\^|\*\*)[ ]?\{?(?P<power>[-+\N{MINUS SIGN}]?\d++)\}?
              | (?P<raised>[⁺⁻]?[⁰¹²³⁴-⁹]++) )
        )?
        (?:[ ]?[/\N{FRACTION SLASH}][ ]?(?P<by>\d++)(?!\d|[.,/]\d))?
      )
      (?P<percent>[ ]?\\?%)?
      (?!(?:st|nd|rd|th|s)\b)
    )
    """,
    re.VERBOSE,
)
"""Finds numerals; a match whose group `skip` is set is none."""

_SEPARATORS = re.compile(r"[^\d.]")
_MINUS = str.maketrans("\N{MINUS SIGN}⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹", "--+0123456789")

# fmt: off
_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
    "eighteen", "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
# fmt: on
_WORDS = {word: value for value, word in enumerate(_ONES)} | {
    f"{ten} {_ONES[one]}".removesuffix(" zero"): 10 * tens + one
    for tens, ten in enumerate(_TENS, start=2)
    for one in range(10)
}

# Ten thousand digits are compared exactly; longer ones, and exponents beyond, only as texts.
_MOST_DIGITS = 20_000
_LONGEST_SHOWN = 1_000


def parse(text: str) -> Value | None:
    """The value of a text that is one numeral and nothing else; None when it is not."""
    match = NUMERAL.fullmatch(text.strip())
    return in_words(text.strip().lower()) if match is None else value_of(match)


def in_words(text: str) -> int | None:
    """The value of an English number in small words, from zero to ninety-nine; None for others."""
    return _WORDS.get(text.replace("-", " "))


def value_of(match: re.Match[str]) -> Value | None:
    """The exact value of a numeral found by `NUMERAL`; None for none, and for division by 0."""
    digits = match["digits"]
    if (
        digits is not None
        and match.end() - match.start() == len(digits) < 19
        and digits.isdecimal()
    ):
        return int(digits)
    if match["skip"] is not None:
        return None
    if match.end() - match.start() > _MOST_DIGITS:
        return match[0]
    value = _decimal(match) if digits is not None else _fraction(match)
    if value is None or isinstance(value, str):
        return value
    if match["percent"]:
        value /= 100
    if match["sign"] is not None and match["sign"] != "+":
        value = -value
    return value.numerator if value.denominator == 1 else value


def _decimal(match: re.Match[str]) -> Fraction | str | None:
    power = match["e"] or match["power"] or match["raised"] or "0"
    power = power.translate(_MINUS)
    if len(power) > 6 or abs(int(power)) > _MOST_DIGITS:
        return match[0]
    digits = _SEPARATORS.sub("", match["digits"]) if match["sep"] else match["digits"]
    value = Fraction(Decimal(f"{digits}e{power}"))
    return _over(value, match["by"]) if match["by"] else value


def _fraction(match: re.Match[str]) -> Fraction | None:
    if match["vulgar"]:
        value = _over(*unicodedata.normalize("NFKC", match["vulgar"]).split("\N{FRACTION SLASH}"))
    elif match["over"]:
        value = _over(match["over"].translate(_MINUS), match["under"])
    else:
        value = _over(match["n"], match["d"])
    whole = match["whole"] or match["mixed"]
    return value if value is None or whole is None else Fraction(Decimal(whole)) + value


def _over(numerator: Fraction | str, denominator: str) -> Fraction | None:
    below = Fraction(Decimal(denominator))
    above = numerator if isinstance(numerator, Fraction) else Fraction(Decimal(numerator))
    return above / below if below else None


def shown(value: Value) -> str:
    """A value in normal form: an integer, a decimal where that is exact, else a fraction.

    Args:
        value: As `value_of` gives it.

    Returns:
        The same text for the same value; a number of more than about a thousand digits by its size.
    """
    if isinstance(value, str):
        return value
    if value.denominator == 1 and abs(value) < 10**18:
        return str(int(value))
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > 3 * _LONGEST_SHOWN:
        return f"a number of {value.numerator.bit_length()}/{value.denominator.bit_length()} bits"
    if value.denominator == 1:
        return str(int(value))
    rest, places = value.denominator, 0
    for prime in (2, 5):
        count = 0
        while rest % prime == 0:
            rest, count = rest // prime, count + 1
        places = max(places, count)
    if rest != 1 or places > _LONGEST_SHOWN:
        return f"{value.numerator}/{value.denominator}"
    sign, scaled = "-" if value < 0 else "", abs(value) * 10**places
    digits = str(int(scaled)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}"
