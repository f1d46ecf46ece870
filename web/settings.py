"""What the portal needs to know: its own address and secret, where the services are, the clock."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.clock import Clock
from shared.settings import SERVICES, number, required


@dataclass(frozen=True, kw_only=True)
class WebSettings:
    """Frozen settings of the portal; it has no database."""

    urls: Mapping[str, str]
    """Base URL of each service by name."""
    host: str = "127.0.0.1"
    port: int = 0
    public_url: str = ""
    """Address people use; an `https://` address makes cookies `Secure` and turns HSTS on."""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    log_level: str = "INFO"
    clock: Clock = field(default_factory=Clock)
    demo: bool = False
    """Whether to say on every page that enterprises and data are invented."""

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> "WebSettings":
        """Read `WEB_…` and `SANSE_…`; fails with the variable's name."""
        return cls(
            urls={name: required(env, f"SANSE_{name.upper()}_URL").rstrip("/") for name in SERVICES},
            host=env.get("WEB_HOST", "127.0.0.1"),
            port=number(env, "WEB_PORT", 0),
            public_url=env.get("SANSE_WEB_URL", ""),
            client_id=env.get("WEB_CLIENT_ID", ""),
            client_secret=env.get("WEB_CLIENT_SECRET", ""),
            log_level=env.get("SANSE_LOG_LEVEL", "INFO"),
            clock=Clock.from_env(env),
            demo=env.get("SANSE_DEMO", "") == "1",
        )

    @property
    def secure(self) -> bool:
        """Whether people reach the portal over TLS."""
        return self.public_url.startswith("https://")
