"""Cursors of this service's lists, read back."""

from datetime import UTC, datetime
from uuid import UUID

from shared.errors import InvalidError
from shared.http import decode_cursor


def time_cursor(cursor: str | None) -> tuple[datetime, UUID] | None:
    """Time and id the last page ended with."""
    if cursor is None:
        return None
    try:
        at, last = decode_cursor(cursor)
        return datetime.fromisoformat(at).astimezone(UTC), UUID(last)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise InvalidError("the cursor is not of this list; start again without it", field="cursor") from error
