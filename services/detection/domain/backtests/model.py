"""A backtest 回测 as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from services.detection.domain.backtests.comparison import Window
from services.detection.domain.people import Person
from shared.clock import PARK_ZONE
from shared.contracts.detection.backtests import BacktestResult, BacktestState


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """Days of the park, both included. Of several `changes` each is tried by itself; `attempts` counts the runs begun.

    `retuning`: the service asked for it, to find better numbers of a rule.
    """

    id: UUID
    no: str
    state: BacktestState
    changes: tuple[Mapping[str, Any], ...]
    rules: tuple[str, ...]
    first_day: date
    last_day: date
    asked: Person
    enterprise_id: UUID | None = None
    outlet_id: UUID | None = None
    note: str = ""
    retuning: bool = False
    total: int = 0
    done: int = 0
    attempts: int = 0
    reason: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    result: BacktestResult | None = None

    @property
    def window(self) -> Window:
        """Its days as moments."""
        return Window(
            datetime.combine(self.first_day, time(), PARK_ZONE),
            datetime.combine(self.last_day + timedelta(days=1), time(), PARK_ZONE),
        )

    @property
    def days(self) -> int:
        """How many days it spans."""
        return (self.last_day - self.first_day).days + 1
