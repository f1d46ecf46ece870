"""The truth of a park as a file: what really happened, for those who judge and never for the product."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from park.virtual.columns import Truth, VirtualPark
from park.virtual.natural import checks_of
from shared.contracts.ingest import outlet_uuid


class EventTruth(TypedDict):
    """One event; `strength` natural for what went wrong by itself, `checks` those that should find it."""

    outlet: str
    kind: str
    strength: str
    factors: list[str]
    touched: list[str]
    start: str
    end: str
    checks: list[str]


class OutletTruth(TypedDict):
    """One outlet: its key in the park, its id in the registry, its trade and the factors that are sent."""

    key: str
    outlet_id: str
    trade: str
    medium: str
    factors: list[str]


class ParkTruth(TypedDict):
    """The file. Events before `since` or after `until` were not sent."""

    seed: int
    since: str
    until: str
    outlets: list[OutletTruth]
    events: list[EventTruth]


def truth_of(park: VirtualPark, since: datetime, until: datetime) -> ParkTruth:
    """What happened in the park from `since` to `until`, injected and natural."""
    first, last = since.timestamp(), until.timestamp()
    events = sorted((*park.truths, *park.natural), key=lambda one: (one.outlet, one.start, one.kind))
    return ParkTruth(
        seed=park.seed,
        since=since.isoformat(),
        until=until.isoformat(),
        outlets=[
            OutletTruth(
                key=key,
                outlet_id=str(outlet_uuid(*key.split("/"))),
                trade=outlet.plan.trade.code,
                medium=outlet.plan.trade.medium,
                factors=list(outlet.columns),
            )
            for key, outlet in park.outlets.items()
        ],
        events=[_event(one) for one in events if one.start < last and one.end > first],
    )


def _event(one: Truth) -> EventTruth:
    start, end = (datetime.fromtimestamp(moment, UTC).isoformat() for moment in (one.start, one.end))
    return EventTruth(
        outlet=one.outlet,
        kind=one.kind,
        strength=one.strength,
        factors=list(one.factors),
        touched=list(one.touched),
        start=start,
        end=end,
        checks=list(checks_of(one.kind)),
    )


def write_truth(path: Path, truth: ParkTruth) -> None:
    """Write it as a whole."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(truth, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def read_truth(path: Path) -> ParkTruth:
    """Read it back."""
    truth: ParkTruth = json.loads(path.read_text(encoding="utf-8"))
    return truth
