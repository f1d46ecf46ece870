"""Trying refused packets again: the same bytes through the rules of now, each run one audited transaction."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.flat import AnyRow
from services.ingest.domain.packets import Packet, PacketFilter, Verdict
from services.ingest.domain.quarantine import Act, PacketClosedError, check_may_act, reframe
from services.ingest.hj212.codec import Frame, ParseError, Rejected, RejectReason, parse_segment
from services.ingest.hj212.gateway.sink import Received
from services.ingest.service.intake import Intake, put
from services.ingest.service.opening import find_sealed, open_sealed
from services.ingest.service.packets import PacketNotFoundError
from services.ingest.service.uploads import judge_one
from services.ingest.store.packets import JournalStore, PacketStore
from services.ingest.store.readings import ReadingStore
from shared import audit
from shared.audit import Actor
from shared.auth import Principal
from shared.contracts.ingest import PacketStatus
from shared.contracts.ingest.packets import PacketAct, RetryFilter
from shared.db import Database, raw
from shared.errors import AppError, InvalidError

SOURCE_MARK = ":retried"
"""Readings of a packet that was tried again carry this at the end of their source."""
MOST_IN_AUDIT = 100


class Tried(NamedTuple):
    """A packet and its verdict by the rules of now."""

    packet: Packet
    verdict: Verdict


class RetryService:
    """Commits by itself: a run is whole or not at all."""

    def __init__(self, db: Database, intake: Intake, now: Callable[[], datetime], caller: Principal) -> None:
        self._db = db
        self._intake = intake
        self._now = now
        self._caller = caller

    async def retry_packet(self, packet_id: int, note: str) -> Tried:
        """Try one packet again; `PacketClosedError` where it is not open."""
        async with self._db.transaction() as session:
            store = PacketStore(session)
            packet = await store.find_packet(packet_id)
            if packet is None:
                raise PacketNotFoundError(f"no packet {packet_id}", packet_id=packet_id)
            check_may_act(PacketAct.RETRY, packet, await store.list_acts(packet_id), note)
        (tried,) = await self._run([packet], note)
        return tried

    async def retry_packets(self, wanted: RetryFilter) -> tuple[list[Tried], bool]:
        """Try the open packets of a filter again, the oldest first; and whether there are more of them."""
        if wanted.since and wanted.until and wanted.since >= wanted.until:
            raise InvalidError("until must be after since", field="until")
        chosen = PacketFilter(reason=wanted.reason, mn=wanted.mn, since=wanted.since, until=wanted.until, open=True)
        async with self._db.transaction() as session:
            packets = await PacketStore(session).list_open(chosen, wanted.limit + 1)
        tried = await self._run(packets[: wanted.limit], wanted.note) if packets else []
        return tried, len(packets) > wanted.limit

    # --- inside ---

    async def _run(self, packets: Sequence[Packet], note: str) -> list[Tried]:
        tried = await self._judge(packets)
        try:
            await self._write(tried, note)
        except (AppError, asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            if isinstance(error, PacketClosedError) and len(packets) == 1:
                raise
            if len(packets) > 1:  # content the database refuses costs only the packet that carries it
                return [one for packet in packets for one in await self._alone(packet, note)]
            verdict = Verdict(PacketStatus.QUARANTINED, "refused_by_store", str(error)[:300])
            tried = [Tried(packets[0], verdict)]
            await self._write(tried, note)
        return tried

    async def _alone(self, packet: Packet, note: str) -> list[Tried]:
        """One packet of a run; none where somebody else was faster."""
        try:
            return await self._run([packet], note)
        except PacketClosedError:
            return []

    async def _judge(self, packets: Sequence[Packet]) -> list[Tried]:
        batch = [received_again(packet) for packet in packets]
        sealed = find_sealed(batch)
        mns = {one.packet.mn for one in batch if one.packet is not None} | {one.header.mn for one in sealed.values()}
        async with self._db.transaction() as session:
            found = await JournalStore(await raw(session)).find_devices(mns)
        devices = {**dict.fromkeys(mns), **{device.mn: device for device in found}}
        opened = open_sealed(batch, sealed, devices)
        return [
            Tried(packet, judge_one(received, devices).verdict)
            for packet, received in zip(packets, opened, strict=True)
        ]

    async def _write(self, tried: Sequence[Tried], note: str) -> None:
        at = self._now()
        rows = [_marked(row) for _, verdict in tried for row in verdict.rows]
        outlets: dict[int, UUID] = {
            verdict.device.point: verdict.device.outlet_id for _, verdict in tried if verdict.device is not None
        }
        acts = [
            Act(
                packet.id, at, PacketAct.RETRY, self._caller.name, verdict.status, verdict.reason,
                verdict.detail or note, closes=verdict.status is not PacketStatus.QUARANTINED,
            )
            for packet, verdict in tried
        ]  # fmt: skip

        async def work(session: AsyncSession, store: ReadingStore) -> None:
            if not await PacketStore(session).add_acts(acts):
                raise PacketClosedError("a packet of these is not open in the quarantine any more")
            await audit.record(
                session, Actor.of(self._caller), "packet.retry", f"packet:{tried[0].packet.id}", at=at, reason=note,
                after={
                    "tried": len(acts), "closed": sum(act.closes for act in acts),
                    "packets": [act.packet_id for act in acts[:MOST_IN_AUDIT]],
                },
            )  # fmt: skip
            if rows:
                await put(session, store, rows, outlets, at=at)

        await self._intake.run(rows, work)


def received_again(packet: Packet) -> Received:
    """The bytes of a packet as if they came in just now, at the time and from the peer they came in then."""
    event = reframe(packet.raw)
    if event is None:
        event = Rejected(packet.raw, RejectReason.BAD_HEADER, 0)
    message, failure = None, None
    if isinstance(event, Frame):
        try:
            message = parse_segment(event.segment)
        except ParseError as error:
            failure = error
    return Received(0, packet.remote, packet.received_at, event, message, failure)


def _marked(row: AnyRow) -> AnyRow:
    return row._replace(source=row.source + SOURCE_MARK)
