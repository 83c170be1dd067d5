# ruff: noqa: INP001 - a script beside a page, no package.
"""The pictures of CLEVR-like scenes that the pages show: painters side by side, and every kind.

    pip install "modelmetry[photo]"
    python docs/gallery.py [--only painters kinds ...]

Writes docs/pictures/<name>.png. Scenes are drawn from fixed seeds, and the files hold no date, so
that the same versions of numpy, pillow and mitsuba paint the same bytes. It takes half a minute.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelmetry.scenes import photo, raster
from modelmetry.scenes.kinds import KINDS, VALUES, Kind
from modelmetry.scenes.placing import placed
from modelmetry.scenes.studio import png
from modelmetry.scenes.world import LAMPS, Scene, Thing

Pixels = NDArray[np.uint8]

GAP = 6
"""White pixels between pictures."""

STILL = dict.fromkeys(LAMPS, (0.0, 0.0, 0.0))


def table(rows: list[list[Pixels]]) -> Pixels:
    """Pictures of one size in rows, with white between them."""
    padded = [
        np.hstack([np.pad(p, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for p in row])
        for row in rows
    ]
    return np.vstack(padded)[:-GAP, :-GAP]


def tinted(scene: Scene) -> Pixels:
    """The masks of a scene, each object in a tint of its own."""
    tints = np.array([(245, 245, 245), *(_tint(i) for i in range(len(scene.things)))], np.uint8)
    return tints[raster.masks(scene)]


def _tint(index: int) -> tuple[int, int, int]:
    """Tints far apart: steps of the golden angle around the color wheel."""
    import colorsys

    red, green, blue = colorsys.hsv_to_rgb(index * 0.618 % 1, 0.55, 0.85)
    return round(255 * red), round(255 * green), round(255 * blue)


def painters() -> Pixels:
    """Three scenes, each by the built-in painter, by Mitsuba, and as masks."""
    rows: list[list[Pixels]] = []
    for seed, count in ((2, 5), (7, 8), (5, 10)):
        scene = placed(lambda rng, n=count: rng.choices(KINDS, k=n), random.Random(seed))
        rows.append([raster.render(scene), photo.render(scene), tinted(scene)])
    return table(rows)


def kinds() -> Pixels:
    """All 96 kinds, each alone: a row per material, shape and size, a column per color."""
    rows: list[list[Pixels]] = []
    for material in VALUES["material"]:
        for shape in VALUES["shape"]:
            for size in VALUES["size"]:
                row = [Kind(size, color, material, shape) for color in VALUES["color"]]
                rows.append([alone(kind) for kind in row])
    return table(rows)


def alone(kind: Kind) -> Pixels:
    """One object in the middle of its scene, cut out of the picture."""
    thing = Thing(**kind._asdict(), x=0.0, y=0.0, turn=25.0)
    picture = raster.render(Scene(things=(thing,), lamps=STILL))
    return picture[73:138, 127:191]


def asked(seed: int) -> Pixels:
    """A scene as suites show it, of ten objects less the seed's last digit."""
    rng = random.Random(seed)
    scene = placed(lambda rng, n=10 - seed % 10: rng.choices(KINDS, k=n), rng)
    return raster.render(scene)


PICTURES: dict[str, Callable[[], Pixels]] = {
    "painters": painters,
    "kinds": kinds,
    "asked-1": lambda: asked(11),
    "asked-2": lambda: asked(23),
    "asked-3": lambda: asked(32),
}
"""What can be painted: name of the file -> function."""


def main() -> None:
    """Paint and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=PICTURES, default=list(PICTURES))
    folder = Path(__file__).parent / "pictures"
    folder.mkdir(exist_ok=True)
    for name in parser.parse_args().only:
        (folder / f"{name}.png").write_bytes(png(PICTURES[name]()))


if __name__ == "__main__":
    main()
