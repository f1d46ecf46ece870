"""Settings of ingest: the common ones, and where the HJ 212 gateway listens."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from services.ingest.domain.hooks import Network, read_networks
from shared.settings import ServiceSettings, SettingsError, number

DEFAULT_GATEWAY_PORT = 8212
DEFAULT_SEAL_DAYS = 3


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """Read once from `INGEST_…` and `SANSE_…`."""

    service: ClassVar[str] = "ingest"

    gateway_host: str = "127.0.0.1"
    gateway_port: int = DEFAULT_GATEWAY_PORT
    transfers_dir: Path = Path("data/transfers")
    """Files sent for import and made by exports."""
    seal_after: timedelta = timedelta(days=DEFAULT_SEAL_DAYS)
    """Age at which a day of real-time and minute readings is sealed."""

    hook_networks: tuple[Network, ...] = ()
    """Networks of our own that webhooks may call besides public addresses."""

    @classmethod
    def own(cls, env: Mapping[str, str]) -> dict[str, object]:
        """`INGEST_GATEWAY_HOST`, `INGEST_GATEWAY_PORT`, `INGEST_TRANSFERS_DIR`, `INGEST_HOOK_NETWORKS`,
        `INGEST_SEAL_AFTER_DAYS`.
        """
        days = number(env, "INGEST_SEAL_AFTER_DAYS", DEFAULT_SEAL_DAYS)
        if days < 1:
            raise SettingsError("environment variable INGEST_SEAL_AFTER_DAYS must be 1 or more")
        return {
            "seal_after": timedelta(days=days),
            "gateway_host": env.get("INGEST_GATEWAY_HOST", "127.0.0.1"),
            "transfers_dir": Path(env.get("INGEST_TRANSFERS_DIR") or "data/transfers"),
            "hook_networks": _networks(env.get("INGEST_HOOK_NETWORKS", "")),
            "gateway_port": number(env, "INGEST_GATEWAY_PORT", DEFAULT_GATEWAY_PORT),
        }


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return read_networks(text)
    except ValueError as error:
        raise SettingsError(f"INGEST_HOOK_NETWORKS: {error}") from error
