"""Exports of the registry's sheets: what the caller may see, in the form that imports back as it was."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict
from typing import Any
from uuid import UUID

from services.ingest.domain.registry import Outlet
from services.ingest.domain.sheets.columns import Column, columns
from services.ingest.domain.sheets.writing import shown, write_csv, write_xlsx
from services.ingest.service.dossier import DossierService
from services.ingest.service.registry import RegistryService
from services.ingest.service.sheets.adapters import MODELS, SHEET_OF_PART
from services.ingest.service.transfers.kinds import Kind, Outcome, Work
from shared.clock import PARK_ZONE
from shared.contracts.ingest.transfers import TransferDirection
from shared.errors import InvalidError

PAGE = 500
MAX_ROWS = 200_000
FORMATS = ("xlsx", "csv")
LANGUAGES = ("zh", "en")
PART_OF_SHEET = {sheet: part for part, sheet in SHEET_OF_PART.items()}
Row = dict[str, Any]


def check_parameters(given: dict[str, Any]) -> dict[str, Any]:
    """`format`, `language`, and one enterprise where wanted."""
    known = {"format": given.get("format", "xlsx"), "language": given.get("language", "zh")}
    unknown = given.keys() - {"format", "language", "enterprise_id"}
    if unknown:
        raise InvalidError(f"unknown parameter {min(unknown)}", field=min(unknown))
    if known["format"] not in FORMATS:
        raise InvalidError(f"format is one of {', '.join(FORMATS)}", field="format")
    if known["language"] not in LANGUAGES:
        raise InvalidError(f"language is one of {', '.join(LANGUAGES)}", field="language")
    if given.get("enterprise_id"):
        try:
            known["enterprise_id"] = str(UUID(str(given["enterprise_id"])))
        except ValueError as error:
            raise InvalidError("enterprise_id is not an id", field="enterprise_id") from error
    return known


class _Source:
    """Reads the registry page by page; each page in its own short transaction."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._only = UUID(work.parameters["enterprise_id"]) if work.parameters.get("enterprise_id") else None
        self._codes: dict[UUID, str] = {}
        self._outlets: dict[UUID, str] = {}

    async def rows(self, sheet: str) -> AsyncIterator[Row]:
        """Rows of a sheet as fields."""
        reader = {"enterprises": self._enterprise_rows, "outlets": self._outlet_rows, "devices": self._device_rows,
                  "limits": self._limit_rows}.get(sheet)  # fmt: skip
        async for row in reader() if reader else self._entry_rows(sheet):
            yield row

    async def _enterprise_rows(self) -> AsyncIterator[Row]:
        async for enterprise in self._enterprises():
            yield asdict(enterprise)

    async def _enterprises(self) -> AsyncIterator[Any]:
        after: str | None = None
        while True:
            async with self._work.db.transaction() as session:
                service = RegistryService(session, self._work.clock.now, self._work.caller)
                page = await service.list_enterprises(q=None, after=after, limit=PAGE)
            for item in page:
                self._codes[item.id] = item.code
                if self._only in {None, item.id}:
                    yield item
            if len(page) < PAGE:
                return
            after = page[-1].code

    async def _all_outlets(self) -> AsyncIterator[Outlet]:
        async for _ in self._enterprises():
            pass
        after: tuple[str, UUID] | None = None
        while True:
            async with self._work.db.transaction() as session:
                service = RegistryService(session, self._work.clock.now, self._work.caller)
                page = await service.list_outlets(enterprise_id=self._only, after=after, limit=PAGE)
            for item in page:
                self._outlets[item.id] = item.code
                yield item
            if len(page) < PAGE:
                return
            after = (page[-1].code, page[-1].id)

    async def _outlet_rows(self) -> AsyncIterator[Row]:
        async for outlet in self._all_outlets():
            row = {**asdict(outlet), "enterprise": self._codes[outlet.enterprise_id]}
            for factor in outlet.factors or (None,):
                yield {**row, **(asdict(factor) if factor else {})}

    async def _device_rows(self) -> AsyncIterator[Row]:
        owners = {item.id: self._codes[item.enterprise_id] async for item in self._all_outlets()}
        after: str | None = None
        while True:
            async with self._work.db.transaction() as session:
                service = RegistryService(session, self._work.clock.now, self._work.caller)
                page = await service.list_devices(outlet_id=None, after=after, limit=PAGE)
            for item in page:
                if item.outlet_id in owners:
                    yield {
                        **asdict(item),
                        "enterprise": owners[item.outlet_id],
                        "outlet": self._outlets[item.outlet_id],
                    }
            if len(page) < PAGE:
                return
            after = page[-1].mn

    async def _limit_rows(self) -> AsyncIterator[Row]:
        async for outlet in self._all_outlets():
            for limit in outlet.limits:
                yield {**asdict(limit), "enterprise": self._codes[outlet.enterprise_id], "outlet": outlet.code}

    async def _entry_rows(self, sheet: str) -> AsyncIterator[Row]:
        async for _ in self._all_outlets():
            pass
        after: tuple[str, UUID] | None = None
        while True:
            async with self._work.db.transaction() as session:
                service = DossierService(session, self._work.clock.now, self._work.caller)
                page = await service.list_entries(
                    [PART_OF_SHEET[sheet]], enterprise_id=self._only, outlet_id=None, ended=False, after=after,
                    limit=PAGE,
                )  # fmt: skip
            for item in page:
                outlet = self._outlets.get(item.outlet_id, "") if item.outlet_id else ""
                yield {**item.data, "enterprise": self._codes[item.enterprise_id], "outlet": outlet}
            if len(page) < PAGE:
                return
            after = (page[-1].part.value, page[-1].id)


def _cells(row: Row, shape: Iterable[Column], language: str) -> list[str | float]:
    return [shown(row.get(column.field), column.field, language) for column in shape]


def exporter(sheet: str) -> Kind:
    """The kind of job that exports a sheet."""

    async def run(work: Work) -> Outcome:
        language, ending = work.parameters["language"], work.parameters["format"]
        shape = [column for column in columns()[sheet] if not column.secret]
        rows: list[list[str | float]] = []
        async for row in _Source(work).rows(sheet):
            rows.append(_cells(row, shape, language))
            if len(rows) % PAGE == 0:
                await work.progress(len(rows), 0)
            if len(rows) > MAX_ROWS:
                raise InvalidError(f"more than {MAX_ROWS} rows; export one enterprise", limit=MAX_ROWS)
        header = [column.name(language) for column in shape]
        if ending == "csv":
            await asyncio.to_thread(write_csv, work.target, header, rows)
        else:
            await asyncio.to_thread(write_xlsx, work.target, sheet, header, rows)
        day = work.clock.now().astimezone(PARK_ZONE).strftime("%Y%m%d")
        return Outcome({"rows": len(rows)}, file_name=f"{sheet}-{day}.{ending}")

    return Kind(
        name=f"export.{sheet}", direction=TransferDirection.EXPORT, formats=FORMATS, scope="registry:read", run=run,
        check=check_parameters,
    )  # fmt: skip


KINDS = tuple(exporter(sheet) for sheet in MODELS)
