"""The one clock. Everything else is given `now` or a `Clock`.

A simulated clock lets a deadline, a quarter or a year be lived through in minutes: all processes of a
stack share START (simulated time), ORIGIN (real time at START) and SPEED through the environment.
Security (token lifetimes, session idle time) and network time-outs stay on real time: `wall()`.
"""

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

PARK_ZONE = ZoneInfo("Asia/Shanghai")
"""Zone of the park and of every device time (HJ 212 times carry none; Beijing time is meant)."""


def wall() -> datetime:
    """Real time now, aware UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds for measuring spans; never goes back."""
    return time.monotonic()


@dataclass(frozen=True)
class Clock:
    """Simulated or real time. `speed` is simulated seconds for one real second."""

    start: datetime | None = None
    origin: float = 0.0
    speed: float = 1.0

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> "Clock":
        """Read `SANSE_CLOCK_START`, `_ORIGIN`, `_SPEED`; real time where START is absent."""
        start = env.get("SANSE_CLOCK_START")
        if not start:
            return cls()
        at = datetime.fromisoformat(start)
        if at.tzinfo is None:
            raise ValueError("SANSE_CLOCK_START needs a zone, as in 2026-01-01T00:00+08:00")
        speed = float(env.get("SANSE_CLOCK_SPEED", "1"))
        if speed <= 0:
            raise ValueError("SANSE_CLOCK_SPEED must be above 0")
        return cls(at.astimezone(UTC), float(env.get("SANSE_CLOCK_ORIGIN", time.time())), speed)

    def now(self) -> datetime:
        """Time now, aware UTC."""
        if self.start is None:
            return wall()
        return self.start + timedelta(seconds=(time.time() - self.origin) * self.speed)

    def real_seconds(self, span: timedelta, *, least: float = 0.0) -> float:
        """How many real seconds a simulated `span` lasts, at least `least`."""
        return max(least, span.total_seconds() / self.speed)

    async def sleep(self, span: timedelta, *, least: float = 0.05) -> None:
        """Sleep for a simulated span."""
        await asyncio.sleep(self.real_seconds(span, least=least))


class FixedClock(Clock):
    """A clock that a test sets by hand."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.__dict__["_at"] = at

    def now(self) -> datetime:
        """Time as last set."""
        at: datetime = self.__dict__["_at"]
        return at

    def set(self, at: datetime) -> None:
        """Jump to a time."""
        self.__dict__["_at"] = at

    def advance(self, span: timedelta) -> None:
        """Move forward."""
        self.set(self.now() + span)
