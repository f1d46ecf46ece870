"""Gaps of an outlet's minute and hour data, and in which portions they are asked for."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from shared.clock import PARK_ZONE


class Gap(NamedTuple):
    """A span without data: from `since` to before `until`; `missing` periods lie in it."""

    since: datetime
    until: datetime
    missing: int


class Found(NamedTuple):
    """What was expected and what came in a span."""

    expected: int
    received: int
    gaps: list[Gap]


def floor(at: datetime, step: timedelta) -> datetime:
    """The last start of a period that is not after `at`, counted from midnight in Beijing."""
    midnight = at.astimezone(PARK_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight + (at - midnight) // step * step).astimezone(at.tzinfo)


def find_gaps(times: Iterable[int], since: datetime, until: datetime, step: timedelta) -> Found:
    """Periods of `step` from `since` to before `until` in which nothing came. times: Unix seconds of data."""
    start = floor(since, step)
    if start < since:
        start += step
    have = {int(floor(datetime.fromtimestamp(at, since.tzinfo), step).timestamp()) for at in times}
    gaps: list[Gap] = []
    expected = received = 0
    at = start
    while at < until:
        expected += 1
        if int(at.timestamp()) in have:
            received += 1
        elif gaps and gaps[-1].until == at:
            gaps[-1] = Gap(gaps[-1].since, at + step, gaps[-1].missing + 1)
        else:
            gaps.append(Gap(at, at + step, 1))
        at += step
    return Found(expected, received, gaps)


def portions(gaps: Sequence[Gap], longest: timedelta, step: timedelta) -> list[Gap]:
    """The gaps cut so that none is longer than `longest` or passes midnight in Beijing."""
    cut: list[Gap] = []
    for gap in gaps:
        at = gap.since
        while at < gap.until:
            midnight = at.astimezone(PARK_ZONE).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            end = min(gap.until, at + longest, midnight.astimezone(at.tzinfo))
            cut.append(Gap(at, end, (end - at) // step))
            at = end
    return cut


def join(gaps: Sequence[Gap], longest: timedelta) -> list[Gap]:
    """Neighbouring gaps of one day asked for together where the whole is not longer than `longest`.

    A device that lost every second minute is asked once; what it sends again is the same as before.
    """
    joined: list[Gap] = []
    for gap in gaps:
        last = joined[-1] if joined else None
        same_day = last is not None and _day(last.since) == _day(gap.since)
        if last is not None and same_day and gap.until - last.since <= longest:
            joined[-1] = Gap(last.since, gap.until, last.missing + gap.missing)
        else:
            joined.append(gap)
    return joined


def _day(at: datetime) -> str:
    return at.astimezone(PARK_ZONE).date().isoformat()
