"""A table as read: header, lines with their numbers, and what was found out on the way."""

from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from shared.contracts.ingest.transfers import RowError
from shared.errors import InvalidError

MAX_ROWS = 200_000
MAX_COLUMNS = 300
MAX_CELLS = 1_000_000
MAX_TEXT = 2000


class RefusedFileError(InvalidError):
    """The file as a whole cannot be used; `reason` makes the sentence in the reader's language."""

    code = "file_refused"

    def __init__(self, reason: str, message: str, **values: Any) -> None:
        super().__init__(message, reason=reason, **values)
        self.reason = reason


@dataclass(frozen=True)
class Formula:
    """A cell that holds a formula: its value is what some program once computed."""


FORMULA = Formula()
Cell = str | float | bool | datetime | date | time | Formula | None


@dataclass(frozen=True)
class Line:
    """A line with the number a spreadsheet shows."""

    number: int
    cells: list[Cell]


@dataclass(frozen=True)
class SheetTable:
    """Header and lines. `facts` tells the encoding of a CSV or the sheet of a workbook."""

    header: list[str]
    lines: list[Line]
    facts: dict[str, Any] = field(default_factory=dict)


def build(raw: list[list[Cell]], facts: dict[str, Any]) -> SheetTable:
    """The first line that is not empty is the header; empty lines are left out, their numbers stay."""
    header: list[str] | None = None
    lines = []
    for number, cells in enumerate(raw, 1):
        if all(cell is None or cell == "" for cell in cells):
            continue
        if header is None:
            header = [str(cell).strip() if isinstance(cell, str) else "" for cell in cells]
            continue
        lines.append(Line(number, cells))
    if header is None or not any(header):
        raise RefusedFileError("no_header", "the first line must name the columns")
    if not lines:
        raise RefusedFileError("no_rows", "there is no row below the header")
    return SheetTable(header, lines, facts)


def error(line: int, column: str, code: str, message: str, **values: Any) -> RowError:
    """A refused cell."""
    return RowError(line=line, column=column, code=code, message=message, values=values)
