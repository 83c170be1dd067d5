"""Generators that ask what comes after a stretch of a corpus, and what their problems are known by."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from modelmetry.items import Generator, Scalar

Values = NDArray[np.float64]

KNOWN = ("duplicates", "template", "inserted", "canary")
"""Factors that every such problem states: exact copies of the whole sequence in the corpus; `none`,
`repeating` or `incrementing`; 1 where it stands in the corpus, 0 for a twin or a control that does
not; 1 for a random identifier."""


class Continuing(Generator):
    """A generator whose problems are sequences of 2k tokens: k are shown, k are to follow.

    Fields are `prompt` (the text of the first k tokens), `tail` (that of the later half of them) and
    `words` (k). The target is the text of the other k, with the white space that it begins with:
    prompt and target together are the sequence as the corpus has it. Prompts show a field with the
    filter `verbatim`, so that no white space is lost. Factors are `KNOWN` and what else is known by
    construction.

    Attributes:
        k: Tokens of the prompt, and of the continuation.
    """

    k: int

    @abstractmethod
    def tokens(self, text: str) -> Sequence[int | str]:
        """The tokens of a text by the corpus's tokenizer; words the corpus does not have, as they are."""

    @abstractmethod
    def features(self, factors: Sequence[Mapping[str, Scalar]]) -> Mapping[str, Values]:
        """What memorization may depend on besides, for problems with these factors.

        Args:
            factors: Those of each problem.

        Returns:
            Name -> values, shape (problems,); NaN where one is not known.
        """
