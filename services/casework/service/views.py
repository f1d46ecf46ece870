"""Domain objects as the wire shows them to one reader."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from services.casework.domain.cases.model import Case
from services.casework.domain.cases.table import CASES
from services.casework.domain.deadlines import Deadline
from services.casework.domain.evidence import Evidence
from services.casework.domain.findings import FINDINGS, Finding, codes
from services.casework.domain.machine import Actor, Offer
from services.casework.domain.queues import FIRM_CLOCKS
from services.casework.domain.registry import Placed
from services.casework.domain.trail import DECISIONS, Entry
from services.casework.domain.visits import VISITS, Visit
from services.casework.store.works import Around
from shared.audit import AuditEntry
from shared.contracts.casework import (
    AllowedEvent,
    AuditEntryOut,
    CaseFact,
    CaseSummary,
    ClockOut,
    DecisionOut,
    EvidenceOut,
    FindingFact,
    FindingOut,
    InquiryOut,
    ReplyOut,
    TimelineEntry,
    VisitFact,
    VisitOut,
)
from shared.contracts.detection import Explanation
from shared.contracts.grading import Colour


def allowed(offers: Iterable[Offer]) -> list[AllowedEvent]:
    """Offers of a table."""
    return [
        AllowedEvent(
            event=str(offer.event), needs=list(offer.needs), reason_codes=list(offer.reasons), blocked=offer.blocked
        )
        for offer in offers
    ]


def clock(deadline: Deadline | None, now: datetime, reader: Actor) -> ClockOut | None:
    """The clock that runs; the authority's own clocks are not the enterprise's business."""
    if deadline is None or (reader.tenant is not None and deadline.name not in FIRM_CLOCKS):
        return None
    return ClockOut(
        name=deadline.name, started_at=deadline.started_at, due_at=deadline.due_at, policy=deadline.policy,
        params=dict(deadline.params), source=deadline.source, overdue=deadline.due_at <= now,
    )  # fmt: skip


def summary(placed: Placed, now: datetime, reader: Actor) -> CaseSummary:
    """A case in a list."""
    return CaseSummary(**summary_fields(placed, now, reader))


def summary_fields(placed: Placed, now: datetime, reader: Actor) -> dict[str, Any]:
    """The fields a list line and the whole case share."""
    case, site = placed.case, placed.site
    shown = clock(case.clock, now, reader)
    return {
        "id": case.id, "no": case.no, "enterprise_id": case.enterprise_id, "enterprise_code": site.enterprise.code,
        "enterprise_name_zh": site.enterprise.name_zh, "enterprise_name_en": site.enterprise.name_en,
        "outlet_id": case.outlet_id, "outlet_code": site.outlet.code, "outlet_name_zh": site.outlet.name_zh,
        "outlet_name_en": site.outlet.name_en, "medium": site.outlet.medium, "factor": case.factor,
        "factor_name_zh": site.factor.name_zh, "factor_name_en": site.factor.name_en, "rule": case.rule,
        "nature": case.nature, "severity": case.severity, "frequency": case.frequency, "count_30d": case.count_30d,
        "rule_precision": case.rule_precision if reader.tenant is None else None,
        "title": Explanation.model_validate(case.title), "state": case.state,
        "overdue_level": case.overdue_level if shown else 0, "clock": shown, "colour": site.enterprise.colour,
        "priority": case.priority + site.colour_weight,
        "assignee": case.assignee if reader.tenant is None else None,
        "anomaly_started_at": case.anomaly_started_at, "anomaly_last_at": case.anomaly_last_at,
        "anomalies": case.anomalies, "rounds": case.rounds, "returns": case.returns, "opened_at": case.opened_at,
        "changed_at": case.changed_at, "closed_at": case.closed_at, "recurrence": case.recurrence,
        "version": case.version,
    }  # fmt: skip


def inquiry(case: Case, reader: Actor) -> InquiryOut | None:
    """The inquiry as sent; the enterprise does not see who in person sent it."""
    sent = case.inquiry
    if sent is None:
        return None
    return InquiryOut(
        sent_at=sent.sent_at, sent_by=sent.sent_by if reader.tenant is None else "", text=sent.text,
        acknowledge_by=sent.acknowledge_by, reply_by=sent.reply_by, acknowledged_at=sent.acknowledged_at,
    )  # fmt: skip


def case_offers(case: Case, now: datetime, reader: Actor) -> list[AllowedEvent]:
    """What the reader may do with the case now."""
    return allowed(CASES.allowed(case, reader, now))


def reply(row: Any) -> ReplyOut:
    """A reply from its row."""
    return ReplyOut(
        **row["data"], id=row["id"], round=row["round"], submitted_at=row["submitted_at"],
        submitted_by=row["submitted_by"], on_time=row["on_time"],
    )  # fmt: skip


def visit(item: Visit, around: Around, now: datetime, reader: Actor) -> VisitOut:
    """A visit."""
    return VisitOut(
        id=item.id, no=item.no, case_id=item.case_id, case_no=around.case_no, enterprise_id=item.enterprise_id,
        enterprise_name_zh=around.enterprise_name_zh, enterprise_name_en=around.enterprise_name_en,
        outlet_code=around.outlet_code, type=item.type, trigger=item.trigger, state=item.state,
        planned_at=item.planned_at, started_at=item.started_at, completed_at=item.completed_at,
        officers=list(item.officers), record=item.record, colour=item.colour or Colour(around.colour),
        findings=item.findings, points=item.points, allowed=allowed(VISITS.allowed(item, reader, now)),
        version=item.version,
    )  # fmt: skip


def evidence(item: Evidence, reader: Actor) -> EvidenceOut:
    """A file; who in person of the authority's side handed it in is not told to the enterprise."""
    hidden = reader.tenant is not None and not item.from_enterprise
    return EvidenceOut(
        id=item.id, case_id=item.case_id, finding_id=item.finding_id, kind=item.kind, name=item.name,
        media_type=item.media_type, size=item.size, sha256=item.sha256, uploaded_at=item.uploaded_at,
        uploaded_by=item.organisation if hidden else item.uploaded_by, organisation=item.organisation,
        from_enterprise=item.from_enterprise,
    )  # fmt: skip


def finding(item: Finding, around: Around, proofs: Sequence[Evidence], now: datetime, reader: Actor) -> FindingOut:
    """A finding with what proves it and its fix."""
    code = codes()[item.code]
    return FindingOut(
        id=item.id, no=item.no, case_id=item.case_id, case_no=around.case_no, visit_id=item.visit_id,
        enterprise_id=item.enterprise_id, enterprise_name_zh=around.enterprise_name_zh,
        enterprise_name_en=around.enterprise_name_en, code=item.code, title_zh=code.title_zh, title_en=code.title_en,
        clause=code.clause, severity=item.severity, points=item.points, facts=item.facts, location=item.location,
        responsible=item.responsible, state=item.state, plan=item.plan, statement=item.statement,
        found_at=item.found_at, issued_at=item.issued_at, due_at=item.clock.due_at if item.clock else None,
        submitted_at=item.submitted_at, verified_at=item.verified_at, rejections=item.rejections,
        extended=item.extended, on_time=item.on_time, relapse_of=item.relapse_of,
        allowed=allowed(FINDINGS.allowed(item, reader, now)),
        evidence=[evidence(proof, reader) for proof in proofs if proof.finding_id == item.id], version=item.version,
    )  # fmt: skip


def entry_of(row: AuditEntry) -> Entry:
    """A line of the trail from its audit row."""
    payload = row.payload
    before, after = payload["before"] or {}, payload["after"] or {}
    return Entry(
        at=datetime.fromisoformat(payload["at"]), actor=payload["actor"], actor_name=payload["actor_name"],
        organisation=payload["organisation"], event=payload["action"], from_state=before.get("state"),
        to_state=after.get("state"), reason_code=after.get("reason_code"), reason=payload["reason"],
        params=after.get("params") or {},
    )  # fmt: skip


def timeline(entries: Iterable[Entry]) -> list[TimelineEntry]:
    """The trail on the wire."""
    return [
        TimelineEntry(
            at=item.at, actor=item.actor, actor_name=item.actor_name, organisation=item.organisation,
            event=item.event, from_state=item.from_state, to_state=item.to_state, reason_code=item.reason_code,
            reason=item.reason, params=dict(item.params),
        )
        for item in entries
    ]  # fmt: skip


def decisions(entries: Iterable[Entry]) -> list[DecisionOut]:
    """Those lines of the trail that decided something."""
    names = {f"case.{event}": event for event in DECISIONS}
    return [
        DecisionOut.model_validate(
            {"event": names[item.event], "at": item.at, "by": item.actor_name, "reason_code": item.reason_code,
             "reason": item.reason}
        )
        for item in entries
        if item.event in names
    ]  # fmt: skip


def audit_entry(row: AuditEntry) -> AuditEntryOut:
    """A row of the chain."""
    payload = row.payload
    return AuditEntryOut(
        id=row.id, at=payload["at"], actor=payload["actor"], actor_name=payload["actor_name"],
        organisation=payload["organisation"], action=payload["action"], subject=payload["subject"],
        before=payload["before"], after=payload["after"], reason=payload["reason"], hash=row.hash,
    )  # fmt: skip


def case_fact(case: Case, event: str, anomaly_ids: Sequence[Any]) -> CaseFact:
    """What grading needs of a case."""
    sent = case.inquiry
    return CaseFact(
        case_id=case.id, no=case.no, enterprise_id=case.enterprise_id, outlet_id=case.outlet_id, rule=case.rule,
        nature=case.nature, severity=case.severity, state=case.state, event=event, at=case.changed_at,
        inquiry_sent_at=sent.sent_at if sent else None, reply_by=sent.reply_by if sent else None,
        replied_at=case.first_replied_at, on_time=case.on_time, returns=case.returns, recurrence=case.recurrence,
        overdue_level=case.overdue_level, closed_at=case.closed_at, cause_code=case.cause_code,
        anomaly_ids=list(anomaly_ids), version=case.version,
    )  # fmt: skip


def visit_fact(item: Visit, case: Case) -> VisitFact:
    """What grading needs of a completed visit."""
    if item.completed_at is None:
        raise RuntimeError("only a completed visit is told")
    return VisitFact(
        visit_id=item.id, no=item.no, case_id=case.id, case_no=case.no, enterprise_id=item.enterprise_id,
        type=item.type, trigger=item.trigger, completed_at=item.completed_at, findings=item.findings,
        points=item.points, colour=item.colour or Colour.GREY,
    )  # fmt: skip


def finding_fact(item: Finding, case: Case, at: datetime) -> FindingFact:
    """What grading needs of a finding."""
    return FindingFact(
        finding_id=item.id, no=item.no, case_id=case.id, case_no=case.no, enterprise_id=item.enterprise_id,
        code=item.code, severity=item.severity, points=item.points, state=item.state, at=at,
        issued_at=item.issued_at, due_at=item.clock.due_at if item.clock else None, verified_at=item.verified_at,
        on_time=item.on_time, relapse=item.relapse_of is not None, version=item.version,
    )  # fmt: skip
