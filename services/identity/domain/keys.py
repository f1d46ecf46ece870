"""Signing keys 签名密钥: which one signs, which are published, when a new one is due.

A new key is published before it signs, so that every verifier has read it by then; an old one stays
published until no token signed with it can still be alive. Both follow from the times of creation.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from joserfc.jwk import OKPKey

from shared.contracts.identity import ALGORITHM

AHEAD = timedelta(minutes=10)
"""From being published to signing: more than the five minutes a verifier keeps the published keys."""
AFTER = timedelta(minutes=15)
"""From the last signature to leaving the published keys: more than the longest life of a token."""
MAX_AGE = timedelta(days=90)


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 key pair (RFC 8037)."""

    kid: str
    private_jwk: str = field(repr=False)
    created_at: datetime

    @property
    def pair(self) -> OKPKey:
        """The key pair, ready to sign."""
        return OKPKey.import_key(json.loads(self.private_jwk))


def _by_age(keys: Sequence[SigningKey]) -> list[SigningKey]:
    return sorted(keys, key=lambda key: (key.created_at, key.kid))


def signing_key(keys: Sequence[SigningKey], now: datetime) -> SigningKey:
    """The newest key that is published for long enough; the first one signs at once."""
    first, *later = _by_age(keys)
    return next((key for key in reversed(later) if now - key.created_at >= AHEAD), first)


def published(keys: Sequence[SigningKey], now: datetime) -> list[SigningKey]:
    """Keys a token that is alive may be signed with, and those that will sign soon."""
    ordered = _by_age(keys)
    successors = [*ordered[1:], None]
    return [
        key for key, next_key in zip(ordered, successors, strict=True)
        if next_key is None or now < next_key.created_at + AHEAD + AFTER
    ]  # fmt: skip


def is_due(keys: Sequence[SigningKey], now: datetime) -> bool:
    """Whether the newest key is so old that the next one should be made."""
    return now - _by_age(keys)[-1].created_at >= MAX_AGE


def jwks(keys: Sequence[SigningKey]) -> dict[str, list[dict[str, Any]]]:
    """The public halves as a JWK set (RFC 7517)."""
    return {"keys": [_public(key) for key in keys]}


def _public(key: SigningKey) -> dict[str, Any]:
    return {**key.pair.as_dict(private=False), "kid": key.kid, "use": "sig", "alg": ALGORITHM}
