"""Pictures are painted once, in processes of their own, and kept whole."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.tiny_pictures import paint, picture

from modelmetry.errors import BadInput, ModelmetryError
from modelmetry.items import Gallery, Painters, Picture


@pytest.fixture
def gallery(tmp_path: Path, painted: Path) -> Iterator[Gallery]:
    """An empty gallery with two painting processes."""
    with Gallery(tmp_path / "pictures", 2) as made:
        yield made


def wanted(gallery: Gallery, *pictures: Picture) -> list[bytes]:
    """The pictures, all wanted at the same time."""

    async def session() -> list[bytes]:
        return list(await asyncio.gather(*map(gallery.png, pictures)))

    return asyncio.run(session())


def test_a_picture_is_painted_once(gallery: Gallery, painted: Path) -> None:
    """However many want it, at once or later, from here or from another gallery on the folder."""
    pictures = [picture(n % 3) for n in range(30)]
    assert wanted(gallery, *pictures) == [paint(p.recipe) for p in pictures]
    lines = painted.read_text().splitlines()
    ours = [line for line in lines if not line.endswith(f" {os.getpid()}")]
    assert len(ours) == 3, "and none in this process"
    with Gallery(gallery.folder, 1) as another:
        assert wanted(another, picture(1)) == [paint(picture(1).recipe)]
    now = painted.read_text().splitlines()
    assert [line for line in now if not line.endswith(f" {os.getpid()}")] == ours


def test_files_are_named_by_address(gallery: Gallery) -> None:
    """The folder holds `ab/<address>.png` and nothing that was being written."""
    wanted(gallery, picture(1), picture(2))
    files = {path.relative_to(gallery.folder) for path in gallery.folder.rglob("*.*")}
    assert files == {Path(p.address[:2], f"{p.address}.png") for p in (picture(1), picture(2))}


def test_another_version_of_a_painter_paints_other_pictures(
    gallery: Gallery, painted: Path
) -> None:
    """What one version painted is not served for another, which the installed one refuses."""
    now, before = picture(1), replace(picture(1), version=2)
    wanted(gallery, now)
    assert now.address != before.address
    assert gallery.kept(before.address) is None
    line = (
        f"picture {before.address[:8]}: painter tiny is installed in version 3; "
        "allowed: version 2, for which the picture was made"
    )
    for paint_it in (before.png, lambda: wanted(gallery, before)):
        with pytest.raises(BadInput) as caught:
            paint_it()
        assert str(caught.value) == line


def test_a_kept_picture_needs_no_painter(gallery: Gallery) -> None:
    """What lies in the folder, as from an edition, is shown whatever is installed."""
    old = replace(picture(1), version=1)
    gallery.keep(old.address, paint(old.recipe))
    assert wanted(gallery, old) == [paint(old.recipe)]


def test_half_a_file_is_painted_again(gallery: Gallery) -> None:
    """A file that a power cut left short is no picture."""
    wanted(gallery, picture(1))
    path = gallery.path(picture(1).address)
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    assert gallery.kept(picture(1).address) is None
    assert wanted(gallery, picture(1)) == [whole]
    assert path.read_bytes() == whole


def test_whoever_gives_up_does_not_take_the_picture_along(tmp_path: Path, painted: Path) -> None:
    """One of two that wait for a picture in the queue is told to stop; the other gets it."""

    async def session(gallery: Gallery) -> bytes:
        before = [asyncio.create_task(gallery.png(picture(n))) for n in range(4)]
        first = asyncio.create_task(gallery.png(picture(4)))
        second = asyncio.create_task(gallery.png(picture(4)))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(*before)
        return await second

    with Gallery(tmp_path / "pictures", 1) as gallery:
        assert asyncio.run(session(gallery)) == paint(picture(4).recipe)


def test_whoever_gave_up_hears_of_no_fault(tmp_path: Path, painted: Path) -> None:
    """A picture that fails when nobody waits any more leaves no stack trace behind."""
    said: list[object] = []

    async def session(gallery: Gallery) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: said.append(told))
        waiting = asyncio.create_task(gallery.png(picture(99)))
        await asyncio.sleep(0)
        ours = asyncio.wrap_future(gallery._coming[picture(99).address])
        waiting.cancel()
        with pytest.raises(ModelmetryError, match="the painting process ended"):
            await ours

    with Gallery(tmp_path / "pictures", 1) as gallery:
        asyncio.run(session(gallery))
    gc.collect()
    assert not said


def test_painters_keep_the_order(painted: Path) -> None:
    """Any number of processes gives the same bytes in the same order, lazily."""
    pictures = [picture(n % 7, n) for n in range(40)]
    expected = [paint(p.recipe) for p in pictures]
    for processes in (1, 3):
        with Painters(processes) as painters:
            assert list(painters.in_order(iter(pictures))) == expected
    taken = []
    with Painters(1) as painters:
        stream = painters.in_order(taken.append(p) or p for p in pictures)
        next(stream)
        assert len(taken) < 8, "only a few are ahead of need"


def test_what_cannot_be_painted_is_one_line(painted: Path) -> None:
    """A refused recipe, a fault, a painter that ends and an unknown painter each say what is wrong."""
    with Painters(1) as painters:
        with pytest.raises(BadInput, match="tiny: the recipe is 'x'; allowed"):
            painters.paint(replace(picture(1), recipe="x")).result()
        with pytest.raises(BadInput, match=r"unknown painter 'oil'; installed: .*tiny"):
            painters.paint(replace(picture(1), painter="oil")).result()
        with pytest.raises(ModelmetryError, match="tiny: ZeroDivisionError: no such number"):
            painters.paint(picture(98)).result()
        assert painters.paint(picture(3)).result() == paint(picture(3).recipe)
        with pytest.raises(ModelmetryError, match="tiny: the painting process ended"):
            painters.paint(picture(99)).result()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, painted: Path) -> None:
    """The line names the file."""
    (tmp_path / "pictures").write_text("in the way")
    with Gallery(tmp_path / "pictures", 1) as gallery, pytest.raises(BadInput, match="cannot be"):
        wanted(gallery, picture(1))


def test_closing_does_not_wait_for_what_nobody_wants(painted: Path) -> None:
    """Pictures that wait are dropped, and the processes are gone."""
    painters = Painters(1)
    coming = [painters.paint(picture(1, n)) for n in range(500)]
    coming[0].result()
    painters.close()
    assert coming[-1].cancelled()
    assert all(child.returncode is not None for child in painters._children)


def test_a_painter_whose_reader_is_gone_ends_quietly() -> None:
    """When whoever asked was killed, the painting process ends without a word."""
    child = subprocess.Popen(
        [sys.executable, "-c", "from modelmetry.items.painting import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdin
    assert child.stdout
    assert child.stderr
    child.stdout.close()
    child.stdin.write(b'{"painter": "nobody", "version": 1, "recipe": {}}\n' * 3)
    child.stdin.close()
    assert child.wait(30) == 0
    assert child.stderr.read() == b""
    child.stderr.close()
