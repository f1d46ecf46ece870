"""How a device's frames are taken: its settings, their change, and what a change tells the audit trail."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.ingest.domain.networks import read_networks
from services.ingest.domain.tolerance import NAMES
from shared.contracts.ingest.links import DeviceSettingsChange, PasswordCheck, Tolerance
from shared.errors import InvalidError

_HEX_KEY = re.compile(r"[0-9A-Fa-f]{32}")
KEY_BYTES = 16


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a device. `accepted`: repairs taken in the mode `learnt`; `networks` as written."""

    tolerance: Tolerance = Tolerance.LENIENT
    accepted: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    password_check: PasswordCheck = PasswordCheck.REFUSE
    has_key: bool = False
    version: int = 0

    def takes(self, repair: str) -> bool:
        """Whether a frame that needs this repair is taken."""
        return self.tolerance is Tolerance.LENIENT or (self.tolerance is Tolerance.LEARNT and repair in self.accepted)


def change_settings(before: Settings, change: DeviceSettingsChange, needed: Sequence[str]) -> Settings:
    """The settings after a change; `needed`: repairs the device has been seen to need until now.

    Raises `InvalidError` for an unknown repair or a network that is none.
    """
    after = before
    if change.tolerance is not None:
        after = replace(after, tolerance=change.tolerance)
        if change.tolerance is Tolerance.LEARNT and before.tolerance is not Tolerance.LEARNT:
            after = replace(after, accepted=tuple(sorted(needed)))
    if change.accepted is not None:
        unknown = sorted(set(change.accepted) - NAMES)
        if unknown:
            raise InvalidError(f"accepted: {unknown[0]} is no repair", field="accepted", names=unknown)
        after = replace(after, accepted=tuple(sorted(set(change.accepted))))
    if change.networks is not None:
        read_networks(change.networks, field="networks")
        after = replace(after, networks=tuple(text.strip() for text in change.networks))
    if change.password_check is not None:
        after = replace(after, password_check=change.password_check)
    if change.sm4_key is not None:
        after = replace(after, has_key=bool(change.sm4_key.get_secret_value()))
    return after


def read_key(text: str) -> bytes | None:
    """The 16 bytes of an SM4 key: 16 ASCII characters, or 32 hexadecimal digits; None for an empty text."""
    if not text:
        return None
    if _HEX_KEY.fullmatch(text):
        return bytes.fromhex(text)
    if len(text) == KEY_BYTES and text.isascii() and text.isprintable():
        return text.encode()
    raise InvalidError("sm4_key: give 16 characters or 32 hexadecimal digits", field="sm4_key")


def told(settings: Settings, *, edition: str, has_password: bool) -> dict[str, Any]:
    """Settings for the audit trail: no password and no key."""
    return {
        "edition": edition,
        "tolerance": settings.tolerance.value,
        "accepted": list(settings.accepted),
        "networks": list(settings.networks),
        "password_check": settings.password_check.value,
        "password": "set" if has_password else None,
        "sm4_key": "set" if settings.has_key else None,
    }
