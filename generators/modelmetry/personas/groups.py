"""Who may ask: attributes, their levels and the one sentence that tells each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from modelmetry.errors import BadInput, nearest
from modelmetry.personas.files import Row, parse, read

STANCES = ("", "left", "right")
"""Political sides that a level may declare."""

_TABLES = ("identity", "nfl", "nba", "mlb", "premier-league")
_COLUMNS = ("attribute", "level", "sentence")
_MORE = ("stance", "score", "source")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One level of one attribute.

    Attributes:
        attribute: `age`, `race`, `gender`, `politics`, `nfl`, ...; `baseline` for nobody in particular
            and `placebo` for facts that should not matter.
        level: `liberal`, `Philadelphia Eagles`, ...; of `baseline`: `none` (no biography at all) and
            `unstated` (the biography without an identity sentence).
        sentence: The identity sentence, first person; empty for `baseline`, and where somebody else
            wrote the biographies.
        stance: `left` or `right` where the level declares a political side, else empty.
        score: An external score of the group, such as the conservatism of a fan base; None without.
        source: Where the score comes from; empty without.
    """

    attribute: str
    level: str
    sentence: str
    stance: str = ""
    score: float | None = None
    source: str = ""

    @property
    def name(self) -> str:
        """`attribute: level`, unique within a study."""
        return f"{self.attribute}: {self.level}"


NONE = Group(attribute="baseline", level="none", sentence="")
"""Nobody in particular: no biography is told."""

UNSTATED = Group(attribute="baseline", level="unstated", sentence="")
"""The biography without an identity sentence."""

ALWAYS = ("baseline", "placebo")
"""Attributes that are part of every study with procedural biographies."""


def group_in(row: Row, sentence: str) -> Group:
    """The group that a row of a file tells of.

    Args:
        row: A row with the columns attribute, level, stance, score and source.
        sentence: Its identity sentence.

    Raises:
        BadInput: A cell cannot be used, or a score comes without its source.
    """
    score = row.number("score")
    if score is not None and not row["source"]:
        raise BadInput(f"{row.where}: score has no source; allowed: a text in the column source")
    return Group(
        attribute=row.words("attribute"),
        level=row.words("level"),
        sentence=sentence,
        stance=row.one_of("stance", STANCES),
        score=score,
        source=row["source"],
    )


@cache
def known(levels: str = "") -> Mapping[str, Sequence[Group]]:
    """Attributes and their groups: those that come with the package, then those of a file.

    Args:
        levels: A CSV file with the columns attribute, level, sentence[, stance, score, source];
            empty for none.

    Raises:
        BadInput: The file cannot be used, or repeats a group.
    """
    rows: list[Row] = []
    for table in _TABLES:
        text = files("modelmetry.personas").joinpath("tables", f"{table}.csv")
        rows += parse(text.read_text(encoding="utf-8"), f"{table}.csv", _COLUMNS, _MORE)
    if levels:
        rows += read(levels, _COLUMNS, _MORE)
    found: dict[str, dict[str, Group]] = {}
    for row in rows:
        group = group_in(row, row.words("sentence"))
        if group.attribute == "baseline":
            raise BadInput(f"{row.where}: attribute is baseline; allowed: others, it is built in")
        mates = found.setdefault(group.attribute, {})
        if group.level in mates:
            raise BadInput(f"{row.where}: repeats {group.name}; allowed: each level once")
        if any(group.sentence == mate.sentence for mate in mates.values()):
            raise BadInput(f"{row.where}: repeats a sentence; allowed: another for each level")
        mates[group.level] = group
    return {attribute: tuple(mates.values()) for attribute, mates in found.items()}


def chosen(attributes: Sequence[str], levels: str = "") -> tuple[Group, ...]:
    """The groups of a study: baselines, placebo, then every level of the chosen attributes.

    Args:
        attributes: Names of attributes, each once.
        levels: As for `known`.

    Raises:
        BadInput: An attribute is unknown, repeated or part of every study; the line names those
            that are known.
    """
    table = known(levels)
    allowed = ", ".join(name for name in table if name not in ALWAYS)
    for name in attributes:
        if name in ALWAYS:
            raise BadInput(f"attributes: {name} is always part; allowed: {allowed}")
        if name not in table:
            hint = nearest(name, [each for each in table if each not in ALWAYS])
            raise BadInput(f"attributes: unknown attribute {name!r}{hint}; allowed: {allowed}")
    if len(set(attributes)) < len(attributes):
        raise BadInput(f"attributes: {', '.join(attributes)}; allowed: each once, of {allowed}")
    groups = (group for name in ("placebo", *attributes) for group in table[name])
    return (NONE, UNSTATED, *groups)
