"""Facts for tests: an enterprise with nothing wrong, and what can go wrong with it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from services.grading.domain.facts import (
    Case,
    Completeness,
    Earlier,
    Enterprise,
    EnterpriseFacts,
    Exceedance,
    Finding,
    Mark,
    Outlet,
    QuarterFacts,
    Visit,
)
from services.grading.rules import rule_versions
from shared.calendar import Quarter
from shared.contracts.casework import CaseState, FindingSeverity, FindingState, VisitType
from shared.contracts.ingest import PermitClass, enterprise_uuid, outlet_uuid
from shared.contracts.ingest.marks import MarkOutcome

RULES = rule_versions()[0]
QUARTER = Quarter(2026, 3)
AS_OF = QUARTER.end.astimezone(UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SPACE = UUID("aaaaaaaa-2222-5333-8444-555555555555")
FIRM = enterprise_uuid("E-001")
OUTLET = outlet_uuid("E-001", "W1")
SECOND = outlet_uuid("E-001", "W2")


def an_id(name: str) -> UUID:
    return uuid5(SPACE, name)


def at(day: int, hour: int = 0, month: int = 8) -> datetime:
    """A time of August 2026 (or another month) in the park, as UTC."""
    return (datetime(2026, month, day, hour, tzinfo=QUARTER.start.tzinfo)).astimezone(UTC)


def make_enterprise(code: str = "E-001", **fields: Any) -> Enterprise:
    plain: dict[str, Any] = {
        "id": enterprise_uuid(code), "version": 1, "code": code, "name_zh": f"{code}厂", "name_en": f"Works {code}",
        "trade": "textile", "connected_on": date(2025, 1, 1), "permit_class": PermitClass.KEY, "key_unit": False,
        "toxic": False, "near_homes": False, "large_flow": False, "active": True,
    }  # fmt: skip
    return Enterprise(**plain | fields)


def make_hours(name: str, start: datetime, points: int, **fields: Any) -> Exceedance:
    plain: dict[str, Any] = {
        "id": an_id(name), "version": 1, "no": f"A-{name}", "enterprise_id": FIRM, "outlet_id": OUTLET,
        "factor": "w01018", "rule": "EX-H", "started_at": start, "last_at": start + (points - 1) * HOUR,
        "points": points,
    }  # fmt: skip
    return Exceedance(**plain | fields)


def make_days(name: str, start: datetime, points: int, **fields: Any) -> Exceedance:
    return make_hours(name, start, points, **{"rule": "EX-D", "last_at": start + (points - 1) * DAY} | fields)


def make_case(no: str, **fields: Any) -> Case:
    plain: dict[str, Any] = {
        "id": an_id(no), "version": 1, "no": no, "enterprise_id": FIRM, "state": CaseState.CLOSED,
        "inquiry_sent_at": at(3), "reply_by": at(4), "replied_at": at(3, 9), "on_time": True, "returns": 0,
        "recurrence": False, "anomaly_ids": (),
    }  # fmt: skip
    return Case(**plain | fields)


def make_visit(no: str, points: int, **fields: Any) -> Visit:
    plain: dict[str, Any] = {
        "id": an_id(no), "no": no, "enterprise_id": FIRM, "type": VisitType.INSPECTION, "completed_at": at(5),
        "findings": 1 if points else 0, "points": points,
    }  # fmt: skip
    return Visit(**plain | fields)


def make_finding(no: str, **fields: Any) -> Finding:
    plain: dict[str, Any] = {
        "id": an_id(no), "version": 1, "no": no, "enterprise_id": FIRM, "severity": FindingSeverity.GENERAL,
        "state": FindingState.VERIFIED, "due_at": at(20), "verified_at": at(19), "on_time": True,
    }  # fmt: skip
    return Finding(**plain | fields)


def make_mark(no: str, outcome: MarkOutcome = MarkOutcome.ON_TIME, **fields: Any) -> Mark:
    plain: dict[str, Any] = {
        "id": an_id(no), "no": no, "enterprise_id": FIRM, "outlet_id": OUTLET, "code": "device_fault",
        "since": at(3), "due_at": at(4, 12), "submitted_at": None if outcome is MarkOutcome.MISSING else at(4),
        "outcome": outcome, "untrue": False,
    }  # fmt: skip
    return Mark(**plain | fields)


def make_facts(**fields: Any) -> EnterpriseFacts:
    plain: dict[str, Any] = {
        "enterprise": make_enterprise(),
        "outlets": (Outlet(OUTLET, 1, FIRM, "W1", "废水总排口", "Main outlet"),),
        "completeness": (Completeness(OUTLET, FIRM, 2000, 2000, 2000),),
        "earlier": Earlier(),
        "marks": (),
    }
    return EnterpriseFacts(**plain | fields)


def make_quarter(*facts: EnterpriseFacts) -> QuarterFacts:
    return QuarterFacts(str(QUARTER), AS_OF, facts)
