"""Patrol desk 实时巡查: every outlet as it stands now, the worst first, looked at again each minute."""

import asyncio
import hashlib
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from pydantic import TypeAdapter
from starlette.responses import Response

from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.clients.ingest import IngestClient
from shared.contracts.ingest.live import OutletLive
from shared.logging import get_logger
from web.frame import set_frame
from web.htmx import is_htmx
from web.i18n import current_language
from web.labels import name_of
from web.places import factor_names
from web.render import render
from web.session import STAFF, RoleNeeded, Viewer
from web.watch import SHOWN, Line, Wish, count, join, level

log = get_logger(__name__)
router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
PAGE = "pages/patrol/desk.html"
LINES_A_PAGE = 100
OUTLETS_A_CALL = 1000
MOST_CALLS = 5
NO_CONTENT, NOT_MODIFIED = 204, 304
Watcher = Annotated[Viewer, Depends(RoleNeeded(*STAFF, Role.ENTERPRISE))]
Text = Annotated[str, Query(max_length=80)]
Part = TypeVar("Part")
_LINES = TypeAdapter(list[Line])


@dataclass(frozen=True)
class Asked:
    """The query of the page; `seen` is the tag of what the reader has before the eyes."""

    view: Text = "all"
    severity: Text = ""
    medium: Text = ""
    enterprise: Text = ""
    q: Text = ""
    page: Annotated[int, Query(ge=1, le=1000)] = 1
    seen: Text = ""
    still: Text = ""

    @property
    def wish(self) -> Wish:
        """The filters; an unknown view is all."""
        view = self.view if self.view in SHOWN else "all"
        return Wish(view, self.severity, self.medium, self.enterprise, self.q)


async def _outlets(ingest: IngestClient) -> list[OutletLive]:
    found: list[OutletLive] = []
    cursor: str | None = None
    for _ in range(MOST_CALLS):
        page = await ingest.list_live(cursor=cursor, limit=OUTLETS_A_CALL)
        found += page.items
        cursor = page.next
        if cursor is None:
            break
    return found


async def _or_none(call: Coroutine[Any, Any, list[Part]]) -> list[Part] | None:
    """A part of the page that may be absent: the desk stays usable without it, and says so."""
    try:
        return await call
    except ServiceCallError as error:
        log.warning("patrol_part_missing", service=error.service, detail=error.message)
        return None


@router.get("/patrol")
async def show_desk(request: Request, viewer: Watcher, asked: Annotated[Asked, Depends()]) -> Response:
    """The list, a hundred lines a page. Nothing is sent again that the reader has already."""
    backends = viewer.backends
    outlets, factors, opened, cases, colours = await asyncio.gather(
        _outlets(backends.ingest), backends.ingest.list_factors(), _or_none(backends.detection.open_summary()),
        _or_none(backends.casework.cases_by_outlet()), _or_none(backends.grading.list_colours()),
    )  # fmt: skip
    by_firm = {item.enterprise_id: item.colour for item in colours or ()}
    lines = join(outlets, by_firm, opened or (), cases or ())
    wish = asked.wish
    fitting = [line for line in lines if wish.fits(line)]
    shown = [line for line in fitting if SHOWN[wish.view](line)]
    first = (asked.page - 1) * LINES_A_PAGE
    page = shown[first : first + LINES_A_PAGE]
    counts = count(fitting)
    tag = _tag(page, [current_language.get(), asked.page, sorted(counts.items()), opened is None, cases is None])
    if tag == asked.seen and is_htmx(request):
        return Response(status_code=NO_CONTENT)
    if request.headers.get("If-None-Match") == f'"{tag}"':
        return Response(status_code=NOT_MODIFIED, headers={"ETag": f'"{tag}"'})
    answer = render(
        request, PAGE, block="desk", lines=page, counts=counts, wish=wish, views=list(SHOWN), asked=asked, tag=tag,
        names=factor_names(factors), level=level, total=len(shown), every=len(lines),
        pages=-(-len(shown) // LINES_A_PAGE), own=viewer.has(Role.ENTERPRISE), firms=_firms(lines),
        absent=[name for name, part in (("detection", opened), ("casework", cases), ("grading", colours))
                if part is None],
    )  # fmt: skip
    answer.headers["ETag"] = f'"{tag}"'
    return answer


def _firms(lines: Sequence[Line]) -> list[tuple[str, str]]:
    named = {str(line.live.enterprise_id): name_of(line.live, "enterprise_name") for line in lines}
    return sorted(named.items(), key=lambda item: item[1])


def _tag(page: Sequence[Line], more: Sequence[object]) -> str:
    content = _LINES.dump_json(list(page)) + repr(more).encode()
    return hashlib.sha256(content).hexdigest()[:16]
