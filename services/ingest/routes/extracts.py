"""Readings in bulk as answers: a page of JSON, or a file sent as it comes to be."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from uuid import UUID

import orjson
import pyarrow as pa
from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from services.ingest.domain.columns import to_records
from services.ingest.domain.extracts import MEDIA, Encoder, Form, encoder
from services.ingest.routes.cursors import foreign
from services.ingest.service.extracts import After, Ask, ExtractService
from shared.http import decode_cursor, encode_cursor, link_next

USUAL_PAGE, MAX_PAGE = 10_000, 100_000
FORMS: dict[str, Any] = {MEDIA[form].split(";", 1)[0]: {} for form in Form}


class Wanted(NamedTuple):
    """How the readings are to come."""

    form: Form
    limit: int
    cursor: str | None
    bom: bool


async def answer(request: Request, service: ExtractService, ask: Ask, wanted: Wanted) -> Response:
    """The readings in the form that is wanted."""
    if wanted.form is Form.JSON:
        page = await service.read_page(ask, _after(wanted.cursor), wanted.limit)
        body = orjson.dumps(to_records(page.columns, page.outlets), option=orjson.OPT_UTC_Z)
        response = Response(body, media_type=MEDIA[Form.JSON], headers={"Vary": "Accept"})
        link_next(request, response, encode_cursor(*page.last) if page.last else None)
        return response
    tables = await service.read_tables(ask)
    name = f"readings-{ask.kind}-{ask.since:%Y%m%d}.{wanted.form}"
    headers = {"Vary": "Accept", "Content-Disposition": f'attachment; filename="{name}"'}
    content = _bytes(tables, encoder(wanted.form, bom=wanted.bom))
    return StreamingResponse(content, media_type=MEDIA[wanted.form], headers=headers)


async def _bytes(tables: AsyncIterator[pa.Table], made: Encoder) -> AsyncIterator[bytes]:
    async for table in tables:
        if data := made.add(table):
            yield data
    yield made.end()


def _after(cursor: str | None) -> After | None:
    if cursor is None:
        return None
    match decode_cursor(cursor):
        case [str(outlet_id), str(factor), int(at)]:
            try:
                return After(UUID(outlet_id), factor, at)
            except ValueError as error:
                raise foreign() from error
    raise foreign()
