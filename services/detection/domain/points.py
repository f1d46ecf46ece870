"""What a check sees of one reading 读数, and which data flags 数据标记 let it be judged."""

from __future__ import annotations

import math
from typing import NamedTuple

from services.detection.domain.compiled import compiled

# Flags travel as the code of their letter, 0 = none given (HJ 212-2017 table 8 数据标记).
UNFLAGGED = 0
NORMAL = 78  # N 正常
STOPPED = 70  # F 停运
MAINTENANCE = 77  # M 维护
MANUAL = 83  # S 手工输入的设定值
FAULT = 68  # D 故障
CALIBRATION = 67  # C 校准
OVER_RANGE = 84  # T 超过测量上限
NO_LINK = 66  # B 仪器与数采仪通讯异常


class Point(NamedTuple):
    """One reading in time order, with what its flag allows.

    `t` is epoch seconds, UTC, at the start of the interval; `v` NaN when there is no usable number; `low`
    and `high` the limits 排放限值 in force at that time, NaN where there is none; `interval` seconds.

    - `present` 已传输: the record came with a number, or says itself why not (stopped, maintenance, fault,
      calibration). No number under N, S, T or B, or an unknown flag, is missing.
    - `judged`: counts against a limit. N, and S: a value set by hand is the operator's own statement of
      what was emitted. All others are invalid and never judged (HJ 212-2017 table 8; 标记规则 of 2022).
    - `measured`: an instrument made it. N only: a value set by hand is constant or jumps by its nature.
    """

    t: float
    v: float
    flag: int
    low: float
    high: float
    interval: float
    present: bool
    judged: bool
    measured: bool


@compiled
def make_point(t: float, v: float, flag: int, limits: tuple[float, float], interval: float) -> Point:
    """Point from raw columns; infinities are no numbers."""
    value = v if math.isfinite(v) else math.nan
    normal = flag in (NORMAL, UNFLAGGED)
    known = math.isfinite(value)
    excused = flag in (STOPPED, MAINTENANCE, FAULT, CALIBRATION)
    return Point(
        t,
        value,
        flag,
        limits[0],
        limits[1],
        interval,
        known or excused,
        known and (normal or flag == MANUAL),
        known and normal,
    )


@compiled
def unmeasured(point: Point) -> Point:
    """The same reading as one that no instrument made."""
    return Point(
        point.t, point.v, point.flag, point.low, point.high, point.interval, point.present, point.judged, False
    )
