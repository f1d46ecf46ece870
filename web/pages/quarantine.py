"""The quarantine 隔离区: refused packets, one with its bytes, and what is done with them."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import Response

from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest import PacketStatus
from shared.contracts.ingest.packets import PacketAct, PacketActIn, PacketDetail, RetryFilter, RetryReport
from web.acts import parse_local_time
from web.frame import set_frame
from web.htmx import redirect
from web.i18n import gettext
from web.packet_words import reason_name, reason_options, reason_words
from web.pages.devices import ReaderViewer
from web.refusals import RETRY_STATUS, refusal
from web.render import render
from web.session import RoleNeeded, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
LIST = "pages/quarantine/list.html"
PAGE = "pages/quarantine/packet.html"
ACTORS = (Role.SUPERVISOR_LEAD, Role.OFFICER, Role.ADMIN)
ActorViewer = Annotated[Viewer, Depends(RoleNeeded(*ACTORS))]
BYTES_A_LINE = 16
PRINTABLE = range(0x20, 0x7F)
INVALID = 422


def _time(text: str) -> datetime | None:
    try:
        return parse_local_time(text).astimezone(UTC) if text else None
    except ValueError:
        return None


async def _listed(viewer: Viewer, chosen: dict[str, str], **more: Any) -> dict[str, Any]:
    view = chosen["view"] if chosen["view"] in {"open", "refused", "all"} else "open"
    packets = await viewer.backends.ingest.list_packets(
        status=PacketStatus.QUARANTINED.value if view == "refused" else None,
        reason=chosen["reason"] or None, mn=chosen["mn"] or None, since=_time(chosen["since"]),
        until=_time(chosen["until"]), open_=view == "open", cursor=chosen["cursor"] or None, limit=50,
    )  # fmt: skip
    return {
        "packets": packets, **chosen, "view": view, "reasons": reason_options(), "reason_name": reason_name,
        "may_act": viewer.has(*ACTORS), "report": None, "error": "", **more,
    }  # fmt: skip


@router.get("/quarantine")
async def list_packets(  # noqa: PLR0913 - filters
    request: Request, viewer: ReaderViewer,
    view: Annotated[str, Query(max_length=10)] = "open",
    reason: Annotated[str, Query(max_length=60)] = "",
    mn: Annotated[str, Query(max_length=64)] = "",
    since: Annotated[str, Query(max_length=30)] = "",
    until: Annotated[str, Query(max_length=30)] = "",
    cursor: Annotated[str, Query(max_length=500)] = "",
) -> Response:  # fmt: skip
    """Packets that were refused, or the whole journal."""
    chosen = {"view": view, "reason": reason, "mn": mn.strip(), "since": since, "until": until, "cursor": cursor}
    return render(request, LIST, block="list", **await _listed(viewer, chosen))


@router.post("/quarantine/retry")
async def retry_packets(
    request: Request, viewer: ActorViewer,
    reason: Annotated[str, Form(max_length=60)] = "",
    mn: Annotated[str, Form(max_length=64)] = "",
    since: Annotated[str, Form(max_length=30)] = "",
    until: Annotated[str, Form(max_length=30)] = "",
) -> Response:  # fmt: skip
    """Try the open packets of the filter again, and show what became of them."""
    wanted = RetryFilter(reason=reason or None, mn=mn or None, since=_time(since), until=_time(until))
    report: RetryReport | None = None
    error, status = "", 200
    try:
        report = await viewer.backends.ingest.retry_packets(wanted)
    except ServiceCallError as refused:
        if refused.status not in RETRY_STATUS:
            raise
        error, status = refusal(refused), refused.status
    chosen = {"view": "open", "reason": reason, "mn": mn, "since": since, "until": until, "cursor": ""}
    return render(request, LIST, status=status, **await _listed(viewer, chosen, report=report, error=error))


def hex_lines(digits: str) -> list[tuple[str, str, str]]:
    """Offset, bytes and text of each line of sixteen bytes."""
    raw = bytes.fromhex(digits)
    lines = [(start, raw[start : start + BYTES_A_LINE]) for start in range(0, len(raw), BYTES_A_LINE)]
    return [
        (f"{start:04x}", line.hex(" "), "".join(chr(byte) if byte in PRINTABLE else "·" for byte in line))
        for start, line in lines
    ]


def _context(viewer: Viewer, packet: PacketDetail, **more: Any) -> dict[str, Any]:
    return {
        "packet": packet, "words": reason_words(packet.reason), "reason_name": reason_name,
        "lines": hex_lines(packet.hex), "may_act": viewer.has(*ACTORS), "errors": {}, "reason": "", **more,
    }  # fmt: skip


@router.get("/quarantine/{packet_id}")
async def show_packet(request: Request, viewer: ReaderViewer, packet_id: int) -> Response:
    """One packet: what is wrong, its bytes, what can be read of them, what was done."""
    packet = await viewer.backends.ingest.get_packet(packet_id)
    return render(request, PAGE, **_context(viewer, packet))


@router.post("/quarantine/{packet_id}")
async def act_on_packet(
    request: Request,
    viewer: ActorViewer,
    packet_id: int,
    act: Annotated[str, Form(max_length=20)] = "",
    reason: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    """Try again, discard, hold or release."""
    ingest = viewer.backends.ingest
    errors: dict[str, str] = {}
    status = INVALID
    if act not in set(PacketAct):
        errors["form"] = gettext("Choose what is to be done.")
    elif act in {PacketAct.DISCARD, PacketAct.HOLD} and not reason.strip():
        errors["reason"] = gettext("This is needed for the decision.")
    else:
        try:
            if act == PacketAct.RETRY:
                await ingest.retry_packet(packet_id)
            else:
                await ingest.act_on_packet(packet_id, PacketActIn(act=PacketAct(act), reason=reason.strip()))
        except ServiceCallError as error:
            if error.status not in RETRY_STATUS:
                raise
            errors["form"], status = refusal(error), error.status
        else:
            return redirect(request, f"/quarantine/{packet_id}")
    packet = await ingest.get_packet(packet_id)
    return render(request, PAGE, status=status, **_context(viewer, packet, errors=errors, reason=reason))
