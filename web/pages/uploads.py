"""Files on their way to casework, which looks at their content and keeps them as evidence."""

from pathlib import PurePath
from uuid import UUID

from starlette.datastructures import FormData, UploadFile

from shared.clients.base import ServiceCallError
from shared.contracts.casework import EvidenceKind, EvidenceOut
from web.acts import FormError
from web.i18n import gettext
from web.session import Viewer

MOST_FILES = 10
MOST_BYTES = 50 * 1024 * 1024
MOST_NAME = 120
FIELDS = ("photos", "documents")
TAKEN_ERRORS = frozenset({413, 415, 422})
"""Refusals of a file that its sender can mend by choosing another."""

KINDS = {
    ".jpg": EvidenceKind.PHOTO, ".jpeg": EvidenceKind.PHOTO, ".png": EvidenceKind.PHOTO, ".heic": EvidenceKind.PHOTO,
    ".webp": EvidenceKind.PHOTO, ".mp4": EvidenceKind.VIDEO, ".mov": EvidenceKind.VIDEO, ".csv": EvidenceKind.DATA,
    ".parquet": EvidenceKind.DATA, ".zip": EvidenceKind.DATA, ".txt": EvidenceKind.DATA,
}  # fmt: skip


def form_files(form: FormData) -> list[UploadFile]:
    """Files a person chose; an empty file field sends one without a name."""
    given = [item for field in FIELDS for item in form.getlist(field)]
    return [item for item in given if isinstance(item, UploadFile) and item.filename]


def kind_of(name: str, default: EvidenceKind) -> EvidenceKind:
    """The kind of evidence a file's name suggests; casework checks the content."""
    return KINDS.get(PurePath(name).suffix.lower(), default)


async def upload(
    viewer: Viewer,
    case_id: UUID,
    files: list[UploadFile],
    default: EvidenceKind = EvidenceKind.DOCUMENT,
    finding_id: UUID | None = None,
) -> list[EvidenceOut]:
    """Hand files to casework one by one; raises `FormError` for too many or too large ones before any is sent."""
    if len(files) > MOST_FILES:
        raise FormError({"files": gettext("At most %(n)s files at a time.") % {"n": MOST_FILES}})
    for file in files:
        if (file.size or 0) > MOST_BYTES:
            raise FormError({"files": gettext("%(name)s is larger than 50 MB.") % {"name": file.filename}})
    kept = []
    for file in files:
        name = PurePath(str(file.filename).replace("\\", "/")).name[-MOST_NAME:]
        kept.append(
            await viewer.backends.casework.add_evidence(
                case_id, name, await file.read(), kind=kind_of(name, default), finding_id=finding_id,
                media_type=file.content_type or "application/octet-stream",
            )
        )  # fmt: skip
    return kept


def upload_problem(error: ServiceCallError) -> str:
    """Why casework did not take a file."""
    advice = {
        413: gettext("The file is larger than allowed."),
        415: gettext("This type of file is not accepted. Photos, PDF, Word, Excel, CSV and text files are."),
    }.get(error.status, gettext("The file was not accepted."))
    return f"{advice} {error.message}"
