"""Quality assurance 质控: what is due, the records, and the form to add one."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest.qa import QaIn, QaKind, QaPair, QaSource, QaState
from web.acts import FormError, local_time, parse_local_time
from web.frame import set_frame
from web.htmx import redirect
from web.i18n import gettext
from web.labels import name_of
from web.pages.mark_forms import TAKEN, said
from web.pages.uploads import form_files
from web.refusals import INVALID
from web.render import render
from web.session import RoleNeeded, SomeViewer, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
PAGE = "pages/quality/list.html"
FORM = "pages/quality/new.html"
ORDER = {QaState.OVERDUE: 0, QaState.FAILED: 1, QaState.SOON: 2, QaState.NEVER: 3, QaState.DONE: 4}
OPEN = (QaState.OVERDUE, QaState.FAILED, QaState.SOON, QaState.NEVER)
MOST_DUE = 300
QaViewer = Annotated[Viewer, Depends(RoleNeeded(Role.ENTERPRISE, Role.OFFICER))]


@router.get("/quality")
async def list_quality(
    request: Request, viewer: SomeViewer, view: Annotated[str, Query(max_length=10)] = "due",
    outlet: Annotated[str, Query(max_length=40)] = "", cursor: Annotated[str, Query(max_length=500)] = "",
) -> Response:  # fmt: skip
    """Duties that are open, or the records; of all outlets one sees or of one."""
    ingest = viewer.backends.ingest
    outlets = (await ingest.list_outlets(limit=1000)).items
    chosen = next((item for item in outlets if str(item.id) == outlet), None)
    only = chosen.id if chosen else None
    due, records, factors, enterprises = await asyncio.gather(
        ingest.list_qa_due(outlet_id=only), ingest.list_qa_records(outlet_id=only, cursor=cursor or None, limit=50),
        ingest.list_factors(), ingest.list_enterprises(limit=1000),
    )  # fmt: skip
    counts = {state: sum(item.state is state for item in due) for state in QaState}
    open_ones = [item for item in due if item.state in OPEN]
    open_ones.sort(key=lambda item: (ORDER[item.state], item.due_at is None, item.due_at or 0, str(item.outlet_id)))
    return render(
        request, PAGE, block="list", view=view, due=open_ones[:MOST_DUE], hidden=max(0, len(open_ones) - MOST_DUE),
        counts=counts, states=OPEN, records=records, cursor=cursor, outlets=outlets, outlet=chosen,
        places={item.id: item for item in outlets}, firms={item.id: item for item in enterprises.items},
        names={item.code: name_of(item) for item in factors}, own=viewer.has(Role.ENTERPRISE),
        may_add=viewer.has(Role.ENTERPRISE, Role.OFFICER),
    )  # fmt: skip


@router.get("/quality/new")
async def show_form(
    request: Request, viewer: QaViewer, outlet: Annotated[str, Query(max_length=40)] = "",
    factor: Annotated[str, Query(max_length=40)] = "", kind: Annotated[str, Query(max_length=20)] = "",
) -> Response:  # fmt: skip
    """An empty form."""
    at = local_time(request.app.state.settings.clock.now())
    return await _show(request, viewer, {"outlet": outlet, "factor": factor, "kind": kind, "at": at})


@router.post("/quality/new")
async def hand_in(  # noqa: PLR0913 - the fields of the form
    request: Request, viewer: QaViewer, outlet: Annotated[str, Form(max_length=40)] = "",
    factor: Annotated[str, Form(max_length=40)] = "", kind: Annotated[str, Form(max_length=20)] = "",
    at: Annotated[str, Form(max_length=30)] = "", full_scale: Annotated[str, Form(max_length=20)] = "",
    note: Annotated[str, Form(max_length=1000)] = "",
) -> Response:  # fmt: skip
    """Hand a record in with its files."""
    data = await request.form()
    pairs = [(str(one), str(two)) for one, two in zip(data.getlist("reference"), data.getlist("reading"), strict=False)]
    typed = {"outlet": outlet, "factor": factor, "kind": kind, "at": at, "full_scale": full_scale, "note": note}
    ingest = viewer.backends.ingest
    try:
        record = await ingest.add_qa_record(_parse(typed, pairs))
        for file in form_files(data):
            await ingest.add_qa_evidence(record.id, str(file.filename), await file.read())
    except FormError as error:
        return await _show(request, viewer, typed, INVALID, pairs=pairs, errors=error.errors)
    except ServiceCallError as error:
        if error.status not in TAKEN:
            raise
        return await _show(request, viewer, typed, error.status, pairs=pairs, errors={"form": said(error)})
    return redirect(request, f"/quality?view=records&outlet={record.outlet_id}")


def _numbers(pairs: list[tuple[str, str]]) -> list[QaPair]:
    """The pairs that are filled in; none where one of them is no pair of numbers."""
    try:
        return [
            QaPair(reference=float(reference), reading=float(reading))
            for reference, reading in pairs
            if reference.strip() or reading.strip()
        ]
    except ValueError:
        return []


def _parse(typed: dict[str, str], pairs: list[tuple[str, str]]) -> QaIn:
    errors: dict[str, str] = {}
    numbers = _numbers(pairs)
    if not numbers:
        errors["pairs"] = gettext("Give numbers: the reference and what the analyser read.")
    if typed["kind"] not in set(QaKind):
        errors["kind"] = gettext("Choose what was done.")
    try:
        moment = parse_local_time(typed["at"])
    except ValueError:
        errors["at"] = gettext("Give date and time.")
    if errors:
        raise FormError(errors)
    try:
        return QaIn(
            outlet_id=UUID(typed["outlet"]), factor=typed["factor"], kind=QaKind(typed["kind"]), at=moment,
            pairs=numbers, full_scale=float(typed["full_scale"]) if typed["full_scale"].strip() else None,
            note=typed["note"].strip(), source=QaSource.PORTAL,
        )  # fmt: skip
    except (ValidationError, ValueError) as error:
        raise FormError({"form": str(error)}) from error


async def _show(request: Request, viewer: Viewer, typed: dict[str, str], status: int = 200, **more: Any) -> Response:
    ingest = viewer.backends.ingest
    outlets, factors = await asyncio.gather(ingest.list_outlets(limit=1000), ingest.list_factors())
    chosen = next((item for item in outlets.items if str(item.id) == typed["outlet"]), None)
    chosen = chosen or (outlets.items[0] if outlets.items else None)
    fields = {"full_scale": "", "note": "", **typed}
    context = {"errors": {}, "pairs": [], **more}
    return render(
        request, FORM, block="form", status=status, outlets=outlets.items, outlet=chosen, typed=fields,
        names={item.code: name_of(item) for item in factors}, kinds=list(QaKind), **context,
    )  # fmt: skip
