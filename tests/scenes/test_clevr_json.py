"""Scenes in CLEVR's own JSON: read with the file's relations, written, and refused."""

from __future__ import annotations

import copy
import json
import math
import random
import tracemalloc
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.errors import BadInput
from modelmetry.scenes import clevr_json
from modelmetry.scenes.clevr_json import from_record, read, to_record, write
from modelmetry.scenes.kinds import KINDS
from modelmetry.scenes.placing import placed
from modelmetry.scenes.world import CAMERA, LAMPS, RELATIONS, Scene

OBJECTS = [
    ("large", "brown", "rubber", "cylinder", 1.5, -1.1, 0.7, 30.5),
    ("small", "gray", "metal", "cube", -2.25, 0.4, 0.35, 269.9),
    ("large", "green", "rubber", "sphere", 0.1, 2.6, 0.7, 399.0),
]


@cache
def scenes() -> tuple[Scene, ...]:
    rng = random.Random(8)
    return tuple(placed(lambda r: r.choices(KINDS, k=r.randint(1, 8)), rng) for _ in range(40))


def record(azimuth: float = math.atan2(CAMERA[1], CAMERA[0])) -> dict[str, Any]:
    """A scene as CLEVR writes it for a camera at an angle, in radians; relations by its own rule."""
    front = (math.cos(azimuth), math.sin(azimuth), 0.0)
    right = (-math.sin(azimuth), math.cos(azimuth), -0.0)
    directions = {
        "right": right,
        "behind": tuple(-part for part in front),
        "above": (0.0, 0.0, 1.0),
        "below": (-0.0, -0.0, -1.0),
        "left": tuple(-part for part in right),
        "front": front,
    }
    relationships = {
        name: [
            [
                j
                for j, other in enumerate(OBJECTS)
                if (other[4] - one[4]) * directions[name][0]
                + (other[5] - one[5]) * directions[name][1]
                > 0.2
            ]
            for one in OBJECTS
        ]
        for name in RELATIONS
    }
    return {
        "split": "val",
        "image_index": 0,
        "image_filename": "CLEVR_val_000000.png",
        "objects": [
            {
                "size": size,
                "color": color,
                "material": material,
                "shape": shape,
                "3d_coords": [x, y, z],
                "pixel_coords": [100, 100, 11.5],
                "rotation": rotation,
            }
            for size, color, material, shape, x, y, z, rotation in OBJECTS
        ],
        "directions": {name: list(vector) for name, vector in directions.items()},
        "relationships": relationships,
    }


def listed(scene: Scene) -> dict[str, list[list[int]]]:
    every = range(len(scene.things))
    return {
        name: [[j for j in every if mask >> j & 1] for mask in scene.relations[name]]
        for name in RELATIONS
    }


def saved(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_what_is_written_is_read_unchanged(tmp_path: Path) -> None:
    """Scenes come back equal: objects, camera and lamps."""
    write(tmp_path / "a.json", scenes())
    assert tuple(read(tmp_path / "a.json")) == scenes()


def test_no_scenes_are_written_and_read(tmp_path: Path) -> None:
    """An empty file of scenes is one."""
    write(tmp_path / "a.json", [])
    assert list(read(tmp_path / "a.json")) == []


def test_what_is_written_is_of_the_schema(tmp_path: Path) -> None:
    """Keys, file names, directions and relationships are as in the original's files."""
    write(tmp_path / "a.json", scenes(), split="ours")
    whole = json.loads((tmp_path / "a.json").read_text())
    assert set(whole) == {"info", "scenes"}
    assert whole["info"]["split"] == "ours"
    assert len(whole["scenes"]) == len(scenes())
    original = record()
    for index, (ours, scene) in enumerate(zip(whole["scenes"], scenes(), strict=True)):
        assert set(ours) == set(original) | {"camera_jitter", "lamp_jitter"}
        assert ours["image_index"] == index
        assert ours["image_filename"] == f"CLEVR_ours_{index:06d}.png"
        assert set(ours["directions"]) == set(original["directions"])
        assert ours["relationships"] == listed(scene)
        for each in ours["objects"]:
            assert set(each) == set(original["objects"][0])
            column, row, depth = each["pixel_coords"]
            assert isinstance(column, int)
            assert isinstance(row, int)
            assert 0 <= column < 320
            assert 0 <= row < 240
            assert 5 < depth < 18


def test_a_file_of_the_original_is_read(tmp_path: Path) -> None:
    """Attributes and coordinates are the file's, rotations are brought into a turn."""
    path = saved(tmp_path / "val.json", {"info": {"split": "val"}, "scenes": [record()] * 2})
    first, second = read(path)
    assert first == second
    assert [(*t.kind, t.x, t.y) for t in first.things] == [each[:6] for each in OBJECTS]
    assert [t.turn for t in first.things] == [30.5, 269.9, 39.0]
    assert first.camera == pytest.approx((0, 0, 0), abs=1e-12)
    assert first.lamps == dict.fromkeys(LAMPS, (0.0, 0.0, 0.0))


@settings(max_examples=60)
@given(st.floats(0, 2 * math.pi))
def test_relations_are_those_of_the_file(azimuth: float) -> None:
    """Wherever a file's camera stood, left, right, front and behind come out as the file says."""
    given_record = record(azimuth)
    scene = from_record(given_record)
    assert listed(scene) == {name: given_record["relationships"][name] for name in RELATIONS}
    assert scene.directions["front"] == pytest.approx(given_record["directions"]["front"][:2])
    assert math.hypot(*scene.eye[:2]) == pytest.approx(math.hypot(*CAMERA[:2]))


def test_a_jittered_camera_is_near_the_files() -> None:
    """Without our own keys the camera still stands where its directions and relations are ours."""
    for scene in scenes():
        plain = to_record(scene)
        del plain["camera_jitter"], plain["lamp_jitter"]
        found = from_record(plain)
        assert found.relations == scene.relations
        assert found.things == scene.things
        assert max(map(abs, found.camera)) < 1


def test_directions_and_relationships_may_be_missing() -> None:
    """A file by hand needs no more than objects; the camera is then CLEVR's."""
    for each in ({"objects": record()["objects"]}, {"objects": [dict(record()["objects"][0])]}):
        scene = from_record(each)
        assert scene.camera == (0, 0, 0)
        assert len(scene.things) == len(each["objects"])


def changed(*keys: str | int, to: Any = None) -> dict[str, Any]:
    """The record with a value replaced, or taken out where it is None."""
    whole = copy.deepcopy(record())
    place: Any = whole
    for key in keys[:-1]:
        place = place[key]
    if to is None:
        del place[keys[-1]]
    else:
        place[keys[-1]] = to
    return whole


REFUSED: dict[str, tuple[Any, str]] = {
    "no objects": (changed("objects"), "missing required field `objects`"),
    "none": (changed("objects", to=[]), "objects; allowed: one or more"),
    "no shape": (changed("objects", 1, "shape"), "field `shape` - at `objects[1]`"),
    "no place": (changed("objects", 2, "3d_coords"), "field `3d_coords` - at `objects[2]`"),
    "two coordinates": (changed("objects", 0, "3d_coords", to=[1, 2]), "objects[0].3d_coords"),
    "text for a number": (changed("objects", 0, "rotation", to="x"), "objects[0].rotation"),
    "a list": ([1], "Expected `object`, got `array`; allowed: a scene of CLEVR's schema"),
    "unknown shape": (
        changed("objects", 1, "shape", to="cone"),
        "object 1: shape 'cone'; allowed: cube, sphere, cylinder",
    ),
    "unknown color": (changed("objects", 0, "color", to="pink"), "object 0: color 'pink'; allowed"),
    "overlap": (
        changed("objects", 2, "3d_coords", to=[1.2, -0.9, 0.7]),
        "object 0 (large brown rubber cylinder) and object 2 (large green rubber sphere) overlap",
    ),
    "off the ground": (
        changed("objects", 0, "3d_coords", to=[31.5, 0, 0.7]),
        "object 0 (large brown rubber cylinder) is off the ground, at 31.5, 0",
    ),
    "not a number": (changed("objects", 0, "3d_coords", to=[math.nan, 0, 1]), "is off the ground"),
    "no turn": (changed("objects", 0, "rotation", to=math.inf), "object 0 (large brown rubber"),
    "no front": (changed("directions", "front"), "directions without 'front'; allowed: left,"),
    "steep": (
        changed("directions", "front", to=[0.6, 0, 0.8]),
        "front is [0.6, 0.0, 0.8]; allowed",
    ),
    "no direction": (changed("directions", "front", to=[math.nan] * 3), "front is [nan, nan, nan]"),
    "mirrored": (changed("directions", "left", to=[0.6563, 0.7544, 0]), "directions: left is"),
    "other relations": (
        changed("relationships", "left", 0, to=[0]),
        "relationships: left of object 0 are [0]; allowed: [1], by the positions and directions",
    ),
    "fewer lists": (
        changed("relationships", "front", to=[[]]),
        "relationships: front has 1 lists; allowed: 3, one per object",
    ),
    "no lamps": (record() | {"lamp_jitter": {}}, "lamps none; allowed: key"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_scenes_are_refused(tmp_path: Path, name: str) -> None:
    """One line names the file, the scene and, where there is one, the object."""
    content, line = REFUSED[name]
    path = saved(tmp_path / "a.json", {"scenes": [record(), content]})
    with pytest.raises(BadInput) as caught:
        list(read(path))
    assert str(caught.value).startswith(f"{path}: scene 1: ")
    assert line in str(caught.value)
    assert "allowed: " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "not JSON: '{' was expected at character 0"),
        ("[]", "not JSON: '{' was expected at character 0"),
        ("{}", "no key 'scenes'"),
        ('{"info": {"scenes": []}}', "no key 'scenes'"),
        ('{"scenes": 3}', "'[' was expected at character 11"),
        ('{"scenes": [', "not JSON: Expecting value at character 12"),
        ('{"scenes": []', "'}' was expected at character 13"),
        ('{"scenes": [], "a": 12', "'}' was expected at character 22"),
        ('{"scenes": []} x', "the end was expected at character 15"),
        ('{"scenes": [],}', "not JSON: Expecting value at character 14"),
        ('{"scenes" []}', "':' was expected at character 10"),
        ('{1: 2, "scenes": []}', "the key 1 is not a string"),
        ('{"scenes": [{"objects": [}]}', "not JSON: Expecting value at character 25"),
        ('{"a": ' + "[" * 100_000, "not JSON: "),
        ('{"a": ' + "9" * 5000 + "}", "not JSON: "),
    ],
)
def test_what_is_not_json_is_refused(tmp_path: Path, text: str, line: str) -> None:
    """The line says where the text stops being a file of scenes."""
    path = saved(tmp_path / "a.json", text)
    with pytest.raises(BadInput) as caught:
        list(read(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read_or_written_are_refused(tmp_path: Path) -> None:
    """A missing file, a folder, bytes that are no text, and a wrong place to write."""
    (tmp_path / "b.json").write_bytes(b'{"scenes": ["\xff"]}')
    for name, line in (
        ("a.json", "cannot be read"),
        ("", "cannot be read"),
        ("b.json", "not JSON"),
    ):
        with pytest.raises(BadInput, match=line):
            list(read(tmp_path / name))
    with pytest.raises(BadInput, match="cannot be written"):
        write(tmp_path / "no" / "a.json", [])


@pytest.mark.parametrize("piece", [1, 7, 64])
def test_pieces_may_end_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    """Numbers, strings and spaces that are cut by the end of a piece are read whole."""
    whole = {"version": 1234567890, "info": {"a": "x y"}, "scenes": [record()] * 3, "end": 12.5}
    path = saved(tmp_path / "a.json", json.dumps(whole, indent=3))
    expected = list(read(path))
    monkeypatch.setattr(clevr_json, "_PIECE", piece)
    assert list(read(path)) == expected
    assert len(expected) == 3


def test_long_files_are_read_in_little_memory(tmp_path: Path) -> None:
    """Reading a file of 1.5 MB, scene by scene, takes a small part of that."""
    line = json.dumps(record())
    path = saved(tmp_path / "a.json", '{"scenes": [' + ",\n".join([line] * 1500) + "]}")
    assert path.stat().st_size > 1_500_000
    next(read(path))
    tracemalloc.start()
    count = sum(1 for _ in read(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 1500
    assert peak < 500_000
