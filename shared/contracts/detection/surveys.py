"""Runs of the surveys of history 批量筛查: each night by itself, or when a person asks."""

from enum import StrEnum
from typing import Self
from uuid import UUID

from pydantic import AwareDatetime, model_validator

from shared.contracts.detection.people import PersonOut
from shared.contracts.ingest import Wire


class SurveyTrigger(StrEnum):
    """What made a run."""

    NIGHTLY = "nightly"
    MANUAL = "manual"


class SurveyState(StrEnum):
    """Where a run stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"


class SurveyIn(Wire):
    """Which outlets to survey again for the last night: one, those of one enterprise, or all."""

    outlet_id: UUID | None = None
    enterprise_id: UUID | None = None

    @model_validator(mode="after")
    def _one_scope(self) -> Self:
        if self.outlet_id is not None and self.enterprise_id is not None:
            raise ValueError("give an outlet or an enterprise, not both")
        return self


class SurveyGap(Wire):
    """Series that a rule could not judge on the last night of a run, and why."""

    rule: str
    why: str
    series: int


class SurveyRunOut(Wire):
    """A run: `night` is the midnight in the park up to which history was judged; `outlets` done so far, `judged`
    answers of a rule about a series, `hits` told, `failed` outlets whose history could not be read.
    """

    id: UUID
    night: AwareDatetime
    trigger: SurveyTrigger
    state: SurveyState
    outlet_id: UUID | None
    enterprise_id: UUID | None
    requested_at: AwareDatetime
    requested_by: PersonOut | None
    finished_at: AwareDatetime | None
    outlets: int
    failed: int
    judged: int
    hits: int
    gaps: list[SurveyGap]
