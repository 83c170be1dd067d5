"""The exceptions of modelmetry, one branch per thing the reader should do.

```
ModelmetryError         exit 1   something failed; the line says what and where
├── BadInput            exit 2   what was given cannot be used: what, where, what is allowed
│   └── SpaceExhausted           more distinct problems were wanted than exist
├── Unreachable         exit 3   the model does not answer; the run can be resumed
├── LimitReached        exit 4   a budget ended; the run can be resumed
└── GateFailed          exit 5   a regression or a control-chart alarm
```
"""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable


class ModelmetryError(Exception):
    """Something failed that a person has to look at; `str(error)` is one readable line."""

    exit_code = 1


class BadInput(ModelmetryError, ValueError):
    """What the user gave cannot be used: the message says what, where and what is allowed."""

    exit_code = 2


class SpaceExhausted(BadInput):
    """More distinct problems were asked for than the space holds."""


class Unreachable(ModelmetryError):
    """The model cannot be reached; answers already received are kept and the run can be resumed."""

    exit_code = 3


class LimitReached(ModelmetryError):
    """A budget or cost limit ended the run, which can be resumed."""

    exit_code = 4


class GateFailed(ModelmetryError):
    """A nightly gate failed: a regression or a control-chart alarm."""

    exit_code = 5


def nearest(name: object, known: Iterable[str]) -> str:
    """What a line about an unknown name says of the known one that was probably meant.

    Case and the kind of dash do not count; where the known names have parts, such as `task/split`,
    the last part alone will do.

    Args:
        name: The name as it was given.
        known: The names that there are.

    Returns:
        ` (did you mean 'addition'?)`, or nothing where no name is near.
    """
    import difflib

    wanted = _plain(str(name))
    shapes: dict[str, str] = {}
    for candidate in known:
        whole = _plain(candidate)
        shapes[whole] = candidate
        if "/" not in wanted:
            shapes.setdefault(whole.rpartition("/")[2], candidate)
    near = difflib.get_close_matches(wanted, shapes, n=1, cutoff=_NEAR)
    return f" (did you mean {shapes[near[0]]!r}?)" if near else ""


def offered(name: object, known: Collection[str]) -> str:
    """What a line about an unknown name ends in: the one probably meant, and all that there are.

    Args:
        name: The name as it was given.
        known: The names that there are.

    Returns:
        ` (did you mean 'addition'?); allowed: addition, calendar`, or without what is in brackets.
    """
    return f"{nearest(name, known)}; allowed: {', '.join(known)}"


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "-")


_NEAR = 0.6
"""Least likeness of two names, of 1, as difflib counts it."""

_GIVEN_WRONG = (
    *(errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR),
)


def cannot_write(path: object, error: OSError) -> ModelmetryError:
    """The error for a file or folder that cannot be written.

    Args:
        path: What was to be written.
        error: What the system said.

    Returns:
        `BadInput` when the place was chosen wrongly, such as a read-only folder;
        `ModelmetryError` when the system failed, such as a full disk.
    """
    kind = BadInput if error.errno in _GIVEN_WRONG else ModelmetryError
    return kind(f"{path}: cannot be written: {error.strerror or error}")
