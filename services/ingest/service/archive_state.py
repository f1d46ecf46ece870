"""How the archive stands."""

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.readings import KIND_NUMBERS
from services.ingest.store.archive import ArchiveStore
from shared.contracts.ingest.archive import ArchiveFileOut, ArchiveOut, ArchiveState, SealFault
from shared.db import raw

KINDS = {number: kind for kind, number in KIND_NUMBERS.items()}


class ArchiveStateService:
    """Reads in the caller's transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get_archive(self) -> ArchiveOut:
        """Files, how far days are sealed, and what went wrong."""
        store = ArchiveStore(await raw(self._session))
        files = [
            ArchiveFileOut(
                **{**file._asdict(), "kind": KINDS[file.kind], "state": ArchiveState(file.state),
                   "sha256": file.sha256.hex()}
            )
            for file in await store.list_files()
        ]  # fmt: skip
        until, opened = await store.seal_state()
        faults = [SealFault(day=day, detail=detail) for day, detail in await store.list_seal_faults()]
        return ArchiveOut(files=files, sealed_until=until, opened_again=opened, faults=faults)
