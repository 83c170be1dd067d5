"""Suites are validated when read: every mistake is one line with file, key and what is allowed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.brought import BROUGHT, jsonl

from modelmetry.algebra.addition import Addition
from modelmetry.errors import BadInput
from modelmetry.items import Seed, load
from modelmetry.memory.extraction import Extraction
from modelmetry.memory.probing import Request, make
from modelmetry.spaces import Space
from modelmetry.suites import edition, items, names, needs, question, read, reader

GOOD = """\
# Does it add?
version: 1
sampling: {temperature: 0, max_tokens: 8}
tasks:
  addition:
    generator: addition
    options: {digits: 2}
    scorer: number
    splits: {held-out: 5, longer: 5}
    prompts:
      ask: {template: ask, format: chat}
      sum: {template: sum, format: completion, shots: 2, stop: ["\\n"]}
primary: [held-out]
contrasts:
  length gap: [held-out, longer]
"""


def write(folder: Path, text: str = GOOD, **templates: str) -> Path:
    """A suite file with its two templates."""
    (folder / "prompts").mkdir(exist_ok=True)
    sources = {"ask": "What is {{ a }} + {{ b }}?", "sum": "{{ a }} + {{ b }} =", **templates}
    for name, source in sources.items():
        (folder / "prompts" / f"{name}.jinja").write_text(source)
    path = folder / "my-suite.yaml"
    path.write_text(text)
    return path


def test_a_good_file_becomes_a_suite(tmp_path: Path) -> None:
    """Everything written in the file stands in the suite."""
    suite = read(write(tmp_path))
    assert suite.name == "my-suite"
    assert suite.question == "Does it add?"
    assert suite.primary == ("held-out",)
    assert [prompt.shots for prompt in suite.tasks[0].prompts] == [0, 2]
    assert suite.contrasts[0].a == "held-out"
    assert suite.contrasts[0].b == "longer"


def brought(name: str) -> dict[str, Any] | None:
    """What a packaged suite must be given, from the data that tests have; None if they have not."""
    wanted = needs(name)
    held = {
        option: value
        for of in BROUGHT.values()
        for option, value in (of().items() if wanted else ())
        if option in wanted
    }
    return held if len(held) == len(wanted) else None


@pytest.mark.parametrize("name", names())
def test_every_packaged_suite_reads(name: str) -> None:
    """Packaged suites are valid, ask a question and have two wordings, a split and a headline.

    Those that need a user's data say how it is given.
    """
    if needs(name):
        with pytest.raises(BadInput, match=f"no .*; allowed: -T {needs(name)[0]}="):
            read(name)
        assert question(name).endswith("?")
    if (given := brought(name)) is None:
        return
    suite = read(name, given)
    assert suite.question.endswith("?")
    assert all(len(task.prompts) >= 2 for task in suite.tasks)
    assert all(task.splits for task in suite.tasks)
    assert suite.primary


def test_packaged_suites_ask_in_both_formats_with_and_without_examples() -> None:
    """Chat and completion, few-shot and zero-shot all occur."""
    own = [name for name in names() if not needs(name)]
    prompts = [p for name in own for task in read(name).tasks for p in task.prompts]
    assert {p.format for p in prompts} == {"chat", "completion"}
    assert {p.shots > 0 for p in prompts} == {True, False}


def test_all_is_as_many_as_the_options_leave() -> None:
    """`all` asks every problem of a split, whatever its size is with the options given."""
    most = read("memorization").tasks[0].splits
    fewer = read("memorization", {"canaries": 0}).tasks[0].splits
    assert most == {"planted": 315, "twins": 315}
    assert fewer == {"planted": 280, "twins": 280}


def test_what_lies_in_a_folder_names_the_edition_not_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder given by a relative path is kept by an absolute one; moved, it makes the same edition."""
    probes = Path(BROUGHT["extraction"]()["probes"])
    shutil.copytree(probes, tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    here, there = (read("extraction", {"probes": given}) for given in ("moved", str(probes)))
    assert here.tasks[0].options == {"probes": str(tmp_path / "moved")}
    assert edition(here, Seed(root=1)) == edition(there, Seed(root=1))


def test_a_suite_of_a_users_data_asks_for_all_that_there_is(tmp_path: Path) -> None:
    """More problems than there are is no mistake there, and a split without any is left out."""
    probes = BROUGHT["extraction"]()["probes"]
    generator = Extraction(probes=probes)
    (task,) = read("extraction", {"probes": probes}).tasks
    assert task.splits == {split: generator.count(split) for split in ("corpus", "held-out")}
    corpus = jsonl(tmp_path / "a.jsonl", ["a b c d e f g h i j"])
    make(Request(shards=(str(corpus),), tokenizer="words", k=4), tmp_path / "probes")
    (task,) = read("extraction", {"probes": str(tmp_path / "probes")}).tasks
    assert task.splits == {"corpus": 2}
    held_out = (reader.FOLDER / "extraction.yaml").read_text().replace("corpus: all, ", "")
    path = tmp_path / "mine.yaml"
    path.write_text(held_out.replace("primary: [corpus]", "primary: [held-out]"))
    with pytest.raises(BadInput, match=r"splits: no problems for held-out; allowed: one or more"):
        read(path, {"probes": str(tmp_path / "probes")})


def edited(path: str, value: object) -> str:
    """The good file with one key set, or removed when the value is None."""
    document = yaml.safe_load(GOOD)
    *parents, last = path.split(".")
    place = document
    for key in parents:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return "# Does it add?\n" + yaml.safe_dump(document, sort_keys=False)


MISTAKES = [
    ("tasks.addition.spilts", {"held-out": 5}, "tasks.addition.spilts: unknown key", "splits"),
    (
        "tasks.addition.generator",
        "additon",
        "tasks.addition.generator: unknown generator",
        "addition",
    ),
    ("tasks.addition.scorer", "nmber", "tasks.addition.scorer: unknown scorer", "number"),
    ("tasks.addition.splits", {}, "tasks.addition.splits: there is none", "held-out"),
    ("tasks.addition.splits", {"heldout": 5}, "unknown key", "held-out"),
    ("tasks.addition.splits.held-out", 0, "tasks.addition.splits.held-out", "from 1"),
    ("tasks.addition.splits.held-out", 10**7, "the space holds", "distinct"),
    ("tasks.addition.splits.held-out", "every", "tasks.addition.splits.held-out", "or all"),
    ("tasks.addition.options.digits", 9, "digits is 9", "1 to 3"),
    ("tasks.addition.options.digit", 2, "unknown option 'digit'", "digits"),
    ("tasks.addition.options.digits", "two", "option digits is 'two'", "int"),
    ("tasks.addition.prompts.ask.template", "missing", "no template 'missing'", ".jinja"),
    ("tasks.addition.prompts.ask.template", "../../my-suite", "no template", ".jinja"),
    ("tasks.addition.prompts.ask.format", "chatty", "'chatty'", "chat, completion"),
    ("tasks.addition.prompts.ask.shots", -1, "shots", "from 0"),
    ("tasks.addition.prompts.ask.shots", True, "shots", "from 0"),
    ("tasks.addition.prompts.sum.system", "Hi", "no system message", "chat"),
    ("tasks.addition.prompts.ask", None, "wording is a factor", "two or more"),
    ("tasks.addition.prompts", ["ask"], "is not a mapping", "keys"),
    ("version", None, "version: missing", "version, tasks"),
    ("version", "one", "version: 'one'", "from 1"),
    ("sampling.temperature", "hot", "sampling", "float"),
    ("sampling.temp", 1, "sampling.temp: unknown key", "temperature"),
    ("primary", ["held_out"], "primary: unknown split 'held_out'", "held-out, longer"),
    ("contrasts.length gap", ["held-out"], "contrasts.length gap", "2 split labels"),
    ("tasks", {}, "tasks: there is none", "one or more"),
    ("sampling.temperature", -1, "sampling: temperature: -1", "from 0"),
    ("sampling.temperature", float("nan"), "sampling: temperature: nan", "from 0"),
    ("sampling.max_tokens", 0, "sampling: max_tokens: 0", "from 1"),
    ("sampling.top_p", 7, "sampling: top_p: 7", "up to 1"),
    ("tasks.addition.prompts.sum.stop", [""], "prompts.sum.stop", "none empty"),
    ("tasks.addition.prompts.sum.shots", 10**6, "prompts.sum.shots: 1000000", "0 to"),
    ("tasks.addition.prompts.a/b", {"template": "ask"}, "'a/b' is not kebab-case", ""),
    ("tasks.addition.prompts.ask.template", "a\0b", "cannot be read", ""),
    ("tasks.addition.prompts.ask.template", "a" * 300, "cannot be read", ""),
]


@pytest.mark.parametrize(("path", "value", "what", "allowed"), MISTAKES)
def test_a_mistake_is_one_line(
    tmp_path: Path, path: str, value: object, what: str, allowed: str
) -> None:
    """The line names the file, says what is wrong and what is allowed."""
    file = write(tmp_path, edited(path, value))
    with pytest.raises(BadInput) as error:
        read(file)
    line = str(error.value)
    assert str(file) in line
    assert what in line
    assert allowed in line
    assert "\n" not in line


def test_a_missing_field_names_the_template(tmp_path: Path) -> None:
    """A template that uses an unknown field is refused with its file and the known fields."""
    with pytest.raises(BadInput, match=r"ask\.jinja: unknown field 'c'; allowed: a, b"):
        read(write(tmp_path, ask="{{ a }} + {{ c }}"))


def test_template_faults_are_refused(tmp_path: Path) -> None:
    """Syntax errors, failing expressions, escapes from the sandbox and empty text are refused."""
    for source in (
        "{{ a",
        "{{ a / 0 }}",
        "{{ a.__class__.__mro__ }}",
        "  ",
        "{{ '{} {}'.format(a) }}",
        "{{ '{x}'.format(a) }}",
    ):
        with pytest.raises(BadInput, match=r"ask\.jinja"):
            read(write(tmp_path, ask=source))


def test_a_template_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """A template in another encoding than UTF-8 is refused by name."""
    path = write(tmp_path)
    (tmp_path / "prompts" / "ask.jinja").write_bytes(b"caf\xe9 {{ a }}")
    with pytest.raises(BadInput, match=r"ask\.jinja: cannot be read"):
        read(path)


def test_a_template_that_fails_on_a_later_problem_is_one_line(tmp_path: Path) -> None:
    """A template that passes its trial and fails on the n-th problem names itself and the fields."""
    suite = read(write(tmp_path, ask="{{ 1 // (a - 12) }}: {{ a }} + {{ b }}"))
    task = replace(suite.tasks[0], splits={"held-out": 500})
    with pytest.raises(BadInput, match=r"template ask: .*ZeroDivisionError.*'a': 12"):
        list(items(replace(suite, tasks=(task,)), Seed(root=0)))


@pytest.mark.parametrize("text", ["? [1, 2]\n: 3\n", "when: 2020-13-45\n", "x: " + "[" * 20_000])
def test_odd_yaml_is_one_line(tmp_path: Path, text: str) -> None:
    """Keys that are lists, dates that are none and endless brackets are no tracebacks."""
    with pytest.raises(BadInput, match=r"my-suite\.yaml: .*not valid YAML"):
        read(write(tmp_path, GOOD + text))


def test_merge_keys_work(tmp_path: Path) -> None:
    """YAML's `<<` takes over what another mapping holds."""
    more = "      ask: &ask {template: ask, format: chat}\n      again: {<<: *ask, shots: 1}\n"
    text = GOOD.replace("      ask: {template: ask, format: chat}\n", more)
    assert [prompt.name for prompt in read(write(tmp_path, text)).tasks[0].prompts][:2] == [
        "ask",
        "again",
    ]


def test_yaml_faults_name_the_line(tmp_path: Path) -> None:
    """Malformed YAML and repeated keys are refused with their line."""
    with pytest.raises(BadInput, match=r"my-suite\.yaml: line \d+"):
        read(write(tmp_path, GOOD + "  - : ]\n"))
    with pytest.raises(BadInput, match="'version' is given twice"):
        read(write(tmp_path, GOOD + "version: 2\n"))


def test_the_question_is_required(tmp_path: Path) -> None:
    """A suite that does not say what it asks is refused."""
    with pytest.raises(BadInput, match="must be a comment"):
        read(write(tmp_path, GOOD.removeprefix("# Does it add?\n")))


def test_unknown_names_list_the_known() -> None:
    """A wrong suite name is answered with the packaged ones; a wrong path with a plain line."""
    with pytest.raises(BadInput, match="quickstart"):
        read("quikstart")
    with pytest.raises(BadInput, match="no such file"):
        read("nowhere/x.yaml")


class Overlapping(Addition):
    """A generator whose splits are wrong: `carry` holds what `longer` holds."""

    def strata(self, split: str) -> Sequence[Space]:
        return super().strata("longer" if split == "carry" else split)


def test_overlapping_splits_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suite that asks two splits with common problems names both of them."""

    def load_ours(group: str, name: str, *, where: str = "") -> object:
        return Overlapping if name == "overlapping" else load(group, name, where=where)

    monkeypatch.setattr(reader, "load", load_ours)
    text = GOOD.replace("generator: addition", "generator: overlapping")
    text = text.replace("{held-out: 5, longer: 5}", "{carry: 5, longer: 5}")
    text = text.replace("[held-out", "[carry")
    with pytest.raises(BadInput, match=r"splits: carry and longer overlap; allowed: disjoint"):
        read(write(tmp_path, text))


def test_an_option_with_few_values_lists_them(tmp_path: Path) -> None:
    """A word that is none of an option's is answered with those that are."""
    path = tmp_path / "odd.yaml"
    path.write_text(
        "# How odd?\nversion: 1\ntasks:\n  odd:\n    generator: clevr-hope\n"
        "    options: {words: klingon}\n    scorer: choice\n    splits: {train: 4}\n"
        "    prompts:\n      list: {template: clevr-hope/list}\n"
        "      symbols: {template: clevr-hope/symbols}\n",
        encoding="utf-8",
    )
    with pytest.raises(BadInput, match="words is 'klingon'; allowed: english, invented"):
        read(path)


TWO = """\
# Does it add, and tell the day?
version: 1
tasks:
  addition:
    generator: addition
    options: {digits: 2}
    scorer: number
    splits: {held-out: 5}
    prompts:
      ask: {template: ask}
      sum: {template: sum}
  days:
    generator: calendar
    scorer: exact
    splits: {held-out: 5}
    prompts:
      day: {template: calendar/plain}
      date: {template: calendar/date}
"""


def two(folder: Path) -> Path:
    """A suite of two generators; only the one has digits, only the other lengths."""
    path = write(folder, TWO)
    prompts = sorted(each.stem for each in (reader.FOLDER / "prompts" / "calendar").glob("*.jinja"))
    path.write_text(TWO.replace("plain}", f"{prompts[0]}}}").replace("date}", f"{prompts[1]}}}"))
    return path


def test_options_are_given_in_place_of_the_files_own(tmp_path: Path) -> None:
    """As text or as values: every task whose generator has the option takes it, and no other."""
    path = two(tmp_path)
    for given in ({"digits": "3", "lengths": "[3, 5]"}, {"digits": 3, "lengths": (3, 5)}):
        suite = read(path, given)
        assert suite.task("addition").options == {"digits": 3}
        assert suite.task("days").options == {"lengths": [3, 5]}
        fingerprints = [reader.generator_of(task).fingerprint() for task in suite.tasks]
        assert fingerprints == [task.fingerprint for task in suite.tasks]
        assert fingerprints[0] != read(path).task("addition").fingerprint
        asked = [item for item in items(suite, Seed(root=0)) if item.task == "addition"]
        assert max(item.problem.factors["digits"] for item in asked) == 3


def test_the_edition_is_named_by_what_is_asked(tmp_path: Path) -> None:
    """The file's own value given again is the same edition, another value is another one."""
    path = two(tmp_path)
    name = edition(read(path), Seed(root=0))
    assert edition(read(path, {"digits": "2"}), Seed(root=0)) == name
    assert read(path, {"digits": "2"}) == read(path, {}) == read(path)
    other = edition(read(path, {"digits": "3"}), Seed(root=0))
    assert other == edition(read(path, {"digits": 3}), Seed(root=0)) != name
    path.write_text(path.read_text().replace("digits: 2", "digits: 3"))
    assert edition(read(path), Seed(root=0)) == other


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (
            {"digit": "2"},
            r"-T: no option 'digit' .*'digits'\?\); allowed: digits, longest, laps, lengths$",
        ),
        ({"digits": "two"}, r"-T: addition: option digits is 'two': .*int"),
        ({"digits": "2.5"}, r"-T: addition: option digits is '2.5': .*int"),
        ({"digits": 2.5}, r"-T: addition: option digits is 2.5: .*int"),
        ({"lengths": "3"}, r"-T: calendar: option lengths is '3'; allowed: a JSON list"),
        ({"lengths": "[3"}, r"-T: calendar: option lengths is '\[3'; allowed: a JSON list"),
        ({"digits": "9"}, r"tasks\.addition\.options: .*digits is 9.*1 to 3"),
    ],
)
def test_options_that_cannot_be_are_one_line(
    tmp_path: Path, given: dict[str, object], what: str
) -> None:
    """No generator has it, or it is nothing that it can be."""
    path = two(tmp_path)
    with pytest.raises(BadInput, match=rf"{re.escape(str(path))}: .*({what})") as error:
        read(path, given)
    assert "\n" not in str(error.value)


def test_text_becomes_what_the_option_is(tmp_path: Path) -> None:
    """Texts stay texts, also where they look like numbers; a dash in a name is an underscore."""
    suite = read("guardrails", {"frames": "12", "personas": "", "attributes": '["age"]'})
    assert suite.tasks[0].options["frames"] == 12
    assert suite.tasks[0].options["attributes"] == ["age"]
    with pytest.raises(BadInput, match=r"words is 'klingon'; allowed: english, invented"):
        read("clevr-hope", {"words": "klingon"})
    hope = read("clevr-hope", {"per-scene": "2", "diversity": "null"})
    assert hope.tasks[0].options["per_scene"] == 2
    assert hope.tasks[0].options["diversity"] is None
