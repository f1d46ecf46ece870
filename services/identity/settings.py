"""What identity needs to know at its start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from limits import RateLimitItem, RateLimitItemPerMinute, parse

from shared.settings import ServiceSettings, SettingsError

A_USERNAME = RateLimitItemPerMinute(8, 5)
AN_ADDRESS = RateLimitItemPerMinute(40, 5)


def _limit(env: Mapping[str, str], name: str, default: RateLimitItem) -> RateLimitItem:
    text = env.get(name, "")
    try:
        return parse(text) if text else default
    except ValueError:
        raise SettingsError(f"environment variable {name} must read like 8/5minutes, got {text!r}") from None


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """Settings of identity. The two limits count failed log-ins in a moving window, in each process."""

    service: ClassVar[str] = "identity"

    bootstrap_file: str = ""
    """JSON of organisations, accounts and clients that must exist; none where empty."""
    failures_a_username: RateLimitItem = A_USERNAME
    failures_an_address: RateLimitItem = AN_ADDRESS

    @classmethod
    def own(cls, env: Mapping[str, str] = os.environ) -> dict[str, object]:
        """Read `IDENTITY_BOOTSTRAP_FILE`, `IDENTITY_FAILURES_A_USERNAME`, `IDENTITY_FAILURES_AN_ADDRESS`."""
        return {
            "bootstrap_file": env.get("IDENTITY_BOOTSTRAP_FILE", ""),
            "failures_a_username": _limit(env, "IDENTITY_FAILURES_A_USERNAME", A_USERNAME),
            "failures_an_address": _limit(env, "IDENTITY_FAILURES_AN_ADDRESS", AN_ADDRESS),
        }
