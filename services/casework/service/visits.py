"""Use cases of visits: plan, act, list."""

from uuid import UUID, uuid4

from services.casework.domain import findings as finding_domain
from services.casework.domain import visits as visit_domain
from services.casework.domain.cases.model import Case
from services.casework.domain.findings import Birth, Finding
from services.casework.domain.machine import STAFF, Actor
from services.casework.domain.queues import WorkSelection
from services.casework.domain.visits import Visit
from services.casework.service import views
from services.casework.service.desk import Act, Desk, check_may_see
from services.casework.service.proofs import attach, check_evidence
from services.casework.service.settling import settle_case
from shared.contracts.casework import (
    FindingIn,
    VisitAct,
    VisitEvent,
    VisitIn,
    VisitOut,
    VisitState,
)
from shared.errors import ForbiddenError, NotFoundError
from shared.http import Page, check_version


class VisitService:
    """Visits."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list_visits(
        self, states: list[VisitState], case_id: UUID | None, cursor: str | None, limit: int, reader: Actor
    ) -> Page[VisitOut]:
        """One page of visits, next planned first."""
        selection = WorkSelection(reader.tenant, states, case_id)
        items, more = await self._desk.works.list_visits(selection, cursor, limit)
        return Page[VisitOut](
            items=[views.visit(visit, around, self._desk.now, reader) for visit, around in items], next=more
        )

    async def get_visit(self, visit_id: UUID, reader: Actor) -> VisitOut:
        """One visit."""
        items, _ = await self._desk.works.list_visits(WorkSelection(reader.tenant, identity=visit_id), None, 1)
        if not items:
            raise NotFoundError("no such visit", visit=str(visit_id))
        visit, around = items[0]
        return views.visit(visit, around, self._desk.now, reader)

    async def plan_visit(self, plan: VisitIn, actor: Actor) -> VisitOut:
        """Plan a visit; the same plan sent again gives the visit that is there."""
        if not actor.is_any(STAFF):
            raise ForbiddenError("visits are planned by supervisors and officers")
        desk = self._desk
        case = await desk.cases.lock(plan.case_id)
        visit_domain.check_can_plan(case, plan, desk.now)
        officers = visit_domain.clean_officers(plan.officers)
        for visit in await desk.works.visits_of(case.id):
            known = (visit.state, visit.type, visit.planned_at, visit.officers)
            if known == (VisitState.PLANNED, plan.type, plan.planned_at, officers):
                return await self.get_visit(visit.id, actor)
        [no] = await desk.cases.take_numbers("HC", desk.now, 1)
        visit = Visit(
            id=uuid4(), no=no, case_id=case.id, enterprise_id=case.enterprise_id, type=plan.type, trigger=plan.trigger,
            state=VisitState.PLANNED, planned_at=plan.planned_at, created_at=desk.now, officers=officers,
        )  # fmt: skip
        await desk.save_visit(case, None, visit, Act(actor, "visit.planned", params={"no": no, "type": visit.type}))
        await desk.flush()
        return await self.get_visit(visit.id, actor)

    async def act_on_visit(self, visit_id: UUID, act: VisitAct, version: int, actor: Actor) -> VisitOut:
        """Start, complete with findings, cancel."""
        desk = self._desk
        case = await desk.cases.lock((await desk.works.get_visit(visit_id)).case_id)
        visit = await desk.works.get_visit(visit_id)  # again, now that the lock is held
        check_may_see(case, actor)
        await self.get_visit(visit_id, actor)
        check_version(visit.version, version)
        finding_domain.check_codes(act.findings)
        moved = visit_domain.move(visit, act, actor, desk.now)
        if act.event is VisitEvent.COMPLETE:
            await self._complete(case, visit, moved, act.findings, actor)
        else:
            trail = Act(actor, f"visit.{act.event}", reason=act.reason, params={"no": visit.no})
            await desk.save_visit(case, visit, moved, trail)
        await settle_case(desk, case)
        await desk.flush()
        return await self.get_visit(visit_id, actor)

    async def _complete(self, case: Case, before: Visit, visit: Visit, given: list[FindingIn], actor: Actor) -> None:
        desk = self._desk
        issued = await self._issue(visit, given, actor, case)
        enterprise = await desk.registry.get_enterprise(case.enterprise_id)
        done = visit_domain.with_outcome(visit, enterprise.colour, sum(item.points for item in issued))
        params = {"no": visit.no, "findings": len(issued)}
        await desk.save_visit(case, before, done, Act(actor, "visit.complete", params=params))

    async def _issue(self, visit: Visit, given: list[FindingIn], actor: Actor, case: Case) -> list[Finding]:
        if not given:
            return []
        desk = self._desk
        files = await check_evidence(desk, case.id, [item.evidence_ids for item in given], "findings")
        codes = {item.code for item in given}
        relapses = await desk.works.last_verified(case.enterprise_id, codes, desk.now - finding_domain.RELAPSE_WITHIN)
        numbers = await desk.cases.take_numbers("WT", desk.now, len(given))
        issued = []
        for item, no in zip(given, numbers, strict=True):
            birth = Birth(uuid4(), no, case.id, visit.id, case.enterprise_id, relapses.get(item.code), desk.now)
            issued.append(finding_domain.issue(item, birth))
        await desk.works.add_findings(issued)
        for item, finding in zip(given, issued, strict=True):
            await attach(desk, files, item.evidence_ids, finding.id)
            params = {"no": finding.no, "code": finding.code, "severity": finding.severity}
            desk.note_finding(case, None, finding, Act(actor, "finding.issue", params=params))
        return issued
