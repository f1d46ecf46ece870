"""A case 案件 as the domain sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.casework.domain.deadlines import Deadline
from shared.contracts.casework import CLOSED_STATES, CaseState, CauseCode
from shared.contracts.detection import Frequency, Nature, Severity


@dataclass(frozen=True)
class Inquiry:
    """The inquiry 异常问询 as sent. The limits stay as they were told, returns have their own clock."""

    sent_at: datetime
    sent_by: str
    text: str
    acknowledge_by: datetime
    reply_by: datetime
    acknowledged_at: datetime | None = None


@dataclass(frozen=True)
class Case:
    """A case. `screened_by` is the subject who sent the inquiry; `cause_code` is that of the latest reply."""

    id: UUID
    no: str
    enterprise_id: UUID
    outlet_id: UUID
    factor: str
    rule: str
    nature: Nature
    severity: Severity
    frequency: Frequency
    count_30d: int
    title: Mapping[str, Any]
    state: CaseState
    anomaly_started_at: datetime
    anomaly_last_at: datetime
    opened_at: datetime
    changed_at: datetime
    clock: Deadline | None = None
    overdue_level: int = 0
    anomalies: int = 1
    rounds: int = 0
    returns: int = 0
    inquiry: Inquiry | None = None
    cause_code: CauseCode | None = None
    first_replied_at: datetime | None = None
    on_time: bool | None = None
    returned_due_at: datetime | None = None
    """When the completed reply is due after a return."""
    assignee: str | None = None
    screened_by: str | None = None
    closed_at: datetime | None = None
    merged_into: str | None = None
    recurrence: bool = False
    version: int = 1
    rule_precision: float | None = None
    """How often people found the rule right when its anomaly was told; the best of its rules, None unknown."""
    priority: int = field(default=0)
    """Without the colour's share, which the list adds."""

    @property
    def is_open(self) -> bool:
        """Whether work on it is still due."""
        return self.state not in CLOSED_STATES

    @property
    def escalates_at(self) -> datetime | None:
        """When the next escalation is due, if a clock runs and has levels left."""
        return self.clock.threshold(self.overdue_level + 1) if self.clock else None
