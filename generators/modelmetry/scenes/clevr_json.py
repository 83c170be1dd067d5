"""Scenes in the JSON files of the original CLEVR: read one by one, and written; questions, written.

A file's `directions` come from its own camera. A scene that is read stands the camera on the ray
along the file's `front`, as far from the middle of the ground as `world.CAMERA`, so that left,
right, front and behind are the file's; where they then differ from its `relationships`, the file is
refused. Directions and relationships may be missing from a file written by hand. The height of an
object follows from its size and is not read. Files written here have two more keys per scene,
`camera_jitter` and `lamp_jitter`, that other readers skip and with which a scene is read unchanged.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import msgspec

from modelmetry.errors import BadInput, cannot_write
from modelmetry.scenes.asking import TEMPLATES, Question
from modelmetry.scenes.placing import Rules, check
from modelmetry.scenes.programs import to_clevr
from modelmetry.scenes.rays import View
from modelmetry.scenes.world import CAMERA, LAMPS, RELATIONS, Scene, Thing

Triple = tuple[float, float, float]

READ = Rules(min_distance=0.0, margin=0.0, min_pixels=0)
"""What scenes of others must keep: objects on the ground that do not overlap."""

_CLOSE = 1e-4
"""Directions differ by less where they are the same: CLEVR's have seven digits."""

_PIECE = 1 << 16
_LONGEST = 1 << 26


class _Object(msgspec.Struct, rename={"place": "3d_coords"}):
    shape: str
    size: str
    color: str
    material: str
    place: Triple
    rotation: float = 0.0


class _Record(msgspec.Struct):
    objects: list[_Object]
    directions: dict[str, Triple] | None = None
    relationships: dict[str, list[list[int]]] | None = None
    camera_jitter: Triple | None = None
    lamp_jitter: dict[str, Triple] | None = None


def read(path: Path | str) -> Iterator[Scene]:
    """The scenes of a file, read one after the other: no more than one is in memory.

    Raises:
        BadInput: The file cannot be read, is not JSON or not of CLEVR's schema, or a scene breaks
            the rules of `READ`: one line that names the file, the scene and the object.
    """
    index = 0
    try:
        with Path(path).open(encoding="utf-8") as file:
            for record in _records(file, str(path)):
                yield from_record(record, f"{path}: scene {index}")
                index += 1
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not JSON: {error.reason}; allowed: UTF-8 text") from error


def from_record(record: object, where: str = "scene") -> Scene:
    """The scene of one entry of a file's `scenes`.

    Args:
        record: The entry: dictionaries, lists, numbers and strings.
        where: What starts the line if it is refused.

    Raises:
        BadInput: A key is missing or of a wrong type, a value is unknown, objects overlap or are
            off the ground, or the relationships are not those of the directions.
    """
    try:
        found = msgspec.convert(record, _Record)
    except msgspec.ValidationError as error:
        said = str(error).replace("$.", "").replace(" - at `$`", "")
        raise BadInput(f"{where}: {said}; allowed: a scene of CLEVR's schema") from error
    things = tuple(
        Thing(
            size=each.size,
            color=each.color,
            material=each.material,
            shape=each.shape,
            x=each.place[0],
            y=each.place[1],
            turn=each.rotation % 360,
        )
        for each in found.objects
    )
    camera, lamps = found.camera_jitter, found.lamp_jitter
    scene = Scene(
        things=things,
        camera=_camera(found.directions or {}, where) if camera is None else camera,
        lamps=dict.fromkeys(LAMPS, (0.0, 0.0, 0.0)) if lamps is None else lamps,
    )
    check(scene, READ, where)
    _agree(scene, found, where)
    return scene


def to_record(scene: Scene, index: int = 0, split: str = "new") -> dict[str, Any]:
    """A scene as an entry of a file's `scenes`.

    Args:
        scene: The scene.
        index: Its number in the file.
        split: Name of the part of the data, which goes into the picture's file name.
    """
    view = View.of(scene)
    objects = []
    for thing in scene.things:
        column, row, depth = view.project(thing.x, thing.y, thing.half)
        objects.append(
            {
                "shape": thing.shape,
                "size": thing.size,
                "color": thing.color,
                "material": thing.material,
                "rotation": thing.turn,
                "3d_coords": [thing.x, thing.y, thing.half],
                "pixel_coords": [round(column), round(row), depth],
            }
        )
    level = {name: [*scene.directions[name], 0.0] for name in RELATIONS}
    return _image(index, split) | {
        "objects": objects,
        "directions": level | {"above": [0.0, 0.0, 1.0], "below": [0.0, 0.0, -1.0]},
        "relationships": {name: _listed(scene.relations[name]) for name in RELATIONS},
        "camera_jitter": list(scene.camera),
        "lamp_jitter": {name: list(jitter) for name, jitter in scene.lamps.items()},
    }


def to_question(
    question: Question, words: str, index: int = 0, image: int = 0, split: str = "new"
) -> dict[str, Any]:
    """A question as an entry of a file's `questions`.

    Args:
        question: The question.
        words: The same in English.
        index: Its number in the file.
        image: The number of its scene.
        split: Name of the part of the data.
    """
    return _image(image, split) | {
        "question_index": index,
        "question": words,
        "answer": question.answer,
        "program": to_clevr(question.program),
        "question_family_index": tuple(TEMPLATES).index(question.template),
    }


def write(path: Path | str, scenes: Iterable[Scene], split: str = "new") -> None:
    """Write scenes to a file, one after the other.

    Raises:
        ModelmetryError: The file cannot be written; `BadInput` where the path is wrong.
    """
    with listing(path, "scenes", split) as add:
        for index, scene in enumerate(scenes):
            add(to_record(scene, index, split))


@contextmanager
def listing(path: Path | str, name: str, split: str) -> Iterator[Callable[[object], None]]:
    """A file that is being written, and the function that adds an entry to its list.

    Args:
        path: The file.
        name: What is listed: `scenes` or `questions`.
        split: Name of the part of the data.

    Raises:
        ModelmetryError: The file cannot be written; `BadInput` where the path is wrong.
    """
    before = "\n"
    try:
        with Path(path).open("w", encoding="utf-8") as file:
            file.write(f'{{"info": {json.dumps({"split": split})}, "{name}": [')

            def add(entry: object) -> None:
                nonlocal before
                file.write(before + json.dumps(entry))
                before = ",\n"

            yield add
            file.write("\n]}\n")
    except OSError as error:
        raise cannot_write(path, error) from error


def image_name(index: int, split: str) -> str:
    """The file name of a scene's picture."""
    return f"CLEVR_{split}_{index:06d}.png"


def _image(index: int, split: str) -> dict[str, Any]:
    return {"split": split, "image_index": index, "image_filename": image_name(index, split)}


def _camera(directions: Mapping[str, Triple], where: str) -> Triple:
    """The jitter that stands the camera in front, as the file says where that is."""
    if not directions:
        return (0.0, 0.0, 0.0)
    if "front" not in directions:
        raise BadInput(f"{where}: directions without 'front'; allowed: {', '.join(RELATIONS)}")
    x, y, z = directions["front"]
    if not abs(math.sqrt(x * x + y * y) - 1) + abs(z) < _CLOSE:
        raise BadInput(f"{where}: directions: front is {[x, y, z]}; allowed: level unit vectors")
    far = math.sqrt(CAMERA[0] ** 2 + CAMERA[1] ** 2)
    return far * x - CAMERA[0], far * y - CAMERA[1], 0.0


def _agree(scene: Scene, found: _Record, where: str) -> None:
    """Refuse a file whose directions or relationships are not those of the scene."""
    for name, given in (found.directions or {}).items():
        if name in RELATIONS:
            x, y = scene.directions[name]
            if not abs(given[0] - x) + abs(given[1] - y) + abs(given[2]) < _CLOSE:
                raise BadInput(
                    f"{where}: directions: {name} is {list(given)}; allowed: {[x, y, 0.0]}, as the "
                    f"camera sees it"
                )
    for name, given in (found.relationships or {}).items():
        ours = _listed(scene.relations[name]) if name in RELATIONS else given
        if len(given) != len(ours):
            raise BadInput(
                f"{where}: relationships: {name} has {len(given)} lists; allowed: {len(ours)}, "
                f"one per object"
            )
        for i, (theirs, own) in enumerate(zip(given, ours, strict=True)):
            if sorted(theirs) != own:
                raise BadInput(
                    f"{where}: relationships: {name} of object {i} are {sorted(theirs)}; "
                    f"allowed: {own}, by the positions and directions"
                )


def _listed(masks: Iterable[int]) -> list[list[int]]:
    """The set bits of each mask, in ascending order."""
    return [[bit for bit in range(mask.bit_length()) if mask >> bit & 1] for mask in masks]


def _records(file: TextIO, where: str) -> Iterator[object]:
    """The entries of the list `scenes` in a JSON file's outer object."""
    text = _Pieces(file=file, where=where)
    known = False
    text.expect("{")
    more = text.peek() != "}"
    while more:
        key = text.value()
        if not isinstance(key, str):
            raise text.broken(f"the key {key} is not a string")
        text.expect(":")
        if key == "scenes":
            known = True
            yield from text.items()
        else:
            text.value()
        more = text.peek() == ","
        if more:
            text.expect(",")
    text.expect("}")
    text.expect("")
    if not known:
        raise BadInput(f"{where}: no key 'scenes'; allowed: a scenes file of CLEVR's schema")


class _Pieces:
    """A JSON text of which only a piece is in memory.

    Attributes:
        file: The rest of the text.
        where: What starts the line if it is not JSON.
        text: The piece.
        at: What of it has been read, in characters.
        past: Characters before the piece.
    """

    def __init__(self, *, file: TextIO, where: str) -> None:
        self.file = file
        self.where = where
        self.text = ""
        self.at = 0
        self.past = 0
        self.decode = json.JSONDecoder().raw_decode

    def peek(self) -> str:
        """The next character that is not a space, or nothing at the end."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in " \t\r\n":
                self.at += 1
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.grow():
                return ""

    def expect(self, sign: str) -> None:
        """Step over a character, or demand the end."""
        if self.peek() != sign:
            wanted = repr(sign) if sign else "the end"
            raise self.broken(f"{wanted} was expected at character {self.past + self.at}")
        self.at += len(sign)

    def value(self) -> object:
        """Step over a value."""
        self.peek()
        while True:
            try:
                found, end = self.decode(self.text, self.at)
            except (ValueError, RecursionError) as error:
                said = getattr(error, "msg", None) or str(error)
                place = self.past + getattr(error, "pos", self.at)
                if not self.grow():
                    raise self.broken(f"{said} at character {place}") from error
                continue
            # What ends with the piece may be a number that goes on in the next one.
            length, whole = end - self.at, end < len(self.text)
            if whole or not self.grow():
                self.at += length
                return found

    def items(self) -> Iterator[object]:
        """Step over a list, entry by entry."""
        self.expect("[")
        more = self.peek() != "]"
        while more:
            yield self.value()
            more = self.peek() == ","
            if more:
                self.expect(",")
        self.expect("]")

    def grow(self) -> bool:
        """Forget what has been read and add the next piece; False at the end of the file."""
        rest = self.text[self.at :]
        if len(rest) > _LONGEST:
            raise self.broken(f"a value longer than {_LONGEST:,} characters")
        # At least as long as what could not be read yet: a long value is read few times.
        piece = self.file.read(max(_PIECE, len(rest)))
        self.past += self.at
        self.text, self.at = rest + piece, 0
        return bool(piece)

    def broken(self, said: str) -> BadInput:
        """The error for a text that is not JSON."""
        return BadInput(f"{self.where}: not JSON: {said}; allowed: a scenes file of CLEVR's schema")
