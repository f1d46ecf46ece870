"""Series, plans and rules for the tests of the detection domain."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import yaml

from services.detection.domain import kernel
from services.detection.domain.checks import CHECKS
from services.detection.domain.checks.definition import Traits
from services.detection.domain.compiled import Integers
from services.detection.domain.hits import SeriesKey
from services.detection.domain.rules import Plan, Rule, plan, read_rules
from shared.contracts.ingest import Medium, ReadingKind

FOLDER = Path(__file__).parents[3] / "services" / "detection" / "rules"
FILES = sorted(path for path in FOLDER.glob("*.yaml") if path.stem != "explanations")
DAY = date(2026, 3, 1)
# Midnight of 1 March 2026 in Shanghai.
T0 = int(datetime(2026, 2, 28, 16, tzinfo=UTC).timestamp())
OUTLET = UUID("00000000-0000-4000-8000-000000000001")
SECONDS = {ReadingKind.MINUTE: 60, ReadingKind.HOUR: 3600, ReadingKind.DAY: 86400, ReadingKind.REALTIME: 30}


@cache
def make_rules() -> tuple[Rule, ...]:
    return read_rules([yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES])


def make_traits(
    kind: str = "hour",
    medium: str = "gas",
    *,
    factor: str = "a21026",
    interval: float | None = None,
    resolution: float | None = 0.01,
    span: float | None = 200.0,
):
    seconds = interval or SECONDS[ReadingKind(kind)]
    return Traits(ReadingKind(kind), Medium(medium), factor, float(seconds), resolution, span)


def make_plan(
    kind: str = "hour",
    medium: str = "gas",
    *,
    only: str | None = None,
    off: frozenset[str] = frozenset(),
    overrides: Mapping[str, Mapping[str, float]] | None = None,
    **traits: Any,
) -> Plan:
    rules = [rule for rule in make_rules() if only is None or rule.check.name == only]
    return plan(rules, make_traits(kind, medium, **traits), on=DAY, off=off, overrides=overrides)


def make_batch(
    values: Sequence[float],
    *,
    step: int = 3600,
    times: Sequence[int] | Integers | None = None,
    flags: str | None = None,
    low: float = np.nan,
    high: float = np.nan,
) -> kernel.Batch:
    """Values from T0 on; `flags` a string of flag letters, one a value."""
    v = np.array(values, dtype=np.float64)
    t = T0 + step * np.arange(len(v), dtype=np.int64) if times is None else np.array(times, dtype=np.int64)
    letters = np.frombuffer((flags or "N" * len(v)).encode(), dtype=np.uint8)
    return kernel.Batch(t, v, letters, np.tile([low, high], (len(v), 1)).astype(np.float64))


def run(the_plan: Plan, batch: kernel.Batch) -> kernel.Outcome:
    return kernel.advance(kernel.new_states(), the_plan.vector, batch)


def told(hits: kernel.Hits, step: int = 3600) -> list[tuple]:
    """Hits as (check, opened, start, end, value, reference, count), times in steps since T0."""
    return [
        (
            CHECKS[hits.check[i]].name,
            bool(hits.opened[i]),
            (hits.start[i] - T0) / step,
            (hits.end[i] - T0) / step,
            round(float(hits.value[i]), 6),
            round(float(hits.reference[i]), 6),
            int(hits.count[i]),
        )
        for i in range(len(hits))
    ]


def make_key(factor: str = "a21026", kind: str = "hour") -> SeriesKey:
    seconds = SECONDS[ReadingKind(kind)]
    return SeriesKey(OUTLET, factor, ReadingKind(kind), timedelta(seconds=seconds))
