"""Copies of enterprises, outlets, factors and anomalies in SQL."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.casework.domain.priority import colour_weight
from services.casework.domain.registry import Enterprise, Factor, Outlet
from services.casework.tables import metadata
from shared.contracts.detection import AnomalyOut
from shared.contracts.grading import Colour

ENTERPRISES = metadata.tables["enterprise_copy"]
OUTLETS = metadata.tables["outlet_copy"]
FACTORS = metadata.tables["factor_name"]
ANOMALIES = metadata.tables["anomaly_copy"]


@dataclass(frozen=True)
class KnownAnomaly:
    """Where an anomaly belongs, and the version last seen of it."""

    case_id: UUID
    version: int


class RegistryStore:
    """Copies."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def put_enterprises(self, enterprises: Iterable[Enterprise]) -> None:
        """Add or renew; an older version changes nothing, the colour stays."""
        for enterprise in sorted(enterprises, key=lambda item: item.id):
            values = {**asdict(enterprise), "colour_weight": colour_weight(enterprise.colour)}
            names = {name: values[name] for name in ("code", "name_zh", "name_en", "version")}
            await self._session.execute(
                insert(ENTERPRISES).values(values).on_conflict_do_update(
                    index_elements=["id"], set_=names, where=ENTERPRISES.c.version < enterprise.version
                )
            )  # fmt: skip

    async def put_outlets(self, outlets: Iterable[Outlet]) -> None:
        """Add or renew; an older version changes nothing."""
        for outlet in sorted(outlets, key=lambda item: item.id):
            values = asdict(outlet)
            await self._session.execute(
                insert(OUTLETS).values(values).on_conflict_do_update(
                    index_elements=["id"], set_=values, where=OUTLETS.c.version < outlet.version
                )
            )  # fmt: skip

    async def put_factors(self, factors: Sequence[Factor]) -> None:
        """Add or rename."""
        if not factors:
            return
        statement = insert(FACTORS).values([asdict(factor) for factor in factors])
        names = {"name_zh": statement.excluded.name_zh, "name_en": statement.excluded.name_en}
        await self._session.execute(statement.on_conflict_do_update(index_elements=["code"], set_=names))

    async def set_colours(self, colours: dict[UUID, Colour]) -> set[UUID]:
        """New colours; gives back the enterprises that are not known yet."""
        known: set[UUID] = set()
        for enterprise_id in sorted(colours):
            colour = colours[enterprise_id]
            done = await self._session.execute(
                update(ENTERPRISES).where(ENTERPRISES.c.id == enterprise_id)
                .values(colour=colour, colour_weight=colour_weight(colour)).returning(ENTERPRISES.c.id)
            )  # fmt: skip
            known |= set(done.scalars())
        return set(colours) - known

    async def get_enterprise(self, enterprise_id: UUID) -> Enterprise:
        """One enterprise; a case has one always."""
        row = (await self._session.execute(select(ENTERPRISES).where(ENTERPRISES.c.id == enterprise_id))).mappings()
        found = row.one()
        return Enterprise(
            found["id"], found["code"], found["name_zh"], found["name_en"], found["version"], Colour(found["colour"])
        )

    async def missing_enterprises(self, ids: set[UUID]) -> set[UUID]:
        """Those of the enterprises there is no copy of."""
        return ids - set(
            (await self._session.execute(select(ENTERPRISES.c.id).where(ENTERPRISES.c.id.in_(ids)))).scalars()
        )

    async def missing_outlets(self, ids: set[UUID]) -> set[UUID]:
        """Those of the outlets there is no copy of."""
        return ids - set((await self._session.execute(select(OUTLETS.c.id).where(OUTLETS.c.id.in_(ids)))).scalars())

    async def missing_factors(self, codes: set[str]) -> set[str]:
        """Those of the factors whose names are not known."""
        found = await self._session.execute(select(FACTORS.c.code).where(FACTORS.c.code.in_(codes)))
        return codes - set(found.scalars())

    async def known_anomalies(self, ids: set[UUID]) -> dict[UUID, KnownAnomaly]:
        """Those of the anomalies that belong to a case."""
        rows = await self._session.execute(
            select(ANOMALIES.c.id, ANOMALIES.c.case_id, ANOMALIES.c.version).where(ANOMALIES.c.id.in_(ids))
        )
        return {row.id: KnownAnomaly(row.case_id, row.version) for row in rows}

    async def put_anomaly(self, anomaly: AnomalyOut, case_id: UUID, joined_at: datetime | None) -> None:
        """The anomaly as detection tells it now; where it belongs is settled by its first row."""
        data = anomaly.model_dump(mode="json")
        values = {
            "id": anomaly.id,
            "case_id": case_id,
            "version": anomaly.version,
            "data": data,
            "joined_at": joined_at,
        }
        await self._session.execute(
            insert(ANOMALIES).values(values).on_conflict_do_update(
                index_elements=["id"], set_={"version": anomaly.version, "data": data}
            )
        )  # fmt: skip

    async def move_anomalies(self, from_case: UUID, to_case: UUID, at: datetime) -> None:
        """The anomalies of a merged case go to the other one."""
        await self._session.execute(
            update(ANOMALIES).where(ANOMALIES.c.case_id == from_case).values(case_id=to_case, joined_at=at)
        )

    async def anomalies_of(self, case_id: UUID) -> list[AnomalyOut]:
        """Anomalies of a case, earliest first, at most 200."""
        rows = await self._session.execute(
            select(ANOMALIES.c.data).where(ANOMALIES.c.case_id == case_id)
            .order_by(ANOMALIES.c.data["started_at"].astext, ANOMALIES.c.id).limit(200)
        )  # fmt: skip
        return [AnomalyOut.model_validate(data) for data in rows.scalars()]

    async def anomaly_ids(self, case_ids: set[UUID]) -> dict[UUID, list[UUID]]:
        """Ids of the anomalies of each case."""
        if not case_ids:
            return {}
        rows = await self._session.execute(
            select(ANOMALIES.c.case_id, ANOMALIES.c.id)
            .where(ANOMALIES.c.case_id.in_(case_ids))
            .order_by(ANOMALIES.c.id)
        )
        found: dict[UUID, list[UUID]] = {}
        for row in rows:
            found.setdefault(row.case_id, []).append(row.id)
        return found
