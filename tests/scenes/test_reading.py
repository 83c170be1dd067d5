"""The reader of questions: sentences with obvious answers, every wording, and what it refuses."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmetry.errors import BadInput
from modelmetry.scenes.asking import TEMPLATES, Question, Seen, Template, ask
from modelmetry.scenes.kinds import KINDS, TYPES, VALUES
from modelmetry.scenes.placing import placed
from modelmetry.scenes.reading import solve
from modelmetry.scenes.vocabulary import invented
from modelmetry.scenes.wording import phrased
from modelmetry.scenes.world import Scene

Objects = list[dict[str, Any]]

# From left to right: cube, green ball, blue ball, cylinder, small cube.
# From front to behind: small cube, blue ball, large cube, cylinder, green ball.
FIVE: Objects = [
    {"id": number, **dict(zip(TYPES, kind.split(), strict=True)), "right": right, "front": front}
    for number, kind, right, front in (
        (1, "large red rubber cube", -2.0, 0.0),
        (2, "small blue metal sphere", 0.0, 1.0),
        (3, "large blue rubber cylinder", 1.0, -1.0),
        (4, "small red metal cube", 2.0, 2.0),
        (5, "large green metal sphere", -1.0, -2.0),
    )
]

INVENTED = {
    "size": "wodub",
    "color": "natig",
    "material": "lepok",
    "shape": "zikup",
    "large": "bagob",
    "red": "fidug",
    "rubber": "mupod",
    "cube": "sarip",
    "sphere": "tivok",
}

OBVIOUS = """
How many objects are there? 5
How many things are there in the scene? 5
How many balls does the scene contain? 2
How many yellow balls are there? 0
How many shiny things are left of the cylinder? 2
How many tiny things are to the right of the matte cylinder? 1
How many things are there behind the blue sphere? 3
How many things are behind the large thing that is in front of the cylinder? 2
How many cubes stand left of the cylinder? 1
How many things are cubes or balls? 4
How many things are either cubes or blue things? 4
How many things are blue things or are left of the green ball? 3
How many things are in front of the cylinder or left of the green ball or both? 3
How many things are both left of the cylinder and in front of the green ball? 2
How many things are balls right of the green sphere or cubes left of the cylinder? 2
How many other things have the same color as the blue ball? 1
How many things have the same color as the blue ball? 2
How many other large things are made of the same material as the big cube? 1
How many other things are of the same shape as the cylinder? 0
How big is the green ball? large
How big is the thing to the right of the cylinder? small
With how many other things does the cylinder share its size? 2
Of the things behind the blue ball, how many are also left of the cylinder? 2
Of all cubes, how many are in front of the cylinder? 2
Counting the metallic things, how many do you get? 3
Counting the cubes and the blue things, each object once, how many do you get? 4
Counting all cubes and also the red things left of the ball that is left of the blue ball, \
each thing once, how many do you get? 2
What is the number of cubes? 2
What is the number of big things that are right of the large cube? 2
What color is the cylinder? blue
What is the color of the ball that is left of the small ball? green
What shape does the tiny red thing have? cube
What is the small ball made of? metal
What is the big thing behind the cylinder made of? metal
What is the shape of the other blue thing that has the same color as the blue ball? cylinder
What size is the other thing of the same shape as the blue ball? large
What is the color of the thing that is behind the large cube and left of the blue ball? green
The tiny block is of what material? metal
The blue ball has what color? blue
The blue ball shares its color with another thing; what is the shape of the latter? cylinder
Take the cylinder; what is the color of the ball behind it? green
Take the ball behind the cylinder; how many cubes are left of it? 1
There is a blue thing left of the cylinder; what is its shape? sphere
There is another ball that has the same shape as the green ball; what color is it? blue
There is a block right of the cylinder; does it have the same size as the blue ball? yes
Is there a ball? yes
Is there a cylinder in front of the blue ball? no
Is there another thing of the same shape as the cylinder? no
Is there a cylinder of the same shape as the cylinder? yes
Is there any other thing made of the same material as the cylinder? yes
Are there any yellow things? no
Are there other things that have the same color as the green ball? no
Are any cubes right of the cylinder? yes
Does the scene contain any purple blocks? no
Does the scene contain a green ball? yes
Does any other thing have the same color as the large cube? yes
Does the green ball share its size with a rubber block? yes
Does the cylinder share its shape with any other thing? no
Does the ball left of the blue ball have the same size as the cylinder? yes
Do the blue ball and the cylinder have the same color? yes
Do the cubes outnumber the balls? no
Do the balls outnumber the cylinders? yes
Are the cylinders outnumbered by the cubes? yes
Are the green ball and the cylinder equally big? yes
Are the green ball and the cylinder made of the same material? no
Is the cylinder of the same material as the large block? yes
Is the thing left of the green ball made of the same material as the cylinder? yes
Is the green ball as big as the blue ball? no
Is the color of the cylinder the same as that of the blue ball? yes
Is the number of cubes the same as the number of balls? yes
Is the number of things behind the cylinder lower than the number of all cubes? yes
Is the number of blue things greater than the number of things that are left of the cylinder? no
Are there more balls than cylinders in the scene? yes
Are there fewer balls than things left of the cylinder? yes
Are there exactly as many balls as there are cubes? yes
Are there just as many cylinders as there are things behind the cylinder in the whole scene? yes
Are more things left of the cylinder than things are right of it? unreadable
Are more things left of the cylinder than things are right of the cylinder? yes
Are fewer balls behind the cylinder than there are balls in all? yes
Does the scene contain equally many cubes and cylinders? no
Does the number of cubes equal the number of things left of the blue ball? yes
Is there a cube left of the blue cylinder that is right of the ball in front of the large cube? yes
"""

SENTENCES = [line.rsplit(" ", 1) for line in OBVIOUS.replace("\\\n", "").strip().splitlines()]


@pytest.mark.parametrize(("question", "answer"), SENTENCES)
def test_an_obvious_question_gets_its_answer(question: str, answer: str) -> None:
    """Sentences written without any template, about five objects, mean what they say."""
    if answer == "unreadable":
        with pytest.raises(BadInput, match="cannot be read"):
            solve(question, FIVE, {})
    else:
        assert answer == solve(question, FIVE, {})


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many bagob fidug sarips are there?", "1"),
        ("What natig is the bagob sarip?", "fidug"),
        ("What lepok is the bagob sarip?", "mupod"),
        ("What natig is the cylinder?", "blue"),
        ("Do the bagob sarip and the cylinder have the same wodub?", "yes"),
        ("What zikup is the green thing left of the small tivok?", "tivok"),
    ],
)
def test_invented_words_mean_what_they_replace(question: str, answer: str) -> None:
    """Values and types in invented words are read in question and objects, and answered in them."""
    assert answer == solve(question, renamed(FIVE, INVENTED), INVENTED)


@pytest.mark.parametrize(
    ("question", "where"),
    [
        ("", "its end"),
        ("How many cubes are there", "its end"),
        ("How many cubes are there? Why?", "'why'"),
        ("How many cube are there?", "'cube'"),
        ("How many pyramids are there?", "'pyramids'"),
        ("Is there a cubes?", "'cubes'"),
        ("Is there a cube the ball?", "'the'"),
        ("Is there a cube left from the ball?", "'left'"),
        ("What taste is the cylinder?", "'taste'"),
        ("What color is it?", "'it'"),
        ("What is its color?", "'its'"),
        ("Why is the cylinder blue?", "'why'"),
        ("Are there any cubes that is left of the cylinder?", "'that'"),
        ("How many things are both left of the cylinder or behind it?", "'or'"),
        ("How many things are either cubes?", "'?'"),
        (
            "How many things are left of the cylinder or behind the cylinder and left of the ball?",
            "'and'",
        ),
        ("How many other cubes are left of the cylinder?", "'?'"),
        ("Counting the cubes and the blue things, how many do you get?", "', '"),
        ("What color is the cube?", "'the cube', which fits 2 objects"),
        ("What color is the yellow thing?", "'the yellow thing', which fits 0 objects"),
        ("There is a cube; what is its color?", "fits 2 objects"),
        ("How many things are left of the thing right of the small cube?", "fits 0 objects"),
    ],
)
def test_what_is_not_understood_is_refused(question: str, where: str) -> None:
    """One line says where a question cannot be read, and what could stand there."""
    with pytest.raises(BadInput) as caught:
        solve(question, FIVE, {})
    line = str(caught.value)
    assert line.startswith(f"question {question!r}: cannot be read at ")
    assert where.replace("', '", "','") in line
    assert "; allowed: " in line
    assert "\n" not in line


@pytest.mark.parametrize("word", ["cube", "block", "ball", "red", "big", "matte"])
def test_english_is_refused_where_a_word_was_invented(word: str) -> None:
    """An English word for what has an invented name is not understood: it would give it away."""
    noun = f"{word} thing" if word in ("red", "big", "matte") else word
    assert solve(f"Is there a {noun}?", FIVE, {}) == "yes"
    with pytest.raises(BadInput, match=f"cannot be read at '{word}'"):
        solve(f"Is there a {noun}?", renamed(FIVE, INVENTED), INVENTED)


@pytest.mark.parametrize(
    "broken", [{"color": "pink"}, {"right": None}, {"color": None}], ids=lambda b: str(b)
)
def test_objects_that_are_not_objects_are_refused(broken: dict[str, Any]) -> None:
    """An object with an unknown or missing value is bad input."""
    with pytest.raises(BadInput, match="objects: "):
        solve("Is there a cube?", [{**FIVE[0], **broken}], {})
    with pytest.raises(BadInput, match="objects: "):
        solve("Is there a cube?", [{k: v for k, v in FIVE[0].items() if k not in broken}], {})


@pytest.mark.parametrize(
    ("cube", "ball", "answer"),
    [(1.1, 1.3, "no"), (1.1, 1.31, "yes"), (1.1, 0.89, "no"), (0.08, 0.29, "yes")],
)
def test_a_side_begins_beyond_a_fifth_of_a_unit(cube: float, ball: float, answer: str) -> None:
    """An object stands right of another if it does by more than 0.2, in decimal arithmetic."""
    pair = [{**FIVE[0], "right": cube}, {**FIVE[1], "right": ball}]
    assert answer == solve("Is there a ball right of the cube?", pair, {})


# --- questions as they are asked


def renamed(objects: Objects, names: Mapping[str, str]) -> Objects:
    return [
        {names.get(key, key): names.get(value, value) for key, value in each.items()}
        for each in objects
    ]


@cache
def asked(template: str) -> tuple[tuple[Objects, Question], ...]:
    """Four questions per answer of a template, each about a scene of its own."""
    rng = random.Random(f"reading {template}")
    found: list[tuple[Objects, Question]] = []
    for answer in TEMPLATES[template].answers * 4:
        while True:
            seen, objects = rng.choice(scenes())
            question = ask(seen, TEMPLATES[template], rng, answer=answer)
            if question is not None:
                break
        found.append((objects, question))
    return tuple(found)


@cache
def scenes() -> tuple[tuple[Seen, Objects], ...]:
    """Scenes, and the objects that a model is shown of them."""
    rng = random.Random(5)
    made = [placed(lambda r: r.choices(KINDS, k=r.randint(4, 10)), rng) for _ in range(40)]
    return tuple((Seen(scene), objects_of(scene)) for scene in made)


def objects_of(scene: Scene) -> Objects:
    return [
        {"id": i, **thing.kind._asdict(), "right": round(right, 2), "front": round(front, 2)}
        for i, (thing, (right, front)) in enumerate(zip(scene.things, scene.places, strict=True), 1)
    ]


def answered(wording: str, question: Question, objects: Objects, seed: int = 0) -> str:
    """What the reader says to a wording of a question, or `unreadable`."""
    text = phrased(wording, question.filters, question.relations, random.Random(seed), {})
    try:
        return solve(text, objects, {})
    except BadInput:
        return "unreadable"


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=lambda t: t.name)
def test_reader_and_program_agree(template: Template) -> None:
    """For every wording, every answer, with and without what is optional, the two agree."""
    for seed, (objects, question) in enumerate(asked(template.name)):
        for wording in template.every_wording:
            assert question.answer == answered(wording, question, objects, seed), wording


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=lambda t: t.name)
def test_they_agree_in_invented_words(template: Template) -> None:
    """With all attributes and their types in invented words, too, and no English left of them."""
    for seed, (objects, question) in enumerate(asked(template.name)):
        names = invented(random.Random(seed))
        told = renamed(objects, names)
        for wording in template.wordings:
            rng = random.Random(seed)
            text = phrased(wording, question.filters, question.relations, rng, names)
            assert names.get(question.answer, question.answer) == solve(text, told, names), text
            assert GIVEN_AWAY.isdisjoint(text.lower().strip("?").split()), text


GIVEN_AWAY = {
    *TYPES,
    *(word for values in VALUES.values() for value in values for word in (value, f"{value}s")),
    *("big", "tiny", "metallic", "shiny", "matte", "ball", "balls", "block", "blocks", "made"),
}

SWAPS = ["R1 R2", "R2 R3", "Z1 Z2", "Z2 Z3", "Z3 Z4", "fewer more", "lower greater"]

REPLACEMENTS = [
    *(("{R1}", "left of"), (" and ", " or "), (" or ", " and "), ("[both]", "either")),
    *(("other ", ""), ("another ", "a "), ("{color}", "{shape}"), ("{size}", "{material}")),
    *(("outnumbered by", "outnumber"), ("as many", "fewer"), ("the same as", "lower than")),
    *(("many {Z2s}", "many {Z1s}"), (" is {R1}", " is {R1} the {Z2} that is {R1}")),
]


def swapped(text: str, one: str, other: str) -> str:
    if one[0] in "ZR" and not (one in text and other in text):
        return text
    return text.replace(one, "\0").replace(other, one).replace("\0", other)


def told_apart(wrong: Callable[[str], str]) -> list[bool]:
    """Per wording that a mistake changes, whether reader and program then disagree."""
    return [
        any(question.answer != answered(changed, question, o) for o, question in asked(name))
        for name, template in TEMPLATES.items()
        for wording in template.wordings
        if (changed := wrong(wording)) != wording
    ]


@pytest.mark.parametrize("words", SWAPS)
def test_what_is_swapped_in_a_wording_comes_to_light(words: str) -> None:
    """The two disagree if slots or comparisons are swapped, but where that changes no meaning."""
    one, other = words.split()
    found = told_apart(lambda wording: swapped(wording, one, other))
    assert len(found) >= 3
    # `the {Z1} and the {Z2} have the same ...` means the same the other way around.
    assert sum(found) >= 0.9 * len(found)


@pytest.mark.parametrize(("right", "wrong"), REPLACEMENTS)
def test_a_wrong_word_in_a_wording_comes_to_light(right: str, wrong: str) -> None:
    """The two disagree if a wording says another thing, in nearly all of the wordings."""
    found = told_apart(lambda wording: wording.replace(right, wrong))
    assert found
    # Without `other` the difference is one object, which only some questions show.
    assert sum(found) >= 0.85 * len(found)


def test_a_wrong_program_comes_to_light() -> None:
    """A program that takes left for right disagrees with the reader in most questions."""
    mirror = {"left": "right", "right": "left"}
    found = []
    for name in ("one-hop-count", "one-hop-shape", "and-color", "three-hop-exist"):
        template = TEMPLATES[name]
        for objects, question in asked(name):
            sides = tuple(mirror.get(side, side) for side in question.relations)
            if sides != question.relations:
                text = phrased(template.wordings[0], question.filters, sides, random.Random(0), {})
                try:
                    found.append(solve(text, objects, {}) != question.answer)
                except BadInput:
                    found.append(True)
    assert sum(found) > 0.8 * len(found) > 20


@pytest.mark.parametrize("name", ["two-hop-exist", "two-hop-size", "three-hop-color"])
def test_no_relative_clause_belongs_to_an_earlier_noun(name: str) -> None:
    """`The ball behind the cube that is left of ...`: that cube needs the clause to be one cube."""
    for objects, question in asked(name):
        for slot in range(1, len(question.relations)):
            alone = f"How big is the {{Z{slot + 1}}}?"
            assert answered(alone, question, objects) == "unreadable"


# --- what must not matter

drawn_questions = st.sampled_from(sorted(TEMPLATES)).flatmap(
    lambda name: st.tuples(
        st.sampled_from(TEMPLATES[name].every_wording),
        st.sampled_from(asked(name)),
        st.integers(0, 2**32 - 1),
    )
)


@given(drawn_questions)
def test_a_mirrored_scene_and_question_have_the_same_answer(
    drawn: tuple[str, tuple[Objects, Question], int],
) -> None:
    """Left is right and the front is behind when every object changes sides."""
    wording, (objects, question), seed = drawn
    mirrored = [{**o, "right": -o["right"], "front": -o["front"]} for o in objects]
    other = {"left": "right", "right": "left", "front": "behind", "behind": "front"}
    sides = tuple(other[side] for side in question.relations)
    text = phrased(wording, question.filters, sides, random.Random(seed), {})
    assert question.answer == solve(text, mirrored, {})


@given(drawn_questions, st.randoms(use_true_random=False))
def test_neither_order_nor_numbers_of_objects_matter(
    drawn: tuple[str, tuple[Objects, Question], int], rng: random.Random
) -> None:
    """Objects are told apart by what they are and where they stand alone."""
    wording, (objects, question), seed = drawn
    numbers = rng.sample(range(1, 100), len(objects))
    shuffled = [{**each, "id": number} for each, number in zip(objects, numbers, strict=True)]
    rng.shuffle(shuffled)
    assert question.answer == answered(wording, question, shuffled, seed)
