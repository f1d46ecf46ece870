"""Every kind of job of this service: a module adds its `KINDS` here."""

from services.ingest.service.sheets import exporting, importing
from services.ingest.service.sheets import readings as reading_sheets
from services.ingest.service.transfers import extracts
from services.ingest.service.transfers.kinds import Kind, Kinds

ALL: tuple[Kind, ...] = (*importing.KINDS, *exporting.KINDS, *reading_sheets.KINDS, *extracts.KINDS)


def kinds() -> Kinds:
    """All of them."""
    return Kinds(ALL)
