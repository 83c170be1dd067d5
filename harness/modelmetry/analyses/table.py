"""Scores as arrays: one entry per item, its repeats averaged first, with names as codes."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelmetry.errors import BadInput
from modelmetry.runs.scores import SCHEMA

OTHER_OUTCOMES = ("no answer", "refused", "truncated", "instrument failed")
"""Every outcome but `answered`, from the model's silence to the instrument's failure."""

KINDS = ("right", "partly right", "wrong", *OTHER_OUTCOMES)
"""What can become of an answer: how it was marked if it was given, else its outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """A column of names.

    Attributes:
        names: The distinct names, in the order in which the table first shows them.
        codes: Index into `names` per entry, shape (n,).
    """

    names: tuple[str, ...]
    codes: np.ndarray

    def at(self, name: str) -> np.ndarray:
        """Which entries carry the name, shape (n,), bool; none where the name is unknown."""
        if name not in self.names:
            return np.zeros(len(self.codes), dtype=bool)
        return self.codes == self.names.index(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """The items of a run: an item is a problem under one wording; all arrays have shape (n,).

    Attributes:
        uid: Item uids, an Arrow array of texts.
        task: Task names.
        split: Split labels.
        wording: Wording names.
        expected: Canonical right answers.
        factors: Factor levels as JSON texts.
        problem: Code of the problem, the same in every wording.
        cluster: Code of the unit drawn independently.
        index: Place of the problem in its split's stream.
        chance: Probability that a uniform guess is right.
        difficulty: Level of the task's difficulty factor.
        repeats: Answers that were asked for.
        unscored: Answers among them that the instrument failed to read.
        value: Mean score over the scored answers; 0 where there are none.
        outcomes: Answers of each of `KINDS`, shape (n, len(KINDS)).
        among: Mean score over the given answers; 0 where there are none.
    """

    uid: pa.Array
    task: Labels
    split: Labels
    wording: Labels
    expected: Labels
    factors: Labels
    problem: np.ndarray
    cluster: np.ndarray
    index: np.ndarray
    chance: np.ndarray
    difficulty: np.ndarray
    repeats: np.ndarray
    unscored: np.ndarray
    value: np.ndarray
    outcomes: np.ndarray
    among: np.ndarray

    @property
    def answers(self) -> np.ndarray:
        """Answers that were given, shape (n,)."""
        return self.outcomes[:, : len(KINDS) - len(OTHER_OUTCOMES)].sum(axis=1)

    @property
    def scored(self) -> np.ndarray:
        """Which items have at least one scored answer, shape (n,), bool."""
        return self.repeats > self.unscored

    def filled(self, value: float) -> np.ndarray:
        """Item means with every unscored answer counted as `value`, shape (n,)."""
        known = self.value * (self.repeats - self.unscored)
        return (known + value * self.unscored) / self.repeats

    def levels(self, where: np.ndarray) -> dict[str, Labels]:
        """Factor -> levels of all items, for the factors of the chosen items' tasks.

        Args:
            where: Which items, shape (n,), bool. Levels that none of them has are not named.
        """
        present = np.unique(self.factors.codes[where])
        parsed = {int(code): json.loads(self.factors.names[code]) for code in present}
        found = {}
        for factor in dict.fromkeys(name for levels in parsed.values() for name in levels):
            values = sorted(
                {levels[factor] for levels in parsed.values() if factor in levels}, key=_order
            )
            places = np.full(len(self.factors.names), -1)
            for code, levels in parsed.items():
                if factor in levels:
                    places[code] = values.index(levels[factor])
            names = tuple(_level_name(value) for value in values)
            found[factor] = Labels(names=names, codes=places[self.factors.codes])
        return found


def matched(a: Items, b: Items, label: str) -> tuple[np.ndarray, np.ndarray]:
    """Positions, in two runs, of the items of a split that both hold, in the order of the first.

    Args:
        a: The first run's items.
        b: The second's.
        label: The split's label.

    Returns:
        Two arrays of the same length, possibly empty.
    """
    here, there = (np.flatnonzero(run.split.at(label)) for run in (a, b))
    known = pc.SetLookupOptions(b.uid.take(pa.array(there)))
    places = pc.call_function("index_in", [a.uid.take(pa.array(here))], known)
    both = places.is_valid().to_numpy(zero_copy_only=False)
    return here[both], there[places.drop_null().to_numpy()]


def labels(table: pa.Table, name: str) -> Labels:
    """A text column of a table as names and codes, nulls as empty text."""
    column = _encoded(table, name)
    return Labels(names=tuple(column.dictionary.to_pylist()), codes=_codes(column))


def codes(table: pa.Table, name: str) -> np.ndarray:
    """A text column of a table as codes alone, shape (rows,)."""
    return _codes(_encoded(table, name))


def _encoded(table: pa.Table, name: str) -> pa.DictionaryArray:
    column = table.column(name)
    if pa.types.is_dictionary(column.type):
        # Dictionaries may differ from chunk to chunk, and may hold names that no row has.
        column = column.cast(pa.string())
    if column.null_count:
        column = pc.fill_null(column, "")
    return column.combine_chunks().dictionary_encode()


def _codes(column: pa.DictionaryArray) -> np.ndarray:
    return column.indices.to_numpy(zero_copy_only=False)


def check(table: pa.Table) -> pa.Table:
    """The table itself, once it is known to hold scores.

    Raises:
        BadInput: A column is missing or the table has no rows.
    """
    if missing := [name for name in SCHEMA.names if name not in table.column_names]:
        raise BadInput(f"scores: no column {missing[0]!r}; allowed: the columns of scores.parquet")
    if not table.num_rows:
        raise BadInput("scores: the table has no rows; allowed: a run with at least one answer")
    return table


def read_items(table: pa.Table) -> Items:
    """Average the repeats of each item of a table of scores.

    Args:
        table: Scores with the columns of `runs.scores.SCHEMA`; at least one row.

    Raises:
        BadInput: A column is missing or the table has no rows.
    """
    check(table)
    # The same problem may be asked in two splits of a custom suite: both are items of their own.
    split = labels(table, "split")
    keys = codes(table, "item").astype(np.int64) * len(split.names) + split.codes
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    group, first = rank[inverse], first[order]
    return _averaged(table, group, first)


def _averaged(table: pa.Table, group: np.ndarray, first: np.ndarray) -> Items:
    """Items from the item number of each row, and the first row of each item."""

    def named(column: str) -> Labels:
        found = labels(table, column)
        return Labels(names=found.names, codes=found.codes[first])

    def total(weights: np.ndarray) -> np.ndarray:
        return np.bincount(group, weights=weights, minlength=len(first))

    value = pc.fill_null(table.column("value"), 0.0).to_numpy()
    failed = table.column("value").is_null().to_numpy().astype(float)
    kinds = _kinds(table, value)
    outcomes = np.bincount(group * len(KINDS) + kinds, minlength=len(first) * len(KINDS))
    outcomes = outcomes.reshape(len(first), len(KINDS))
    given = (kinds < len(KINDS) - len(OTHER_OUTCOMES)).astype(float)
    repeats, unscored = np.bincount(group), total(failed)
    return Items(
        uid=table.column("item").combine_chunks().take(pa.array(first)),
        task=named("task"),
        split=named("split"),
        wording=named("wording"),
        expected=named("expected"),
        factors=named("factors"),
        problem=codes(table, "problem")[first],
        cluster=codes(table, "cluster")[first],
        index=table.column("index").to_numpy()[first],
        chance=table.column("chance").to_numpy()[first],
        difficulty=table.column("difficulty").to_numpy()[first],
        repeats=repeats,
        unscored=unscored.astype(np.int64),
        value=total(value) / np.maximum(repeats - unscored, 1),
        outcomes=outcomes,
        among=total(value * given) / np.maximum(total(given), 1),
    )


def _kinds(table: pa.Table, value: np.ndarray) -> np.ndarray:
    """Index into `KINDS` of every row, shape (rows,)."""
    outcome = labels(table, "outcome")
    return np.select(
        [outcome.at(kind) for kind in OTHER_OUTCOMES] + [value == 1, value == 0],
        [KINDS.index(kind) for kind in OTHER_OUTCOMES]
        + [KINDS.index("right"), KINDS.index("wrong")],
        default=KINDS.index("partly right"),
    )


def _order(level: object) -> tuple[bool, float, str]:
    """Numbers by size, then everything else by its name."""
    number = isinstance(level, int | float)
    return (not number, float(level) if number else 0.0, str(level))


def _level_name(level: object) -> str:
    return str(level).lower() if isinstance(level, bool) else str(level)
