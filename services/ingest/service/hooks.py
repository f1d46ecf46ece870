"""Webhooks: kept by an administrator, fed from the outbox, sent with patience."""

import base64
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.hooks import Delivery, Hook, Network, check_address
from services.ingest.store.hooks import HookStore
from shared import audit
from shared.audit import Actor
from shared.auth import Principal
from shared.clock import wall
from shared.contracts.ingest.hooks import HOOK_TEST, HookIn
from shared.errors import ConflictError, InvalidError
from shared.http import check_version

MOST_HOOKS = 100
SECRET_BYTES = 24


class HookService:
    """Use cases in the caller's transaction. Times of deliveries are real ones: receivers live in real time."""

    def __init__(
        self, session: AsyncSession, now: Callable[[], datetime], caller: Principal, allowed: Sequence[Network]
    ) -> None:
        self._session = session
        self._store = HookStore(session)
        self._now = now
        self._caller = caller
        self._allowed = allowed

    async def list_hooks(self) -> list[Hook]:
        """All webhooks."""
        return await self._store.list_hooks(MOST_HOOKS)

    async def get_hook(self, hook_id: UUID) -> Hook:
        """One webhook."""
        return await self._store.get(hook_id)

    async def add_hook(self, given: HookIn) -> Hook:
        """Make a webhook; its secret is in what this returns and nowhere else."""
        check_address(given.url, allowed=self._allowed)
        if await self._store.count() >= MOST_HOOKS:
            raise ConflictError(f"there are {MOST_HOOKS} webhooks already", limit=MOST_HOOKS)
        now = self._now()
        hook = Hook(
            id=uuid4(), name=given.name, url=given.url, types=_types(given), active=given.active, secret=_secret(),
            version=1, failing_since=None, switched_off=False, created_at=now, changed_at=now,
        )  # fmt: skip
        await self._store.save(hook)
        await self._record("hook.added", None, hook)
        return hook

    async def change_hook(self, hook_id: UUID, given: HookIn, version: int) -> Hook:
        """Change name, address, events, or switch on and off."""
        before = await self._store.get(hook_id, lock=True)
        check_version(before.version, version)
        check_address(given.url, allowed=self._allowed)
        revived = given.active and not before.active
        hook = replace(
            before, name=given.name, url=given.url, types=_types(given), active=given.active,
            version=before.version + 1, changed_at=self._now(),
            failing_since=None if revived or given.url != before.url else before.failing_since,
            switched_off=before.switched_off and not given.active,
        )  # fmt: skip
        await self._store.save(hook)
        await self._record("hook.changed", before, hook)
        return hook

    async def rotate_secret(self, hook_id: UUID) -> Hook:
        """Give a webhook a new secret; the old one signs nothing any more."""
        before = await self._store.get(hook_id, lock=True)
        hook = replace(before, secret=_secret(), version=before.version + 1, changed_at=self._now())
        await self._store.save(hook)
        await self._record("hook.secret_changed", before, hook)
        return hook

    async def test_hook(self, hook_id: UUID) -> None:
        """Send a message that says it is a test."""
        hook = await self._store.get(hook_id)
        if not hook.active:
            raise InvalidError("switch the webhook on first", field="active")
        at = wall()
        body = {"type": HOOK_TEST, "timestamp": at.isoformat(), "data": {"name": hook.name}}
        await self._store.add_delivery(hook_id, uuid4(), HOOK_TEST, orjson.dumps(body).decode(), at)

    async def list_deliveries(self, hook_id: UUID, *, before: int | None, limit: int) -> list[Delivery]:
        """What was sent and what waits, the newest first."""
        await self._store.get(hook_id)
        return await self._store.list_deliveries(hook_id, before=before, limit=limit)

    async def replay(self, hook_id: UUID, delivery_id: int) -> None:
        """Send one again, under the same id."""
        await self._store.get(hook_id)
        await self._store.send_again(hook_id, delivery_id, wall())
        await audit.record(
            self._session, Actor.of(self._caller), "hook.replayed", f"hook:{hook_id}", at=self._now(),
            after={"delivery": delivery_id},
        )  # fmt: skip

    async def _record(self, action: str, before: Hook | None, after: Hook) -> None:
        await audit.record(
            self._session, Actor.of(self._caller), action, f"hook:{after.id}", at=self._now(),
            before=_shown(before) if before else None, after=_shown(after),
        )  # fmt: skip


def _types(given: HookIn) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item.value for item in given.types))


def _secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _shown(hook: Hook) -> dict[str, object]:
    return {"name": hook.name, "url": hook.url, "types": list(hook.types), "active": hook.active}
