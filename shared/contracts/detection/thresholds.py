"""Thresholds 阈值 of single series: learnt from a point's own history, proposed, frozen; each change a version."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.detection.people import PersonOut
from shared.contracts.ingest import Code, ReadingKind, Wire

Reason = Annotated[str, Field(max_length=1000)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Numbers = Annotated[dict[Code, Finite], Field(min_length=1, max_length=20)]


class ThresholdState(StrEnum):
    """Where the threshold of a series stands. `default`: the rule's own numbers hold."""

    DEFAULT = "default"
    LEARNT = "learnt"
    PROPOSED = "proposed"
    FROZEN = "frozen"
    RELEASED = "released"


class ThresholdEvent(StrEnum):
    """What can happen to it. `learn` and `suggest` are learning's own."""

    LEARN = "learn"
    SUGGEST = "suggest"
    PROPOSE = "propose"
    ACCEPT = "accept"
    REFUSE = "refuse"
    FREEZE = "freeze"
    RELEASE = "release"


class VersionState(StrEnum):
    """Where one version stands at the moment of the answer."""

    PROPOSED = "proposed"
    REFUSED = "refused"
    COMING = "coming"
    IN_FORCE = "in_force"
    SUPERSEDED = "superseded"


class ThresholdOrigin(StrEnum):
    """Where numbers come from."""

    LEARNT = "learnt"
    MANUAL = "manual"


class ThresholdIn(Wire):
    """Own numbers for one rule on one series, by name of parameter, put forward by a person."""

    outlet_id: UUID
    factor: Code
    kind: ReadingKind
    rule: Code
    numbers: Numbers
    reason: Reason


class ThresholdProposal(Wire):
    """Other numbers for a threshold that is there; parameters left out keep the number that holds."""

    numbers: Numbers
    reason: Reason


class ThresholdDecision(Wire):
    """Why it is accepted, refused, frozen or released."""

    reason: Reason = ""


class LearntNumber(Wire):
    """What one number rests on.

    `quantile` of the series' own history is `observed`, in the parameter's unit; `low` and `high` are how far
    learning may move the number.
    """

    parameter: str
    quantile: float
    observed: float
    low: float
    high: float


class ThresholdBasis(Wire):
    """The history a version was learnt from."""

    since: AwareDatetime
    until: AwareDatetime
    days: int
    """Days that held enough readings."""
    readings: int
    """Readings that taught."""
    excluded: int
    """Readings left out: under marks, flagged, or inside anomalies nobody has called false."""
    numbers: list[LearntNumber]


class AllowedThresholdEvent(Wire):
    """What the caller may do now; `blocked` names what stands against it."""

    event: ThresholdEvent
    blocked: str | None = None


class ThresholdVersion(Wire):
    """One version of the numbers. `valid_from` is data time, the start of a day in the park; None until accepted."""

    number: int
    state: VersionState
    origin: ThresholdOrigin
    numbers: dict[str, float]
    valid_from: AwareDatetime | None = None
    valid_to: AwareDatetime | None = None
    basis: ThresholdBasis | None = None
    made: PersonOut
    note: str = ""
    decided: PersonOut | None = None
    decision: str = ""


class ThresholdOut(Wire):
    """The threshold of one rule on one series."""

    id: UUID
    enterprise_id: UUID
    outlet_id: UUID
    factor: str
    kind: ReadingKind
    rule: str
    state: ThresholdState
    numbers: dict[str, float]
    """What holds for data of now."""
    default: dict[str, float]
    """The rule's own numbers for this series."""
    proposal: dict[str, float] | None = None
    held: PersonOut | None = None
    """Who froze or released it last."""
    held_reason: str = ""
    changed_at: AwareDatetime
    allowed: list[AllowedThresholdEvent] = []
    version: int


class ThresholdDetail(ThresholdOut):
    """With its versions, the newest first, 100 at most."""

    versions: list[ThresholdVersion]
