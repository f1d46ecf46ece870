"""Readings as files of any length, made by a job: CSV, XLSX or Parquet."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import pyarrow as pa
import xlsxwriter  # type: ignore[import-untyped]
from pydantic import AwareDatetime, Field, ValidationError

from services.ingest.domain.extracts import Form, encoder
from services.ingest.service.extracts import MAX_OUTLETS, Ask, ExtractService, check_span, windows
from services.ingest.service.transfers.kinds import Kind, Outcome, Work
from shared.clock import PARK_ZONE
from shared.contracts.ingest import ReadingKind
from shared.contracts.ingest.base import Wire
from shared.contracts.ingest.transfers import TransferDirection
from shared.errors import InvalidError, TooLargeError

XLSX = "xlsx"
XLSX_ROWS = 1_048_575
"""Rows of a sheet without its head."""
XLSX_TIME = "yyyy-mm-dd hh:mm:ss"
FORMATS = (Form.CSV.value, XLSX, Form.PARQUET.value)


class _Parameters(Wire):
    """What to export; `until` is included. `bom`: a CSV begins with a UTF-8 BOM, for Excel."""

    outlet_ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_OUTLETS)]
    kind: ReadingKind
    since: AwareDatetime
    until: AwareDatetime
    format: Annotated[str, Field(pattern=f"^({'|'.join(FORMATS)})$")] = Form.CSV.value
    bom: bool = True


def check(given: dict[str, Any]) -> dict[str, Any]:
    """The parameters, read. Raises `InvalidError` that names the first wrong one."""
    try:
        parameters = _Parameters.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidError(first["msg"], field=".".join(map(str, first["loc"]))) from error
    check_span(_ask(parameters))
    return parameters.model_dump(mode="json")


def _ask(parameters: _Parameters) -> Ask:
    return Ask(parameters.outlet_ids, parameters.kind, parameters.since, parameters.until)


async def run(work: Work) -> Outcome:
    """Write the file, span after span; a step of progress is a span of one outlet."""
    parameters = _Parameters.model_validate(work.parameters)
    ask = _ask(parameters)
    service = ExtractService(work.db, work.intake, work.caller)
    tables = _tables(service, ask, work)
    write = _write_xlsx if parameters.format == XLSX else _write_encoded
    rows = await write(tables, work, parameters)
    name = f"readings-{ask.kind}-{ask.since:%Y%m%d}-{ask.until:%Y%m%d}.{parameters.format}"
    return Outcome({"values": rows, "outlets": len(set(ask.outlet_ids))}, file_name=name)


async def _tables(service: ExtractService, ask: Ask, work: Work) -> AsyncIterator[pa.Table]:
    spans = windows(ask)
    outlet_ids = sorted(set(ask.outlet_ids))
    total, done = len(spans) * len(outlet_ids), 0
    await work.progress(done, total)
    for outlet_id in outlet_ids:
        for since, until in spans:
            one = Ask([outlet_id], ask.kind, since, until)
            async for table in await service.read_tables(one):
                yield table
            done += 1
            await work.progress(done, total)


async def _write_encoded(tables: AsyncIterator[pa.Table], work: Work, parameters: _Parameters) -> int:
    made, rows = encoder(Form(parameters.format), bom=parameters.bom), 0
    with work.target.open("wb") as file:
        async for table in tables:
            file.write(made.add(table))
            rows += table.num_rows
        file.write(made.end())
    return rows


async def _write_xlsx(tables: AsyncIterator[pa.Table], work: Work, parameters: _Parameters) -> int:
    """One sheet, times in Beijing as people read them; memory stays small."""
    del parameters
    book = xlsxwriter.Workbook(work.target, {"constant_memory": True, "strings_to_formulas": False})
    try:
        sheet = book.add_worksheet("readings")
        time = book.add_format({"num_format": XLSX_TIME})
        sheet.write_row(0, 0, ["outlet_id", "factor", "at (UTC+8)", "value", "flag"])
        sheet.set_column(0, 0, 38)
        sheet.set_column(2, 2, 20)
        rows = 0
        async for table in tables:
            if rows + table.num_rows > XLSX_ROWS:
                raise TooLargeError(f"a sheet holds {XLSX_ROWS} rows; choose CSV or Parquet", limit=XLSX_ROWS)
            for values in zip(*(column.to_pylist() for column in table.columns), strict=True):
                rows += 1
                _write_row(sheet, rows, values, time)
    finally:
        book.close()
    return rows


def _write_row(sheet: Any, row: int, values: tuple[Any, ...], time: Any) -> None:
    outlet_id, factor, at, value, flag = values
    local: datetime = at.astimezone(PARK_ZONE).replace(tzinfo=None)
    sheet.write_string(row, 0, outlet_id)
    sheet.write_string(row, 1, factor)
    sheet.write_datetime(row, 2, local, time)
    if value is not None:
        sheet.write_number(row, 3, value)
    sheet.write_string(row, 4, flag)


KINDS = (
    Kind(
        name="export.readings", direction=TransferDirection.EXPORT, formats=FORMATS, scope="readings:read", run=run,
        check=check,
    ),
)  # fmt: skip
