"""Signing keys: made once for all replicas, published, rotated."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from joserfc.jwk import OKPKey
from sqlalchemy.ext.asyncio import AsyncSession

from services.identity.domain.keys import SigningKey, is_due, jwks, published
from services.identity.store.keys import KeyStore
from shared import audit
from shared.auth import Principal
from shared.logging import get_logger

log = get_logger(__name__)


def _new_key(now: datetime) -> SigningKey:
    pair = OKPKey.generate_key("Ed25519", auto_kid=True)
    return SigningKey(pair.thumbprint(), json.dumps(pair.as_dict(private=True)), now)


class KeyService:
    """Keeps the signing keys."""

    def __init__(self, session: AsyncSession, now: Callable[[], datetime]) -> None:
        self._session = session
        self._keys = KeyStore(session)
        self._now = now

    async def jwks(self) -> dict[str, list[dict[str, Any]]]:
        """The published keys as a JWK set."""
        return jwks(published(await self._keys.list_keys(), self._now()))

    async def ensure_key(self) -> None:
        """Make the first key where there is none; replicas that start together agree on it."""
        await self._keys.take_turn()
        if not await self._keys.list_keys():
            await self._add(audit.SYSTEM)

    async def rotate_key(self, caller: Principal) -> SigningKey:
        """Make a new key; it signs when every verifier has had time to read it."""
        await self._keys.take_turn()
        return await self._add(audit.Actor.of(caller))

    async def care(self) -> None:
        """Make the next key when it is due, destroy those that sign nothing alive."""
        await self._keys.take_turn()
        keys, now = await self._keys.list_keys(), self._now()
        if is_due(keys, now):
            await self._add(audit.SYSTEM)
        for key in set(keys) - set(published(keys, now)):
            await self._keys.remove(key)
            log.info("key_removed", kid=key.kid)

    async def _add(self, actor: audit.Actor) -> SigningKey:
        key = _new_key(self._now())
        await self._keys.add(key)
        await audit.record(self._session, actor, "key.add", f"key:{key.kid}", at=key.created_at)
        log.info("key_added", kid=key.kid)
        return key
