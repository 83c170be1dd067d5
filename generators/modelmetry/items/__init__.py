"""The vocabulary of problems: what is asked, what is right, and what a generator promises."""

from modelmetry.items.canonical import canonical_json, content_hash
from modelmetry.items.conversation import (
    check_script,
    is_model_turn,
    model_turn,
    replies_wanted,
    reply,
    so_far,
)
from modelmetry.items.dataset import Dataset
from modelmetry.items.gallery import Gallery
from modelmetry.items.generator import Draft, Generator
from modelmetry.items.painting import Painters
from modelmetry.items.picture import Painter, Picture, installed_painter
from modelmetry.items.plugins import installed, load
from modelmetry.items.problem import (
    Field,
    Item,
    Message,
    Part,
    Problem,
    Scalar,
    Target,
    as_text,
    message,
)
from modelmetry.items.seed import Seed, digest

__all__ = [
    "Dataset",
    "Draft",
    "Field",
    "Gallery",
    "Generator",
    "Item",
    "Message",
    "Painter",
    "Painters",
    "Part",
    "Picture",
    "Problem",
    "Scalar",
    "Seed",
    "Target",
    "as_text",
    "canonical_json",
    "check_script",
    "content_hash",
    "digest",
    "installed",
    "installed_painter",
    "is_model_turn",
    "load",
    "message",
    "model_turn",
    "replies_wanted",
    "reply",
    "so_far",
]
