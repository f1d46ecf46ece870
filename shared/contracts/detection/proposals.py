"""Proposals 重调建议: new numbers for a rule that is seldom right, with the backtest that speaks for them."""

from datetime import date
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.detection.backtests import BacktestResult, ChangedSetting, RuleComparison
from shared.contracts.detection.people import PersonOut
from shared.contracts.ingest import Wire

Reason = Annotated[str, Field(max_length=1000)]


class ProposalState(StrEnum):
    """Where a proposal stands. `withdrawn`: its numbers hold no longer."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class ProposalEvent(StrEnum):
    """What people do with it."""

    ACCEPT = "accept"
    DECLINE = "decline"
    WITHDRAW = "withdraw"


class ProposalDecision(Wire):
    """Why it is accepted, declined or withdrawn."""

    reason: Reason = ""


class AllowedProposalEvent(Wire):
    """What the caller may do now; `blocked` names what stands against it."""

    event: ProposalEvent
    blocked: str | None = None


class Candidate(Wire):
    """Settings that were tried, and what came of them."""

    settings: list[ChangedSetting]
    outcome: RuleComparison


class ProposalOut(Wire):
    """A proposal as it stands; lists carry no backtest and no candidates."""

    id: UUID
    no: str
    """Readable number, `P-2026-0007`."""
    rule: str
    state: ProposalState
    backtest_id: UUID
    settings: list[ChangedSetting]
    former: list[ChangedSetting]
    """What the rule had when the proposal was made."""
    made_at: AwareDatetime
    decided: PersonOut | None = None
    decision: str = ""
    ended: PersonOut | None = None
    end_reason: str = ""
    valid_from: date | None = None
    """The day of the park from which accepted numbers hold."""
    valid_to: date | None = None
    tried: list[Candidate] = []
    backtest: BacktestResult | None = None
    allowed: list[AllowedProposalEvent] = []
    version: int
