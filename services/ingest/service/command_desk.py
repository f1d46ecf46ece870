"""What a gateway does with commands: takes them, hears answers, minds time-outs. Each call is one transaction.

A command is marked as sent and committed before its frame is written. When the process dies between the two, the
time-out decides: what may be repeated is sent again under the same QN, what may not ends as timed out, its outcome
unknown. So nothing dangerous is ever sent twice.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.commands import answers, life
from services.ingest.domain.commands.answers import Heard, Word
from services.ingest.domain.commands.frames import SYSTEM_CODES, Station, qn_text, request, shown
from services.ingest.domain.commands.model import Command
from services.ingest.hj212.codec import EncodeError, Packet, ParseError, parse_segment
from services.ingest.service.command_work import after_success, initialise, set_clock
from services.ingest.service.commands import tell
from services.ingest.store.commands import CommandSettingStore, CommandStore, Line
from services.ingest.store.stations import Spoken, StationStore
from shared.clock import PARK_ZONE, Clock, wall
from shared.contracts.ingest import Medium
from shared.contracts.ingest.commands import CommandEvent, CommandOrigin, CommandState
from shared.db import Database, raw
from shared.logging import get_logger

log = get_logger(__name__)

LATE_WITHIN = timedelta(hours=1)
"""An answer after the time-out still counts this long."""
DEFAULT_PW = "123456"
INTERACTION = "91"
MOST_AT_ONCE = 200
MOST_REPLAYED = 5000
CLOCK_REQUEST = "1013"
ENCRYPTED = "encrypted"
HEAD = 6
TAIL = 4
"""Bytes of a frame before and after its data segment."""


class Taken(NamedTuple):
    """A command that is on its way, and the frame to write."""

    command: Command
    frame: bytes


class Waiting(NamedTuple):
    """A command that waits for its device."""

    id: UUID
    mn: str
    origin: CommandOrigin


class CommandDesk:
    """One for each gateway process."""

    def __init__(self, db: Database, clock: Clock, *, changed: Callable[[str], None] = lambda _mn: None) -> None:
        self._db = db
        self._clock = clock
        self._changed = changed
        """Called with the MN of a device whose registration a command has changed."""

    # --- sending ---

    async def waiting(self, is_open: Callable[[str], bool], most: int) -> list[Waiting]:
        """The next commands of devices that are connected here and idle, one a device."""
        found: dict[str, Waiting] = {}
        after = 0
        while len(found) < most:
            async with self._db.transaction() as session:
                rows = await CommandStore(session).queued(after, MOST_AT_ONCE)
            for number, id_, mn, origin in rows:
                after = number
                if mn not in found and is_open(mn):
                    found[mn] = Waiting(id_, mn, origin)
            if len(rows) < MOST_AT_ONCE:
                break
        return list(found.values())[:most]

    async def take(self, command_id: UUID) -> Taken | None:
        """Mark a command as sent, for good; None where another gateway was faster or its device became busy."""
        try:
            async with self._db.transaction() as session:
                return await self._take(session, command_id)
        except IntegrityError:
            return None  # the device has another command under way

    async def _take(self, session: AsyncSession, command_id: UUID) -> Taken | None:
        store, now = CommandStore(session), self._clock.now()
        before = await store.claim(command_id)
        if before is None or before.valid_until < now:
            return None
        qn = before.qn or await self._new_qn(store, now)
        after = life.send(before, qn, now, wall())
        try:
            station = await self._station(session, before)
            data = request(before, station, qn, now)
            plain = request(before, station._replace(key=None), qn, now)
        except EncodeError as error:
            failed = life.move(before, CommandEvent.FAIL, now)
            await store.save(failed)
            await tell(session, "failed", before, failed, reason=str(error))
            return None
        await store.save(after)
        remark = "" if data == plain else ENCRYPTED
        await store.add_lines(after.id, [Line(now, True, after.kind.cn, shown(plain), remark)])
        await tell(session, "sent", before, after)
        if after.secret is not None:
            self._changed(after.mn)  # from now on the device may use its new PW
        return Taken(after, data)

    async def _new_qn(self, store: CommandStore, now: datetime) -> str:
        milliseconds = await store.next_qn(now)
        return qn_text(milliseconds, datetime.fromtimestamp(milliseconds // 1000, PARK_ZONE))

    async def _station(self, session: AsyncSession, command: Command) -> Station:
        """ST and PW as the device itself uses them; the registry's password goes first."""
        spoken = await StationStore(await raw(session)).find(command.device_id)
        packet = _last_packet(spoken)
        st = packet.st if packet and packet.st != INTERACTION else SYSTEM_CODES[Medium(spoken.medium)]
        return Station(st, spoken.password or (packet.pw if packet else "") or DEFAULT_PW, command.edition, spoken.key)

    async def not_sent(self, command: Command) -> None:
        """The frame could not be written, nothing of it: back to the queue."""
        async with self._db.transaction() as session:
            store, now = CommandStore(session), self._clock.now()
            before = await store.get(command.id, lock=True)
            if before.version == command.version:
                after = life.move(before, CommandEvent.NOT_SENT, now)
                await store.save(after)
                await store.add_lines(after.id, [Line(now, True, after.kind.cn, "", "not_written")])
                await tell(session, "not_sent", before, after)

    # --- hearing ---

    async def hear(self, batch: Sequence[Heard]) -> set[str]:
        """Apply what devices said, in order; MNs of the batch that have nothing under way any more."""
        async with self._db.transaction() as session:
            store, now = CommandStore(session), self._clock.now()
            mns = {item.packet.mn for item in batch}
            known = {command.id: command for command in await store.open_of(mns, now - LATE_WITHIN)}
            before = dict(known)
            lines: dict[UUID, list[Line]] = {}
            for item in batch:
                of_mn = [command for command in known.values() if command.mn == item.packet.mn]
                found = answers.match(item.packet, of_mn)
                if found is not None:
                    command, word = found
                    known[command.id] = _heard(command, word, item, now)
                    remark = answers.note(item.packet) if word is Word.ANSWER else ENCRYPTED * item.encrypted
                    line = Line(item.at, False, item.packet.cn, shown(item.raw), remark)
                    lines.setdefault(command.id, []).append(line)
            for id_, kept in lines.items():
                await store.add_lines(id_, kept)
            for id_ in lines:
                await self._save(session, before[id_], known[id_])
            for mn in sorted({item.packet.mn for item in batch if item.packet.cn == CLOCK_REQUEST}):
                await set_clock(session, mn, CommandOrigin.CLOCK_REQUEST, now)
        return mns - {command.mn for command in known.values() if command.state in life.IN_FLIGHT}

    async def _save(self, session: AsyncSession, before: Command, after: Command) -> None:
        if after == before:
            return
        await CommandStore(session).save(after)
        if after.state is not before.state:
            if after.state is CommandState.DONE and await after_success(session, before, after):
                self._changed(after.mn)
            await tell(session, after.state.value, before, after)

    # --- time ---

    async def mind_time(self) -> list[Command]:
        """Repeat, give up or expire what is overdue; the commands that changed."""
        changed = []
        async with self._db.transaction() as session:
            store, now = CommandStore(session), self._clock.now()
            for before in await store.overdue(wall(), MOST_AT_ONCE):
                after = life.overdue(before, now)
                await store.save(after)
                await tell(
                    session, "repeated" if after.state is CommandState.QUEUED else after.state.value, before, after
                )
                changed.append(after)
            for before in await store.outlived(now, MOST_AT_ONCE):
                after = life.move(before, CommandEvent.EXPIRE, now)
                await store.save(after)
                await tell(session, after.state.value, before, after)
                changed.append(after)
        return changed

    async def initialise(self, is_open: Callable[[str], bool]) -> None:
        """Give the first sequence to devices that are connected here for the first time."""
        async with self._db.transaction() as session:
            for device_id in await CommandSettingStore(session).to_initialise(MOST_AT_ONCE):
                await initialise(session, device_id, is_open, self._clock.now())

    async def under_way(self) -> list[Command]:
        """All commands whose end is awaited, of this gateway and of others."""
        async with self._db.transaction() as session:
            return await CommandStore(session).under_way()

    # --- after a restart ---

    async def recover(self) -> tuple[list[Command], list[Heard]]:
        """Commands under way, and what the journal holds of their devices that no command has heard yet."""
        missed = []
        async with self._db.transaction() as session:
            store, stations = CommandStore(session), StationStore(await raw(session))
            commands = await store.under_way()
            for command in commands:
                if command.sent_at is None:
                    continue
                known = {(line.at, line.frame) for line in await store.lines_of(command.id)}
                cns = [*answers.ANSWERS, command.kind.cn]
                for data, at in await stations.heard_since(command.mn, cns, command.sent_at, MOST_REPLAYED):
                    packet = _packet_of(data)
                    if packet is not None and (at, shown(data)) not in known:
                        missed.append(Heard(packet, data, at))
        return commands, missed


def _heard(command: Command, word: Word, item: Heard, now: datetime) -> Command:
    if word is Word.DATA:
        return answers.after_data(command, [item.packet], now, wall())
    return answers.after_answer(command, item.packet, now, wall()) or command


def _last_packet(spoken: Spoken) -> Packet | None:
    return None if spoken.last is None else _packet_of(bytes(spoken.last))


def _packet_of(data: bytes) -> Packet | None:
    """A journalled frame, read again; None where its length field did not fit (it was repaired then)."""
    try:
        return parse_segment(data[HEAD:-TAIL])
    except ParseError:
        return None
