"""Making hour, day and month means of the periods in line: load, derive, save."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.completeness import BLANK_DAY, MISSING, letter_of, letters_that, put_letter
from services.ingest.domain.covers import Cover
from services.ingest.domain.means.folds import Part, derive_day, derive_month
from services.ingest.domain.means.hours import derive_hour, is_stopped
from services.ingest.domain.means.periods import (
    HOUR,
    KINDS,
    WHYS,
    Task,
    compact,
    day_of,
    end_of,
    following,
    moment,
)
from services.ingest.domain.means.plants import Mean, Plant, Reported
from services.ingest.domain.means.slots import Slots, lay_all
from services.ingest.service.intake import Intake
from services.ingest.store.derived import Derived, DerivedStore, rule_source
from services.ingest.store.marks import MarkStore
from services.ingest.store.outlet_days import Day, OutletDayStore
from services.ingest.store.plants import PlantStore
from services.ingest.store.readings import ReadingStore
from shared.contracts.ingest import ReadingKind
from shared.contracts.ingest.means import MeanKind, Why
from shared.db import raw

HOUR_KIND, DAY_KIND = KINDS[MeanKind.HOUR], KINDS[MeanKind.DAY]
MOST_CELLS = 600
"""Points times periods that one step reads."""
MOST_VALUES = 400_000
"""Minute values that one read brings; more are read in parts."""
LATE = WHYS[Why.LATE_DATA]

Minutes = dict[tuple[int, int], dict[str, Slots]]
Told = Mapping[tuple[int, int], Mapping[str, Reported]]
Covers = Mapping[int, Sequence[Cover]]


class Made(NamedTuple):
    """What a step did: tasks worked off, times that changed by outlet, and what is to be made after them."""

    done: Sequence[Task]
    changed: Mapping[UUID, set[int]]
    following: list[Task]


class _Result(NamedTuple):
    task: Task
    means: Mapping[str, Mean]
    letter: str


class Makers:
    """Makes means in the caller's transaction."""

    def __init__(self, intake: Intake, jurisdiction: str) -> None:
        self._intake = intake
        self._jurisdiction = jurisdiction

    async def make(self, session: AsyncSession, line: Sequence[Task], now: datetime) -> Made:
        """Make the means of the first tasks in line, all of one kind and ordered by time."""
        connection = await raw(session)
        line = compact(line, MOST_CELLS)
        plants = await PlantStore(connection, self._jurisdiction).plants(sorted({task.point for task in line}))
        if line[0].kind == HOUR_KIND:
            results = await self._hours(session, connection, plants, line)
        else:
            results = await self._folds(connection, plants, line)
        await self._prepare(results)
        means = [
            Derived(task.point, factor, task.kind, task.at, mean, task.why, task.why == LATE)
            for task, found, _ in results
            for factor, mean in found.items()
        ]
        fresh = await DerivedStore(connection, self._intake.dictionaries).save(means, now)
        if line[0].kind == HOUR_KIND:
            await self._note_hours(OutletDayStore(connection), results, now)
        changed: dict[UUID, set[int]] = {}
        after: list[Task] = []
        for task in line:
            if (task.point, task.at) in fresh:
                changed.setdefault(plants[task.point].outlet_id, set()).add(task.at)
                after += following(task.kind, task.point, task.at, task.why, int(now.timestamp()))
        return Made(line, changed, after)

    async def _hours(
        self, session: AsyncSession, connection: asyncpg.Connection, plants: Mapping[int, Plant], line: Sequence[Task]
    ) -> list[_Result]:
        points = sorted(plants)
        since, until = line[0].at, line[-1].at + HOUR
        first = await OutletDayStore(connection).first_hours(points)
        line = [task for task in line if task.at >= first.get(task.point, until)]
        readings = ReadingStore(connection, self._intake.dictionaries)
        minutes = await self._minutes(readings, plants, line)
        store = DerivedStore(connection, self._intake.dictionaries)
        told = await store.reported(points, HOUR_KIND, moment(since), moment(until))
        covers = await MarkStore(session).covers(points, since, until)
        return await asyncio.to_thread(_hours, plants, line, minutes, (told, covers))

    async def _folds(
        self, connection: asyncpg.Connection, plants: Mapping[int, Plant], line: Sequence[Task]
    ) -> list[_Result]:
        kind, points = line[0].kind, sorted(plants)
        since, until = moment(line[0].at), moment(max(end_of(task.kind, task.at) for task in line))
        store = DerivedStore(connection, self._intake.dictionaries)
        parts = await store.parts(points, kind - 1, since, until)
        told = await store.reported(points, kind, since, until) if kind == DAY_KIND else {}
        results = []
        for task in line:
            mine = _inside(parts.get(task.point, {}), task)
            if kind == DAY_KIND:
                means = derive_day(plants[task.point], task.at, mine, told.get((task.point, task.at), {}))
            else:
                means = derive_month(plants[task.point], task.at, mine)
            results.append(_Result(task, means, ""))
        return results

    async def _minutes(self, store: ReadingStore, plants: Mapping[int, Plant], line: Sequence[Task]) -> Minutes:
        """Minute values of the hours in line; read in halves where there are too many at once."""
        if not line:
            return {}
        points = sorted({task.point for task in line})
        since, until = moment(line[0].at), moment(line[-1].at + HOUR - 1)
        columns = await store.read(points, ReadingKind.MINUTE, since, until, limit=MOST_VALUES)
        if columns is not None:
            intervals = {point: plants[point].interval for point in points}
            return await asyncio.to_thread(lay_all, columns, intervals)
        if len(line) == 1:
            raise RuntimeError(f"more than {MOST_VALUES} minute values in one hour of point {line[0].point}")
        half = len(line) // 2
        return await self._minutes(store, plants, line[:half]) | await self._minutes(store, plants, line[half:])

    async def _prepare(self, results: Sequence[_Result]) -> None:
        """Numbers and partitions, there before the rows that need them."""
        await self._intake.dictionaries.learn(
            factors={factor for _, means, _ in results for factor in means},
            sources={rule_source(mean.rule) for _, means, _ in results for mean in means.values()},
        )
        await self._intake.ensure_partitions("derived_value", [task.at for task, means, _ in results if means])
        if results and results[0].task.kind == HOUR_KIND:
            await self._intake.ensure_partitions("outlet_day", [day_of(task.at) for task, _, _ in results])

    async def _note_hours(self, store: OutletDayStore, results: Sequence[_Result], now: datetime) -> None:
        if not results:
            return
        before = await store.days({(task.point, day_of(task.at)) for task, _, _ in results})
        days = dict(before)
        received = letters_that("received")
        for task, _, letter in results:
            key = (task.point, day_of(task.at))
            day = days.get(key, Day(BLANK_DAY, 0))
            hour = (task.at - key[1]) // HOUR
            late = day.late if letter in received else day.late & ~(1 << hour)
            if task.why == LATE and day.states[hour] == MISSING and letter in received:
                late |= 1 << hour
            days[key] = Day(put_letter(day.states, hour, letter), late)
        await store.put({key: day for key, day in days.items() if before.get(key) != day}, now)


def _hours(
    plants: Mapping[int, Plant], line: Sequence[Task], minutes: Minutes, others: tuple[Told, Covers]
) -> list[_Result]:
    """Hour means of all tasks; runs beside the event loop."""
    told, covers = others
    results = []
    for task in line:
        plant, marks = plants[task.point], covers.get(task.point, ())
        key = (task.point, task.at)
        means = derive_hour(plant, task.at, minutes.get(key, {}), told.get(key, {}), marks)
        states = [mean.state for mean in means.values()]
        results.append(_Result(task, means, letter_of(states, stopped=is_stopped(plant, task.at, marks))))
    return results


def _inside(parts: Mapping[str, Sequence[Part]], task: Task) -> dict[str, list[Part]]:
    """Parts of the task's period by factor; factors without any are left out."""
    end = end_of(task.kind, task.at)
    inside = {factor: [part for part in own if task.at <= part.at < end] for factor, own in parts.items()}
    return {factor: own for factor, own in inside.items() if own}
