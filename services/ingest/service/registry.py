"""The registry's use cases: register or change by code, list what the caller may see."""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.registry import (
    Device,
    Enterprise,
    Limit,
    Outlet,
    OutletFactor,
    check_factors,
    check_limit,
    succeed,
)
from services.ingest.service.ledger import Ledger
from services.ingest.store.registry import RegistryStore
from shared.audit import Actor
from shared.auth import Principal, Role
from shared.contracts.ingest import (
    ENTERPRISE_CHANGED,
    OUTLET_CHANGED,
    DeviceIn,
    EnterpriseIn,
    EnterpriseOut,
    LimitIn,
    OutletIn,
    OutletOut,
    enterprise_uuid,
    outlet_uuid,
)

MAX_LIMITS = 10_000
UNVERSIONED = ("version", "changed_at")
SEES_CONTACTS = (Role.SUPERVISOR, Role.SUPERVISOR_LEAD, Role.OFFICER, Role.SECTION_HEAD, Role.ADMIN, Role.SERVICE)
"""Who sees an enterprise's contact besides its own people."""


class RegistryService:
    """Use cases in the caller's transaction."""

    def __init__(
        self, session: AsyncSession, now: Callable[[], datetime], caller: Principal, ledger: Ledger | None = None
    ) -> None:
        self._ledger = ledger or Ledger(session)
        self._store = RegistryStore(session)
        self._now = now
        self._caller = caller

    # --- enterprises ---

    async def list_enterprises(self, *, q: str | None, after: str | None, limit: int) -> list[Enterprise]:
        """By code, what the caller may see."""
        found = await self._store.list_enterprises(q=q, only=self._caller.tenant, after=after, limit=limit)
        return [self._seen(enterprise) for enterprise in found]

    async def get_enterprise(self, enterprise_id: UUID) -> Enterprise:
        """One enterprise."""
        self._caller.check_may_see(enterprise_id)
        return self._seen(await self._store.get_enterprise(enterprise_id))

    async def add_enterprise(self, given: EnterpriseIn) -> Enterprise:
        """Register or change by code. The same content again changes nothing."""
        before = await self._store.find_enterprise(enterprise_uuid(given.code), lock=True)
        enterprise = Enterprise(
            id=enterprise_uuid(given.code),
            version=before.version + 1 if before else 1,
            changed_at=self._now(),
            **dict(given),
        )
        if _same(before, enterprise):
            return before or enterprise
        await self._store.save_enterprise(enterprise)
        await self._record("enterprise", before, enterprise)
        event = EnterpriseOut(**asdict(enterprise)).model_dump(mode="json")
        await self._ledger.publish(ENTERPRISE_CHANGED, f"enterprise:{enterprise.id}", event, at=self._now())
        return enterprise

    # --- outlets ---

    async def list_outlets(
        self, *, enterprise_id: UUID | None, after: tuple[str, UUID] | None, limit: int
    ) -> list[Outlet]:
        """By code, what the caller may see."""
        if enterprise_id is not None:
            self._caller.check_may_see(enterprise_id)
        only = self._caller.tenant or enterprise_id
        return await self._store.list_outlets(enterprise_id=only, after=after, limit=limit)

    async def get_outlet(self, outlet_id: UUID) -> Outlet:
        """One outlet."""
        outlet = await self._store.get_outlet(outlet_id)
        self._caller.check_may_see(outlet.enterprise_id)
        return outlet

    async def add_outlet(self, given: OutletIn) -> Outlet:
        """Register or change by enterprise and code. The same content again changes nothing."""
        enterprise = await self._store.get_enterprise(given.enterprise_id)
        self._caller.check_may_see(enterprise.id)
        outlet_id = outlet_uuid(enterprise.code, given.code)
        before = await self._store.find_outlet(outlet_id, lock=True)
        factors = tuple(OutletFactor(**dict(item)) for item in given.factors)
        check_factors(factors)
        outlet = Outlet(
            id=outlet_id,
            point=before.point if before else 0,
            version=before.version + 1 if before else 1,
            changed_at=self._now(),
            limits=before.limits if before else (),
            **{**dict(given), "factors": factors},
        )
        if _same(before, outlet):
            return before or outlet
        await self._store.save_outlet(outlet)
        await self._record("outlet", before, outlet)
        await self._tell_outlet(outlet)
        return outlet

    # --- devices ---

    async def list_devices(self, *, outlet_id: UUID | None, after: str | None, limit: int) -> list[Device]:
        """By MN, what the caller may see."""
        return await self._store.list_devices(outlet_id=outlet_id, only=self._caller.tenant, after=after, limit=limit)

    async def add_device(self, given: DeviceIn) -> Device:
        """Register or change by MN; it may move to another outlet. Its password is never told; left out it stays."""
        outlet = await self._store.get_outlet(given.outlet_id)
        self._caller.check_may_see(outlet.enterprise_id)
        before = await self._store.find_device(given.mn, lock=True)
        kept = {"password": before.password} if before and "password" not in given.model_fields_set else {}
        device = Device(
            id=before.id if before else uuid4(),
            last_seen_at=before.last_seen_at if before else None,
            changed_at=self._now(),
            **{**dict(given), **kept},
        )
        if _same(before, device):
            return before or device
        await self._store.save_device(device)
        await self._record("device", before, device)
        return device

    # --- limits ---

    async def list_limits(self, *, outlet_id: UUID | None) -> list[Limit]:
        """Limits the caller may see, past ones too."""
        return await self._store.list_limits(outlet_id=outlet_id, only=self._caller.tenant, limit=MAX_LIMITS)

    async def add_limit(self, given: LimitIn) -> Limit:
        """Set a limit from a date on; the one in force before it ends there."""
        outlet = await self._store.get_outlet(given.outlet_id, lock=True)
        self._caller.check_may_see(outlet.enterprise_id)
        new = Limit(id=uuid4(), **dict(given))
        check_limit(new)
        rivals = [item for item in outlet.limits if (item.factor, item.averaging) == (new.factor, new.averaging)]
        changed = succeed(rivals, new)
        if len(changed) == 1 and changed[0] in rivals:
            return changed[0]
        await self._store.save_limits(changed)
        before = [item for item in rivals if any(item.id == one.id for one in changed)]
        await self._change(
            "limit.set", f"outlet:{outlet.id}",
            {"limits": [asdict(item) for item in before]}, {"limits": [asdict(item) for item in changed]},
        )  # fmt: skip
        touched = replace(outlet, version=outlet.version + 1, changed_at=self._now())
        await self._store.save_outlet(touched)
        await self._tell_outlet(await self._store.get_outlet(outlet.id))
        return changed[-1]

    # --- inside ---

    def _seen(self, enterprise: Enterprise) -> Enterprise:
        if self._caller.tenant == enterprise.id or self._caller.has(*SEES_CONTACTS):
            return enterprise
        return enterprise.without_contact()

    async def _tell_outlet(self, outlet: Outlet) -> None:
        fields = asdict(outlet)
        del fields["point"]
        event = OutletOut(**fields).model_dump(mode="json")
        await self._ledger.publish(OUTLET_CHANGED, f"outlet:{outlet.id}", event, at=self._now())

    async def _record(self, noun: str, before: Any, after: Any) -> None:
        action = f"{noun}.changed" if before else f"{noun}.added"
        await self._change(action, f"{noun}:{after.id}", _shown(before) if before else None, _shown(after))

    async def _change(self, action: str, subject: str, before: dict[str, Any] | None, after: dict[str, Any]) -> None:
        await self._ledger.record(Actor.of(self._caller), action, subject, at=self._now(), before=before, after=after)


def _same(before: Any, after: Any) -> bool:
    """Whether nothing changed but what every save changes."""
    if before is None:
        return False
    kept = {name: getattr(before, name) for name in UNVERSIONED if hasattr(before, name)}
    return bool(replace(after, **kept) == before)


def _shown(thing: Any) -> dict[str, Any]:
    """Fields for the audit trail, without the password."""
    fields = asdict(thing)
    if "password" in fields:
        fields["password"] = "set" if fields["password"] else None
    for name in ("limits", "point"):
        fields.pop(name, None)
    return fields
