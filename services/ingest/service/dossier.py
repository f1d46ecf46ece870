"""The dossier's use cases: register or change an entry, end it, look back, the change log of an outlet."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.dossier import (
    Entry,
    Version,
    changes_between,
    content_of,
    entry_uuid,
    limit_changes,
    needs_reacceptance,
)
from services.ingest.domain.factors import catalogue
from services.ingest.service.ledger import Ledger
from services.ingest.service.registry import SEES_CONTACTS
from services.ingest.store.dossier import DossierStore, EntryNotFoundError
from services.ingest.store.registry import RegistryStore
from shared.audit import Actor
from shared.auth import Principal, Role
from shared.clock import PARK_ZONE
from shared.contracts.ingest.dossier import DOSSIER_CHANGED, EntryIn, LogLine, LogSource, Part
from shared.errors import ForbiddenError, InvalidError

WRITE = "registry:write"
MOST_VERSIONS = 200
MOST_LOGGERS = 200
MOST_ENTRIES = 400


class DossierService:
    """Use cases in the caller's transaction."""

    def __init__(
        self, session: AsyncSession, now: Callable[[], datetime], caller: Principal, ledger: Ledger | None = None
    ) -> None:
        self._store = DossierStore(session)
        self._registry = RegistryStore(session)
        self._now = now
        self._caller = caller
        self._ledger = ledger or Ledger(session)

    async def list_entries(
        self, parts: Sequence[Part], *, enterprise_id: UUID | None, outlet_id: UUID | None, ended: bool,
        after: tuple[str, UUID] | None, limit: int,
    ) -> list[Entry]:  # fmt: skip
        """Entries the caller may see; contacts only for those who may call them."""
        if outlet_id is not None:
            outlet = await self._registry.get_outlet(outlet_id)
            self._caller.check_may_see(outlet.enterprise_id)
        if enterprise_id is not None:
            self._caller.check_may_see(enterprise_id)
        only = self._caller.tenant or enterprise_id
        seen = [part for part in parts if part is not Part.CONTACT or self._may_see_contacts(only)]
        return await self._store.list_entries(
            seen, enterprise_id=only, outlet_id=outlet_id, ended=ended, after=after, limit=limit
        )

    async def get(self, entry_id: UUID) -> Entry:
        """One entry."""
        entry = await self._store.get(entry_id)
        self._check_may_see(entry)
        return entry

    async def list_versions(self, entry_id: UUID) -> list[Version]:
        """Its contents, the newest first; an enterprise reads the organisation, not the name, of who changed it."""
        await self.get(entry_id)
        found = await self._store.list_versions(entry_id, MOST_VERSIONS)
        if self._caller.tenant is None:
            return found
        return [replace(version, actor=version.organisation) for version in found]

    async def put(self, given: EntryIn, reason: str = "") -> Entry:
        """Register or change by owner and key. The same content again changes nothing."""
        enterprise_id, outlet_id = await self._owner(given)
        self._check_may_write(given.PART, enterprise_id)
        _check_factor(given)
        entry_id = entry_uuid(given, outlet_id or enterprise_id)
        before = await self._store.find(entry_id, lock=True)
        entry = Entry(
            id=entry_id, part=given.PART, enterprise_id=enterprise_id, outlet_id=outlet_id, data=content_of(given),
            active=True, version=before.version + 1 if before else 1, changed_at=self._now(),
        )  # fmt: skip
        if before and before.active and before.data == entry.data:
            return before
        await self._save(before, entry, "changed" if before else "added", reason)
        return entry

    async def find_like(self, given: EntryIn) -> dict[str, Any] | None:
        """The stored content of the entry that `given` would change, for who may write it."""
        enterprise_id, outlet_id = await self._owner(given)
        self._check_may_write(given.PART, enterprise_id)
        found = await self._store.find(entry_uuid(given, outlet_id or enterprise_id))
        return found.data if found and found.active else None

    async def end(self, entry_id: UUID, reason: str) -> Entry:
        """End an entry; it stays in the history."""
        before = await self._store.get(entry_id, lock=True)
        self._check_may_see(before)
        self._check_may_write(before.part, before.enterprise_id)
        if not before.active:
            return before
        entry = replace(before, active=False, version=before.version + 1, changed_at=self._now())
        await self._save(before, entry, "ended", reason)
        return entry

    async def change_log(self, outlet_id: UUID, before: datetime | None, limit: int) -> list[LogLine]:
        """Changes of an outlet, its loggers and entries: from the audit trail and as told, the newest first."""
        outlet = await self._registry.get_outlet(outlet_id)
        self._caller.check_may_see(outlet.enterprise_id)
        devices = await self._registry.list_devices(
            outlet_id=outlet_id, only=self._caller.tenant, after=None, limit=MOST_LOGGERS
        )
        entries = await self._store.list_entries(
            list(Part), enterprise_id=None, outlet_id=outlet_id, ended=True, after=None, limit=MOST_ENTRIES
        )
        subjects = [f"outlet:{outlet_id}", *(f"device:{item.id}" for item in devices)]
        subjects += [f"{item.part.value}:{item.id}" for item in entries if item.part is not Part.CHANGE]
        lines = [self._line(row) for row in await self._store.trail(subjects, before, limit)]
        told = [_told(entry) for entry in entries if entry.part is Part.CHANGE and entry.active]
        lines += [line for line in told if before is None or line.at < before]
        return sorted(lines, key=lambda line: line.at, reverse=True)[:limit]

    # --- inside ---

    async def _owner(self, given: Any) -> tuple[UUID, UUID | None]:
        if hasattr(given, "outlet_id"):
            outlet = await self._registry.get_outlet(given.outlet_id)
            self._caller.check_may_see(outlet.enterprise_id)
            return outlet.enterprise_id, outlet.id
        enterprise = await self._registry.get_enterprise(given.enterprise_id)
        self._caller.check_may_see(enterprise.id)
        return enterprise.id, None

    def _may_see_contacts(self, enterprise_id: UUID | None) -> bool:
        own = self._caller.tenant is not None and self._caller.tenant == enterprise_id
        return own or self._caller.has(*SEES_CONTACTS)

    def _check_may_see(self, entry: Entry) -> None:
        self._caller.check_may_see(entry.enterprise_id)
        if entry.part is Part.CONTACT and not self._may_see_contacts(entry.enterprise_id):
            raise EntryNotFoundError("no such entry", entry_id=str(entry.id))

    def _check_may_write(self, part: Part, enterprise_id: UUID) -> None:
        own = self._caller.has(Role.ENTERPRISE) and self._caller.tenant == enterprise_id
        if WRITE in self._caller.scopes or (own and part is Part.CONTACT):
            return
        raise ForbiddenError(f"this needs the scope {WRITE}; an enterprise writes its contacts only", scope=WRITE)

    async def _save(self, before: Entry | None, entry: Entry, act: str, reason: str) -> None:
        actor = Actor.of(self._caller)
        await self._store.save(entry, actor=actor.name, organisation=actor.organisation, reason=reason)
        subject = f"{entry.part.value}:{entry.id}"
        old = {**before.data, "active": before.active} if before else None
        await self._ledger.record(
            actor, f"{entry.part.value}.{act}", subject, at=self._now(), before=old,
            after={**entry.data, "active": entry.active}, reason=reason,
        )  # fmt: skip
        told = {
            "part": entry.part.value, "id": str(entry.id), "enterprise_id": str(entry.enterprise_id),
            "outlet_id": str(entry.outlet_id) if entry.outlet_id else None, "version": entry.version,
        }  # fmt: skip
        await self._ledger.publish(DOSSIER_CHANGED, subject, told, at=self._now())

    def _line(self, row: dict[str, Any]) -> LogLine:
        limit = row["action"] == "limit.set"
        changes = (limit_changes if limit else changes_between)(row["before"], row["after"])
        return LogLine(
            at=datetime.fromisoformat(row["at"]), source=LogSource.TRAIL, action=row["action"], subject=row["subject"],
            changes=changes, reason=row["reason"],
            by=row["organisation"] if self._caller.tenant else row["actor_name"],
            reacceptance_needed=needs_reacceptance(row["action"], changes),
        )  # fmt: skip


def _told(entry: Entry) -> LogLine:
    data = entry.data
    day = datetime.fromisoformat(data["changed_on"]).replace(tzinfo=PARK_ZONE)
    return LogLine(
        at=day, source=LogSource.TOLD, action=data["kind"], subject=data["subject"], reason=data["reason"],
        changes={data["kind"]: [data["before"], data["after"]]} if data["before"] or data["after"] else {},
        evidence=data["evidence"], reacceptance_needed=data["reacceptance_needed"], reaccepted_on=data["reaccepted_on"],
    )  # fmt: skip


def _check_factor(given: EntryIn) -> None:
    factor = getattr(given, "factor", "")
    if given.PART is Part.ANALYSER and factor not in catalogue():
        raise InvalidError(f"factor: {factor} is not a code of the standard", field="factor", factor=factor)
