"""Questions as programs: CLEVR's functions, the masks they run on, and the executor.

The functions and what they mean are those of CLEVR (Johnson et al., CVPR 2017, arXiv 1612.06890).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

from modelmetry.errors import BadInput
from modelmetry.scenes.kinds import KINDS, TYPE_OF, TYPES, VALUES, Filter, Kind
from modelmetry.scenes.world import RELATIONS, Scene


class Step(NamedTuple):
    """A function applied to what earlier steps gave.

    Attributes:
        op: Name of the function, such as `filter_color`.
        inputs: Indices of the steps whose results it takes.
        value: What `filter_...` keeps or where `relate` looks; empty for the others.
    """

    op: str
    inputs: tuple[int, ...]
    value: str = ""


Program = tuple[Step, ...]
"""Steps in an order in which each comes after its inputs; the last one is the answer."""


class Invalid(BadInput):
    """A program whose answer this scene does not fix: `unique` got none or many."""


class Signature(NamedTuple):
    """What a function takes and gives: `set`, `object`, `number`, `truth` or a type of value."""

    takes: tuple[str, ...]
    gives: str
    values: tuple[str, ...] = ()


SIGNATURES: Mapping[str, Signature] = {
    "scene": Signature((), "set"),
    "unique": Signature(("set",), "object"),
    "relate": Signature(("object",), "set", RELATIONS),
    "union": Signature(("set", "set"), "set"),
    "intersect": Signature(("set", "set"), "set"),
    "count": Signature(("set",), "number"),
    "exist": Signature(("set",), "truth"),
    "equal_integer": Signature(("number", "number"), "truth"),
    "less_than": Signature(("number", "number"), "truth"),
    "greater_than": Signature(("number", "number"), "truth"),
    "equal_object": Signature(("object", "object"), "truth"),
    **{f"filter_{kind}": Signature(("set",), "set", VALUES[kind]) for kind in TYPES},
    **{f"same_{kind}": Signature(("object",), "set") for kind in TYPES},
    **{f"query_{kind}": Signature(("object",), kind) for kind in TYPES},
    **{f"equal_{kind}": Signature((kind, kind), "truth") for kind in TYPES},
}
"""Every function of CLEVR; a `set` is of objects."""

FORMS = range(1 << len(TYPES))
"""Which types a filter names, as bits: bit i of a form says that it names `TYPES[i]`."""


def _named(kind: Kind, form: int) -> Filter:
    """The filter that names these types of a kind."""
    return Filter(*(value if form >> i & 1 else None for i, value in enumerate(kind)))


FILTERS: Mapping[Kind, tuple[Filter, ...]] = {
    kind: tuple(_named(kind, form) for form in FORMS) for kind in KINDS
}
"""Kind -> the 16 filters that fit it, one per form."""

ALL: tuple[tuple[Filter, ...], ...] = tuple(
    tuple(
        Filter(*values)
        for values in product(
            *(VALUES[kind] if form >> i & 1 else (None,) for i, kind in enumerate(TYPES))
        )
    )
    for form in FORMS
)
"""Form -> every filter that names exactly these types."""


class Seen:
    """A scene as sets of objects, each an integer whose bit i stands for object i.

    Attributes:
        kinds: Per object, its four attributes.
        whole: All objects.
        values: Attribute value -> the objects that have it.
        relations: Relation -> per object, those that stand there seen from it.
        same: Attribute type -> per object, the others that share its value.
    """

    def __init__(self, scene: Scene) -> None:
        """Look at a scene once."""
        self.kinds = tuple(thing.kind for thing in scene.things)
        self.whole = (1 << len(self.kinds)) - 1
        self.relations = scene.relations
        self.values: dict[str, int] = dict.fromkeys(TYPE_OF, 0)
        for i, kind in enumerate(self.kinds):
            for value in kind:
                self.values[value] |= 1 << i
        self.same: dict[str, tuple[int, ...]] = {
            name: tuple(self.values[kind[t]] & ~(1 << i) for i, kind in enumerate(self.kinds))
            for t, name in enumerate(TYPES)
        }

    def of(self, named: Filter) -> int:
        """The objects that fit a filter."""
        found = self.whole
        for value in named:
            if value is not None:
                found &= self.values[value]
        return found

    @cached_property
    def own(self) -> tuple[tuple[int, ...], ...]:
        """Per object and form, all objects that share these types of values with it."""
        found = []
        for kind in self.kinds:
            masks = [self.whole]
            for value in kind:
                keep = self.values[value]
                masks += [mask & keep for mask in masks]
            found.append(tuple(masks))
        return tuple(found)

    @cached_property
    def fitting(self) -> tuple[dict[Filter, int], ...]:
        """Form -> each filter that fits an object here -> the objects that fit it."""
        found: tuple[dict[Filter, int], ...] = tuple({} for _ in FORMS)
        for kind, masks in zip(self.kinds, self.own, strict=True):
            for each, named, mask in zip(found, FILTERS[kind], masks, strict=True):
                each[named] = mask
        return found


def _applied(seen: Seen, op: str, value: str, given: list[Any]) -> Any:
    """What a function gives for what it takes."""
    action, _, kind = op.partition("_")
    match action:
        case "scene":
            return seen.whole
        case "filter":
            return given[0] & seen.values[value]
        case "unique":
            if given[0].bit_count() != 1:
                raise Invalid(f"unique: {given[0].bit_count()} objects; allowed: exactly one")
            return given[0].bit_length() - 1
        case "relate":
            return seen.relations[value][given[0]]
        case "same":
            return seen.same[kind][given[0]]
        case "union":
            return given[0] | given[1]
        case "intersect":
            return given[0] & given[1]
        case "count":
            return given[0].bit_count()
        case "exist":
            return given[0] != 0
        case "query":
            return seen.kinds[given[0]][TYPES.index(kind)]
        case "equal":
            return given[0] == given[1]
        case "less":
            return given[0] < given[1]
        case "greater":
            return given[0] > given[1]
    raise BadInput(f"program: function {op!r}; allowed: {', '.join(SIGNATURES)}")


def run(program: Program, seen: Seen) -> str:
    """The answer of a program about a scene: `yes`, `no`, a number or an attribute value.

    Raises:
        Invalid: A description that should fit one object fits none or many.
    """
    results: list[Any] = []
    for op, inputs, value in program:
        results.append(_applied(seen, op, value, [results[i] for i in inputs]))
    answer = results[-1]
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    return str(answer)


def to_clevr(program: Program, *, key: str = "function") -> list[dict[str, Any]]:
    """A program as CLEVR's question files write it.

    Args:
        program: The program.
        key: `function` as in the released files, or `type` as the later generator writes.
    """
    return [
        {
            key: step.op,
            "inputs": list(step.inputs),
            "value_inputs": [step.value] if step.value else [],
        }
        for step in program
    ]


def from_clevr(steps: Sequence[Mapping[str, Any]]) -> Program:
    """Read a program as CLEVR's question files write it, in the older or the newer style.

    Raises:
        BadInput: A function is unknown, gets what it does not take, or there is no answer.
    """
    program: list[Step] = []
    for number, step in enumerate(steps):
        try:
            op = step.get("function", step.get("type", ""))
            values = step.get("value_inputs", step.get("side_inputs", []))
            inputs = tuple(int(i) for i in step["inputs"])
            program.append(Step(str(op), inputs, " ".join(map(str, values))))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BadInput(
                f"program, step {number}: {step!r}; allowed: an object with function, inputs "
                "(indices of steps) and value_inputs (at most one word)"
            ) from error
    check(tuple(program))
    return tuple(program)


def check(program: Program) -> None:
    """Hold a program against the signatures of its functions.

    Raises:
        BadInput: A function is unknown, gets what it does not take, or there is no answer.
    """
    given: list[str] = []
    for number, step in enumerate(program):
        where = f"program, step {number}"
        signature = SIGNATURES.get(step.op)
        if signature is None:
            raise BadInput(f"{where}: function {step.op!r}; allowed: {', '.join(SIGNATURES)}")
        if any(not 0 <= i < number for i in step.inputs):
            raise BadInput(f"{where} ({step.op}): inputs {step.inputs}; allowed: earlier steps")
        got = tuple(given[i] for i in step.inputs)
        if got != signature.takes:
            raise BadInput(
                f"{where} ({step.op}): takes {', '.join(got) or 'nothing'}; "
                f"allowed: {', '.join(signature.takes) or 'nothing'}"
            )
        if step.value not in (signature.values or ("",)):
            raise BadInput(
                f"{where} ({step.op}): value {step.value!r}; "
                f"allowed: {', '.join(signature.values) or 'none'}"
            )
        given.append(signature.gives)
    if not given or given[-1] in ("set", "object"):
        last = given[-1] if given else "nothing"
        raise BadInput(f"program: ends with {last}; allowed: a number, a truth or a value")
