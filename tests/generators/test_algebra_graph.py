"""Facts about arithmetic on graphs that the contract does not state."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.algebra.graph_arithmetic import MODULUS, SIGNS, GraphArithmetic
from modelmetry.errors import BadInput
from modelmetry.items import Problem, Seed

GENERATOR = GraphArithmetic()
Graph = dict[str, list[str]]

splits = st.sampled_from(list(GENERATOR.splits))
roots = st.integers(0, 2**64)
indices = st.integers(0, 300_000)


def _graph(fields: Mapping[str, Any]) -> Graph:
    """Variable -> the terms of its statement."""
    return {
        name: right.split(" ")
        for name, right in (statement.split(" = ") for statement in fields["statements"])
    }


def _parents(graph: Graph, name: str) -> list[str]:
    return [term for term in graph[name] if term in graph]


def _depth(graph: Graph, name: str) -> int:
    return max((1 + _depth(graph, parent) for parent in _parents(graph, name)), default=0)


def _cone(graph: Graph, name: str) -> set[str]:
    return {name}.union(*(_cone(graph, parent) for parent in _parents(graph, name)))


def _leaf_values(problem: Problem) -> tuple[int, ...]:
    graph = _graph(problem.fields)
    return tuple(sorted(int(terms[0]) for terms in graph.values() if len(terms) == 1))


@given(split=splits, root=roots, index=indices)
@settings(deadline=None, max_examples=50)
def test_factors_are_exact(split: str, root: int, index: int) -> None:
    """Nodes, depth, parents, operations and cone are those of the statements shown."""
    problem = GENERATOR.problem(Seed(root=root), split, index)
    graph, query = _graph(problem.fields), problem.fields["query"]
    used = {term for terms in graph.values() for term in terms[1::2]}
    assert problem.factors == {
        "nodes": len(problem.fields["statements"]),
        "depth": _depth(graph, query),
        "fan_in": max(len(_parents(graph, name)) for name in graph),
        "operations": " ".join(name for name, sign in SIGNS.items() if sign in used),
        "cone": len(_cone(graph, query)),
    }


@given(split=splits, root=roots, index=indices)
@settings(deadline=None, max_examples=50)
def test_the_query_is_a_deepest_node_that_depends_on_most(
    split: str, root: int, index: int
) -> None:
    """No node is deeper; all leaves and three of four nodes matter, wide ones among them."""
    problem = GENERATOR.problem(Seed(root=root), split, index)
    graph, query = _graph(problem.fields), problem.fields["query"]
    cone = _cone(graph, query)
    assert _depth(graph, query) == max(_depth(graph, name) for name in graph)
    assert len(cone) >= 0.75 * len(graph)
    assert {name for name, terms in graph.items() if len(terms) == 1} <= cone
    assert problem.factors["fan_in"] == max(len(_parents(graph, name)) for name in cone)


@given(split=splits, root=roots, index=indices)
@settings(deadline=None, max_examples=50)
def test_statements_define_before_they_use(split: str, root: int, index: int) -> None:
    """Each statement names a new variable and uses distinct earlier ones."""
    problem = GENERATOR.problem(Seed(root=root), split, index)
    defined: set[str] = set()
    for name, terms in _graph(problem.fields).items():
        used = [term for term in terms[::2] if not term.isdigit()]
        assert name not in defined
        assert re.fullmatch(r"x[1-9]\d?|x100", name)
        assert len(set(used)) == len(used)
        assert defined.issuperset(used)
        assert len(set(terms[1::2])) <= 1
        defined.add(name)
    assert len(defined) == problem.factors["nodes"]


@given(split=splits, root=roots, index=indices)
@settings(deadline=None, max_examples=50)
def test_the_second_solver_agrees(split: str, root: int, index: int) -> None:
    """Whole numbers from the query down give the same as remainders from the leaves up."""
    problem = GENERATOR.problem(Seed(root=root), split, index)
    assert (GENERATOR.solve(problem.fields),) == problem.target.answers


def test_the_second_solver_reads_signs_from_left_to_right() -> None:
    """a - b - c is (a - b) - c, and the remainder of a negative number is not negative."""
    statements = ["x1 = 2", "x2 = 5", "x3 = 7", "x4 = x1 - x2 - x3", "x5 = x4 * x4 * x1"]
    fields = {"statements": statements, "modulus": MODULUS}
    assert GENERATOR.solve({**fields, "query": "x4"}) == "13"
    assert GENERATOR.solve({**fields, "query": "x5"}) == str(200 % 23)


def test_a_long_chain_of_products_is_solved() -> None:
    """Ninety squarings in a row, a number of 10**26 digits, still have their remainder."""
    statements = ["x0 = 2", *(f"x{n} = x{n - 1} * x{n - 1}" for n in range(1, 91))]
    fields = {"statements": statements, "query": "x90", "modulus": MODULUS}
    assert GENERATOR.solve(fields) == str(pow(2, 2**90, MODULUS))


@given(graph=st.integers(0, 4**12 - 1), first=roots, second=roots)
@settings(deadline=None, max_examples=50)
def test_names_and_order_do_not_make_another_problem(graph: int, first: int, second: int) -> None:
    """One graph under two namings has one canonical form and one answer."""
    point = {"held": False, "depth": 4, "nodes": 12, "fan_in": 2, "graph": graph}
    one, two = (GENERATOR.build(point, random.Random(root)) for root in (first, second))
    assert one.canonical == two.canonical
    assert one.target == two.target
    assert one.factors == two.factors
    assert (one.fields == two.fields) == (first == second)


def test_another_graph_is_another_problem() -> None:
    """Among the graphs of one small size hardly two are the same but for names."""
    space = GENERATOR.strata("held-out")[0]
    rng = random.Random(0)
    drawn = [GENERATOR.build(space.at(rank), rng).canonical for rank in range(2000)]
    assert len(set(drawn)) >= 1999


def test_the_canonical_form_is_that_of_the_statements() -> None:
    """Two problems share a canonical form only when renaming turns one into the other."""
    smallest = {"nodes": (6, 7), "leaves": 3, "depth": (2, 3), "deeper": (4,), "larger": (8,)}
    generator = GraphArithmetic(**smallest, wider=(3,), operations=("ADD",))
    space = generator.strata("held-out")[0]
    forms: dict[object, set[str]] = {}
    for rank in range(2000):
        draft = generator.build(space.at(rank), random.Random(rank))
        graph = _graph(draft.fields)
        expressions = sorted(_expression(graph, name) for name in graph)
        forms.setdefault(draft.canonical, set()).add(
            str([_expression(graph, draft.fields["query"]), *expressions])
        )
    assert len(forms) < 2000
    assert {len(texts) for texts in forms.values()} == {1}
    assert len({text for texts in forms.values() for text in texts}) == len(forms)


def _expression(graph: Graph, name: str) -> str:
    """A variable written out over numbers only."""
    return "".join(f"({_expression(graph, t)})" if t in graph else t for t in graph[name])


def test_train_shares_no_combination_of_leaf_values() -> None:
    """A combination of leaf values that train shows appears in no other split."""
    shown = {
        split: {_leaf_values(problem) for problem in GENERATOR.problems(Seed(root=2), split, 1500)}
        for split in GENERATOR.splits
    }
    for split in set(shown) - {"train"}:
        assert shown["train"].isdisjoint(shown[split])
    assert shown["held-out"] & shown["deeper"]


def test_splits_differ_by_what_their_names_say() -> None:
    """Held-out has the sizes of train; each other split leaves them in one way."""
    levels = {
        split: [problem.factors for problem in GENERATOR.problems(Seed(root=2), split, 200)]
        for split in GENERATOR.splits
    }
    sizes = ("nodes", "depth", "fan_in")
    seen = {name: {float(factors[name]) for factors in levels["train"]} for name in sizes}
    beyond = {"held-out": None, "deeper": "depth", "larger": "nodes", "wider": "fan_in"}
    for split, outside in beyond.items():
        for name in sizes:
            values = {float(factors[name]) for factors in levels[split]}
            if name == outside:
                assert min(values) > max(seen[name])
            else:
                assert values <= seen[name]


def test_answers_are_flat_and_never_zero() -> None:
    """With several operations no answer is much more frequent than the others; 0 never is."""
    for split in GENERATOR.splits:
        problems = GENERATOR.problems(Seed(root=4), split, 2200)
        counts = Counter(int(problem.target.answers[0]) for problem in problems)
        assert set(counts) == set(range(1, MODULUS))
        assert max(counts.values()) < 100 + 5 * 10


@given(data=st.data())
@settings(deadline=None, max_examples=50)
def test_every_size_that_is_accepted_can_be_built(data: st.DataObject) -> None:
    """Whatever sizes pass the check, the graph has them and the two solvers agree."""
    leaves = data.draw(st.integers(3, 6), "leaves")
    depth = data.draw(st.integers(3, 6), "depth")
    inner = data.draw(st.integers(max(depth + 1, leaves - 1), min(2**depth - 2, 40)), "inner")
    options: dict[str, Any] = {
        "leaves": leaves,
        "nodes": (leaves + inner,),
        "depth": (depth,),
        "fan_in": data.draw(st.integers(2, leaves - 1), "fan_in"),
        "wider": (leaves,),
        "operations": data.draw(
            st.lists(st.sampled_from(list(SIGNS)), min_size=1, unique=True), "operations"
        ),
    }
    generator = GraphArithmetic(**options, larger=(leaves + inner + 1,), deeper=(depth + 1,))
    for split in generator.splits:
        problem = generator.problem(Seed(root=1), split, data.draw(st.integers(0, 1000), "index"))
        assert problem.factors["depth"] == depth + (split == "deeper")
        assert problem.factors["nodes"] == leaves + inner + (split == "larger")
        assert problem.factors["fan_in"] == (leaves if split == "wider" else options["fan_in"])
        assert generator.solve(problem.fields) == problem.target.answers[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"leaves": 2}, "leaves is 2; allowed: distinct numbers, 3 to 97"),
        ({"nodes": ()}, "nodes is empty; allowed: distinct numbers, 7 to 100"),
        ({"nodes": (8, 8)}, "nodes is 8, 8; allowed: distinct numbers, 7 to 100"),
        ({"larger": (16,)}, "larger is 16; allowed: distinct numbers, 17 to 100"),
        ({"deeper": (5,)}, "deeper is 5; allowed: distinct numbers, 6 to 100"),
        ({"fan_in": 4}, "fan_in is 4; allowed: distinct numbers, 2 to 3"),
        ({"wider": (2,)}, "wider is 2; allowed: distinct numbers, 3 to 4"),
        (
            {"operations": ("DIV",)},
            "operations is ['DIV']; allowed: distinct ones of ADD, SUB, MUL",
        ),
        ({"operations": ()}, "operations is []; allowed: distinct ones of ADD, SUB, MUL"),
        ({"larger": (99,)}, "larger is 99, which fits none of the other sizes; "),
        ({"deeper": (13,)}, "deeper is 13, which fits none of the other sizes; "),
        ({"depth": (2, 4, 5)}, "depth is 2, which fits none of the other sizes; "),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    """An option out of range is refused with its name, its value and what is allowed."""
    with pytest.raises(BadInput) as caught:
        GraphArithmetic(**options)
    assert str(caught.value).startswith(f"graph-arithmetic: {message}")
