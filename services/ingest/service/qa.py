"""Use cases of quality-assurance records: hand in, list, and what is due."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.marks.model import Evidence
from services.ingest.domain.qa.judging import Duty, Record, duties, judge, rules_at
from services.ingest.domain.registry import Outlet
from services.ingest.service.evidence import keep_file
from services.ingest.store.evidence import EvidenceStore
from services.ingest.store.qa import QaFilter, QaStore
from services.ingest.store.registry import RegistryStore
from shared import audit, feed
from shared.audit import Actor
from shared.auth import Principal
from shared.contracts.ingest.qa import QA_RECORDED, QaIn, QaRecorded
from shared.errors import ConflictError, InvalidError

MOST_OUTLETS = 10_000
CLOCKS_DIFFER = timedelta(minutes=10)


class QaReplacedError(ConflictError):
    """The record was corrected already, or is of something else."""

    code = "qa_record_replaced"


class QaService:
    """Use cases in the caller's transaction."""

    def __init__(self, session: AsyncSession, now: Callable[[], datetime], caller: Principal) -> None:
        self._session = session
        self._store = QaStore(session)
        self._registry = RegistryStore(session)
        self._evidence = EvidenceStore(session)
        self._now = now()
        self._caller = caller

    async def list_records(self, which: QaFilter, *, after: tuple[datetime, UUID] | None, limit: int) -> list[Record]:
        """The latest first, what the caller may see."""
        if which.enterprise_id is not None:
            self._caller.check_may_see(which.enterprise_id)
        only = self._caller.tenant or which.enterprise_id
        return await self._store.list_records(replace(which, enterprise_id=only), after=after, limit=limit)

    async def get_record(self, record_id: UUID) -> Record:
        """One record."""
        record = await self._store.get(record_id)
        self._caller.check_may_see(record.enterprise_id)
        return record

    async def evidence_of(self, records: list[Record]) -> dict[UUID, list[Evidence]]:
        """Files by record."""
        return await self._evidence.list_of([record.id for record in records])

    async def list_due(self, *, enterprise_id: UUID | None, outlet_id: UUID | None) -> list[Duty]:
        """All periodic duties and how they stand."""
        if enterprise_id is not None:
            self._caller.check_may_see(enterprise_id)
        outlets = await self._outlets(enterprise_id, outlet_id)
        latest = await self._store.list_latest([outlet.id for outlet in outlets])
        return duties(outlets, latest, self._now)

    async def add_record(self, given: QaIn) -> Record:
        """Hand in a record; judged at once. The same record again changes nothing."""
        outlet = await self._registry.get_outlet(given.outlet_id)
        self._caller.check_may_see(outlet.enterprise_id)
        record = judged(given, outlet, self._now, self._caller.name)
        same = await self._store.find_same(record)
        if same is not None:
            return same
        if given.replaces is not None:
            await self._replace(given.replaces, record)
        return await keep(self._session, record, Actor.of(self._caller))

    async def add_evidence(self, record_id: UUID, name: str, content: bytes) -> Record:
        """A file that proves a record. The same file again changes nothing."""
        record = await self._store.get(record_id, lock=True)
        self._caller.check_may_see(record.enterprise_id)
        present = (await self._evidence.list_of([record_id])).get(record_id, [])
        file = await keep_file(
            self._evidence, (record_id, record.enterprise_id, name, content), present, self._caller.name, self._now
        )
        if file is not None:
            await audit.record(
                self._session, Actor.of(self._caller), "qa.evidence_added", f"qa:{record_id}", at=self._now,
                after={"name": file.name, "sha256": file.sha256, "size": file.size},
            )  # fmt: skip
        return record

    async def _outlets(self, enterprise_id: UUID | None, outlet_id: UUID | None) -> list[Outlet]:
        if outlet_id is not None:
            outlet = await self._registry.get_outlet(outlet_id)
            self._caller.check_may_see(outlet.enterprise_id)
            return [outlet]
        only = self._caller.tenant or enterprise_id
        found = await self._registry.list_outlets(enterprise_id=only, after=None, limit=MOST_OUTLETS)
        return [outlet for outlet in found if outlet.active]

    async def _replace(self, record_id: UUID, new: Record) -> None:
        old = await self._store.get(record_id, lock=True)
        self._caller.check_may_see(old.enterprise_id)
        if old.replaced or (old.outlet_id, old.factor, old.kind) != (new.outlet_id, new.factor, new.kind):
            raise QaReplacedError(f"{old.no} is corrected already, or of another outlet, factor or kind", no=old.no)
        await self._store.replace(record_id)


async def keep(session: AsyncSession, record: Record, actor: Actor, packet_id: int | None = None) -> Record:
    """Write a record, its audit entry and its event; call it last in a transaction."""
    kept = await QaStore(session).add(record, packet_id)
    told = recorded(kept).model_dump(mode="json")
    await audit.record(
        session, actor, "qa.recorded", f"qa:{kept.id}", at=kept.recorded_at, after=told, reason=kept.note
    )  # fmt: skip
    await feed.publish(session, QA_RECORDED, f"qa:{kept.id}", told, at=kept.recorded_at)
    return kept


def judged(given: QaIn, outlet: Outlet, now: datetime, by: str) -> Record:
    """A record as the rules of its time judge it; InvalidError where it cannot be one."""
    item = next((each for each in outlet.factors if each.factor == given.factor), None)
    if item is None:
        raise InvalidError(f"factor: {given.factor} is not monitored at this outlet", field="factor")
    if given.at > now + CLOCKS_DIFFER:
        raise InvalidError("at lies in the future", field="at")
    full_scale = given.full_scale
    if full_scale is None and item.span_high is not None:
        full_scale = item.span_high - (item.span_low or 0.0)
    rule = rules_at(given.at).find(given.kind, outlet.medium, given.factor)
    outcome = judge(given.pairs, given.kind, rule, full_scale, given.at)
    return Record(
        id=uuid4(), serial=0, enterprise_id=outlet.enterprise_id, outlet_id=outlet.id, factor=given.factor,
        kind=given.kind, at=given.at.astimezone(UTC), pairs=tuple(given.pairs), full_scale=full_scale,
        reference=outcome.reference, reading=outcome.reading, error=outcome.error, error_kind=outcome.error_kind,
        limit=outcome.limit, passed=outcome.passed, next_due_at=outcome.next_due_at, rule_source=outcome.source,
        note=given.note.strip(), source=given.source, recorded_at=now, recorded_by=by,
        replaces=given.replaces, replaced=False,
    )  # fmt: skip


def recorded(record: Record) -> QaRecorded:
    """What the feed tells."""
    return QaRecorded(
        record_id=record.id, no=record.no, enterprise_id=record.enterprise_id, outlet_id=record.outlet_id,
        factor=record.factor, kind=record.kind, at=record.at, reference=record.reference, reading=record.reading,
        error=record.error, limit=record.limit, passed=record.passed, next_due_at=record.next_due_at,
        replaces=record.replaces,
    )  # fmt: skip
