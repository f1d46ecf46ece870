"""Evidence files: casework checks who may read one, the portal hands it on without letting a browser run it."""

from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from web.session import SomeViewer

router = APIRouter(include_in_schema=False)
SHOWN_INLINE = frozenset({"image/jpeg", "image/png", "image/webp", "application/pdf"})
SANDBOX = "default-src 'none'; img-src 'self'; style-src 'none'; sandbox"


@router.get("/files/{evidence_id}")
async def show_file(viewer: SomeViewer, evidence_id: UUID) -> Response:
    """The file; photos and PDF open in the browser, everything else is saved."""
    casework = viewer.backends.casework
    known = await casework.get_evidence(evidence_id)
    content = await casework.read_evidence(evidence_id)
    way = "inline" if known.media_type in SHOWN_INLINE else "attachment"
    headers = {
        "Content-Disposition": f"{way}; filename*=UTF-8''{quote(known.name)}",
        "Content-Security-Policy": SANDBOX,
        "Cache-Control": "private, max-age=300",
        "Digest": f"sha-256={known.sha256}",
    }
    return Response(content, media_type=known.media_type, headers=headers)
