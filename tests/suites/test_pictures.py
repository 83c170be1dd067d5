"""Wordings with pictures: shown in order, told by stand-ins, refused in one line when wrong."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests import tiny_pictures
from tests.tiny_pictures import SUITE, paint, picture, write_suite

from modelmetry.errors import BadInput
from modelmetry.items import Painter, Part, Picture, Seed
from modelmetry.scenes.raster import PAINTER
from modelmetry.suites import Suite, edition, items, read, read_edition, write
from modelmetry.suites.editions import tables
from modelmetry.suites.templates import rendered


@pytest.fixture
def suite(tmp_path: Path, painted: Path) -> Suite:
    """Six problems about dots, as pictures and as text, with and without examples."""
    return read(write_suite(tmp_path, SUITE.replace(", unseen: 4", "")))


def test_a_picture_stands_where_the_template_has_it(painted: Path) -> None:
    """Text and pictures follow each other in order; blanks alone are no part."""
    scene = {"dots": 2, "place": "\0 \u2028"}
    made = rendered("t", 'A {{ s | paint("tiny") }} {{ s | paint }}B', {"s": scene})
    assert [part.kind for part in made] == ["text", "image", "image", "text"]
    assert [part.text for part in made[::3]] == ["A ", "B"]
    assert made[1].image == Picture(painter="tiny", version=3, recipe=scene)
    raster = Picture(painter="raster", version=PAINTER.version, recipe=scene)
    assert made[2].image == raster
    (alone,) = rendered("t", "{{ s | paint }}", {"s": 1})
    assert alone.image == replace(raster, recipe=1)


def test_text_stays_one_part() -> None:
    """A template without pictures makes one text, as ever."""
    assert rendered("t", " {{ a }}\n", {"a": "x"}) == (Part(text="x"),)


def test_the_stand_in_betrays_nothing(suite: Suite) -> None:
    """What stands for a picture is the beginning of its address, and is all that people read."""
    item = next(iter(items(suite, Seed(root=0))))
    (shown,) = item.pictures
    assert item.text.startswith(f"[picture {shown.address[:8]}]\nHow many ")
    assert item.messages[-1].text.startswith("\nHow many "), "a turn's own text has no stand-in"
    assert str(shown.recipe["dots"]) not in item.text.replace(shown.address[:8], "").split()


@pytest.mark.parametrize(
    "template",
    ["{{ s | paint | upper }}", "{{ t }}", "{{ t }}{{ t }}x"],
)
def test_nothing_else_may_hold_the_mark(template: str) -> None:
    """A filter after `paint`, or a field with a NUL character, is one line."""
    with pytest.raises(BadInput, match="template t: a picture was changed after `paint`, or a"):
        rendered("template t", template, {"s": {"dots": 1}, "t": "a\0b"})


@pytest.mark.parametrize(
    ("see", "line"),
    [
        ('{{ scene | paint("oil") }}', r"see\.jinja: unknown painter 'oil'; installed: .*tiny"),
        ('{% if 0 %}{{ scene | paint(painter="oil") }}{% endif %}x', "unknown painter 'oil'"),
        (
            "x\n{{ scene | paint(word) }}",
            r"see\.jinja: line 2: a painter is not named; allowed: its",
        ),
        ("{{ scene.nothing | paint }}", r"see\.jinja: the template fails on a problem: TypeError"),
    ],
)
def test_a_wrong_picture_is_refused_when_the_suite_is_read(
    tmp_path: Path, painted: Path, see: str, line: str
) -> None:
    """Unknown painters, also where the trial does not come by, and what no picture can be of."""
    with pytest.raises(BadInput, match=line):
        read(write_suite(tmp_path, see=see))


def test_a_completion_shows_no_picture(tmp_path: Path, painted: Path) -> None:
    """A prompt to be continued is one text, so a picture in it is refused when the suite is read."""
    text = SUITE.replace("{template: see}", "{template: see, format: completion}")
    with pytest.raises(BadInput, match=r"prompts\.see\.format: a completion shows no pictures"):
        read(write_suite(tmp_path, text))


def test_examples_show_their_pictures(suite: Suite) -> None:
    """Each example is a turn with its own picture and its answer."""
    for item in items(suite, Seed(root=3)):
        if item.wording != "shown":
            continue
        assert [turn.role for turn in item.messages] == [
            *("system", "user", "assistant", "user", "assistant", "user"),
        ]
        told = [(item.messages[n], item.messages[n + 1].text) for n in (1, 3)]
        assert [str(p.recipe["dots"]) for p in item.pictures[:2]] == [said for _, said in told]
        assert len({p.address for p in item.pictures}) == 3


def test_examples_agree_where_they_must_and_speak_the_problems_words(suite: Suite) -> None:
    """They have the problem's hue, come from train, and are told with its word."""
    for item in items(suite, Seed(root=3)):
        if item.wording != "shown":
            continue
        word, hue = item.problem.fields["word"], item.problem.factors["hue"]
        assert word.startswith(hue)
        assert [turn.text.split()[2] for turn in item.messages if turn.role == "user"] == [word] * 3
        assert all(p.recipe["place"] % 2 == 0 for p in item.pictures[:2])


def test_an_items_examples_do_not_depend_on_what_else_is_asked(suite: Suite) -> None:
    """More problems, or a wording that needs more examples: the same item has the same ones."""
    (task,) = suite.tasks
    greedy = replace(task.prompts[1], name="greedy", shots=70)
    prompts = (greedy, *task.prompts)
    more = replace(suite, tasks=(replace(task, splits={"held-out": 60}, prompts=prompts),))
    many = {item.uid: item for item in items(more, Seed(root=5))}
    few = list(items(suite, Seed(root=5)))
    assert all(many[item.uid] == item for item in few)
    seen = Counter(p.address for item in few if item.wording == "shown" for p in item.pictures[:2])
    assert len(seen) > 4, "they vary"


def test_a_level_that_train_lacks_is_one_line(tmp_path: Path, painted: Path) -> None:
    """Where train has too few problems like one that is asked, the line says which and how many."""
    with pytest.raises(BadInput, match=r"dots: 2 examples for a problem with hue 'rare'; 1 of the"):
        list(items(read(write_suite(tmp_path)), Seed(root=0)))


def test_pictures_of_one_recipe_are_one() -> None:
    """The address is that of painter, version and recipe, however the recipe's keys are ordered."""
    again = replace(picture(1), recipe={"place": 0, "dots": 1})
    assert picture(1).address == again.address
    assert picture(1).address != replace(picture(1), painter="raster").address
    assert picture(1).address != replace(picture(1), version=4).address


def test_another_version_of_a_painter_makes_another_edition(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same suite under the same seed has another name; one of text alone keeps its own."""
    texts = SUITE.replace("{template: see", "{template: read")
    (before, plain) = suite, read(write_suite(tmp_path / "plain", texts))
    assert before.tasks[0].painters == {"tiny": 3}
    assert not plain.tasks[0].painters
    monkeypatch.setattr(tiny_pictures, "PAINTER", Painter(version=4, paint=paint))
    after, same = read(before.source), read(plain.source)
    assert after.tasks[0].painters == {"tiny": 4}
    assert edition(after, Seed(root=1)) != edition(before, Seed(root=1))
    assert edition(same, Seed(root=1)) == edition(plain, Seed(root=1))
    assert {p.version for item in items(after, Seed(root=1)) for p in item.pictures} == {4}


def test_an_entry_point_that_is_no_painter_is_one_line(
    tmp_path: Path, painted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare function is refused when the suite is read."""
    monkeypatch.setattr(tiny_pictures, "PAINTER", paint)
    with pytest.raises(BadInput, match=r"see\.jinja: tiny is installed but is not a Painter"):
        read(write_suite(tmp_path))


def test_an_edition_holds_its_pictures(suite: Suite, tmp_path: Path, painted: Path) -> None:
    """Its items are the suite's, each row has its pictures, and each was painted once."""
    edition = write(tmp_path / "e", suite, Seed(root=4), processes=2)
    again = read_edition(edition.folder)
    expected = list(items(suite, Seed(root=4)))
    assert list(again.items()) == expected
    told = {p.address: paint(p.recipe) for item in expected for p in item.pictures}
    theirs = [
        line for line in painted.read_text().split("\n") if line and f" {os.getpid()}" not in line
    ]
    assert len(theirs) == len(set(theirs)) == len(told)
    assert dict(again.pictures()) == told
    card = (edition.folder / "README.md").read_text()
    assert "Pictures by `tiny` version 3, in the column `images`" in card
    assert "data/dots/held_out-*.parquet" in card


def test_any_number_of_processes_writes_the_same_bytes(suite: Suite, tmp_path: Path) -> None:
    """One painter or three: the manifests, and with them all files, are equal."""
    made = [write(tmp_path / str(n), suite, Seed(root=4), processes=n) for n in (1, 3)]
    assert made[0].manifest == made[1].manifest


def test_large_editions_come_in_shards(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small row groups, several files, the same items and pictures in the same order."""
    whole = write(tmp_path / "whole", suite, Seed(root=4))
    monkeypatch.setattr(tables, "BUFFERED", 400)
    monkeypatch.setattr(tables, "_SHARD", 4000)
    parts = write(tmp_path / "parts", suite, Seed(root=4))
    names = [name for name in parts.manifest.files if name.endswith(".parquet")]
    assert len(names) > 2
    assert names[0] == "data/dots/held_out-00000.parquet"
    assert list(read_edition(parts.folder).items()) == list(whole.items())
    assert dict(parts.pictures()) == dict(whole.pictures())


def test_tasks_without_pictures_keep_their_layout(tmp_path: Path, painted: Path) -> None:
    """A task of text alone beside one with pictures has one file per split, without the column."""
    text = SUITE.replace(", unseen: 4", "")
    start, end = text.index("  dots:\n"), len(text)
    other = (
        text[start:end].replace("  dots:", "  words:").replace("template: see", "template: read")
    )
    suite = read(write_suite(tmp_path, text + other))
    edition = write(tmp_path / "e", suite, Seed(root=4))
    names = sorted(name for name in edition.manifest.files if name.endswith(".parquet"))
    assert names == ["data/dots/held_out-00000.parquet", "data/words/held_out.parquet"]
    columns = [pq.read_schema(edition.folder / name).names for name in names]
    assert "images" in columns[0]
    assert "images" not in columns[1]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_datasets_decodes_the_pictures(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`datasets.load_dataset` of the folder gives PIL images of the right size in every row."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(tables, "BUFFERED", 400)
    monkeypatch.setattr(tables, "_SHARD", 4000)
    datasets = pytest.importorskip("datasets")
    pytest.importorskip("PIL")
    edition = write(tmp_path / "e", suite, Seed(root=4))
    rows = datasets.load_dataset(
        str(edition.folder), "dots", split="held_out", cache_dir=str(tmp_path / "cache")
    )
    expected = list(items(suite, Seed(root=4)))
    assert [item.uid for item in expected] == rows["uid"][:]
    for row, item in zip(rows, expected, strict=True):
        assert len(row["images"]) == len(item.pictures)
        for image, shown in zip(row["images"], item.pictures, strict=True):
            white = sum(image.getpixel((x, 0)) == (255, 255, 255) for x in range(6))
            assert (image.size, white) == ((6, 2), min(6, shown.recipe["dots"]))
