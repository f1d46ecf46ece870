"""Stretches of time, labelled or alarmed, and how they merge into episodes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from services.detection.domain.compiled import Integers
from services.detection.domain.hits import Hit
from services.detection.domain.parents import measured

HOUR = 3600.0
SHORT_GAP, LONG_GAP = 1800.0, 7200.0


@dataclass(frozen=True, order=True)
class Span:
    """From `start` to `end`, the moment after its last point, in epoch seconds.

    `kind` is the label's kind or the check's name; `at` the data time at which an alarm was decided, for a label
    its start. `factors` are the one of an alarm, or those that a label touches; none means any.
    """

    start: int
    end: int
    kind: str = ""
    at: int = 0
    factors: tuple[str, ...] = ()


def gap_of(interval: float) -> float:
    """Longest gap in seconds within one episode: three samples, at least 30 minutes, for hourly data two hours."""
    return max(3.0 * interval, LONG_GAP if interval >= HOUR else SHORT_GAP)


def merge(spans: Iterable[Span], gap: float) -> list[Span]:
    """Episodes: spans of one factor and kind at most `gap` seconds apart are one, known when the first of them was."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.kind, one.factors, one.start, one.end)):
        last = merged[-1] if merged else None
        same = last is not None and (last.kind, last.factors) == (span.kind, span.factors)
        if last is not None and same and span.start - last.end <= gap:
            merged[-1] = replace(last, end=max(last.end, span.end), at=min(last.at, span.at))
        else:
            merged.append(span)
    return sorted(merged)


def families(episodes: Iterable[Span], together: Collection[str], within: float, least: int) -> list[Span]:
    """Episodes with those of one of the checks `together` that begin within so many seconds of each other on at least
    so many factors as one: a lost link is one alarm. What is computed from a factor is no further one.
    """
    told: list[Span] = []
    open_family: list[Span] = []
    for span in [*sorted(episodes, key=lambda one: (one.kind, one.start, one.factors)), None]:
        first = open_family[0] if open_family else None
        if first and (span is None or span.kind != first.kind or span.start - first.start > within):
            told += _family(open_family, least)
            open_family = []
        if span is not None and span.kind in together:
            open_family.append(span)
        elif span is not None:
            told.append(span)
    return sorted(told)


def _family(members: list[Span], least: int) -> list[Span]:
    factors = sorted({factor for one in members for factor in one.factors})
    if len({measured(factor) for factor in factors}) < least:
        return members
    begin, end = members[0].start, max(one.end for one in members)
    return [Span(begin, end, members[0].kind, min(one.at for one in members), tuple(factors))]


def runs(t: Integers, marked: npt.NDArray[np.bool_], interval: float, kind: str = "") -> list[Span]:
    """Labels from points: runs of neighbouring marked points of `t` (n,), each point lasting `interval` seconds."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], marked, [False])).astype(np.int8)))
    return [
        Span(int(t[begin]), int(t[end - 1] + interval), kind, int(t[begin]))
        for begin, end in edges.reshape(-1, 2).tolist()
    ]


def spans_of(hits: Iterable[Hit]) -> list[Span]:
    """Alarms from hits: as long as last told, known when first told. Empty hits, taken back by late data, are none."""
    spans: dict[object, Span] = {}
    for hit in hits:
        at = int(hit.decided_at.timestamp())
        known = spans.get(hit.id)
        begun = at if known is None else min(known.at, at)
        spans[hit.id] = Span(
            int(hit.started_at.timestamp()), int(hit.until.timestamp()), hit.check, begun, (hit.series.factor,)
        )
    return sorted(span for span in spans.values() if span.end > span.start)
