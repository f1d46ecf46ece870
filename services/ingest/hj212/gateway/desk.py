"""The gateway's side of commands: sends what waits for devices connected here, hands on what they answer.

The database is the queue. PostgreSQL's NOTIFY wakes the desk at once; a look every second finds devices that came
online, and what was told while the listening connection was down.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Sequence

import asyncpg

from services.ingest.domain.commands.answers import Heard
from services.ingest.domain.commands.frames import plain_text
from services.ingest.domain.commands.policy import policy
from services.ingest.hj212.codec import Frame
from services.ingest.hj212.gateway.sessions import Sessions
from services.ingest.hj212.gateway.sink import Received
from services.ingest.service.command_desk import CommandDesk, Waiting
from services.ingest.store.commands import CHANNEL
from shared.clock import monotonic
from shared.contracts.ingest.commands import CommandOrigin
from shared.db import plain_dsn
from shared.logging import get_logger

log = get_logger(__name__)

LOOK_EVERY = 1.0
ALIVE_EVERY = 20.0
COMPARE_EVERY = 30.0
PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds after the first, second … fault in a row."""
MOST_HEARD = 50_000
BATCH = 500


class Desk:
    """Runs beside the server, in the same loop. `run` until cancelled."""

    def __init__(
        self, desk: CommandDesk, sessions: Sessions, database_url: str, *, look_every: float = LOOK_EVERY
    ) -> None:
        self._look_every = look_every
        self._desk = desk
        self._sessions = sessions
        self._dsn = plain_dsn(database_url)
        self._heard: deque[Heard] = deque()
        self._wake = asyncio.Event()
        self._origins: dict[str, CommandOrigin] = {}
        """MN → origin of the command under way there, as far as this gateway knows."""
        self._credit = float(policy().a_second)
        self._credited_at = self._compared_at = monotonic()

    async def run(self) -> None:
        """Work until cancelled; faults of the database are waited out."""
        self._sessions.on_answer = self._hear
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name="hj212-command-wake")
            group.create_task(self._work(), name="hj212-command-work")

    def _hear(self, received: Received) -> None:
        if received.packet is None:
            return
        if len(self._heard) >= MOST_HEARD:
            # Everything is in the journal; a restart reads it again from there.
            self._heard.popleft()
            log.warning("command_frames_dropped", mn=received.packet.mn)
        opened = not isinstance(received.event, Frame)  # its body was encrypted
        raw = plain_text(received.packet) if opened else received.event.raw
        self._heard.append(Heard(received.packet, raw, received.received_at, opened))
        self._wake.set()

    # --- waking ---

    async def _listen(self) -> None:
        faults = 0
        while True:
            try:
                connection = await asyncpg.connect(self._dsn, timeout=10, command_timeout=10)
                try:
                    await connection.add_listener(CHANNEL, lambda *_: self._wake.set())
                    faults = 0
                    while True:
                        await asyncio.sleep(ALIVE_EVERY)
                        await connection.execute("select 1")
                finally:
                    with contextlib.suppress(Exception):  # the server may be the one that is gone
                        await connection.close(timeout=2)
            except Exception as error:  # noqa: BLE001 - without it commands still go out at the next look
                log.warning("command_wake_lost", error=repr(error))
                await asyncio.sleep(_pause(faults))
                faults += 1

    # --- working ---

    async def _work(self) -> None:
        recovered = False
        faults = 0
        while True:
            try:
                if not recovered:
                    await self._recover()
                    recovered = True
                await self._round()
                faults = 0
            except Exception:
                log.exception("command_round_failed", retry_in=_pause(faults))
                await asyncio.sleep(_pause(faults))
                faults += 1
            if not self._heard:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._look_every)
            self._wake.clear()

    async def _recover(self) -> None:
        """Take up what was under way when the last gateway ended."""
        commands, missed = await self._desk.recover()
        for command in commands:
            self._await(command.mn, command.origin)
        already = {(item.raw, item.at) for item in missed}
        self._heard = deque(item for item in self._heard if (item.raw, item.at) not in already)
        for start in range(0, len(missed), BATCH):
            self._rest(await self._desk.hear(missed[start : start + BATCH]))

    async def _round(self) -> None:
        await self._hand_on()
        if monotonic() - self._compared_at > COMPARE_EVERY:
            # Another process may have ended what was under way here.
            self._rest(set(self._origins) - {command.mn for command in await self._desk.under_way()})
            self._compared_at = monotonic()
        for command in await self._desk.mind_time():
            self._rest({command.mn})
        await self._desk.initialise(self._sessions.is_open)
        await self._send()

    async def _hand_on(self) -> None:
        while self._heard:
            batch = [self._heard[index] for index in range(min(BATCH, len(self._heard)))]
            idle = await self._desk.hear(batch)
            for _ in batch:  # only now: a fault before this leaves them for the next round
                self._heard.popleft()
            self._rest(idle)

    async def _send(self) -> None:
        now = monotonic()
        self._credit = min(policy().a_second, self._credit + (now - self._credited_at) * policy().a_second)
        self._credited_at = now
        room = min(int(self._credit), policy().in_flight - len(self._origins))
        if room <= 0:
            return
        for item in self._chosen(await self._desk.waiting(self._sessions.is_open, policy().in_flight))[:room]:
            await self._give(item)

    def _chosen(self, waiting: Sequence[Waiting]) -> list[Waiting]:
        """Those that may go now: people's first, and not too many fetches of history at once."""
        left = policy().history_in_flight - Counter(self._origins.values())[CommandOrigin.GAP]
        gaps = [item for item in waiting if item.origin is CommandOrigin.GAP]
        others = [item for item in waiting if item.origin is not CommandOrigin.GAP]
        return others + gaps[: max(0, left)]

    async def _give(self, item: Waiting) -> None:
        self._await(item.mn, item.origin)
        taken = None
        try:
            taken = await self._desk.take(item.id)
        finally:
            if taken is None:
                self._rest({item.mn})
        if taken is None:
            return
        self._credit -= 1
        if not self._sessions.send(item.mn, taken.frame):
            self._rest({item.mn})
            await self._desk.not_sent(taken.command)

    def _await(self, mn: str, origin: CommandOrigin) -> None:
        self._origins[mn] = origin
        self._sessions.awaited.add(mn)

    def _rest(self, mns: set[str]) -> None:
        for mn in mns:
            self._origins.pop(mn, None)
            self._sessions.awaited.discard(mn)


def _pause(faults: int) -> float:
    return PAUSES[min(faults, len(PAUSES) - 1)]
