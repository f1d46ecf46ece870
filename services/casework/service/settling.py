"""After a change of visits or findings: let the case follow, and write that down."""

from services.casework.domain.cases.model import Case
from services.casework.domain.cases.settling import settle
from services.casework.domain.machine import SYSTEM
from services.casework.service.desk import Act, Desk


async def settle_case(desk: Desk, case: Case) -> Case:
    """`case` is locked and as last saved; gives it back as it is then."""
    visits = await desk.works.visits_of(case.id)
    settled = settle(case, visits, await desk.works.findings_of(case.id), desk.now)
    if settled is None:
        return case
    await desk.save_case(case, settled.case, Act(SYSTEM, f"case.{settled.event}", settled.reason_code))
    return settled.case
