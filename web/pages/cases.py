"""Cases: the list, one case with its chart, evidence and timeline, and the acts its reader may do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import Response

from shared.clients.base import ServiceCallError
from shared.contracts.casework import CLOSED_STATES, CaseDetail, CaseState
from web.acts import ENTERPRISE_EVENTS, ActForm, FormError, Typed, local_time, parse_act, parse_version
from web.charts import RANGES
from web.frame import set_frame
from web.htmx import is_htmx, redirect
from web.i18n import N_
from web.pages.curves import case_charts, covering
from web.refusals import INVALID, RETRY_STATUS, field_errors
from web.render import render
from web.session import SomeViewer, Viewer
from web.several import names_for

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
LIST = "pages/cases/list.html"
PAGE = "pages/cases/detail.html"
PAGE_SIZE = 25
VIEWS = ("open", "screening", "waiting", "replied", "overdue", "verification", "rectifying", "closed")


@dataclass(frozen=True)
class Step:
    """One step of a case's way: done, now or still to come."""

    name: str
    state: str
    at: datetime | None = None


STAGES = (
    N_("Found"), N_("Inquiry"), N_("Self-check"), N_("Judgement"), N_("On site"), N_("Rectification"), N_("Closed"),
)  # fmt: skip
STAGE_OF = {
    CaseState.SCREENING: 0, CaseState.INQUIRY_SENT: 2, CaseState.ACKNOWLEDGED: 2, CaseState.OVERDUE: 2,
    CaseState.RETURNED: 2, CaseState.REPLIED: 3, CaseState.ANALYSING: 3, CaseState.KEY_VERIFICATION: 4,
    CaseState.RECTIFYING: 5,
}  # fmt: skip


def steps(case: CaseDetail) -> list[Step]:
    """The way of a case for the stepper; steps that a closed case left out are not shown."""
    times: list[datetime | None] = [
        case.opened_at,
        case.inquiry.sent_at if case.inquiry else None,
        case.replies[-1].submitted_at if case.replies else None,
        case.decisions[-1].at if case.decisions else None,
        next((visit.completed_at for visit in case.visits if visit.completed_at), None),
        max((finding.verified_at for finding in case.findings if finding.verified_at), default=None),
        case.closed_at,
    ]
    if case.state in CLOSED_STATES:
        return [Step(name, "done", at) for name, at in zip(STAGES, times, strict=True) if at is not None]
    now = STAGE_OF[case.state]
    shown = []
    for index, (name, at) in enumerate(zip(STAGES, times, strict=True)):
        state = "done" if index < now else "now" if index == now else ""
        if index == now and case.clock:
            at = case.clock.due_at if index else case.opened_at  # noqa: PLW2901 - the deadline of the step at hand
        shown.append(Step(name, state, at if state else None))
    return shown


@router.get("/cases")
async def list_cases(  # noqa: PLR0913 - filters
    request: Request,
    viewer: SomeViewer,
    view: Annotated[str, Query(max_length=20)] = "open",
    q: Annotated[str, Query(max_length=100)] = "",
    severity: Annotated[str, Query(max_length=1)] = "",
    sort: Annotated[str, Query(max_length=10)] = "newest",
    cursor: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """All cases the reader may see, by view and search."""
    shown = view if view in VIEWS else "open"
    cases = await viewer.backends.casework.list_cases(
        view=None if q else shown, severity=severity or None, q=q or None, sort=sort, cursor=cursor or None,
        limit=PAGE_SIZE,
    )  # fmt: skip
    filters = {"view": shown, "q": q, "severity": severity, "sort": sort, "cursor": cursor}
    return render(request, LIST, block="list", cases=cases, views=VIEWS, filters=filters)


async def case_context(
    request: Request, viewer: Viewer, case: CaseDetail, *, chosen: str | None = None, form: ActForm | None = None,
    errors: dict[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """What the page of a case shows."""
    now = request.app.state.settings.clock.now()
    charts = await case_charts(viewer.backends.ingest, case, now, chosen_range=chosen, with_flow=True)
    acts = [act for act in case.allowed if act.event not in ENTERPRISE_EVENTS]
    return {
        "case": case, "covering": await covering(viewer.backends.ingest, case),
        "names": await names_for(viewer.backends.ingest, case.anomaly_list),
        "steps": steps(case), "charts": charts, "ranges": list(RANGES), "range": chosen or "",
        "acts": acts, "form": form or ActForm(), "errors": errors or {}, "min_visit": local_time(now),
        "may_answer": any(act.event in ENTERPRISE_EVENTS for act in case.allowed),
    }  # fmt: skip


@router.get("/cases/{no}")
async def show_case(
    request: Request,
    viewer: SomeViewer,
    no: str,
    range: Annotated[str, Query(max_length=5)] = "",  # noqa: A002 - its name outside
) -> Response:
    """One case; htmx asking for another range gets the chart alone."""
    case = await viewer.backends.casework.get_case(no)
    context = await case_context(request, viewer, case, chosen=range or None)
    return render(request, PAGE, block="chart" if range else "case", **context)


@router.post("/cases/{no}/events")
async def act_on_case(request: Request, viewer: SomeViewer, no: str, form: Typed) -> Response:
    """Do something with a case from its page."""
    casework = viewer.backends.casework
    case = await casework.get_case(no)
    status = INVALID
    try:
        case = await casework.act_on_case(no, parse_act(form, case.allowed), parse_version(form.version))
    except FormError as error:
        errors = error.errors
    except ServiceCallError as error:
        if error.status not in RETRY_STATUS:
            raise
        status, errors, case = error.status, field_errors(error), await casework.get_case(no)
    else:
        request.app.state.frames.forget(viewer)
        if not is_htmx(request):
            return redirect(request, f"/cases/{no}")
        return render(request, PAGE, block="case", **await case_context(request, viewer, case))
    context = await case_context(request, viewer, case, form=form, errors=errors)
    return render(request, PAGE, block="case", status=status, **context)


@router.post("/cases/{no}/visits")
async def plan_visit(
    request: Request,
    viewer: SomeViewer,
    no: str,
    type: Annotated[str, Form(max_length=2)] = "",  # noqa: A002 - its name outside
    planned_at: Annotated[str, Form(max_length=30)] = "",
    officers: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Plan a visit for a case in key verification."""
    from web.pages.visits import parse_plan

    casework = viewer.backends.casework
    case = await casework.get_case(no)
    try:
        visit = await casework.plan_visit(parse_plan(case.id, type, planned_at, officers))
    except FormError as error:
        context = await case_context(request, viewer, case, errors=error.errors)
        return render(request, PAGE, status=422, **context)
    except ServiceCallError as error:
        if error.status not in RETRY_STATUS:
            raise
        context = await case_context(request, viewer, case, errors=field_errors(error, form="planned_at"))
        return render(request, PAGE, status=error.status, **context)
    request.app.state.frames.forget(viewer)
    return redirect(request, f"/visits/{visit.id}")
