"""Watching links: an account in memory of what each device sends, written in batches every few seconds.

For each frame there is a little work on one small object and no waiting; the database hears of many devices at once.
What was not yet written when the process dies is lost: some seconds of counts, never a packet.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.links import REJECTED, REPAIR, Change, Link, Seen, SeenLine, advance, expire, link_rules
from services.ingest.domain.packets import NOT_THE_DEVICE, UNKNOWN_MN, claimed_mn
from services.ingest.domain.strangers import Stranger, Strangers
from services.ingest.domain.tolerance import deviations
from services.ingest.hj212.codec import ANSWERS, Frame, Packet
from services.ingest.hj212.codec.values import read_time
from services.ingest.hj212.gateway.sessions import HEARTBEATS, Sessions
from services.ingest.hj212.gateway.sink import Outcome, Received, Status
from services.ingest.store.links import LinkBook
from shared import feed
from shared.clock import PARK_ZONE
from shared.contracts.ingest.links import DEVICE_STATE, DeviceStateEvent
from shared.db import Database, is_passing_fault, raw
from shared.logging import get_logger

log = get_logger(__name__)

EVERY_SECONDS = 3.0
LAST_SECONDS = 5.0
MOST_A_LOOK = 150
LOOKS, PAUSE_SECONDS = 10, 0.05
"""Devices written at one look, so that no frame waits more than some milliseconds for the gateway's one thread, and
looks in a row; the rest, and what they send meanwhile, wait for the next time."""
QN_DIGITS = 17


class LinkWatch:
    """The gateway's `Observer`, with the task that writes what it saw."""

    def __init__(self, db: Database, sessions: Sessions, strangers: Strangers, now: Callable[[], datetime]) -> None:
        self._db = db
        self._sessions = sessions
        self._strangers = strangers
        self._now = now
        self._rules = link_rules()
        self._seen: dict[str, Seen] = {}
        """By MN, of devices that have sent an accepted frame; bounded by the registry."""
        self._waiting: dict[str, Seen] = {}
        """Those with something to write, the longest waiting first."""

    # --- for each frame ---

    def note(self, received: Received, outcome: Outcome, *, switched: bool, repeated: bool) -> None:
        """A frame was judged."""
        del switched
        packet = received.packet
        if packet is None:
            self._unreadable(received, outcome)
            return
        if outcome.reason == UNKNOWN_MN:
            self._strangers.meet(_stranger(packet, received))
            return
        mn = packet.mn
        seen = self._seen.get(mn)
        if seen is None:
            seen = self._seen[mn] = Seen()
        self._waiting[mn] = seen
        seen.frames += 1
        at = received.received_at
        if packet.notes or (isinstance(received.event, Frame) and received.event.repairs):
            self._odd(seen, received, packet)
        if outcome.status is Status.QUARANTINED:
            self._reject(seen, outcome.reason)
            if outcome.reason in NOT_THE_DEVICE:
                return
        self._proven(seen, packet, outcome, at)
        if repeated:
            seen.repeated_at = at

    def _proven(self, seen: Seen, packet: Packet, outcome: Outcome, at: datetime) -> None:
        """The frame is of the device it names."""
        seen.last_at = seen.last_by_cn[packet.cn] = at
        seen.late += outcome.late
        seen.repeats += outcome.repeat
        if seen.skew_at is None or at - seen.skew_at >= self._rules.clock_every or packet.cn in HEARTBEATS:
            self._sample(seen, packet, at)

    def undelivered(self, received: Received) -> None:
        """An answer met no connection."""
        if received.packet is not None and received.packet.mn in self._seen:
            mn = received.packet.mn
            self._waiting[mn] = seen = self._seen[mn]
            seen.undelivered += 1

    def _unreadable(self, received: Received, outcome: Outcome) -> None:
        """Bytes that are no packet count for the device they name, where that is connected here."""
        mn = claimed_mn(received.event.raw)
        if mn is not None and mn in self._seen and self._sessions.is_open(mn):
            self._waiting[mn] = seen = self._seen[mn]
            seen.frames += 1
            self._reject(seen, outcome.reason)

    @staticmethod
    def _reject(seen: Seen, reason: str | None) -> None:
        seen.rejected += 1
        seen.oddities[REJECTED, reason or "unreadable"] += 1

    @staticmethod
    def _odd(seen: Seen, received: Received, packet: Packet) -> None:
        repairs = received.event.repairs if isinstance(received.event, Frame) else ()
        names = deviations((*repairs, *packet.notes))
        if names:
            seen.repaired += 1
            seen.oddities.update((REPAIR, name) for name in names)

    def _sample(self, seen: Seen, packet: Packet, at: datetime) -> None:
        """Now and then: compare the device's clock with ours, and see which edition it speaks."""
        if packet.cn in HEARTBEATS:
            seen.heartbeat_at = at
        elif packet.cn in ANSWERS or not packet.cn.startswith("2"):
            return
        if packet.flag is not None or packet.cn.startswith("2"):
            seen.edition = packet.edition.value
        text = packet.qn if packet.qn and len(packet.qn) == QN_DIGITS else None
        if text is None and packet.cn == "2011":
            text = packet.param("DataTime")
        try:
            told = read_time(text) if text is not None and not packet.rf else None
        except ValueError:
            return
        if told is None:
            return
        seen.skew_at = at
        seen.skews.append((at - told).total_seconds())
        if len(seen.skews) > self._rules.clock_samples:
            del seen.skews[0]

    # --- every few seconds ---

    async def run(self) -> None:
        """Write for ever; what could not be written is tried again at the next look."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                for _ in range(LOOKS):
                    await self.look()
                    if not self._waiting:
                        break
                    await asyncio.sleep(PAUSE_SECONDS)
            except Exception as error:  # the account must outlive the database's absence
                if not is_passing_fault(error):
                    log.exception("links_not_written", error=repr(error))
                else:
                    log.warning("links_not_written", error=repr(error))

    async def finish(self) -> None:
        """Write what is left, within some seconds, before the process ends."""
        try:
            async with asyncio.timeout(LAST_SECONDS):
                while self._waiting:
                    await self.look()
        except Exception as error:  # noqa: BLE001 - counts are no reason to hold up a stop
            log.warning("links_not_written", error=repr(error))

    async def look(self) -> None:
        """Write what was seen of up to `MOST_A_LOOK` devices, and the strangers met."""
        batch = dict(list(self._waiting.items())[:MOST_A_LOOK])
        strangers = self._strangers.take()
        for mn, seen in batch.items():
            del self._waiting[mn]
            self._seen[mn] = seen.renewed()
        try:
            await self._write(batch, strangers)
        except BaseException:
            self._take_back(batch)
            for stranger in strangers:
                self._strangers.meet(stranger)
            raise

    async def _write(self, batch: dict[str, Seen], strangers: Sequence[Stranger]) -> None:
        if not batch and not strangers:
            return
        now = self._now()
        async with self._db.transaction() as session:
            book = LinkBook(await raw(session))
            known = await book.lock_links(sorted(batch))
            links: list[Link] = []
            changes: list[tuple[Link, Change]] = []
            for mn, link in known.items():
                new, changed = advance(link, batch[mn], self._lines(mn), now, self._rules)
                links.append(new)
                changes += [(new, change) for change in changed]
            seen = [(link.device_id, batch[link.mn]) for link in links]
            if links:
                await book.save_links(links)
                await book.add_traffic(seen, now.astimezone(PARK_ZONE).date())
                await book.add_oddities(seen, now)
            await book.add_strangers(strangers)
            await tell_changes(session, book, changes)

    def _lines(self, mn: str) -> tuple[SeenLine, ...]:
        return tuple(SeenLine(line.connection.peer, line.since, line.last_at) for line in self._sessions.lines(mn))

    def _take_back(self, batch: dict[str, Seen]) -> None:
        """Nothing was written: join what was seen with what came meanwhile."""
        for mn, old in batch.items():
            joined = self._seen[mn]
            joined.absorb(old)
            self._waiting[mn] = joined


async def tell_changes(session: AsyncSession, book: LinkBook, changes: Sequence[tuple[Link, Change]]) -> None:
    """Histories and feed, in the caller's transaction; call it last."""
    await book.add_events([(link.device_id, change) for link, change in changes])
    events = []
    for link, change in changes:
        event = DeviceStateEvent(
            device_id=link.device_id, mn=link.mn, outlet_id=link.outlet_id, enterprise_id=link.enterprise_id,
            at=change.at, change=change.change, state=link.state, detail=change.detail,
        )  # fmt: skip
        events.append((f"device:{link.device_id}", event.model_dump(mode="json"), change.at))
    await feed.publish_all(session, DEVICE_STATE, events)


async def expire_links(db: Database, now: datetime) -> int:
    """Let time pass for links nobody writes any more: silence makes a device offline. How many changed."""
    rules = link_rules()
    total = 0
    while True:
        async with db.transaction() as session:
            book = LinkBook(await raw(session))
            silent = await book.lock_silent(now - rules.online_within, now - rules.duplicate_for, MOST_A_LOOK)
            expired = [expire(link, now, rules) for link in silent]
            if silent:
                await book.save_links([link for link, _ in expired])
            await tell_changes(session, book, [(link, change) for link, changed in expired for change in changed])
        total += len(silent)
        if len(silent) < MOST_A_LOOK:
            return total


def _stranger(packet: Packet, received: Received) -> Stranger:
    return Stranger(
        packet.mn, received.received_at, received.received_at, received.peer, packet.st[:8], packet.cn,
        packet.edition.value, 0,
    )  # fmt: skip
