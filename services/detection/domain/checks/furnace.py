"""Furnace too cold 炉温不足: five-minute means of a waste incinerator's furnace below 850 °C."""

from __future__ import annotations

import math
from collections.abc import Mapping

from services.detection.domain.checks.definition import HOUR, Check, Parameter, Traits
from services.detection.domain.compiled import Memory, compiled
from services.detection.domain.points import Point
from services.detection.domain.track import ON, TRACK, Report, Sample, follow, outside

LOW, SIZE, SHARE, HOLD = 1, 2, 3, 4
SLOT, SUM, NUMBER = (len(TRACK) + i for i in range(3))


@compiled
def _judge(check: int, point: Point, params: Memory, state: Memory, report: Report) -> None:
    """Judge the slot that `point` has left, if enough of it was valid."""
    size = params[SIZE]
    if state[NUMBER] > 0.0 and state[NUMBER] * point.interval >= params[SHARE] * size:
        mean = state[SUM] / state[NUMBER]
        sample = Sample(state[SLOT] * size, mean, size, point.t)
        follow(check, sample, outside(mean, params[LOW], math.nan), params[HOLD], state, report)
    state[SLOT] = math.floor(point.t / size)
    state[SUM] = 0.0
    state[NUMBER] = 0.0


@compiled
def step(check: int, point: Point, params: Memory, state: Memory, report: Report) -> None:
    """Open while the means of clock slots of five minutes stand below `low`; marked minutes are left out.

    A slot is judged when the first later point arrives. Count: means below. Source: 生活垃圾焚烧发电厂自动
    监测数据应用管理规定 (生态环境部令第 10 号): the five-minute mean of the furnace is not to fall below 850 °C.
    """
    if params[ON] == 0.0 or math.isnan(params[LOW]):
        return
    if math.floor(point.t / params[SIZE]) != state[SLOT]:
        _judge(check, point, params, state, report)
    if point.judged:
        state[SUM] += point.v
        state[NUMBER] += 1.0


def vector(values: Mapping[str, float], traits: Traits) -> tuple[float, ...]:
    """Slots of the given minutes; of a slower series each value is a slot."""
    size = max(values["mean_minutes"] * 60.0, traits.interval)
    return (values["low"], size, values["valid_share"], max(values["hold_hours"] * HOUR, size))


CHECK = Check(
    name="furnace",
    step=step,
    parameters=(
        Parameter("low", -273.0, 3000.0, optional=True),
        Parameter("mean_minutes", 1.0, 60.0),
        Parameter("valid_share", 0.0, 1.0),
        Parameter("hold_hours", 0.0, 720.0),
    ),
    slots=("low", "size_s", "share", "hold_s"),
    state=("slot", "sum", "number"),
    vector=vector,
    explanations=("furnace",),
)
