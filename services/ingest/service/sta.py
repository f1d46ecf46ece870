"""SensorThings: entities from the registry, observations from the readings, links between them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from services.ingest.domain.factors import catalogue
from services.ingest.domain.readings import EARLIEST
from services.ingest.domain.sta.answers import Json, entity, entity_url, observation
from services.ingest.domain.sta.filters import Wanted, read_wanted, take_area
from services.ingest.domain.sta.model import CONFORMANCE, PERIODS, SETS, EntitySet, Link
from services.ingest.domain.sta.options import (
    EXPANDED_PAGE,
    PAGE,
    Address,
    OptionError,
    Options,
    read_options,
    read_path,
)
from services.ingest.service.intake import Intake
from services.ingest.service.sta_walk import Stretch, count_between, walk
from services.ingest.store.readings import ReadingStore
from services.ingest.store.registry import RegistryStore
from services.ingest.store.sta import Names, Row, StaStore
from shared.auth import Principal
from shared.clock import Clock
from shared.contracts.ingest import ReadingKind
from shared.db import Database, raw
from shared.errors import NotFoundError

AHEAD = timedelta(days=2)
_PARTS = 3


@cache
def _names() -> Names:
    factors = catalogue().values()
    return Names(
        codes=[item.code for item in factors],
        names=[item.name_zh for item in factors],
        names_en=[item.name_en for item in factors],
        kinds=[kind.value for kind in ReadingKind],
        seconds=[PERIODS.get(kind, 60) for kind in ReadingKind],
    )


@dataclass(frozen=True)
class _Point:
    """An outlet's factor and kind, as a Datastream's id names them."""

    outlet_id: UUID
    factor: str
    kind: ReadingKind

    @classmethod
    def read(cls, text: str) -> "_Point":
        parts = text.split(":")
        try:
            outlet_id, factor, kind = UUID(parts[0]), parts[1], ReadingKind(parts[2])
        except (ValueError, IndexError) as error:
            raise NotFoundError("no such Datastream") from error
        if len(parts) != _PARTS:
            raise NotFoundError("no such Datastream")
        return cls(outlet_id, factor, kind)


class StaService:
    """Answers of the interface under `base`, the address the caller uses."""

    def __init__(self, db: Database, intake: Intake, clock: Clock, caller: Principal) -> None:
        self._db = db
        self._intake = intake
        self._clock = clock
        self._caller = caller

    def index(self, base: str) -> Json:
        """The landing page: sets and what is served."""
        return {
            "value": [{"name": name, "url": f"{base}/{name}"} for name in SETS],
            "serverSettings": {"conformance": list(CONFORMANCE)},
        }

    async def get(self, base: str, path: str, query: Mapping[str, str]) -> Json:
        """What an address and its options name."""
        address = read_path(path)
        options = read_options(query, address.entity_set)
        async with self._db.transaction() as session:
            reader = _Reader(
                StaStore(session, self._caller.tenant, _names()), RegistryStore(session),
                ReadingStore(await raw(session), self._intake.dictionaries), base,
                int((self._clock.now() + AHEAD).timestamp()),
            )  # fmt: skip
            return await reader.answer(address, options, f"{base}/{path}", query)


@dataclass(frozen=True)
class _Reader:
    """One request's reading in one transaction."""

    entities: StaStore
    registry: RegistryStore
    readings: ReadingStore
    base: str
    latest: int

    async def answer(self, address: Address, options: Options, url: str, query: Mapping[str, str]) -> Json:
        equal = await self._equal(address)
        if not address.many:
            return await self._one(address.entity_set, equal, options)
        page = min(PAGE if options.top is None else options.top, PAGE)
        rows, more, after = await self._rows(address.entity_set, equal, options, page)
        answer: Json = {}
        if options.count:
            answer["@iot.count"] = await self._count(address.entity_set, equal, options)
        answer["value"] = [await self._told(address.entity_set, row, options) for row in rows]
        # A client that asked for no more than a page and got it wants no further one.
        if more and (options.top is None or options.top > PAGE):
            answer["@iot.nextLink"] = _next(url, query, options, len(rows), after)
        return answer

    async def _equal(self, address: Address) -> dict[str, str]:
        """What rows of the addressed set must equal. Raises `NotFoundError` where the parent is not there."""
        if address.parent is None:
            return {} if address.id is None else {"id": address.id}
        parent_set, parent_id, link = address.parent
        parent = await self._find(parent_set, {"id": parent_id})
        equal = {link.theirs: str(parent[link.ours])}
        return equal if address.id is None else {**equal, "id": address.id}

    async def _one(self, entity_set: EntitySet, equal: dict[str, str], options: Options) -> Json:
        return await self._told(entity_set, await self._find(entity_set, equal), options)

    async def _find(self, entity_set: EntitySet, equal: dict[str, str]) -> Row:
        if entity_set.name == "Observations":
            return await self._observation(equal.get("id", ""))
        rows = await self.entities.read(entity_set.name, Options(), limit=1, equal=equal)
        if not rows:
            raise NotFoundError(f"nothing of {entity_set.name} there")
        return rows[0]

    async def _told(self, entity_set: EntitySet, row: Row, options: Options) -> Json:
        told = entity(self.base, entity_set, row, options)
        for name, below in options.expand:
            link = entity_set.links[name]
            told[name] = await self._expanded(link, row, below)
            told.pop(f"{name}@iot.navigationLink", None)
            if link.many:
                told[f"{name}@iot.navigationLink"] = f"{entity_url(self.base, entity_set, row['id'])}/{name}"
        return told

    async def _expanded(self, link: Link, row: Row, options: Options) -> Any:
        target, equal = SETS[link.target], {link.theirs: str(row[link.ours])}
        if not link.many:
            return await self._one(target, equal, options)
        page = min(EXPANDED_PAGE if options.top is None else options.top, EXPANDED_PAGE)
        rows, _, _ = await self._rows(target, equal, options, page)
        return [await self._told(target, item, options) for item in rows]

    async def _rows(
        self, entity_set: EntitySet, equal: dict[str, str], options: Options, page: int
    ) -> tuple[list[Row], bool, str]:
        """(rows of a page, whether there are more, where the next page begins)."""
        if entity_set.name == "Observations":
            return await self._observations(equal, options, page)
        rest, area = take_area(options.filter)
        wanted = replace(options, filter=rest)
        rows = await self.entities.read(entity_set.name, wanted, limit=page + 1, equal=equal, area=area)
        return rows[:page], len(rows) > page, ""

    async def _count(self, entity_set: EntitySet, equal: dict[str, str], options: Options) -> int:
        if entity_set.name == "Observations":
            point, wanted = _Point.read(_datastream(equal)), read_wanted(options.filter)
            if await self._number(point) is None:
                return 0
            return await count_between(self.readings, await self._stretch(point, wanted), wanted)
        rest, area = take_area(options.filter)
        return await self.entities.count(entity_set.name, replace(options, filter=rest), equal=equal, area=area)

    # --- observations ---

    async def _observations(self, equal: dict[str, str], options: Options, page: int) -> tuple[list[Row], bool, str]:
        datastream = _datastream(equal)
        point, wanted = _Point.read(datastream), read_wanted(options.filter)
        stretch = await self._stretch(point, wanted)
        if options.after:
            if not options.after.lstrip("-").isdigit():
                raise OptionError("not one of ours", option="$skiptoken")
            after = int(options.after)
            narrowed = (stretch.since, min(stretch.until, after)) if _descending(options) else (
                max(stretch.since, after + 1), stretch.until
            )  # fmt: skip
            stretch = stretch._replace(since=narrowed[0], until=narrowed[1])
        found = await walk(
            self.readings, stretch, wanted, descending=_descending(options), skip=options.skip, limit=page + 1
        )
        rows = [observation(datastream, str(point.outlet_id), at, value, flag) for at, value, flag in found[:page]]
        return rows, len(found) > page, str(found[page - 1][0]) if len(found) > page > 0 else ""

    async def _observation(self, text: str) -> Row:
        datastream, _, at = text.rpartition("@")
        if not at.isdigit() or not EARLIEST <= int(at) < self.latest:
            raise NotFoundError("no such Observation")
        point, wanted = _Point.read(datastream), Wanted(since=int(at), until=int(at) + 1)
        if await self._number(point) is None:
            raise NotFoundError("no such Observation")
        found = await walk(self.readings, await self._stretch(point, wanted), wanted, limit=1)
        if not found:
            raise NotFoundError("no such Observation")
        return observation(datastream, str(point.outlet_id), *found[0])

    async def _number(self, point: _Point) -> int | None:
        """The short number of an outlet that the caller may see."""
        rows = await self.entities.read("Things", Options(), limit=1, equal={"id": str(point.outlet_id)})
        return (await self.registry.get_outlet(point.outlet_id)).point if rows else None

    async def _stretch(self, point: _Point, wanted: Wanted) -> Stretch:
        number = await self._number(point)
        if number is None:
            raise NotFoundError("no such Datastream")
        since = max(EARLIEST, EARLIEST if wanted.since is None else wanted.since)
        until = min(self.latest, self.latest if wanted.until is None else wanted.until)
        return Stretch(number, point.kind, point.factor, since, max(since, until))


def _datastream(equal: Mapping[str, str]) -> str:
    """The Datastream whose observations are asked for: all observations of a park at once are not served."""
    if "datastream" not in equal:
        raise OptionError("ask for the Observations of one Datastream", option="path")
    return equal["datastream"]


def _descending(options: Options) -> bool:
    if not options.orderby:
        return False
    column, descending = options.orderby[0]
    if column not in {"phenomenonTime", "resultTime", "@iot.id", "id"} or len(options.orderby) > 1:
        raise OptionError("Observations are ordered by phenomenonTime", option="$orderby")
    return descending


def _next(url: str, query: Mapping[str, str], options: Options, given: int, after: str) -> str:
    changed = {name: value for name, value in query.items() if name not in {"$skip", "$skiptoken", "$top"}}
    if options.top is not None:
        changed["$top"] = str(options.top - given)
    changed.update({"$skiptoken": after} if after else {"$skip": str(options.skip + given)})
    return f"{url}?{urlencode(changed)}"
