"""The peer: a naive check by hand, a spike or a leap against the median deviation of the series' own steps.

    spike  min(|x_i - x_i-1|, |x_i - x_i+1|) > 8 * 1.4826 * MAD of the steps, the two of opposite sign
    leap   |x_i - x_i-1| > 12 * MAD of the steps

The deviation is that of the whole series, which flatters it: it knows the future. Where more than half of the steps
are nothing, that of the steps that are something is taken, else each step would be an alarm.
"""

import numpy as np

from benchmarks.evaluate.cases import Line
from services.detection.domain.evaluation import Span

SPIKE, LEAP, NORMAL_MAD = 8.0, 12.0, 1.4826


def alarms(line: Line) -> list[Span]:
    """One span a point; a spike is known one sample later."""
    columns, interval = line.columns, int(line.traits.interval)
    here = np.isfinite(columns.v) & (columns.flags != ord("F"))
    t, v = columns.t[here], columns.v[here]
    if len(v) < 3:
        return []
    step = np.diff(v)
    close = np.diff(t) <= 3 * interval
    wide = _deviation(step[close])
    leap = np.flatnonzero((np.abs(step) > LEAP / NORMAL_MAD * wide) & close) + 1
    back = close[:-1] & close[1:] & (np.sign(step[:-1]) == -np.sign(step[1:]))
    spike = np.flatnonzero((np.minimum(np.abs(step[:-1]), np.abs(step[1:])) > SPIKE * wide) & back) + 1
    factors = (line.traits.factor,)
    return [
        *(Span(int(t[i]), int(t[i]) + interval, "step", int(t[i]), factors) for i in leap),
        *(Span(int(t[i]), int(t[i]) + interval, "spike", int(t[i + 1]), factors) for i in spike),
    ]


def _deviation(step: np.ndarray) -> float:
    for some in (step, step[step != 0.0]):
        wide = NORMAL_MAD * float(np.median(np.abs(some - np.median(some)))) if len(some) else 0.0
        if wide > 0.0:
            return wide
    return np.inf
