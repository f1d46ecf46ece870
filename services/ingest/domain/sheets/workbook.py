"""XLSX, looked through before the reader of workbooks sees it.

A workbook is a ZIP of XML. Sizes in the directory of a ZIP may lie, and the reader keeps a rectangle of cells in
memory however few are filled. So every part is inflated here with a limit and walked with expat, which
counts cells, notes the farthest one and those with formulas, and stops at the first part that goes too far.
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET
from xml.parsers import expat

from python_calamine import CalamineError, CalamineWorkbook

from services.ingest.domain.sheets.table import (
    FORMULA,
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_ROWS,
    MAX_TEXT,
    Cell,
    RefusedFileError,
    SheetTable,
    build,
)

MAX_INFLATED = 200 * 1024 * 1024
MAX_RATIO = 200
"""Bytes out for each byte in, over the whole file; a sheet full of zeros has about 100."""
RATIO_FROM = 2 * 1024 * 1024
"""Small files may be as repetitive as they like."""
MAX_PARTS = 500
CHUNK = 256 * 1024
LOCAL_HEADER = struct.Struct("<4s5H3I2H")
REFERENCE = re.compile(r"([A-Z]{1,4})([0-9]{1,9})")
RELATIONSHIP = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


@dataclass
class _Walk:
    """What one part holds."""

    cells: int = 0
    rows: int = 0
    last_row: int = 0
    last_column: int = 0
    formulas: set[tuple[int, int]] = field(default_factory=set)
    _row: int = 0
    _column: int = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        local = name.rpartition(":")[2]
        if local == "row":
            self.rows += 1
            self._row = _number(attributes.get("r")) or self._row + 1
            self._column = 0
        elif local == "c":
            self._cell(attributes.get("r", ""))
        elif local == "f":
            self.formulas.add((self._row, self._column))

    def _cell(self, reference: str) -> None:
        self.cells += 1
        found = REFERENCE.fullmatch(reference)
        self._column = _column(found[1]) if found else self._column + 1
        self._row = int(found[2]) if found else self._row
        self.last_row, self.last_column = max(self.last_row, self._row), max(self.last_column, self._column)
        area = self.last_row * self.last_column  # the reader keeps the whole rectangle
        if area > 2 * MAX_CELLS or self.cells > MAX_CELLS or self.last_column > MAX_COLUMNS:
            raise RefusedFileError(
                "too_many", f"at most {MAX_ROWS} rows, {MAX_COLUMNS} columns and {MAX_CELLS} cells",
                rows=MAX_ROWS, columns=MAX_COLUMNS, cells=MAX_CELLS,
            )  # fmt: skip


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None  # noqa: PLR2004


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


class _Budget:
    """Bytes all parts together may inflate to."""

    def __init__(self, packed: int) -> None:
        self._packed, self._out = packed, 0

    def spend(self, count: int) -> None:
        """Count bytes; `RefusedFileError` beyond the limit."""
        self._out += count
        over = self._out > RATIO_FROM and self._out > self._packed * MAX_RATIO
        if self._out > MAX_INFLATED or over:
            raise RefusedFileError(
                "bomb", "unpacked, the file would be far larger than any table", limit=MAX_INFLATED, ratio=MAX_RATIO
            )


def _inflate(content: bytes, part: zipfile.ZipInfo, budget: _Budget) -> Iterator[bytes]:
    """A part's bytes as they truly are, whatever the directory says of their number."""
    head = LOCAL_HEADER.unpack_from(content, part.header_offset)
    begin = part.header_offset + LOCAL_HEADER.size + head[9] + head[10]
    packed = content[begin : begin + part.compress_size]
    if part.compress_type == zipfile.ZIP_STORED:
        budget.spend(len(packed))
        yield packed
        return
    if part.compress_type != zipfile.ZIP_DEFLATED:
        raise RefusedFileError("not_xlsx", "the file is packed in a way workbooks are not")
    inflater = zlib.decompressobj(-15)
    rest = packed
    while rest and not inflater.eof:
        piece = inflater.decompress(rest, CHUNK)
        budget.spend(len(piece))
        yield piece
        rest = inflater.unconsumed_tail


def _walk(pieces: Iterator[bytes]) -> _Walk:
    walk = _Walk()
    parser = expat.ParserCreate()
    parser.StartElementHandler = walk.start
    parser.StartDoctypeDeclHandler = _no_doctype
    for piece in pieces:
        parser.Parse(piece, False)
    parser.Parse(b"", True)
    return walk


def _no_doctype(*_about: object) -> None:
    raise RefusedFileError("not_xlsx", "a workbook declares no document type")


def _inspect(content: bytes) -> dict[str, _Walk]:
    """Every XML part, walked."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        parts = package.infolist()
    if len(parts) > MAX_PARTS or len({part.filename for part in parts}) != len(parts):
        raise RefusedFileError("not_xlsx", "the file has too many parts, or two of one name")
    if any(part.flag_bits & 1 for part in parts):
        raise RefusedFileError("encrypted", "the file is protected with a password")
    budget = _Budget(len(content))
    walks = {}
    for part in parts:
        pieces = _inflate(content, part, budget)
        if part.filename.endswith((".xml", ".rels")):
            walks[part.filename] = _walk(pieces)
        else:
            for _ in pieces:  # counted all the same
                pass
    return walks


def _first_sheet(content: bytes) -> str:
    """The part that holds the first sheet."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        workbook = ET.fromstring(package.read("xl/workbook.xml"))  # noqa: S314 - walked before: no document type
        links = ET.fromstring(package.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    sheet = next(node for node in workbook.iter() if node.tag.endswith("}sheet"))
    target = next(str(link.get("Target")) for link in links if link.get("Id") == sheet.get(RELATIONSHIP))
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def read_xlsx(content: bytes) -> SheetTable:
    """The first sheet of a workbook, formulas marked. `RefusedFileError` for what is not one, or a bomb."""
    try:
        walks = _inspect(content)
        walk = walks[_first_sheet(content)]
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheet = book.get_sheet_by_index(0)
        rows = sheet.to_python(skip_empty_area=False)
    except RefusedFileError:
        raise
    except (zipfile.BadZipFile, zlib.error, expat.ExpatError, struct.error, CalamineError, KeyError, StopIteration,
            ET.ParseError, ValueError, NotImplementedError) as failure:  # fmt: skip
        raise RefusedFileError("not_xlsx", "the file is not a workbook (.xlsx) or it is damaged") from failure
    table: list[list[Cell]] = [[_cell(value) for value in row] for row in rows]
    for row, column in walk.formulas:
        if row <= len(table) and column <= len(table[row - 1]):
            table[row - 1][column - 1] = FORMULA
    return build(table, {"sheet": book.sheet_names[0], "sheets": len(book.sheet_names)})


def _cell(value: object) -> Cell:
    if isinstance(value, str):
        text = value.strip()
        return text if len(text) <= MAX_TEXT else text[: MAX_TEXT + 1]
    if value is None or isinstance(value, Cell):
        return value
    return float(value) if isinstance(value, int) else str(value)
