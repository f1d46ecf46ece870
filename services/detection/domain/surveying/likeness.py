"""How alike the steps of the outlets of a group are, factor by factor, over the days before a night."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.detection.domain.compiled import Floats

COMMON = 5
"""Outlets from which on their mean tells what the group does together: weather, shifts, the load of the grid."""
PEAK = 4.0
"""Steps of so many mean steps or more count as that: a start-up or two make no twins."""
LEAST_SHARE = 0.6
"""Of the steps of the window that both must know, and of those the ones in which both move."""
MOVING = 0.4
LEAST_OWN = 1e-6
"""Mean square, in mean steps, that must be left when what the group does together is off: below it is rounding."""


def likeness(steps: Floats) -> Floats:
    """Correlation of steps about zero of each two outlets; (n, n), -1 where nothing can be said.

    `steps` (n, window), NaN where a value or the one before it is missing. What the group does together is taken off.
    """
    outlets, window = steps.shape
    known = np.isfinite(steps)
    filled = np.where(known, steps, 0.0)
    usual = np.abs(filled).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    known &= (usual > 0.0)[:, None]
    scaled = np.clip(filled / np.where(usual > 0.0, usual, 1.0)[:, None], -PEAK, PEAK) * known
    moving = (known & (filled != 0.0)).astype(np.float64)
    if outlets >= COMMON:
        scaled = (scaled - scaled.sum(axis=0) / np.maximum(known.sum(axis=0), 1)) * known
    mask = known.astype(np.float64)
    both = mask @ mask.T
    squares = (scaled**2) @ mask.T
    size = np.sqrt(squares * squares.T)
    fit = (both >= LEAST_SHARE * window) & (moving @ moving.T >= MOVING * both) & (size > LEAST_OWN * both)
    found: Floats = np.where(fit, (scaled @ scaled.T) / np.where(size > 0.0, size, 1.0), -1.0)
    np.fill_diagonal(found, -1.0)
    return found


def pairs(stack: Floats, bounds: Floats, alone: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Likeness of pairs that report one source, by factor (factors, n, n); and which factors tell it.

    `bounds` and `alone` (factors,): two factors beyond their bound tell it, or one that is the only one both have
    and is beyond `alone`.
    """
    told = stack >= bounds[:, None, None]
    single = (stack > -1.0).sum(axis=0) == 1
    found = (told.sum(axis=0) >= 2) | (single & (stack >= alone[:, None, None]).any(axis=0))  # noqa: PLR2004
    return stack, told & found
