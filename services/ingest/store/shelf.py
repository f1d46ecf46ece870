"""The folder of files that were sent for import or made by an export."""

import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from shared.errors import TooLargeError


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise TooLargeError(f"the file is larger than {limit} bytes", limit=limit)


class Shelf:
    """Files by the id of their job: `<id>.in` as it was sent, `<id>.out` as it was made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def source(self, transfer_id: UUID) -> Path:
        """Where a file for import lies."""
        return self._folder / f"{transfer_id}.in"

    def target(self, transfer_id: UUID) -> Path:
        """Where an export's file lies; made under `.part` until it is whole."""
        return self._folder / f"{transfer_id}.out"

    def part(self, transfer_id: UUID) -> Path:
        """Where an export's file grows."""
        self._prepare()
        return self._folder / f"{transfer_id}.part"

    async def receive(self, transfer_id: UUID, chunks: AsyncIterator[bytes], limit: int) -> int:
        """Keep a file that arrives; its size. `TooLargeError` beyond `limit`, and nothing stays."""
        self._prepare()
        place, size = self.source(transfer_id), 0
        try:
            with place.open("wb") as file:
                async for chunk in chunks:
                    size += len(chunk)
                    _check_size(size, limit)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            self._remove(place)
            raise
        return size

    def finish(self, transfer_id: UUID) -> int:
        """An export's file is whole; its size."""
        part = self.part(transfer_id)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(self.target(transfer_id))
        return self.target(transfer_id).stat().st_size

    def forget(self, transfer_id: UUID) -> None:
        """Remove all files of a job."""
        for place in (self.source(transfer_id), self.target(transfer_id), self._folder / f"{transfer_id}.part"):
            self._remove(place)

    @staticmethod
    def _remove(place: Path) -> None:
        with suppress(FileNotFoundError):
            place.unlink()

    def _prepare(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
