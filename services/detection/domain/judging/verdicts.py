"""From the end of a case to a verdict on its anomalies; the table is data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from shared.contracts.casework import CLOSED_STATES, CaseState, CauseCode
from shared.contracts.detection import Nature
from shared.contracts.detection.quality import Verdict

FILE = Path(__file__).with_name("verdicts.yaml")


@dataclass(frozen=True)
class Row:
    """What a case must be for the verdict; an empty set fits all, `rectified` None too."""

    verdict: Verdict
    states: frozenset[CaseState]
    causes: frozenset[CauseCode]
    natures: frozenset[Nature]
    rectified: bool | None

    def fits(self, end: End) -> bool:
        """Whether it speaks of that end."""
        return (
            (not self.states or end.state in self.states)
            and (not self.causes or end.cause in self.causes)
            and (not self.natures or end.nature in self.natures)
            and self.rectified in (None, end.rectified)
        )


@dataclass(frozen=True)
class End:
    """How a case stands. `rectified`: something was found on site and had to be mended."""

    state: CaseState
    nature: Nature
    cause: CauseCode | None
    rectified: bool


@dataclass(frozen=True)
class Table:
    """The rows, and how quality is reckoned: over `window`, retuning below `least_precision`."""

    rows: tuple[Row, ...]
    window: timedelta
    least_precision: float
    least_labels: int


@cache
def table() -> Table:
    """The table as shipped."""
    document: Mapping[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    rows = tuple(
        Row(
            Verdict(entry["verdict"]),
            frozenset(CaseState(one) for one in entry.get("states", [])),
            frozenset(CauseCode(one) for one in entry.get("causes", [])),
            frozenset(Nature(one) for one in entry.get("natures", [])),
            entry.get("rectified"),
        )
        for entry in document["rows"]
    )
    quality = document["quality"]
    return Table(rows, timedelta(days=quality["days"]), quality["least_precision"], quality["least_labels"])


def judge(end: End) -> Verdict | None:
    """The verdict of a closed case, None while it is open."""
    if end.state not in CLOSED_STATES:
        return None
    return next(row.verdict for row in table().rows if row.fits(end))
