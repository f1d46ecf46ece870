"""The supervisor's queue: cases by view, one beside the list, decide and go on to the next."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from shared.clients.base import ServiceCallError
from shared.contracts.casework import CaseCounts, CaseDetail, CaseSummary
from shared.http import Page
from web.acts import ActForm, FormError, Typed, decisions, needed, parse_act, parse_version, reason_options
from web.frame import set_frame
from web.htmx import is_htmx, redirect
from web.labels import TABLES, label
from web.pages.curves import case_charts, covering, sparks
from web.refusals import INVALID, RETRY_STATUS, field_errors
from web.render import render
from web.session import SupervisorViewer, Viewer
from web.several import names_for

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
PAGE = "pages/triage/queue.html"
PAGE_SIZE = 10
VIEWS = ("decide", "open", "screening", "replied", "due_soon", "overdue", "waiting", "fraud", "red")
TO_DECIDE = ["screening", "replied", "analysing"]
"""States in which it is the supervisor's turn."""
START = "start_analysis"
"""Not a decision: it takes a case on, and the person stays with it."""


@dataclass(frozen=True)
class Filters:
    """What the address says: every view of the queue can be shared as a link."""

    view: Annotated[str, Query(max_length=20)] = "decide"
    severity: Annotated[str, Query(max_length=1)] = ""
    medium: Annotated[str, Query(max_length=10)] = ""
    rule: Annotated[str, Query(max_length=20)] = ""
    q: Annotated[str, Query(max_length=100)] = ""
    sort: Annotated[str, Query(max_length=10)] = "priority"
    cursor: Annotated[str, Query(max_length=500)] = ""

    def address(self, **changes: str) -> str:
        """The queue's address with some of these changed; empty ones are left out."""
        values = {**asdict(self), **changes}
        kept = {key: value for key, value in values.items() if value and value != getattr(Filters(), key, None)}
        return "/triage" + (f"?{urlencode(kept)}" if kept else "")


Shown = Annotated[Filters, Depends()]


def view_counts(counts: CaseCounts | None) -> dict[str, int]:
    """Numbers beside the views, where they are known."""
    if counts is None:
        return {}
    return {
        "decide": counts.screening + counts.replied,
        "open": counts.screening + counts.waiting + counts.replied + counts.overdue + counts.verification
        + counts.rectifying,
        "screening": counts.screening, "replied": counts.replied, "due_soon": counts.due_soon,
        "overdue": counts.overdue, "waiting": counts.waiting, "red": counts.red,
    }  # fmt: skip


async def load_queue(viewer: Viewer, filters: Filters) -> Page[CaseSummary]:
    """One page of the queue."""
    view: str | None = filters.view if filters.view in VIEWS else "decide"
    states = None
    if view == "decide":
        view, states = None, TO_DECIDE
    return await viewer.backends.casework.list_cases(
        view=view, state=states, severity=filters.severity or None, medium=filters.medium or None,
        rule=filters.rule or None, q=filters.q or None, sort=filters.sort, cursor=filters.cursor or None,
        limit=PAGE_SIZE,
    )  # fmt: skip


async def preview_context(
    request: Request,
    viewer: Viewer,
    case: CaseDetail,
    *,
    form: ActForm | None = None,
    errors: dict[str, str] | None = None,
) -> dict[str, Any]:
    """What the pane beside the queue shows of a case."""
    now = request.app.state.settings.clock.now()
    charts = await case_charts(viewer.backends.ingest, case, now)
    choices = decisions(case.allowed)
    return {
        "case": case, "covering": await covering(viewer.backends.ingest, case),
        "names": await names_for(viewer.backends.ingest, case.anomaly_list),
        "charts": charts, "choices": choices, "reasons": reason_options(choices),
        "needs_merge": needed(choices, "into"), "needs_visit": needed(choices, "visit_at"),
        "may_start": any(item.event == START and not item.blocked for item in case.allowed),
        "form": form or ActForm(), "errors": errors or {},
    }  # fmt: skip


async def show(
    request: Request, viewer: Viewer, filters: Filters, *, selected: str = "", block: str | None = "triage",
    status: int = 200, **given: Any,
) -> Response:  # fmt: skip
    """The queue with a case beside it: the asked one, or the first."""
    queue = await load_queue(viewer, filters)
    no = selected or (queue.items[0].no if queue.items else "")
    pane = given if "case" in given else {"case": None}
    if no and pane["case"] is None:
        pane = await preview_context(request, viewer, await viewer.backends.casework.get_case(no)) | given
    now = request.app.state.settings.clock.now()
    counts = await viewer.backends.casework.count_cases()
    return render(
        request, PAGE, block=block, status=status, queue=queue, filters=filters, views=VIEWS, counts=counts,
        rules=[(code, label(code, "rule")) for code in TABLES["rule"]],
        view_counts=view_counts(counts), curves=await sparks(viewer.backends.ingest, queue.items, now),
        picked=bool(selected), selected=no, **({"done": ""} | pane),
    )  # fmt: skip


@router.get("/triage")
async def show_queue(
    request: Request,
    viewer: SupervisorViewer,
    filters: Shown,
    selected: Annotated[str, Query(max_length=40)] = "",
    done: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """The queue; htmx asking for a case gets the pane alone."""
    if is_htmx(request) and selected:
        case = await viewer.backends.casework.get_case(selected)
        context = await preview_context(request, viewer, case)
        return render(
            request, PAGE, block="preview", filters=filters, selected=selected, picked=True, done="", **context
        )
    return await show(request, viewer, filters, selected=selected, done=done)


@router.post("/triage/{no}")
async def decide(request: Request, viewer: SupervisorViewer, filters: Shown, no: str, form: Typed) -> Response:
    """Decide on a case and go on to the next of the queue."""
    casework = viewer.backends.casework
    case = await casework.get_case(no)
    try:
        await casework.act_on_case(no, parse_act(form, case.allowed), parse_version(form.version))
    except FormError as error:
        context = await preview_context(request, viewer, case, form=form, errors=error.errors)
        return await _again(request, viewer, filters, context, INVALID)
    except ServiceCallError as error:
        if error.status not in RETRY_STATUS:
            raise
        case = await casework.get_case(no)
        context = await preview_context(request, viewer, case, form=form, errors=field_errors(error))
        return await _again(request, viewer, filters, context, error.status)
    request.app.state.frames.forget(viewer)
    stay = no if form.event == START else ""
    if is_htmx(request):
        return await show(request, viewer, filters, selected=stay, done="" if stay else no)
    return redirect(request, filters.address(selected=stay, done="" if stay else no))


async def _again(request: Request, viewer: Viewer, filters: Filters, context: dict[str, Any], status: int) -> Response:
    """The same case once more, with what is wrong; for htmx only the pane is replaced."""
    no = context["case"].no
    if not is_htmx(request):
        return await show(request, viewer, filters, selected=no, block=None, status=status, **context)
    shown = {"filters": filters, "selected": no, "picked": True, "done": ""}
    response = render(request, PAGE, block="preview", status=status, **shown, **context)
    response.headers["HX-Retarget"] = "#preview"
    response.headers["HX-Reswap"] = "outerHTML"
    return response
