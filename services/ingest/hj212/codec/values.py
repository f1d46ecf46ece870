"""Numbers and times as devices write them."""

import math
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Device time. The standard names no zone; Beijing time is meant, without summer time since 1991."""
_MISSING = frozenset({"", "-", "--", "/", "nan", "null", "none", "n/a"})
LONGEST_NUMBER = 40


def read_number(text: str) -> float | None:
    """A number as devices write it; None where the text stands for a missing value.

    Raises ValueError for everything that is not a finite decimal number.
    """
    try:
        value = float(text)
    except ValueError:
        if text.lower() in _MISSING:
            return None
        raise
    if math.isfinite(value) and text.isascii() and "_" not in text and len(text) <= LONGEST_NUMBER:
        return value
    if text.lower() in _MISSING:
        return None
    raise ValueError(f"not a finite decimal number: {text[:LONGEST_NUMBER]!r}")


@lru_cache(maxsize=4096)
def read_time(text: str) -> datetime:
    """Device time `yyyyMMddHHmmss`, with milliseconds allowed and dropped, as aware UTC.

    Raises ValueError. Years 2000 to 2099 only: older ones are an unset clock.
    """
    if len(text) not in (14, 17) or not (text.isascii() and text.isdigit() and text.startswith("20")):
        raise ValueError(f"not yyyyMMddHHmmss: {text[:20]!r}")
    parts = (text[:4], text[4:6], text[6:8], text[8:10], text[10:12], text[12:14])
    year, month, day, hour, minute, second = map(int, parts)
    return datetime(year, month, day, hour, minute, second, tzinfo=BEIJING).astimezone(UTC)
