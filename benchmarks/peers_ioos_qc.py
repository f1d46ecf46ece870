"""The four tests by ioos_qc (QARTOD), called as plain functions: its configurations and streams are slower."""

from typing import Any

import numpy as np
from ioos_qc import qartod
from peers_harness import FLAT_BAND, FLAT_POINTS, HIGH, LOW, RATE, SPIKE, TESTS, measure, start_of

NEVER = 10**9
"""Seconds: the second level of the flat line test is not wanted and, being longer than the data, costs nothing."""


def prepare(values: Any) -> Any:
    return values, start_of(values.shape)


def tests(v: Any, t: Any) -> tuple[Any, ...]:
    return (
        qartod.gross_range_test(v, fail_span=(LOW, HIGH)),
        qartod.spike_test(v, suspect_threshold=SPIKE, method="differential"),
        qartod.rate_of_change_test(v, t, RATE / 60),
        qartod.flat_line_test(v, t, 60 * (FLAT_POINTS - 1), NEVER, FLAT_BAND + 1e-9),
    )


def run(data: Any) -> Any:
    return [tests(v, data[1]) for v in data[0]]


def flags(data: Any) -> Any:
    found = np.zeros((len(TESTS), *data[0].shape), dtype=bool)
    for series, results in enumerate(run(data)):
        for test, result in enumerate(results):
            given = np.ma.filled(result, 9)
            found[test, series] = (given == 3) | (given == 4)
    return found


if __name__ == "__main__":
    measure(prepare, run, flags)
