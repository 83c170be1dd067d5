"""Tokenizers by file, folder or name, that turn many texts into tokens at once and tokens into texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from modelmetry.errors import BadInput
from modelmetry.memory.encodings import Encoding, Tokenizer

WORDS = "words"
"""Names the tokenizer that needs no file: words between white space."""

FILE = "tokenizer.json"

MOST_WORDS = 1 << 24
"""Different words that are told apart; a dictionary of them is held in memory."""

Tokens = NDArray[np.uint32]


class Coder(Protocol):
    """What turns texts into tokens and back."""

    @property
    def encoding(self) -> Encoding:
        """Its name and fingerprint."""
        ...

    @property
    def vocabulary(self) -> int | None:
        """Number of tokens; None where it grows with the texts."""
        ...

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens of each text, with nothing added at its borders."""
        ...

    def decode(self, rows: Sequence[Sequence[int]] | Tokens) -> list[str]:
        """The text of each row of tokens."""
        ...


class Words:
    """Words between white space, numbered as they come; what is between two is read as one space."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._spelled: list[str] = []

    @property
    def encoding(self) -> Encoding:
        return Encoding(name=WORDS, fingerprint=_fingerprint(WORDS, Words().encode))

    @property
    def vocabulary(self) -> int | None:
        return None

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        known = self._known
        made = [
            np.array([known.setdefault(word, len(known)) for word in text.split()], np.uint32)
            for text in texts
        ]
        if len(known) > MOST_WORDS:
            raise BadInput(
                f"words: the corpus has more than {MOST_WORDS:,} different ones; "
                "allowed: --tokenizer with a tokenizer of a fixed vocabulary"
            )
        return made

    def decode(self, rows: Sequence[Sequence[int]] | Tokens) -> list[str]:
        if len(self._spelled) < len(self._known):
            self._spelled = list(self._known)
        return [" ".join([self._spelled[token] for token in row]) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subwords:
    """A tokenizer of the library `tokenizers`, which encodes many texts on all processors.

    Attributes:
        name: What it is called.
        inner: The library's tokenizer; what it cuts off and fills up is switched off.
        encoding: Name and fingerprint.
    """

    name: str
    inner: Any
    encoding: Encoding = field(init=False)

    def __post_init__(self) -> None:
        """Switch off what a model's file may say of lengths, and find out what it does."""
        self.inner.no_truncation()
        self.inner.no_padding()
        made = Encoding(name=self.name, fingerprint=_fingerprint(self.name, self.encode))
        object.__setattr__(self, "encoding", made)

    @property
    def vocabulary(self) -> int | None:
        return self.inner.get_vocab_size(with_added_tokens=True)

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        # The fast one leaves out where in the text tokens stand; older versions have the other.
        batch = getattr(self.inner, "encode_batch_fast", self.inner.encode_batch)
        try:
            made = batch(list(texts), add_special_tokens=False)
        except Exception as error:
            text = str(error).split("\n")[0]
            raise BadInput(
                f"tokenizer {self.name!r}: cannot encode a text: {type(error).__name__}: {text}"
            ) from error
        return [np.array(each.ids, np.uint32) for each in made]

    def decode(self, rows: Sequence[Sequence[int]] | Tokens) -> list[str]:
        listed = np.asarray(rows).tolist() if isinstance(rows, np.ndarray) else list(rows)
        return self.inner.decode_batch(listed, skip_special_tokens=False)


def coder(what: str) -> Coder:
    """The tokenizer of a file, of a folder or of a name.

    Args:
        what: `words`; a `tokenizer.json` file; a folder with one; or a name on the Hugging Face hub.

    Raises:
        BadInput: There is no such tokenizer, it cannot be read, or the library `tokenizers`, which all
            but `words` need, is not installed.
    """
    if not what:
        raise BadInput(
            f"tokenizer: none; allowed: {WORDS}, a {FILE} file, a folder with one, or a name on the "
            "Hugging Face hub (the tokenizer of the model that was trained on the corpus)"
        )
    if what == WORDS:
        return Words()
    library = _library()
    path = Path(what)
    if path.is_dir():
        path /= FILE
    if path.name == FILE or path.is_file():
        try:
            inner = library.Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except Exception as error:
            text = str(error).split("\n")[0]
            raise BadInput(f"{path}: no tokenizer: {text}; allowed: a {FILE} file") from error
        return Subwords(name=_called(path), inner=inner)
    try:
        inner = library.Tokenizer.from_pretrained(what)
    except Exception as error:
        text = str(error).split("\n")[0]
        raise BadInput(
            f"tokenizer {what!r}: no such file or folder, and not to be had from the Hugging Face hub: "
            f"{text}"
        ) from error
    return Subwords(name=what, inner=inner)


def file_of(what: str, made: Coder) -> bytes | None:
    """The `tokenizer.json` to keep beside what was made with a tokenizer; None for words."""
    if not isinstance(made, Subwords):
        return None
    path = Path(what) / FILE if Path(what).is_dir() else Path(what)
    return path.read_bytes() if path.is_file() else made.inner.to_str().encode()


def has_library() -> bool:
    """Whether the library `tokenizers` is installed."""
    return find_spec("tokenizers") is not None


def _library() -> Any:
    try:
        import tokenizers  # type: ignore[import-not-found]
    except ImportError as error:
        raise BadInput(
            "tokenizer: the library `tokenizers` is not installed; allowed: pip install tokenizers, or "
            f"--tokenizer {WORDS}"
        ) from error
    return tokenizers


def _called(path: Path) -> str:
    """A file's name; that of its folder where all such files are called alike."""
    resolved = path.resolve()
    return resolved.parent.name or FILE if path.name == FILE else resolved.stem


def _fingerprint(name: str, encode: Callable[[Sequence[str]], list[Tokens]]) -> str:
    return Tokenizer(name=name, encode=lambda text: encode([text])[0].tolist()).fingerprint
