"""Imports and exports: hand in a file, look at the check, confirm, watch it run, fetch a file."""

from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request, UploadFile
from starlette.responses import Response

from shared.clients.base import ServiceCallError
from shared.contracts.ingest.transfers import MAX_UPLOAD, ImportMode, TransferDirection, TransferOut, TransferState
from web.frame import set_frame
from web.htmx import redirect
from web.i18n import current_language, gettext
from web.registry_words import TABLES, refusal_text
from web.render import render
from web.session import SomeViewer, Viewer

router = APIRouter(include_in_schema=False, dependencies=[Depends(set_frame)])
LIST = "pages/transfers/list.html"
PAGE = "pages/transfers/detail.html"
SHOWN_ERRORS = 200
READINGS = ("hour", "day", "minute")
REFUSED = frozenset({404, 413, 422, 429})
Sheet = Annotated[str, Form(max_length=40, pattern=r"^[a-z_]*$")]


def _language() -> str:
    """The language of files for this reader."""
    return "en" if current_language.get() == "en" else "zh"


async def _lists(viewer: Viewer, cursor: str = "") -> dict[str, Any]:
    ingest = viewer.backends.ingest
    kinds = await ingest.list_transfer_kinds()
    jobs = await ingest.list_transfers(cursor=cursor or None, limit=30)
    by_direction = {
        direction: [item.kind.partition(".")[2] for item in kinds if item.direction is direction]
        for direction in TransferDirection
    }
    return {
        "jobs": jobs, "imports": by_direction[TransferDirection.IMPORT],
        "exports": [item for item in by_direction[TransferDirection.EXPORT] if item in known_sheets()],
        "readings": READINGS, "errors": {}, "chosen": "",
    }  # fmt: skip


def known_sheets() -> frozenset[str]:
    """Sheets this page can ask for without further parameters."""
    return frozenset(TABLES["sheet"])


@router.get("/imports")
async def list_transfers(
    request: Request, viewer: SomeViewer, cursor: Annotated[str, Query(max_length=500)] = "",
    sheet: Annotated[str, Query(max_length=40)] = "",
) -> Response:  # fmt: skip
    """Hand in a file, ask for one, and the jobs so far."""
    return render(request, LIST, **{**await _lists(viewer, cursor), "chosen": sheet})


@router.post("/imports")
async def start_import(
    request: Request, viewer: SomeViewer, file: UploadFile, sheet: Sheet = "",
    readings: Annotated[str, Form(max_length=10)] = "hour",
) -> Response:  # fmt: skip
    """Hand in a file to be looked at; nothing is written yet."""
    more: dict[str, Any] = {"readings": readings} if sheet == "readings" else {}
    try:
        _check_size(file)
        content = await file.read()
        job = await viewer.backends.ingest.start_import(f"import.{sheet}", file.filename or "-", content, **more)
    except ServiceCallError as error:
        if error.status not in REFUSED:
            raise
        said = {"file": _said(error)}
        return render(request, LIST, status=422, **{**await _lists(viewer), "errors": said, "chosen": sheet})
    return redirect(request, f"/imports/{job.id}")


def _check_size(file: UploadFile) -> None:
    if (file.size or 0) > MAX_UPLOAD:
        raise ServiceCallError("ingest", 413, "too_large", "the file is too large")


def _said(error: ServiceCallError) -> str:
    known = {
        404: gettext("Choose what the file holds."), 413: gettext("The file is larger than 16 MB."),
        429: gettext("Too many jobs are waiting. Let some of them end first."),
    }.get(error.status)  # fmt: skip
    return known or gettext("Choose a file that ends in .xlsx or .csv and is not empty.")


@router.post("/exports")
async def start_export(
    request: Request, viewer: SomeViewer, sheet: Sheet = "", format: Annotated[str, Form(max_length=10)] = "xlsx",  # noqa: A002
    enterprise_id: Annotated[str, Form(max_length=40)] = "",
) -> Response:  # fmt: skip
    """Ask for a file of the registry."""
    more = {"enterprise_id": enterprise_id} if enterprise_id else {}
    job = await viewer.backends.ingest.start_export(f"export.{sheet}", format=format, language=_language(), **more)
    return redirect(request, f"/imports/{job.id}")


@router.get("/imports/templates/{sheet}")
async def read_template(
    viewer: SomeViewer, sheet: str, format: Annotated[str, Query(pattern="^(xlsx|csv)$")] = "xlsx"  # noqa: A002
) -> Response:  # fmt: skip
    """An empty sheet to fill."""
    content = await viewer.backends.ingest.read_template(sheet, format_=format, language=_language())
    return _file(content, f"{sheet}.{format}")


def _file(content: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}", "Cache-Control": "no-store"}
    return Response(content, media_type="application/octet-stream", headers=headers)


def _context(job: TransferOut) -> dict[str, Any]:
    sheet = job.kind.partition(".")[2]
    reason = str(job.result.get("reason", ""))
    return {
        "job": job, "sheet": sheet if sheet in known_sheets() else "", "ended": job.state not in OPEN,
        "mode": job.parameters.get("mode", ""), "reason": refusal_text(reason, job.reason, job.result),
        "refusals": [(item, refusal_text(item.code, item.message, item.values)) for item in job.errors[:SHOWN_ERRORS]],
    }  # fmt: skip


OPEN = frozenset({TransferState.QUEUED, TransferState.RUNNING})


@router.get("/imports/{transfer_id}")
async def show_transfer(request: Request, viewer: SomeViewer, transfer_id: UUID) -> Response:
    """A job: progress while it runs, then its result and the refused rows."""
    job = await viewer.backends.ingest.get_transfer(transfer_id)
    return render(request, PAGE, block="job", **_context(job))


@router.post("/imports/{transfer_id}/apply")
async def apply_transfer(
    request: Request, viewer: SomeViewer, transfer_id: UUID, mode: Annotated[ImportMode, Form()]
) -> Response:
    """Import what was checked."""
    job = await viewer.backends.ingest.apply_transfer(transfer_id, mode=mode)
    return redirect(request, f"/imports/{job.id}")


@router.post("/imports/{transfer_id}/cancel")
async def cancel_transfer(request: Request, viewer: SomeViewer, transfer_id: UUID) -> Response:
    """Stop a job; one that ended in the meantime stays as it is."""
    try:
        await viewer.backends.ingest.cancel_transfer(transfer_id)
    except ServiceCallError as error:
        if error.status != 409:  # noqa: PLR2004 - it ended by itself
            raise
    return redirect(request, f"/imports/{transfer_id}")


@router.get("/imports/{transfer_id}/file")
async def read_file(viewer: SomeViewer, transfer_id: UUID) -> Response:
    """The file of an export."""
    ingest = viewer.backends.ingest
    job = await ingest.get_transfer(transfer_id)
    return _file(await ingest.read_transfer_file(transfer_id), job.file_name)
