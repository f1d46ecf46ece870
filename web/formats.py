"""Numbers, dates and spans as text, in the language of this request and the park's time zone."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_decimal

from shared.clock import PARK_ZONE
from web.i18n import current_language, gettext, locale, pgettext

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NONE = "–"

_FULL = {"zh_CN": "yyyy-MM-dd HH:mm", "en": "d MMM yyyy, HH:mm"}
_SHORT = {"zh_CN": "MM-dd HH:mm", "en": "d MMM, HH:mm"}
_DAY = {"zh_CN": "yyyy-MM-dd", "en": "d MMM yyyy"}


def _moment(at: datetime, patterns: Mapping[str, str]) -> str:
    return format_datetime(at, patterns[current_language.get()], tzinfo=PARK_ZONE, locale=locale())


def full_time(at: datetime | None) -> str:
    """Date and time with the year; a dash for none."""
    return NONE if at is None else _moment(at, _FULL)


def short_time(at: datetime | None) -> str:
    """Date and time without the year, for dense tables; a dash for none."""
    return NONE if at is None else _moment(at, _SHORT)


def exact_time(at: datetime) -> str:
    """Date and time to the millisecond, as in a protocol of frames."""
    return format_datetime(at, "MM-dd HH:mm:ss.SSS", tzinfo=PARK_ZONE, locale=locale())


def time_or_text(value: object) -> str:
    """A parameter of a command: a time of ISO 8601 in the reader's form, anything else as it is."""
    text = str(value)
    try:
        return full_time(datetime.fromisoformat(text)) if "T" in text else text
    except ValueError:
        return text


def clock_time(at: datetime) -> str:
    """Time of day."""
    return format_datetime(at, "HH:mm", tzinfo=PARK_ZONE, locale=locale())


def day(on: date | datetime | None) -> str:
    """A date; a moment is taken at the park's day."""
    if on is None:
        return NONE
    local = on.astimezone(PARK_ZONE).date() if isinstance(on, datetime) else on
    return format_date(local, _DAY[current_language.get()], locale=locale())


def month(on: date) -> str:
    """A month with its year."""
    return format_date(on, {"zh_CN": "yyyy年M月", "en": "MMMM yyyy"}[current_language.get()], locale=locale())


def month_name(at: datetime) -> str:
    """A moment's month in the park, as addresses write it."""
    return f"{at.astimezone(PARK_ZONE):%Y-%m}"


def iso_time(text: str) -> str:
    """Date and time of an ISO text, for dense tables."""
    return short_time(datetime.fromisoformat(text))


def local_input(at: datetime) -> str:
    """A moment as a `datetime-local` field takes it."""
    return f"{at.astimezone(PARK_ZONE):%Y-%m-%dT%H:%M}"


def span(start: datetime, end: datetime | None) -> str:
    """From and to, the day said once where both are on the same one; open when it still lasts."""
    if end is None:
        return gettext("since %(start)s") % {"start": short_time(start)}
    same = start.astimezone(PARK_ZONE).date() == end.astimezone(PARK_ZONE).date()
    return f"{short_time(start)} – {clock_time(end) if same else short_time(end)}"


def number(value: float | None, digits: int = 1, *, fixed: bool = False) -> str:
    """A number with at most `digits` decimals, or just as many when `fixed` (columns); a dash for none."""
    if value is None:
        return NONE
    pattern = "#,##0" + ("." + ("0" if fixed else "#") * digits if digits else "")
    return format_decimal(value, pattern, locale=locale())


def percent(share: float | None, digits: int = 0) -> str:
    """A share of 1 as a percentage; a dash for none."""
    return NONE if share is None else number(share * 100, digits) + "%"


def duration(length: timedelta) -> str:
    """A span in its two largest units, never rounded up."""
    length = abs(length)
    if length >= DAY:
        parts = {"d": length // DAY, "h": length % DAY // HOUR}
        return gettext("%(d)s d %(h)s h") % parts if parts["h"] else gettext("%(d)s d") % {"d": parts["d"]}
    if length >= HOUR:
        parts = {"h": length // HOUR, "m": length % HOUR // MINUTE}
        return gettext("%(h)s h %(m)s min") % parts if parts["m"] else gettext("%(h)s h") % {"h": parts["h"]}
    return gettext("%(m)s min") % {"m": length // MINUTE}


def remaining(due: datetime, now: datetime) -> str:
    """Time left until a deadline, or how long ago it passed."""
    left = due - now
    text = {"span": duration(left)}
    return gettext("%(span)s left") % text if left >= timedelta() else gettext("%(span)s overdue") % text


def ago(at: datetime, now: datetime) -> str:
    """How long ago, in words."""
    return format_timedelta(at - now, add_direction=True, locale=locale())


def size(count: int) -> str:
    """Bytes in KB or MB."""
    kilo = 1024
    if count < kilo * kilo:
        return f"{number(max(count / kilo, 0.1), 0 if count >= kilo * 10 else 1)} KB"
    return f"{number(count / kilo / kilo, 1)} MB"


def comma(*parts: object) -> str:
    """Parts of a phrase with commas between, full width in Chinese; empty ones are left out."""
    return pgettext("between phrases", ", ").join(str(part) for part in parts if part)


def colon(head: object, rest: object) -> str:
    """A head with what it announces; without the rest, the head alone."""
    return gettext("%(head)s: %(rest)s") % {"head": head, "rest": rest} if rest else str(head)


def brackets(text: object, inside: object) -> str:
    """A text with something in brackets after it; without that, the text alone."""
    return gettext("%(text)s (%(inside)s)") % {"text": text, "inside": inside} if inside else str(text)


FILTERS = {
    "full_time": full_time, "short_time": short_time, "clock_time": clock_time, "exact_time": exact_time,
    "day": day, "number": number,    "percent": percent, "duration": duration, "size": size,
}  # fmt: skip
FILTERS |= {"month": month, "month_name": month_name, "iso_time": iso_time, "local_input": local_input}
