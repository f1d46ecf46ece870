"""Single values of the data area in types, as `tables/fields.yaml` and `tables/suffixes.yaml` describe them."""

import math
import re
from datetime import datetime, time
from decimal import Decimal

from services.ingest.hj212.codec.forms import Kind
from services.ingest.hj212.codec.values import BEIJING, LONGEST_NUMBER, read_number, read_time

Typed = datetime | time | int | float | str | None
_INT = re.compile(r"[0-9]{1,9}")
_CLOCK_FORMATS = {4: "%H%M", 6: "%H%M%S"}
_LOG = re.compile(r"//[^&]*//")
_SIGNS = frozenset(";,=&#")
_FIRST_YEAR, _LAST_YEAR = 2000, 2099


def read_value(kind: Kind, text: str) -> Typed:
    """A value in its type: None where it is missing. Raises ValueError where it is not allowed."""
    if kind.type == "number":
        return _within(kind, read_number(text))
    if kind.type == "text":
        return _fit(kind, text)
    if not text:
        return None
    if kind.type == "time":
        return read_time(text)
    if kind.type == "clock":
        return _read_clock(kind, text)
    if not _INT.fullmatch(text):
        raise ValueError("not a whole number")
    return _within(kind, int(text))


def write_value(kind: Kind | None, value: Typed) -> str:
    """The text of a value. Raises ValueError where it is not allowed or would break the frame."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return _write_time(value)
    if isinstance(value, time):
        return value.strftime(_CLOCK_FORMATS[(kind.size if kind else None) or 6])
    if isinstance(value, str):
        return _safe(value if kind is None else _fit(kind, value))
    if kind is not None:
        _within(kind, value)
    if isinstance(value, int):
        return f"{value:0{kind.width if kind else 0}d}"
    return _write_number(value)


def _read_clock(kind: Kind, text: str) -> time:
    if not (text.isascii() and text.isdigit()) or len(text) != kind.size:
        raise ValueError("not a time of day")
    return datetime.strptime(text, _CLOCK_FORMATS[kind.size]).time()  # noqa: DTZ007 - a time of day has no zone


def _within(kind: Kind, value: float | None) -> float | None:
    if value is None:
        return None
    if kind.one_of and value not in kind.one_of:
        raise ValueError(f"none of {', '.join(map(str, kind.one_of))}")
    if kind.minimum is not None and value < kind.minimum:
        raise ValueError(f"less than {kind.minimum:g}")
    if kind.maximum is not None and value > kind.maximum:
        raise ValueError(f"more than {kind.maximum:g}")
    return value


def _fit(kind: Kind, text: str) -> str:
    if kind.size is not None and len(text) != kind.size:
        raise ValueError(f"not {kind.size} characters")
    if len(text.strip("/")) > kind.longest:
        raise ValueError(f"longer than {kind.longest} characters")
    return text


def _write_time(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("a time needs a zone")
    local = value.astimezone(BEIJING)
    if not _FIRST_YEAR <= local.year <= _LAST_YEAR:
        raise ValueError("a year of 2000 to 2099 is meant")
    return local.strftime("%Y%m%d%H%M%S")


def _write_number(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError("no finite number")
    text = format(Decimal(repr(value)), "f").removesuffix(".0")
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"needs {len(text)} digits")
    return text


def _safe(text: str) -> str:
    """Text that cannot break the frame; a log between `//` and `//` may hold separators."""
    if not text.isprintable() or (_SIGNS & set(text) and not _LOG.fullmatch(text)):
        raise ValueError("not allowed inside a data segment")
    return text
