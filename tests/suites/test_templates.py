"""The filter `verbatim`: a text of a corpus reaches the model with the white space it has."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmetry.errors import BadInput
from modelmetry.items import Part, Seed, reply
from modelmetry.suites import asked, edition, items, read, read_edition, write
from modelmetry.suites.templates import rendered, rendered_system

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1)
"""Anything that UTF-8 can hold: blanks at both ends, NUL, quotes, line separators."""

SUITE = """\
# Does it go on?
version: 1
tasks:
  addition:
    generator: addition
    options: {digits: 2}
    scorer: number
    splits: {held-out: 4}
    prompts:
      whole: {template: whole, format: completion}
      shown: {template: whole, format: completion, shots: 2}
      chat: {template: told, system: "{{ (' ' ~ a) | verbatim }}"}
      talk: {turns: [whole], template: told}
"""
TEMPLATES = {
    "whole": "\n{{ (' ' ~ a ~ ' +\\n ' ~ b ~ ' = ') | verbatim }}\n",
    "told": "Go on: {{ (a ~ '\\n\\n') | verbatim }}",
}
SEED = Seed(root=2)


def written(folder: Path, **templates: str) -> Path:
    """The suite's file and its templates."""
    (folder / "prompts").mkdir(parents=True, exist_ok=True)
    for name, source in {**TEMPLATES, **templates}.items():
        (folder / "prompts" / f"{name}.jinja").write_text(source)
    path = folder / "pages.yaml"
    path.write_text(SUITE)
    return path


@given(TEXTS)
def test_every_text_survives(text: str) -> None:
    """Alone in its template it is one part, to the letter, in a turn and in a system message."""
    assert rendered("t", "\n {{ x | verbatim }} \n", {"x": text}) == (Part(text=text),)
    assert rendered_system("s", "{{ x | verbatim }}", {"x": text}) == text


@given(TEXTS, TEXTS.map(lambda text: text.replace("\0", "")))
def test_texts_and_literals_are_one_part(a: str, b: str) -> None:
    """What stands between two texts stays, blanks too; the template's own ends are stripped."""
    source = " Go on:\n{{ a | verbatim }} {{ a | verbatim }}{{ b }}. "
    assert rendered("t", source, {"a": a, "b": b}) == (Part(text=f"Go on:\n{a} {a}{b}."),)


def test_pictures_and_replies_stand_between_texts() -> None:
    """Order is kept; blanks beside a verbatim text are part of it, others between pictures are not."""
    fields = {"x": " a ", "s": {"dots": 1}}
    made = rendered(
        "t", "{{ s | paint }} {{ reply(1) }} {{ x | verbatim }} {{ s | paint }}", fields
    )
    assert [part.kind for part in made] == ["image", "reply", "text", "image"]
    assert made[1:3] == (reply(1), Part(text="  a  "))


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("{{ number | verbatim }}", r"`verbatim` of 3; allowed: a text that is not empty"),
        ("{{ '' | verbatim }}", r"`verbatim` of ''; allowed: a text that is not empty"),
        ("{{ picture | verbatim }}", r"`verbatim` of {'dots': 1}; allowed: a text"),
        ("{{ picture.no | verbatim }}", r"`verbatim` of Undefined; allowed: a text"),
        ("{{ picture | paint | verbatim }}", r"`verbatim` of a picture or a quoted reply; allowed"),
        ("{{ reply(1) | verbatim }}", r"`verbatim` of a picture or a quoted reply; allowed"),
        ("{{ text | verbatim | verbatim }}", r"`verbatim` of a picture or a quoted reply; allowed"),
        ("{{ text | verbatim | upper }}", r"or a text after `verbatim`, .* as the last filter"),
        ("{{ text | verbatim }}{{ nul }}", r"a field holds a NUL character"),
    ],
)
def test_what_cannot_be_shown_is_one_line(source: str, what: str) -> None:
    """Neither anything but texts, nor an empty one, nor a mark that was changed."""
    fields = {"number": 3, "picture": {"dots": 1}, "text": " a", "nul": "a\0b"}
    with pytest.raises(BadInput, match=f"^t: .*{what}") as caught:
        rendered("t", source, fields)
    assert "\n" not in str(caught.value)


def test_a_suite_shows_the_text_in_every_format(tmp_path: Path) -> None:
    """Completion, examples, chat, system and earlier turns; what is asked, as one text, has it too."""
    suite = read(written(tmp_path))
    (task,) = suite.tasks
    seen = set()
    for item in items(suite, SEED):
        a, b = item.problem.fields["a"], item.problem.fields["b"]
        whole, told = f" {a} +\n {b} = ", f"Go on: {a}\n\n"
        if item.wording == "whole":
            assert item.text == whole
        elif item.wording == "shown":
            assert item.text.endswith("\n" + whole)
        elif item.wording == "chat":
            assert [turn.text for turn in item.messages] == [f" {a}", told]
        else:
            assert [turn.text for turn in item.messages] == [whole, "", told]
        seen.add(item.wording)
        texts = {"whole": whole, "shown": whole, "chat": f" {a}\n{told}"}
        prompt = next(prompt for prompt in task.prompts if prompt.name == item.wording)
        talked = f"{whole}\n[reply 1]\n{told}"
        assert asked(prompt, item.problem) == texts.get(item.wording, talked)
    assert len(seen) == 4


def test_editions_give_the_text_back(tmp_path: Path) -> None:
    """What is read from the tables is what was asked; the filter names another edition."""
    suite = read(written(tmp_path))
    made = write(tmp_path / "out", suite, SEED)
    assert list(read_edition(made.folder).items()) == list(items(suite, SEED))
    plain = read(written(tmp_path / "plain", whole="{{ a }} + {{ b }} ="))
    assert edition(plain, SEED) != edition(suite, SEED)


def test_a_template_that_shows_nothing_verbatim_is_refused_when_read(tmp_path: Path) -> None:
    """The line names the template's file."""
    with pytest.raises(BadInput, match=r"whole\.jinja: .*`verbatim` of \d+; allowed: a text"):
        read(written(tmp_path, whole="{{ a | verbatim }}"))
