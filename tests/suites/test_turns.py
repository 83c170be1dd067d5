"""Prompts with several turns: read, refused, put into words, kept in editions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
from tests.tiny_pictures import SUITE as DOTS
from tests.tiny_pictures import write_suite

from modelmetry.analyses.verification import verify
from modelmetry.errors import BadInput
from modelmetry.items import Item, Seed, as_text, content_hash, is_model_turn, model_turn, reply
from modelmetry.suites import (
    Prompt,
    asked,
    edition,
    export,
    items,
    read,
    read_edition,
    render,
    write,
)
from modelmetry.suites.templates import rendered, rendered_or_nothing

SUITE = """\
# Does it add in company?
version: 1
tasks:
  addition:
    generator: addition
    options: {digits: 2}
    scorer: number
    splits: {held-out: 6}
    prompts:
      talk:
        system: "{% if a > b %}Do sums with {{ a }}.{% endif %}"
        turns: [hello, maybe]
        template: ask
      plain: {template: plain, system: " Be brief.\\n"}
"""
TEMPLATES = {
    "hello": "I like {{ a }}.",
    "maybe": "{% if b % 2 %}You said: {{ reply(1) }} Why?{% endif %}",
    "ask": "Said {{ reply(1) }}. What is {{ a }} + {{ b }}?",
    "plain": "{{ a }} + {{ b }} =",
}
SEED = Seed(root=4)


def written(folder: Path, text: str = SUITE, **templates: str) -> Path:
    """A suite file and its templates."""
    (folder / "prompts").mkdir(parents=True, exist_ok=True)
    for name, source in {**TEMPLATES, **templates}.items():
        (folder / "prompts" / f"{name}.jinja").write_text(source)
    path = folder / "company.yaml"
    path.write_text(text)
    return path


def talks(path: Path) -> list[Item]:
    """The items in the wording that has turns."""
    return [item for item in items(read(path), SEED) if item.wording == "talk"]


def test_each_turn_is_followed_by_one_of_the_model(tmp_path: Path) -> None:
    """Odd b: two earlier turns; even b: the second says nothing and is gone with its reply."""
    seen = set()
    for item in talks(written(tmp_path)):
        a, b = item.problem.fields["a"], item.problem.fields["b"]
        system, script = item.messages[: a > b], item.messages[a > b :]
        assert [turn.text for turn in system] == ([f"Do sums with {a}."] if a > b else [])
        assert as_text(script[0].parts) == f"I like {a}."
        assert script[1] == model_turn(1)
        if b % 2:
            assert as_text(script[2].parts) == "You said: [reply 1] Why?"
            assert script[2].parts[1] == reply(1)
            assert script[3] == model_turn(2)
        assert as_text(script[-1].parts) == f"Said [reply 1]. What is {a} + {b}?"
        assert [is_model_turn(turn) for turn in script] == [False, True] * (1 + b % 2) + [False]
        seen |= {("b", b % 2), ("system", a > b)}
    assert len(seen) == 4


def test_plain_systems_and_single_turns_are_as_they_were(tmp_path: Path) -> None:
    """A system without Jinja is shown to the letter; one turn is one message."""
    plain = [i for i in items(read(written(tmp_path)), SEED) if i.wording == "plain"]
    assert plain[0].messages[0].text == " Be brief.\n"
    assert [turn.role for turn in plain[0].messages] == ["system", "user"]


def test_prompts_without_turns_hash_as_before() -> None:
    """The literal was computed before prompts had turns: names of editions rest on it."""
    prompt = Prompt(
        name="plain",
        template="t",
        source="What is {{ a }}?",
        shots=2,
        system="Be brief.",
        stop=("\n",),
    )
    before = "001ad3fe1e2f3ad7f6ad398cdd1a580681bbd47e6c08df4ac4e2ae68c9fca51b"
    assert content_hash(prompt) == before
    assert prompt.earlier == ()
    assert content_hash(replace(prompt, turns=("x",))) != before
    assert msgspec.json.decode(msgspec.json.encode(prompt), type=Prompt) == prompt


def test_the_texts_of_turns_and_of_the_system_name_the_edition(tmp_path: Path) -> None:
    """A changed word in any of them is another edition."""
    changed = {
        edition(read(written(tmp_path / str(n), text, **templates)), SEED)
        for n, (text, templates) in enumerate(
            [
                (SUITE, {}),
                (SUITE, {"hello": "I love {{ a }}."}),
                (SUITE, {"maybe": "Why?"}),
                (SUITE.replace("Do sums", "Do the sums"), {}),
                (SUITE.replace("[hello, maybe]", "[hello]"), {}),
            ]
        )
    }
    assert len(changed) == 5


def test_editions_give_back_the_same_conversations(tmp_path: Path) -> None:
    """What is read back is what was written; the column shows the places of replies."""
    suite = read(written(tmp_path))
    made = write(tmp_path / "out", suite, SEED)
    back = read_edition(made.folder)
    assert list(back.items()) == list(items(suite, SEED))
    assert back.manifest.suite.tasks[0].prompts[0].earlier == (
        TEMPLATES["hello"],
        TEMPLATES["maybe"],
    )
    (path,) = made.folder.rglob("*.parquet")
    turns = pq.read_table(path).column("messages").to_pylist()[0]
    assert {"role": "assistant", "content": "[reply 1]"} in turns


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (
            "template: ask",
            "template: ask\n        format: completion",
            r"prompts\.talk\.\S+: .*chat",
        ),
        ("template: ask", "template: ask\n        shots: 2", r"turns: turns go with shots 0 alone"),
        ("[hello, maybe]", "[hello, 3]", r"turns: .*allowed: a text or a list of texts"),
        ("[hello, maybe]", "[nowhere]", r"turns: no template 'nowhere'"),
        ("[hello, maybe]", "[maybe]", r"maybe\.jinja: line 1: reply 1 is quoted where the model"),
        ("{{ a }}.{%", "{{ c }}.{%", r"talk\.system: unknown field 'c'"),
        ("{{ a }}.{%", "{{ a .{%", r"talk\.system: line 1: "),
        ("{{ a }}.{%", "{{ reply(1) }}.{%", r"talk\.system: line 1: reply 1 is quoted.*none"),
        ("{{ a }}.{%", "{{ a | paint }}.{%", r"talk\.system: a system message shows no pictures"),
        ("turns: [hello, maybe]\n", "turns: []\n", r"ask\.jinja: line 1: reply 1 is quoted"),
    ],
)
def test_mistakes_in_the_file_are_one_line(tmp_path: Path, old: str, new: str, what: str) -> None:
    """File, key or template, and what is allowed."""
    assert SUITE.count(old) == 1
    with pytest.raises(BadInput, match=what) as caught:
        read(written(tmp_path, SUITE.replace(old, new)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("{{ reply(3) }} {{ a }}", "line 1: reply 3 is quoted .* from 1 to 2"),
        ("{{ reply(number=3) }}", "reply 3 is quoted"),
        ("{{ reply }} {{ a }}", "line 1: `reply` without a number"),
        ("{{ reply('x') }}", r"reply\('x'\); allowed: numbers from 1"),
        ("{{ reply(0) }}", r"reply\(0\); allowed: numbers from 1"),
        ("{{ reply(1) | upper }}", "a quoted reply was changed"),
    ],
)
def test_quotations_that_cannot_be_are_refused_when_read(
    tmp_path: Path, source: str, what: str
) -> None:
    """A reply that no number of turns can give, or that is no reply."""
    with pytest.raises(BadInput, match=what):
        read(written(tmp_path, ask=source))


def test_a_quotation_of_a_turn_that_was_left_out_is_refused(tmp_path: Path) -> None:
    """Reply 2 exists only where b is odd; elsewhere there is nothing to quote."""
    path = written(tmp_path, ask="{{ reply(2) }} What is {{ a }} + {{ b }}?")
    with pytest.raises(BadInput, match=r"prompt talk: reply 2 is quoted .* spoken 1 times"):
        list(items(read(path), SEED))


def test_numbers_count_the_replies_that_exist(tmp_path: Path) -> None:
    """Where the first turn says nothing, the second one's reply is reply 1."""
    path = written(tmp_path, hello="", maybe="Hm.", ask="{{ reply(1) }} {{ a }} + {{ b }}")
    for item in talks(path):
        assert [turn.role for turn in item.messages[-3:]] == ["user", "assistant", "user"]
        assert item.messages[-3].text == "Hm."


def test_a_field_that_holds_a_mark_is_never_taken_for_one() -> None:
    """A text that spells a mark is refused where it has its edges, and text where it has not."""
    assert rendered("t", "{{ a }}", {"a": "[reply 1]"})[0].kind == "text"
    for forged in ("\0" + "1\0", "\0" + "[reply 1]\0", "\0" + '{"painter":"raster"}\0'):
        with pytest.raises(BadInput, match="a field holds a NUL character"):
            rendered("t", "{{ a }} {{ reply(1) }}", {"a": forged})
    assert rendered("t", "{{ reply }}", {"reply": "a field's own"})[0].text == "a field's own"
    assert rendered_or_nothing("t", " {{ a }} ", {"a": ""}) == ()


def test_pictures_may_be_shown_in_any_turn(tmp_path: Path, painted: Path) -> None:
    """The painters of earlier turns belong to the prompt as those of the last do."""
    text = DOTS.replace(", unseen: 4", "")
    path = write_suite(tmp_path / "dots", text)
    (path.parent / "prompts" / "look.jinja").write_text("{{ scene | paint('tiny') }}")
    (path.parent / "prompts" / "how.jinja").write_text("How many dots?")
    body = path.read_text()
    first = next(line for line in body.splitlines() if "template:" in line)
    name = first.strip().split(":")[0]
    indent = first[: len(first) - len(first.lstrip())]
    new = f"{indent}{name}: {{turns: [look], template: how}}"
    path.write_text(body.replace(first, new))
    suite = read(path)
    prompt = next(p for p in suite.tasks[0].prompts if p.name == name)
    assert list(prompt.painters) == ["tiny"]
    item = next(i for i in items(suite, SEED) if i.wording == name)
    assert len(item.pictures) == 1
    assert item.messages[0].parts[0].image is not None


def test_scripts_are_no_solved_problems(tmp_path: Path) -> None:
    """An export names the wording it cannot take, and takes the others."""
    suite = read(written(tmp_path))
    with pytest.raises(BadInput, match="company: addition/talk leaves turns to the model"):
        export(tmp_path / "a", suite, SEED, to="chat", split="held-out")
    made = export(tmp_path / "b", suite, SEED, to="chat", split="held-out", wordings=["plain"])
    assert made.count == len(talks(tmp_path / "company.yaml"))


def test_questions_are_compared_as_whole_conversations(tmp_path: Path) -> None:
    """Two problems that differ in an earlier turn alone are no duplicates; in none they are."""
    suite = read(written(tmp_path, hello="I like {{ a }} and {{ b }}.", ask="What is the sum?"))
    (found,) = verify(suite, n=20).splits
    assert (found.duplicates, found.ambiguous) == (0, 0)
    suite = read(written(tmp_path, hello="Hello.", maybe="Hm.", ask="What is the sum?"))
    suite = replace(suite, tasks=(replace(suite.tasks[0], prompts=suite.tasks[0].prompts[:1]),))
    (found,) = verify(suite, n=20).splits
    assert found.duplicates > 0
    assert found.ambiguous > 0


def test_what_is_asked_holds_the_system_only_where_it_differs(tmp_path: Path) -> None:
    """A plain system says nothing of a problem; a single turn is the question alone."""
    suite = read(written(tmp_path))
    talk, plain = suite.tasks[0].prompts
    item = next(i for i in talks(tmp_path / "company.yaml") if i.messages[0].role == "system")
    assert asked(talk, item.problem) == item.text
    assert asked(plain, item.problem) == as_text(render(plain, item.problem))
