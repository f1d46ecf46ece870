"""Every bound of the gateway in one place. Times in seconds of real time, sizes in bytes."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from services.ingest.hj212.codec.events import TOLERANT_LIMIT


@dataclass(frozen=True, slots=True)
class Limits:
    """Defaults answer for 10,000 loggers on one process."""

    segment: int = TOLERANT_LIMIT

    batch_frames: int = 1_000
    batch_delay: float = 0.01
    """The longest a frame waits for others before its transaction begins."""
    store_timeout: float = 30.0
    retry_first: float = 0.1
    retry_last: float = 10.0
    """A batch that could not be stored is repeated after `retry_first`, doubling up to `retry_last`."""

    queue_high: int = 8_000
    queue_low: int = 4_000
    """Frames waiting for their commit at which all connections stop and start being read."""
    unanswered_high: int = 1_000
    """The same for one connection."""

    max_connections: int = 20_000
    max_per_address: int = 2_000
    """From one IP address. Mobile carriers put many loggers behind one address, so it is not small."""
    unlimited: tuple[IPv4Network | IPv6Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    """Addresses the bound above does not hold for: this machine, where forwarders and tests run."""
    allowed: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks that may connect; empty: every one."""
    write_high: int = 16_384
    """Answers waiting for a peer that does not read, beyond the socket's own buffer."""
    write_timeout: float = 30.0
    socket_buffer: int = 32_768

    greeting_timeout: float = 300.0
    """A connection without one good frame is closed after this."""
    idle_timeout: float = 7_200.0
    """One that has sent good frames: longer than the longest upload interval (3,600 s)."""
    heartbeat_misses: float = 4.0
    heartbeat_least: float = 300.0
    """One that has sent heartbeats is closed after this many of its own intervals in silence, and no sooner."""
    frame_quiet: float = 10.0
    frame_deadline: float = 120.0
    """An incomplete frame is given up after this silence, and after this time in all."""
    sweep_every: float = 1.0

    noise_budget: int = 65_536
    """Bytes outside any frame since the last good frame."""
    strikes: int = 500
    """Frames in a row that were rejected or quarantined."""

    stop_grace: float = 20.0
    """How long a stopping server tries to store and answer what it holds."""
