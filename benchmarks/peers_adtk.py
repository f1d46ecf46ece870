"""The four tests by adtk: thresholds on the values, on steps and on a rolling deviation; all series in one frame."""

from typing import Any

import numpy as np
import pandas as pd
from adtk.detector import CustomizedDetector1D, ThresholdAD
from adtk.transformer import RollingAggregate
from peers_harness import FLAT_BAND, FLAT_POINTS, HIGH, LOW, RATE, SPIKE, measure, start_of

ENOUGH = int(0.9 * FLAT_POINTS)


def spike(s: Any) -> Any:
    v = s.to_numpy()
    step = np.diff(v)
    found = np.zeros(len(v), dtype=bool)
    found[1:-1] = (np.minimum(np.abs(step[:-1]), np.abs(step[1:])) > SPIKE) & (step[:-1] * step[1:] < 0)
    return pd.Series(found, index=s.index)


def rate(s: Any) -> Any:
    v = s.to_numpy()
    return pd.Series(np.abs(np.diff(v, prepend=v[0])) > RATE, index=s.index)


RANGE = ThresholdAD(low=LOW, high=HIGH)
SPIKES = CustomizedDetector1D(spike)
RATES = CustomizedDetector1D(rate)
DEVIATION = RollingAggregate(window=FLAT_POINTS, agg="std", min_periods=ENOUGH)
FLAT = ThresholdAD(low=FLAT_BAND / 4)


def prepare(values: Any) -> Any:
    index = pd.DatetimeIndex(start_of(values.shape))
    return pd.DataFrame(values.T.copy(), index=index, columns=[f"s{i}" for i in range(len(values))])


def run(data: Any) -> Any:
    given = data.iloc[:, 0] if data.shape[1] == 1 else data
    return [RANGE.detect(given), SPIKES.detect(given), RATES.detect(given), FLAT.detect(DEVIATION.transform(given))]


def flags(data: Any) -> Any:
    return np.array([np.atleast_2d((found.to_numpy() == True).T) for found in run(data)])  # noqa: E712


if __name__ == "__main__":
    measure(prepare, run, flags)
