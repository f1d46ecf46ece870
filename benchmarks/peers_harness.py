"""How each peer is timed, in its own environment: imports numpy alone. The numbers of the four tests are here too."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

TESTS = ("range", "spike", "rate", "flat")
LOW, HIGH = -4.0, 200.0
SPIKE = 30.0
"""Both neighbours at least so far away, on the same side."""
RATE = 30.0
"""Change a minute."""
FLAT_POINTS, FLAT_BAND = 60, 0.2
ROUNDS = 3

Values = Any
Flags = Callable[[Values], Any]


def start_of(shape: tuple[int, int]) -> Any:
    """Times of one series: minutes as datetime64."""
    return np.datetime64("2026-01-01T00:00", "ns") + np.arange(shape[1]) * np.timedelta64(60, "s")


def best(work: Callable[[], object]) -> float:
    """Shortest of three times of processor in seconds: all run on one core, which others may share."""
    spans = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        work()
        spans.append(time.process_time() - begin)
    return min(spans)


def measure(prepare: Callable[[Values], Any], run: Callable[[Any], object], flags: Callable[[Any], Any]) -> None:
    """Time one peer on the data in the folder named on the command line; print its seconds, store what it flagged.

    `prepare` makes the peer's own container of values (series, points), which is not timed; `run` makes the
    four tests; `flags` makes each alone and gives booleans (4, series, points), not timed.
    """
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    folder, name = Path(sys.argv[1]), Path(sys.argv[0]).stem
    told = {}
    for shape in ("long", "many"):
        values = np.load(folder / f"{shape}.npy")
        run(prepare(values[:20, :5000]))
        data = prepare(values)
        told[shape] = best(lambda data=data: run(data))  # type: ignore[misc]
        np.save(folder / f"{name}.{shape}.npy", flags(data).reshape(len(TESTS), *values.shape))
    print(json.dumps(told))
