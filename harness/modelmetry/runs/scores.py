"""The scores of a run as a table: one row per request, the same bytes for the same answers."""

from __future__ import annotations

import pyarrow as pa

_NAMES = pa.dictionary(pa.int32(), pa.string())

COLUMNS: dict[str, tuple[pa.DataType, str]] = {
    "item": (pa.string(), "item uid: task/problem/wording"),
    "problem": (pa.string(), "problem uid: the same problem in every wording and repeat"),
    "task": (_NAMES, "the suite's task"),
    "split": (_NAMES, "the split's label: its name, or task/split"),
    "wording": (_NAMES, "the prompt's name"),
    "repeat": (pa.int32(), "from 0"),
    "cluster": (pa.string(), "the unit drawn independently"),
    "value": (pa.float64(), "score in [0, 1]; null when the instrument failed"),
    "outcome": (_NAMES, "answered, no answer, refused, truncated, instrument failed"),
    "reason": (_NAMES, "why it is not an ordinary answer"),
    "answer": (pa.string(), "the answer as read out of the text"),
    "expected": (pa.string(), "the canonical right answer"),
    "chance": (pa.float64(), "probability that a uniform guess is right"),
    "difficulty": (pa.float64(), "level of the task's difficulty factor"),
    "input_tokens": (pa.int32(), "0 if unknown"),
    "output_tokens": (pa.int32(), "0 if unknown"),
    "factors": (_NAMES, "JSON object: declared factor name -> level"),
}
"""Column -> type and meaning of `scores.parquet`; rows stand in the order of the run's plan."""

SCHEMA = pa.schema([(name, kind) for name, (kind, _) in COLUMNS.items()])
