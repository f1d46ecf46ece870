"""HTTP of readings: bulk in, many forms out, charts, freshness."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import AwareDatetime, BaseModel

from services.ingest.deps import ReadingExtracts, ReadingReader, ReadingWriter
from services.ingest.domain.extracts import Form, form_of
from services.ingest.routes.extracts import FORMS, MAX_PAGE, USUAL_PAGE, Wanted, answer
from services.ingest.service.extracts import Ask
from shared.contracts.ingest import (
    Code,
    FreshnessOut,
    Reading,
    ReadingKind,
    ReadingsAccepted,
    ReadingsIn,
    Series,
)
from shared.contracts.ingest.archive import OriginOut
from shared.contracts.ingest.readings import Sparks, SparksAsk

MIN_POINTS, MAX_POINTS = 10, 20_000
MOST_FACTORS = 100
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


@router.get("/readings", response_model=list[Reading], responses={200: {"content": FORMS}})
async def read_readings(  # noqa: PLR0913, PLR0917 - what to read, and in which form
    request: Request,
    service: ReadingExtracts,
    outlet_id: Annotated[list[UUID], Query(min_length=1, max_length=1000, description="up to 200 outlets")],
    kind: ReadingKind,
    since: AwareDatetime,
    until: Annotated[AwareDatetime, Query(description="inclusive")],
    accept: Annotated[str, Header()] = "application/json",
    format: Annotated[Form | None, Query(description="goes before Accept")] = None,  # noqa: A002 - the wire's name
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="JSON: values of a page")] = USUAL_PAGE,
    cursor: Annotated[str | None, Query(max_length=300, description="JSON: from Link rel=next")] = None,
    bom: Annotated[bool, Query(description="CSV: begin with a UTF-8 BOM, for Excel")] = False,  # noqa: FBT002
    factor: Annotated[list[Code] | None, Query(max_length=MOST_FACTORS, description="only these; default all")] = None,
) -> Response:
    """Values of up to 200 outlets by outlet, factor and time: outlet_id, factor, at, value, flag.

    JSON comes in pages (`Link: rel=next`). CSV, Parquet and Arrow come whole, up to 50 million values; beyond
    500,000 values they are streamed, ordered by outlet, span of time, factor and time.
    """
    ask = Ask(outlet_id, kind, since, until, factor or ())
    return await answer(request, service, ask, Wanted(format or form_of(accept), limit, cursor, bom))


@router.get("/outlets/{outlet_id}/series")
async def get_series(  # noqa: PLR0913 - what to draw, and how fine
    outlet_id: UUID, service: ReadingReader, factor: Code, kind: ReadingKind, since: AwareDatetime,
    until: AwareDatetime,
    max_points: Annotated[int, Query(ge=MIN_POINTS, le=MAX_POINTS)] = 4000,
) -> Series:  # fmt: skip
    """A chart's data from `since` to before `until`, with gaps and limits."""
    return await service.get_series(outlet_id, factor, kind, since, until, max_points)


@router.get("/outlets/{outlet_id}/origins")
async def list_origins(
    outlet_id: UUID, service: ReadingReader, kind: ReadingKind, since: AwareDatetime, until: AwareDatetime
) -> list[OriginOut]:
    """When and from which source the values of up to 31 days came, open, sealed or archived, in runs."""
    return await service.list_origins(outlet_id, kind, since, until)


@router.post("/series/sparks")
async def get_sparks(asked: SparksAsk, service: ReadingReader) -> Sparks:
    """Small curves of many outlets and factors in one call, in the order of the asks."""
    return await service.get_sparks(asked)


@router.get("/freshness")
async def freshness(service: ReadingReader) -> FreshnessOut:
    """How far the data reach."""
    return await service.freshness()
