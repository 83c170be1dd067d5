"""The denoiser takes the grain and leaves the edges."""

from __future__ import annotations

import numpy as np
import pytest

from modelmetry.scenes import denoising, raster
from modelmetry.scenes.denoising import denoised
from modelmetry.scenes.world import LAMPS, Scene, Thing

SCENE = Scene(
    things=(
        Thing(size="large", color="cyan", material="rubber", shape="cylinder", x=0.0, y=0.0),
        Thing(size="small", color="red", material="metal", shape="cube", x=-2.0, y=-1.0),
    ),
    lamps=dict.fromkeys(LAMPS, (0.0, 0.0, 0.0)),
)

CLEAN = np.minimum(raster.light(SCENE, 160, 120), 1.0)


def grainy() -> np.ndarray:
    return CLEAN * np.random.default_rng(0).normal(1.0, 0.15, CLEAN.shape)


def test_grain_goes() -> None:
    """Of a picture with grain, less than a quarter of the error stays."""
    before = np.abs(grainy() - CLEAN).mean()
    assert np.abs(denoised(grainy(), SCENE) - CLEAN).mean() < before / 4


def test_a_clean_picture_stays() -> None:
    """What has no grain is hardly changed, even at edges."""
    off = np.abs(denoised(CLEAN, SCENE) - CLEAN)
    assert off.mean() < 0.003
    assert np.quantile(off, 0.999) < 0.05


def test_no_light_is_taken_from_the_guide() -> None:
    """A picture of one even light stays one, whatever the built-in painter shows."""
    even = np.full(CLEAN.shape, 0.02)
    assert np.allclose(denoised(even, SCENE), 0.02, rtol=1e-5)


def test_objects_do_not_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cube's top keeps its light on ground of another, even where the guide sees no difference."""
    cube = Thing(size="large", color="gray", material="rubber", shape="cube", x=0.0, y=0.0)
    scene = Scene(things=(cube,), lamps=SCENE.lamps)
    monkeypatch.setattr(denoising, "light", lambda *_: np.ones(CLEAN.shape))
    inside = raster.masks(scene, 160, 120) == 1
    found = denoised(np.where(inside, 1.0, 0.0)[:, :, None] * np.ones(3), scene)[:, :, 0]
    edge = np.zeros_like(inside)
    for axis in (0, 1):
        edge |= (np.roll(inside, 1, axis) != inside) | (np.roll(inside, -1, axis) != inside)
    assert np.allclose(found[inside & ~edge], 1.0, atol=0.01)
    assert np.allclose(found[~inside & ~edge], 0.0, atol=0.01)


def test_sparks_are_cut_off() -> None:
    """Pixels a hundred times too bright leave no trace brighter than half again."""
    sparks = CLEAN.copy()
    sparks[::9, ::7] = 50.0
    assert (denoised(sparks, SCENE) <= 1.5 * CLEAN.max() + 0.03).all()
    assert np.abs(denoised(sparks, SCENE) - CLEAN).mean() < 0.02
