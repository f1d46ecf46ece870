"""What the gateway stores its packets with: judge, journal, write readings, tell others; one transaction a batch."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.flat import AnyRow
from services.ingest.domain.links import link_rules
from services.ingest.domain.packets import (
    UNKNOWN_MN,
    KnownDevice,
    Packet,
    Verdict,
    claimed_mn,
    due_to_be_seen,
    edition_remark,
    judge,
    password_remark,
)
from services.ingest.domain.readings import Fate
from services.ingest.domain.strangers import Strangers
from services.ingest.hj212.codec import Frame, ParseError, Rejected
from services.ingest.hj212.gateway.sink import Outcome, Received, Status
from services.ingest.service.intake import Intake, put
from services.ingest.service.opening import find_sealed, open_sealed
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
_STATUSES = {status: Status(status.value) for status in PacketStatus}


class Judged(NamedTuple):
    """A line of the journal with the verdict behind it."""

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

    def forget(self, mn: str) -> None:
        """Look a device up again next time: its registration has changed."""
        self._known.pop(mn, None)


class UploadSink:
    """The gateway's `Sink`: when `store` returns, every packet of the batch is in the journal for good."""

    def __init__(self, db: Database, intake: Intake, strangers: Strangers | None = None) -> None:
        self._intake = intake
        self._directory = Directory(db)
        self._strangers = strangers or Strangers(link_rules().strangers)
        self._seen: dict[UUID, datetime] = {}

    def forget(self, mn: str) -> None:
        """Look a device up again next time: its registration has changed."""
        self._directory.forget(mn)

    async def store(self, batch: Sequence[Received]) -> Sequence[Outcome]:
        """Judge and store; an outcome for each packet, in order.

        Content the database refuses costs only the packet that carries it: the batch is then stored one by one.
        """
        batch, judged = await self._judge(batch)
        try:
            repeats = await self._write(judged)
        except (AppError, asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            if len(batch) > 1:
                return [outcome for received in batch for outcome in await self.store([received])]
            log.warning("packet_refused", error=repr(error))
            judged = [_refused(judged[0], error)]
            repeats = await self._write(judged)
        return [
            _outcome(item, received, repeat=item.verdict.row is not None and next(repeats))
            for item, received in zip(judged, batch, strict=True)
        ]

    async def _judge(self, batch: Sequence[Received]) -> tuple[Sequence[Received], list[Judged]]:
        """The batch as it can be read with the keys of its devices, and the verdicts."""
        sealed = find_sealed(batch)
        named = {received.packet.mn for received in batch if received.packet is not None}
        devices = await self._directory.find(named | {item.header.mn for item in sealed.values()})
        if sealed:
            batch = open_sealed(batch, sealed, devices)
        judged = [judge_one(received, devices) for received in batch]
        if None in devices.values():
            seconds = monotonic()
            judged = [self._sparing(*pair, seconds) for pair in zip(batch, judged, strict=True)]
        return batch, judged

    def _sparing(self, received: Received, judged: Judged, seconds: float) -> Judged:
        """The frame of an MN nobody registered, kept out of the journal where there are many of them."""
        if judged.verdict.reason != UNKNOWN_MN or received.packet is None:
            return judged
        if self._strangers.may_journal(received.packet.mn, received.connection, seconds):
            return judged
        return judged._replace(verdict=judged.verdict._replace(journal=False))

    async def _write(self, judged: Sequence[Judged]) -> Iterator[bool]:
        """Store all in one transaction. Tells of each row whether it only repeated what was there."""
        rows: list[AnyRow] = []
        heads: list[int] = []
        outlets: dict[int, UUID] = {}
        heard: list[tuple[UUID, datetime]] = []
        for packet, verdict in judged:
            if verdict.device is not None:
                heard.append((verdict.device.id, packet.received_at))
                outlets[verdict.device.point] = verdict.device.outlet_id
            if verdict.row is not None:
                heads.append(len(rows))
                rows.extend(verdict.rows)
        seen = due_to_be_seen(self._seen, heard)

        async def work(session: AsyncSession, store: ReadingStore) -> list[Fate]:
            journal = JournalStore(await raw(session))
            await journal.add_packets([packet for packet, verdict in judged if verdict.journal])
            if seen:
                await journal.mark_seen(seen)
            return await put(session, store, rows, outlets, at=judged[-1].packet.received_at) if rows else []

        found = await self._intake.run(rows, work)
        self._seen.update(seen)
        return iter([found[place] is Fate.UNCHANGED for place in heads])


def judge_one(received: Received, devices: Mapping[str, KnownDevice | None]) -> Judged:
    """The verdict on one frame, by the rules of now. `devices` has every MN that a readable packet names."""
    message = received.packet
    if message is None:
        verdict = Verdict(PacketStatus.QUARANTINED, *_unreadable(received.event, received.error))
        return _journal(received, verdict, claimed_mn(received.event.raw), None, ())
    device = devices[message.mn]
    repairs = received.event.repairs if isinstance(received.event, Frame) else ()
    verdict = judge(message, device, received.received_at, peer=received.peer, repairs=repairs)
    for remark in filter(None, (edition_remark(message, device), password_remark(message, device))):
        verdict = verdict._replace(detail=f"{verdict.detail}, {remark}" if verdict.detail else remark)
    return _journal(received, verdict, message.mn, message.cn, message.notes)


def _unreadable(event: object, error: ParseError | None) -> tuple[str, str]:
    if isinstance(event, Rejected):
        return event.reason.value, ""
    return (error.code, str(error)) if error else ("unreadable", "")


def _journal(received: Received, verdict: Verdict, mn: str | None, cn: str | None, notes: Sequence[str]) -> Judged:
    event = received.event
    repairs = () if isinstance(event, Rejected) else event.repairs
    names = tuple(str(name) for name in (*repairs, *notes)) if repairs or notes else ()
    packet = Packet(
        received.received_at, received.peer, mn, cn, verdict.status, event.raw, verdict.reason, verdict.detail, names
    )
    return Judged(packet, verdict)


def _refused(judged: Judged, error: Exception) -> Judged:
    verdict = Verdict(PacketStatus.QUARANTINED, "refused_by_store", str(error)[:300], device=judged.verdict.device)
    values = {name: getattr(judged.packet, name) for name in ("received_at", "remote", "repairs", "raw")}
    return Judged(Packet(**values, mn=None, cn=None, status=verdict.status, reason=verdict.reason), verdict)


def _outcome(judged: Judged, received: Received, *, repeat: bool) -> Outcome:
    verdict = judged.verdict
    answered = verdict.status in (PacketStatus.STORED, PacketStatus.ANSWERED)
    return Outcome(_STATUSES[verdict.status], verdict.reason, answered, verdict.late, repeat, received.packet)
