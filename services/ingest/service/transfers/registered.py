"""Every kind of job of this service: a module adds its `KINDS` here."""

from services.ingest.service.transfers.kinds import Kind, Kinds

ALL: tuple[Kind, ...] = ()


def kinds() -> Kinds:
    """All of them."""
    return Kinds(ALL)
