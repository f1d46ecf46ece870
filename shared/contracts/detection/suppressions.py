"""Suppressions 抑制: hits that open no anomaly for a while, for a known reason. They are counted all the same."""

from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, model_validator

from shared.contracts.detection.people import PersonOut
from shared.contracts.ingest import Code, ReadingKind, Wire

Note = Annotated[str, Field(max_length=1000)]


class SuppressionState(StrEnum):
    """Where a suppression stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"
    REVOKED = "revoked"
    EXPIRED = "expired"


class SuppressionEvent(StrEnum):
    """What can happen to it. `expire` is the clock's."""

    APPROVE = "approve"
    REFUSE = "refuse"
    REVOKE = "revoke"
    EXPIRE = "expire"


class SuppressionReason(StrEnum):
    """Why hits are expected and say nothing new."""

    PLANNED_WORK = "planned_work"
    DEVICE_REPLACED = "device_replaced"
    TREATMENT_REBUILT = "treatment_rebuilt"
    RULE_BEING_RETUNED = "rule_being_retuned"
    KNOWN_HARMLESS = "known_harmless"
    OTHER = "other"


class SuppressionIn(Wire):
    """A proposal: one rule on an enterprise or on one outlet, on all factors or one, for a span of data time.

    The condition, where one is given, must hold as well: the hit is of this kind of reading, and its worst value
    lies in these bounds, both included, in the factor's unit. A suppression never reaches back before its approval.
    """

    enterprise_id: UUID | None = None
    outlet_id: UUID | None = None
    factor: Code | None = None
    rule: Code
    kind: ReadingKind | None = None
    value_at_least: float | None = Field(None, allow_inf_nan=False)
    value_at_most: float | None = Field(None, allow_inf_nan=False)
    since: AwareDatetime | None = None
    """None: from now."""
    until: AwareDatetime
    reason_code: SuppressionReason
    note: Note = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.enterprise_id is None) == (self.outlet_id is None):
            raise ValueError("give either enterprise_id or outlet_id")
        low, high = self.value_at_least, self.value_at_most
        if low is not None and high is not None and low > high:
            raise ValueError("value_at_least must not exceed value_at_most")
        return self


class SuppressionLimits(Wire):
    """Bounds of a proposal: days it may last, and days ahead of today at which it may begin."""

    most_days: int
    most_days_ahead: int
    source: str


class SuppressionDecision(Wire):
    """Why it is approved, refused or revoked."""

    reason: Note = ""


class AllowedSuppressionEvent(Wire):
    """What the caller may do now; `blocked` names what stands against it."""

    event: SuppressionEvent
    blocked: str | None = None


class SuppressionOut(Wire):
    """A suppression as stored, with what it kept quiet so far."""

    id: UUID
    no: str
    """Readable number, `S-2026-0007`."""
    enterprise_id: UUID
    outlet_id: UUID | None = None
    """None: every outlet of the enterprise."""
    factor: str | None = None
    rule: str
    kind: ReadingKind | None = None
    value_at_least: float | None = None
    value_at_most: float | None = None
    since: AwareDatetime
    until: AwareDatetime
    reason_code: SuppressionReason
    note: str
    state: SuppressionState
    in_effect: bool
    """Whether it keeps hits of this moment quiet."""
    hits: int
    """Hits that opened no anomaly because of it."""
    last_hit_at: AwareDatetime | None = None
    proposed: PersonOut
    decided: PersonOut | None = None
    """Approval or refusal."""
    decision: str = ""
    ended: PersonOut | None = None
    """Revocation or expiry."""
    end_reason: str = ""
    allowed: list[AllowedSuppressionEvent] = []
    version: int
