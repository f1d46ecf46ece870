"""Rules 规则: all of them with how right they are and how much work they make, and each one whole."""

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from shared.clients.base import ServiceCallError
from shared.contracts.detection.evaluation import EvaluationOut
from shared.errors import NotFoundError
from web.frame import set_frame
from web.labels import name_of
from web.places import places
from web.render import render
from web.rulework import ORDERS, join, parameter_rows
from web.session import BUREAU, STAFF, SUPERVISORS, RoleNeeded, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
LIST, PAGE = "pages/rules/list.html", "pages/rules/detail.html"
EVALUATION = "pages/rules/evaluation.html"
DAYS = 30
SPANS = (30, 90, 365)
MOST_OPEN = 12
NOT_FOUND = 404
Reader = Annotated[Viewer, Depends(RoleNeeded(*STAFF))]
Part = TypeVar("Part")


async def evaluation_of(viewer: Viewer) -> EvaluationOut | None:
    """The last evaluation; None where this installation ships none."""
    return await _if_there(viewer.backends.detection.get_evaluation())


async def _if_there(call: Coroutine[Any, Any, Part]) -> Part | None:
    try:
        return await call
    except ServiceCallError as error:
        if error.status != NOT_FOUND:
            raise
        return None


@router.get("/rules")
async def list_rules(
    request: Request, viewer: Reader, sort: Annotated[str, Query(max_length=20)] = "retune"
) -> Response:
    """All rules; the ones that want retuning first."""
    detection = viewer.backends.detection
    rules, quality, activity, evaluation = await asyncio.gather(
        detection.list_rules(), detection.get_quality(), detection.get_activity(DAYS), evaluation_of(viewer)
    )
    order = sort if sort in ORDERS else "retune"
    lines = join(rules, quality.rules, activity.rules, evaluation, order)
    return render(
        request, LIST, block="list", lines=lines, quality=quality, activity=activity, evaluation=evaluation,
        order=order, orders=list(ORDERS),
    )  # fmt: skip


@router.get("/rules/{code}")
async def show_rule(request: Request, viewer: Reader, code: str) -> Response:
    """One rule: what it does, its numbers, its grades, how right it is, what it keeps open."""
    detection = viewer.backends.detection
    rule = next((one for one in await detection.list_rules() if one.code == code), None)
    if rule is None:
        raise NotFoundError(f"no rule {code}")
    spans = await asyncio.gather(*(detection.get_quality("rule", days) for days in SPANS))
    by_outlet, activity, evaluation, around = await asyncio.gather(
        detection.get_quality("outlet"), detection.get_activity(DAYS), evaluation_of(viewer), places(viewer)
    )
    opened, labels, quiet = await asyncio.gather(
        detection.list_anomalies(rule=code, state="open", limit=MOST_OPEN),
        detection.list_labels(rule=code, days=SPANS[-1], limit=MOST_OPEN), detection.list_suppressions(rule=code),
    )  # fmt: skip
    (line,) = join([rule], spans[1].rules, activity.rules, evaluation, "code")
    return render(
        request, PAGE, rule=rule, line=line, rows=parameter_rows(rule), activity=activity, evaluation=evaluation,
        spans=[(days, next((one for one in found.rules if one.rule == code), None))
               for days, found in zip(SPANS, spans, strict=True)],
        by_outlet=[one for one in by_outlet.rules if one.rule == code][:MOST_OPEN], opened=opened.items,
        labels=labels.items, quiet=[one for one in quiet.items if one.in_effect],
        may_suppress=viewer.has(*SUPERVISORS, *BUREAU), **around,
    )  # fmt: skip


@router.get("/evaluation")
async def show_evaluation(request: Request, viewer: Reader) -> Response:
    """What the last evaluation measured, and what it did not reach, in words."""
    evaluation, rules = await asyncio.gather(evaluation_of(viewer), viewer.backends.detection.list_rules())
    newer = sorted({rule.code for rule in rules} - set(evaluation.rules)) if evaluation else []
    checks = {rule.check: name_of(rule) for rule in reversed(rules)}
    return render(request, EVALUATION, evaluation=evaluation, newer=newer, checks_named=checks)
