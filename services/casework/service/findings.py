"""Use cases of findings: list, show, act; the last one closes the case."""

from uuid import UUID

from services.casework.domain import findings as finding_domain
from services.casework.domain.cases.model import Case
from services.casework.domain.findings import Finding
from services.casework.domain.machine import Actor
from services.casework.domain.queues import WorkSelection
from services.casework.service import views
from services.casework.service.desk import Act, Desk, check_may_see
from services.casework.service.proofs import attach, check_evidence
from services.casework.service.settling import settle_case
from shared.contracts.casework import (
    FindingAct,
    FindingCodeOut,
    FindingOut,
)
from shared.errors import NotFoundError
from shared.http import Page, check_version


class FindingService:
    """Findings and their rectification."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def list_finding_codes(self) -> list[FindingCodeOut]:
        """All codes."""
        return list(finding_domain.codes().values())

    async def list_findings(
        self, selection: WorkSelection, cursor: str | None, limit: int, reader: Actor
    ) -> Page[FindingOut]:
        """One page of findings, first due first."""
        items, more = await self._desk.works.list_findings(selection, cursor, limit)
        proofs = await self._desk.evidence.list_of_findings([finding.id for finding, _ in items])
        return Page[FindingOut](
            items=[views.finding(finding, around, proofs, self._desk.now, reader) for finding, around in items],
            next=more,
        )

    async def get_finding(self, finding_id: UUID, reader: Actor) -> FindingOut:
        """One finding with its evidence."""
        page = await self.list_findings(WorkSelection(reader.tenant, identity=finding_id), None, 1, reader)
        if not page.items:
            raise NotFoundError("no such finding", finding=str(finding_id))
        return page.items[0]

    async def act_on_finding(self, finding_id: UUID, act: FindingAct, version: int, actor: Actor) -> FindingOut:
        """Do an event; the last finding that is done closes the case."""
        desk = self._desk
        case = await desk.cases.lock((await desk.works.get_finding(finding_id)).case_id)
        finding = await desk.works.get_finding(finding_id)  # again, now that the lock is held
        check_may_see(case, actor)
        check_version(finding.version, version)
        moved = finding_domain.move(finding, act, actor, desk.now)
        if act.evidence_ids:
            files = await check_evidence(desk, case.id, [act.evidence_ids], "evidence_ids", finding_id=finding.id)
            await attach(desk, files, act.evidence_ids, finding.id)
        params = {"no": finding.no} | ({"days": act.days} if act.days else {})
        await self.change(case, finding, moved, Act(actor, f"finding.{act.event}", reason=act.text, params=params))
        await desk.flush()
        return await self.get_finding(finding_id, actor)

    async def change(self, case: Case, before: Finding, after: Finding, act: Act) -> Case:
        """Save a finding and let its case follow: the next clock, or the end."""
        await self._desk.works.save_finding(after)
        self._desk.note_finding(case, before, after, act)
        return await settle_case(self._desk, case)
