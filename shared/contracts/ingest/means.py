"""Derived means 均值, the reported ones beside them, substituted emissions, and rates."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.ingest.base import Code, Wire

MEANS_CHANGED = "ingest.means.changed.v1"
MAX_RECOMPUTE_DAYS = 93


class MeanKind(StrEnum):
    """Period of a mean; it begins at a whole hour, or at midnight in Beijing."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class MeanState(StrEnum):
    """Whether a mean is valid, and if not, what stands against it most."""

    VALID = "valid"
    IDLE = "idle"
    """The logger's flag says that the source is stopped (F): true information, but no value for means."""
    STOPPED = "stopped"
    """A mark says so: nothing is expected."""
    MARK = "mark"
    """A mark makes it invalid."""
    FLAG = "flag"
    """The logger's flags make it invalid."""
    FEW = "few"
    """Too few valid values below it."""
    MISSING = "missing"
    """Nothing came."""


class Basis(StrEnum):
    """What a mean was made of."""

    MINUTES = "minutes"
    REPORTED = "reported"
    """The device's own mean, where too few minute values came to judge."""
    HOURS = "hours"
    DAYS = "days"


class Method(StrEnum):
    """How a mean was made."""

    ARITHMETIC = "arithmetic"
    FLOW = "flow"
    """Weighted by flow."""
    FLOW_MISSING = "flow_missing"
    """Arithmetic, since there was no flow to weigh with."""
    MEDIAN = "median"
    HYDROGEN = "hydrogen"
    """pH through the mean hydrogen activity."""
    TAKEN = "taken"
    """As reported."""


class Why(StrEnum):
    """What led to a version of a mean."""

    PERIOD_END = "period_end"
    LATE_DATA = "late_data"
    CORRECTION = "correction"
    MARK_CHANGE = "mark_change"
    RULE_CHANGE = "rule_change"


class Agreement(StrEnum):
    """How a reported mean stands to the derived one."""

    WITHIN = "within"
    BEYOND = "beyond"


class MeanOut(Wire):
    """A mean as it stands, or one of its versions.

    `value` in the factor's unit, rounded half to even to the factor's decimals; `converted` is the converted
    concentration 折算值; `emission` in kg over the period. `reasons` counts what was lost, by reason: `missing`,
    `flag:D`, `mark`, `stopped`, `negative`, `few`.
    """

    factor: str
    unit: str
    kind: MeanKind
    at: AwareDatetime
    value: float | None
    converted: float | None
    emission: float | None
    state: MeanState
    valid: int
    expected: int
    reasons: dict[str, int]
    basis: Basis
    method: Method
    reported: float | None
    reported_flag: str | None
    difference: float | None
    agreement: Agreement | None
    late: bool
    rev: int
    why: Why
    rule: str
    digest: str
    computed_at: AwareDatetime
    replaced_at: AwareDatetime | None = None


class DifferenceOut(MeanOut):
    """A mean whose reported value lies beyond the tolerance."""

    outlet_id: UUID
    enterprise_id: UUID


class SubstituteOut(Wire):
    """An hour's substituted value: for gas the mass emission in kg, for water the value in the factor's unit.

    `inputs` tells which measured hours it was made of. `provisional` while the quarter runs.
    """

    factor: str
    at: AwareDatetime
    quantity: str
    value: float
    emission: float | None
    rule: str
    statistic: str
    hours: int
    gap_hours: int
    first_at: AwareDatetime
    last_at: AwareDatetime
    capture: float
    provisional: bool
    rev: int
    computed_at: AwareDatetime


class MeanSettingsIn(Wire):
    """How the means of one outlet are made where the rule set of its medium and trade does not fit."""

    rule_set: Code | None = None
    convert: bool = True
    """Whether concentrations of gas are converted 折算."""
    reference_oxygen: float | None = Field(None, ge=0, lt=21)
    """% by volume; none: that of the trade."""
    reference_alpha: float | None = Field(None, gt=0, le=10)
    """Reference excess air factor αs; takes precedence over oxygen."""
    actual_state: bool = False
    """Whether concentration and flow come wet and at working state, to be brought to dry standard state."""
    barometric: float = Field(101_325.0, gt=50_000, lt=120_000)
    """Pa."""


class MeanSettingsOut(MeanSettingsIn):
    """The settings in force; `rule` is the rule set that results."""

    outlet_id: UUID
    rule: str
    source: str
    oxygen_in_force: float | None
    version: int


class RecomputeIn(Wire):
    """A span whose means are to be made again, at most 93 days."""

    since: AwareDatetime
    until: AwareDatetime
    reason: str = Field(min_length=1, max_length=500)


class RecomputeOut(Wire):
    """How many hours were put in line."""

    hours: int


class MeanProgress(Wire):
    """How far the making of means is: events not yet read, periods that wait and are due."""

    events_behind: int
    periods_due: int
    oldest_due_at: AwareDatetime | None


class MeansBatch(Wire):
    """Part of the event `ingest.means.changed.v1`: periods of one outlet whose means are new or changed."""

    outlet_id: UUID
    kind: MeanKind
    times: list[int]
    """Starts of periods, Unix seconds, ascending."""


class MeansEvent(Wire):
    """Data of `ingest.means.changed.v1`: thin; fetch with `GET /v1/outlets/{id}/means`."""

    batches: list[MeansBatch]


class RateUnit(StrEnum):
    """Length of the periods that rates are told for."""

    DAY = "day"
    MONTH = "month"
    QUARTER = "quarter"


class RateCounts(Wire):
    """Hours and rates: transmission 传输率 = received/expected, validity 有效率 = valid/received, `tvr` the product.

    expected = hours over − stopped; capture 捕集率 = valid/expected. None without expectation.
    """

    hours: int
    stopped: int
    expected: int
    received: int
    valid: int
    late: int
    transmission: float | None
    validity: float | None
    tvr: float | None
    capture: float | None


class RateOut(RateCounts):
    """Rates of an outlet in a period that begins at `at`."""

    outlet_id: UUID
    enterprise_id: UUID
    unit: RateUnit
    at: AwareDatetime


class DayOut(RateCounts):
    """A day of an outlet: one letter for each hour of it, as `hour_states` of `GET /v1/rates/definition` tells."""

    day: date
    states: str
    late_hours: list[int] = []


class HourStateOut(Wire):
    """What a letter of an hour's state means and how it counts."""

    letter: str
    name_zh: str
    name_en: str
    expected: bool
    received: bool
    valid: bool


class RateDefinition(Wire):
    """How rates are defined, as data."""

    formulas: dict[str, str]
    hour_states: list[HourStateOut]
    source: str
