"""The colour in force of enterprises, and why."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.grading.domain.grades import Grade
from services.grading.domain.lists import InForce, ListHead
from services.grading.service import wire
from services.grading.service.lists import READ_DRAFTS
from services.grading.store import FactsStore, ListStore
from shared.auth import Principal
from shared.contracts import grading as contract
from shared.contracts.grading import ListState
from shared.errors import NotFoundError


class GradeService:
    """Reads grades in one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._facts = FactsStore(session)
        self._lists = ListStore(session)

    async def list_colours(self, principal: Principal) -> list[contract.ColourInForce]:
        """The colour in force of every active enterprise, grey where no list names it; one's own only."""
        held = await self._lists.list_in_force(principal.tenant)
        enterprises = await self._facts.list_enterprises(principal.tenant)
        return [wire.in_force(held.get(each.id, InForce(each.id))) for each in enterprises]

    async def get_grade(self, enterprise_id: UUID, principal: Principal) -> contract.GradeOut:
        """One enterprise: colour in force with its line, the draft so far where allowed, history."""
        principal.check_may_see(enterprise_id)
        history = await self._lists.list_history(enterprise_id)
        if not history and not await self._facts.find_enterprises([enterprise_id]):
            raise NotFoundError("no such enterprise", enterprise_id=str(enterprise_id))
        newest = await self._lists.find_newest(ListState.PUBLISHED)
        row = await self._find_row(newest, enterprise_id)
        held = (InForce(enterprise_id, row.colour, newest.quarter), row) if newest and row else None
        draft = None
        if READ_DRAFTS in principal.scopes or principal.tenant == enterprise_id:
            draft = await self._find_row(await self._lists.find_newest(ListState.DRAFT), enterprise_id)
        return wire.grade_out(enterprise_id, held, draft, history)

    async def _find_row(self, head: ListHead | None, enterprise_id: UUID) -> Grade | None:
        grades = await self._lists.list_grades(head.id, enterprise_id) if head else ()
        return grades[0] if grades else None
