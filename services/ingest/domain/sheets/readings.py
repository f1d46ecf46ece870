"""Sheets of readings: long (one value a row) or wide (one factor a column, as in `w01018 (mg/L)`)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.ingest.domain.factors import catalogue
from services.ingest.domain.sheets.columns import Column, check_complete, columns, folded
from services.ingest.domain.sheets.table import Cell, Line, RefusedFileError
from services.ingest.domain.sheets.values import CellError, moment, number, plain, text
from shared.clock import PARK_ZONE
from shared.contracts.ingest import ReadingKind

FACTOR_HEAD = re.compile(r"\s*([^()（）]+?)\s*(?:[(（]([^()（）]*)[)）])?\s*")
FLAG_END = re.compile(r"[-_ ]?(flag|标记)$", re.IGNORECASE)
GRID = {
    ReadingKind.HOUR: timedelta(hours=1), ReadingKind.DAY: timedelta(days=1), ReadingKind.MINUTE: timedelta(minutes=1),
    ReadingKind.REALTIME: timedelta(seconds=1),
}  # fmt: skip


@dataclass(frozen=True)
class FactorColumn:
    """A column of a wide sheet."""

    place: int
    factor: str
    unit: str
    is_flag: bool


@dataclass(frozen=True)
class Shape:
    """Where things stand. `factors` is empty in a long sheet."""

    places: dict[str, int]
    factors: tuple[FactorColumn, ...]


@dataclass(frozen=True)
class Told:
    """One value of a sheet, not yet judged against the outlet."""

    factor: str
    value: float | None
    flag: str
    unit: str
    column: int


def shape_of(header: Sequence[str]) -> Shape:
    """Which form the sheet has. `RefusedFileError` where a column is not known, twice there or missing."""
    known = columns()["readings"]
    names = {folded(name): column for column in known for name in (column.zh, column.en, column.field)}
    fixed: dict[str, int] = {}
    factors: list[FactorColumn] = []
    for place, title in enumerate(header):
        if not title:
            continue
        column = names.get(folded(title))
        if column is None:
            factors.append(_factor_column(place, title))
        elif column.field in fixed:
            raise RefusedFileError("column_twice", f"the column {title[:60]!r} is there twice", column=title[:60])
        else:
            fixed[column.field] = place
    _check(known, fixed, factors)
    return Shape(fixed, tuple(factors))


def _check(known: Sequence[Column], fixed: dict[str, int], factors: Sequence[FactorColumn]) -> None:
    wide = bool(factors)
    if wide and fixed.keys() & {"factor", "value", "unit", "flag"}:
        raise RefusedFileError(
            "mixed", "the sheet is long and wide at once: give factor and value, or a column a factor"
        )
    needed = [column for column in known if column.field in {"enterprise", "outlet", "time"} or not wide]
    check_complete(needed, [column for column in known if column.field in fixed])
    if not wide and "value" not in fixed:
        raise RefusedFileError("column_missing", "the column 'value' (监测值) is missing", column="监测值")
    seen = [(item.factor, item.is_flag) for item in factors]
    if len(set(seen)) != len(seen):
        twice = next(item[0] for item in seen if seen.count(item) > 1)
        raise RefusedFileError("column_twice", f"the factor {twice} is there twice", column=twice)


def _factor_column(place: int, title: str) -> FactorColumn:
    found = FACTOR_HEAD.fullmatch(title)
    name = found[1] if found else title
    is_flag = bool(FLAG_END.search(name))
    code = factor_code(FLAG_END.sub("", name))
    if code is None:
        raise RefusedFileError("column_unknown", f"no column or factor is called {title[:60]!r}", column=title[:60])
    return FactorColumn(place, code, (found[2] or "") if found else "", is_flag)


def factor_code(name: str) -> str | None:
    """The code of a factor given by code or Chinese or English name."""
    if name in catalogue():
        return name
    wanted = folded(name)
    return next(
        (
            code
            for code, item in catalogue().items()
            if wanted and wanted in {folded(item.name_zh), folded(item.name_en)}
        ),
        None,
    )


def cell_at(line: Line, place: int | None) -> Cell:
    """A cell, None where the line is shorter."""
    return line.cells[place] if place is not None and place < len(line.cells) else None


def told_in(line: Line, shape: Shape) -> Iterator[Told]:
    """Values of a line. `CellError` carries its `place` for what cannot be read."""
    if not shape.factors:
        yield _long(line, shape)
        return
    flags = {item.factor: item.place for item in shape.factors if item.is_flag}
    for item in shape.factors:
        if not item.is_flag:
            value, flag = _value(line, item.place), _flag(line, flags.get(item.factor))
            if value is not None or flag != "N":
                yield Told(item.factor, value, flag, item.unit, item.place)


def _long(line: Line, shape: Shape) -> Told:
    place = shape.places["factor"]
    name = _placed(place, lambda: text(plain(cell_at(line, place)) or ""))
    code = factor_code(name)
    if code is None:
        raise CellError("unknown_factor", f"{name[:40]!r} is not a factor", value=name[:40], place=place)
    unit = cell_at(line, shape.places.get("unit"))
    return Told(
        code, _value(line, shape.places["value"]), _flag(line, shape.places.get("flag")),
        str(unit or ""), shape.places["value"],
    )  # fmt: skip


def _placed(place: int, read: object) -> str:
    try:
        return read()  # type: ignore[operator, no-any-return]
    except CellError as failure:
        failure.values["place"] = place
        raise


def _value(line: Line, place: int) -> float | None:
    try:
        cell = plain(cell_at(line, place))
        return None if cell is None or cell == "" else number(cell)
    except CellError as failure:
        failure.values["place"] = place
        raise


def _flag(line: Line, place: int | None) -> str:
    cell = cell_at(line, place)
    flag = str(cell).strip() if cell not in {None, ""} else "N"
    if len(flag) != 1 or not flag.isascii() or not flag.isprintable():
        raise CellError("flag", "a flag is one printable ASCII character", value=flag[:10], place=place)
    return flag


def time_at(cell: Cell, kind: ReadingKind, now: datetime) -> datetime:
    """The time of a row; `CellError` where it lies ahead or not on the grid of its kind."""
    at = moment(plain(cell))
    if at > now:
        raise CellError("future", "this time lies in the future", value=str(cell)[:40])
    local = at.astimezone(PARK_ZONE)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if (local - midnight) % GRID[kind]:
        raise CellError("not_on_grid", f"not the start of a {kind.value}", value=str(cell)[:40], kind=kind.value)
    return at
