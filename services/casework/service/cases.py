"""Use cases of cases: list, count, show, act."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, time
from typing import Any
from uuid import UUID, uuid4

from services.casework.domain.cases import intake, moves
from services.casework.domain.cases.model import Case
from services.casework.domain.inquiry_text import standard_text
from services.casework.domain.machine import Actor
from services.casework.domain.queues import Moment, Selection
from services.casework.domain.registry import Placed
from services.casework.domain.trail import for_reader
from services.casework.domain.visits import Visit, cancel
from services.casework.service import views
from services.casework.service.desk import Act, Desk, check_may_see, may_see_evidence
from services.casework.store.works import Around
from shared.clock import PARK_ZONE
from shared.contracts.casework import (
    CaseAct,
    CaseCounts,
    CaseDetail,
    CaseEvent,
    CaseSummary,
    OutletCases,
    ReplyIn,
    VisitState,
    VisitType,
)
from shared.errors import InvalidError
from shared.http import Page, check_version

MOST_OUTLETS = 5000
OPEN_VISITS = frozenset({VisitState.PLANNED, VisitState.STARTED})


class CaseService:
    """Cases."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list_cases(
        self, selection: Selection, cursor: str | None, limit: int, reader: Actor
    ) -> Page[CaseSummary]:
        """One page of the list."""
        selection = replace(selection, tenant=reader.tenant)
        found = await self._desk.queues.list_cases(selection, self._desk.now, cursor, limit)
        items = [views.summary(placed, self._desk.now, reader) for placed in found.items]
        return Page[CaseSummary](items=items, next=found.next)

    async def count_cases(self, reader: Actor) -> CaseCounts:
        """Numbers for menus."""
        now = self._desk.now
        today = datetime.combine(now.astimezone(PARK_ZONE).date(), time(0), PARK_ZONE)
        return await self._desk.queues.count(reader.tenant, Moment(now, today))

    async def count_by_outlet(self, reader: Actor) -> list[OutletCases]:
        """Open cases by outlet, of those the reader may see."""
        rows = await self._desk.queues.by_outlet(reader.tenant, self._desk.now, MOST_OUTLETS)
        return [OutletCases.model_validate(row) for row in rows]

    async def get_case(self, key: str, reader: Actor) -> CaseDetail:
        """A case whole, by id or number."""
        placed = await self._desk.cases.get_placed(await self._desk.cases.find_id(key))
        check_may_see(placed.case, reader)
        return await self._detail(placed, reader)

    async def act_on_case(self, key: str, act: CaseAct, version: int, actor: Actor) -> CaseDetail:
        """Do an event: lock, ask the table, do what follows, write it down."""
        desk = self._desk
        ids = [await desk.cases.find_id(key)]
        if act.event is CaseEvent.MERGE and act.into:
            ids.append(await self._merge_target(act.into))
        locked = await desk.cases.lock_many(ids)
        case = locked[ids[0]]
        check_may_see(case, actor)
        check_version(case.version, version)
        if act.event is CaseEvent.SEND_INQUIRY and not act.text.strip():
            act = act.model_copy(update={"text": await self._standard_text(case)})
        moved = moves.move(case, act, actor, desk.now)
        target = locked[ids[-1]]
        for effect in moved.effects:
            await self._follow(effect, moved.case, target, act, actor)
        trail = Act(actor, f"case.{act.event}", act.reason_code, act.reason, _json_params(moved.params))
        await desk.save_case(case, moved.case, trail)
        await desk.flush()
        return await self._detail(await desk.cases.get_placed(case.id), actor)

    async def _follow(self, effect: moves.Effect, case: Case, target: Case, act: CaseAct, actor: Actor) -> None:
        match effect:
            case moves.AddReply():
                await self._add_reply(effect, case, act.reply, actor)
            case moves.PlanVisit():
                await self._plan_visit(effect, case, actor)
            case moves.CancelVisits():
                await self._cancel_visits(case, act.reason, actor)
            case moves.MergeInto():
                await self._merge(case, target, actor)

    async def _merge_target(self, no: str) -> UUID:
        rows = await self._desk.cases.find_id_by_no(no)
        if rows is None:
            raise _merge_error("merge_unknown", f"there is no case {no}")
        return rows

    async def _merge(self, case: Case, target: Case, actor: Actor) -> None:
        if target.id == case.id:
            raise _merge_error("merge_self", "a case cannot be merged into itself")
        if target.enterprise_id != case.enterprise_id:
            raise _merge_error("merge_foreign", "the other case is of another enterprise")
        if not target.is_open:
            raise _merge_error("merge_closed", "the other case is closed")
        desk = self._desk
        await desk.registry.move_anomalies(case.id, target.id, desk.now)
        params = {"no": case.no, "anomalies": case.anomalies}
        await desk.save_case(target, intake.absorb(target, case, desk.now), Act(actor, "anomaly.merged", params=params))

    async def _add_reply(self, effect: moves.AddReply, case: Case, reply: ReplyIn | None, actor: Actor) -> None:
        if reply is None:
            raise RuntimeError("the table asks for the reply")
        desk = self._desk
        known = {item.id for item in await desk.evidence.list_named(case.id, reply.evidence_ids)}
        if unknown := [item for item in reply.evidence_ids if item not in known]:
            message = "evidence that does not belong to this case"
            raise InvalidError(
                message, errors=[{"where": "reply.evidence_ids", "message": str(item), "code": "evidence_unknown"}
                                 for item in unknown],
            )  # fmt: skip
        await desk.cases.add_reply(
            {"id": uuid4(), "case_id": case.id, "round": effect.round, "data": reply.model_dump(mode="json"),
             "submitted_at": desk.now, "submitted_by": actor.name, "on_time": effect.on_time}
        )  # fmt: skip

    async def _plan_visit(self, effect: moves.PlanVisit, case: Case, actor: Actor) -> None:
        desk = self._desk
        [no] = await desk.cases.take_numbers("HC", desk.now, 1)
        visit = Visit(
            id=uuid4(), no=no, case_id=case.id, enterprise_id=case.enterprise_id, type=VisitType.INSPECTION,
            trigger="data_clue", state=VisitState.PLANNED, planned_at=effect.at, created_at=desk.now,
        )  # fmt: skip
        await desk.save_visit(case, None, visit, Act(actor, "visit.planned", params={"no": no, "type": visit.type}))

    async def _cancel_visits(self, case: Case, reason: str, actor: Actor) -> None:
        for visit in await self._desk.works.visits_of(case.id):
            if visit.state in OPEN_VISITS:
                act = Act(actor, "visit.cancel", reason=reason, params={"no": visit.no})
                await self._desk.save_visit(case, visit, cancel(visit), act)

    async def _standard_text(self, case: Case) -> str:
        return standard_text(await self._desk.cases.get_placed(case.id), self._desk.now)

    async def _detail(self, placed: Placed, reader: Actor) -> CaseDetail:
        desk, case, site = self._desk, placed.case, placed.site
        visits = [item for item in await desk.works.visits_of(case.id) if _shown(item, reader)]
        findings = await desk.works.findings_of(case.id)
        files = [item for item in await desk.evidence.list_of_case(case.id) if may_see_evidence(item, reader)]
        subjects = [
            f"case:{case.id}",
            *(f"visit:{item.id}" for item in visits),
            *(f"finding:{item.id}" for item in findings),
        ]
        rows = await desk.ledger.trail(subjects)
        entries = for_reader([views.entry_of(row) for row in rows], case, reader)
        around = Around(
            case.no, site.enterprise.name_zh, site.enterprise.name_en, site.outlet.code, site.enterprise.colour
        )
        return CaseDetail(
            **views.summary_fields(placed, desk.now, reader),
            anomaly_list=await desk.registry.anomalies_of(case.id),
            inquiry=views.inquiry(case, reader),
            replies=[views.reply(row) for row in await desk.cases.list_replies(case.id)],
            decisions=views.decisions(entries),
            visits=[views.visit(item, around, desk.now, reader) for item in visits],
            findings=[views.finding(item, around, files, desk.now, reader) for item in findings],
            evidence=[views.evidence(item, reader) for item in files],
            timeline=views.timeline(entries),
            allowed=views.case_offers(case, desk.now, reader),
            merged_into=case.merged_into,
        )


def _shown(visit: Visit, reader: Actor) -> bool:
    announced = visit.type is VisitType.SERVICE or visit.state in {VisitState.STARTED, VisitState.COMPLETED}
    return reader.tenant is None or announced


def _merge_error(code: str, message: str) -> InvalidError:
    return InvalidError(message, errors=[{"where": "into", "message": message, "code": code}])


def _json_params(params: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in params.items()}
