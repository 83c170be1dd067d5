"""Canaries: an identifier that its names fix, in a sentence that no other edition begins."""

from __future__ import annotations

import re
from uuid import UUID

from modelmetry.memory.canary import edition_canary, identifier, lead, sentence


def test_an_identifier_is_fixed_by_all_of_its_names() -> None:
    """The same names give the same GUID, of the form of a random one; any other name another."""
    assert identifier("a", 1) == identifier("a", 1)
    made = {identifier("a", n) for n in range(2000)}
    assert len(made) == 2000
    assert all(UUID(guid).version == 4 and str(UUID(guid)) == guid for guid in made)


def test_no_bit_of_an_identifier_is_common() -> None:
    """Beside the six that say what form it is, every bit is 0 in about half of them."""
    bits = [f"{UUID(identifier('bits', n)).int:0128b}" for n in range(2000)]
    shares = [sum(text[place] == "1" for text in bits) / 2000 for place in range(128)]
    assert sum(share in (0.0, 1.0) for share in shares) == 6
    assert all(0.45 < share < 0.55 for share in shares if share not in (0.0, 1.0))


def test_a_canary_belongs_to_one_edition() -> None:
    """Suite, version and edition all change the identifier, and what stands before it tells the edition."""
    made = {
        edition_canary(suite, version, edition)
        for suite in ("one", "two")
        for version in (1, 2)
        for edition in ("seed-1-00000000", "seed-2-00000000")
    }
    assert len({text.rpartition(" ")[2] for text in made}) == 8
    assert len({text.rpartition(" ")[0] for text in made}) == 4
    text = edition_canary("one", 1, "seed-1-00000000")
    guid = text.rpartition(" ")[2]
    assert text == sentence("one", "seed-1-00000000", guid)
    assert text.startswith(lead("one", "seed-1-00000000"))
    assert re.search("should never appear in training corpora", text)
