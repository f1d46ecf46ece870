"""Views of the case list 办案队列 as data: the list, the counts and the portal's tabs mean the same by a name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from shared.contracts.casework import CLOSED_STATES, CaseState
from shared.contracts.detection import Nature, Severity
from shared.contracts.grading import Colour
from shared.contracts.ingest import Medium

OPEN_STATES = frozenset(CaseState) - CLOSED_STATES
FIRM_CLOCKS = frozenset({"acknowledge", "reply", "rectification"})
"""Clocks the enterprise must keep; the others are the authority's own business."""
SOON = timedelta(hours=2)
RECENT = timedelta(days=30)


class Due(StrEnum):
    """Relation of the running clock to now."""

    OVERDUE = "overdue"
    SOON = "soon"


@dataclass(frozen=True)
class View:
    """A named selection of cases."""

    states: frozenset[CaseState] = OPEN_STATES
    due: Due | None = None
    colour: Colour | None = None
    nature: Nature | None = None


VIEWS: Mapping[str, View] = {
    "open": View(),
    "screening": View(frozenset({CaseState.SCREENING})),
    "replied": View(frozenset({CaseState.REPLIED, CaseState.ANALYSING})),
    "waiting": View(frozenset({CaseState.INQUIRY_SENT, CaseState.ACKNOWLEDGED, CaseState.RETURNED})),
    "due_soon": View(due=Due.SOON),
    "overdue": View(due=Due.OVERDUE),
    "red": View(colour=Colour.RED),
    "fraud": View(nature=Nature.SUSPECTED_FRAUD),
    "verification": View(frozenset({CaseState.KEY_VERIFICATION})),
    "rectifying": View(frozenset({CaseState.RECTIFYING})),
    "closed": View(CLOSED_STATES),
}
COUNTED = ("screening", "waiting", "replied", "overdue", "due_soon", "verification", "rectifying", "red")


class ViewName(StrEnum):
    """Names of the views."""

    OPEN = "open"
    SCREENING = "screening"
    REPLIED = "replied"
    WAITING = "waiting"
    DUE_SOON = "due_soon"
    OVERDUE = "overdue"
    RED = "red"
    FRAUD = "fraud"
    VERIFICATION = "verification"
    RECTIFYING = "rectifying"
    CLOSED = "closed"


class Sort(StrEnum):
    """Orders of the list."""

    PRIORITY = "priority"
    DUE = "due"
    NEWEST = "newest"


@dataclass(frozen=True)
class Selection:
    """What of the list is asked for; `tenant` limits it to what that enterprise may see."""

    tenant: UUID | None = None
    view: ViewName | None = None
    states: frozenset[CaseState] = frozenset()
    severity: Severity | None = None
    medium: Medium | None = None
    rule: str | None = None
    enterprise_id: UUID | None = None
    q: str | None = None
    sort: Sort = Sort.PRIORITY


@dataclass(frozen=True)
class Moment:
    """Now, and the first moment of today in the park."""

    now: datetime
    today: datetime


@dataclass(frozen=True)
class WorkSelection:
    """What of a list is asked for; `tenant` limits it to what that enterprise may see."""

    tenant: UUID | None = None
    states: Sequence[str] = ()
    case_id: UUID | None = None
    enterprise_id: UUID | None = None
    identity: UUID | None = None
