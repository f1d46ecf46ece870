"""The four tests written by hand in numpy: missing values are dropped, then all series are one array with borders."""

from typing import Any

import numpy as np
from peers_harness import FLAT_BAND, FLAT_POINTS, HIGH, LOW, RATE, SPIKE, measure


def four(data: Any) -> tuple[Any, ...]:
    """Held values, those out of range, and the places of spikes, leaps and flat runs among the held values."""
    flat_values, borders = data
    held = ~np.isnan(flat_values)
    v = flat_values[held]
    step = np.diff(v)
    if len(borders):
        step[np.searchsorted(np.flatnonzero(held), borders) - 1] = np.nan
    size = np.abs(step)
    far = size > RATE
    where = np.flatnonzero(far)
    middle = where[:-1][(np.diff(where) == 1)] if len(where) else where
    spikes = middle[(step[middle] * step[middle + 1] < 0) & (size[middle] > SPIKE) & (size[middle + 1] > SPIKE)] + 1
    near = size <= FLAT_BAND
    edges = np.flatnonzero(np.diff(near, prepend=False, append=False))
    firsts, lasts = edges[::2], edges[1::2]
    long = lasts - firsts >= FLAT_POINTS - 1
    return held, (v > HIGH) | (v < LOW), spikes, where + 1, firsts[long], lasts[long]


def prepare(values: Any) -> Any:
    series, points = values.shape
    return values.reshape(-1), points * np.arange(1, series)


def flags(data: Any) -> Any:
    held, ranged, spikes, rates, firsts, lasts = four(data)
    places = np.flatnonzero(held)
    found = np.zeros((4, len(data[0])), dtype=bool)
    found[0, places[ranged]] = True
    found[1, places[spikes]] = True
    found[2, places[rates]] = True
    for first, last in zip(firsts, lasts, strict=True):
        found[3, places[first] : places[last] + 1] = True
    return found


if __name__ == "__main__":
    measure(prepare, four, flags)
