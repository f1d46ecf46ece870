"""Runs of flags 数据标记 in stored readings, and the automatic marks that are made of them.

A run is an unbroken stretch of one flag on one factor. Runs are a pure function of the readings: editing them
with readings in any order, late or corrected, gives what all readings at once would give.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from services.ingest.domain.readings import NORMAL


class Run(NamedTuple):
    """A run from `since` to before `until` (Unix seconds); `mark_id` is the automatic mark it belongs to."""

    factor: str
    flag: str
    since: int
    until: int
    mark_id: UUID | None = None


class Flagged(NamedTuple):
    """What a reading of `step` seconds from `at` says of one factor."""

    factor: str
    at: int
    step: int
    flag: str


class Stretch(NamedTuple):
    """Runs of the same flag and span, as one mark speaks of them."""

    flag: str
    since: int
    until: int
    factors: tuple[str, ...]
    mark_ids: tuple[UUID, ...]


def edit(runs: Iterable[Run], readings: Iterable[Flagged], known: frozenset[str]) -> list[Run]:
    """The runs after these readings; only flags in `known` make runs. Ordered by factor and start."""
    by_factor: dict[str, list[Run]] = {}
    for run in runs:
        by_factor.setdefault(run.factor, []).append(run)
    for reading in sorted(readings, key=lambda each: each.at):
        kept = by_factor.get(reading.factor, [])
        if kept:
            kept = [part for run in kept for part in _without(run, reading.at, reading.at + reading.step)]
        if reading.flag != NORMAL and reading.flag in known:
            kept.append(Run(reading.factor, reading.flag, reading.at, reading.at + reading.step))
        by_factor[reading.factor] = kept
    return [run for factor in sorted(by_factor) for run in _joined(by_factor[factor])]


def _without(run: Run, since: int, until: int) -> Iterable[Run]:
    """What is left of a run; the mark stays with the part that comes first."""
    if until <= run.since or since >= run.until:
        yield run
        return
    if run.since < since:
        yield run._replace(until=since)
    if until < run.until:
        mark_id = run.mark_id if run.since >= since else None
        yield run._replace(since=until, mark_id=mark_id)


def _joined(runs: Iterable[Run]) -> list[Run]:
    result: list[Run] = []
    for run in sorted(runs, key=lambda each: each.since):
        last = result[-1] if result else None
        if last is not None and last.flag == run.flag and last.until == run.since:
            result[-1] = last._replace(until=run.until, mark_id=last.mark_id or run.mark_id)
        else:
            result.append(run)
    return result


def stretches(runs: Sequence[Run], least: int, gap: int) -> list[Stretch]:
    """Runs long enough, grouped by flag and span. A run counts with the chain of runs of any flag that it is in."""
    long_enough = _chained(runs, least, gap)
    groups: dict[tuple[str, int, int], list[Run]] = {}
    for run in runs:
        if run in long_enough:
            groups.setdefault((run.flag, run.since, run.until), []).append(run)
    taken: set[UUID] = set()
    found = []
    for (flag, since, until), members in sorted(groups.items(), key=lambda item: (item[0][1], item[0][0])):
        mark_ids = tuple(sorted({run.mark_id for run in members if run.mark_id} - taken))
        taken |= set(mark_ids)
        found.append(Stretch(flag, since, until, tuple(sorted(run.factor for run in members)), mark_ids))
    return found


def _chained(runs: Sequence[Run], least: int, gap: int) -> set[Run]:
    long_enough: set[Run] = set()
    chain: list[Run] = []
    begin = end = 0
    for run in sorted(runs, key=lambda each: each.since):
        if chain and run.since > end + gap:
            long_enough |= set(chain) if end - begin >= least else set()
            chain = []
        if not chain:
            begin = end = run.since
        chain.append(run)
        end = max(end, run.until)
    return long_enough | (set(chain) if end - begin >= least else set())
