"""Who speaks on which connection: sessions by MN 设备唯一标识, and the way to send a frame to a device.

A session belongs to an MN, not to a socket: a forwarder carries several MNs on one connection, and one MN may come
on two (a logger that reconnected, or one that is set up twice). Only frames that were accepted count: with a
stranger's PW nobody takes a device's session over. What is sent goes to the connection that spoke last.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.ingest.hj212.codec import ANSWERS
from services.ingest.hj212.gateway.sink import Outcome, Received, Status

HEARTBEATS = frozenset({"9015", "9021"})
"""Heartbeat of HJ 212-2025, log-in and heartbeat of vendors; both are seen from devices of older editions too."""
HEARD = ANSWERS | {"1013"}
"""Commands (CN) of devices that concern whoever commands them: answers, and the request for the time."""
MOST_LINES = 8
"""Connections remembered for one MN; of more, the one silent longest is forgotten."""


class Speaker(Protocol):
    """What a session needs of a connection."""

    number: int
    peer: str

    def send(self, data: bytes) -> bool:
        """Write now; False where the way is closed or the peer does not read."""
        ...

    def beat(self) -> None:
        """A heartbeat came."""
        ...


class Observer(Protocol):
    """Who keeps account of links. Called for each frame after its commit: it must be quick and never raise."""

    def note(self, received: Received, outcome: Outcome, *, switched: bool, repeated: bool) -> None:
        """A frame was judged.

        switched: it came on another connection than the device's last one; repeated: that connection had been
        left for a newer one before, so two of them speak for the same MN.
        """
        ...

    def undelivered(self, received: Received) -> None:
        """Its answer could not be written: the connection was gone."""
        ...


@dataclass(slots=True)
class Line:
    """One connection of an MN, with the times of its first and last accepted frame (aware UTC)."""

    connection: Speaker
    since: datetime
    last_at: datetime


class Sessions:
    """Sessions by MN. Everything here is in memory and of this process.

    on_answer: called with each accepted frame that is an answer (9011 to 9014) or asks for the time (1013), and with
    every accepted frame of an MN in `awaited` (whoever sent a command waits for what comes back). It runs after the
    commit and must be quick.
    """

    def __init__(self) -> None:
        self.on_answer: Callable[[Received], None] | None = None
        self.observer: Observer | None = None
        self.awaited: set[str] = set()
        self._lines: dict[str, list[Line]] = {}
        self._spoken: dict[int, set[str]] = {}

    def send(self, mn: str, data: bytes) -> bool:
        """Send whole frames to a device, on the connection that spoke for it last.

        False where none is open or its peer does not read; the next open connection is tried then.
        """
        return any(line.connection.send(data) for line in reversed(self._lines.get(mn, ())))

    def is_open(self, mn: str) -> bool:
        """Whether a connection speaks for this MN."""
        return mn in self._lines

    def lines(self, mn: str) -> tuple[Line, ...]:
        """Connections that speak for this MN, the last one last."""
        return tuple(self._lines.get(mn, ()))

    def __len__(self) -> int:
        """How many MNs are connected."""
        return len(self._lines)

    # --- called by the server ---

    def settled(self, received: Received, outcome: Outcome, connection: Speaker | None) -> None:
        """A frame is durable: bind its MN to its connection, tell whoever listens."""
        packet = received.packet
        switched = repeated = False
        if packet is not None and outcome.status is not Status.QUARANTINED:
            if connection is not None:
                lines = self._lines.get(packet.mn)
                if lines is not None and lines[-1].connection is connection:
                    lines[-1].last_at = received.received_at
                else:
                    switched = lines is not None
                    repeated = self._switch(packet.mn, connection, received.received_at)
                if packet.cn in HEARTBEATS:
                    connection.beat()
            if self.on_answer is not None and (packet.cn in HEARD or packet.mn in self.awaited):
                self.on_answer(received)
        if self.observer is not None:
            self.observer.note(received, outcome, switched=switched, repeated=repeated)

    def forget(self, connection: Speaker) -> None:
        """The connection is gone; its MNs fall back to an older one, if any."""
        for mn in self._spoken.pop(connection.number, ()):
            left = [line for line in self._lines.get(mn, ()) if line.connection is not connection]
            if left:
                self._lines[mn] = left
            else:
                self._lines.pop(mn, None)

    def _switch(self, mn: str, connection: Speaker, at: datetime) -> bool:
        """Make `connection` the last one of this MN. Returns whether it had been the last one before."""
        lines = self._lines.setdefault(mn, [])
        known = next((line for line in lines if line.connection is connection), None)
        if known is not None:
            lines.remove(known)
            known.last_at = at
            lines.append(known)
            return True
        if len(lines) == MOST_LINES:
            self._spoken.get(lines.pop(0).connection.number, set()).discard(mn)
        lines.append(Line(connection, at, at))
        self._spoken.setdefault(connection.number, set()).add(mn)
        return False
