"""Calls on imports and exports that run as jobs."""

from typing import Any
from uuid import UUID

from shared.clients.base import ServiceClient
from shared.contracts.ingest.transfers import (
    ImportMode,
    TransferDirection,
    TransferIn,
    TransferKindOut,
    TransferOut,
)
from shared.http import Page


class TransferCalls(ServiceClient):
    """Calls on imports and exports that run as jobs."""

    async def list_transfer_kinds(self) -> list[TransferKindOut]:
        """Kinds the caller may start."""
        return [TransferKindOut.model_validate(item) for item in await self.get_json("/v1/transfer-kinds")]

    async def list_transfers(
        self, *, direction: TransferDirection | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[TransferOut]:
        """Jobs of the caller's organisation, newest first, without their row errors."""
        value = direction.value if direction else None
        answer = await self.get_json("/v1/transfers", direction=value, cursor=cursor, limit=limit)
        return Page[TransferOut].model_validate(answer)

    async def get_transfer(self, transfer_id: UUID) -> TransferOut:
        """One job with its row errors."""
        return TransferOut.model_validate(await self.get_json(f"/v1/transfers/{transfer_id}"))

    async def start_export(self, kind: str, **parameters: Any) -> TransferOut:
        """Ask for a file."""
        given = TransferIn(kind=kind, parameters=parameters)
        return TransferOut.model_validate(await self.post_json("/v1/transfers", given))

    async def start_import(
        self, kind: str, name: str, content: bytes, *, mode: ImportMode = ImportMode.CHECK, **parameters: Any
    ) -> TransferOut:
        """Hand in a file. The default only looks at it."""
        response = await self.request(
            "POST", "/v1/transfers/files", content=content,
            params={"kind": kind, "name": name, "mode": mode.value, **parameters},
            headers={"Content-Type": "application/octet-stream"}, timeout=60.0,
        )  # fmt: skip
        return TransferOut.model_validate(response.json())

    async def apply_transfer(self, transfer_id: UUID, *, mode: ImportMode = ImportMode.ALL) -> TransferOut:
        """Import the file of a check; a new job."""
        answer = await self.request("POST", f"/v1/transfers/{transfer_id}/apply", params={"mode": mode.value})
        return TransferOut.model_validate(answer.json())

    async def read_template(self, sheet: str, *, format_: str = "xlsx", language: str = "zh") -> bytes:
        """An empty sheet with the columns of an import."""
        params = {"format": format_, "language": language}
        return (await self.request("GET", f"/v1/import-templates/{sheet}", params=params)).content

    async def cancel_transfer(self, transfer_id: UUID) -> TransferOut:
        """Stop a job that has not ended."""
        return TransferOut.model_validate(await self.post_json(f"/v1/transfers/{transfer_id}/cancel"))

    async def read_transfer_file(self, transfer_id: UUID) -> bytes:
        """The file of an export that is done."""
        return (await self.request("GET", f"/v1/transfers/{transfer_id}/file", timeout=60.0)).content
