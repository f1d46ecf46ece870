"""The trades 行业 of the virtual park as objects."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

SOURCE = Path(__file__).with_name("trades.yaml")


@dataclass(frozen=True)
class Schedule:
    """Shares of full load: at the low of the day, at weekends, on holidays; `peak` the hour of the day's height."""

    low: float
    peak: float
    weekend: float
    holiday: float
    shift: float
    overhaul: int


@dataclass(frozen=True)
class Pollutant:
    """One pollutant: limit and span in mg/m³ or mg/L; `level` its usual share of the limit at full load."""

    code: str
    limit: float
    level: float
    resolution: float
    span: float
    power: float


@dataclass(frozen=True)
class Ramp:
    """A quantity between `low` (no load) and `full` (full load)."""

    full: float
    low: float

    def at(self, load: Any) -> Any:
        """Value at a share of full load."""
        return self.low + (self.full - self.low) * load


@dataclass(frozen=True)
class Oxygen:
    """Flue oxygen, %: at full load, its rise towards no load, and the standard's reference 基准氧含量."""

    full: float
    rise: float
    ref: float


@dataclass(frozen=True)
class Trade:
    """One trade; `flow` (m³/s gas, L/s water) and `power` (kW) from the smallest to the largest plant."""

    code: str
    name_zh: str
    name_en: str
    medium: str
    schedule: Schedule
    pollutants: tuple[Pollutant, ...]
    flow: tuple[float, float]
    power: tuple[float, float]
    o2: Oxygen | None = None
    temperature: Ramp | None = None
    furnace: Ramp | None = None
    sample_h: int = 0
    bod: float = 0.0


def _trade(code: str, row: dict[str, Any]) -> Trade:
    return Trade(
        code=code,
        name_zh=row["name"]["zh"],
        name_en=row["name"]["en"],
        medium=row["medium"],
        schedule=Schedule(**row["schedule"]),
        pollutants=tuple(Pollutant(**item) for item in row["pollutants"]),
        flow=(row["flow"][0], row["flow"][1]),
        power=(row["power"][0], row["power"][1]),
        o2=Oxygen(**row["o2"]) if "o2" in row else None,
        temperature=Ramp(**row["temperature"]) if "temperature" in row else None,
        furnace=Ramp(**row["furnace"]) if "furnace" in row else None,
        sample_h=row.get("sample_h", 0),
        bod=row.get("bod", 0.0),
    )


@cache
def trades(source: Path = SOURCE) -> dict[str, Trade]:
    """The trades of the file by code."""
    rows = yaml.safe_load(source.read_text(encoding="utf-8"))["trades"]
    return {code: _trade(code, row) for code, row in rows.items()}
