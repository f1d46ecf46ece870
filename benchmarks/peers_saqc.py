"""The four tests by SaQC, all series in one object; it has no test of rate and only slow ones of spikes, so both are
generic functions of its own interface, in numpy.
"""

from typing import Any

import numpy as np
import pandas as pd
import saqc
from peers_harness import FLAT_BAND, FLAT_POINTS, HIGH, LOW, RATE, SPIKE, measure, start_of

ENOUGH = int(0.9 * FLAT_POINTS)
"""Values that a window of the flat line test must hold: 1 % are missing."""


def spike(x: Any) -> Any:
    v = x.to_numpy()
    step = np.diff(v)
    found = np.zeros(len(v), dtype=bool)
    found[1:-1] = (np.minimum(np.abs(step[:-1]), np.abs(step[1:])) > SPIKE) & (step[:-1] * step[1:] < 0)
    return pd.Series(found, index=x.index)


def rate(x: Any) -> Any:
    v = x.to_numpy()
    return pd.Series(np.abs(np.diff(v, prepend=v[0])) > RATE, index=x.index)


def prepare(values: Any) -> Any:
    index = pd.DatetimeIndex(start_of(values.shape))
    return pd.DataFrame({f"s{i}": v for i, v in enumerate(values)}, index=index)


def ranged(qc: Any, name: str) -> Any:
    return qc.flagRange(name, min=LOW, max=HIGH)


def spiked(qc: Any, name: str) -> Any:
    return qc.flagGeneric(name, func=spike)


def rated(qc: Any, name: str) -> Any:
    return qc.flagGeneric(name, func=rate)


def flat(qc: Any, name: str) -> Any:
    return qc.flagConstants(name, window=FLAT_POINTS, thresh=FLAT_BAND, min_periods=ENOUGH)


def run(data: Any) -> Any:
    """One object a series: one of all series together copies all of them in each call."""
    found = []
    for name in data.columns:
        qc = saqc.SaQC(data[name].to_frame())
        for test in (ranged, spiked, rated, flat):
            qc = test(qc, name)
        found.append(qc.flags)
    return found


def flags(data: Any) -> Any:
    tests = (ranged, spiked, rated, flat)
    return np.array(
        [
            [test(saqc.SaQC(data[name].to_frame()), name).flags[name].to_numpy() > 0 for name in data.columns]
            for test in tests
        ]
    )


if __name__ == "__main__":
    measure(prepare, run, flags)
