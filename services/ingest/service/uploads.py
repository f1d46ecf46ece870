"""What the gateway stores its packets with: judge, journal, write readings, tell others; one transaction a batch."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.packets import KnownDevice, Packet, Verdict, due_to_be_seen, edition_remark, judge
from services.ingest.domain.readings import Row
from services.ingest.hj212.codec import ParseError, Rejected
from services.ingest.hj212.gateway.sink import Outcome, Received, Status
from services.ingest.service.intake import Intake, put
from services.ingest.store.packets import JournalStore
from services.ingest.store.readings import ReadingStore
from shared.clock import monotonic
from shared.contracts.ingest import PacketStatus
from shared.db import Database, raw
from shared.errors import AppError
from shared.logging import get_logger

log = get_logger(__name__)

DEVICE_SECONDS = 5.0
"""How long a device, or that there is none, is remembered: a new registration takes effect after this."""
MOST_REMEMBERED = 50_000


class _Judged(NamedTuple):
    packet: Packet
    verdict: Verdict


class Directory:
    """Devices by MN, remembered for some seconds."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[str, tuple[float, KnownDevice | None]] = {}

    async def find(self, mns: set[str]) -> dict[str, KnownDevice | None]:
        """The device of each MN, None where there is none. One query for all that are not fresh."""
        now = monotonic()
        stale = [mn for mn in mns if mn not in self._known or self._known[mn][0] < now]
        if stale:
            async with self._db.transaction() as session:
                found = {device.mn: device for device in await JournalStore(await raw(session)).find_devices(stale)}
            if len(self._known) > MOST_REMEMBERED:
                self._known = {mn: entry for mn, entry in self._known.items() if entry[0] >= now}
            self._known.update((mn, (now + DEVICE_SECONDS, found.get(mn))) for mn in stale)
        return {mn: self._known[mn][1] for mn in mns}


class UploadSink:
    """The gateway's `Sink`: when `store` returns, every packet of the batch is in the journal for good."""

    def __init__(self, db: Database, intake: Intake) -> None:
        self._intake = intake
        self._directory = Directory(db)
        self._seen: dict[UUID, datetime] = {}

    async def store(self, batch: Sequence[Received]) -> Sequence[Outcome]:
        """Judge and store; an outcome for each packet, in order.

        Content the database refuses costs only the packet that carries it: the batch is then stored one by one.
        """
        judged = await self._judge(batch)
        try:
            await self._write(judged)
        except (AppError, asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            if len(batch) > 1:
                return [outcome for received in batch for outcome in await self.store([received])]
            log.warning("packet_refused", error=repr(error))
            judged = [_refused(judged[0], error)]
            await self._write(judged)
        return [_outcome(item) for item in judged]

    async def _judge(self, batch: Sequence[Received]) -> list[_Judged]:
        devices = await self._directory.find({received.packet.mn for received in batch if received.packet is not None})
        return [_judge_one(received, devices) for received in batch]

    async def _write(self, judged: Sequence[_Judged]) -> None:
        rows: list[Row] = []
        outlets: dict[int, UUID] = {}
        heard: list[tuple[UUID, datetime]] = []
        for packet, verdict in judged:
            if verdict.device is not None:
                heard.append((verdict.device.id, packet.received_at))
                outlets[verdict.device.point] = verdict.device.outlet_id
            if verdict.row is not None:
                rows.append(verdict.row)
        seen = due_to_be_seen(self._seen, heard)

        async def work(session: AsyncSession, store: ReadingStore) -> None:
            journal = JournalStore(await raw(session))
            await journal.add_packets([packet for packet, _ in judged])
            if seen:
                await journal.mark_seen(seen)
            if rows:
                await put(session, store, rows, outlets, at=judged[-1].packet.received_at)

        await self._intake.run(rows, work)
        self._seen.update(seen)


def _judge_one(received: Received, devices: dict[str, KnownDevice | None]) -> _Judged:
    message = received.packet
    if message is None:
        verdict = Verdict(PacketStatus.QUARANTINED, *_unreadable(received.event, received.error))
        return _journal(received, verdict, None, None, ())
    device = devices[message.mn]
    verdict = judge(message, device, received.received_at)
    remark = edition_remark(message, device)
    if remark:
        verdict = verdict._replace(detail=f"{verdict.detail}, {remark}" if verdict.detail else remark)
    return _journal(received, verdict, message.mn, message.cn, message.notes)


def _unreadable(event: object, error: ParseError | None) -> tuple[str, str]:
    if isinstance(event, Rejected):
        return event.reason.value, ""
    return (error.code, str(error)) if error else ("unreadable", "")


def _journal(received: Received, verdict: Verdict, mn: str | None, cn: str | None, notes: Sequence[str]) -> _Judged:
    event = received.event
    repairs = () if isinstance(event, Rejected) else event.repairs
    packet = Packet(
        received_at=received.received_at, remote=received.peer, mn=mn, cn=cn, status=verdict.status,
        reason=verdict.reason, detail=verdict.detail, repairs=tuple(str(name) for name in (*repairs, *notes)),
        raw=event.raw,
    )  # fmt: skip
    return _Judged(packet, verdict)


def _refused(judged: _Judged, error: Exception) -> _Judged:
    verdict = Verdict(PacketStatus.QUARANTINED, "refused_by_store", str(error)[:300], device=judged.verdict.device)
    values = {name: getattr(judged.packet, name) for name in ("received_at", "remote", "repairs", "raw")}
    return _Judged(Packet(**values, mn=None, cn=None, status=verdict.status, reason=verdict.reason), verdict)


def _outcome(judged: _Judged) -> Outcome:
    status = judged.verdict.status
    answered = status in (PacketStatus.STORED, PacketStatus.ANSWERED)
    return Outcome(Status(status.value), judged.verdict.reason, answer=answered)
