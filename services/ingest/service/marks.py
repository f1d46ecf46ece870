"""Use cases of marks 标记: hand in, act, list, and what would come of one."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.marks import judging, moves, table
from services.ingest.domain.marks.model import OPEN, Mark, Version
from services.ingest.domain.marks.rules import Code, code_of, rules_at
from services.ingest.domain.marks.table import Party
from services.ingest.domain.registry import Outlet
from services.ingest.service.mark_trail import MarkTrail
from services.ingest.store.marks import MarkFilter, MarkStore
from services.ingest.store.registry import RegistryStore
from shared.auth import Principal, Role
from shared.contracts.ingest.marks import AllowedMarkEvent, MarkAct, MarkIn, MarkSource, MarkState
from shared.errors import ForbiddenError, InvalidError
from shared.http import check_version


@dataclass(frozen=True)
class Drafted:
    """A mark as it would be, with what it depends on."""

    mark: Mark
    code: Code
    outlet: Outlet
    trade: str
    near: Sequence[Mark]


class MarkService:
    """Use cases in the caller's transaction."""

    def __init__(self, session: AsyncSession, now: Callable[[], datetime], caller: Principal) -> None:
        self.store = MarkStore(session)
        self.now = now()
        self.caller = caller
        self._registry = RegistryStore(session)
        self._trail = MarkTrail(session, self.store, caller)

    @property
    def parties(self) -> Collection[Party]:
        """What the caller is to marks."""
        by_scope = {"marks:write": Party.ENTERPRISE, "marks:review": Party.REVIEWER}
        return [party for scope, party in by_scope.items() if scope in self.caller.scopes]

    def allowed(self, mark: Mark) -> list[AllowedMarkEvent]:
        """What the caller may do with a mark now."""
        return table.allowed(mark, self.parties, self.now)

    # --- read ---

    async def list_marks(self, which: MarkFilter, *, after: tuple[datetime, UUID] | None, limit: int) -> list[Mark]:
        """The latest first, what the caller may see."""
        if which.enterprise_id is not None:
            self.caller.check_may_see(which.enterprise_id)
        only = self.caller.tenant or which.enterprise_id
        return await self.store.list_marks(replace(which, enterprise_id=only), after=after, limit=limit)

    async def get_mark(self, mark_id: UUID) -> Mark:
        """One mark."""
        mark = await self.store.get(mark_id)
        self.caller.check_may_see(mark.enterprise_id)
        return mark

    async def list_versions(self, mark_id: UUID) -> list[Version]:
        """What it said after each change."""
        await self.get_mark(mark_id)
        return await self.store.list_versions(mark_id)

    # --- change ---

    async def add_mark(self, given: MarkIn) -> Mark:
        """Hand in a mark, or as a reviewer propose one. The same mark again changes nothing."""
        self._check_submitted(given)
        draft = await self.draft(given)
        await self.store.lock_outlet(given.outlet_id)
        near = await self.store.list_near(given.outlet_id, draft.mark.since, draft.mark.until)
        same = next((mark for mark in near if _says_the_same(mark, draft.mark)), None)
        if same is not None:
            return await self.store.get(same.id)
        rules, judged_at = rules_at(draft.mark.since), draft.mark.submitted_at or self.now
        judging.refuse_problems(judging.problems(draft.mark, near, rules, judged_at), rules)
        into = judging.refuse_conflicts(judging.conflicts(draft.mark, near), merge=given.merge)
        if into is not None:
            return await self._merge(into, draft)
        event = "proposed" if draft.mark.state is MarkState.PROPOSED else "added"
        return await self._trail.add(draft.mark, event)

    async def act(self, mark_id: UUID, act: MarkAct, version: int) -> Mark:
        """Do something to a mark that the caller saw in this version."""
        seen = await self.get_mark(mark_id)
        await self.store.lock_outlet(seen.outlet_id)
        mark = await self.store.get(mark_id, lock=True)
        check_version(mark.version, version)
        outlet, trade = await self._place(mark.outlet_id)
        code = code_of(act.code or mark.code, trade=trade, since=act.since or mark.since)
        _check_factors(act.factors or (), outlet)
        after = moves.move(mark, act, code, moves.By(self.caller.name, self.parties, self.now))
        if after.state in OPEN and _span(after) != _span(mark):
            near = await self.store.list_near(mark.outlet_id, after.since, after.until)
            rules = rules_at(after.since)
            judging.refuse_problems(judging.problems(after, near, rules, self.now), rules)
            judging.refuse_conflicts(judging.conflicts(after, near), merge=False)
        return await self._trail.save(mark, after, act.event.value, act.reason.strip())

    async def draft(self, given: MarkIn) -> Drafted:
        """The mark that `given` asks for, checked against registry and catalogue, not kept."""
        outlet, trade = await self._place(given.outlet_id)
        code = code_of(given.code, trade=trade, since=given.since)
        _check_factors(given.factors, outlet)
        await self._check_device(given)
        proposed = Party.ENTERPRISE not in self.parties
        rules, submitted_at = rules_at(given.since), None if proposed else given.submitted_at or self.now
        mark = Mark(
            id=uuid4(), serial=0, enterprise_id=outlet.enterprise_id, outlet_id=outlet.id,
            device_id=given.device_id, kind=code.kind, code=code.code, effect=code.effect,
            since=given.since.astimezone(UTC), until=given.until.astimezone(UTC) if given.until else None,
            factors=tuple(sorted(set(given.factors))),
            source=MarkSource.PROPOSED if proposed else MarkSource.MANUAL, flag=None, follows=False, seen_until=None,
            reason=given.reason.strip(), state=MarkState.PROPOSED if proposed else MarkState.PENDING,
            submitted_at=submitted_at, submitted_by="" if proposed else self.caller.name,
            due_at=rules.due_at(given.since), evidence_due_at=None, reviewed_at=None, reviewed_by="",
            review_reason="", untrue=False, version=1, changed_at=self.now,
        )  # fmt: skip
        mark = mark.changed_deadlines(mark.due_at, moves.evidence_due_at(mark, code))
        near = await self.store.list_near(outlet.id, mark.since, mark.until)
        return Drafted(mark, code, outlet, trade, near)

    # --- inside ---

    async def _merge(self, into: Mark, draft: Drafted) -> Mark:
        before = await self.store.get(into.id, lock=True)
        after = moves.merged(before, draft.mark, self.now)
        after = after.changed_deadlines(
            rules_at(after.since).due_at(after.since), moves.evidence_due_at(after, draft.code)
        )
        near = await self.store.list_near(after.outlet_id, after.since, after.until)
        judging.refuse_conflicts(judging.conflicts(after, near), merge=False)
        return await self._trail.save(before, after, "merged", draft.mark.reason)

    async def _place(self, outlet_id: UUID) -> tuple[Outlet, str]:
        outlet = await self._registry.get_outlet(outlet_id)
        self.caller.check_may_see(outlet.enterprise_id)
        return outlet, (await self._registry.get_enterprise(outlet.enterprise_id)).trade

    async def _check_device(self, given: MarkIn) -> None:
        if given.device_id is None:
            return
        devices = await self._registry.list_devices(outlet_id=given.outlet_id, only=None, after=None, limit=100)
        if given.device_id not in {device.id for device in devices}:
            raise InvalidError("device_id: no such device at this outlet", field="device_id")

    def _check_submitted(self, given: MarkIn) -> None:
        if given.submitted_at is None:
            return
        if not self.caller.has(Role.SERVICE):
            raise ForbiddenError("only systems that bring marks over say when they were handed in")
        if given.submitted_at > self.now:
            raise InvalidError("submitted_at lies in the future", field="submitted_at")


def _span(mark: Mark) -> tuple[datetime, datetime | None, tuple[str, ...], str]:
    return mark.since, mark.until, mark.factors, mark.code


def _says_the_same(mark: Mark, new: Mark) -> bool:
    return mark.state in OPEN and _span(mark) == _span(new) and mark.reason == new.reason


def _check_factors(factors: Sequence[str], outlet: Outlet) -> None:
    unknown = sorted(set(factors) - {item.factor for item in outlet.factors})
    if unknown:
        raise InvalidError(f"factors: {', '.join(unknown)} are not monitored at this outlet", field="factors")
