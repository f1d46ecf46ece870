"""Relations between the factors of the outlets at hand: their memories, and the hits that whole rows make."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.domain.checks.definition import Traits
from services.detection.domain.hits import Hit, SeriesKey
from services.detection.domain.relating import Place, advance, reach, running_hits
from services.detection.domain.relations.memory import Memory, MemoryLayoutError, dump, load
from services.detection.domain.relations.table import table_of
from services.detection.domain.rules import Rule
from services.detection.gateways import Column
from services.detection.service.planning import Planner
from services.detection.service.states import RESTARTED, moment
from services.detection.store import MemoryStore, SeriesId
from shared.contracts.ingest import ReadingKind
from shared.logging import get_logger

log = get_logger(__name__)

Key = tuple[UUID, ReadingKind]


class Relating:
    """Memories of one unit of work; the planner knows the outlets."""

    def __init__(self, session: AsyncSession, planner: Planner) -> None:
        self._store = MemoryStore(session)
        self._planner = planner
        self._memories: dict[Key, Memory] = {}
        self._moved: set[Key] = set()

    async def load(self, outlet_ids: set[UUID]) -> None:
        """Read the memories of these outlets. One of another layout begins anew, and is counted."""
        self._memories = {}
        for key, data in (await self._store.of_outlets(outlet_ids)).items():
            try:
                self._memories[key] = load(data)
            except MemoryLayoutError as wrong:
                RESTARTED.inc()
                log.warning("memory_restarted", outlet_id=str(key[0]), kind=key[1].value, why=str(wrong))

    def earliest(self, outlet_ids: Iterable[UUID]) -> dict[UUID, datetime]:
        """By outlet, the earliest time at which a hit not yet told may begin."""
        asked, first = set(outlet_ids), dict[UUID, datetime]()
        for (outlet_id, _), memory in self._memories.items():
            seconds = reach(memory)
            if outlet_id in asked and np.isfinite(seconds):
                first[outlet_id] = min(first.get(outlet_id, moment(seconds)), moment(seconds))
        return first

    def advance(self, columns: Mapping[SeriesId, Column]) -> list[Hit]:
        """Hits of the rows that these columns make, outlet by outlet."""
        rows: dict[Key, dict[str, Column]] = {}
        for one in sorted(columns):
            if self._planner.relations(one.kind):
                rows.setdefault((one.outlet_id, one.kind), {})[one.factor] = columns[one]
        hits: list[Hit] = []
        for key, parts in rows.items():
            memory = self._memories.setdefault(key, Memory())
            table = table_of(parts)
            hits += advance(memory, table, self._place(key, moment(table.t[-1])))
            self._moved.add(key)
        return hits

    def running(self) -> list[Hit]:
        """Hits that are running, as they stand."""
        hits: list[Hit] = []
        for key, memory in sorted(self._memories.items()):
            if memory.hits and key[0] in self._planner.outlets:
                hits += running_hits(memory, self._place(key, moment(memory.last)))
        return hits

    async def save(self) -> None:
        """Write the memories that have changed."""
        await self._store.save({key: dump(self._memories[key]) for key in self._moved})

    def _place(self, key: Key, at: datetime) -> Place:
        planner, rules = self._planner, self._planner.relations(key[1])

        def traits(factor: str) -> Traits:
            return planner.traits(SeriesId(key[0], factor, key[1]))

        def series(factor: str) -> SeriesKey:
            return SeriesKey(key[0], factor, key[1], timedelta(seconds=traits(factor).interval))

        def numbers(rule: Rule, factor: str) -> Mapping[str, float]:
            return planner.numbers(rule, SeriesId(key[0], factor, key[1]), at)

        return Place(
            interval=planner.interval(*key), rules=rules, active=planner.active(rules, at),
            traits=traits, key=series, numbers=numbers,
        )  # fmt: skip
