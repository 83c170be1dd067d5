"""Questions with slots: what a question template is, and all of them, read from the YAML files here.

A file holds one family. A template's `program` nests functions: `Z1` are the objects of the scene
that fit the first description, `Z2(x)` those of the set x that fit the second, `R1(x)` those that
stand in the first relation to the object x; all else are functions of CLEVR. `each` repeats a
template for values of letters such as `{A}`, all different. `counts` are the first and the last
count that is asked for, by the value of the first letter (`all` without letters); 0 to 4 if not said.
`idioms` are wordings, by value, that only the English names of the values' types allow.

A wording says every slot once: `{Z1}`, `{Z1s}` (plural), `{a Z1}`, `{R1}`. It also knows `{thing}`
and `{things}` (or object), `{color}` and the other types of attributes, `{other Z2}`,
`{other Z2s}` and `{another Z2}` (without `other` where the descriptions of Z1 and Z2 exclude each
other), and `[...]`, which is left out half the time.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from itertools import permutations
from typing import Any, NamedTuple

import yaml

from modelmetry.scenes.kinds import TYPES, VALUES
from modelmetry.scenes.programs import SIGNATURES

__all__ = ["FAMILIES", "TEMPLATES", "Node", "Template"]

FAMILIES = (
    *("compare-integer", "comparison", "zero-hop", "one-hop", "two-hop", "three-hop"),
    *("same-relation", "and", "or"),
)
"""The nine families of CLEVR's questions."""


class Node(NamedTuple):
    """A function in a template's program; `filter` and `relate` leave a slot open."""

    op: str
    inputs: tuple[Node, ...] = ()
    slot: int = -1

    def walk(self) -> Iterator[Node]:
        """All nodes, inputs before what takes them."""
        for node in self.inputs:
            yield from node.walk()
        yield self


@dataclass(frozen=True, kw_only=True)
class Template:
    """A question with slots for descriptions and relations.

    Attributes:
        name: In kebab-case.
        family: One of `FAMILIES`.
        program: The function that gives the answer, on top of a tree.
        answers: The answers it is asked for.
        wordings: Ways to say it.
        idioms: Further ways, which need the English names of the types of attributes.
    """

    name: str
    family: str
    program: Node
    answers: tuple[str, ...]
    wordings: tuple[str, ...]
    idioms: tuple[str, ...] = ()

    @cached_property
    def steps(self) -> int:
        """Nodes of the program, each description being one, whatever it names."""
        return sum(1 for _ in self.program.walk())

    @cached_property
    def open(self) -> tuple[frozenset[str], ...]:
        """Per description slot, the types it must not name.

        These are the type that is asked about the object described, and the one that `same_...`
        says to be shared, both of the object it starts from and of those it leads to.
        """
        closed: dict[int, set[str]] = {
            node.slot: set() for node in self.program.walk() if node.op == "filter"
        }
        for node in self.program.walk():
            action, _, kind = node.op.partition("_")
            if action in ("query", "same"):
                closed[node.inputs[0].inputs[0].slot].add(kind)
            elif action == "filter" and node.inputs[0].op.startswith("same_"):
                closed[node.slot].add(node.inputs[0].op.removeprefix("same_"))
        return tuple(frozenset(closed[slot]) for slot in sorted(closed))

    @cached_property
    def relations(self) -> int:
        """How many relation slots there are."""
        return sum(node.op == "relate" for node in self.program.walk())

    @cached_property
    def every_wording(self) -> tuple[str, ...]:
        """The wordings and the idioms."""
        return self.wordings + self.idioms

    def admits(self, answer: str) -> bool:
        """Whether the question can have the answer: one of `answers`, or any other number."""
        return answer in self.answers or (answer.isdecimal() and self.answers[0].isdecimal())

    def slots_for(self, types: Collection[str]) -> tuple[int, ...]:
        """The description slots that may name all these types."""
        return tuple(slot for slot, closed in enumerate(self.open) if closed.isdisjoint(types))

    def can_name(self, types: Collection[str]) -> bool:
        """Whether some description may name all these types."""
        return bool(self.slots_for(types))


def _node(tree: ast.expr) -> Node:
    """The program that an expression writes."""
    match tree:
        case ast.Name(id=name):
            inputs = (Node("scene"),)
        case ast.Call(func=ast.Name(id=name), args=args):
            inputs = tuple(_node(each) for each in args)
        case _:
            raise SyntaxError(ast.unparse(tree))
    if re.fullmatch(r"[ZR]\d", name):
        return Node("filter" if name[0] == "Z" else "relate", inputs, int(name[1]) - 1)
    if name not in SIGNATURES:
        raise SyntaxError(name)
    return Node(name, inputs)


def _answers(program: Node, counts: tuple[int, int] | None) -> tuple[str, ...]:
    """What a program is asked for: every answer there is, or a range of counts."""
    gives = SIGNATURES[program.op].gives
    if gives == "number":
        first, last = counts or (0, 4)
        return tuple(str(count) for count in range(first, last + 1))
    return ("yes", "no") if gives == "truth" else VALUES[gives]


def _repeated(given: Mapping[str, Any]) -> Iterator[Template]:
    """The templates that one entry of a file stands for: one for each filling of its letters."""
    letters: Mapping[str, list[str]] = given.get("each", {})
    for values in permutations(TYPES, len(letters)):
        filling = dict(zip(letters, values, strict=True))
        if any(value not in letters[letter] for letter, value in filling.items()):
            continue

        def filled(text: str, filling: Mapping[str, str] = filling, form: str = "{}") -> str:
            for letter, value in filling.items():
                text = text.replace(f"{{{letter}}}", form.format(value))
            return text

        program = _node(ast.parse(filled(given["program"]), mode="eval").body)
        yield Template(
            name=filled(given["name"]),
            family=given["family"],
            program=program,
            answers=_answers(program, given.get("counts", {}).get(values[0] if values else "all")),
            wordings=tuple(filled(text, form="{{{}}}") for text in given["wordings"]),
            idioms=tuple(
                filled(text, form="{{{}}}")
                for value in values
                for text in given.get("idioms", {}).get(value, ())
            ),
        )


def _read() -> dict[str, Template]:
    """All templates, in the order of the families and of their files."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: dict[str, Template] = {}
    for family in FAMILIES:
        text = files(__name__).joinpath(f"{family}.yaml").read_text(encoding="utf-8")
        for given in yaml.load(text, Loader=loader):  # noqa: S506 - both loaders are safe
            for template in _repeated({**given, "family": family}):
                found[template.name] = template
    return found


TEMPLATES: Mapping[str, Template] = _read()
"""Name -> template."""
