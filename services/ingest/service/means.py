"""Use cases on derived means and substituted values: read, set how they are made, make again."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.means.formulas import rounded
from services.ingest.domain.means.periods import HOUR, KINDS, WHYS, hour_tasks
from services.ingest.domain.means.plants import Plant, decimals_of
from services.ingest.domain.means.rules import check_rule_set
from services.ingest.domain.registry import Outlet
from services.ingest.store.derived import (
    AGREEMENT_OF,
    BASIS_OF,
    METHOD_OF,
    STATE_OF,
    DerivedStore,
    reasons_of,
)
from services.ingest.store.dictionaries import Dictionaries
from services.ingest.store.mean_tasks import MeanTaskStore
from services.ingest.store.plants import MeanSetting, PlantStore
from services.ingest.store.registry import RegistryStore
from services.ingest.store.substituted import SubstitutedStore
from shared import audit
from shared.audit import Actor
from shared.auth import Principal
from shared.clock import Clock
from shared.contracts.ingest.means import (
    MAX_RECOMPUTE_DAYS,
    DifferenceOut,
    MeanKind,
    MeanOut,
    MeanProgress,
    MeanSettingsIn,
    MeanSettingsOut,
    RecomputeIn,
    RecomputeOut,
    SubstituteOut,
    Why,
)
from shared.db import raw
from shared.errors import InvalidError, NotFoundError, TooLargeError

KIND_OF = {number: kind for kind, number in KINDS.items()}
WHY_OF = {number: why for why, number in WHYS.items()}
MOST_SPAN = timedelta(days=400)
MOST_VERSIONS = 200
EMISSION_DECIMALS = 6


class MeanNotFoundError(NotFoundError):
    """No such mean."""

    code = "mean_not_found"


class MeanService:
    """Use cases in the caller's transaction."""

    def __init__(
        self, session: AsyncSession, dictionaries: Dictionaries, clock: Clock, caller: Principal, jurisdiction: str
    ) -> None:
        self._session = session
        self._dictionaries = dictionaries
        self._clock = clock
        self._caller = caller
        self._jurisdiction = jurisdiction

    async def list_means(  # noqa: PLR0913 - which ones, and where the page begins
        self, outlet_id: UUID, kind: MeanKind, since: datetime, until: datetime, *, factor: str | None,
        after: tuple[datetime, str] | None, limit: int,
    ) -> list[MeanOut]:  # fmt: skip
        """Means of an outlet by time and factor, the reported ones beside them."""
        check_span(since, until)
        connection, plant = await self._plant(await self._outlet(outlet_id))
        store = DerivedStore(connection, self._dictionaries)
        rows = await store.list_means(plant.point, KINDS[kind], since, until, factor=factor, after=after, limit=limit)
        return [MeanOut(**_shown(row, plant)) for row in rows]

    async def list_versions(self, outlet_id: UUID, kind: MeanKind, factor: str, at: datetime) -> list[MeanOut]:
        """All versions of one mean, the one in force first."""
        connection, plant = await self._plant(await self._outlet(outlet_id))
        store = DerivedStore(connection, self._dictionaries)
        rows = await store.list_versions(plant.point, KINDS[kind], at, factor, limit=MOST_VERSIONS)
        if not rows:
            raise MeanNotFoundError("no such mean", factor=factor, at=at.isoformat())
        return [MeanOut(**_shown(row, plant)) for row in rows]

    async def list_differences(
        self, since: datetime, until: datetime, *, enterprise_id: UUID | None, outlet_id: UUID | None,
        after: tuple[datetime, UUID, str, str] | None, limit: int,
    ) -> list[DifferenceOut]:  # fmt: skip
        """Means whose reported value is beyond the tolerance, the newest first."""
        check_span(since, until)
        if enterprise_id is not None:
            self._caller.check_may_see(enterprise_id)
        if outlet_id is not None:
            await self._outlet(outlet_id)
        connection = await raw(self._session)
        plants = PlantStore(connection, self._jurisdiction)
        place = None
        if after is not None:
            points = await plants.points_of([after[1]])
            place = after[0], points.get(after[1], 0), after[2], KINDS[MeanKind(after[3])]
        rows = await DerivedStore(connection, self._dictionaries).list_beyond(
            since, until, whose=(self._caller.tenant or enterprise_id, outlet_id), after=place, limit=limit
        )
        numbers = await plants.points_of(sorted({row["outlet_id"] for row in rows}))
        known = await plants.plants(sorted(numbers.values()))
        return [
            DifferenceOut(
                outlet_id=row["outlet_id"], enterprise_id=row["enterprise_id"],
                **_shown(row, known[numbers[row["outlet_id"]]]),
            )
            for row in rows
        ]  # fmt: skip

    async def list_substitutes(
        self, outlet_id: UUID, since: datetime, until: datetime, *, factor: str | None,
        after: tuple[datetime, str] | None, limit: int,
    ) -> list[SubstituteOut]:  # fmt: skip
        """Substituted hours in force by time and factor."""
        check_span(since, until)
        outlet = await self._outlet(outlet_id)
        store = SubstitutedStore(await raw(self._session))
        rows = await store.list_substitutes(outlet.point, since, until, factor=factor, after=after, limit=limit)
        return [SubstituteOut(**{**row, "rule": _rule(row["rule"])}) for row in rows]

    async def get_settings(self, outlet_id: UUID) -> MeanSettingsOut:
        """How the means of an outlet are made."""
        outlet = await self._outlet(outlet_id)
        connection, plant = await self._plant(outlet)
        setting = await PlantStore(connection, self._jurisdiction).get_setting(outlet_id)
        return self._settings_out(plant, setting)

    async def set_settings(self, outlet_id: UUID, given: MeanSettingsIn) -> MeanSettingsOut:
        """Set how the means of an outlet are made from now on; means already made stay until they are made again."""
        outlet = await self._outlet(outlet_id)
        check_rule_set(given.rule_set, outlet.medium)
        connection = await raw(self._session)
        store = PlantStore(connection, self._jurisdiction)
        before = await store.get_setting(outlet_id, lock=True)
        after = MeanSetting(**given.model_dump(), version=before.version)
        if after != before:
            await store.save_setting(outlet_id, after, self._clock.now())
            await audit.record(
                self._session, Actor.of(self._caller), "means.set", f"outlet:{outlet_id}", at=self._clock.now(),
                before=asdict(before), after=given.model_dump(),
            )  # fmt: skip
        return await self.get_settings(outlet_id)

    async def recompute(self, outlet_id: UUID, given: RecomputeIn) -> RecomputeOut:
        """Put a span of an outlet in line to be made again; days and months follow their hours."""
        outlet = await self._outlet(outlet_id)
        check_span(given.since, given.until)
        if given.until - given.since > timedelta(days=MAX_RECOMPUTE_DAYS):
            raise TooLargeError(f"at most {MAX_RECOMPUTE_DAYS} days at once", limit=MAX_RECOMPUTE_DAYS)
        until = min(given.until, self._clock.now())
        tasks = hour_tasks(outlet.point, int(given.since.timestamp()), int(until.timestamp()), Why.RULE_CHANGE)
        await MeanTaskStore(await raw(self._session)).add(tasks)
        await audit.record(
            self._session, Actor.of(self._caller), "means.recompute", f"outlet:{outlet_id}", at=self._clock.now(),
            after={"since": given.since.isoformat(), "until": given.until.isoformat(), "hours": len(tasks)},
            reason=given.reason,
        )  # fmt: skip
        return RecomputeOut(hours=len(tasks))

    async def progress(self) -> MeanProgress:
        """How far the making of means is."""
        behind, due, oldest = await MeanTaskStore(await raw(self._session)).progress(self._clock.now())
        return MeanProgress(events_behind=behind, periods_due=due, oldest_due_at=oldest)

    async def _outlet(self, outlet_id: UUID) -> Outlet:
        outlet = await RegistryStore(self._session).get_outlet(outlet_id)
        self._caller.check_may_see(outlet.enterprise_id)
        return outlet

    async def _plant(self, outlet: Outlet) -> tuple[asyncpg.Connection, Plant]:
        connection = await raw(self._session)
        plants = await PlantStore(connection, self._jurisdiction).plants([outlet.point])
        return connection, plants[outlet.point]

    def _settings_out(self, plant: Plant, setting: MeanSetting) -> MeanSettingsOut:
        rules = plant.rules(int(self._clock.now().timestamp()) // HOUR * HOUR)
        return MeanSettingsOut(
            **asdict(setting), outlet_id=plant.outlet_id, rule=rules.name, source=rules.source,
            oxygen_in_force=plant.reference_oxygen,
        )  # fmt: skip


def check_span(since: datetime, until: datetime) -> None:
    """Raise where the span is empty or too long."""
    if until <= since:
        raise InvalidError("until must be after since", field="until")
    if until - since > MOST_SPAN:
        raise TooLargeError(f"at most {MOST_SPAN.days} days at once", limit=MOST_SPAN.days)


def _rule(source: str) -> str:
    return source.removeprefix("rule:")


def _shown(row: Mapping[str, Any], plant: Plant) -> dict[str, Any]:
    """A stored mean as the contract has it, rounded here and nowhere before."""
    factor, value, reported = row["factor"], row["value"], row["reported"]
    decimals = decimals_of(factor, plant.steps.get(factor))

    def edge(number: float | None, places: int = decimals) -> float | None:
        return None if number is None else rounded(number, places)

    judged = row["agreement"]
    compared = BASIS_OF[row["basis"]].value != "reported" and value is not None and reported is not None
    return {
        "factor": factor, "unit": plant.unit(factor), "kind": KIND_OF[row["kind"]], "at": row["at"],
        "value": edge(value), "converted": edge(row["converted"]),
        "emission": edge(row["emission"], EMISSION_DECIMALS), "state": STATE_OF[row["state"]],
        "valid": row["valid"], "expected": row["expected"], "reasons": reasons_of(row["reasons"]),
        "basis": BASIS_OF[row["basis"]], "method": METHOD_OF[row["method"]], "reported": reported,
        "reported_flag": row["reported_flag"],
        "difference": edge(rounded(value, decimals) - reported, decimals + 2) if compared else None,
        "agreement": None if judged is None else AGREEMENT_OF[judged], "late": row["late"], "rev": row["rev"],
        "why": WHY_OF[row["why"]], "rule": _rule(row["rule"]), "digest": f"{row['digest'] & (1 << 64) - 1:016x}",
        "computed_at": row["computed_at"], "replaced_at": row.get("replaced_at"),
    }  # fmt: skip
