"""Backtests: trying other numbers of a rule on history, what came of it; and proposals to retune rules."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.clock import PARK_ZONE
from shared.contracts.detection import RuleOut
from shared.contracts.detection.backtests import BacktestDifference, BacktestIn, BacktestOut, BacktestState, RulesChange
from shared.contracts.detection.proposals import ProposalEvent, ProposalOut
from shared.contracts.ingest.readings import SparkAsk
from shared.logging import get_logger
from web.acts import FormError, parse_version
from web.charts import Band, Chart, Window
from web.frame import set_frame
from web.htmx import redirect
from web.i18n import gettext
from web.labels import label
from web.pages.suppressions import name_places
from web.refusals import RETRY_STATUS, refusal
from web.render import render
from web.rule_forms import fields_of, read_change
from web.session import BUREAU, STAFF, SUPERVISORS, RoleNeeded, Viewer

log = get_logger(__name__)
router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
LIST = "pages/backtests/list.html"
NEW = "pages/backtests/new.html"
PAGE = "pages/backtests/detail.html"
PROPOSAL = "pages/backtests/proposal.html"
STARTERS = (*SUPERVISORS, *BUREAU, Role.ADMIN)
Reader = Annotated[Viewer, Depends(RoleNeeded(*STAFF))]
Starter = Annotated[Viewer, Depends(RoleNeeded(*STARTERS))]
Decider = Annotated[Viewer, Depends(RoleNeeded(*BUREAU))]
OPEN = frozenset({BacktestState.QUEUED, BacktestState.RUNNING})
USUAL_DAYS = timedelta(days=30)
MOST_CURVES = 24
AROUND = timedelta(days=1)
LONGEST_CURVE = timedelta(days=30)
REFUSED = RETRY_STATUS | {429}
FIELDS = {"outlet_id": "place", "enterprise_id": "place"}


@router.get("/backtests")
async def list_backtests(
    request: Request, viewer: Reader, cursor: Annotated[str, Query(max_length=400)] = ""
) -> Response:
    """Backtests, the latest first, below the proposals that wait or were decided."""
    detection = viewer.backends.detection
    found, proposals, places = await asyncio.gather(
        detection.list_backtests(cursor=cursor or None), detection.list_proposals(limit=20), name_places(viewer)
    )
    return render(
        request, LIST, block="list", found=found, proposals=[] if cursor else proposals.items,
        may=viewer.has(*STARTERS), **places,
    )  # fmt: skip


@router.get("/backtests/new")
async def show_form(request: Request, viewer: Starter, rule: Annotated[str, Query(max_length=40)] = "") -> Response:
    """Choose a rule, then its numbers, filled in with those in force."""
    return await _form(request, viewer, rule, {})


async def _form(
    request: Request, viewer: Viewer, code: str, typed: Mapping[str, str], errors: Mapping[str, str] | None = None
) -> Response:
    places, rules = await asyncio.gather(name_places(viewer), viewer.backends.detection.list_rules())
    today = request.app.state.settings.clock.now().astimezone(PARK_ZONE).date()
    by_firm = {firm: [item for item in places["outlets"].values() if item.enterprise_id == firm]
               for firm in places["firms"]}  # fmt: skip
    chosen = next((item for item in rules if item.code == code), None)
    usual = {"first_day": (today - USUAL_DAYS).isoformat(), "last_day": (today - timedelta(days=1)).isoformat()}
    return render(
        request, NEW, status=422 if errors else 200, rules=rules, rule=chosen, typed={**usual, **typed},
        settings=fields_of(chosen) if chosen else [], errors=errors or {}, by_firm=by_firm, today=today, **places,
    )  # fmt: skip


@router.post("/backtests")
async def start(request: Request, viewer: Starter, rule: Annotated[str, Form(max_length=40)] = "") -> Response:
    """Ask for it."""
    typed = {name: str(value) for name, value in (await request.form()).items()}
    rules = {item.code: item for item in await viewer.backends.detection.list_rules()}
    if rule not in rules:
        return await _form(request, viewer, rule, typed, {"rule": gettext("This is needed.")})
    try:
        made = await viewer.backends.detection.start_backtest(_parse(rules[rule], typed))
    except FormError as error:
        return await _form(request, viewer, rule, typed, error.errors)
    except ServiceCallError as error:
        if error.status not in REFUSED:
            raise
        return await _form(request, viewer, rule, typed, _said(error))
    return redirect(request, f"/backtests/{made.id}")


def _parse(rule: RuleOut, typed: Mapping[str, str]) -> BacktestIn:
    change = read_change(rule, typed)
    kind, _, place = typed.get("place", "").partition(":")
    scope = {f"{kind}_id": place} if kind in {"outlet", "enterprise"} else {}
    days, errors = {}, {}
    for name in ("first_day", "last_day"):
        try:
            days[name] = date.fromisoformat(typed.get(name, ""))
        except ValueError:
            errors[name] = gettext("Give a date.")
    if errors:
        raise FormError(errors)
    try:
        return BacktestIn(
            change=RulesChange.model_validate(change), note=typed.get("note", "").strip()[:1000], **days, **scope
        )
    except ValidationError as error:
        raise FormError({"form": gettext("This is not right.")}) from error


def _said(error: ServiceCallError) -> dict[str, str]:
    listed = error.context.get("errors")
    if isinstance(listed, list):
        return {
            FIELDS.get(str(item.get("where")), str(item.get("where"))): label(str(item.get("code")), "backtest_problem")
            for item in listed
        }
    if error.status == 429:  # noqa: PLR2004 - enough of them wait
        return {"form": gettext("Enough backtests wait already. Let some of them end first.")}
    guard = str(error.context.get("guard", ""))
    return {"form": label(guard, "backtest_problem") if guard else refusal(error)}


@router.get("/backtests/{backtest_id}")
async def show_backtest(request: Request, viewer: Reader, backtest_id: UUID) -> Response:
    """One backtest: progress while it runs, then its result."""
    detection = viewer.backends.detection
    one, rules = await asyncio.gather(detection.get_backtest(backtest_id), detection.list_rules())
    places = await name_places(viewer)
    curves = await _curves(viewer, one)
    return render(
        request, PAGE, block="test", one=one, rules={rule.code: rule for rule in rules}, ended=one.state not in OPEN,
        changes=changes_of(one, {rule.code: rule for rule in rules}), curves=curves, **places,
    )  # fmt: skip


def changes_of(one: BacktestOut, rules: Mapping[str, RuleOut]) -> list[tuple[str, Mapping[str, Any], str, Any, Any]]:
    """What is changed, a row a number: rule, whom it is for, parameter, in force now, as tried."""
    rows: list[tuple[str, Mapping[str, Any], str, Any, Any]] = []
    for code, settings in one.change.get("settings", {}).items():
        known = rules[code].settings if code in rules else []
        rows += [(code, *row) for row in differing(settings, [item.model_dump(mode="json") for item in known])]
    for code, numbers in one.change.get("overrides", {}).items():
        rows += [(code, {}, name, None, value) for name, value in numbers.items()]
    return rows


def differing(
    settings: Sequence[Mapping[str, Any]], former: Sequence[Mapping[str, Any]]
) -> list[tuple[Mapping[str, Any], str, Any, Any]]:
    """Numbers that differ between two versions of a rule's settings, in the order of the settings."""
    rows: list[tuple[Mapping[str, Any], str, Any, Any]] = []
    for place, setting in enumerate(settings):
        before = former[place]["values"] if place < len(former) else {}
        chosen = {name: setting[name] for name in ("kinds", "media", "factors", "trades") if setting.get(name)}
        rows += [
            (chosen, name, before.get(name), value)
            for name, value in setting["values"].items()
            if before.get(name) != value
        ]
    return rows


async def _curves(viewer: Viewer, one: BacktestOut) -> list[Chart | None]:
    """Small curves of the first differing anomalies; none where ingest does not answer."""
    shown = one.result.differences[:MOST_CURVES] if one.result else []
    if not shown:
        return []
    asks = [_spark_ask(item) for item in shown]
    try:
        found = await viewer.backends.ingest.get_sparks(asks)
    except ServiceCallError as error:
        log.warning("no_sparks", detail=error.message)
        return []
    return [
        None if series is None
        else Chart(series, Window(ask.since, ask.until), item.factor, [Band(item.started_at, item.until, "warn")])
        for item, ask, series in zip(shown, asks, found, strict=True)
    ]  # fmt: skip


def _spark_ask(item: BacktestDifference) -> SparkAsk:
    until = min(item.until, item.started_at + LONGEST_CURVE) + AROUND
    return SparkAsk(
        outlet_id=item.outlet_id, factor=item.factor, kinds=[item.reading], since=item.started_at - AROUND, until=until
    )


@router.post("/backtests/{backtest_id}/cancel")
async def cancel(request: Request, viewer: Starter, backtest_id: UUID) -> Response:
    """Stop it; one that ended in the meantime stays as it is."""
    try:
        await viewer.backends.detection.cancel_backtest(backtest_id)
    except ServiceCallError as error:
        if error.status != 409:  # noqa: PLR2004 - it ended by itself
            raise
    return redirect(request, f"/backtests/{backtest_id}")


@router.get("/proposals/{proposal_id}")
async def show_proposal(request: Request, viewer: Reader, proposal_id: UUID) -> Response:
    """A proposal beside what is in force, with its backtest."""
    return await _proposal(request, viewer, await viewer.backends.detection.get_proposal(proposal_id))


async def _proposal(
    request: Request, viewer: Viewer, one: ProposalOut, errors: Mapping[str, str] | None = None
) -> Response:
    rules = {rule.code: rule for rule in await viewer.backends.detection.list_rules()}
    former = [item.model_dump(mode="json") for item in one.former]

    def against(settings: Sequence[Any]) -> list[tuple[Mapping[str, Any], str, Any, Any]]:
        return differing([item.model_dump(mode="json") for item in settings], former)

    return render(
        request, PROPOSAL, status=422 if errors else 200, one=one, rule=rules.get(one.rule), errors=errors or {},
        changes=against(one.settings), tried=[(against(item.settings), item.outcome) for item in one.tried],
        events={item.event.value: item for item in one.allowed},
    )  # fmt: skip


@router.post("/proposals/{proposal_id}/{event}")
async def decide(
    request: Request, viewer: Decider, proposal_id: UUID, event: ProposalEvent,
    version: Annotated[str, Form(max_length=10)] = "", reason: Annotated[str, Form(max_length=1000)] = "",
) -> Response:  # fmt: skip
    """Accept, decline or withdraw it."""
    detection = viewer.backends.detection
    try:
        await detection.decide_proposal(proposal_id, event, parse_version(version), reason.strip())
    except FormError as error:
        return await _proposal(request, viewer, await detection.get_proposal(proposal_id), error.errors)
    except ServiceCallError as error:
        if error.status not in RETRY_STATUS:
            raise
        return await _proposal(request, viewer, await detection.get_proposal(proposal_id), _said(error))
    return redirect(request, f"/proposals/{proposal_id}")
