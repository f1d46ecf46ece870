"""Bulk readings from outside: read the JSON fast, refuse what is wrong with what and where.

The form is `ReadingsIn` of the contract; msgspec reads a thousand rows in about a millisecond, which
leaves the event loop to others. It refuses NaN and numbers out of range itself.
"""

import math
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any
from uuid import UUID

import msgspec

from services.ingest.domain.flat import AnyRow, FlatRow
from services.ingest.domain.readings import EARLIEST, MEANS, NORMAL, Key, Row, Value
from shared.contracts.ingest import MAX_ROWS, MAX_VALUES_A_ROW, ReadingKind
from shared.errors import InvalidError

FUTURE = timedelta(days=1)
"""How far ahead of our clock a reading may be: more is a wrong clock or a typing error."""
MAX_ERRORS = 20
_VALUE_ONLY = ("value",)
_CODE = re.compile(r"[A-Za-z0-9._-]{1,40}")


class _RowIn(msgspec.Struct, forbid_unknown_fields=True):
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    values: Annotated[dict[str, float | None], msgspec.Meta(max_length=MAX_VALUES_A_ROW)]
    flags: Annotated[dict[str, str], msgspec.Meta(max_length=MAX_VALUES_A_ROW)] = {}


class Bulk(msgspec.Struct, forbid_unknown_fields=True):
    """A request body as read, its form right, its content not yet checked."""

    outlet_id: UUID
    kind: ReadingKind
    rows: Annotated[list[_RowIn], msgspec.Meta(min_length=1, max_length=MAX_ROWS)]


_DECODER = msgspec.json.Decoder(Bulk)


def read_bulk(body: bytes) -> Bulk:
    """The body's content. Raises `InvalidError` with the place, as in `rows[3].at`."""
    try:
        return _DECODER.decode(body)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `")
        where = place.rstrip("`").removeprefix("$").removeprefix(".") or "body"
        raise InvalidError(f"{where}: {message}", errors=[{"where": where, "message": message}]) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        faults = [{"where": "body", "message": str(error)}]
        raise InvalidError(f"the body is not JSON: {error}", errors=faults) from error


def rows_of(bulk: Bulk, *, point: int, source: str, now: datetime) -> list[AnyRow]:
    """Rows for the store. Raises `InvalidError` that lists up to twenty faults with their place."""
    latest = int((now + FUTURE).timestamp())
    errors: list[dict[str, Any]] = []
    rows: list[AnyRow] = []
    as_columns = bulk.kind not in MEANS
    for number, row in enumerate(bulk.rows):
        at = int(row.at.timestamp())
        codes = tuple(row.values)
        if row.flags or row.at.microsecond or not EARLIEST <= at <= latest or not _are_codes(codes):
            for where, message in _faults(row, latest):
                errors.append({"where": f"rows[{number}].{where}", "message": message})
            if len(errors) >= MAX_ERRORS:
                break
        key = Key(point, bulk.kind, at)
        rows.append(_columns(row, key, codes, source) if as_columns and codes else Row(key, _values(row), source))
    if errors:
        first = errors[0]
        raise InvalidError(f"{first['where']}: {first['message']}", errors=errors[:MAX_ERRORS])
    return rows


@lru_cache(maxsize=1024)
def _are_codes(codes: tuple[str, ...]) -> bool:
    """Whether all of these are factor codes; the rows of a request nearly always name the same."""
    return all(_CODE.fullmatch(code) for code in codes)


@lru_cache(maxsize=1024)
def _sorted(codes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(codes))


def _columns(row: _RowIn, key: Key, codes: tuple[str, ...], source: str) -> FlatRow:
    layout, values, flags = _sorted(codes), row.values, None
    numbers = [math.nan if (number := values[code]) is None else number for code in layout]
    if row.flags:
        flags = "".join([row.flags.get(code, NORMAL) for code in layout])
    return FlatRow(key, layout, _VALUE_ONLY, numbers, None if flags == NORMAL * len(layout) else flags, source)


def _values(row: _RowIn) -> dict[str, Value]:
    if not row.flags:
        return {code: Value(value) for code, value in row.values.items()}
    flags = row.flags
    return {code: Value(value, flags.get(code, NORMAL)) for code, value in row.values.items()}


def _faults(row: _RowIn, latest: int) -> Iterator[tuple[str, str]]:
    if row.at.microsecond:
        yield "at", "times are whole seconds"
    at = row.at.timestamp()
    if at > latest:
        yield "at", "more than one day in the future"
    if at < EARLIEST:
        yield "at", "before the year 2000"
    yield from _value_faults(row)


def _value_faults(row: _RowIn) -> Iterator[tuple[str, str]]:
    for code in row.values:
        if not _CODE.fullmatch(code):
            yield "values", f"not a factor code: {code[:40]!r}"
    for code, flag in row.flags.items():
        if code not in row.values:
            yield f"flags.{code}"[:60], "a flag without a value"
        elif len(flag) != 1 or not flag.isascii() or not flag.isprintable():
            yield f"flags.{code}", "a flag is one printable ASCII character"
