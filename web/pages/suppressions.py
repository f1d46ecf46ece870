"""Suppressions: which rules are kept quiet where and until when, proposing one, deciding on it."""

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from shared.clients.base import ServiceCallError
from shared.contracts.detection.suppressions import (
    SuppressionEvent,
    SuppressionIn,
    SuppressionOut,
    SuppressionState,
)
from shared.contracts.ingest import OutletOut
from web.acts import FormError, parse_local_time, parse_version
from web.frame import set_frame
from web.htmx import redirect
from web.i18n import gettext
from web.labels import TABLES, label
from web.refusals import RETRY_STATUS, field_errors
from web.render import render
from web.session import BUREAU, STAFF, SUPERVISORS, RoleNeeded, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
LIST = "pages/suppressions/list.html"
NEW = "pages/suppressions/new.html"
PAGE = "pages/suppressions/detail.html"
VIEWS = ("all", *(state.value for state in SuppressionState))
PROPOSERS = (*SUPERVISORS, *BUREAU)
Reader = Annotated[Viewer, Depends(RoleNeeded(*STAFF))]
Proposer = Annotated[Viewer, Depends(RoleNeeded(*PROPOSERS))]
Field = Annotated[str, Form(max_length=60)]
FIELDS = {"outlet_id": "place", "enterprise_id": "place"}


@dataclass(frozen=True)
class SuppressionForm:
    """The fields as typed; times are Beijing time. `place` reads `outlet:ID` or `enterprise:ID`."""

    place: Field = ""
    rule: Field = ""
    factor: Field = ""
    value_at_least: Field = ""
    value_at_most: Field = ""
    since: Field = ""
    until: Field = ""
    reason_code: Field = ""
    note: Annotated[str, Form(max_length=1000)] = ""


@router.get("/suppressions")
async def list_suppressions(
    request: Request,
    viewer: Reader,
    view: Annotated[str, Query(max_length=20)] = "all",
    cursor: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """Suppressions, the latest proposals first."""
    shown = view if view in VIEWS else "all"
    state = None if shown == "all" else SuppressionState(shown)
    found, places = await asyncio.gather(
        viewer.backends.detection.list_suppressions(state=state, cursor=cursor or None), name_places(viewer)
    )
    return render(
        request, LIST, block="list", found=found, view=shown, views=VIEWS, may=viewer.has(*PROPOSERS), **places
    )


async def name_places(viewer: Viewer) -> dict[str, Any]:
    """What the ids stand for: enterprises, outlets, names of factors."""
    ingest = viewer.backends.ingest
    firms, outlets, factors = await asyncio.gather(
        ingest.list_enterprises(limit=1000), ingest.list_outlets(limit=1000), ingest.list_factors()
    )
    return {
        "firms": {item.id: item for item in firms.items},
        "outlets": {item.id: item for item in outlets.items},
        "names": {item.code: item for item in factors},
    }


@router.get("/suppressions/new")
async def show_form(
    request: Request,
    viewer: Proposer,
    outlet: Annotated[UUID | None, Query()] = None,
    rule: Annotated[str, Query(max_length=40)] = "",
    factor: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """An empty form, or one filled in for what was looked at."""
    form = SuppressionForm(place=f"outlet:{outlet}" if outlet else "", rule=rule, factor=factor)
    return await _form(request, viewer, form)


async def _form(
    request: Request, viewer: Viewer, form: SuppressionForm, errors: Mapping[str, str] | None = None
) -> Response:
    detection = viewer.backends.detection
    places, rules, limits = await asyncio.gather(
        name_places(viewer), detection.list_rules(), detection.get_suppression_limits()
    )
    outlets: dict[UUID, OutletOut] = places["outlets"]
    factors = sorted({item.factor for outlet in outlets.values() for item in outlet.factors})
    by_firm = {firm: [item for item in outlets.values() if item.enterprise_id == firm] for firm in places["firms"]}
    return render(
        request, NEW, status=422 if errors else 200, form=form, errors=errors or {}, rules=rules, factors=factors,
        by_firm=by_firm, reasons=list(TABLES["SuppressionReason"]), limits=limits, **places,
    )  # fmt: skip


@router.post("/suppressions")
async def propose(request: Request, viewer: Proposer, form: Annotated[SuppressionForm, Depends()]) -> Response:
    """Propose one."""
    try:
        made = await viewer.backends.detection.propose_suppression(_parse(form))
    except FormError as error:
        return await _form(request, viewer, form, error.errors)
    except ServiceCallError as error:
        if error.status not in RETRY_STATUS:
            raise
        return await _form(request, viewer, form, _said(error))
    return redirect(request, f"/suppressions/{made.id}")


def _said(error: ServiceCallError) -> dict[str, str]:
    listed = error.context.get("errors")
    if not isinstance(listed, list):
        guard = str(error.context.get("guard", ""))
        return {"form": label(guard, "suppression_problem")} if guard else field_errors(error, form="form")
    return {
        FIELDS.get(str(item.get("where")), str(item.get("where"))): label(str(item.get("code")), "suppression_problem")
        for item in listed
    }


def _parse(form: SuppressionForm) -> SuppressionIn:
    """The proposal; `FormError` with what is missing or no number, in the reader's language."""
    needed = ("place", "rule", "until", "reason_code")
    errors = {name: gettext("This is needed.") for name in needed if not getattr(form, name).strip()}
    given: dict[str, Any] = {"rule": form.rule, "reason_code": form.reason_code, "note": form.note.strip(),
                             "factor": form.factor or None}  # fmt: skip
    number: tuple[Callable[[str], Any], str] = (_number, gettext("This is no number."))
    time: tuple[Callable[[str], Any], str] = (parse_local_time, gettext("This is no time."))
    readers = {"value_at_least": number, "value_at_most": number, "since": time, "until": time}
    for name, (read, problem) in readers.items():
        if text := getattr(form, name).strip():
            try:
                given[name] = read(text)
            except ValueError:
                errors[name] = problem
    if errors:
        raise FormError(errors)
    kind, _, place = form.place.partition(":")
    try:
        return SuppressionIn(**given, **{"outlet_id" if kind == "outlet" else "enterprise_id": place})
    except ValidationError as error:
        names = [str(item["loc"][0]) if item["loc"] else "value_at_most" for item in error.errors()]
        raise FormError({FIELDS.get(name, name): gettext("This is not right.") for name in names}) from error


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


@router.get("/suppressions/{suppression_id}")
async def show_suppression(request: Request, viewer: Reader, suppression_id: UUID) -> Response:
    """One suppression with what it kept quiet."""
    return await _detail(request, viewer, await viewer.backends.detection.get_suppression(suppression_id))


async def _detail(
    request: Request, viewer: Viewer, one: SuppressionOut, errors: Mapping[str, str] | None = None
) -> Response:
    rules = {rule.code: rule for rule in await viewer.backends.detection.list_rules()}
    return render(
        request, PAGE, status=422 if errors else 200, one=one, rule=rules.get(one.rule), errors=errors or {},
        events={item.event.value: item for item in one.allowed}, **await name_places(viewer),
    )  # fmt: skip


@router.post("/suppressions/{suppression_id}/{event}")
async def decide(
    request: Request, viewer: Proposer, suppression_id: UUID, event: SuppressionEvent,
    version: Annotated[str, Form(max_length=10)] = "", reason: Annotated[str, Form(max_length=1000)] = "",
) -> Response:  # fmt: skip
    """Approve, refuse or revoke it."""
    detection = viewer.backends.detection
    try:
        await detection.decide_suppression(suppression_id, event, parse_version(version), reason.strip())
    except FormError as error:
        return await _detail(request, viewer, await detection.get_suppression(suppression_id), error.errors)
    except ServiceCallError as error:
        if error.status not in RETRY_STATUS:
            raise
        return await _detail(request, viewer, await detection.get_suppression(suppression_id), _said(error))
    return redirect(request, f"/suppressions/{suppression_id}")
