"""Making, changing and publishing the lists of a quarter."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from services.grading.domain import lists
from services.grading.domain.freezing import ENDED, Measured, Plan, canonical, digest_of, freeze
from services.grading.domain.grades import Grade, grade_all, imported, in_order
from services.grading.domain.lists import GradeList, ListHead, Override
from services.grading.domain.rules import Rules, rules_for
from services.grading.service import wire
from services.grading.store import FactsStore, ListStore, OverrideStore
from shared import audit, feed
from shared.audit import SYSTEM, Actor
from shared.auth import Principal
from shared.calendar import Quarter
from shared.contracts import grading as contract
from shared.contracts.grading import COLOUR_CHANGED, LIST_PUBLISHED, ListState
from shared.errors import ForbiddenError, InvalidError
from shared.http import check_version
from shared.jobs import claim_slot

READ_DRAFTS = "drafts:read"


class ListService:
    """Lists in one transaction at one moment."""

    def __init__(self, session: AsyncSession, now: datetime, versions: Sequence[Rules]) -> None:
        self._session = session
        self._now = now
        self._versions = versions
        self._facts = FactsStore(session)
        self._lists = ListStore(session)
        self._overrides = OverrideStore(session)

    async def list_lists(self, principal: Principal) -> list[contract.GradeListSummary]:
        """Published lists, and drafts for those who may see them."""
        heads = await self._lists.list_heads(drafts=READ_DRAFTS in principal.scopes)
        return [wire.summary(head) for head in heads]

    async def get_list(self, quarter: str, state: ListState, principal: Principal) -> contract.GradeList:
        """The quarter's published list or draft; an enterprise's people see their own line only."""
        if state is ListState.DRAFT and READ_DRAFTS not in principal.scopes:
            raise ForbiddenError(f"this needs the scope {READ_DRAFTS}", scope=READ_DRAFTS)
        head = await self._lists.find_head(quarter, state)
        if head is None:
            raise lists.ListNotFoundError(f"{quarter} has no {state} list", quarter=quarter, state=state.value)
        return wire.grade_list(GradeList(head, await self._lists.list_grades(head.id, principal.tenant)))

    async def public_list(self, quarter: str) -> contract.PublicList:
        """What residents see of a published list; `latest` for the newest."""
        if quarter == "latest":
            head = await self._lists.find_newest(ListState.PUBLISHED)
        else:
            head = await self._lists.find_head(quarter, ListState.PUBLISHED)
        if head is None or head.published_at is None:
            raise lists.ListNotFoundError("no list is published yet", quarter=quarter)
        grades = await self._lists.list_public(head.id)
        return wire.public_list(head, head.published_at, grades, await self._lists.list_published_quarters())

    async def draft_list(self, quarter: Quarter, measured: Measured, actor: Actor) -> contract.GradeList:
        """Freeze the facts as they are now and compute the draft: a new version, whatever was before."""
        lists.check_has_begun(quarter, self._now)
        await self._lists.lock()
        return wire.grade_list(await self._draft(quarter, measured, actor))

    async def is_due(self, plan: Plan) -> bool:
        """Whether a scheduled draft is still to be made."""
        return not await self._lists.has_run(plan.job, plan.slot)

    async def refresh(self, plan: Plan, measured: Measured) -> bool:
        """A scheduled draft, once for its slot; False where it was not needed, or nothing was measured."""
        await self._lists.lock()
        if measured.is_empty or not await claim_slot(self._session, plan.job, plan.slot):
            return False
        published = await self._lists.find_head(str(plan.quarter), ListState.PUBLISHED)
        if published is not None and not published.interim:
            return False
        await self._draft(plan.quarter, measured, SYSTEM, keep_same=plan.job != ENDED)
        return True

    async def override(
        self, quarter: str, act: contract.Override, version: int, principal: Principal
    ) -> contract.GradeList:
        """Set an enterprise's colour one level off the computed one: a new version of the draft."""
        await self._lists.lock()
        head, grades = await self._get_draft(quarter, version)
        grade = lists.find_grade(grades, act.enterprise_id)
        lists.check_can_override(grade, act.colour)
        made = Override(
            uuid4(), quarter, act.enterprise_id, grade.computed, act.colour, act.reason, principal.subject,
            principal.name, self._now,
        )  # fmt: skip
        await self._keep_override(made, grade, head.version)
        moved = lists.overridden(grade, made)
        lines = in_order(moved if each.enterprise_id == made.enterprise_id else each for each in grades)
        changed = GradeList(await self._next(head, lines), lines)
        await self._lists.add(changed)
        await audit.record(
            self._session, Actor.of(principal), "list.overridden", f"list:{quarter}", at=self._now,
            before={"colour": grade.colour, "version": head.version},
            after={"enterprise_id": made.enterprise_id, "colour": moved.colour, "version": changed.head.version},
            reason=act.reason,
        )  # fmt: skip
        return wire.grade_list(changed)

    async def publish(
        self, quarter: str, act: contract.Publication, version: int, principal: Principal
    ) -> contract.GradeList:
        """Put the draft in force and tell everybody whose colour changed."""
        await self._lists.lock()
        head, grades = await self._get_draft(quarter, version)
        published = lists.publish(
            head, by=principal.name, actor=principal.subject, note=act.note, at=self._now,
            overrides=await self._overrides.list_active(quarter),
        )  # fmt: skip
        before = await self._lists.list_in_force()
        await self._lists.save_published(published)
        await self._announce(GradeList(published, grades), before, Actor.of(principal), "list.published")
        return wire.grade_list(GradeList(published, grades))

    async def import_list(
        self, quarter: Quarter, taken: contract.ImportList, principal: Principal
    ) -> contract.GradeList:
        """Take a list from before Sanse over as published. Its enterprises are known by now."""
        lists.check_has_begun(quarter, self._now)
        await self._lists.lock()
        if await self._lists.find_head(str(quarter), ListState.PUBLISHED):
            raise lists.AlreadyPublishedError(f"{quarter} has a published list already", quarter=str(quarter))
        graded = await self._imported(quarter, taken, principal)
        before = await self._lists.list_in_force()
        await self._lists.add(graded)
        await self._announce(graded, before, Actor.of(principal), "list.imported")
        return wire.grade_list(graded)

    async def _draft(self, quarter: Quarter, measured: Measured, actor: Actor, *, keep_same: bool = False) -> GradeList:
        rules = rules_for(quarter, self._versions)
        past = await self._lists.list_past(quarter, max(1, len(rules.smoothing) - 1))
        facts = freeze(quarter, measured, await self._facts.load(quarter), past)
        frozen = await asyncio.to_thread(canonical, facts, rules.version)  # seconds for a province: not in the loop
        digest = digest_of(frozen)
        current = await self._lists.find_head(str(quarter), ListState.DRAFT)
        if keep_same and current is not None and current.digest == digest:
            return GradeList(current, await self._lists.list_grades(current.id))
        active = await self._overrides.list_active(str(quarter))
        grades, lapsed = lists.carry_over(await asyncio.to_thread(grade_all, facts, rules), active)
        if lapsed:
            await self._overrides.end([override.id for override in lapsed], at=self._now, by="lapsed")
        head = ListHead(
            id=uuid4(), quarter=str(quarter), version=await self._lists.next_version(str(quarter)),
            state=ListState.DRAFT, interim=self._now < quarter.end, computed_at=self._now, digest=digest,
            rules=rules.version, counts=lists.count_colours(grades),
        )  # fmt: skip
        await self._lists.add_snapshot(digest, frozen, self._now)
        await self._lists.add(GradeList(head, grades))
        await audit.record(
            self._session, actor, "list.drafted", f"list:{quarter}", at=self._now,
            after={"version": head.version, "digest": digest, "rules": rules.version},
        )  # fmt: skip
        return GradeList(head, grades)

    async def _get_draft(self, quarter: str, version: int) -> tuple[ListHead, tuple[Grade, ...]]:
        head = await self._lists.find_head(quarter, ListState.DRAFT)
        if head is None:
            raise lists.NoDraftError(f"{quarter} has no draft; it may be published already", quarter=quarter)
        check_version(head.version, version)
        return head, await self._lists.list_grades(head.id)

    async def _keep_override(self, made: Override, grade: Grade, version: int) -> None:
        back = made.to_colour is grade.computed
        before = [each.id for each in await self._overrides.list_active(made.quarter) if _same(each, made)]
        await self._overrides.end(before, at=self._now, by="withdrawn" if back else "replaced")
        await self._overrides.add(made, version)
        if back:  # kept as an act with its reason, but it moves nothing
            await self._overrides.end([made.id], at=self._now, by="withdrawal")

    async def _next(self, head: ListHead, grades: Sequence[Grade]) -> ListHead:
        version = await self._lists.next_version(head.quarter)
        return replace(head, id=uuid4(), version=version, counts=lists.count_colours(grades))

    async def _imported(self, quarter: Quarter, taken: contract.ImportList, principal: Principal) -> GradeList:
        ids = [row.enterprise_id for row in taken.rows]
        if len(set(ids)) < len(ids):
            raise InvalidError("an enterprise stands in the list twice", field="rows")
        rules = rules_for(quarter, self._versions)
        known = await self._facts.find_enterprises(ids)
        (before,) = await self._lists.list_past(quarter, 1)
        colours = {enterprise_id: past.colour for enterprise_id, past in before.items()}
        grades = in_order(
            replace(
                imported(known[row.enterprise_id], row.p, row.colour, taken.note, rules),
                previous=colours.get(row.enterprise_id),
            )
            for row in taken.rows
        )
        head = ListHead(
            id=uuid4(), quarter=str(quarter), version=await self._lists.next_version(str(quarter)),
            state=ListState.PUBLISHED, interim=self._now < quarter.end, computed_at=self._now,
            digest=digest_of(taken.model_dump_json()), rules="imported", counts=lists.count_colours(grades),
            published_at=self._now, published_by=principal.name, note=taken.note,
        )  # fmt: skip
        return GradeList(head, grades)

    async def _announce(self, graded: GradeList, before: dict[UUID, lists.InForce], actor: Actor, action: str) -> None:
        head = graded.head
        changed = lists.changed(before, await self._lists.list_in_force())
        await audit.record(
            self._session, actor, action, f"list:{head.quarter}", at=self._now, reason=head.note,
            after={"version": head.version, "digest": head.digest, "interim": head.interim, "changed": len(changed)},
        )  # fmt: skip
        data = wire.summary(head).model_dump(mode="json")
        await feed.publish(self._session, LIST_PUBLISHED, f"list:{head.quarter}", data, at=self._now)
        for held in changed:
            data = wire.in_force(held).model_dump(mode="json")
            await feed.publish(self._session, COLOUR_CHANGED, str(held.enterprise_id), data, at=self._now)


def _same(one: Override, other: Override) -> bool:
    return one.enterprise_id == other.enterprise_id
