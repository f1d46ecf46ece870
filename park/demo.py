"""The demo park as objects: outlets with loggers, limits and what happens to them."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from park.model import HOUR, Event, EventKind, OutletModel, factor_from

SOURCE = Path(__file__).with_name("demo.yaml")
LIVE_HORIZON = 400
"""How often a live event repeats at most: years at the rates of the file."""


@dataclass(frozen=True)
class DemoOutlet:
    """An outlet of the demo and the standard its limits come from."""

    model: OutletModel
    standard: str


@dataclass(frozen=True)
class DemoPark:
    """Everything in `demo.yaml`: risk attributes by enterprise code, outlets by `E-001/DW001`."""

    enterprises: dict[str, dict[str, Any]]
    outlets: dict[str, DemoOutlet]
    events: tuple[dict[str, Any], ...]
    live: tuple[dict[str, Any], ...]

    def anchored(self, loaded_at: datetime) -> dict[str, OutletModel]:
        """The outlets with all events placed around the full hour before the moment the history ended."""
        zero = int(loaded_at.timestamp()) // HOUR * HOUR
        placed: dict[str, list[Event]] = {key: [] for key in self.outlets}
        for row in self.events:
            end = zero - int(row["end_h"] * HOUR)
            placed[row["outlet"]].append(_event(row, end - int(row["length_h"] * HOUR), end))
        for row in self.live:
            for turn in range(LIVE_HORIZON):
                start = zero + int((row["after_h"] + turn * row["every_h"]) * HOUR)
                placed[row["outlet"]].append(_event(row, start, start + int(row["length_h"] * HOUR)))
        return {key: replace(outlet.model, events=tuple(placed[key])) for key, outlet in self.outlets.items()}


def _event(row: dict[str, Any], start: int, end: int) -> Event:
    return Event(EventKind(row["kind"]), tuple(row["factors"]), start, end, float(row.get("size", 1.0)))


def mn_of(enterprise: str, code: str) -> str:
    """The invented MN 设备唯一标识 of a demo logger: 24 hexadecimal digits, as an EPC-96 code."""
    number = int(enterprise.removeprefix("E-")) * 16 + int(code[-1]) + (8 if code.startswith("DA") else 0)
    return f"0100C0DE5A5A{number:012X}"


@cache
def load(source: Path = SOURCE) -> DemoPark:
    """Read the demo park."""
    data = yaml.safe_load(source.read_text(encoding="utf-8"))
    outlets: dict[str, DemoOutlet] = {}
    for row in data["outlets"]:
        factors = []
        for name in row["factors"]:
            template = dict(data["templates"][name])
            factors.append(factor_from(template.pop("code"), template))
        position = data["enterprises"][row["enterprise"]]
        model = OutletModel(
            enterprise=row["enterprise"],
            code=row["code"],
            name_zh=row["name_zh"],
            name_en=row["name_en"],
            medium=row["medium"],
            mn=mn_of(row["enterprise"], row["code"]),
            password="123456",  # noqa: S106 - the usual default of HJ 212 loggers, demo only
            edition=row.get("edition", "2017"),
            factors=tuple(factors),
            latitude=position["latitude"],
            longitude=position["longitude"],
        )
        outlets[f"{row['enterprise']}/{row['code']}"] = DemoOutlet(model, row["standard"])
    return DemoPark(data["enterprises"], outlets, tuple(data["events"]), tuple(data["live"]))


HISTORY = timedelta(days=14)
MINUTE_HISTORY = timedelta(days=3)
"""Minute values are loaded for the last days only: hours carry the law, minutes the picture."""
