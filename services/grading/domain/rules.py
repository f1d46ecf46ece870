"""The numbers of the grading scheme 分级规则 as data: a version with source and first day of validity."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from shared.calendar import Quarter
from shared.contracts.casework import VisitType

Points = Annotated[float, Field(ge=0, le=100)]
Share = Annotated[float, Field(ge=0, le=1)]
Factor = Annotated[float, Field(ge=-1, le=1)]
STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=STRICT)
class EmissionRules:
    """B1: points for an exceeding outlet-day, an exceeding hour, and the most all hours can cost."""

    maximum: Points
    day: Points
    hour: Annotated[float, Field(gt=0, le=100)]
    hours_at_most: Points

    @property
    def hours_in_day(self) -> int:
        """Hours an exceeding day takes up: as many as cost what the day costs.

        Were it all hours of the day, one more exceeding day could raise the score.
        """
        return int(self.day / self.hour)


@dataclass(frozen=True, config=STRICT)
class DataRules:
    """B2: points for the transmission-validity rate 传输有效率 and for marks 标记 made in time."""

    maximum: Points
    rate_points: Points
    rate_from: Share
    rate_full: Share
    mark_points: Points
    mark_untrue: Points
    """What a mark costs that said what was not so."""


@dataclass(frozen=True, config=STRICT)
class ResponseRules:
    """B3: shares of the maximum for replies in time, accepted at first, and without recurrence."""

    maximum: Points
    on_time: Share
    first_pass: Share
    recurrence: Share


@dataclass(frozen=True, config=STRICT)
class SiteRules:
    """B4: finding points per visit that use up the block, and which visits count."""

    maximum: Points
    points_a_visit: Annotated[float, Field(gt=0)]
    visit_types: frozenset[VisitType]


@dataclass(frozen=True, config=STRICT)
class RectificationRules:
    """B5: the maximum, and the points a whole overdue week costs."""

    maximum: Points
    overdue_week: Points


@dataclass(frozen=True, config=STRICT)
class FixedRules:
    """B6 and B7: a block nothing measures yet."""

    maximum: Points


@dataclass(frozen=True, config=STRICT)
class InherentRules:
    """H: additions to 1.0 and the range it is kept in."""

    least: float
    most: float
    key_unit: Factor
    toxic: Factor
    near_homes: Factor
    large_flow: Factor
    simplified_permit: Factor


@dataclass(frozen=True, config=STRICT)
class Thresholds:
    """Values of RI at which the colour changes, upwards and (lower, hysteresis) back."""

    yellow: Points
    red: Points
    back_to_green: Points
    back_to_yellow: Points


@dataclass(frozen=True, config=STRICT)
class VetoRules:
    """Counts from which the colour is red at once 一票否决."""

    overdue_majors: Annotated[int, Field(ge=1)]
    exceeding_days_in_month: Annotated[int, Field(ge=1)]


@dataclass(frozen=True, config=STRICT)
class NotGreenRules:
    """TVR below which green is impossible."""

    rate: Share


@dataclass(frozen=True, config=STRICT)
class Rules:
    """One version of the scheme."""

    version: Annotated[str, Field(min_length=1, max_length=40)]
    valid_from: date
    source: str
    smoothing: Annotated[tuple[Share, ...], Field(min_length=1, max_length=8)]
    emission: EmissionRules
    data: DataRules
    response: ResponseRules
    site: SiteRules
    rectification: RectificationRules
    maintenance: FixedRules
    public: FixedRules
    inherent: InherentRules
    thresholds: Thresholds
    vetoes: VetoRules
    not_green: NotGreenRules
    draft_after_days: Annotated[int, Field(ge=0, le=60)]

    @property
    def draft_after(self) -> timedelta:
        """Time from the first moment after the quarter to its draft (D+4)."""
        return timedelta(days=self.draft_after_days)


def rules_for(quarter: Quarter, versions: Sequence[Rules]) -> Rules:
    """The version in force on the quarter's first day; the first version for quarters before it.

    `versions` are ordered by `valid_from`, oldest first.
    """
    known = [rules for rules in versions if rules.valid_from <= quarter.start.date()]
    return known[-1] if known else versions[0]
