"""Typed client of casework."""

from uuid import UUID

from shared.clients.base import ServiceClient
from shared.contracts.casework import (
    AuditEntryOut,
    AuditVerdict,
    CaseAct,
    CaseCounts,
    CaseDetail,
    CaseSummary,
    EvidenceKind,
    EvidenceOut,
    FindingAct,
    FindingCodeOut,
    FindingOut,
    OutletCases,
    VisitAct,
    VisitIn,
    VisitOut,
)
from shared.http import Page, etag_of


class CaseworkClient(ServiceClient):
    """Cases, visits, findings, evidence, audit."""

    service = "casework"

    async def list_cases(  # noqa: PLR0913 - filters
        self,
        *,
        view: str | None = None,
        state: list[str] | None = None,
        severity: str | None = None,
        medium: str | None = None,
        rule: str | None = None,
        enterprise_id: UUID | None = None,
        q: str | None = None,
        sort: str = "priority",
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[CaseSummary]:
        """Cases. `view`: open, screening, replied, waiting, due_soon, overdue, red, fraud, verification, rectifying,
        closed. `sort`: priority, due, newest. `q` searches number, enterprise and outlet.
        """
        answer = await self.get_json(
            "/v1/cases", view=view, state=state, severity=severity, medium=medium, rule=rule,
            enterprise_id=enterprise_id, q=q, sort=sort, cursor=cursor, limit=limit,
        )  # fmt: skip
        return Page[CaseSummary].model_validate(answer)

    async def count_cases(self) -> CaseCounts:
        """Numbers for menus and the strip above the queue."""
        return CaseCounts.model_validate(await self.get_json("/v1/cases/counts"))

    async def cases_by_outlet(self) -> list[OutletCases]:
        """Open cases of each outlet that has some."""
        return [OutletCases.model_validate(item) for item in await self.get_json("/v1/cases/by-outlet")]

    async def get_case(self, case_id: UUID | str) -> CaseDetail:
        """A case by id or number."""
        return CaseDetail.model_validate(await self.get_json(f"/v1/cases/{case_id}"))

    async def act_on_case(self, case_id: UUID | str, act: CaseAct, version: int) -> CaseDetail:
        """Do an event; 412 where somebody was faster, 409 where the state does not allow it."""
        answer = await self.post_json(f"/v1/cases/{case_id}/events", act, headers={"If-Match": etag_of(version)})
        return CaseDetail.model_validate(answer)

    async def list_visits(
        self, *, state: str | None = None, case_id: UUID | None = None, cursor: str | None = None, limit: int = 100
    ) -> Page[VisitOut]:
        """Visits, next planned first."""
        answer = await self.get_json("/v1/visits", state=state, case_id=case_id, cursor=cursor, limit=limit)
        return Page[VisitOut].model_validate(answer)

    async def get_visit(self, visit_id: UUID) -> VisitOut:
        """One visit."""
        return VisitOut.model_validate(await self.get_json(f"/v1/visits/{visit_id}"))

    async def plan_visit(self, visit: VisitIn) -> VisitOut:
        """Plan a visit."""
        return VisitOut.model_validate(await self.post_json("/v1/visits", visit))

    async def act_on_visit(self, visit_id: UUID, act: VisitAct, version: int) -> VisitOut:
        """Start, complete with findings, cancel."""
        answer = await self.post_json(f"/v1/visits/{visit_id}/events", act, headers={"If-Match": etag_of(version)})
        return VisitOut.model_validate(answer)

    async def list_finding_codes(self) -> list[FindingCodeOut]:
        """Finding codes with clauses."""
        return [FindingCodeOut.model_validate(item) for item in await self.get_json("/v1/finding-codes")]

    async def list_findings(
        self, *, state: list[str] | None = None, case_id: UUID | None = None, enterprise_id: UUID | None = None,
        cursor: str | None = None, limit: int = 100,
    ) -> Page[FindingOut]:  # fmt: skip
        """Findings, first due first."""
        answer = await self.get_json(
            "/v1/findings", state=state, case_id=case_id, enterprise_id=enterprise_id, cursor=cursor, limit=limit
        )
        return Page[FindingOut].model_validate(answer)

    async def get_finding(self, finding_id: UUID) -> FindingOut:
        """One finding with its evidence."""
        return FindingOut.model_validate(await self.get_json(f"/v1/findings/{finding_id}"))

    async def act_on_finding(self, finding_id: UUID, act: FindingAct, version: int) -> FindingOut:
        """Do an event on a finding."""
        answer = await self.post_json(f"/v1/findings/{finding_id}/events", act, headers={"If-Match": etag_of(version)})
        return FindingOut.model_validate(answer)

    async def add_evidence(
        self,
        case_id: UUID,
        name: str,
        content: bytes,
        *,
        kind: EvidenceKind,
        media_type: str = "application/octet-stream",
        finding_id: UUID | None = None,
    ) -> EvidenceOut:
        """Upload a file; its type is taken from the content."""
        form = {"case_id": str(case_id), "kind": kind.value}
        if finding_id:
            form["finding_id"] = str(finding_id)
        response = await self.request(
            "POST", "/v1/evidence", data=form, files={"file": (name, content, media_type)}, timeout=120
        )
        return EvidenceOut.model_validate(response.json())

    async def get_evidence(self, evidence_id: UUID) -> EvidenceOut:
        """What is known of a file."""
        return EvidenceOut.model_validate(await self.get_json(f"/v1/evidence/{evidence_id}"))

    async def read_evidence(self, evidence_id: UUID) -> bytes:
        """The file itself."""
        return (await self.request("GET", f"/v1/evidence/{evidence_id}/content", timeout=120)).content

    async def list_audit(
        self, *, subject: str | None = None, cursor: str | None = None, limit: int = 100
    ) -> Page[AuditEntryOut]:
        """Audit rows, newest first."""
        return Page[AuditEntryOut].model_validate(
            await self.get_json("/v1/audit", subject=subject, cursor=cursor, limit=limit)
        )

    async def verify_audit(self) -> AuditVerdict:
        """Walk the chain."""
        return AuditVerdict.model_validate(await self.get_json("/v1/audit/verdict"))
