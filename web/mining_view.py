"""What is asked of the mining bench: the query of its pages, and its reports as CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Query
from pydantic import ValidationError

from shared.clock import PARK_ZONE
from shared.contracts.detection.mining import MiningAsk, MiningOutlet, MiningReason, RepeatReport, TwinOut
from shared.contracts.ingest import ReadingKind
from web.labels import name_of

KINDS = (ReadingKind.HOUR, ReadingKind.MINUTE, ReadingKind.DAY)
USUAL = timedelta(days=90)


class PickError(ValueError):
    """The query cannot be asked; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Pick:
    """The query: `place` reads `outlet:ID`, `trade:CODE` or `park:all`; `since` and `until` are days, both included.

    `beside` an outlet its trade is read, or the whole `park`, or nothing (`alone`).
    """

    place: Annotated[str, Query(max_length=60)] = ""
    factor: Annotated[str, Query(max_length=40)] = ""
    kind: Annotated[str, Query(max_length=10)] = ""
    since: Annotated[str, Query(max_length=10)] = ""
    until: Annotated[str, Query(max_length=10)] = ""
    beside: Annotated[str, Query(max_length=10)] = ""

    def filled(self, now: datetime, place: str, factor: str) -> "Pick":
        """The same with what is not given: the last 90 days, hours, a place and a factor to begin with."""
        today = now.astimezone(PARK_ZONE).date()
        return replace(
            self, place=self.place or place, factor=self.factor or factor,
            kind=self.kind if self.kind in {kind.value for kind in KINDS} else ReadingKind.HOUR.value,
            since=self.since or (today - USUAL).isoformat(), until=self.until or today.isoformat(),
        )  # fmt: skip

    def query(self) -> str:
        """As a query string."""
        return urlencode({key: value for key, value in vars(self).items() if value})

    def ask(self) -> MiningAsk:
        """What the service takes; raises PickError."""
        start, end = _day(self.since), _day(self.until)
        kind, _, named = self.place.partition(":")
        try:
            return MiningAsk(
                outlet_id=UUID(named) if kind == "outlet" else None, trade=named if kind == "trade" else None,
                factor=self.factor, kind=ReadingKind(self.kind or ReadingKind.HOUR), since=start,
                until=end + timedelta(days=1), park=kind == "park" or (kind == "outlet" and self.beside == "park"),
                compare=self.beside != "alone",
            )  # fmt: skip
        except (ValueError, ValidationError) as error:
            raise PickError("one_of" if kind == "outlet" or not named else "unknown") from error


def _day(text: str) -> datetime:
    try:
        day = date.fromisoformat(text)
        start = datetime(day.year, day.month, day.day, tzinfo=PARK_ZONE)
        return start + timedelta(days=1) - timedelta(days=1)  # the day after must be one too
    except (ValueError, OverflowError) as error:
        raise PickError("no_time") from error


def outlet_name(outlet: MiningOutlet) -> str:
    """Code and name of an outlet."""
    return f"{outlet.code} {name_of(outlet)}"


def firm_name(outlet: MiningOutlet) -> str:
    """Whose it is; empty where the enterprise is not known."""
    return name_of(outlet, "enterprise")


def reason_text(reason: MiningReason | None) -> str:
    """Why something was not judged."""
    return name_of(reason, "text") if reason else ""


def noisy_reasons(report: RepeatReport) -> list[str]:
    """Why outlets were not searched under noise, each reason once."""
    return sorted({reason_text(row.noisy_unjudged) for row in report.rows if row.noisy_unjudged})


def scaled(pair: TwinOut) -> list[float]:
    """The first of two twins, turned into the second."""
    return [pair.scale * value + pair.shift for value in pair.one_values]


def safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def as_csv(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV; texts of others cannot become formulas."""
    out = io.StringIO()
    writer = csv.writer(out)
    for row in rows:
        writer.writerow([safe(cell) if isinstance(cell, str) else _cell(cell) for cell in row])
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(PARK_ZONE).isoformat()
    return "" if value is None else value
