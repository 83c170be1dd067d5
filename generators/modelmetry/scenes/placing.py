"""Where objects stand: CLEVR's rules, scenes drawn by them, and hand-made scenes held to them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from modelmetry.errors import BadInput
from modelmetry.scenes.kinds import VALUES, Kind
from modelmetry.scenes.rays import HEIGHT, WIDTH, fewer_pixels, visible_pixels
from modelmetry.scenes.world import LAMPS, RADII, Scene, Thing


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a scene must keep; the defaults are those of CLEVR's generator.

    Attributes:
        min_distance: Least gap between two footprints, in scene units.
        margin: Least difference of two objects' positions along both axes of the ground as the
            camera sees it (left to right, front to behind), in scene units: with more than
            `world.APART`, no relation is ambiguous.
        min_pixels: Least number of pixels that show an object in a picture of 320 x 240.
        reach: Objects' centers are in [-reach, reach] in x and y, in scene units.
        camera: Largest jitter of the camera along each axis, in scene units.
        lamps: Largest jitter of each lamp along each axis, in scene units.
        tries: Positions drawn for an object before the whole scene is given up.
        attempts: Scenes begun before the objects are said not to fit.
    """

    min_distance: float = 0.25
    margin: float = 0.4
    min_pixels: int = 200
    reach: float = 3.0
    camera: float = 0.5
    lamps: float = 1.0
    tries: int = 50
    attempts: int = 10_000


RULES = Rules()

_Spot = tuple[float, float, float, float, float]
"""Right, front, x, y and footprint radius of an object."""


def placed(
    draw: Callable[[random.Random], Sequence[Kind]], rng: random.Random, rules: Rules = RULES
) -> Scene:
    """A scene that keeps the rules: kinds are drawn and placed until it works out.

    As in CLEVR the number of objects is that of the first draw, so that scenes of ten, of which
    one attempt in thirty succeeds, are as frequent as `draw` has them. The kinds are drawn anew for
    every attempt: large objects become somewhat rarer, as they crowd and hide more. A `draw` that
    always returns the same kinds keeps these.

    Args:
        draw: Draws the objects' kinds, in the order in which the scene lists them; their number
            may be random, but each must come up again.
        rng: The stream of all that is drawn.
        rules: What the scene must keep.

    Raises:
        BadInput: No attempt worked out: there are more objects than fit.
    """
    kinds = draw(rng)
    count = len(kinds)
    for _ in range(rules.attempts):
        scene = place(kinds, rng, rules)
        if scene is not None:
            return scene
        kinds = draw(rng)
        while len(kinds) != count:
            kinds = draw(rng)
    large = sum(kind.size == "large" for kind in kinds)
    raise BadInput(
        f"scene: {count} objects, {large} of them large, did not fit in {rules.attempts} "
        f"attempts; allowed: fewer or smaller objects"
    )


def place(kinds: Sequence[Kind], rng: random.Random, rules: Rules = RULES) -> Scene | None:
    """One attempt at a scene of these kinds, or None where it did not work out."""
    scene = scattered(kinds, rng, rules)
    return scene if scene is not None and not hidden(scene, rules) else None


def scattered(kinds: Sequence[Kind], rng: random.Random, rules: Rules = RULES) -> Scene | None:
    """One attempt at a scene of these kinds whether or not the camera sees them all.

    Objects take their places in a random order, so that an object's index tells nothing about
    where it stands. Only `rng.random()` is used, which Python keeps the same in all versions.
    """
    camera = _jitter(rng, rules.camera)
    lamps = {name: _jitter(rng, rules.lamps) for name in LAMPS}
    empty = Scene(things=(), camera=camera, lamps=lamps)
    if len(kinds) > _most(empty, rules):
        return None
    keys = [rng.random() for _ in kinds]
    things: dict[int, Thing] = {}
    taken: list[_Spot] = []
    for index in sorted(range(len(kinds)), key=keys.__getitem__):
        kind = kinds[index]
        spot = _free(empty, taken, RADII[kind.size], rng, rules)
        if spot is None:
            return None
        taken.append(spot)
        turn = int(rng.random() * 360_000) / 1000
        things[index] = Thing(
            size=kind.size,
            color=kind.color,
            material=kind.material,
            shape=kind.shape,
            x=spot[2],
            y=spot[3],
            turn=turn,
        )
    ordered = tuple(things[index] for index in range(len(kinds)))
    return Scene(things=ordered, camera=camera, lamps=lamps)


def hidden(scene: Scene, rules: Rules = RULES) -> tuple[int, ...]:
    """The objects of which the camera sees too few pixels."""
    if rules.min_pixels <= 0:
        return ()
    return fewer_pixels(scene, rules.min_pixels)


def check(scene: Scene, rules: Rules = RULES, where: str = "scene") -> None:
    """Hold a scene to the rules.

    Raises:
        BadInput: A value is unknown, an object stands off the ground or too near to another, a
            relation is ambiguous, or the camera does not see an object well enough: one line that
            starts with `where` and names the first such object or pair.
    """
    for flaw in _flaws(scene, rules):
        raise BadInput(f"{where}: {flaw}")


def _flaws(scene: Scene, rules: Rules) -> Iterator[str]:
    """What is wrong with a scene; later ones make sense only where there are no earlier ones."""
    yield from _stage_flaws(scene)
    if not scene.things:
        yield "no objects; allowed: one or more"
    for i, thing in enumerate(scene.things):
        yield from _thing_flaws(i, thing, rules)
    spots = _spots(scene)
    for (i, a), (j, b) in combinations(enumerate(spots), 2):
        pair = f"{_called(i, scene.things[i])} and {_called(j, scene.things[j])}"
        if _near(a, b, rules.min_distance):
            gap = math.sqrt((a[2] - b[2]) ** 2 + (a[3] - b[3]) ** 2) - a[4] - b[4]
            state = "overlap" if gap < 0 else f"stand {gap:.3f} apart"
            yield f"{pair} {state}; allowed: gaps from {rules.min_distance:g}"
        for axis, name in ((0, "left or right"), (1, "in front or behind")):
            if abs(a[axis] - b[axis]) < rules.margin:
                yield (
                    f"{pair}: neither is clearly {name}, by {abs(a[axis] - b[axis]):.3f}; "
                    f"allowed: from {rules.margin:g}"
                )
    for i in hidden(scene, rules):
        seen = visible_pixels(scene)[i]
        yield (
            f"{_called(i, scene.things[i])} is hidden or too small: {seen} pixels of a picture of {WIDTH} x "
            f"{HEIGHT} show it; allowed: from {rules.min_pixels}"
        )


def _stage_flaws(scene: Scene) -> Iterator[str]:
    """What is wrong with the camera and the lamps."""
    if set(scene.lamps) != set(LAMPS):
        yield f"lamps {', '.join(sorted(scene.lamps)) or 'none'}; allowed: {', '.join(LAMPS)}"
    for name, jitter in (("camera", scene.camera), *scene.lamps.items()):
        if not all(map(math.isfinite, jitter)):
            yield f"{name}: jitter {list(jitter)}; allowed: finite numbers"
    x, y, z = scene.eye
    if z <= 0 or x * x + y * y < 1e-6:
        yield f"camera at {list(scene.eye)}; allowed: above the ground, not right above its middle"


def _thing_flaws(index: int, thing: Thing, rules: Rules) -> Iterator[str]:
    """What is wrong with an object by itself."""
    for name, values in VALUES.items():
        if getattr(thing, name) not in values:
            yield f"object {index}: {name} {getattr(thing, name)!r}; allowed: {', '.join(values)}"
    if not (abs(thing.x) <= rules.reach and abs(thing.y) <= rules.reach):
        yield (
            f"{_called(index, thing)} is off the ground, at {thing.x:g}, {thing.y:g}; "
            f"allowed: x and y from {-rules.reach:g} to {rules.reach:g}"
        )
    if not 0 <= thing.turn < 360:
        yield f"{_called(index, thing)}: turn {thing.turn:g}; allowed: from 0 to below 360"


def _called(index: int, thing: Thing) -> str:
    return f"object {index} ({' '.join(thing.kind)})"


def _spots(scene: Scene) -> list[_Spot]:
    return [
        (*place, thing.x, thing.y, thing.radius)
        for place, thing in zip(scene.places, scene.things, strict=True)
    ]


def _near(a: _Spot, b: _Spot, gap: float) -> bool:
    """Whether less than a gap is between two footprints."""
    x, y, least = a[2] - b[2], a[3] - b[3], a[4] + b[4] + gap
    return x * x + y * y < least * least


def _free(
    stage: Scene, taken: Sequence[_Spot], radius: float, rng: random.Random, rules: Rules
) -> _Spot | None:
    """A place beside those taken, uniform among all there are, or None if none was found."""
    (ax, ay), (bx, by) = stage.directions["right"], stage.directions["front"]
    margin, draw = rules.margin, rng.random
    steps = round(1000 * rules.reach)
    count = 2 * steps + 1
    for _ in range(rules.tries):
        x, y = (int(draw() * count) - steps) / 1000, (int(draw() * count) - steps) / 1000
        right, front = x * ax + y * ay, x * bx + y * by
        spot = (right, front, x, y, radius)
        for other in taken:
            if (
                -margin < right - other[0] < margin
                or -margin < front - other[1] < margin
                or _near(spot, other, rules.min_distance)
            ):
                break
        else:
            return spot
    return None


def _most(stage: Scene, rules: Rules) -> float:
    """More objects than this cannot all be a margin apart from left to right."""
    if rules.margin <= 0:
        return math.inf
    ax, ay = stage.directions["right"]
    return 1 + 2 * rules.reach * (abs(ax) + abs(ay)) / rules.margin


def _jitter(rng: random.Random, most: float) -> tuple[float, float, float]:
    """Uniform in a cube of half edge `most`, in thousandths of a scene unit."""
    steps = round(1000 * most)
    x, y, z = ((int(rng.random() * (2 * steps + 1)) - steps) / 1000 for _ in range(3))
    return x, y, z
