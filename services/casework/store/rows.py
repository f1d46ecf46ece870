"""Rows of the database to domain objects and back."""

from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import RowMapping

from services.casework.domain.cases.model import Case, Inquiry
from services.casework.domain.deadlines import Deadline
from services.casework.domain.evidence import Evidence
from services.casework.domain.findings import Finding
from services.casework.domain.registry import Enterprise, Factor, Outlet, Placed, Site
from services.casework.domain.visits import Visit
from shared.contracts.casework import (
    CaseState,
    CauseCode,
    EvidenceKind,
    FindingSeverity,
    FindingState,
    VisitState,
    VisitType,
)
from shared.contracts.detection import Frequency, Nature, Severity
from shared.contracts.grading import Colour
from shared.contracts.ingest import Medium

Columns = dict[str, Any]
_CASE_PLAIN = tuple(
    item.name for item in fields(Case) if item.name not in {"clock", "inquiry", "cause_code", "state", "title"}
)
_FINDING_PLAIN = tuple(item.name for item in fields(Finding) if item.name != "clock")
_VISIT_PLAIN = tuple(item.name for item in fields(Visit))
_EVIDENCE_PLAIN = tuple(item.name for item in fields(Evidence))


def _clock_columns(clock: Deadline | None) -> Columns:
    if clock is None:
        names = ("clock_name", "clock_started_at", "due_at", "clock_policy", "clock_params", "clock_source")
        return dict.fromkeys(names)
    return {
        "clock_name": clock.name, "clock_started_at": clock.started_at, "due_at": clock.due_at,
        "clock_policy": clock.policy, "clock_params": dict(clock.params), "clock_source": clock.source,
    }  # fmt: skip


def _clock(row: RowMapping) -> Deadline | None:
    if row["clock_name"] is None:
        return None
    return Deadline(
        row["clock_name"], row["clock_started_at"], row["due_at"], row["clock_policy"], row["clock_params"],
        row["clock_source"],
    )  # fmt: skip


def case_columns(case: Case) -> Columns:
    """A case as columns of `cases`."""
    inquiry = case.inquiry
    return {
        **{name: getattr(case, name) for name in _CASE_PLAIN},
        **_clock_columns(case.clock),
        "escalates_at": case.escalates_at,
        "state": case.state, "title": dict(case.title), "cause_code": case.cause_code,
        "sent_at": inquiry and inquiry.sent_at, "sent_by": inquiry and inquiry.sent_by,
        "inquiry_text": inquiry and inquiry.text, "acknowledge_by": inquiry and inquiry.acknowledge_by,
        "reply_by": inquiry and inquiry.reply_by, "acknowledged_at": inquiry and inquiry.acknowledged_at,
    }  # fmt: skip


def case_of(row: RowMapping) -> Case:
    """A case from a row of `cases`."""
    plain = {name: row[name] for name in _CASE_PLAIN}
    plain |= {
        "nature": Nature(row["nature"]), "severity": Severity(row["severity"]),
        "frequency": Frequency(row["frequency"]),
    }  # fmt: skip
    inquiry = None
    if row["sent_at"] is not None:
        inquiry = Inquiry(
            row["sent_at"], row["sent_by"], row["inquiry_text"], row["acknowledge_by"], row["reply_by"],
            row["acknowledged_at"],
        )  # fmt: skip
    return Case(
        **plain,
        state=CaseState(row["state"]),
        title=row["title"],
        clock=_clock(row),
        inquiry=inquiry,
        cause_code=CauseCode(row["cause_code"]) if row["cause_code"] else None,
    )


def placed_of(row: RowMapping) -> Placed:
    """A case with its site, from the joined row of `store.cases`."""
    case = case_of(row)
    enterprise = Enterprise(
        case.enterprise_id, row["e_code"], row["e_name_zh"], row["e_name_en"], row["e_version"], Colour(row["e_colour"])
    )
    outlet = Outlet(
        case.outlet_id, case.enterprise_id, row["o_code"], row["o_name_zh"], row["o_name_en"], Medium(row["o_medium"]),
        row["o_version"],
    )  # fmt: skip
    factor = Factor(case.factor, row["f_name_zh"] or case.factor, row["f_name_en"] or case.factor)
    return Placed(case, Site(enterprise, outlet, factor, row["e_colour_weight"]))


def visit_columns(visit: Visit) -> Columns:
    """A visit as columns of `visits`."""
    return {**{name: getattr(visit, name) for name in _VISIT_PLAIN}, "officers": list(visit.officers)}


def visit_of(row: RowMapping) -> Visit:
    """A visit from a row of `visits`."""
    plain = {name: row[name] for name in _VISIT_PLAIN}
    plain |= {
        "type": VisitType(row["type"]), "state": VisitState(row["state"]), "officers": tuple(row["officers"]),
        "colour": Colour(row["colour"]) if row["colour"] else None,
    }  # fmt: skip
    return Visit(**plain)


def finding_columns(finding: Finding) -> Columns:
    """A finding as columns of `findings`."""
    return {**{name: getattr(finding, name) for name in _FINDING_PLAIN}, **_clock_columns(finding.clock)}


def finding_of(row: RowMapping) -> Finding:
    """A finding from a row of `findings`."""
    plain = {name: row[name] for name in _FINDING_PLAIN}
    plain |= {"severity": FindingSeverity(row["severity"]), "state": FindingState(row["state"])}
    return Finding(**plain, clock=_clock(row))


def evidence_columns(evidence: Evidence) -> Columns:
    """A file's row."""
    return asdict(evidence)


def evidence_of(row: RowMapping) -> Evidence:
    """A file from a row of `evidence`."""
    return Evidence(**{name: row[name] for name in _EVIDENCE_PLAIN} | {"kind": EvidenceKind(row["kind"])})
