"""Journalled packets that are no readings are made use of: checks become records, states become flags of readings."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import asyncpg
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.field import AHEAD, TOLD, Check, Told, read_told, states_of
from services.ingest.domain.marks.rules import catalogue
from services.ingest.domain.packets import KnownDevice, Packet
from services.ingest.domain.parameters import find_changes
from services.ingest.domain.registry import Outlet
from services.ingest.hj212.codec import ContentError
from services.ingest.service.flag_marks import FlagMarks
from services.ingest.service.opening import find_sealed, open_sealed
from services.ingest.service.qa import judged, keep
from services.ingest.service.retries import received_again
from services.ingest.store.dictionaries import Dictionaries
from services.ingest.store.field import FieldStore, Horizon
from services.ingest.store.flag_runs import FlagRunStore
from services.ingest.store.packets import JournalStore
from services.ingest.store.qa import QaStore
from services.ingest.store.registry import RegistryStore
from shared import audit
from shared.audit import SYSTEM, Actor
from shared.clock import Clock
from shared.contracts.ingest.qa import QaIn, QaKind, QaSource
from shared.db import Database, raw
from shared.errors import AppError, InvalidError
from shared.logging import get_logger

log = get_logger(__name__)

AT_ONCE = 200
LOOKS, LOOK_SECONDS = 50, 0.1
"""How often, and at what distance, it is looked whether the writers of the journal have ended."""


async def follow_journal(db: Database, dictionaries: Dictionaries, clock: Clock) -> int:
    """Work off all new packets of CN 2062 and 3020; how many there were. Each batch in a transaction of its own."""
    horizon = await _settled(db)
    seen, more = 0, horizon is not None
    while horizon is not None and more:
        async with db.transaction() as session:
            work = FieldWork(session, FieldStore(await raw(session)), dictionaries, clock.now())
            count, more = await work.step(horizon)
        seen += count
    return seen


async def _settled(db: Database) -> Horizon | None:
    """A horizon below which no packet can appear any more; None where a writer takes very long: next time then."""
    async with db.transaction() as session:
        horizon = await FieldStore(await raw(session)).find_horizon()
    for _ in range(LOOKS):
        async with db.transaction() as session:
            writers = await FieldStore(await raw(session)).list_writers()
        if not writers & horizon.writers:
            return horizon
        await asyncio.sleep(LOOK_SECONDS)
    log.warning("journal_unsettled", writers=len(horizon.writers))
    return None


class _Line(NamedTuple):
    """A packet that could be read, who sent it, and what it says."""

    packet: Packet
    device: KnownDevice
    outlet: Outlet
    told: Told


class FieldWork:
    """One batch in one transaction."""

    def __init__(self, session: AsyncSession, store: FieldStore, dictionaries: Dictionaries, now: datetime) -> None:
        self._session = session
        self._store = store
        self._dictionaries = dictionaries
        self._now = now

    async def step(self, horizon: Horizon) -> tuple[int, bool]:
        """How many packets were looked at, and whether there are more."""
        taken = await self._store.take(horizon, AT_ONCE)
        packets = [packet for each in taken for packet in each.packets]
        lines = await self._read(packets)
        await self._follow_states([line for line in lines if line.told.infos])
        for line in lines:
            for check in line.told.checks:
                await self._add_record(line, check)
        await self._store.move(taken)
        return len(packets), any(each.more for each in taken)

    async def _read(self, packets: Sequence[Packet]) -> list[_Line]:
        batch = [received_again(packet) for packet in packets]
        sealed = find_sealed(batch)
        mns = {one.packet.mn for one in batch if one.packet is not None} | {one.header.mn for one in sealed.values()}
        found = await JournalStore(await raw(self._session)).find_devices(mns) if mns else []
        devices: dict[str, KnownDevice | None] = {device.mn: device for device in found}
        outlets = await RegistryStore(self._session).find_outlets({device.outlet_id for device in found})
        by_id = {outlet.id: outlet for outlet in outlets}
        lines = []
        for packet, received in zip(packets, open_sealed(batch, sealed, devices), strict=True):
            device = devices.get(received.packet.mn) if received.packet is not None else None
            if received.packet is None or device is None:
                await self._refuse(packet, "it cannot be opened any more, or its device is gone")
            elif received.packet.cn in TOLD:
                outlet = by_id[device.outlet_id]
                try:
                    lines.append(_Line(packet, device, outlet, read_told(received.packet, outlet.medium)))
                except ContentError as error:
                    await self._refuse(packet, str(error))
        return lines

    async def _follow_states(self, lines: Sequence[_Line]) -> None:
        """Note field information; look again at the readings that states of analysers speak of."""
        holds = int(catalogue().state_holds.total_seconds())
        spans = []
        for packet, device, outlet, told in lines:
            if told.at > packet.received_at + AHEAD:
                await self._refuse(packet, f"DataTime {told.at.isoformat()} lies in the future")
                continue
            known = await self._store.find_told(device.id, [info.code for info in told.infos])
            changes = find_changes(known, told.infos, told.at)
            await self._store.add_changes(device.id, outlet.id, changes, packet.id)
            await self._store.put_infos(device.id, told.infos, told.at, packet.id)
            states = states_of(told)
            await self._store.add_states(device.point, states, packet.id)
            for state in states:
                since = int(state.at.timestamp())
                following = await self._store.find_next(device.point, state)
                until = min(since + holds, int(following.timestamp()) if following else since + holds)
                # The reading that the state began in is of the state it ended in.
                spans.append((outlet.id, since - outlet.minute_interval * 60, until))
        if spans:
            runs = FlagRunStore(await raw(self._session), self._dictionaries)
            await FlagMarks(self._session, runs, self._now).look_again(spans)

    async def _add_record(self, line: _Line, check: Check) -> None:
        """A check as a record; the same again, from a logger that repeats itself, changes nothing."""
        packet, device, outlet, told = line
        item = next((each for each in outlet.factors if each.factor == check.factor), None)
        # Drifts are judged by the measuring range: where the registry has none it is a check without a limit.
        kind = check.kind if item is None or item.span_high is not None else QaKind.STANDARD_CHECK
        note = "; ".join(f"ResultType={result}" for result in check.results)
        try:
            async with self._session.begin_nested():
                given = QaIn(
                    outlet_id=outlet.id, factor=check.factor, kind=kind, at=told.at.astimezone(UTC),
                    pairs=list(check.pairs), note=note, source=QaSource.HJ212,
                )  # fmt: skip
                record = judged(given, outlet, self._now, device.mn)
                if await QaStore(self._session).find_same(record) is None:
                    await keep(self._session, record, Actor(f"device:{device.id}", device.mn, ""), packet.id)
        except (InvalidError, ValueError, DataError, IntegrityError, asyncpg.DataError) as error:
            await self._refuse(packet, str(error.message if isinstance(error, AppError) else error))

    async def _refuse(self, packet: Packet, why: str) -> None:
        """Say that a packet which was taken could not be made use of; it stays in the journal."""
        log.warning("field_packet_unused", packet=packet.id, mn=packet.mn, cn=packet.cn, why=why)
        await audit.record(
            self._session, SYSTEM, "packet.unused", f"packet:{packet.id}", at=self._now, reason=why[:300],
            after={"mn": packet.mn, "cn": packet.cn},
        )  # fmt: skip
