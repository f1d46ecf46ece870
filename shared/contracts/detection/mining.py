"""The mining bench 异常数据挖掘: reports over history. They rank what to look at and accuse nobody."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.detection.anomalies import AnomalyOut
from shared.contracts.ingest import Code, ReadingKind, Wire

MOST_OUTLETS = 200
MOST_DAYS = 400


class MiningReason(Wire):
    """Why something was not judged: `code`, what the data have of a guard and what it needs, and both in words."""

    code: str
    has: float | None = None
    needs: float | None = None
    text_zh: str
    text_en: str


class MiningOutlet(Wire):
    """The outlet a row is about."""

    outlet_id: UUID
    code: str
    name_zh: str
    name_en: str
    enterprise_id: UUID
    enterprise_zh: str
    enterprise_en: str
    trade: str


class MiningRow(Wire):
    """What every row says of its data: first and last value used, how many, and how many were left out and why.

    `flagged` values carry a flag or a mark that makes them no measurement, `missing` ones had no number.
    """

    outlet: MiningOutlet
    since: datetime | None = None
    until: datetime | None = None
    points: int = 0
    flagged: int = 0
    missing: int = 0
    found: bool = False
    """Beyond the threshold."""
    unjudged: MiningReason | None = None


class MiningAsk(Wire):
    """What to look at: one outlet (with its trade as comparison), a whole trade, or the whole park.

    With `park` an outlet is compared with all outlets in use that monitor the factor. `until` is not included.
    """

    outlet_id: UUID | None = None
    trade: Code | None = None
    factor: Code
    kind: ReadingKind = ReadingKind.HOUR
    since: AwareDatetime
    until: AwareDatetime
    park: bool = False
    compare: bool = True
    """Whether the outlets to compare with are read as well, where one outlet is asked for."""


class MiningReport(Wire):
    """What was asked, and which outlets it came to. `cut`: more outlets than 200, the first by code were taken."""

    asked: MiningAsk
    trade: str
    """Trade of the outlets compared; empty where it is not known."""
    unit: str
    outlets: int
    cut: bool = False


class HonestShare(Wire):
    """Of honest series with sd of `low` to `high` steps, the share whose digits are uneven at p < 1e-6."""

    low: float
    high: float | None = None
    share: float


class DigitRow(MiningRow):
    """Last digits 末位数字 of one outlet. `points` are values after repeats; `counts` of the digits 0 to 9.

    `p` of chi-square with 9 degrees of freedom, `entropy` in bits (at most 3.32), `spread` = sd / `step`.
    """

    step: float | None = None
    spread: float | None = None
    chi_square: float | None = None
    p: float | None = None
    entropy: float | None = None
    counts: list[int] = []


class DigitReport(MiningReport):
    """Digits of each outlet, the most uneven first; an outlet asked for stands first."""

    rows: list[DigitRow]
    pooled: list[float] = []
    """Mean share of each digit at the outlets that could be judged (without the one asked for)."""
    below: float
    """p from which digits count as uneven."""
    least_points: int
    least_spread: float
    honest: list[HonestShare]


class LimitBin(Wire):
    """A bin from `low` to `high`, as shares of the limit, open below and closed above.

    `zone`: where shaved values come from or go to; the expectation is drawn through it from the other bins.
    """

    low: float
    high: float
    count: int
    expected: float | None = None
    zone: bool = False


class BunchingRow(MiningRow):
    """Values about the limit. `points` are those in the bins; `z` of the excess just below the limit.

    `above_share` = values just above the limit / expected there.
    """

    limits: list[float] = []
    z: float | None = None
    below: int = 0
    below_expected: float | None = None
    above: int = 0
    above_expected: float | None = None
    above_share: float | None = None
    bins: list[LimitBin] = []


class BunchingReport(MiningReport):
    """Bunching of each outlet, the highest z first; an outlet asked for stands first."""

    rows: list[BunchingRow]
    z: float
    """Found is z above this and `above_share` below `share`."""
    share: float
    width: float


class RepeatPair(Wire):
    """A stretch sent again: both copies by first and last value; `then` and `now` are their values, to be drawn.

    Of long ones only the first 480 values are given. `distance` of the z-normalised shapes, 0 where exact.
    """

    exact: bool
    original_since: datetime
    original_until: datetime
    copy_since: datetime
    copy_until: datetime
    points: int
    distance: float
    then: list[float]
    now: list[float]


class RepeatRow(MiningRow):
    """Repeated windows of one outlet; `total` of them, the longest first in `pairs`, exact ones before noisy ones.

    `unjudged` speaks of the exact search, `noisy_unjudged` of the one under noise; `nearest` is the least distance
    of two windows, which must be below `nearest_needed`.
    """

    pairs: list[RepeatPair] = []
    total: int = 0
    nearest: float | None = None
    nearest_needed: float | None = None
    noisy_unjudged: MiningReason | None = None


class RepeatReport(MiningReport):
    """Outlets with repeated windows first."""

    rows: list[RepeatRow]
    window: int
    """Values that must repeat exactly."""
    noisy_window: int


class TwinOut(Wire):
    """Two outlets and how alike the changes of their series are; `scale` and `shift` turn the first into the second.

    `one_values`, `other_values`: the last common values, to be laid over one another.
    """

    one: MiningOutlet
    other: MiningOutlet
    likeness: float
    scale: float
    shift: float
    since: datetime | None
    until: datetime | None
    points: int
    found: bool
    drawn_since: datetime | None = None
    one_values: list[float] = []
    other_values: list[float] = []


class TwinReport(MiningReport):
    """The most alike pairs first. `complete`: every pair beyond the threshold is shown."""

    pairs: list[TwinOut]
    series: list[MiningRow]
    possible: int
    compared: int
    complete: bool
    likeness: float
    least_points: int


class PeerRow(MiningRow):
    """Distribution of one outlet. `z`: its median from that of the others, in their robust spread."""

    quantiles: list[float] = []
    """5, 25, 50, 75 and 95 %."""
    least: float | None = None
    greatest: float | None = None
    mean: float | None = None
    z: float | None = None


class PeerReport(MiningReport):
    """Outlets by z, the farthest from the others first; an outlet asked for stands first."""

    rows: list[PeerRow]
    z: float
    least_points: int
    least_others: int


class SimilarParts(Wire):
    """What a distance is made of, each from 0 (the same) to 1; `shape` None where the anomaly asked for has none."""

    shape: float | None
    rule: float
    factor: float
    duration: float


class SimilarOut(Wire):
    """A similar episode. `shift_seconds`: how much later in its frame it fits best. `profile`: values over its frame,
    mean 0 and standard deviation 1, laid where it fits best.
    """

    anomaly: AnomalyOut
    outlet: MiningOutlet
    distance: float
    parts: SimilarParts
    shift_seconds: float
    since: datetime
    until: datetime
    profile: list[float | None] = []
    unjudged: MiningReason | None = None


class SimilarReport(Wire):
    """Episodes most like one anomaly, the nearest first.

    Of `known` anomalies of the same rule or nature, `considered` were ranked by their records and the readings of
    `compared` were looked at. `exact`: none of the considered can be nearer than the last one shown.
    """

    anomaly: AnomalyOut
    outlet: MiningOutlet
    since: datetime
    until: datetime
    profile: list[float | None] = []
    unjudged: MiningReason | None = None
    weights: SimilarParts
    considered: int
    compared: int
    exact: bool
    items: list[SimilarOut]


class MiningTrade(Wire):
    """A trade with its outlets in use and the factors they monitor, by how many outlets have each."""

    trade: str
    outlets: int
    factors: dict[str, int]


Similars = Annotated[int, Field(ge=1, le=50)]
