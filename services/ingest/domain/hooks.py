"""Webhooks: addresses that may be called, how often a delivery is tried, when an address is given up.

Standard Webhooks 1.0: the id of a message stays the same over all tries, so that a receiver can leave out
repeats; the signature covers id, time and body.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from shared.contracts.ingest.hooks import DeliveryState
from shared.errors import InvalidError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""Before the second, third … try; after the last a delivery is given up (about three days in all)."""
SWITCH_OFF_AFTER = timedelta(days=5)
SCHEMES = ("https", "http")


class HookAddressError(InvalidError):
    """An address that must not be called."""

    code = "hook_address"


@dataclass(frozen=True, kw_only=True)
class Hook:
    """A webhook. `secret` signs its messages and leaves the service once, when it is made."""

    id: UUID
    name: str
    url: str
    types: tuple[str, ...]
    active: bool
    secret: str
    version: int
    failing_since: datetime | None
    switched_off: bool
    created_at: datetime
    changed_at: datetime
    waiting: int = 0


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One event for one webhook."""

    id: int
    hook_id: UUID
    event_id: UUID
    type: str
    state: DeliveryState
    attempts: int
    status: int | None
    problem: str
    created_at: datetime
    next_at: datetime | None
    delivered_at: datetime | None
    body: str


@dataclass(frozen=True)
class Tried:
    """How a try ended: an HTTP status, or none and the reason."""

    status: int | None
    problem: str

    @property
    def taken(self) -> bool:
        """Whether the receiver took the message: any 2xx."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - the class of success


@dataclass(frozen=True)
class Next:
    """What follows a try."""

    state: DeliveryState
    next_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class DeliveryRow:
    """In any of `sources`, `event` leads to `target`; `who` is the system or somebody with hooks:admin."""

    event: str
    sources: tuple[DeliveryState, ...]
    target: DeliveryState
    who: str = "系统 system"


_WAITING = (DeliveryState.WAITING,)
DELIVERIES: tuple[DeliveryRow, ...] = (
    DeliveryRow(event="taken", sources=_WAITING, target=DeliveryState.DELIVERED),
    DeliveryRow(event="refused", sources=_WAITING, target=DeliveryState.WAITING),
    DeliveryRow(event="used_up", sources=_WAITING, target=DeliveryState.GIVEN_UP),
    DeliveryRow(event="gone", sources=_WAITING, target=DeliveryState.GIVEN_UP),
    DeliveryRow(
        event="replay", sources=tuple(DeliveryState), target=DeliveryState.WAITING,
        who="有 hooks:admin 权限者 who has hooks:admin",
    ),
)  # fmt: skip
_AFTER = {row.event: row.target for row in DELIVERIES}


def event_of(tried: Tried, attempts: int) -> str:
    """What the try with this number (from 1) was; 410 Gone ends it at once."""
    if tried.taken:
        return "taken"
    if tried.status == 410:  # noqa: PLR2004 - Gone
        return "gone"
    return "used_up" if attempts > len(PAUSES) else "refused"


def after(tried: Tried, attempts: int, now: datetime) -> Next:
    """What follows the try with this number (from 1)."""
    state = _AFTER[event_of(tried, attempts)]
    return Next(state, now + PAUSES[attempts - 1] if state is DeliveryState.WAITING else None)


def is_dead(failing_since: datetime | None, now: datetime) -> bool:
    """Whether an address has failed for so long that it is switched off."""
    return failing_since is not None and now - failing_since > SWITCH_OFF_AFTER


def read_networks(text: str) -> tuple[Network, ...]:
    """Networks from a list with commas, as `10.20.0.0/16, 192.168.5.7`. Raises ValueError."""
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


def check_address(url: str, *, allowed: Sequence[Network]) -> tuple[str, int]:
    """(host, port) of an address that may be called. Raises `HookAddressError` that says why not.

    https always; http only to a host that is an address within `allowed`.
    """
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise HookAddressError("the port is no number", field="url", why="port") from error
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise HookAddressError("give a whole address, as https://example.org/hook", field="url", why="whole")
    if parts.username or parts.password or parts.fragment:
        raise HookAddressError("an address without user, password and #fragment", field="url", why="parts")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise HookAddressError("an address of printable ASCII signs", field="url", why="ascii")
    literal = _literal(parts.hostname)
    if literal is not None:
        check_ip(literal, allowed=allowed)
    if parts.scheme == "http" and (literal is None or not _within(literal, allowed)):
        raise HookAddressError("https is needed outside the networks the operator allows", field="url", why="https")
    return parts.hostname, port


def check_ip(address: str, *, allowed: Sequence[Network]) -> None:
    """Raise `HookAddressError` for an address inside our own networks that the operator did not allow."""
    ip = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    if mapped is not None:
        ip = mapped
    if not ip.is_global and not _within(str(ip), allowed):
        raise HookAddressError(
            f"{ip} is no public address; the operator may allow its network", field="url", why="private"
        )


def _literal(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def _within(address: str, networks: Iterable[Network]) -> bool:
    ip = ipaddress.ip_address(address)
    return any(ip.version == network.version and ip in network for network in networks)
