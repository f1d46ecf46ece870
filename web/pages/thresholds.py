"""Thresholds of single series: numbers beside the rule's own, versions, proposing, deciding, freezing."""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from pydantic import ValidationError
from starlette.datastructures import FormData
from starlette.responses import Response

from shared.clients.base import ServiceCallError
from shared.contracts.detection.thresholds import (
    ThresholdDetail,
    ThresholdEvent,
    ThresholdIn,
    ThresholdProposal,
    ThresholdState,
)
from shared.contracts.identity import Role
from shared.contracts.ingest import ReadingKind
from web.acts import FormError, parse_version
from web.frame import set_frame
from web.htmx import redirect
from web.i18n import gettext
from web.labels import TABLES, label
from web.refusals import RETRY_STATUS, field_errors
from web.render import render
from web.session import BUREAU, STAFF, SUPERVISORS, RoleNeeded, Viewer
from web.threshold_chart import charts_of
from web.threshold_words import basis_text, bounds_text, number_text, observed_text, unit_of

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
LIST = "pages/thresholds/list.html"
NEW = "pages/thresholds/new.html"
PAGE = "pages/thresholds/detail.html"
VIEWS = ("all", *(state.value for state in ThresholdState if state is not ThresholdState.DEFAULT))
PROPOSERS = (*SUPERVISORS, *BUREAU)
Reader = Annotated[Viewer, Depends(RoleNeeded(*STAFF, Role.ENTERPRISE))]
Proposer = Annotated[Viewer, Depends(RoleNeeded(*PROPOSERS))]
Field = Annotated[str, Form(max_length=60)]
Reason = Annotated[str, Form(max_length=1000)]
KINDS = (ReadingKind.HOUR, ReadingKind.MINUTE)
PREFIX = "number-"
WORDS: dict[str, Any] = {
    "number_text": number_text, "unit_of": unit_of, "basis_text": basis_text, "observed_text": observed_text,
    "bounds_text": bounds_text,
}  # fmt: skip


@dataclass(frozen=True)
class ThresholdForm:
    """The fields as typed; `number` reads `RULE.parameter`."""

    outlet_id: Field = ""
    factor: Field = ""
    kind: Field = ReadingKind.HOUR.value
    number: Field = ""
    value: Field = ""
    reason: Reason = ""


@router.get("/thresholds")
async def list_thresholds(
    request: Request,
    viewer: Reader,
    view: Annotated[str, Query(max_length=20)] = "all",
    outlet: Annotated[UUID | None, Query()] = None,
    rule: Annotated[str, Query(max_length=40, pattern="^[A-Za-z0-9._-]*$")] = "",
    cursor: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """Thresholds, those that changed last first."""
    shown = view if view in VIEWS else "all"
    state = None if shown == "all" else ThresholdState(shown)
    calls = viewer.backends.detection.list_thresholds(
        state=state, outlet_id=outlet, rule=rule or None, cursor=cursor or None
    )
    found, places = await asyncio.gather(calls, _places(viewer))
    return render(
        request, LIST, block="list", found=found, view=shown, views=VIEWS, may=viewer.has(*PROPOSERS), outlet=outlet,
        rule=rule, **places, **WORDS,
    )  # fmt: skip


async def _places(viewer: Viewer) -> dict[str, Any]:
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


@router.get("/thresholds/new")
async def show_form(
    request: Request,
    viewer: Proposer,
    outlet: Annotated[UUID | None, Query()] = None,
    factor: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """An empty form, or one filled in for what was looked at."""
    return await _form(request, viewer, ThresholdForm(outlet_id=str(outlet) if outlet else "", factor=factor))


async def _form(
    request: Request, viewer: Viewer, form: ThresholdForm, errors: Mapping[str, str] | None = None
) -> Response:
    places = await _places(viewer)
    factors = sorted({item.factor for outlet in places["outlets"].values() for item in outlet.factors})
    by_firm = {
        firm: [item for item in places["outlets"].values() if item.enterprise_id == firm] for firm in places["firms"]
    }
    return render(
        request, NEW, status=422 if errors else 200, form=form, errors=errors or {}, factors=factors, by_firm=by_firm,
        numbers=list(TABLES["threshold_number"]), kinds=KINDS, **places, **WORDS,
    )  # fmt: skip


@router.post("/thresholds")
async def propose_first(request: Request, viewer: Proposer, form: Annotated[ThresholdForm, Depends()]) -> Response:
    """Propose own numbers for a series."""
    try:
        made = await viewer.backends.detection.propose_first_threshold(_parse(form))
    except FormError as error:
        return await _form(request, viewer, form, error.errors)
    except ServiceCallError as error:
        if error.status not in RETRY_STATUS:
            raise
        said = _said(error)
        value = next((text for field, text in said.items() if field.startswith("numbers.")), None)
        return await _form(request, viewer, form, {**said, "value": value} if value else said)
    return redirect(request, f"/thresholds/{made.id}")


def _parse(form: ThresholdForm) -> ThresholdIn:
    """The proposal; `FormError` with what is missing or no number, in the reader's language."""
    needed = ("outlet_id", "factor", "kind", "number", "value", "reason")
    errors = {name: gettext("This is needed.") for name in needed if not getattr(form, name).strip()}
    rule, _, parameter = form.number.partition(".")
    value = _number(form.value, "value", errors)
    if errors:
        raise FormError(errors)
    try:
        return ThresholdIn.model_validate({
            "outlet_id": form.outlet_id, "factor": form.factor, "kind": form.kind, "rule": rule,
            "numbers": {parameter: value}, "reason": form.reason.strip(),
        })  # fmt: skip
    except ValidationError as error:
        fields = {"rule": "number", "numbers": "number"}
        names = [fields.get(str(item["loc"][0]), str(item["loc"][0])) for item in error.errors()]
        raise FormError({name: gettext("This is not right.") for name in names}) from error


def _number(text: str, field: str, errors: dict[str, str]) -> float:
    """The number typed; what is wrong with it goes to `errors`."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        errors.setdefault(field, gettext("This is no number."))
    return value


def _said(error: ServiceCallError) -> dict[str, str]:
    listed = error.context.get("errors")
    if isinstance(listed, list):
        return {
            str(item.get("where")): label(str(item.get("code")), "threshold_problem")
            for item in listed
        }  # fmt: skip
    code = str(error.context.get("guard", "")) or error.code
    return {"form": label(code, "threshold_problem")} if code in TABLES["threshold_problem"] else field_errors(
        error, form="form"
    )  # fmt: skip


@router.get("/thresholds/{threshold_id}")
async def show_threshold(request: Request, viewer: Reader, threshold_id: UUID) -> Response:
    """One threshold with its versions."""
    return await _detail(request, viewer, await viewer.backends.detection.get_threshold(threshold_id))


async def _detail(
    request: Request, viewer: Viewer, one: ThresholdDetail, errors: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    rules = {rule.code: rule for rule in await viewer.backends.detection.list_rules()}
    now = request.app.state.settings.clock.now()
    return render(
        request, PAGE, status=422 if errors else 200, one=one, rule=rules.get(one.rule), errors=errors or {},
        events={item.event.value: item for item in one.allowed}, charts=charts_of(one, now), typed=typed or {},
        **await _places(viewer), **WORDS,
    )  # fmt: skip


@router.post("/thresholds/{threshold_id}/propose")
async def propose(request: Request, viewer: Proposer, threshold_id: UUID) -> Response:
    """Other numbers for it."""
    detection, form = viewer.backends.detection, await request.form()
    typed = {name: value for name, value in form.items() if isinstance(value, str)}
    try:
        given = _proposal(form)
        await detection.propose_threshold(threshold_id, parse_version(typed.get("version", "")), given)
    except FormError as error:
        return await _detail(request, viewer, await detection.get_threshold(threshold_id), error.errors, typed)
    except ServiceCallError as error:
        if error.status not in RETRY_STATUS:
            raise
        errors = {
            ("proposal" if field == "reason" else field.replace("numbers.", PREFIX)): text
            for field, text in _said(error).items()
        }
        return await _detail(request, viewer, await detection.get_threshold(threshold_id), errors, typed)
    return redirect(request, f"/thresholds/{threshold_id}")


def _proposal(form: FormData) -> ThresholdProposal:
    errors: dict[str, str] = {}
    numbers = {
        name.removeprefix(PREFIX): _number(str(value), name, errors)
        for name, value in form.items()
        if name.startswith(PREFIX) and str(value).strip()
    }
    reason = str(form.get("proposal", "")).strip()
    if not reason:
        errors["proposal"] = label("missing", "threshold_problem")
    if not numbers:
        errors["form"] = gettext("Give a number.")
    if errors:
        raise FormError(errors)
    try:
        return ThresholdProposal(numbers=numbers, reason=reason)
    except ValidationError as error:
        raise FormError({"form": gettext("This is not right.")}) from error


@router.post("/thresholds/{threshold_id}/{event}")
async def decide(
    request: Request, viewer: Proposer, threshold_id: UUID, event: ThresholdEvent,
    version: Annotated[str, Form(max_length=10)] = "", reason: Reason = "",
) -> Response:  # fmt: skip
    """Accept, refuse, freeze or release it."""
    detection = viewer.backends.detection
    try:
        await detection.decide_threshold(threshold_id, event, parse_version(version), reason.strip())
    except FormError as error:
        return await _detail(request, viewer, await detection.get_threshold(threshold_id), error.errors)
    except ServiceCallError as error:
        if error.status not in RETRY_STATUS:
            raise
        return await _detail(request, viewer, await detection.get_threshold(threshold_id), _said(error))
    return redirect(request, f"/thresholds/{threshold_id}")
