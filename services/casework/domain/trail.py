"""What of a case's trail is shown to whom."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import dropwhile
from typing import Any

from services.casework.domain.cases.model import Case
from services.casework.domain.machine import Actor
from services.casework.domain.queues import FIRM_CLOCKS
from shared.contracts.casework import CaseEvent

DECISIONS = frozenset(
    {
        CaseEvent.MARK_FALSE_ALARM, CaseEvent.MARK_COVERED, CaseEvent.MERGE, CaseEvent.RETURN_REPLY,
        CaseEvent.SIMPLIFY, CaseEvent.VERIFY_ON_SITE, CaseEvent.REFER, CaseEvent.WITHDRAW, CaseEvent.REOPEN,
        CaseEvent.START_RECTIFICATION, CaseEvent.CONCLUDE,
    }
)  # fmt: skip
"""Events that decide something; shown as decisions too."""
_SILENT = frozenset({"case.rectification_tracked"})
"""Only the clock of the case changed: the finding's own line tells it."""
_INTERNAL = frozenset({"visit.planned", "visit.cancel", "anomaly.severity_raised", "case.start_analysis"})


@dataclass(frozen=True)
class Entry:
    """A line of the trail 时间线."""

    at: datetime
    actor: str
    actor_name: str
    organisation: str
    event: str
    from_state: str | None
    to_state: str | None
    reason_code: str | None
    reason: str
    params: Mapping[str, Any]


def for_reader(entries: list[Entry], case: Case, reader: Actor) -> list[Entry]:
    """All of it to the authority's side; to the enterprise from the inquiry on, without internals and names."""
    entries = [entry for entry in entries if entry.event not in _SILENT]
    if reader.tenant is None:
        return entries
    if case.inquiry is None:
        return []
    since = dropwhile(lambda entry: entry.event != "case.send_inquiry", entries)
    return [_masked(entry, reader) for entry in since if _is_for_firm(entry, reader)]


def _is_for_firm(entry: Entry, reader: Actor) -> bool:
    if entry.event == "evidence.added":
        return entry.organisation == reader.organisation
    if entry.event == "case.escalate":
        return entry.params.get("clock") in FIRM_CLOCKS
    return entry.event not in _INTERNAL


def _masked(entry: Entry, reader: Actor) -> Entry:
    params = {key: value for key, value in entry.params.items() if key != "visit_at"}
    if not entry.organisation or entry.organisation == reader.organisation:
        return replace(entry, params=params)
    return replace(entry, actor="", actor_name=entry.organisation, params=params)
