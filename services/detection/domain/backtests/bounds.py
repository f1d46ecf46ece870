"""What one backtest may ask of the machine, as data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

FILE = Path(__file__).with_name("bounds.yaml")


@dataclass(frozen=True)
class Bounds:
    """Days are those of data time, `most_minutes` real ones; `most_values` are readings of one outlet."""

    most_days: int
    most_outlet_days: int
    most_values: int
    warm_up_days: int
    most_waiting: int
    most_attempts: int
    most_minutes: int
    most_differences: int


@cache
def bounds() -> Bounds:
    """The bounds as shipped."""
    return Bounds(**yaml.safe_load(FILE.read_text(encoding="utf-8"))["bounds"])
