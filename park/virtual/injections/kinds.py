"""The table of injected kinds 注入事件 as objects."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from shared.contracts.detection import Nature

SOURCE = Path(__file__).with_name("kinds.yaml")


class Strength(StrEnum):
    """How plainly an event shows."""

    WEAK = "weak"
    MEDIUM = "medium"
    STRONG = "strong"


class Aim(StrEnum):
    """What an event is done to."""

    POLLUTANT = "pollutant"
    POLLUTANTS = "pollutants"
    OXYGEN = "oxygen"
    FLOW = "flow"
    FURNACE = "furnace"
    CONVERTED = "converted"
    MASS = "mass"
    SAMPLE = "sample"
    STATION = "station"
    RECORDS = "records"


@dataclass(frozen=True)
class Kind:
    """One kind of event; `hours` and `size` by strength, `medium` None for both media."""

    code: str
    name_zh: str
    name_en: str
    nature: Nature
    fraud: bool
    family: str
    medium: str | None
    aim: Aim
    derived: bool
    checks: tuple[str, ...]
    hours: dict[Strength, int]
    size: dict[Strength, float]

    @property
    def min_hours(self) -> int:
        """The shortest an event of this kind lasts."""
        return min(self.hours.values())


def _kind(row: dict[str, Any]) -> Kind:
    return Kind(
        code=row["code"],
        name_zh=row["name"]["zh"],
        name_en=row["name"]["en"],
        nature=Nature(row["nature"]),
        fraud=row.get("fraud", False),
        family=row["family"],
        medium=row.get("medium"),
        aim=Aim(row["aim"]),
        derived=row.get("derived", True),
        checks=tuple(row["checks"]),
        hours=dict(zip(Strength, row["hours"], strict=True)),
        size={strength: float(size) for strength, size in zip(Strength, row["size"], strict=True)},
    )


@cache
def kinds(source: Path = SOURCE) -> dict[str, Kind]:
    """All kinds by code."""
    rows = yaml.safe_load(source.read_text(encoding="utf-8"))["kinds"]
    return {row["code"]: _kind(row) for row in rows}
