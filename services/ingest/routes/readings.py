"""HTTP of readings: bulk in, JSON or Arrow out, charts, completeness."""

from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import AwareDatetime, BaseModel

from services.ingest.deps import ReadingReader, ReadingWriter
from services.ingest.domain.columns import to_records, to_stream, to_table
from shared.contracts.ingest import (
    Code,
    Completeness,
    FreshnessOut,
    Reading,
    ReadingKind,
    ReadingsAccepted,
    ReadingsIn,
    Series,
)

ARROW = "application/vnd.apache.arrow.stream"
MIN_POINTS, MAX_POINTS = 10, 20_000
router = APIRouter(prefix="/v1", tags=["readings"])


def _inlined(model: type[BaseModel]) -> Any:
    """A model's JSON schema without references: the route reads the body itself, so nothing else registers it."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def resolve(part: Any) -> Any:
        if isinstance(part, dict):
            if "$ref" in part:
                return resolve(definitions[part["$ref"].rsplit("/", 1)[1]])
            return {key: resolve(value) for key, value in part.items()}
        return [resolve(item) for item in part] if isinstance(part, list) else part

    return resolve(schema)


_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": _inlined(ReadingsIn)}}}}


@router.post("/readings", openapi_extra=_BODY)
async def add_readings(
    request: Request, service: ReadingWriter,
    idempotency_key: Annotated[str | None, Header(description="a repeat within 24 h is answered, not applied")] = None,
) -> ReadingsAccepted:  # fmt: skip
    """Bulk readings of one outlet and kind (`ReadingsIn`); durable when this answers."""
    return await service.add_readings(await request.body(), idempotency_key)


@router.get("/readings", response_model=list[Reading], responses={200: {"content": {ARROW: {}}}})
async def read_readings(
    service: ReadingReader,
    outlet_id: Annotated[list[UUID], Query(min_length=1, max_length=1000, description="up to 200 outlets")],
    kind: ReadingKind,
    since: AwareDatetime,
    until: Annotated[AwareDatetime, Query(description="inclusive")],
    accept: Annotated[str, Header()] = "application/json",
) -> Response:
    """Values of up to 200 outlets, at most 500,000, ordered by outlet, factor and time.

    Arrow (columns outlet_id, factor, at, value, flag) where `Accept` asks for it, else JSON.
    """
    columns, outlets = await service.read_readings(outlet_id, kind, since, until)
    if ARROW in accept:
        return Response(to_stream(to_table(columns, outlets)), media_type=ARROW, headers={"Vary": "Accept"})
    body = orjson.dumps(to_records(columns, outlets), option=orjson.OPT_UTC_Z)
    return Response(body, media_type="application/json", headers={"Vary": "Accept"})


@router.get("/outlets/{outlet_id}/series")
async def get_series(  # noqa: PLR0913 - what to draw, and how fine
    outlet_id: UUID, service: ReadingReader, factor: Code, kind: ReadingKind, since: AwareDatetime,
    until: AwareDatetime,
    max_points: Annotated[int, Query(ge=MIN_POINTS, le=MAX_POINTS)] = 4000,
) -> Series:  # fmt: skip
    """A chart's data from `since` to before `until`, with gaps and limits."""
    return await service.get_series(outlet_id, factor, kind, since, until, max_points)


@router.get("/completeness")
async def completeness(
    service: ReadingReader, since: AwareDatetime, until: AwareDatetime,
    enterprise_id: UUID | None = None, outlet_id: UUID | None = None,
) -> list[Completeness]:  # fmt: skip
    """Transmission and validity rates by outlet, from hour readings."""
    return await service.completeness(since, until, enterprise_id=enterprise_id, outlet_id=outlet_id)


@router.get("/freshness")
async def freshness(service: ReadingReader) -> FreshnessOut:
    """How far the data reach."""
    return await service.freshness()
