"""Substituted values of an outlet's quarter: made again whenever one of its days changed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.means.gapfill import Series
from services.ingest.domain.means.periods import HOUR, KINDS, QUARTER, Task, day_of, end_of, hour_of, moment
from services.ingest.domain.means.plants import Plant
from services.ingest.domain.means.substitution import LOOK_BACK_HOURS, rule_for
from services.ingest.service.intake import Intake
from services.ingest.store.derived import DerivedStore, rule_source
from services.ingest.store.outlet_days import OutletDayStore
from services.ingest.store.plants import PlantStore
from services.ingest.store.substituted import Quarterly, SubstitutedStore
from shared.contracts.ingest import Medium
from shared.contracts.ingest.means import MeanKind
from shared.db import raw

HOUR_KIND = KINDS[MeanKind.HOUR]


class Substitutes:
    """Fills the quarters in line, in the caller's transaction."""

    def __init__(self, intake: Intake, jurisdiction: str) -> None:
        self._intake = intake
        self._jurisdiction = jurisdiction

    async def make(self, session: AsyncSession, line: Sequence[Task], now: datetime) -> None:
        """Make the substitutes of each outlet's quarter."""
        connection = await raw(session)
        plants = await PlantStore(connection, self._jurisdiction).plants([task.point for task in line])
        first = await OutletDayStore(connection).first_hours(list(plants))
        await self._intake.dictionaries.learn(sources={rule_source(rule_for(medium).name) for medium in Medium})
        for task in line:
            start = first.get(task.point)
            until = min(end_of(QUARTER, task.at), hour_of(int(now.timestamp())))
            if start is None or max(task.at, start) >= until:
                continue
            since = max(task.at - LOOK_BACK_HOURS * HOUR, start)
            series = await self._load(session, plants[task.point], (since, max(task.at, start), until))
            rule = rule_for(series.plant.medium)
            filled = series.fill(rule)
            end = moment(end_of(QUARTER, task.at))
            quarter = Quarterly(
                task.point, moment(task.at), end, rule_source(rule.name), rule.quantity, series.captures, end > now
            )
            await SubstitutedStore(connection).replace(quarter, filled, now)

    async def _load(self, session: AsyncSession, plant: Plant, span: tuple[int, int, int]) -> Series:
        connection = await raw(session)
        since, _, until = span
        store = DerivedStore(connection, self._intake.dictionaries)
        parts = (await store.parts([plant.point], HOUR_KIND, moment(since), moment(until))).get(plant.point, {})
        days = await OutletDayStore(connection).list_days(plant.point, moment(day_of(since)), moment(until))
        return Series(plant, parts, {at: day.states for at, day in days.items()}, span)
