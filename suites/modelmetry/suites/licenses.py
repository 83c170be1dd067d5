"""Licenses that a suite can name for its data: the Hub's identifiers, and where their texts stand."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType

from modelmetry.errors import BadInput, offered

DEFAULT = "cc-by-4.0"
"""Where a suite names none: use the data for anything, and say where it came from."""

_CREATIVE = {
    "cc0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "cc-by-3.0": "https://creativecommons.org/licenses/by/3.0/",
    "cc-by-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "cc-by-sa-3.0": "https://creativecommons.org/licenses/by-sa/3.0/",
    "cc-by-sa-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "cc-by-nc-3.0": "https://creativecommons.org/licenses/by-nc/3.0/",
    "cc-by-nc-4.0": "https://creativecommons.org/licenses/by-nc/4.0/",
    "cc-by-nd-4.0": "https://creativecommons.org/licenses/by-nd/4.0/",
    "cc-by-nc-nd-4.0": "https://creativecommons.org/licenses/by-nc-nd/4.0/",
    "cc-by-nc-sa-4.0": "https://creativecommons.org/licenses/by-nc-sa/4.0/",
}
_SPDX = {
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "gpl-3.0": "GPL-3.0-only",
    "lgpl-3.0": "LGPL-3.0-only",
    "agpl-3.0": "AGPL-3.0-only",
    "mpl-2.0": "MPL-2.0",
    "isc": "ISC",
    "unlicense": "Unlicense",
    "pddl": "PDDL-1.0",
    "odbl": "ODbL-1.0",
    "odc-by": "ODC-By-1.0",
    "cdla-permissive-2.0": "CDLA-Permissive-2.0",
    "cdla-sharing-1.0": "CDLA-Sharing-1.0",
}

LICENSES = {
    **_CREATIVE,
    **{name: f"https://spdx.org/licenses/{spdx}.html" for name, spdx in _SPDX.items()},
}
"""Identifier on the Hub -> address of the text."""


def checked(where: str, name: Any) -> str | UnsetType:
    """A license's identifier as a suite's file names it; unset where it names none.

    Args:
        where: File and key, for the error's line.
        name: What stands there, or None.

    Raises:
        BadInput: It is none of `LICENSES`.
    """
    if name is None:
        return UNSET
    if not isinstance(name, str) or name not in LICENSES:
        raise BadInput(f"{where}: unknown license {name!r}{offered(str(name), LICENSES)}")
    return name
