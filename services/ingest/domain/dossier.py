"""Entries of the dossier: identity, what a change means, and the terms that run."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import yaml

from shared.calendar import next_workday
from shared.contracts.ingest.dossier import EntryIn, Part

REACCEPTED_FIELDS = frozenset(
    {"serial", "model", "maker", "principle", "range_low", "range_high", "latitude", "longitude", "factors", "mn"}
)
"""Fields whose change is one of main device, core part, sampling point or range (MEP Order 19, article 7)."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of the dossier as it stands."""

    id: UUID
    part: Part
    enterprise_id: UUID
    outlet_id: UUID | None
    data: dict[str, Any]
    active: bool
    version: int
    changed_at: datetime


@dataclass(frozen=True, kw_only=True)
class Version:
    """The content of an entry at one time, who wrote it and why."""

    version: int
    data: dict[str, Any]
    active: bool
    changed_at: datetime
    actor: str
    organisation: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Term:
    """A rule for a due date."""

    what: str
    part: Part
    begins: str
    met: str | None
    days: int
    interval: str | None
    working: bool
    source: str


@dataclass(frozen=True)
class Running:
    """A term of one entry."""

    what: str
    due_on: date
    met_on: date | None
    overdue: bool
    source: str


@cache
def terms() -> tuple[Term, ...]:
    """All terms, from `dossier_terms.yaml`."""
    rows = yaml.safe_load(resources.files(__package__).joinpath("dossier_terms.yaml").read_text("utf-8"))
    return tuple(
        Term(
            what=row["what"], part=Part(row["part"]), begins=row["from"], met=row.get("met"), days=row.get("days", 0),
            interval=row.get("interval"), working=row["working"], source=row["source"],
        )
        for row in rows
    )  # fmt: skip


def entry_uuid(given: EntryIn, owner: UUID) -> UUID:
    """The id of an entry by its part, owner (outlet or enterprise) and key."""
    key = "\x1f".join(str(getattr(given, name)) for name in given.KEY)
    return uuid5(NAMESPACE_URL, f"sanse:{given.PART}:{owner}:{key}")


def content_of(given: EntryIn) -> dict[str, Any]:
    """The fields to keep, as JSON; whom it belongs to stands apart."""
    return given.model_dump(mode="json", exclude={"enterprise_id", "outlet_id"})


def dues_of(entry: Entry, today: date) -> list[Running]:
    """The terms that run for an entry that is in use."""
    if not entry.active:
        return []
    return [due for term in terms() if term.part is entry.part and (due := _due(term, entry.data, today))]


def _date(data: Mapping[str, Any], name: str | None) -> date | None:
    value = data.get(name) if name else None
    return date.fromisoformat(value) if value else None


def _workdays_after(start: date, days: int) -> date:
    due = start
    for _ in range(days):
        due = next_workday(due)
    return due


def _due(term: Term, data: Mapping[str, Any], today: date) -> Running | None:
    start = _date(data, term.begins)
    days = data.get(term.interval) if term.interval else term.days
    if start is None or days is None:
        return None
    due_on = _workdays_after(start, days) if term.working else start + timedelta(days=days)
    met_on = _date(data, term.met)
    return Running(term.what, due_on, met_on, (met_on or today) > due_on, term.source)


def changes_between(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> dict[str, list[Any]]:
    """Fields that differ: before and after. What every save changes is left out."""
    old, new = before or {}, after or {}
    skipped = {"version", "changed_at", "id", "last_seen_at"}
    return {
        name: [old.get(name), new.get(name)]
        for name in sorted({*old, *new} - skipped)
        if old.get(name) != new.get(name)
    }


def limit_changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> dict[str, list[Any]]:
    """Factor → limit before and after, of an entry of the trail that tells of limits."""
    old = {item["factor"]: _limit_text(item) for item in (before or {}).get("limits", [])}
    new = (after or {}).get("limits", [])[-1:]
    return {item["factor"]: [old.get(item["factor"]), _limit_text(item)] for item in new}


def _limit_text(limit: Mapping[str, Any]) -> str:
    span = " – ".join(f"{limit[name]:g}" for name in ("lower", "upper") if limit[name] is not None)
    return f"{span} {limit['unit']}".strip()


def needs_reacceptance(action: str, changes: Mapping[str, list[Any]]) -> bool:
    """Whether a change of the trail is one after which the device is accepted and registered anew."""
    return action.endswith(".changed") and not REACCEPTED_FIELDS.isdisjoint(changes)
