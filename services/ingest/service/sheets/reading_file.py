"""A file that was sent, as a table: by its ending, off the event loop."""

import asyncio
from pathlib import Path

from services.ingest.domain.sheets.csvtext import read_csv
from services.ingest.domain.sheets.table import SheetTable
from services.ingest.domain.sheets.workbook import read_xlsx

FORMATS = ("xlsx", "csv")


async def read_file(path: Path, name: str) -> SheetTable:
    """The table of a file. Raises `RefusedFileError`."""
    reader = read_xlsx if name.lower().endswith(".xlsx") else read_csv
    return await asyncio.to_thread(lambda: reader(path.read_bytes()))
