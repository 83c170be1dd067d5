"""CLEVR-HOPE's splits: what is shown and said where, quads, matched answers, invented words."""

from __future__ import annotations

import json
import random
from collections import Counter
from functools import cache
from itertools import chain, pairwise, product

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.errors import BadInput
from modelmetry.items import Problem, Seed
from modelmetry.scenes import complex_tests
from modelmetry.scenes.asking import TEMPLATES, Seen, question_of
from modelmetry.scenes.holdouts import COGENT, PAIRS, holdout
from modelmetry.scenes.hope import ClevrHope
from modelmetry.scenes.kinds import TYPE_OF, TYPES, VALUES, Filter
from modelmetry.scenes.minimal_tests import quad
from modelmetry.scenes.telling import canonical
from modelmetry.scenes.vocabulary import invented
from modelmetry.scenes.world import Scene

SEED = Seed(root=11)
COMPLEX = ("train", "complex-iid", "complex-ood", "cogent-a", "cogent-b")
SEEN = ("train", "complex-iid", "minimal-iid", "minimal-train", "cogent-a")


@cache
def drawn(
    split: str, n: int, pairs: tuple[str, ...] = PAIRS, diversity: int | None = None
) -> tuple[Problem, ...]:
    generator = ClevrHope(pairs=pairs, diversity=diversity)
    return tuple(generator.problem(SEED, split, index) for index in range(n))


def scene_of(problem: Problem) -> Scene:
    return msgspec.convert(problem.fields["scene"], Scene)


def filters_of(problem: Problem) -> list[Filter]:
    return [Filter(*described) for described in problem.fields["asked"]["filters"]]


@pytest.mark.parametrize("split", SEEN)
@pytest.mark.parametrize("diversity", [None, 3])
def test_what_is_held_out_is_neither_shown_nor_said(split: str, diversity: int | None) -> None:
    """In train and the IID splits no object and no description combines what is held out."""
    pairs = PAIRS if diversity is None else ("rubber cylinder", "small cube", "large rubber")
    for problem in drawn(split, 116 if split.startswith("minimal") else 87, pairs, diversity):
        name = str(problem.factors["pair"])
        held = holdout(name, None if name == COGENT else diversity)
        assert not any(held.holds(t.kind) or held.strange(t.kind) for t in scene_of(problem).things)
        assert not any(held.mentions(f) or held.strange(f) for f in filters_of(problem))


@pytest.mark.parametrize("split", COMPLEX)
def test_what_is_named_is_shown_and_said_once(split: str) -> None:
    """In every complex scene and question the combination named occurs, in the question once."""
    for problem in drawn(split, 87):
        held = holdout(str(problem.factors["pair"]))
        named = held.combination(Filter.of(*str(problem.factors["named"]).split()))
        assert named in (held.held if problem.split in ("complex-ood", "cogent-b") else held.peers)
        assert any(held.combination(thing.kind) == named for thing in scene_of(problem).things)
        assert [held.combination(each) for each in filters_of(problem)].count(named) == 1


@pytest.mark.parametrize("name", PAIRS)
def test_an_ood_world_is_as_varied_as_training(name: str) -> None:
    """With the pair it lacks another combination, but no value, where training shows them all."""
    full = holdout(name)
    few = holdout(name, max(len(VALUES[kind]) for kind in full.types))
    lacking = set()
    for number in range(100):
        rng = random.Random(number)
        named, world = complex_tests._world(full, rng, ood=True)
        assert {named} == full.held <= world
        assert len(world) == full.diversity
        lacking |= full.shown - world
        _, small = complex_tests._world(few, rng, ood=True)
        assert len(small) in (few.diversity, few.diversity + 1)
        assert set(chain(*small)) == set(chain(*full.tested))
    assert len(lacking) > 0.8 * full.diversity


def test_the_planted_objects_are_anywhere_in_the_list() -> None:
    """One to four objects are of the combination named, more by chance, at no place of their own."""
    held = holdout("red cube")
    some, kinds = held.kinds(held.held), held.kinds(held.shown)
    places: Counter[int] = Counter()
    for number in range(800):
        found = complex_tests.planted(some, kinds, random.Random(number), 8)
        mine = [i for i, kind in enumerate(found) if held.holds(kind)]
        assert 1 <= len(mine) <= 4
        places.update(mine)
    mean = places.total() / 8
    assert all(abs(places[i] - mean) < 4.5 * mean**0.5 for i in range(8)), places


@pytest.mark.parametrize("ood", [False, True])
def test_what_is_named_is_fixed_before_scenes_are_rejected(
    ood: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All scenes tried for a problem name one combination: it tells nothing about the answer."""
    tried: list[object] = []

    def once(*args: object) -> None:
        tried.append(args[3:5])

    monkeypatch.setattr(complex_tests, "_once", once)
    monkeypatch.setattr(complex_tests, "_MOST_SCENES", 20)
    held = holdout("red cube")
    for number in range(5):
        with pytest.raises(BadInput, match="allowed: more objects"):
            complex_tests.draw(held, "zero-hop-exist", 0, number, ood=ood, sizes=(3, 10))
        assert len(tried) == 20
        assert all(each == tried[0] for each in tried)
        tried.clear()


def test_condition_b_shows_nothing_of_condition_a_but_spheres() -> None:
    """Cubes and cylinders of cogent-b have colors that cogent-a never gives them."""
    for problem in drawn("cogent-b", 60):
        held = holdout(COGENT)
        for thing in scene_of(problem).things:
            assert thing.shape == "sphere" or held.strange(thing.kind)


@pytest.mark.parametrize("split", ["minimal-iid", "minimal-ood", "minimal-train"])
@pytest.mark.parametrize("diversity", [None, 3])
def test_a_quad_has_one_yes_and_three_no(split: str, diversity: int | None) -> None:
    """The four scenes of a quad differ in the two values asked about, or in a stand-in."""
    pairs = PAIRS if diversity is None else ("rubber cylinder", "large rubber")
    problems = drawn(split, 232, pairs, diversity)
    for start in range(0, len(problems), 4):
        cells = problems[start : start + 4]
        held = holdout(str(cells[0].factors["pair"]), diversity)
        first = scene_of(cells[0])
        target = held.combination(filters_of(cells[0])[0])
        assert [problem.factors["cell"] for problem in cells] == [0, 1, 2, 3]
        assert [problem.target.answers[0] for problem in cells] == ["yes", "no", "no", "no"]
        assert len({problem.fields["question"] for problem in cells}) == 1
        assert len({problem.uid for problem in cells}) == 4
        assert len({problem.cluster for problem in cells}) == 1
        for problem in cells:
            scene = scene_of(problem)
            (thing,), (other,) = scene.things, first.things
            assert (scene.camera, scene.lamps) == (first.camera, first.lamps)
            assert (thing.x, thing.y, thing.turn) == (other.x, other.y, other.turn)
            assert (held.combination(thing.kind) == target) == (problem.factors["cell"] == 0)
            assert (target in held.held) == (split == "minimal-ood")


@pytest.mark.parametrize("split", ["minimal-iid", "minimal-ood", "minimal-train"])
def test_full_quads_are_the_product_of_two_values(split: str) -> None:
    """Of many colors and shapes the cells are {x, dx} x {y, dy} with the rest unchanged."""
    problems = drawn(split, 116, ("red cube", "cyan cylinder"))
    for start in range(0, 116, 4):
        cells = problems[start : start + 4]
        held = holdout(str(cells[0].factors["pair"]))
        kinds = [scene_of(problem).things[0].kind for problem in cells]
        (x, y), (x1, dy), (dx, y2), (dx3, dy3) = map(held.combination, kinds)
        assert (x1, y2, dx3, dy3) == (x, y, dx, dy)
        assert x != dx
        assert y != dy
        others = [kind for kind in TYPES if kind not in held.types]
        assert all(getattr(kind, o) == getattr(kinds[0], o) for kind in kinds for o in others)


@pytest.mark.parametrize("split", ["minimal-iid", "minimal-ood", "complex-iid", "cogent-b"])
def test_what_is_drawn_independently_is_a_cluster_of_its_own(split: str) -> None:
    """Every quad, and every complex scene, is one cluster, and no two are the same."""
    generator = ClevrHope()
    problems = drawn(split, 60, ("red cube",))
    clusters = Counter(problem.cluster for problem in problems)
    assert set(clusters.values()) == {generator.members(split)}


def test_the_factors_are_those_of_the_problem() -> None:
    """Types, diversity, what is named, objects, steps and row are read off each problem."""
    for split in ("minimal-iid", "complex-ood", "complex-iid"):
        for problem in drawn(split, 58, ("small cube", "cyan rubber")):
            factors = problem.factors
            held = holdout(str(factors["pair"]))
            assert (factors["types"], factors["diversity"]) == (
                " x ".join(held.types),
                held.diversity,
            )
            named = tuple(str(factors["named"]).split())
            assert any(held.combination(each) == named for each in filters_of(problem))
            assert (named == tuple(held.name.split())) == (split == "complex-ood")
            template = TEMPLATES[str(factors["template"])]
            assert (factors["family"], factors["steps"]) == (template.family, template.steps)
            assert factors["objects"] == len(scene_of(problem).things)
            every = list(product(*(VALUES[kind] for kind in held.types)))
            assert factors["row"] == (every.index(named) if split == "minimal-iid" else -1)


def test_quads_of_one_variant_share_all_but_what_is_asked() -> None:
    """IID and OOD quads at one index are of one variant: camera, lamps, place and the rest."""
    for iid, ood in zip(drawn("minimal-iid", 232), drawn("minimal-ood", 232), strict=True):
        a, b = scene_of(iid), scene_of(ood)
        assert iid.cluster == ood.cluster
        assert (a.camera, a.lamps, a.things[0].x, a.things[0].y, a.things[0].turn) == (
            *(b.camera, b.lamps, b.things[0].x, b.things[0].y, b.things[0].turn),
        )
        if iid.factors["cell"] == 0:
            held = holdout(str(iid.factors["pair"]))
            rest = [kind for kind in TYPES if kind not in held.types]
            kinds = a.things[0].kind, b.things[0].kind
            assert all(getattr(kinds[0], o) == getattr(kinds[1], o) for o in rest)


@pytest.mark.parametrize("name", ["large rubber", "rubber cylinder", "red metal"])
def test_stand_ins_share_a_value_with_the_target(name: str) -> None:
    """In every quad at most one object has neither of the two values asked about."""
    types = holdout(name).types
    for variant, ood in product(range(100), (False, True)):
        found = quad(name, None, variant, ood=ood)
        things = [scene.things[0] for scene in found.scenes[1:]]
        shared = [
            sum(
                getattr(thing, kind) == value
                for kind, value in zip(types, found.target, strict=True)
            )
            for thing in things
        ]
        assert 2 not in shared
        assert shared.count(0) <= 1


def test_all_that_training_shows_is_asked_about() -> None:
    """The IID quads ask about each combination that training shows, equally often."""
    held = holdout("small cube", 4)
    every = list(product(*(VALUES[kind] for kind in held.types)))
    targets = Counter(quad("small cube", 4, variant, ood=False).target for variant in range(400))
    assert set(targets) == held.shown
    assert all(abs(n - 100) < 4.5 * 100**0.5 for n in targets.values())
    for variant in range(20):
        found = quad("small cube", 4, variant, ood=False)
        assert every[found.row] == found.target


@pytest.mark.parametrize("name", ["large rubber", "rubber cylinder", "small cube", "red metal"])
@pytest.mark.parametrize("seen", [0, 1])
def test_half_seeing_shows_no_gap(name: str, seen: int) -> None:
    """Who sees one of the two values is as often wrong about the pair as about others.

    A quad has no room for what training lacks; the two quads of a variant make up for that alike.
    """
    wrong = [0, 0]
    for variant in range(600):
        for ood in (False, True):
            found = quad(name, None, variant, ood=ood)
            kind = holdout(name).types[seen]
            others = [getattr(scene.things[0], kind) for scene in found.scenes[1:]]
            wrong[ood] += others.count(found.target[seen])
    # With the pair's quads full the difference would be 42 to 200; by chance it is 0 to 20.
    assert abs(wrong[0] - wrong[1]) <= 30, wrong


@pytest.mark.parametrize(
    ("iid", "ood"),
    [("complex-iid", "complex-ood"), ("minimal-iid", "minimal-ood"), ("cogent-a", "cogent-b")],
)
def test_answers_are_matched_problem_by_problem(iid: str, ood: str) -> None:
    """At every index both sides have the same pair, template and answer: no constant has a gap."""
    for a, b in zip(drawn(iid, 116), drawn(ood, 116), strict=True):
        assert a.target.answers == b.target.answers
        assert (a.factors["template"], a.factors["pair"]) == (
            b.factors["template"],
            b.factors["pair"],
        )


@pytest.mark.parametrize("split", ["complex-iid", "complex-ood"])
def test_the_answers_of_a_template_are_equally_frequent(split: str) -> None:
    """Yes and no, and the values of an attribute, come up as often as the design says."""
    problems = drawn(split, 348)
    expected: Counter[str] = Counter()
    for problem in problems:
        answers = TEMPLATES[str(problem.factors["template"])].answers
        expected.update({answer: 1 / len(answers) for answer in answers})
    given = Counter(problem.target.answers[0] for problem in problems)
    for answer, mean in expected.items():
        assert abs(given[answer] - mean) < 4.5 * mean**0.5, answer


@pytest.mark.parametrize("split", COMPLEX)
def test_scenes_keep_the_number_of_objects(split: str) -> None:
    """Complex scenes hold three to ten objects, and every number of them occurs."""
    sizes = Counter(int(problem.factors["objects"]) for problem in drawn(split, 87))
    assert set(sizes) <= set(range(3, 11))
    assert len(sizes) > 5


def test_every_family_is_asked() -> None:
    """All nine families occur among the questions of a split."""
    assert len({problem.factors["family"] for problem in drawn("complex-ood", 348)}) == 9


def test_several_questions_share_a_training_scene() -> None:
    """With per_scene, so many training problems in a row are about one scene, as one cluster."""
    generator = ClevrHope(per_scene=9)
    problems = [generator.problem(SEED, "train", index) for index in range(45)]
    for start in range(0, 45, 9):
        some = problems[start : start + 9]
        assert len({json.dumps(problem.fields["scene"]) for problem in some}) == 1
        assert len({problem.cluster for problem in some}) == 1
        assert len({problem.uid for problem in some}) >= 8
    assert {split for split in generator.splits if generator.members(split) == 9} == {"train"}
    firsts = [ClevrHope().problem(SEED, "train", index) for index in range(5)]
    assert [problem.uid for problem in problems[::9]] == [problem.uid for problem in firsts]


@given(st.integers(0, 2**63), st.sampled_from(["minimal-ood", "complex-ood", "train"]))
@settings(max_examples=20, deadline=None)
def test_invented_words_name_the_same_problems(root: int, split: str) -> None:
    """In invented words the problems, their uids and their answers' meanings are the same."""
    plain, odd = ClevrHope(), ClevrHope(words="invented")
    a, b = (generator.problem(Seed(root=root), split, 3) for generator in (plain, odd))
    names = b.fields["names"]
    assert (a.uid, a.factors, a.cluster) == (b.uid, b.factors, b.cluster)
    assert b.target.answers[0] == names.get(a.target.answers[0], a.target.answers[0])
    assert set(names) == {*TYPES, *TYPE_OF}
    assert len(set(names.values())) == len(names)
    told = json.dumps([b.fields["objects"], b.fields["question"], b.fields["options"]])
    assert not any(f'"{word}"' in told for word in TYPE_OF)
    assert all(value in names.values() for o in b.fields["objects"] for value in _values(o))


def _values(shown: dict[str, object]) -> list[object]:
    return [value for key, value in shown.items() if key not in ("id", "right", "front")]


def test_an_example_is_told_in_the_problems_words() -> None:
    """A solved example takes over the problem's vocabulary, and stays the same problem."""
    generator = ClevrHope(words="invented")
    problem = generator.problem(SEED, "complex-ood", 0)
    solved = generator.problem(SEED, "train", 29)
    told = generator.example(solved, problem)
    assert generator.alike == ("pair",)
    assert told.fields == generator.example(told, problem).fields
    assert told.fields["asked"] == solved.fields["asked"]
    assert told.fields["names"] == problem.fields["names"] != solved.fields["names"]
    assert told.uid == solved.uid
    assert generator.solve(told.fields) == told.target.answers[0]
    assert told.fields["question"] != solved.fields["question"] or not set(
        filters_of(told)[0].named
    )


def test_vocabularies_differ_from_problem_to_problem() -> None:
    """No two problems use the same invented word for red, but for chance."""
    generator = ClevrHope(words="invented")
    reds = {generator.problem(SEED, "train", i).fields["names"]["red"] for i in range(40)}
    assert len(reds) > 35


def test_invented_words_differ_in_their_first_three_letters() -> None:
    """Within a problem no invented word starts like another."""
    for number in range(200):
        names = invented(random.Random(number)).values()
        assert len({name[:3] for name in names}) == len(names) == len({*TYPES, *TYPE_OF})


def test_another_relation_is_another_problem() -> None:
    """Scene, template, descriptions and relations make a problem what it is."""
    problem = next(p for p in drawn("complex-iid", 87) if p.factors["template"] == "one-hop-count")
    scene, seen = scene_of(problem), Seen(scene_of(problem))
    filters = filters_of(problem)
    template = TEMPLATES["one-hop-count"]
    forms = [
        json.dumps(msgspec.to_builtins(canonical(scene, question_of(template, said, where, seen))))
        for said in (filters, [filters[0], Filter()])
        for where in (("left",), ("right",))
    ]
    assert len(set(forms)) == 4


def test_the_scene_as_text_agrees_with_the_scene() -> None:
    """Orders and places told in words are those of the scene's relations."""
    for problem in drawn("complex-iid", 58):
        scene, fields = scene_of(problem), problem.fields
        for relation, order in (
            ("left", fields["left_to_right"]),
            ("front", fields["front_to_back"]),
        ):
            for early, late in pairwise(order):
                assert scene.relations[relation][late - 1] >> (early - 1) & 1
        for shown, thing in zip(fields["objects"], scene.things, strict=True):
            assert [shown[kind] for kind in TYPES] == list(thing.kind)


def test_one_template_admits_all_values_of_its_attribute() -> None:
    """A question for a value admits every value of the type, one for a number 0 to 10."""
    for problem in drawn("complex-ood", 87):
        answer, choices = problem.target.answers[0], problem.target.choices
        if answer in TYPE_OF:
            assert choices == VALUES[TYPE_OF[answer]]
        else:
            assert choices == (("yes", "no") if answer in ("yes", "no") else _numbers())
        assert list(choices) == problem.fields["options"]


def _numbers() -> tuple[str, ...]:
    return tuple(str(number) for number in range(11))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"pairs": ("red bloe",)}, "did you mean 'blue'"),
        ({"pairs": ("red blue",)}, "both are values of color"),
        ({"pairs": ()}, "there is none"),
        ({"diversity": 4}, "cyan rubber: diversity 4; allowed: 8"),
        ({"pairs": ("red cube",), "diversity": 0}, "allowed: 8"),
        ({"fewest": 0}, "allowed: 1 <= fewest"),
        ({"fewest": 5, "most": 4}, "allowed: 1 <= fewest"),
        ({"most": 11}, "allowed: 1 <= fewest"),
        ({"fewest": 1, "most": 5}, "most is 5; allowed: 6 to 10"),
        ({"per_scene": 0}, "per_scene is 0"),
    ],
)
def test_bad_options_are_one_clear_line(options: dict[str, object], line: str) -> None:
    """Options that cannot be are refused with what is wrong and what is allowed."""
    with pytest.raises(BadInput, match=line):
        ClevrHope(**options)  # type: ignore[arg-type]


def test_cogent_alone_has_no_pairs_to_test() -> None:
    """With cogent as the only holdout, the pairs' splits are refused and train is condition A."""
    generator = ClevrHope(pairs=(COGENT,))
    with pytest.raises(BadInput, match="allowed: cogent-a, cogent-b"):
        generator.count("complex-iid")
    assert generator.problem(SEED, "train", 0).factors["pair"] == COGENT
    assert generator.fingerprint() != ClevrHope().fingerprint()
