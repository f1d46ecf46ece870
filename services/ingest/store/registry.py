"""The registry's SQL: rows in, domain objects out."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, tuple_
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col, select

from services.ingest.domain.readings import Point
from services.ingest.domain.registry import Device, Enterprise, Limit, Outlet, OutletFactor
from services.ingest.tables import DeviceRow, EnterpriseRow, LimitRow, OutletRow
from shared.contracts.ingest import Medium, PermitClass, ReadingKind
from shared.errors import NotFoundError


class EnterpriseNotFoundError(NotFoundError):
    """No such enterprise."""

    code = "enterprise_not_found"


class OutletNotFoundError(NotFoundError):
    """No such outlet."""

    code = "outlet_not_found"


class DeviceNotFoundError(NotFoundError):
    """No such device."""

    code = "device_not_found"


def _enterprise(row: EnterpriseRow) -> Enterprise:
    return Enterprise(**{**row.model_dump(), "permit_class": PermitClass(row.permit_class)})


def _limit(row: LimitRow) -> Limit:
    return Limit(**{**row.model_dump(), "averaging": ReadingKind(row.averaging)})


def _outlet(row: OutletRow, limits: Sequence[Limit]) -> Outlet:
    changed: dict[str, Any] = {
        "medium": Medium(row.medium),
        "factors": tuple(OutletFactor(**item) for item in row.factors),
        "limits": tuple(limits),
    }
    return Outlet(**{**row.model_dump(), **changed})


def _device(row: DeviceRow) -> Device:
    return Device(**row.model_dump())


class RegistryStore:
    """Reads and writes in the caller's transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    # --- enterprises ---

    async def list_enterprises(
        self, *, q: str | None, only: UUID | None, after: str | None, limit: int
    ) -> list[Enterprise]:
        """By code; `q` is looked for in code and names, `only` restricts to one tenant."""
        query = select(EnterpriseRow).order_by(col(EnterpriseRow.code)).limit(limit)
        if q:
            columns = (col(EnterpriseRow.code), col(EnterpriseRow.name_zh), col(EnterpriseRow.name_en))
            query = query.where(or_(*(column.icontains(q, autoescape=True) for column in columns)))
        if only is not None:
            query = query.where(col(EnterpriseRow.id) == only)
        if after is not None:
            query = query.where(col(EnterpriseRow.code) > after)
        return [_enterprise(row) for row in (await self._session.execute(query)).scalars()]

    async def find_enterprise(self, enterprise_id: UUID, *, lock: bool = False) -> Enterprise | None:
        """One enterprise or None."""
        row = await self._session.get(EnterpriseRow, enterprise_id, with_for_update=lock or None)
        return None if row is None else _enterprise(row)

    async def find_enterprises(self, ids: Iterable[UUID]) -> dict[UUID, Enterprise]:
        """Those of the enterprises that there are."""
        rows = await self._session.execute(select(EnterpriseRow).where(col(EnterpriseRow.id).in_(list(ids))))
        return {row.id: _enterprise(row) for row in rows.scalars()}

    async def get_enterprise(self, enterprise_id: UUID) -> Enterprise:
        """One enterprise; raises when there is none."""
        found = await self.find_enterprise(enterprise_id)
        if found is None:
            raise EnterpriseNotFoundError("no such enterprise", enterprise_id=str(enterprise_id))
        return found

    async def save_enterprise(self, enterprise: Enterprise) -> None:
        """Add or replace."""
        await self._put(EnterpriseRow, asdict(enterprise))

    # --- outlets ---

    async def list_outlets(
        self, *, enterprise_id: UUID | None, after: tuple[str, UUID] | None, limit: int, in_use: bool = False
    ) -> list[Outlet]:
        """By code, with factors and limits; `in_use` leaves out those that are not."""
        query = select(OutletRow).order_by(col(OutletRow.code), col(OutletRow.id)).limit(limit)
        if in_use:
            query = query.where(col(OutletRow.active))
        if enterprise_id is not None:
            query = query.where(col(OutletRow.enterprise_id) == enterprise_id)
        if after is not None:
            query = query.where(tuple_(col(OutletRow.code), col(OutletRow.id)) > after)
        rows = list((await self._session.execute(query)).scalars())
        limits = await self._limits_of([row.id for row in rows])
        return [_outlet(row, limits.get(row.id, [])) for row in rows]

    async def find_outlet(self, outlet_id: UUID, *, lock: bool = False) -> Outlet | None:
        """One outlet with factors and limits, or None."""
        row = await self._session.get(OutletRow, outlet_id, with_for_update=lock or None, populate_existing=True)
        if row is None:
            return None
        return _outlet(row, (await self._limits_of([outlet_id])).get(outlet_id, []))

    async def find_outlets(self, outlet_ids: Iterable[UUID]) -> list[Outlet]:
        """Those of the outlets that there are, with factors and limits."""
        wanted = list(outlet_ids)
        rows = (await self._session.execute(select(OutletRow).where(col(OutletRow.id).in_(wanted)))).scalars().all()
        limits = await self._limits_of([row.id for row in rows])
        return [_outlet(row, limits.get(row.id, [])) for row in rows]

    async def get_outlet(self, outlet_id: UUID, *, lock: bool = False) -> Outlet:
        """One outlet; raises when there is none."""
        found = await self.find_outlet(outlet_id, lock=lock)
        if found is None:
            raise OutletNotFoundError("no such outlet", outlet_id=str(outlet_id))
        return found

    async def save_outlet(self, outlet: Outlet) -> None:
        """Add or replace; limits are saved apart."""
        row = asdict(outlet)
        for name in ("limits", "point"):
            del row[name]
        row["factors"] = [asdict(item) for item in outlet.factors]
        await self._put(OutletRow, row)

    async def list_points(self, outlet_ids: Iterable[UUID]) -> list[Point]:
        """Short numbers of these outlets; unknown ones are left out."""
        query = select(OutletRow.point, OutletRow.id, OutletRow.enterprise_id, OutletRow.active).where(
            col(OutletRow.id).in_(list(outlet_ids))
        )
        return [Point(*row) for row in await self._session.execute(query)]

    # --- devices ---

    async def list_devices(
        self, *, outlet_id: UUID | None, only: UUID | None, after: str | None, limit: int
    ) -> list[Device]:
        """By MN; `only` restricts to one enterprise."""
        query = select(DeviceRow).order_by(col(DeviceRow.mn)).limit(limit)
        if outlet_id is not None:
            query = query.where(col(DeviceRow.outlet_id) == outlet_id)
        if only is not None:
            own = select(OutletRow.id).where(col(OutletRow.enterprise_id) == only)
            query = query.where(col(DeviceRow.outlet_id).in_(own))
        if after is not None:
            query = query.where(col(DeviceRow.mn) > after)
        return [_device(row) for row in (await self._session.execute(query)).scalars()]

    async def list_connected(self, since: datetime, *, after: str | None, limit: int) -> list[Device]:
        """Devices in use that were heard of since, by MN; of one outlet only the one heard of last."""
        newest = (
            select(DeviceRow.id).ext(distinct_on(col(DeviceRow.outlet_id))).where(col(DeviceRow.active))
            .order_by(col(DeviceRow.outlet_id), col(DeviceRow.last_seen_at).desc().nulls_last())
        )  # fmt: skip
        query = (
            select(DeviceRow)
            .join(OutletRow, col(OutletRow.id) == col(DeviceRow.outlet_id))
            .where(col(DeviceRow.id).in_(newest), col(OutletRow.active), col(DeviceRow.last_seen_at) >= since)
        )
        if after is not None:
            query = query.where(col(DeviceRow.mn) > after)
        rows = (await self._session.execute(query.order_by(col(DeviceRow.mn)).limit(limit))).scalars()
        return [_device(row) for row in rows]

    async def find_device(self, mn: str, *, lock: bool = False) -> Device | None:
        """The device with this MN, or None."""
        query = select(DeviceRow).where(col(DeviceRow.mn) == mn).execution_options(populate_existing=True)
        row = (await self._session.execute(query.with_for_update() if lock else query)).scalar_one_or_none()
        return None if row is None else _device(row)

    async def get_device(self, device_id: UUID) -> Device:
        """One device; raises when there is none."""
        row = await self._session.get(DeviceRow, device_id, populate_existing=True)
        if row is None:
            raise DeviceNotFoundError("no such device", device_id=str(device_id))
        return _device(row)

    async def save_device(self, device: Device) -> None:
        """Add or replace; `last_seen_at` belongs to the gateway and is left alone."""
        row = asdict(device)
        del row["last_seen_at"]
        await self._put(DeviceRow, row)

    # --- limits ---

    async def list_limits(self, *, outlet_id: UUID | None, only: UUID | None, limit: int) -> list[Limit]:
        """Limits, past ones too, by outlet, factor, averaging and start."""
        query = select(LimitRow).limit(limit).order_by(
            col(LimitRow.outlet_id), col(LimitRow.factor), col(LimitRow.averaging), col(LimitRow.valid_from)
        )  # fmt: skip
        if outlet_id is not None:
            query = query.where(col(LimitRow.outlet_id) == outlet_id)
        if only is not None:
            own = select(OutletRow.id).where(col(OutletRow.enterprise_id) == only)
            query = query.where(col(LimitRow.outlet_id).in_(own))
        return [_limit(row) for row in (await self._session.execute(query)).scalars()]

    async def save_limits(self, limits: Iterable[Limit]) -> None:
        """Add or replace each."""
        for limit in limits:
            await self._put(LimitRow, asdict(limit))

    async def _limits_of(self, outlet_ids: Sequence[UUID]) -> dict[UUID, list[Limit]]:
        query = (
            select(LimitRow)
            .where(col(LimitRow.outlet_id).in_(outlet_ids))
            .order_by(col(LimitRow.factor), col(LimitRow.averaging), col(LimitRow.valid_from))
            .execution_options(populate_existing=True)
        )
        limits: dict[UUID, list[Limit]] = {}
        for row in (await self._session.execute(query)).scalars():
            limits.setdefault(row.outlet_id, []).append(_limit(row))
        return limits

    # --- counts ---

    async def count_online(self, only: UUID | None, since: Any) -> tuple[int, int]:
        """(outlets in use with a device seen since, outlets in use)."""
        online = (
            select(func.count(func.distinct(DeviceRow.outlet_id)))
            .join(OutletRow, col(OutletRow.id) == col(DeviceRow.outlet_id))
            .where(col(DeviceRow.last_seen_at) >= since, col(DeviceRow.active), col(OutletRow.active))
        )
        outlets = select(func.count()).select_from(OutletRow).where(col(OutletRow.active))
        if only is not None:
            online = online.where(col(OutletRow.enterprise_id) == only)
            outlets = outlets.where(col(OutletRow.enterprise_id) == only)
        return (await self._session.execute(online)).scalar_one(), (await self._session.execute(outlets)).scalar_one()

    async def _put(self, table: type[SQLModel], values: dict[str, Any]) -> None:
        statement = insert(table).values(**values)
        changed = {name: statement.excluded[name] for name in values if name != "id"}
        await self._session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed))
