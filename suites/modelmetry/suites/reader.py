"""Reading suites: one YAML file and its Jinja templates, refused with one line when wrong."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec import UNSET

from modelmetry.errors import BadInput, offered
from modelmetry.items import Generator, Seed, load
from modelmetry.models import Sampling
from modelmetry.suites import licenses, options
from modelmetry.suites.suite import Contrast, Prompt, Suite, Task
from modelmetry.suites.templates import check_template, is_template

FOLDER = Path(__file__).parent
"""Where the packaged suites and their `prompts` lie."""

_SUITE_KEYS = ("version", "tasks", "sampling", "repeats", "primary", "contrasts", "license")
_TASK_KEYS = ("generator", "options", "scorer", "splits", "prompts")
_PROMPT_KEYS = ("turns", "template", "format", "shots", "system", "stop")
_SAMPLING_KEYS = tuple(field.name for field in dataclasses.fields(Sampling))
_ALL = "all"
"""Number of problems of a split: all that there are, up to `_MOST`."""

_MOST = 10_000_000

_KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def names() -> list[str]:
    """Names of the packaged suites, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def question(name: str) -> str:
    """The question that a packaged suite answers: its file's first comment."""
    path = _find(name)
    return _Reader(path, path.read_text(encoding="utf-8")).question()


def read(name: str | Path, given: Mapping[str, Any] | None = None) -> Suite:
    """Read and validate a suite.

    Args:
        name: A packaged suite's name, or the path of a `.yaml` file; templates are looked for in
            the `prompts` folder beside the file, then among the packaged ones.
        given: Options of its generators in place of the file's own, by name, as values or as text;
            lists and mappings are JSON when given as text. Every task whose generator has an option of
            that name takes it, and the edition is named by what is asked, as ever.

    Raises:
        BadInput: Anything is wrong; the line names the file, the key and what is allowed.
    """
    path = _find(str(name))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read: {error}; allowed: a UTF-8 YAML file") from error
    return _Reader(path, text, given or {}).suite()


def generator_of(task: Task) -> Generator:
    """The generator that a task names, with its options; one object per kind and options."""
    return _generator(task.generator, msgspec.json.encode(task.options, order="sorted"))


@cache
def _generator(name: str, given: bytes) -> Generator:
    return options.build(load("generators", name), msgspec.json.decode(given), name)


def _find(name: str) -> Path:
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
        if not path.is_file():
            raise BadInput(f"{path}: no such file; allowed: a suite's YAML file")
        return path
    if name not in names():
        raise BadInput(f"unknown suite {name!r}{offered(name, names())}, or a .yaml file")
    return FOLDER / f"{name}.yaml"


class _UniqueKeys(yaml.SafeLoader):
    """A safe YAML loader that refuses a key given twice, which YAML forbids and PyYAML allows."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":  # `<<` is no key of its own
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key is a list or a mapping", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


class _Reader:
    """One file being read; every complaint starts with the file and the key."""

    def __init__(self, path: Path, text: str, given: Mapping[str, Any] | None = None) -> None:
        self.path = path
        self.text = text
        self.given = {name.replace("-", "_"): value for name, value in (given or {}).items()}
        self.known: dict[str, None] = {}

    def fail(self, key: str, what: str) -> BadInput:
        return BadInput(f"{self.path}: {key}: {what}" if key else f"{self.path}: {what}")

    def suite(self) -> Suite:
        document = self._mapping("", self._yaml(), _SUITE_KEYS, required=("version", "tasks"))
        name = self.path.stem
        if not _KEBAB.fullmatch(name):
            raise self.fail("", f"the file name {name!r} is not kebab-case, such as my-suite.yaml")
        named = self._mapping("tasks", document["tasks"])
        tasks = tuple(self._task(key, value) for key, value in named.items())
        if not tasks:
            raise self.fail("tasks", "there is none; allowed: one or more tasks")
        for option in self.given:
            if option not in self.known:
                none = "" if self.known else "none, as its generators have no options"
                raise self.fail("-T", f"no option {option!r}{offered(option, self.known)}{none}")
        suite = Suite(
            name=name,
            version=self._integer("version", document["version"], 1),
            question=self.question(),
            tasks=tasks,
            repeats=self._integer("repeats", document.get("repeats", 1), 1),
            sampling=self._sampling(document.get("sampling", {})),
            license=licenses.checked(f"{self.path}: license", document.get("license")),
            # A path may hold bytes that are no text, which the record of a run cannot hold.
            source=str(self.path).encode("utf-8", "replace").decode(),
        )
        labels = [suite.label(task.name, split) for task in tasks for split in task.splits]
        primary = self._labels("primary", document.get("primary", labels), labels)
        contrasts = tuple(
            Contrast(name=key, a=pair[0], b=pair[1])
            for key, value in self._mapping("contrasts", document.get("contrasts", {})).items()
            if (pair := self._labels(f"contrasts.{key}", value, labels, count=2))
        )
        return dataclasses.replace(suite, primary=primary, contrasts=contrasts)

    def _yaml(self) -> Any:
        try:
            return yaml.load(self.text, _UniqueKeys)  # noqa: S506 - a SafeLoader
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
            what = getattr(error, "problem", None) or str(error).splitlines()[0]
            raise self.fail("", f"{where}not valid YAML: {what}") from error
        except (ValueError, RecursionError) as error:  # a date such as 2026-13-45; endless brackets
            raise self.fail("", f"not valid YAML: {error}") from error

    def question(self) -> str:
        lines: list[str] = []
        for line in self.text.splitlines():
            if not line.startswith("#"):
                break
            lines.append(line.lstrip("#").strip())
        question = " ".join(lines).strip()
        if not question:
            raise self.fail("", "the first line must be a comment: the question that it answers")
        return question

    def _task(self, name: str, value: Any) -> Task:
        key = f"tasks.{name}"
        if not _KEBAB.fullmatch(name):
            raise self.fail(key, "the name is not kebab-case")
        required = ("generator", "scorer", "splits", "prompts")
        body = self._mapping(key, value, _TASK_KEYS, required=required)
        own = self._options(key, body)
        generator = self._generator(key, str(body["generator"]), own)
        load("scorers", str(body["scorer"]), where=f"{self.path}: {key}.scorer")
        splits = self._splits(f"{key}.splits", body["splits"], generator)
        prompts = tuple(
            self._prompt(f"{key}.prompts.{wording}", str(wording), entry, generator)
            for wording, entry in self._mapping(f"{key}.prompts", body["prompts"]).items()
        )
        if len(prompts) < 2:
            raise self.fail(f"{key}.prompts", "wording is a factor; allowed: two or more prompts")
        shown = [*splits, *(["train"] if any(prompt.shots for prompt in prompts) else [])]
        self._disjoint(f"{key}.splits", generator, dict.fromkeys(shown))
        return Task(
            name=name,
            generator=str(body["generator"]),
            options=own,
            splits=splits,
            prompts=prompts,
            scorer=str(body["scorer"]),
            fields=generator.fields,
            factors=generator.factors,
            difficulty=generator.difficulty,
            fingerprint=generator.fingerprint(),
        )

    def _options(self, key: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A task's options: the file's own, and what was given in their place."""
        name = str(body["generator"])
        own = self._mapping(f"{key}.options", body.get("options") or {})
        kind = load("generators", name, where=f"{self.path}: {key}.generator")
        if not (isinstance(kind, type) and issubclass(kind, Generator)):
            raise self.fail(f"{key}.generator", f"{name} is installed but is not a Generator")
        known = options.names(kind)
        self.known |= dict.fromkeys(known)
        try:
            for option in (name for name in known if name in self.given):
                own[option] = options.converted(kind, option, self.given[option], name)
        except BadInput as error:
            raise self.fail("-T", str(error)) from error
        for option in (name for name in kind.paths if own.get(name)):
            own[option] = str(Path(own[option]).absolute())
        return own

    def _generator(self, key: str, name: str, own: Mapping[str, Any]) -> Generator:
        try:
            options.build(load("generators", name), own, name)
        except BadInput as error:
            raise self.fail(f"{key}.options", str(error)) from error
        return _generator(name, msgspec.json.encode(dict(own), order="sorted"))

    def _splits(self, key: str, value: Any, generator: Generator) -> dict[str, int]:
        splits = self._mapping(key, value, tuple(generator.splits))
        if not splits:
            raise self.fail(key, f"there is none; allowed: {', '.join(generator.splits)}")
        for split, count in splits.items():
            if count != _ALL:
                self._integer(f"{key}.{split}", count, 1, f" or {_ALL}")
            try:
                held = generator.count(split)
            except BadInput as error:
                raise self.fail(f"{key}.{split}", str(error)) from error
            if count == _ALL and held <= _MOST:
                splits[split] = held
            elif count == _ALL:
                raise self.fail(f"{key}.{split}", f"all {held}; allowed: a number, beyond {_MOST}")
            elif held < count and generator.needs:
                # What a user brings may hold fewer problems than a suite asks for, or none of a split.
                splits[split] = held
            elif count > held:
                raise self.fail(
                    f"{key}.{split}",
                    f"{count} distinct problems are wanted; the space holds {held}",
                )
        if not any(splits.values()):
            raise self.fail(key, f"no problems for {', '.join(splits)}; allowed: one or more")
        return {split: count for split, count in splits.items() if count}

    def _disjoint(self, key: str, generator: Generator, splits: Iterable[str]) -> None:
        for a, b in combinations(splits, 2):
            for left in generator.stratification(a).spaces:
                for right in generator.stratification(b).spaces:
                    if set(left.names) == set(right.names) and not left.isdisjoint(right):
                        raise self.fail(key, f"{a} and {b} overlap; allowed: disjoint splits")

    def _prompt(self, key: str, name: str, value: Any, generator: Generator) -> Prompt:
        if not _KEBAB.fullmatch(name):
            raise self.fail(key, f"the name {name!r} is not kebab-case")
        body = self._mapping(key, value, _PROMPT_KEYS, required=("template",))
        template = str(body["template"])
        source, path = self._template(f"{key}.template", template)
        form = body.get("format", "chat")
        if form not in {"chat", "completion"}:
            raise self.fail(f"{key}.format", f"{form!r}{offered(form, ('chat', 'completion'))}")
        system = str(body.get("system") or "")
        if system and form == "completion":
            raise self.fail(f"{key}.system", "a completion has no system message; allowed: chat")
        example = generator.problem(Seed(root=0), next(iter(generator.splits)), 0).fields
        turns, painters = self._turns(f"{key}.turns", body, generator, example)
        painters |= check_template(path, source, generator.fields, example, replies=len(turns))
        if is_template(system):
            where = f"{self.path}: {key}.system"
            if check_template(where, system, generator.fields, example, optional=True):
                raise BadInput(f"{where}: a system message shows no pictures; allowed: text")
        if form == "completion" and painters:
            raise self.fail(f"{key}.format", "a completion shows no pictures; allowed: chat")
        return Prompt(
            name=name,
            template=template,
            source=source,
            turns=turns or UNSET,
            painters=dict(sorted(painters.items())),
            format=form,
            shots=self._shots(f"{key}.shots", body.get("shots", 0), generator),
            system=system,
            stop=self._texts(f"{key}.stop", body.get("stop", ())),
        )

    def _turns(
        self, key: str, body: Mapping[str, Any], generator: Generator, example: Mapping[str, Any]
    ) -> tuple[tuple[str, ...], dict[str, int]]:
        """Texts of the templates of the user's earlier turns, and the painters they name."""
        listed = self._texts(key, body.get("turns", ()))
        for other, alone in (("format", "chat"), ("shots", 0)):
            if listed and body.get(other, alone) != alone:
                raise self.fail(
                    key, f"turns go with {other} {alone} alone; allowed: no turns, or that"
                )
        painters: dict[str, int] = {}
        sources = []
        for number, template in enumerate(listed):
            source, path = self._template(key, template)
            painters |= check_template(
                path, source, generator.fields, example, replies=number, optional=True
            )
            sources.append(source)
        return tuple(sources), painters

    def _shots(self, key: str, value: Any, generator: Generator) -> int:
        shots = self._integer(key, value, 0)
        if not shots:
            return 0
        if "train" not in generator.splits:
            raise self.fail(key, f"{shots}; allowed: 0, as the generator has no split `train`")
        # One is kept back, should the question itself be among those drawn.
        if shots >= (held := generator.count("train")):
            raise self.fail(key, f"{shots}; allowed: integers from 0 to {held - 1}")
        return shots

    def _template(self, key: str, template: str) -> tuple[str, Path]:
        tried = [folder / "prompts" for folder in (self.path.parent, FOLDER)]
        for folder in tried:
            try:
                path = (folder / f"{template}.jinja").resolve()
                if path.is_relative_to(folder.resolve()) and path.is_file():
                    return path.read_text(encoding="utf-8").strip(), path
            except (OSError, ValueError) as error:  # not UTF-8, unreadable, or no name of a file
                raise self.fail(
                    key, f"{folder / template}.jinja: cannot be read: {error}"
                ) from error
        raise self.fail(
            key, f"no template {template!r}; allowed: a .jinja file under {tried[0]}, named without"
        )

    def _sampling(self, value: Any) -> Sampling:
        body = self._mapping("sampling", value, _SAMPLING_KEYS)
        try:
            return msgspec.convert(dict(body), Sampling)
        except (msgspec.ValidationError, BadInput) as error:
            raise self.fail("sampling", str(error)) from error

    def _mapping(
        self,
        key: str,
        value: Any,
        allowed: Sequence[str] | None = None,
        required: Sequence[str] = (),
    ) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise self.fail(key, f"{options.shown(value)} is not a mapping of keys to values")
        body = {str(name): entry for name, entry in value.items()}
        if allowed is not None and (unknown := [name for name in body if name not in allowed]):
            where = f"{key}.{unknown[0]}" if key else unknown[0]
            raise self.fail(where, f"unknown key{offered(unknown[0], allowed)}")
        for name in required:
            if name not in body:
                where = f"{key}.{name}" if key else name
                raise self.fail(where, f"missing; needed: {', '.join(required)}")
        return body

    def _integer(self, key: str, value: Any, least: int, more: str = "") -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self.fail(key, f"{options.shown(value)}; allowed: integers from {least}{more}")
        return value

    def _texts(self, key: str, value: Any) -> tuple[str, ...]:
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list | tuple) or not all(
            isinstance(text, str) and text for text in listed
        ):
            raise self.fail(
                key, f"{options.shown(value)}; allowed: a text or a list of texts, none empty"
            )
        return tuple(listed)

    def _labels(
        self, key: str, value: Any, allowed: Sequence[str], count: int | None = None
    ) -> tuple[str, ...]:
        labels = self._texts(key, value)
        if count is not None and len(labels) != count:
            raise self.fail(key, f"{options.shown(value)}; allowed: {count} split labels")
        for label in labels:
            if label not in allowed:
                raise self.fail(key, f"unknown split {label!r}{offered(label, allowed)}")
        return labels
