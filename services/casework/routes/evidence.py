"""HTTP of evidence and of the audit chain."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from services.casework.deps import (
    Acting,
    Audit,
    Auditor,
    EvidenceUse,
    Reader,
    Received,
)
from shared.contracts.casework import AuditEntryOut, AuditVerdict, EvidenceKind, EvidenceOut
from shared.http import Page, link_next

router = APIRouter(prefix="/v1", tags=["evidence and audit"])
FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["case_id", "kind", "file"],
                    "properties": {
                        "case_id": {"type": "string", "format": "uuid"},
                        "kind": {"type": "string", "enum": [kind.value for kind in EvidenceKind]},
                        "finding_id": {"type": "string", "format": "uuid"},
                        "file": {"type": "string", "contentMediaType": "application/octet-stream"},
                    },
                }
            }
        },
    }
}
SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-store",
}


@router.post("/evidence", status_code=201, openapi_extra=FORM)
async def add_evidence(arrived: Received, service: EvidenceUse, actor: Acting) -> EvidenceOut:
    """Hand in a file: the fields first, then the file. Its type is taken from the content."""
    return await service.add_evidence(arrived, actor)


@router.get("/evidence/{evidence_id}")
async def get_evidence(evidence_id: UUID, service: EvidenceUse, reader: Reader) -> EvidenceOut:
    """What is known of a file."""
    return await service.get_evidence(evidence_id, reader)


@router.get("/evidence/{evidence_id}/content", response_class=FileResponse)
async def read_evidence(evidence_id: UUID, service: EvidenceUse, reader: Reader) -> FileResponse:
    """The original, to save; never to be shown in place."""
    stored = await service.read_evidence(evidence_id, reader)
    headers = {**SAFE_HEADERS, "ETag": f'"{stored.sha256}"'}
    return FileResponse(stored.path, media_type=stored.media_type, filename=stored.name, headers=headers)


@router.get("/audit")
async def list_audit(
    request: Request,
    response: Response,
    service: Audit,
    _auditor: Auditor,
    subject: Annotated[str | None, Query(max_length=80, description="as in case:<id>")] = None,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[AuditEntryOut]:
    """Audit rows, newest first."""
    page = await service.list_audit(subject, cursor, limit)
    link_next(request, response, page.next)
    return page


@router.get("/audit/verdict")
async def verify_audit(service: Audit, _auditor: Auditor) -> AuditVerdict:
    """Walk the chain and tell whether it is whole."""
    return await service.verify_audit()
