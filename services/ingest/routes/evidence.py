"""HTTP of evidence: files that prove marks and quality-assurance records."""

from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, File, Response, UploadFile

from services.ingest.deps.marks import EvidenceReader, EvidenceWriter
from services.ingest.domain.marks.files import file_rules
from services.ingest.routes.marks import mark_out
from shared.contracts.ingest.marks import MarkOut

router = APIRouter(prefix="/v1", tags=["marks"])
SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-store",
}
Upload = Annotated[
    UploadFile, File(description="PDF, JPEG, PNG or XLSX up to 10 MB; the type is read from the content")
]


async def content_of(file: UploadFile) -> bytes:
    """The bytes, one more than the limit at most: enough to know that it is too large."""
    return await file.read(file_rules().limit + 1)


@router.post("/marks/{mark_id}/evidence", status_code=201)
async def add_mark_evidence(mark_id: UUID, service: EvidenceWriter, file: Upload) -> MarkOut:
    """Hand in a file that proves a mark."""
    return mark_out(await service.add_to_mark(mark_id, file.filename or "", await content_of(file)), service.marks)


@router.get("/mark-evidence/{evidence_id}", response_class=Response)
async def read_mark_evidence(evidence_id: UUID, service: EvidenceReader) -> Response:
    """The original, to save; never to be shown in place."""
    file, content = await service.read(evidence_id)
    headers = {
        **SAFE_HEADERS, "ETag": f'"{file.sha256}"',
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name)}",
    }  # fmt: skip
    return Response(content, media_type=file.media_type, headers=headers)
