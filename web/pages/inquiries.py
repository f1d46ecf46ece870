"""The enterprise's side: what is to be done, an inquiry with its facts, and the guided answer."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import Response

from shared.clients.base import ServiceCallError
from shared.contracts.casework import CaseAct, CaseDetail, CaseEvent, CauseCode
from web.acts import FormError, local_time, parse_version
from web.answers import STEP_NAMES, STEPS, Answer, ValidationError, check_step, first_problem, to_reply
from web.frame import set_frame
from web.htmx import redirect
from web.i18n import gettext
from web.pages.curves import case_charts
from web.pages.marks import OPEN, waits
from web.pages.rectifications import OPEN_STATES
from web.pages.uploads import TAKEN_ERRORS, form_files, upload, upload_problem
from web.refusals import RETRY_STATUS, field_errors, refusal
from web.render import render
from web.session import EnterpriseViewer, Viewer
from web.several import names_for

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
TASKS = "pages/inquiries/todo.html"
PAGE = "pages/inquiries/facts.html"
FORM = "pages/inquiries/answer.html"
SENT = "pages/inquiries/sent.html"
MOST_TASKS = 50
MOST_MARKS, SHOWN_MARKS = 500, 10
WAITING = ["inquiry_sent", "acknowledged", "overdue", "returned"]
RUNNING = ["replied", "analysing", "key_verification", "rectifying"]


@router.get("/todo")
async def show_todo(request: Request, viewer: EnterpriseViewer) -> Response:
    """Open inquiries and rectifications, and marks that wait for the enterprise, the most urgent first."""
    casework = viewer.backends.casework
    waiting, running, findings, marks = await asyncio.gather(
        casework.list_cases(state=WAITING, sort="due", limit=MOST_TASKS),
        casework.list_cases(state=RUNNING, sort="newest", limit=MOST_TASKS),
        casework.list_findings(state=list(OPEN_STATES), limit=MOST_TASKS),
        viewer.backends.ingest.list_marks(state=OPEN, limit=MOST_MARKS),
    )
    asked = sorted((mark for mark in marks.items if waits(mark)), key=lambda mark: mark.due_at)
    return render(
        request, TASKS, waiting=waiting.items, running=running.items, findings=findings.items,
        asked=asked[:SHOWN_MARKS], asked_count=len(asked), more_asked=marks.next is not None,
    )  # fmt: skip


async def _facts(request: Request, viewer: Viewer, case: CaseDetail, **more: Any) -> dict[str, Any]:
    now = request.app.state.settings.clock.now()
    charts = await case_charts(viewer.backends.ingest, case, now)
    events = {act.event for act in case.allowed if not act.blocked}
    return {
        "case": case, "charts": charts, "may_acknowledge": "acknowledge" in events, "may_reply": "reply" in events,
        "errors": {}, "names": await names_for(viewer.backends.ingest, case.anomaly_list), **more,
    }  # fmt: skip


@router.get("/inquiries/{no}")
async def show_inquiry(request: Request, viewer: EnterpriseViewer, no: str) -> Response:
    """What is asked, with the curve and the rule behind it."""
    case = await viewer.backends.casework.get_case(no)
    return render(request, PAGE, **await _facts(request, viewer, case))


@router.post("/inquiries/{no}/acknowledgement")
async def acknowledge(
    request: Request, viewer: EnterpriseViewer, no: str, version: Annotated[str, Form(max_length=10)] = ""
) -> Response:
    """Confirm that the inquiry was received."""
    casework = viewer.backends.casework
    try:
        await casework.act_on_case(no, CaseAct(event=CaseEvent.ACKNOWLEDGE), parse_version(version))
    except (FormError, ServiceCallError) as error:
        if isinstance(error, ServiceCallError) and error.status not in RETRY_STATUS:
            raise
        said = refusal(error) if isinstance(error, ServiceCallError) else error.errors["version"]
        context = await _facts(request, viewer, await casework.get_case(no), errors={"event": said})
        return render(request, PAGE, status=409, **context)
    request.app.state.frames.forget(viewer)
    return redirect(request, f"/inquiries/{no}")


def _step(request: Request, case: CaseDetail, step: str, answer: Answer, *, status: int = 200, **more: Any) -> Response:
    kept = {str(item.id): item for item in case.evidence}
    return render(
        request, FORM, status=status, case=case, step=step, steps=STEPS, step_names=STEP_NAMES, answer=answer,
        causes=[cause.value for cause in CauseCode], kept=kept, **({"errors": {}} | more),
    )  # fmt: skip


@router.get("/inquiries/{no}/answer")
async def start_answer(request: Request, viewer: EnterpriseViewer, no: str) -> Response:
    """The first step, with the times of the anomaly filled in."""
    case = await viewer.backends.casework.get_case(no)
    if not any(act.event == "reply" for act in case.allowed):
        return redirect(request, f"/inquiries/{no}")
    answer = Answer(
        began_at=local_time(case.anomaly_started_at),
        ended_at=local_time(case.anomaly_last_at),
        signer_name=viewer.principal.name,
    )
    return _step(request, case, "cause", answer)


@router.post("/inquiries/{no}/answer")
async def continue_answer(
    request: Request,
    viewer: EnterpriseViewer,
    no: str,
    step: Annotated[str, Form(max_length=10)] = "cause",
    go: Annotated[str, Form(max_length=10)] = "next",
    version: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Check a step and show the next; `go` is `next`, `stay` (to add files), `send`, or a step to go back to."""
    case = await viewer.backends.casework.get_case(no)
    form = await request.form()
    answer = Answer.read(form)
    step = step if step in STEPS else "cause"
    try:
        kept = await upload(viewer, case.id, form_files(form))
    except FormError as error:
        return _step(request, case, "files", answer, status=422, errors=error.errors)
    except ServiceCallError as error:
        if error.status not in TAKEN_ERRORS:
            raise
        return _step(request, case, "files", answer, status=error.status, errors={"files": upload_problem(error)})
    if kept:
        answer = answer.with_files(kept)
        case = await viewer.backends.casework.get_case(no)
    if go in STEPS:
        return _step(request, case, go, answer)
    if errors := check_step(answer, step):
        return _step(request, case, step, answer, status=422, errors=errors)
    if go == "send":
        return await _send(request, viewer, case, answer, version)
    following = STEPS[min(STEPS.index(step) + 1, len(STEPS) - 1)]
    return _step(request, case, step if go == "stay" else following, answer)


async def _send(request: Request, viewer: Viewer, case: CaseDetail, answer: Answer, version: str) -> Response:
    if problem := first_problem(answer):
        return _step(request, case, problem[0], answer, status=422, errors=problem[1])
    try:
        act = CaseAct(event=CaseEvent.REPLY, reply=to_reply(answer))
        await viewer.backends.casework.act_on_case(case.no, act, parse_version(version))
    except (ValidationError, ValueError):
        said = gettext("The form was changed on its way. Start again.")
        return _step(request, case, "check", answer, status=422, errors={"event": said})
    except FormError as error:
        return _step(request, case, "check", answer, status=422, errors={"event": error.errors["version"]})
    except ServiceCallError as error:
        if error.status not in RETRY_STATUS:
            raise
        case = await viewer.backends.casework.get_case(case.no)
        return _step(request, case, "check", answer, status=error.status, errors=field_errors(error))
    request.app.state.frames.forget(viewer)
    return redirect(request, f"/inquiries/{case.no}/sent")


@router.get("/inquiries/{no}/sent")
async def show_receipt(
    request: Request,
    viewer: EnterpriseViewer,
    no: str,
    round: Annotated[int | None, Query(ge=1)] = None,  # noqa: A002 - its name outside
) -> Response:
    """The receipt of the last answer, or of that of a round."""
    case = await viewer.backends.casework.get_case(no)
    replies = [reply for reply in case.replies if round is None or reply.round == round]
    if not replies:
        return redirect(request, f"/inquiries/{no}")
    return render(request, SENT, case=case, reply=replies[-1])
