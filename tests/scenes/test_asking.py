"""Questions about scenes: valid, with the answer wanted, and in good English."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache

import pytest

from modelmetry.errors import BadInput
from modelmetry.scenes.asking import TEMPLATES, Question, Template, ask, question_of, words
from modelmetry.scenes.kinds import KINDS, TYPE_OF, TYPES, VALUES, Filter
from modelmetry.scenes.placing import placed
from modelmetry.scenes.programs import Invalid, Seen, run
from modelmetry.scenes.templates import FAMILIES, Node
from modelmetry.scenes.wording import phrased
from modelmetry.scenes.world import Scene, Thing

INVENTED = {value: f"wug{i}" for i, value in enumerate((*TYPES, *TYPE_OF))}

each_template = pytest.mark.parametrize("template", TEMPLATES.values(), ids=list(TEMPLATES))


@cache
def seens(count: int = 28) -> tuple[Seen, ...]:
    """Scenes of three to ten objects of any kind."""
    rng = random.Random(0)
    drawn = [placed(lambda r: r.choices(KINDS, k=r.randint(3, 10)), rng) for _ in range(count)]
    return tuple(Seen(scene) for scene in drawn)


@cache
def asked() -> tuple[tuple[Seen, Question], ...]:
    """A question of every template about every scene that admits one, whatever its answer."""
    rng = random.Random(1)
    pairs = ((seen, ask(seen, t, rng)) for seen in seens() for t in TEMPLATES.values())
    return tuple((seen, question) for seen, question in pairs if question is not None)


def nodes(question: Question) -> Iterator[Node]:
    """The nodes of a question's template."""
    return TEMPLATES[question.template].program.walk()


def part(seen: Seen, node: Node, question: Question) -> int:
    """The set of objects that a node of a question gives; of `unique`, with its one object."""
    parts = [part(seen, each, question) for each in node.inputs]
    action, _, kind = node.op.partition("_")
    if action == "scene":
        return seen.whole
    if action == "filter":
        return parts[0] & seen.of(question.filters[node.slot])
    if action == "unique":
        assert parts[0].bit_count() == 1
        return parts[0]
    if action == "union":
        return parts[0] | parts[1]
    if action == "intersect":
        return parts[0] & parts[1]
    i = parts[0].bit_length() - 1
    return seen.same[kind][i] if action == "same" else seen.relations[relation(node, question)][i]


def relation(node: Node, question: Question) -> str:
    """Where a node of a question looks."""
    return question.relations[node.slot]


def test_there_are_ninety_templates() -> None:
    """The nine families of CLEVR have as many templates as there, with three wordings or more."""
    assert Counter(template.family for template in TEMPLATES.values()) == {
        "compare-integer": 9,
        "comparison": 16,
        "zero-hop": 6,
        "one-hop": 6,
        "two-hop": 6,
        "three-hop": 6,
        "same-relation": 28,
        "and": 5,
        "or": 8,
    }
    assert tuple(dict.fromkeys(t.family for t in TEMPLATES.values())) == FAMILIES
    assert all(len(set(template.wordings)) >= 3 for template in TEMPLATES.values())
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in TEMPLATES)
    assert {template.steps for template in TEMPLATES.values()} == set(range(3, 16))


@each_template
def test_a_wording_says_every_slot_once(template: Template) -> None:
    """No wording leaves a description or a relation out or says it twice, or may drop it."""
    slots = [f"Z{i + 1}" for i in range(len(template.open))]
    slots += [f"R{i + 1}" for i in range(template.relations)]
    for wording in template.every_wording:
        assert sorted(re.findall(r"[ZR]\d", wording)) == sorted(slots)
        assert not re.search(r"\[[^\]]*\{", wording)
        assert re.sub(r"[^\[\]]", "", wording).replace("[]", "") == ""


@each_template
def test_every_answer_can_be_had(template: Template) -> None:
    """Some scene admits a question for each of a template's answers, which is its answer."""
    rng = random.Random(2)
    for answer in template.answers:
        found = (ask(seen, template, rng, answer=answer) for seen in seens())
        question = next((question for question in found if question is not None), None)
        assert question is not None
        assert question.answer == answer


def test_a_question_has_the_answer_it_says() -> None:
    """The answer, and the template with the same slots filled by hand, is that of the program."""
    for seen, question in asked():
        assert run(question.program, seen) == question.answer
        template = TEMPLATES[question.template]
        assert question == question_of(template, question.filters, question.relations, seen)


def test_no_description_is_empty_or_names_what_is_asked() -> None:
    """A description names something, and neither what is asked of its object nor what is shared."""
    for _, question in asked():
        for named, closed in zip(question.filters, TEMPLATES[question.template].open, strict=True):
            assert named.named
            assert not closed & {TYPE_OF[value] for value in named.named}
    assert TEMPLATES["one-hop-color"].open == (frozenset(), {"color"})
    assert TEMPLATES["same-size-shape"].open == ({"size"}, {"size", "shape"})
    assert TEMPLATES["compare-material"].open == ({"material"}, {"material"})


def test_every_relation_does_work() -> None:
    """What is described after a relation is not all that fits the description elsewhere too."""
    checked = Counter[str]()
    for seen, question in asked():
        for node in nodes(question):
            if node.op != "filter":
                continue
            source = node.inputs[0]
            of, everywhere = part(seen, source, question), seen.of(question.filters[node.slot])
            if source.op == "relate":
                assert everywhere & ~of
            elif source.op.startswith("same"):
                assert everywhere & ~of & ~part(seen, source.inputs[0], question)
            checked[source.op.partition("_")[0]] += 1
    assert min(checked.values()) > 30
    assert set(checked) == {"scene", "relate", "same", "union", "intersect"}


def test_both_sides_of_and_and_or_do_work() -> None:
    """Without either side of `and` or `or` another set is asked about."""
    checked = 0
    for seen, question in asked():
        for node in nodes(question):
            if node.op not in ("union", "intersect"):
                continue
            one, other = (part(seen, each, question) for each in node.inputs)
            above = [n for n in nodes(question) if node in n.inputs and n.op == "filter"]
            fits = seen.of(question.filters[above[0].slot]) if above else seen.whole
            assert fits & one & ~other
            assert fits & other & ~one
            checked += 1
    assert checked > 150


def test_no_object_is_pointed_out_twice() -> None:
    """The objects that a question describes as single ones are all different."""
    for seen, question in asked():
        single = [part(seen, node, question) for node in nodes(question) if node.op == "unique"]
        assert len(single) == len(set(single))


def test_numbers_compared_are_of_different_things() -> None:
    """The sets compared differ, and no side is a part of the other by its words alone."""
    for seen, question in asked():
        if question.family != "compare-integer":
            continue
        sides = [n.inputs[0] for n in nodes(question) if n.op == "count"]
        sets = [part(seen, side, question) for side in sides]
        parts = [part(seen, side.inputs[0], question) for side in sides]
        filters = [set(question.filters[side.slot].named) for side in sides]
        assert sets[0] != sets[1]
        for inner, outer in ((0, 1), (1, 0)):
            assert parts[inner] & ~parts[outer] or not filters[inner] >= filters[outer]


def test_what_is_not_there_is_not_there() -> None:
    """Of `no` and `0` without relations nothing fits; with them something does, elsewhere."""
    checked = Counter[bool]()
    for seen, question in asked():
        root = TEMPLATES[question.template].program
        if question.answer not in ("no", "0") or root.op not in ("count", "exist"):
            continue
        described = root.inputs[0]
        if described.op == "filter":
            related = described.inputs[0].op != "scene"
            assert bool(seen.of(question.filters[described.slot])) == related
            checked[related] += 1
    assert min(checked[True], checked[False]) > 10


def test_a_no_cannot_be_read_off_what_is_named() -> None:
    """About one scene, `yes` and `no` come with the same types named equally often."""
    seen, template = seens()[3], TEMPLATES["zero-hop-exist"]
    shares = defaultdict[str, Counter[tuple[bool, ...]]](Counter)
    rng = random.Random(3)
    for answer in ("yes", "no"):
        for _ in range(3000):
            question = ask(seen, template, rng, answer=answer)
            assert question is not None
            shares[answer][tuple(value is not None for value in question.filters[0])] += 1
    assert set(shares["yes"]) == set(shares["no"])
    for form, count in shares["yes"].items():
        assert abs(count - shares["no"][form]) < 5 * (2 * count) ** 0.5


def test_a_named_pair_is_not_asked_for_alone_where_it_is_present() -> None:
    """What must be said and is there comes with more, so that the answer can also be no."""
    template, rng = TEMPLATES["zero-hop-exist"], random.Random(12)
    for seen in seens()[:8]:
        kind = seen.kinds[0]
        naming = Filter(material=kind.material, shape=kind.shape)
        for _ in range(20):
            question = ask(seen, template, rng, answer="yes", naming=naming)
            assert question is not None
            assert len(question.filters[0].named) > 2


@pytest.mark.parametrize(
    ("name", "answer"),
    [("zero-hop-size", "red"), ("zero-hop-exist", "1"), ("or-kinds", "yes"), ("fewer", "maybe")],
)
def test_answers_that_cannot_be_are_refused(name: str, answer: str) -> None:
    """An answer of another sort than the template's is refused with those there are."""
    with pytest.raises(BadInput, match=f"{name}: answer '{answer}'; allowed: "):
        ask(seens()[0], TEMPLATES[name], random.Random(0), answer=answer)


def test_counts_beyond_the_usual_can_be_asked_for() -> None:
    """A count that a template is not asked for by default is found if the scene admits it."""
    seen = max(seens(), key=lambda seen: len(seen.kinds))
    question = ask(seen, TEMPLATES["zero-hop-count"], random.Random(0), answer="5")
    assert question is not None
    assert run(question.program, seen) == "5"


def test_descriptions_are_short_and_long() -> None:
    """Of single objects, more than half but not all descriptions cannot be shortened."""
    spare = Counter[bool]()
    for seen, question in asked():
        if question.template != "zero-hop-color":
            continue
        named = question.filters[0]
        shorter = [Filter.of(*(v for v in named.named if v != dropped)) for dropped in named.named]
        spare[any(seen.of(each).bit_count() == 1 for each in shorter)] += 1
    assert spare[False] > spare[True] > 0


@pytest.mark.parametrize("named", ["small metal", "red cube", "large yellow"])
def test_one_description_names_what_it_should(named: str) -> None:
    """The values wanted together stand in exactly one description, in any slot that may hold them."""
    naming, rng = Filter.of(*named.split()), random.Random(4)
    slots = defaultdict[str, set[int]](set)
    for template in TEMPLATES.values():
        if not template.can_name([TYPE_OF[value] for value in naming.named]):
            assert ask(seens()[0], template, rng, naming=naming) is None
            continue
        for seen in seens():
            question = ask(seen, template, rng, naming=naming)
            if question is not None:
                said = [set(naming.named) <= set(each.named) for each in question.filters]
                assert said.count(True) == 1
                slots[template.family].add(said.index(True))
    assert slots["comparison"] >= {0, 1, 2}
    assert slots["zero-hop"] == {0}


def test_strange_descriptions_are_not_used() -> None:
    """No description is strange but the one that should be named, which is not asked about."""
    rng = random.Random(5)
    naming = Filter.of("rubber", "sphere")

    def strange(named: Filter) -> bool:
        return named.shape == "sphere" and named.material is not None

    checked = Counter[bool]()
    for seen in seens()[::4]:
        for template in TEMPLATES.values():
            for wanted in (None, naming):
                question = ask(seen, template, rng, naming=wanted, strange=strange)
                if question is not None:
                    odd = [named for named in question.filters if strange(named)]
                    assert [(each.material, each.shape) for each in odd] == (
                        [] if wanted is None else [("rubber", "sphere")]
                    )
                    checked[wanted is None] += 1
    assert min(checked[True], checked[False]) > 200


def test_nothing_is_asked_where_nothing_can_be() -> None:
    """A scene that does not admit a question gives none, and filling slots by force fails."""
    thing = Thing(size="large", color="red", material="metal", shape="cube", x=0, y=0)
    seen, rng = Seen(Scene(things=(thing,), lamps={})), random.Random(6)
    assert ask(seen, TEMPLATES["zero-hop-color"], rng, answer="blue") is None
    assert ask(seen, TEMPLATES["one-hop-count"], rng) is None
    found = ask(seen, TEMPLATES["zero-hop-color"], rng)
    assert found is not None
    assert found.answer == "red"
    with pytest.raises(Invalid, match="0 objects"):
        question_of(TEMPLATES["zero-hop-color"], (Filter.of("small"),), (), seen)


def test_the_same_seed_asks_the_same() -> None:
    """Question and words are a function of the random stream."""
    for template in TEMPLATES.values():
        first, second = (
            (ask(seens()[1], template, rng), rng.random())
            for rng in (random.Random(7), random.Random(7))
        )
        assert first == second


def test_the_english_is_clean() -> None:
    """Every wording of every template gives a sentence that starts, is spaced and ends well."""
    rng = random.Random(8)
    said = Counter[str]()
    for _, question in asked():
        for wording in TEMPLATES[question.template].every_wording:
            text = phrased(wording, question.filters, question.relations, rng, {})
            said[wording] += 1
            assert re.fullmatch(r"[A-Z][a-z]*( [a-z]+[,;]?)* [a-z]+\?", text)
            assert not re.search(r"\ba [aeiou]|\ban [^aeiou]|\b(\w+) \1\b(?! that)", text)
            assert not re.search(r"\bs\b|ss\b(?<!glass)", text)
    assert set(said) == {w for t in TEMPLATES.values() for w in t.every_wording}


def test_different_programs_are_said_differently() -> None:
    """No text stands for two programs, in English or in invented words, whatever the synonyms."""
    meaning: dict[str, Question] = {}
    rng = random.Random(9)
    texts = 0
    for _, question in asked():
        for names in (None, INVENTED):
            for _ in range(3):
                text = words(question, rng, names)
                assert meaning.setdefault(text, question).program == question.program
                texts += 1
    assert texts > 10000
    assert len(meaning) > texts / 2


def test_wordings_differ_in_more_than_what_fills_them() -> None:
    """No two templates share a wording, even if the slots were filled by the same words."""
    skeletons: dict[str, str] = {}
    for template in TEMPLATES.values():
        for wording in template.every_wording:
            for text in (
                wording.replace("[", "").replace("]", ""),
                re.sub(r"\[.*?\]", "", wording),
            ):
                skeleton = " ".join(re.sub(r"\{([a-z]*) ?[ZR]\d", r"{\1", text).split())
                assert skeletons.setdefault(skeleton, template.name) == template.name


def test_invented_words_replace_everything_they_should() -> None:
    """With all attribute words replaced, none of the English ones or their synonyms remains."""
    rng = random.Random(10)
    english = {*TYPE_OF, *TYPES, "big", "tiny", "ball", "block", "metallic", "shiny", "matte"}
    english |= {f"{word}s" for word in english} | {"made"}
    for _, question in asked()[::3]:
        # "left" stands in relations, which keep their names, as does no attribute.
        text = words(question, rng, INVENTED)
        assert not english & set(re.findall(r"[a-z]+\d*", text.lower()))
        said = Counter(re.findall(r"wug(\d+)", text))
        order = list(INVENTED)
        for named in question.filters:
            assert all(said[str(order.index(value))] for value in named.named)


def test_single_words_can_be_replaced() -> None:
    """A word that is not replaced keeps its synonyms, and a, an and -s fit the new word."""
    question = question_of(TEMPLATES["zero-hop-exist"], (Filter.of("cube"),), (), seens()[0])
    texts = {words(question, random.Random(i), {"cube": "ogg"}) for i in range(40)}
    assert "Is there an ogg in the scene?" in texts
    assert "Does the scene contain any oggs?" in texts
    question = question_of(TEMPLATES["zero-hop-exist"], (Filter.of("large"),), (), seens()[0])
    texts = {words(question, random.Random(i), {"cube": "ogg"}) for i in range(80)}
    assert {"Is there a big thing?", "Is there a large object?"} <= texts


def test_other_is_said_where_it_could_be_the_same() -> None:
    """`Another` is left out where the two descriptions exclude each other."""
    wording = "Is there {another Z2} of the same {size} as the {Z1}; how many {other Z2s}?"
    rng = random.Random(11)

    def said(first: Filter, second: Filter) -> str:
        return phrased(wording, (first, second), (), rng, INVENTED)

    names = INVENTED
    text = said(Filter.of("red"), Filter.of("red", "cube"))
    assert f"another {names['red']} {names['cube']} of" in text
    assert f"many other {names['red']} {names['cube']}s?" in text
    text = said(Filter.of("red"), Filter.of("blue", "cube"))
    assert f"there a {names['blue']} {names['cube']} of" in text
    assert f"many {names['blue']} {names['cube']}s?" in text


def test_a_template_knows_what_it_can_name() -> None:
    """Types that no description may name together cannot be named."""
    assert TEMPLATES["zero-hop-exist"].can_name(TYPES)
    assert not TEMPLATES["zero-hop-color"].can_name(["color"])
    assert TEMPLATES["one-hop-color"].slots_for(["color", "shape"]) == (0,)
    assert not TEMPLATES["compare-size"].can_name(["size", "color"])
    assert {t.answers for t in TEMPLATES.values() if t.program.op == "query_shape"} == {
        VALUES["shape"]
    }
