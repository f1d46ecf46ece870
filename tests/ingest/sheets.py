"""Files of tests: workbooks and CSV, honest and hostile."""

import io
import struct
import zipfile
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]

from services.ingest.service.transfers.runner import Runner
from shared.clients.ingest import IngestClient
from shared.contracts.ingest.transfers import ImportMode, TransferOut


def make_xlsx(*rows: list[Any], formulas: dict[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet("data")
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
        for place, formula in (formulas or {}).items():
            sheet.write_formula(place, formula, None, 42)
    return out.getvalue()


def make_csv(*rows: list[Any], encoding: str = "utf-8") -> bytes:
    return "".join(",".join(str(cell) for cell in row) + "\r\n" for row in rows).encode(encoding)


def with_sheet(xml: bytes | None = None, *, lie: bool = False, extra: tuple[str, bytes] | None = None) -> bytes:
    """A workbook whose only sheet is this XML; `lie` writes a small size into the directory of the ZIP."""
    source = zipfile.ZipFile(io.BytesIO(make_xlsx(["a"], [1])))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for item in source.infolist():
            content = source.read(item)
            if xml is not None and item.filename == "xl/worksheets/sheet1.xml":
                content = xml
            package.writestr(item.filename, content)
        if extra:
            package.writestr(*extra)
    content = out.getvalue()
    if lie and xml is not None:
        real, told = struct.pack("<I", len(xml)), struct.pack("<I", 100)
        content = content.replace(real, told)
    return content


def sheet_xml(cells: bytes) -> bytes:
    head = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    return head + cells + b"</sheetData></worksheet>"


async def bring_in(
    client: IngestClient, runner: Runner, sheet: str, content: bytes, *, name: str = "rows.csv",
    mode: ImportMode = ImportMode.ALL, **parameters: str,
) -> TransferOut:  # fmt: skip
    """Hand in a file and do the job; how it ended."""
    asked = await client.start_import(f"import.{sheet}", name, content, mode=mode, **parameters)
    while await runner.run_one():
        pass
    return await client.get_transfer(asked.id)


async def bring_out(client: IngestClient, runner: Runner, sheet: str, **parameters: str) -> bytes:
    """Export a sheet; its file."""
    asked = await client.start_export(f"export.{sheet}", **parameters)
    while await runner.run_one():
        pass
    done = await client.get_transfer(asked.id)
    assert done.state.value == "done", done.reason
    return await client.read_transfer_file(asked.id)
