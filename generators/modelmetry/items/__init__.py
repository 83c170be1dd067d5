"""The vocabulary of problems: what is asked, what is right, and what a generator promises."""

from modelmetry.items.generator import Draft, Generator
from modelmetry.items.plugins import installed, load
from modelmetry.items.problem import (
    Field,
    Item,
    Message,
    Part,
    Problem,
    Scalar,
    Target,
    canonical_json,
    content_hash,
    message,
)
from modelmetry.items.seed import Seed, digest

__all__ = [
    "Draft",
    "Field",
    "Generator",
    "Item",
    "Message",
    "Part",
    "Problem",
    "Scalar",
    "Seed",
    "Target",
    "canonical_json",
    "content_hash",
    "digest",
    "installed",
    "load",
    "message",
]
