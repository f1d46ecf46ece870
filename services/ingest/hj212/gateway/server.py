"""The listening side: connections, the batch queue between them and the sink, orderly stop."""

import asyncio
import signal
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from services.ingest.hj212.codec import (
    Frame,
    Packet,
    ParseError,
    Rejected,
    RejectReason,
    answer,
    expected_answer,
    parse_segment,
    tables,
)
from services.ingest.hj212.gateway.batch import Batcher
from services.ingest.hj212.gateway.door import Door
from services.ingest.hj212.gateway.limits import Limits
from services.ingest.hj212.gateway.protocol import Hold, LoggerConnection
from services.ingest.hj212.gateway.sessions import Sessions
from services.ingest.hj212.gateway.sink import Outcome, Received, Sink, Status
from services.ingest.hj212.gateway.stats import Stats
from shared.logging import get_logger

log = get_logger(__name__)

_BACKLOG = 4096
_CLOSING_STEP = 0.01
_HANDSHAKE_SECONDS = 10.0
_SWEPT_AT_ONCE = 500


async def serve(
    host: str,
    port: int,
    sink: Sink,
    *,
    now: Callable[[], datetime],
    limits: Limits | None = None,
    tls: ssl.SSLContext | None = None,
) -> "Server":
    """Listen for loggers. `now` gives the aware UTC time of receipt; port 0 takes any free port.

    With `tls` this port speaks TLS only; `Server.listen` opens a further one.
    """
    tables.warm()
    server = Server(sink, now=now, limits=limits or Limits())
    await server.start(host, port, tls)
    return server


class Server:
    """A running gateway. Made by `serve`, ended by `stop`."""

    def __init__(self, sink: Sink, *, now: Callable[[], datetime], limits: Limits) -> None:
        self.limits = limits
        self.stats = Stats()
        self.sessions = Sessions()
        self.loop = asyncio.get_running_loop()
        self._now = now
        self._batcher = Batcher(sink, limits, self.stats, on_settled=self._settle, on_pressure=self._press)
        self._connections: dict[int, LoggerConnection] = {}
        self._door = Door(limits)
        self._accepted = 0
        self._stopping = False
        self._listeners: list[asyncio.Server] = []
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def port(self) -> int:
        """The port it listens on."""
        if not self._listeners or not self._listeners[0].sockets:
            raise RuntimeError("the gateway does not listen")
        port: int = self._listeners[0].sockets[0].getsockname()[1]
        return port

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Listen on one more port, which is returned; a handshake that drags on is given up."""
        listener = await self.loop.create_server(
            lambda: LoggerConnection(self), host, port, backlog=_BACKLOG, ssl=tls,
            ssl_handshake_timeout=_HANDSHAKE_SECONDS if tls else None,
        )  # fmt: skip
        self._listeners.append(listener)
        found: int = listener.sockets[0].getsockname()[1]
        return found

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Begin to listen, store and sweep."""
        await self.listen(host, port, tls)
        self._tasks = [
            asyncio.create_task(self._batcher.run(), name="hj212-batches"),
            asyncio.create_task(self._sweep(), name="hj212-sweep"),
        ]

    async def run_until_signal(self) -> None:
        """Serve until SIGTERM or SIGINT, then stop in order. Raises if a task of the gateway died."""
        asked = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            self.loop.add_signal_handler(number, asked.set)
        waiting = asyncio.create_task(asked.wait())
        done, _ = await asyncio.wait([waiting, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        await self.stop()
        for task in done - {waiting}:
            task.result()

    async def stop(self) -> None:
        """Stop accepting and reading, store and answer what is held, close. Bounded by `stop_grace`.

        What cannot be stored in that time was never answered, so its loggers send it again.
        """
        if self._stopping:
            return
        self._stopping = True
        for listener in self._listeners:
            listener.close()
        for connection in self._connections.values():
            connection.hold(Hold.PRESSURE)
        try:
            async with asyncio.timeout(self.limits.stop_grace):
                await self._finish()
        except TimeoutError:
            log.warning("stopped_with_work_left", frames=self.stats.waiting, connections=len(self._connections))
        for connection in list(self._connections.values()):
            connection.abort("stopped")
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    # --- called by connections ---

    def admit(self, connection: LoggerConnection, transport: asyncio.Transport) -> None:
        """Number a new connection, or turn it away."""
        self._accepted += 1
        connection.number = self._accepted
        address = transport.get_extra_info("peername")
        reason = self._refusal(address[0] if address else "")
        if reason is not None:
            self.stats.refused[reason] += 1
            connection.leaving = True
            transport.abort()
            return
        raw: socket.socket | None = transport.get_extra_info("socket")
        if raw is not None:
            # Small kernel buffers, so that a peer that never reads costs little.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.limits.socket_buffer)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.peer = f"{address[0]}:{address[1]}" if address else ""
        self._connections[connection.number] = connection
        self.stats.accepted += 1
        self.stats.connections = len(self._connections)
        if self._batcher.pressed:
            connection.hold(Hold.PRESSURE)

    def forget(self, connection: LoggerConnection) -> None:
        """The connection is gone."""
        if self._connections.pop(connection.number, None) is not None:
            self.stats.noise += connection.noise
            self._door.leave(connection.peer)
            self.sessions.forget(connection)
        self.stats.connections = len(self._connections)

    def receive(self, connection: LoggerConnection, event: Frame | Rejected) -> None:
        """Parse a frame and queue it for the sink."""
        packet: Packet | None = None
        error: ParseError | None = None
        if isinstance(event, Frame):
            try:
                packet = parse_segment(event.segment)
            except ParseError as failure:
                error = failure
        self._count(event, packet, error)
        self._batcher.put(Received(connection.number, connection.peer, self._now(), event, packet, error))

    # --- inside ---

    def _refusal(self, address: str) -> str | None:
        """Why a new connection is turned away, if it is."""
        if self._stopping:
            return "stopping"
        if len(self._connections) >= self.limits.max_connections:
            return "full"
        return self._door.enter(address)

    def _count(self, event: Frame | Rejected, packet: Packet | None, error: ParseError | None) -> None:
        stats = self.stats
        if isinstance(event, Rejected):
            stats.rejected[event.reason] += 1
            return
        stats.frames += 1
        if event.repairs:
            stats.repairs.update(event.repairs)
        if packet is not None and packet.notes:
            stats.repairs.update(packet.notes)
        if error is not None:
            stats.unreadable[error.code] += 1

    def _settle(self, batch: Sequence[Received], outcomes: Sequence[Outcome]) -> None:
        """The batch is durable: write each connection's answers in one piece."""
        answers: dict[int, list[bytes]] = {}
        self.stats.outcomes.update([outcome.status for outcome in outcomes])
        for received, outcome in zip(batch, outcomes, strict=True):
            if outcome.packet is not received.packet and outcome.packet is not None:
                received = received._replace(packet=outcome.packet, error=None)  # noqa: PLW2901 - read with its key
            mine = answers.setdefault(received.connection, [])
            mine.append(_answer(received.packet, outcome))
            self._judge(received, outcome)
        for number, mine in answers.items():
            text = b"".join(mine)
            written = len(mine) - mine.count(b"")
            connection = self._connections.get(number)
            if connection is not None and connection.settle(len(mine), text):
                self.stats.answers += written
            else:
                self.stats.answers_undelivered += written
                if written:
                    self._tell_undelivered(number, batch, outcomes)

    def _tell_undelivered(self, number: int, batch: Sequence[Received], outcomes: Sequence[Outcome]) -> None:
        observer = self.sessions.observer
        if observer is not None:
            for received, outcome in zip(batch, outcomes, strict=True):
                if received.connection == number and outcome.answer:
                    observer.undelivered(received)

    def _judge(self, received: Received, outcome: Outcome) -> None:
        """Keep the sessions, and the connection's account of frames in a row that were good for nothing."""
        connection = self._connections.get(received.connection)
        self.sessions.settled(received, outcome, connection)
        if connection is None:
            return
        event = received.event
        if outcome.status is not Status.QUARANTINED:
            connection.strikes = 0
            if isinstance(event, Rejected):
                connection.opened()
        elif not isinstance(event, Rejected) or event.reason is RejectReason.ENCRYPTED_BODY:
            connection.strikes += 1

    def _press(self) -> None:
        if self._stopping:
            return
        for connection in self._connections.values():
            if self._batcher.pressed:
                connection.hold(Hold.PRESSURE)
            else:
                connection.release(Hold.PRESSURE)

    async def _finish(self) -> None:
        """Store and answer what is held, then let every connection write out and close."""
        await self._batcher.drain()
        for connection in list(self._connections.values()):
            connection.close()
        while self._connections:
            await asyncio.sleep(_CLOSING_STEP)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self.limits.sweep_every)
            for number, connection in enumerate(list(self._connections.values())):
                if number % _SWEPT_AT_ONCE == 0:
                    await asyncio.sleep(0)  # frames do not wait for thousands of quiet connections
                connection.sweep(self.loop.time())


def _answer(packet: Packet | None, outcome: Outcome) -> bytes:
    if packet is None or not outcome.answer:
        return b""
    cn = expected_answer(packet)
    return b"" if cn is None else answer(packet, cn)
