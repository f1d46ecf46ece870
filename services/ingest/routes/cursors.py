"""Cursors of this service's lists, read back."""

from datetime import datetime
from uuid import UUID

from shared.errors import InvalidError
from shared.http import decode_cursor

NUL = "\0"
"""PostgreSQL cannot compare with it; no cursor of ours holds it."""


def foreign() -> InvalidError:
    """The error for a cursor of another list."""
    return InvalidError("the cursor is not of this list; start again without it", field="cursor")


def code_cursor(cursor: str | None) -> str | None:
    """The code the last page ended with."""
    if cursor is None:
        return None
    match decode_cursor(cursor):
        case [str(code)] if NUL not in code:
            return code
    raise foreign()


def outlet_cursor(cursor: str | None) -> tuple[str, UUID] | None:
    """Code and id the last page ended with."""
    if cursor is None:
        return None
    match decode_cursor(cursor):
        case [str(code), str(outlet_id)] if NUL not in code:
            try:
                return code, UUID(outlet_id)
            except ValueError as error:
                raise foreign() from error
    raise foreign()


def number_cursor(cursor: str | None) -> int | None:
    """The number the last page ended with."""
    if cursor is None:
        return None
    match decode_cursor(cursor):
        case [int(number)] if 0 < number < 1 << 63:
            return number
    raise foreign()


def time_cursor(cursor: str | None) -> tuple[datetime, UUID] | None:
    """Time and id the last page ended with."""
    if cursor is None:
        return None
    match decode_cursor(cursor):
        case [str(at), str(one)]:
            try:
                moment = datetime.fromisoformat(at)
                if moment.tzinfo is not None:
                    return moment, UUID(one)
            except ValueError as error:
                raise foreign() from error
    raise foreign()


def heard_cursor(cursor: str | None) -> tuple[datetime, str] | None:
    """Time and code the last page ended with."""
    if cursor is None:
        return None
    match decode_cursor(cursor):
        case [str(at), str(code)] if NUL not in code:
            try:
                return datetime.fromisoformat(at), code
            except ValueError as error:
                raise foreign() from error
    raise foreign()


def value_cursor(cursor: str | None) -> tuple[datetime, str] | None:
    """Time and factor the last page ended with."""
    if cursor is None:
        return None
    match decode_cursor(cursor):
        case [str(at), str(factor)] if "\0" not in factor:
            return _moment(at), factor
    raise foreign()


def difference_cursor(cursor: str | None) -> tuple[datetime, UUID, str, str] | None:
    """Time, outlet, factor and kind the last page ended with."""
    if cursor is None:
        return None
    match decode_cursor(cursor):
        case [str(at), str(outlet_id), str(factor), ("hour" | "day" | "month") as kind] if "\0" not in factor:
            try:
                return _moment(at), UUID(outlet_id), factor, kind
            except ValueError as error:
                raise foreign() from error
    raise foreign()


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise foreign() from error
    if moment.tzinfo is None:
        raise foreign()
    return moment
