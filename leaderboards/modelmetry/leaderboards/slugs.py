"""Names as parts of addresses: short, stable, never two alike, and never out of their folder."""

from __future__ import annotations

import hashlib
import re

_PLAIN = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_TAKEN = re.compile(r".*-[0-9a-f]{12}|index|con|nul|prn|aux|(com|lpt)[0-9]")
_LONGEST = 60


def slug(*names: str) -> str:
    """One path segment of lower-case letters, digits and hyphens for a name of any kind.

    It depends on the name alone, so that addresses do not change with what else there is. A name
    that is no such segment itself gets a hash, so that no two names share one.
    """
    whole = names[0] if len(names) == 1 else "\0".join(names)
    if len(whole) <= _LONGEST and _PLAIN.fullmatch(whole) and not _TAKEN.fullmatch(whole):
        return whole
    words = "-".join(re.findall(r"[a-z0-9]+", " ".join(names).lower()))[:_LONGEST].strip("-")
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{words}-{digest}" if words else digest
