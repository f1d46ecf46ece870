"""What grading hears from other services: events of their feeds, completeness and enterprises of ingest."""

from collections.abc import Callable, Collection
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from services.grading.domain.facts import Case, Completeness, Enterprise, Exceedance, Finding, Mark, Outlet, Visit
from services.grading.domain.freezing import Measured
from shared.calendar import Quarter
from shared.clients.base import ServiceCallError
from shared.clients.ingest import IngestClient
from shared.contracts.casework import CASE_CHANGED, FINDING_CHANGED, VISIT_COMPLETED, CaseFact, FindingFact, VisitFact
from shared.contracts.detection import ANOMALY_CLOSED, ANOMALY_OPENED, ANOMALY_UPDATED, AnomalyOut, Nature
from shared.contracts.ingest import ENTERPRISE_CHANGED, OUTLET_CHANGED, EnterpriseOut, OutletOut
from shared.contracts.ingest.marks import MarkFact
from shared.errors import InvalidError

Fact = Enterprise | Outlet | Exceedance | Case | Visit | Finding


class UnknownEnterpriseError(InvalidError):
    """An imported line names an enterprise that is not registered."""

    code = "unknown_enterprise"


class IngestGateway:
    """Ingest, asked before a transaction begins."""

    def __init__(self, client: IngestClient) -> None:
        self._client = client

    async def measure(self, quarter: Quarter, moment: datetime) -> Measured:
        """Completeness of every outlet and marks due from the quarter's start to `moment`; nothing before it began."""
        if moment <= quarter.start:
            return Measured(moment)
        rows = await self._client.completeness(quarter.start, moment)
        facts = await self._client.mark_facts(quarter.start, moment)
        return Measured(
            moment,
            tuple(
                Completeness(row.outlet_id, row.enterprise_id, row.expected_hours, row.received_hours, row.valid_hours)
                for row in rows
            ),
            tuple(_mark(owner.enterprise_id, fact) for owner in facts for fact in owner.marks),
        )

    async def fetch_enterprises(self, ids: Collection[UUID]) -> list[Enterprise]:
        """Enterprises the feed has not brought yet; `UnknownEnterpriseError` names those ingest has not either."""
        found, unknown = [], []
        for enterprise_id in ids:
            try:
                found.append(enterprise_from(await self._client.get_enterprise(enterprise_id)))
            except ServiceCallError as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise
                unknown.append(str(enterprise_id))
        if unknown:
            errors = [{"where": "rows.enterprise_id", "message": each, "code": "unknown"} for each in unknown[:50]]
            raise UnknownEnterpriseError(f"{len(unknown)} enterprises are not registered", errors=errors)
        return found


def _mark(enterprise_id: UUID, fact: MarkFact) -> Mark:
    return Mark(
        id=fact.mark_id, no=fact.no, enterprise_id=enterprise_id, outlet_id=fact.outlet_id, code=fact.code,
        since=fact.since, due_at=fact.due_at, submitted_at=fact.submitted_at, outcome=fact.outcome,
        untrue=fact.untrue,
    )  # fmt: skip


def fact_of(event_type: str, data: dict[str, Any]) -> Fact | None:
    """The fact an event tells; None where grading does not use it."""
    reader = READERS.get(event_type)
    return reader(data) if reader else None


def enterprise_from(wire: EnterpriseOut) -> Enterprise:
    """An enterprise as grading keeps it: without address and contacts."""
    return Enterprise(
        id=wire.id, version=wire.version, code=wire.code, name_zh=wire.name_zh, name_en=wire.name_en,
        trade=wire.trade, connected_on=wire.connected_on, permit_class=wire.permit_class, key_unit=wire.key_unit,
        toxic=wire.toxic, near_homes=wire.near_homes, large_flow=wire.large_flow, active=wire.active,
    )  # fmt: skip


def _outlet(data: dict[str, Any]) -> Outlet:
    wire = OutletOut.model_validate(data)
    return Outlet(wire.id, wire.version, wire.enterprise_id, wire.code, wire.name_zh, wire.name_en)


def _exceedance(data: dict[str, Any]) -> Exceedance | None:
    wire = AnomalyOut.model_validate(data)
    if wire.nature is not Nature.EXCEEDANCE:
        return None
    return Exceedance(
        id=wire.id, version=wire.version, no=wire.no, enterprise_id=wire.enterprise_id, outlet_id=wire.outlet_id,
        factor=wire.factor, rule=wire.rule, started_at=wire.started_at, last_at=wire.last_at, points=wire.points,
    )  # fmt: skip


def _case(data: dict[str, Any]) -> Case:
    wire = CaseFact.model_validate(data)
    return Case(
        id=wire.case_id, version=wire.version, no=wire.no, enterprise_id=wire.enterprise_id, state=wire.state,
        inquiry_sent_at=wire.inquiry_sent_at, reply_by=wire.reply_by, replied_at=wire.replied_at,
        on_time=wire.on_time, returns=wire.returns, recurrence=wire.recurrence, anomaly_ids=tuple(wire.anomaly_ids),
    )  # fmt: skip


def _visit(data: dict[str, Any]) -> Visit:
    wire = VisitFact.model_validate(data)
    return Visit(wire.visit_id, wire.no, wire.enterprise_id, wire.type, wire.completed_at, wire.findings, wire.points)


def _finding(data: dict[str, Any]) -> Finding:
    wire = FindingFact.model_validate(data)
    return Finding(
        id=wire.finding_id, version=wire.version, no=wire.no, enterprise_id=wire.enterprise_id,
        severity=wire.severity, state=wire.state, due_at=wire.due_at, verified_at=wire.verified_at,
        on_time=wire.on_time,
    )  # fmt: skip


READERS: dict[str, Callable[[dict[str, Any]], Fact | None]] = {
    ENTERPRISE_CHANGED: lambda data: enterprise_from(EnterpriseOut.model_validate(data)),
    OUTLET_CHANGED: _outlet,
    ANOMALY_OPENED: _exceedance,
    ANOMALY_UPDATED: _exceedance,
    ANOMALY_CLOSED: _exceedance,
    CASE_CHANGED: _case,
    VISIT_COMPLETED: _visit,
    FINDING_CHANGED: _finding,
}
