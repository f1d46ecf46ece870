"""Use case of the clock: what is overdue is escalated, once a level, whoever asks and however often."""

from datetime import datetime

from services.casework.domain import findings as finding_domain
from services.casework.domain.cases import moves
from services.casework.domain.cases.model import Case
from services.casework.domain.machine import SYSTEM
from services.casework.service.desk import Act, Desk
from services.casework.service.findings import FindingService

BATCH = 200


class EscalationService:
    """Escalation of cases and findings."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def escalate(self) -> int:
        """Escalate what is due, at most `BATCH` of each; how many there were."""
        findings = await self._desk.works.due_findings(self._desk.now, BATCH)
        cases = await self._desk.cases.lock_many({finding.case_id for finding in findings})
        service = FindingService(self._desk)
        for finding in findings:
            overdue = finding_domain.escalate(finding, self._desk.now)
            act = Act(SYSTEM, "finding.escalate", params={"no": finding.no})
            case = await service.change(cases[finding.case_id], finding, overdue, act)
            cases[case.id] = case
        due = await self._desk.cases.lock_due(self._desk.now, BATCH)
        for case in due:
            await self._raise(case)
        await self._desk.flush()
        return len(findings) + len(due)

    async def _raise(self, case: Case) -> None:
        """Each level gets its own line of the trail, even where several passed since the last look."""
        now: datetime = self._desk.now
        while (at := case.escalates_at) is not None and at <= now:
            moved = moves.escalate(case, now)
            await self._desk.save_case(case, moved.case, Act(SYSTEM, "case.escalate", params=dict(moved.params)))
            case = moved.case
