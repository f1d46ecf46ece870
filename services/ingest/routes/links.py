"""HTTP of links: summary, list, one device with history and settings, unknown devices."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response

from services.ingest.deps.links import LinkReader, LinkWriter, StrangerReader
from services.ingest.domain.devices import Settings
from services.ingest.hj212.codec.tables import Described, describe, describe_value
from services.ingest.routes.answers import page_of
from services.ingest.routes.cursors import code_cursor, heard_cursor, number_cursor
from services.ingest.service.links import DeviceView
from shared.contracts.ingest.links import (
    DeviceDetail,
    DeviceEventOut,
    DeviceSettings,
    DeviceSettingsChange,
    FieldInfoOut,
    LinkedDevice,
    LinkFilter,
    LinkOut,
    LinkSummary,
    OddityOut,
    Traffic,
    TrafficDay,
    UnknownDeviceOut,
)
from shared.http import MAX_PAGE, Page, etag_of, link_next, version_from

router = APIRouter(prefix="/v1", tags=["links"])
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Cursor = Annotated[str | None, Query(max_length=400)]
IfMatch = Annotated[str | None, Header(description="version of the settings as last seen")]


def _picked(row: dict[str, Any], *models: type[Any]) -> dict[str, Any]:
    return {name: row[name] for model in models for name in model.model_fields if name in row}


def _linked(row: dict[str, Any]) -> LinkedDevice:
    return LinkedDevice(
        **_picked(row, LinkedDevice), link=LinkOut(**_picked(row, LinkOut)), week=Traffic(**_picked(row, Traffic))
    )


def _settings(settings: Settings) -> DeviceSettings:
    return DeviceSettings(**_picked(vars(settings), DeviceSettings))


def _oddities(rows: list[dict[str, Any]], settings: Settings | None) -> list[OddityOut]:
    return [
        OddityOut(**_picked(row, OddityOut), accepted=settings is None or settings.takes(row["name"])) for row in rows
    ]


def _field_info(row: dict[str, Any]) -> FieldInfoOut:
    known = describe(row["code"]) or Described("", "", "")
    zh, en = describe_value(row["code"], row["value"])
    return FieldInfoOut(
        **{**row, "factor": row["factor"] or None}, name_zh=known.zh, name_en=known.en, unit=known.unit, value_zh=zh,
        value_en=en,
    )  # fmt: skip


def _detail(view: DeviceView) -> DeviceDetail:
    row = view.row
    own = _picked(row, DeviceDetail)
    del own["repairs"]
    return DeviceDetail(
        **own,
        link=row["state"],
        detail=LinkOut(**_picked(row, LinkOut)),
        settings=_settings(view.settings),
        week=Traffic(**_picked(row, Traffic)),
        days=[TrafficDay(**day) for day in view.days],
        repairs=_oddities(view.repairs, view.settings),
        rejections=_oddities(view.rejections, None),
        field_info=[_field_info(item) for item in view.field_info],
    )


@router.get("/links")
async def summary(service: LinkReader) -> LinkSummary:
    """How many devices in use are in which state."""
    return LinkSummary(**await service.summary())


@router.get("/links/devices")
async def list_links(  # noqa: PLR0913 - filters
    service: LinkReader, request: Request, response: Response,
    which: LinkFilter = LinkFilter.ALL,
    q: Annotated[str | None, Query(max_length=100, description="part of MN, outlet or enterprise")] = None,
    cursor: Cursor = None, limit: Limit = 100,
) -> Page[LinkedDevice]:  # fmt: skip
    """Devices with link, counts of seven days and the repairs they need, by MN."""
    found = await service.list_links(which=which, q=q, after=code_cursor(cursor), limit=limit + 1)
    page = page_of(found, limit, _linked, lambda row: [row["mn"]])
    link_next(request, response, page.next)
    return page


@router.get("/devices/{device_id}")
async def get_device(device_id: UUID, service: LinkReader, response: Response) -> DeviceDetail:
    """One device with link, settings, counts of thirty days, repairs and rejections. The ETag is of the settings."""
    view = await service.get_device(device_id)
    response.headers["ETag"] = etag_of(view.settings.version)
    return _detail(view)


@router.get("/devices/{device_id}/history")
async def list_history(
    device_id: UUID, service: LinkReader, request: Request, response: Response,
    cursor: Cursor = None, limit: Limit = 100,
) -> Page[DeviceEventOut]:  # fmt: skip
    """Changes of its link, the newest first."""
    found = await service.list_history(device_id, before=number_cursor(cursor), limit=limit + 1)
    page = page_of(found, limit, lambda row: DeviceEventOut(**row), lambda row: [row["id"]])
    link_next(request, response, page.next)
    return page


@router.patch("/devices/{device_id}/settings")
async def change_settings(
    device_id: UUID, change: DeviceSettingsChange, service: LinkWriter, response: Response, if_match: IfMatch = None
) -> DeviceDetail:
    """Change edition, tolerance, networks, PW, its check, SM4 key; takes effect within some seconds."""
    view = await service.change_settings(device_id, change, version_from(if_match))
    response.headers["ETag"] = etag_of(view.settings.version)
    return _detail(view)


@router.get("/unknown-devices")
async def list_unknown_devices(
    service: StrangerReader, request: Request, response: Response, cursor: Cursor = None, limit: Limit = 100
) -> Page[UnknownDeviceOut]:
    """MNs that sent frames and are not registered, heard last first."""
    found = await service.list_unknown_devices(before=heard_cursor(cursor), limit=limit + 1)
    page = page_of(found, limit, lambda row: UnknownDeviceOut(**row), _stranger_keys)
    link_next(request, response, page.next)
    return page


def _stranger_keys(row: dict[str, Any]) -> list[object]:
    last_at: datetime = row["last_at"]
    return [last_at.isoformat(), row["mn"]]
