"""What residents see, without log-in: the list in force, the meaning of the colours, the lists before it."""

import csv
import io
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from shared.clients.base import ServiceCallError
from shared.contracts.grading import Colour, PublicList
from web.backends import Backends
from web.frame import set_frame
from web.labels import label, name_of, trade
from web.pages.grades import ORDER
from web.render import render

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
PAGE = "pages/public/grades.html"
NOT_FOUND = 404
BOM = "\ufeff"
"""Spreadsheet programs read UTF-8 rightly only with it."""


async def _list(request: Request, quarter: str) -> PublicList | None:
    backends: Backends = request.app.state.backends
    try:
        return await backends.grading.public_list(quarter or "latest")
    except ServiceCallError as error:
        if error.status != NOT_FOUND:
            raise
        return None


async def _page(request: Request, quarter: str, colour: str, q: str) -> Response:
    found = await _list(request, quarter)
    rows = []
    if found:
        wanted = q.strip().casefold()
        rows = [
            row
            for row in sorted(found.rows, key=lambda row: (ORDER[row.colour], row.enterprise_code))
            if (not colour or row.colour.value == colour)
            and (not wanted or wanted in f"{row.name_zh} {row.name_en} {row.enterprise_code}".casefold())
        ]
    return render(
        request, PAGE, block="list", grades=found, rows=rows, colours=list(Colour), quarter=quarter, colour=colour, q=q,
        status=404 if found is None and quarter else 200,
    )  # fmt: skip


@router.get("/public")
async def show_public(request: Request) -> Response:
    """The start page of residents."""
    return await _page(request, "", "", "")


@router.get("/public/grades")
async def show_public_grades(
    request: Request,
    quarter: Annotated[str, Query(max_length=6, pattern=r"^(\d{4}Q[1-4])?$")] = "",
    colour: Annotated[str, Query(max_length=10)] = "",
    q: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """The list of a quarter, by colour and name."""
    return await _page(request, quarter, colour, q)


@router.get("/public/grades.csv")
async def download_public_grades(
    request: Request, quarter: Annotated[str, Query(max_length=6, pattern=r"^(\d{4}Q[1-4])?$")] = ""
) -> Response:
    """The same list as CSV."""
    found = await _list(request, quarter)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["quarter", "code", "name", "trade", "colour", "colour_name", "previous"])
    for row in found.rows if found else []:
        previous = row.previous.value if row.previous else ""
        names = [row.enterprise_code, name_of(row), trade(row.trade)]
        writer.writerow([found.quarter if found else "", *names, row.colour.value, label(row.colour), previous])
    name = f"grades-{found.quarter if found else 'none'}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(BOM + out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)
