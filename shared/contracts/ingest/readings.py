"""Readings in bulk, charts, completeness, and the events that tell of readings."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.ingest.base import Code, ReadingKind, Wire

MAX_ROWS = 1000
MAX_VALUES_A_ROW = 200
MAX_SPARKS = 200
READINGS_ACCEPTED = "ingest.readings.accepted.v1"


class ReadingRow(Wire):
    """One time of one outlet: values by factor code; `None` is a missing value. Flags of HJ 212 table 8."""

    at: AwareDatetime
    values: dict[str, float | None] = Field(max_length=MAX_VALUES_A_ROW)
    flags: dict[str, str] = Field(default_factory=dict, max_length=MAX_VALUES_A_ROW)


class ReadingsIn(Wire):
    """Readings in bulk for one outlet and kind. `at` is the start of the period (realtime: the instant)."""

    outlet_id: UUID
    kind: ReadingKind
    rows: Annotated[list[ReadingRow], Field(min_length=1, max_length=MAX_ROWS)]


class ReadingsAccepted(Wire):
    """What became of the rows: each of them is one of the three."""

    stored: int
    corrected: int
    unchanged: int


class Reading(Wire):
    """One value read back. Arrow has the same columns: outlet_id, factor, at, value, flag."""

    outlet_id: UUID
    factor: str
    at: AwareDatetime
    value: float | None
    flag: str = "N"


class SeriesLimit(Wire):
    """A limit as it applied in a span of time."""

    upper: float | None
    lower: float | None
    averaging: ReadingKind
    standard: str = ""
    valid_from: AwareDatetime
    valid_to: AwareDatetime | None


class Series(Wire):
    """A chart's data: value i stands at `t0 + i*step` seconds; `None` is a gap.

    `agg` is `raw`, or `minmax` where the points would exceed `max_points`: then values come in pairs,
    the least and the greatest of each bucket of 2*step seconds.
    """

    outlet_id: UUID
    factor: str
    kind: ReadingKind
    unit: str
    t0: int
    step: int
    v: list[float | None]
    flags: dict[int, str] = {}
    """Index → flag, only where it is not N and `agg` is raw."""
    agg: str = "raw"
    limits: list[SeriesLimit] = []


class SparkAsk(Wire):
    """One small curve: the first of `kinds` that has values from `since` to before `until` is drawn."""

    outlet_id: UUID
    factor: Code
    kinds: Annotated[list[ReadingKind], Field(min_length=1, max_length=4)]
    since: AwareDatetime
    until: AwareDatetime


class SparksAsk(Wire):
    """Small curves in one call, of at most `max_points` points each."""

    asks: Annotated[list[SparkAsk], Field(min_length=1, max_length=MAX_SPARKS)]
    max_points: Annotated[int, Field(ge=10, le=120)] = 120


class Sparks(Wire):
    """The curves in the order of the asks; None where there is no such outlet for this caller."""

    sparks: list[Series | None]


class Completeness(Wire):
    """Transmission 传输率 and validity 有效率 of one outlet in a span, from hour readings.

    transmission = received/expected, validity = valid/received, `tvr` = their product; None without expectation.
    """

    outlet_id: UUID
    enterprise_id: UUID
    expected_hours: int
    received_hours: int
    valid_hours: int
    transmission: float | None
    validity: float | None
    tvr: float | None


class ReadingsBatch(Wire):
    """Part of the event `ingest.readings.accepted.v1`: which times of which outlet are new or changed."""

    outlet_id: UUID
    kind: ReadingKind
    times: list[int]
    """Unix seconds, ascending."""
    corrected: list[int] = []
    """Those of `times` that replaced an earlier value."""


class ReadingsEvent(Wire):
    """Data of `ingest.readings.accepted.v1`: thin; fetch the rows with `GET /v1/readings` as Arrow."""

    batches: list[ReadingsBatch]


class FreshnessOut(Wire):
    """How far the data reach."""

    latest_at: datetime | None
    received_at: datetime | None
    outlets_online: int
    outlets: int
