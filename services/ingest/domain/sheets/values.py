"""Cells as the contract takes them: numbers, dates and codes in the forms people write; what cannot be is refused."""

import math
import re
from datetime import date, datetime, time
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel, ValidationError

from services.ingest.domain.sheets.columns import Column, folded, words
from services.ingest.domain.sheets.table import MAX_TEXT, Cell, Formula, error
from shared.clock import PARK_ZONE
from shared.contracts.ingest.transfers import RowError

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?")
CLOCK = re.compile(r"(\d{1,2})[:时](\d{1,2})分?(?:[:](\d{1,2}))?秒?")
GUARD = re.compile(r"'[=+\-@\t\r']")
MIDNIGHT = time(0, 0)


class CellError(Exception):
    """A cell that cannot be: code, message and values for a `RowError`."""

    def __init__(self, code: str, message: str, **values: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.values = code, message, values

    def at(self, line: int, column: str) -> RowError:
        """With its place."""
        return error(line, column, self.code, self.message, **self.values)


def plain(cell: Cell) -> Any:
    """A cell without what is dangerous: `CellError` for formulas; the guard `'=` of our own CSV is taken off."""
    if isinstance(cell, Formula):
        raise CellError("formula", "the cell holds a formula; paste its value")
    if isinstance(cell, str):
        if cell.startswith("="):
            raise CellError("formula", "the cell begins with = like a formula")
        if len(cell) > MAX_TEXT:
            raise CellError("too_long", f"more than {MAX_TEXT} characters", limit=MAX_TEXT)
        return cell[1:] if GUARD.match(cell) else cell
    return cell


def number(cell: Any) -> float:
    """A number; text may group its thousands."""
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        raise CellError("not_a_number", "not a number", value=str(cell)[:40])
    if isinstance(cell, str):
        if not (NUMBER.fullmatch(cell) or GROUPED.fullmatch(cell)):
            raise CellError("not_a_number", "not a number", value=cell[:40])
        cell = float(cell.replace(",", ""))
    if not math.isfinite(cell):
        raise CellError("not_a_number", "not a finite number", value=str(cell))
    return float(cell)


def moment(cell: Any) -> datetime:
    """A time, Beijing time unless it says otherwise."""
    if isinstance(cell, datetime):
        return cell if cell.tzinfo else cell.replace(tzinfo=PARK_ZONE)
    if isinstance(cell, date):
        return datetime.combine(cell, MIDNIGHT, PARK_ZONE)
    written = str(cell).strip()
    try:
        at = datetime.fromisoformat(written) if "T" in written else _written_moment(written)
    except ValueError as failure:
        raise CellError("not_a_time", "write times as 2026-03-01 08:00", value=written[:40]) from failure
    return at if at.tzinfo else at.replace(tzinfo=PARK_ZONE)


def _written_moment(written: str) -> datetime:
    found = DAY.match(written)
    rest = written[found.end() :].strip() if found else written
    clock = CLOCK.fullmatch(rest) if rest else None
    if found is None or (rest and clock is None):
        raise ValueError(written)
    year, month, on = (int(part) for part in found.groups())
    hour, minute, second = (int(part or 0) for part in clock.groups()) if clock else (0, 0, 0)
    return datetime(year, month, on, hour, minute, second, tzinfo=PARK_ZONE)


def day(cell: Any) -> date:
    """A date without a time of day."""
    at = moment(cell)
    if at.timetz().replace(tzinfo=None) != MIDNIGHT:
        raise CellError("not_a_date", "write a date, as 2026-03-01, without a time", value=str(cell)[:40])
    return at.date()


def text(cell: Any) -> str:
    """Text; a whole number written as a number keeps no decimals."""
    if isinstance(cell, bool):
        raise CellError("not_text", "TRUE or FALSE is no text here", value=str(cell))
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    return str(cell)


def _word(field: str, cell: Any) -> str:
    known = words()[field]
    found = known.get(folded(text(cell) if not isinstance(cell, bool) else str(cell)))
    if found is None:
        raise CellError("not_allowed", f"write one of: {', '.join(sorted(set(known.values())))}",
                        value=str(cell)[:40], allowed=sorted(set(known.values())))  # fmt: skip
    return found


def _bare(annotation: Any) -> Any:
    """The type behind Annotated and `| None`."""
    while get_origin(annotation) is not None:
        arguments = [item for item in get_args(annotation) if item is not type(None)]
        if get_origin(annotation) not in {Union, UnionType} and not hasattr(annotation, "__metadata__"):
            return get_origin(annotation)
        annotation = arguments[0]
    return annotation


def parse(column: Column, cell: Any, model: type[BaseModel]) -> Any:
    """A cell as the field of a model takes it, None for an empty one."""
    if cell is None or cell == "":
        if column.required:
            raise CellError("required", "this must be filled")
        return None
    info = model.model_fields.get(column.field)
    kind = _bare(info.annotation) if info else str
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _word(column.field, cell)
    if kind is bool:
        return _word("boolean", cell) == "true"
    parsers = {float: number, int: _whole, date: day, datetime: moment, AwareDatetime: moment}
    return parsers.get(kind, text)(cell)


def _whole(cell: Any) -> int:
    value = number(cell)
    if not value.is_integer():
        raise CellError("not_whole", "not a whole number", value=str(cell)[:40])
    return int(value)


def faults(failure: ValidationError, line: int, names: dict[str, str]) -> list[RowError]:
    """A model's refusals as those of cells."""
    found = []
    for item in failure.errors():
        where = str(item["loc"][0]) if item["loc"] else ""
        message = item["msg"].removeprefix("Value error, ")
        found.append(error(line, names.get(where, where), "invalid", message, value=str(item.get("input", ""))[:40]))
    return found
