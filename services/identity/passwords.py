"""Passwords and guessing: argon2id in worker threads, failed log-ins counted and answered with 429.

Each hash takes 19 MiB and about 25 ms of one core, so that a flood of log-ins could take memory and cores
from everything else: only `SLOTS` are worked on at once, before any database connection is taken, and
only `MOST_WAITING` may wait.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv6Address, IPv6Network, ip_address
from math import ceil

from limits import RateLimitItem
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from shared.clock import wall
from shared.errors import TooManyRequestsError, UnavailableError
from shared.logging import get_logger

log = get_logger(__name__)

SLOTS = 2
MOST_WAITING = 200
IPV6_PREFIX = 64
"""One household or office has a whole /64; counting single IPv6 addresses would count nothing."""


class Passwords:
    """Argon2id with the parameters of OWASP's Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane."""

    def __init__(self) -> None:
        self._hasher = PasswordHash((Argon2Hasher(memory_cost=19_456, time_cost=2, parallelism=1),))
        self._dummy = self._hasher.hash(secrets.token_urlsafe(32))

    async def hash(self, password: str) -> str:
        """A new salted hash."""
        return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Whether it is the password, and a better hash to store where parameters changed since.

        Without a stored hash a dummy is checked, so that the time does not tell whether a name exists.
        """
        right, better = await asyncio.to_thread(self._hasher.verify_and_update, password, stored or self._dummy)
        return (right, better) if stored is not None else (False, None)


class LoginGuard:
    """Slows guessing down: failed tries a username and an address in a moving window, in this process."""

    def __init__(self, a_username: RateLimitItem, an_address: RateLimitItem) -> None:
        self._counts = MovingWindowRateLimiter(MemoryStorage())
        self._a_username, self._an_address = a_username, an_address
        self._slots = asyncio.Semaphore(SLOTS)
        self._waiting = 0

    @asynccontextmanager
    async def turn(self, username: str, address: str) -> AsyncIterator[None]:
        """One try at a time in a slot; `TooManyRequestsError` where too many have failed."""
        await self._check(username, address)
        if self._waiting >= MOST_WAITING:
            raise UnavailableError("too many log-ins at once; try again shortly", retry_after=5)
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            await self._check(username, address)  # those before it in the queue may have failed
            yield
        finally:
            self._slots.release()

    async def note_failure(self, username: str, address: str) -> None:
        """Count a failed try."""
        await self._counts.hit(self._a_username, "username", username)
        await self._counts.hit(self._an_address, "address", _network(address))

    async def _check(self, username: str, address: str) -> None:
        keys = ((self._a_username, "username", username), (self._an_address, "address", _network(address)))
        for limit, kind, key in keys:
            if not await self._counts.test(limit, kind, key):
                reset = (await self._counts.get_window_stats(limit, kind, key)).reset_time
                wait = max(1, ceil(reset - wall().timestamp()))
                log.warning("login_throttled", by=kind, address=address, retry_after=wait)
                raise TooManyRequestsError(f"too many failed log-ins; try again in {wait} s", retry_after=wait)


def _network(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Network((parsed, IPV6_PREFIX), strict=False))
    return str(parsed)
