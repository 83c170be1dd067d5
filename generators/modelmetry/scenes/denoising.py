"""A denoiser of scenes: light averaged over pixels that the built-in painter shows alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from modelmetry.scenes.raster import borders, light, seen_surfaces
from modelmetry.scenes.rays import Array, View
from modelmetry.scenes.world import Scene

__all__ = ["denoised"]

_STEPS = (1, 2, 4)
"""Distances, in pixels, between the 5 x 5 pixels that each round averages."""

_ALIKE, _PARALLEL = 0.04, 0.25
"""Differences at which a pixel counts 1 / e: in the square root of light, between unit normals."""

_SPARK = 1.5
"""How many times brighter than the built-in painter's a pixel may be."""


def denoised(found: Array, scene: Scene) -> Array:
    """A picture's light, (height, width, 3), without its grain.

    A pixel becomes the mean of those around it that show the same object, faced alike, and that are
    alike in the picture of the built-in painter, which has no grain (a joint bilateral filter with
    holes; Dammertz et al., 2010). Sparks, which are paths that came upon a lamp by way of metal,
    are cut off first. Every average is of light that was found, none of light from the guide.
    """
    height, width, _ = found.shape
    view = View.of(scene, width, height)
    at = seen_surfaces(scene, view)
    shown = np.where(borders(at, view), -at.ids - 9, at.ids).reshape(height, width)
    painted = light(scene, width, height)
    clean = np.minimum(found, _SPARK * painted + 0.03).astype(np.float32)
    faced = np.stack(at.normals, axis=1).reshape(height, width, 3) / _PARALLEL
    guide = np.concatenate([np.sqrt(np.clip(painted, 0.0, 1.0)) / _ALIKE, faced], axis=2)
    for step in _STEPS:
        clean = _mean(clean, shown, guide.astype(np.float32), step)
    return clean.astype(np.float64)


def _mean(
    clean: npt.NDArray[np.float32],
    shown: npt.NDArray[np.intp],
    guide: npt.NDArray[np.float32],
    step: int,
) -> npt.NDArray[np.float32]:
    """Means over 5 x 5 pixels around each, of those that show the same and are like it in the guide."""
    height, width, _ = clean.shape
    wide = ((2 * step, 2 * step), (2 * step, 2 * step))
    values, guides = np.pad(clean, (*wide, (0, 0))), np.pad(guide, (*wide, (0, 0)))
    around = np.pad(shown, wide, constant_values=-1000)
    total, weights = np.zeros_like(clean), np.zeros((height, width), np.float32)
    for down in range(0, 4 * step + 1, step):
        for right in range(0, 4 * step + 1, step):
            window = (slice(down, down + height), slice(right, right + width))
            off = guides[window] - guide
            off *= off
            weight = np.exp(-off.sum(axis=2))
            weight *= around[window] == shown
            total += weight[:, :, None] * values[window]
            weights += weight
    return total / weights[:, :, None]
