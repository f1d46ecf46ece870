"""Use cases of surveys: have the last night judged again, and see the runs. Staff only."""

from dataclasses import asdict
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.service.people import person_of
from services.detection.service.survey_desk import last_night
from services.detection.store import SeriesStore
from services.detection.store.surveys import Run, SurveyStore
from shared import audit
from shared.auth import Principal, Role
from shared.contracts.detection.people import PersonOut
from shared.contracts.detection.surveys import SurveyGap, SurveyIn, SurveyRunOut, SurveyTrigger
from shared.errors import ForbiddenError, NotFoundError
from shared.http import Page, encode_cursor

STARTERS = frozenset({Role.SUPERVISOR, Role.SUPERVISOR_LEAD, Role.OFFICER, Role.SECTION_HEAD})


class SurveyScopeNotFoundError(NotFoundError):
    """No such outlet or enterprise."""

    code = "survey_scope_not_found"


class SurveyService:
    """Use cases in the caller's transaction."""

    def __init__(self, session: AsyncSession, now: datetime, caller: Principal) -> None:
        self._session = session
        self._store = SurveyStore(session)
        self._now = now
        self._caller = caller

    async def list_runs(self, after: tuple[datetime, UUID] | None, limit: int) -> Page[SurveyRunOut]:
        """The latest runs first."""
        self._require_staff()
        found = await self._store.select(after, limit + 1)
        shown = found[:limit]
        last = encode_cursor(shown[-1].requested_at.isoformat(), str(shown[-1].id)) if len(found) > limit else None
        return Page(items=[_out(one) for one in shown], next=last)

    async def start_run(self, given: SurveyIn) -> SurveyRunOut:
        """A run for the last night; one of the same scope that is not finished is given back instead."""
        self._require_staff()
        if not self._caller.has(*STARTERS):
            raise ForbiddenError("to start surveys is not for your role", parties=sorted(STARTERS))
        # One writer at a time, so that two who ask at once get one run.
        await SeriesStore(self._session).lock()
        run = Run(
            uuid4(), last_night(self._now).astimezone(UTC), SurveyTrigger.MANUAL, self._now, given.outlet_id,
            given.enterprise_id, asdict(person_of(self._caller, self._now)) | {"at": self._now.isoformat()},
        )  # fmt: skip
        if (given.outlet_id or given.enterprise_id) and not await self._store.outlets(run, 1):
            raise SurveyScopeNotFoundError("no outlet in use there")
        for one in await self._store.open_runs():
            if one.trigger is SurveyTrigger.MANUAL and _scope(one) == _scope(run):
                return _out(one)
        await self._store.add(run)
        await audit.record(
            self._session, audit.Actor.of(self._caller), "survey.started", f"survey:{run.id}", at=self._now,
            before=None, after=_out(run).model_dump(mode="json"), reason="",
        )  # fmt: skip
        return _out(run)

    def _require_staff(self) -> None:
        if self._caller.tenant is not None:
            raise ForbiddenError("surveys are for staff")


def _scope(run: Run) -> tuple[UUID | None, UUID | None, datetime]:
    return run.outlet_id, run.enterprise_id, run.night


def _out(run: Run) -> SurveyRunOut:
    gaps = [SurveyGap(rule=key.split(" ")[0], why=key.split(" ")[1], series=count)
            for key, count in sorted(run.gaps.items())]  # fmt: skip
    person = PersonOut.model_validate(run.requested_by) if run.requested_by else None
    return SurveyRunOut(
        id=run.id, night=run.night, trigger=run.trigger, state=run.state, outlet_id=run.outlet_id,
        enterprise_id=run.enterprise_id, requested_at=run.requested_at, requested_by=person,
        finished_at=run.finished_at, outlets=run.outlets, failed=run.failed, judged=run.judged, hits=run.hits,
        gaps=gaps,
    )  # fmt: skip
