"""Sending webhooks: deliveries are claimed, tried at the address that was checked, and settled.

The host's name is resolved here and the connection goes to that very address, so that a name cannot point
to a public address when it is checked and to our own network when it is called.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
from standardwebhooks.webhooks import Webhook

from services.ingest.domain.hooks import (
    SWITCH_OFF_AFTER,
    HookAddressError,
    Network,
    Tried,
    after,
    check_address,
    check_ip,
)
from services.ingest.store.hooks import Due, HookStore
from shared import audit
from shared.clock import Clock, wall
from shared.db import Database
from shared.logging import get_logger

log = get_logger(__name__)

AT_ONCE = 20
EVENTS_A_STEP = 500
MOST_ROUNDS = 10
"""Then the outbox is looked at again: a long queue of slow receivers must not keep new events waiting."""
TIMEOUT = 10.0
LEASE = timedelta(seconds=60)
KEPT = timedelta(days=30)
LONGEST_PROBLEM = 300

Resolve = Callable[[str, int], Awaitable[list[str]]]


async def resolve(host: str, port: int) -> list[str]:
    """Addresses of a host's name."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(info[4][0]) for info in found]


class HookSender:
    """Held by the process that leads: one step makes deliveries of new events and tries those that are due."""

    def __init__(
        self, db: Database, clock: Clock, allowed: Sequence[Network], *,
        transport: httpx.AsyncBaseTransport | None = None, resolver: Resolve = resolve,
    ) -> None:  # fmt: skip
        self._db = db
        self._clock = clock
        self._allowed = allowed
        self._transport = transport
        self._resolve = resolver

    async def step(self) -> None:
        """Read the outbox to its end, then try what is due, at most `AT_ONCE` at a time."""
        while True:
            async with self._db.transaction() as session:
                fanned = await HookStore(session).fan_out(wall(), EVENTS_A_STEP)
            if fanned.read < EVENTS_A_STEP:
                break
        for _ in range(MOST_ROUNDS):
            async with self._db.transaction() as session:
                due = await HookStore(session).claim(wall(), AT_ONCE, LEASE)
            if not due:
                return
            async with httpx.AsyncClient(
                transport=self._transport, timeout=TIMEOUT, follow_redirects=False, trust_env=False
            ) as client:
                await asyncio.gather(*(self._deliver(client, item) for item in due))

    async def tidy(self) -> None:
        """Forget old deliveries, and switch off addresses that have failed for days."""
        now = wall()
        async with self._db.transaction() as session:
            store = HookStore(session)
            await store.forget_before(now - KEPT)
            for hook_id in await store.switch_off(now - SWITCH_OFF_AFTER):
                await audit.record(
                    session, audit.SYSTEM, "hook.switched_off", f"hook:{hook_id}", at=self._clock.now(),
                    reason="no delivery succeeded for days",
                )  # fmt: skip

    async def _deliver(self, client: httpx.AsyncClient, due: Due) -> None:
        tried = await self._try(client, due)
        now = wall()
        if not tried.taken:
            log.info("hook_not_taken", hook=str(due.hook_id), status=tried.status, problem=tried.problem)
        async with self._db.transaction() as session:
            await HookStore(session).settle(due, tried, after(tried, due.attempts, now), now)

    async def _try(self, client: httpx.AsyncClient, due: Due) -> Tried:
        try:
            async with asyncio.timeout(2 * TIMEOUT):
                return await self._call(client, due)
        except (HookAddressError, httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError, TimeoutError) as error:
            return Tried(None, f"{type(error).__name__}: {error}"[:LONGEST_PROBLEM])

    async def _call(self, client: httpx.AsyncClient, due: Due) -> Tried:
        host, port = check_address(due.url, allowed=self._allowed)
        addresses = await self._resolve(host, port)
        for address in addresses:
            check_ip(address, allowed=self._allowed)
        parts = urlsplit(due.url)
        at = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
        now = wall()
        headers = {
            "host": parts.netloc, "content-type": "application/json", "user-agent": "Sanse-Webhooks/1",
            "webhook-id": f"msg_{due.event_id}", "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(due.secret).sign(f"msg_{due.event_id}", now, due.body),
        }  # fmt: skip
        url = parts._replace(netloc=f"{at}:{port}").geturl()
        request = client.build_request("POST", url, content=due.body.encode(), headers=headers)
        request.extensions["sni_hostname"] = host
        response = await client.send(request, stream=True)  # what it answers is not read, its status is enough
        await response.aclose()
        return Tried(response.status_code, "" if response.is_success else f"HTTP {response.status_code}")
