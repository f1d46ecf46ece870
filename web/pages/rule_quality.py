"""How often rules were right 规则质量: by rule, outlet or trade, over a month to a year, down to the judged cases."""

import asyncio
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from shared.contracts.detection.quality import Verdict
from web.frame import set_frame
from web.labels import name_of
from web.places import places
from web.render import render
from web.session import STAFF, RoleNeeded, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
PAGE, LABELS = "pages/rules/quality.html", "pages/rules/labels.html"
GROUPS = ("rule", "outlet", "trade")
SPANS = (30, 90, 365)
USUAL_SPAN = 90
Reader = Annotated[Viewer, Depends(RoleNeeded(*STAFF))]


@dataclass(frozen=True)
class Asked:
    """What is counted, and over how many days."""

    by: Annotated[str, Query(max_length=10)] = "rule"
    days: Annotated[int, Query(ge=1, le=1000)] = USUAL_SPAN
    rule: Annotated[str, Query(max_length=40)] = ""

    @property
    def group(self) -> str:
        """One of the groups."""
        return self.by if self.by in GROUPS else "rule"

    @property
    def span(self) -> int:
        """One of the spans."""
        return self.days if self.days in SPANS else USUAL_SPAN


@router.get("/detection/quality")
async def show_quality(request: Request, viewer: Reader, asked: Annotated[Asked, Depends()]) -> Response:
    """Counts of verdicts and precision with its interval, the surest misses first."""
    detection = viewer.backends.detection
    found, rules, around = await asyncio.gather(
        detection.get_quality(asked.group, asked.span), detection.list_rules(), places(viewer)
    )
    rows = [one for one in found.rules if asked.rule in {"", one.rule}]
    rows.sort(key=lambda one: (not one.retune, 2.0 if one.high is None else one.high, one.rule))
    return render(
        request, PAGE, block="list", found=found, rows=rows, asked=asked, groups=GROUPS, spans=SPANS,
        titles={rule.code: name_of(rule) for rule in rules}, **around,
    )  # fmt: skip


@router.get("/detection/quality/labels")
async def list_labels(  # noqa: PLR0913 - filters
    request: Request, viewer: Reader, rule: Annotated[str, Query(max_length=40)] = "",
    outlet: Annotated[UUID | None, Query()] = None, verdict: Annotated[str, Query(max_length=20)] = "",
    days: Annotated[int, Query(ge=1, le=1000)] = USUAL_SPAN, cursor: Annotated[str, Query(max_length=400)] = "",
) -> Response:  # fmt: skip
    """The judged cases behind a number."""
    wanted = verdict if verdict in set(Verdict) else ""
    found, around = await asyncio.gather(
        viewer.backends.detection.list_labels(
            rule=rule or None, outlet_id=outlet, verdict=wanted or None, days=days, cursor=cursor or None
        ),
        places(viewer),
    )
    return render(
        request, LABELS, block="list", found=found, rule=rule, outlet=outlet, verdict=wanted, days=days,
        verdicts=list(Verdict), **around,
    )  # fmt: skip
