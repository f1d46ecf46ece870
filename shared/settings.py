"""Settings every service has, read once from the environment; a service adds its own by subclassing."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from shared.clock import Clock

SERVICES = ("ingest", "detection", "casework", "grading", "identity")


class SettingsError(ValueError):
    """A variable is missing or wrong; the process must not start."""


def required(env: Mapping[str, str], name: str) -> str:
    """The value of a variable that must be there."""
    value = env.get(name, "")
    if not value:
        raise SettingsError(f"environment variable {name} is missing")
    return value


def number(env: Mapping[str, str], name: str, default: int) -> int:
    """A whole number from the environment."""
    text = env.get(name, str(default))
    try:
        return int(text)
    except ValueError:
        raise SettingsError(f"environment variable {name} must be a whole number, got {text!r}") from None


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """What each service needs: its database, its own address and secret, where the others are."""

    service: ClassVar[str] = ""

    database_url: str
    host: str = "127.0.0.1"
    port: int = 0
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    urls: Mapping[str, str] = field(default_factory=dict)
    log_level: str = "INFO"
    clock: Clock = field(default_factory=Clock)
    jobs: bool = True
    """Whether scheduled jobs and feed consumers run in this process."""

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Self:
        """Read `<SERVICE>_…` and `SANSE_…`; fails with the variable's name."""
        prefix = cls.service.upper()
        return cls(
            database_url=required(env, f"{prefix}_DATABASE_URL"),
            host=env.get(f"{prefix}_HOST", "127.0.0.1"),
            port=number(env, f"{prefix}_PORT", 0),
            client_id=env.get(f"{prefix}_CLIENT_ID", ""),
            client_secret=env.get(f"{prefix}_CLIENT_SECRET", ""),
            urls={name: env[f"SANSE_{name.upper()}_URL"] for name in SERVICES if env.get(f"SANSE_{name.upper()}_URL")},
            log_level=env.get("SANSE_LOG_LEVEL", "INFO"),
            clock=Clock.from_env(env),
            jobs=env.get(f"{prefix}_JOBS", "1") == "1",
            **cls.own(env),
        )

    @classmethod
    def own(cls, env: Mapping[str, str]) -> dict[str, object]:
        """Further fields of a subclass."""
        del env
        return {}

    def url_of(self, service: str) -> str:
        """Base URL of another service; `SettingsError` where it is not configured."""
        if service not in self.urls:
            raise SettingsError(f"environment variable SANSE_{service.upper()}_URL is missing")
        return self.urls[service]
