"""The words of a laboratory: invented ones with Zipf-like frequencies in four bands, and numerals."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property, lru_cache

import numpy as np

from modelmetry.errors import BadInput
from modelmetry.items import digest
from modelmetry.spaces import Arrangements, Permutation

BANDS = 4
"""Bands of frequency, from 0 for the commonest words."""

WHOLE = 1 << 32
"""What the frequencies of all words add up to, so that they and all draws are whole numbers."""

FEWEST, MOST = 64, 50_000
"""Words that a vocabulary may have."""

# Few letters, no consonant twice and no final e keep clear of English and of rude words.
_CONSONANTS, _VOWELS, _LAST = "bdflmnrstv", "aeiou", "aiou"
_ONSETS = Arrangements(len(_CONSONANTS), 3)
_POSSIBLE = _ONSETS.size * len(_VOWELS) ** 2 * len(_LAST)

# Upper ends of the bands, in 32nds of the words: ranks grow by about 2.5 from band to band.
_ENDS = (2, 5, 13, 32)


class Vocabulary:
    """Tokens and their words, commonest first; then the numerals 0, 1, 2, ...

    Word r of n has a frequency in proportion to 1 / (r + 2.7), after Mandelbrot's form of Zipf's law
    ("An informational theory of the statistical structure of language", 1953). A text is words with
    single spaces between them, so each text has one reading as tokens.

    Args:
        words: Invented words, 64 to 50,000; the first n are the same whatever follows.
        numerals: Numerals after them, >= 0.

    Attributes:
        size: Tokens in all: token t is word t, or numeral t - words.
        spelled: The text of each token.
    """

    def __init__(self, words: int, numerals: int = 0) -> None:
        self.words = words
        self.numerals = numerals
        self.size = words + numerals
        order = Permutation(_POSSIBLE, digest("memory vocabulary"))
        self.spelled = (
            *(_word(order[rank]) for rank in range(words)),
            *(str(number) for number in range(numerals)),
        )

    @cached_property
    def shares(self) -> np.ndarray:
        """Frequency of each word in units of 1 / `WHOLE`, shape (words,), all >= 1."""
        weights = [(1 << 40) // (10 * rank + 27) for rank in range(self.words)]
        total = sum(weights)
        shares = [weight * WHOLE // total for weight in weights]
        shares[0] += WHOLE - sum(shares)
        return np.array(shares, dtype=np.uint64)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: token for token, word in enumerate(self.spelled)}

    def band(self, band: int) -> range:
        """The words of a band, 0 to 3: every word is in one."""
        ends = (0, *(self.words * end // 32 for end in _ENDS))
        return range(ends[band], ends[band + 1])

    def numeral(self, number: int) -> int:
        """The token of a numeral in [0, numerals)."""
        return self.words + number

    def text(self, tokens: Iterable[int]) -> str:
        """Tokens as words with single spaces between them."""
        spelled = self.spelled
        return " ".join([spelled[token] for token in tokens])

    def tokens(self, text: str) -> tuple[int, ...]:
        """A text's tokens.

        Raises:
            BadInput: A word is not in the vocabulary.
        """
        try:
            return tuple(self._numbers[word] for word in text.split(" "))
        except KeyError as error:
            raise BadInput(
                f"vocabulary: {error.args[0]!r} is no word of this laboratory; "
                f"allowed: {self.words} words such as {self.spelled[0]!r} and numerals below "
                f"{self.numerals}, with single spaces between them"
            ) from None

    def read(self, text: str) -> tuple[int | str, ...]:
        """A text's tokens, however its words are spaced; words that are not in it, as they are."""
        return tuple(self._numbers.get(word, word) for word in text.split())


@lru_cache(maxsize=8)
def vocabulary(words: int, numerals: int) -> Vocabulary:
    """The vocabulary of so many words and numerals, made once.

    Raises:
        BadInput: There are too few words for the bands, or more than can be told apart.
    """
    if not FEWEST <= words <= MOST:
        raise BadInput(f"vocabulary: {words} words; allowed: {FEWEST} to {MOST}")
    if numerals < 0:
        raise BadInput(f"vocabulary: {numerals} numerals; allowed: from 0")
    return Vocabulary(words, numerals)


def _word(rank: int) -> str:
    """The invented word of a rank below `_POSSIBLE`: three syllables."""
    rank, first = divmod(rank, len(_VOWELS))
    rank, second = divmod(rank, len(_VOWELS))
    rank, last = divmod(rank, len(_LAST))
    vowels = (_VOWELS[first], _VOWELS[second], _LAST[last])
    onsets = (_CONSONANTS[letter] for letter in _ONSETS[rank])
    return "".join(onset + vowel for onset, vowel in zip(onsets, vowels, strict=True))
