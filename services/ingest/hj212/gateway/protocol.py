"""One TCP connection of a logger or a forwarder; the device is named per frame, not per socket."""

import asyncio
from typing import TYPE_CHECKING, cast

from services.ingest.hj212.codec import Event, Frame, Framer, RejectReason

if TYPE_CHECKING:
    from services.ingest.hj212.gateway.server import Server


class Hold:
    """Reasons for not reading from a connection, as bits. Plain numbers: an enumeration's `&` costs a microsecond, and
    each answer asks, and each connection where the store falls behind.
    """

    NONE = 0
    PRESSURE = 1
    """The store is behind or failing."""
    UNANSWERED = 2
    """Too many frames of this connection wait for their commit."""
    UNREAD = 4
    """The peer does not read its answers."""


class LoggerConnection(asyncio.Protocol):
    """Feeds a framer, and keeps every bound of its connection."""

    __slots__ = (
        "_beat_every",
        "_expiry",
        "_framer",
        "_hold",
        "_partial_since",
        "_server",
        "_transport",
        "good_frames",
        "last_beat",
        "last_byte",
        "last_frame",
        "leaving",
        "number",
        "peer",
        "quiet_noise",
        "strikes",
        "unanswered",
    )

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._framer = Framer(limit=server.limits.segment)
        self._transport: asyncio.Transport | None = None
        self._hold = Hold.NONE
        self._expiry: asyncio.TimerHandle | None = None
        self._partial_since: float | None = None
        self.number = 0
        self.peer = ""
        self.good_frames = 0
        self._beat_every = 0.0
        self.last_beat = 0.0
        self.last_byte = 0.0
        self.last_frame = 0.0
        self.leaving = False
        self.quiet_noise = 0
        self.strikes = 0
        self.unanswered = 0

    # --- called by the event loop ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register, or be turned away when the server is full or stopping."""
        self._transport = cast("asyncio.Transport", transport)
        self.last_byte = self.last_frame = self._server.loop.time()
        self._transport.set_write_buffer_limits(high=self._server.limits.write_high)
        self._server.admit(self, self._transport)

    def data_received(self, data: bytes) -> None:
        """Frame the bytes and hand on what is complete."""
        if self.leaving:
            return
        self.last_byte = self._server.loop.time()
        self._server.stats.bytes_in += len(data)
        self._take(self._framer.feed(data))

    def eof_received(self) -> bool:
        """The peer sends no more but may still read: keep the way back open until all is answered."""
        self._take(self._framer.expire())
        self.leaving = True
        # TLS knows no half-closed connection.
        secure = self._transport is not None and self._transport.get_extra_info("sslcontext") is not None
        return self.unanswered > 0 and not secure

    def connection_lost(self, exc: Exception | None) -> None:
        """Hand on what was left; frames that wait for their commit are stored all the same."""
        del exc
        self.leaving = True
        if self._expiry is not None:
            self._expiry.cancel()
        self._take(self._framer.expire())
        self._transport = None
        self._server.forget(self)

    def pause_writing(self) -> None:
        """Answers pile up: stop reading, and part company if it lasts."""
        self.hold(Hold.UNREAD)
        self._expiry = self._server.loop.call_later(self._server.limits.write_timeout, self.abort, "answers_unread")

    def resume_writing(self) -> None:
        """The peer reads again."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        self.release(Hold.UNREAD)

    # --- called by the server ---

    def settle(self, count: int, answers: bytes) -> bool:
        """`count` frames of this connection are durable. Returns whether the answers could be written."""
        self.unanswered -= count
        transport = self._transport
        open_ = transport is not None and not transport.is_closing()
        if transport is not None and open_:
            if answers:
                transport.write(answers)
            if self.unanswered < self._server.limits.unanswered_high:
                self.release(Hold.UNANSWERED)
            if self.leaving and self.unanswered == 0:
                transport.close()
        return open_

    def hold(self, reason: int) -> None:
        """Stop reading for one more reason."""
        if not self._hold and self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
        self._hold |= reason

    def release(self, reason: int) -> None:
        """Drop a reason; read again when none is left."""
        if not self._hold & reason:
            return
        self._hold &= ~reason
        if not self._hold and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def sweep(self, now: float) -> None:
        """Give up an incomplete frame that takes too long, and a peer with nothing to say."""
        if self._hold:
            return
        limits = self._server.limits
        if self._partial_since is not None and (
            now - self.last_byte > limits.frame_quiet or now - self._partial_since > limits.frame_deadline
        ):
            self._partial_since = None
            self._take(self._framer.expire())
        silence = limits.idle_timeout if self.good_frames else limits.greeting_timeout
        if self._beat_every:
            silence = min(silence, max(limits.heartbeat_misses * self._beat_every, limits.heartbeat_least))
        if now - self.last_frame > silence:
            self.abort("idle" if self.good_frames else "no_greeting")

    def send(self, data: bytes) -> bool:
        """Write frames that are no answers. False where the way is closed or the peer does not read."""
        transport = self._transport
        if transport is None or transport.is_closing() or self._hold & Hold.UNREAD:
            return False
        transport.write(data)
        return True

    def opened(self) -> None:
        """A frame that the framer could not read was read with its key: it is as good as any other."""
        self.good_frames += 1
        self.last_frame = self.last_byte
        self.quiet_noise = self._framer.noise

    def beat(self) -> None:
        """A heartbeat came: the longest time between two of them is how often this peer sends one."""
        now = self._server.loop.time()
        if self.last_beat:
            self._beat_every = max(self._beat_every, now - self.last_beat)
        self.last_beat = now

    def close(self) -> None:
        """Close after what was written has gone out."""
        self.leaving = True
        if self._transport is not None:
            self._transport.close()

    def abort(self, reason: str) -> None:
        """Close at once and count why."""
        if self._transport is not None and not self._transport.is_closing():
            self.leaving = True
            self._server.stats.closed[reason] += 1
            self._transport.abort()

    # --- inside ---

    def _take(self, events: list[Event]) -> None:
        limits = self._server.limits
        for event in events:
            if self.strikes >= limits.strikes:
                break  # what a hostile peer sends beyond its budget is not even quarantined
            if isinstance(event, Frame):
                self.good_frames += 1
                self.last_frame = self.last_byte
                self.quiet_noise = self._framer.noise
            elif event.reason is not RejectReason.ENCRYPTED_BODY:
                self.strikes += 1  # one whose key the sink may have is judged later
            self.unanswered += 1
            self._server.receive(self, event)
        self._bound(progress=bool(events))

    def _bound(self, *, progress: bool) -> None:
        limits = self._server.limits
        if not self._framer.pending:
            self._partial_since = None
        elif progress or self._partial_since is None:
            self._partial_since = self.last_byte
        if self.unanswered >= limits.unanswered_high:
            self.hold(Hold.UNANSWERED)
        if self._framer.noise - self.quiet_noise > limits.noise_budget:
            self.abort("noise")
        elif self.strikes >= limits.strikes:
            self.abort("only_bad_frames")

    @property
    def noise(self) -> int:
        """Bytes outside any frame so far."""
        return self._framer.noise
