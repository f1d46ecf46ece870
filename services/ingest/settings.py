"""Settings of ingest: the common ones, and where the HJ 212 gateway listens."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from services.ingest.domain.hooks import Network, read_networks
from services.ingest.domain.means.rules import NATIONAL, check_jurisdiction
from shared.settings import ServiceSettings, SettingsError, number

DEFAULT_GATEWAY_PORT = 8212
DEFAULT_SEAL_DAYS = 1
DEFAULT_ARCHIVE_DAYS = 10


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """Read once from `INGEST_…` and `SANSE_…`."""

    service: ClassVar[str] = "ingest"

    gateway_host: str = "127.0.0.1"
    gateway_port: int = DEFAULT_GATEWAY_PORT
    gateway_allowed: tuple[Network, ...] = ()
    gateway_per_address: int = 2_000
    gateway_tls_cert: str = ""
    gateway_tls_key: str = ""
    gateway_tls_port: int = 0
    """0: with a certificate the one port speaks TLS only."""
    gateway_metrics_port: int = 0
    """0: no metrics over HTTP."""
    gateway_metrics_host: str = "127.0.0.1"
    journal_days: int = 365
    quarantine_days: int = 1_100
    """Days that packets are kept; those refused or acted on stay longer, those held stay."""
    transfers_dir: Path = Path("data/transfers")
    """Files sent for import and made by exports."""
    seal_after: timedelta = timedelta(days=DEFAULT_SEAL_DAYS)
    """Age at which a day of real-time and minute readings is sealed."""

    mean_rules: str = NATIONAL
    """Jurisdiction whose rule sets of validity are in force."""
    archive_dir: Path = Path("data/archive")
    """Closed months as Parquet files."""
    archive_after: timedelta = timedelta(days=DEFAULT_ARCHIVE_DAYS)
    """How long after its end a month is written to a file."""
    keep_sealed_months: int = 0
    """Months of sealed days that stay in the database besides the files; 0: all of them."""
    hook_networks: tuple[Network, ...] = ()
    """Networks of our own that webhooks may call besides public addresses."""

    @classmethod
    def own(cls, env: Mapping[str, str]) -> dict[str, object]:
        """`INGEST_GATEWAY_…`, `INGEST_JOURNAL_DAYS`, `…QUARANTINE_DAYS`, `…TRANSFERS_DIR`, `…HOOK_NETWORKS`,
        `…SEAL_AFTER_DAYS`, `…ARCHIVE_DIR`, `…ARCHIVE_AFTER_DAYS`, `…KEEP_SEALED_MONTHS`, `…MEAN_RULES`.
        """
        keep = _at_least(env, "INGEST_KEEP_SEALED_MONTHS", 0, least=0)
        cert, key = env.get("INGEST_GATEWAY_TLS_CERT", ""), env.get("INGEST_GATEWAY_TLS_KEY", "")
        if bool(cert) is not bool(key):
            raise SettingsError("give INGEST_GATEWAY_TLS_CERT and INGEST_GATEWAY_TLS_KEY together")
        return {
            "seal_after": timedelta(days=_at_least(env, "INGEST_SEAL_AFTER_DAYS", DEFAULT_SEAL_DAYS)),
            "archive_dir": Path(env.get("INGEST_ARCHIVE_DIR") or "data/archive"),
            "archive_after": timedelta(days=_at_least(env, "INGEST_ARCHIVE_AFTER_DAYS", DEFAULT_ARCHIVE_DAYS)),
            "keep_sealed_months": keep,
            "gateway_allowed": _networks(env, "INGEST_GATEWAY_ALLOW"),
            "gateway_per_address": number(env, "INGEST_GATEWAY_PER_ADDRESS", 2_000),
            "gateway_tls_cert": cert,
            "gateway_tls_key": key,
            "gateway_tls_port": number(env, "INGEST_GATEWAY_TLS_PORT", 0),
            "gateway_metrics_host": env.get("INGEST_GATEWAY_METRICS_HOST", "127.0.0.1"),
            "gateway_metrics_port": number(env, "INGEST_GATEWAY_METRICS_PORT", 0),
            "journal_days": number(env, "INGEST_JOURNAL_DAYS", 365),
            "quarantine_days": number(env, "INGEST_QUARANTINE_DAYS", 1_100),
            "gateway_host": env.get("INGEST_GATEWAY_HOST", "127.0.0.1"),
            "transfers_dir": Path(env.get("INGEST_TRANSFERS_DIR") or "data/transfers"),
            "mean_rules": check_jurisdiction(env.get("INGEST_MEAN_RULES") or NATIONAL),
            "hook_networks": _networks(env, "INGEST_HOOK_NETWORKS"),
            "gateway_port": number(env, "INGEST_GATEWAY_PORT", DEFAULT_GATEWAY_PORT),
        }


def _at_least(env: Mapping[str, str], name: str, default: int, *, least: int = 1) -> int:
    found = number(env, name, default)
    if found < least:
        raise SettingsError(f"environment variable {name} must be {least} or more")
    return found


def _networks(env: Mapping[str, str], name: str) -> tuple[Network, ...]:
    try:
        return read_networks(env.get(name, ""))
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from error
