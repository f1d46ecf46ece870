"""Facts of marks for grading 分级: which were due in a span, and how each of them turned out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.ingest.domain.columns import Columns
from services.ingest.domain.marks.model import Mark
from services.ingest.domain.marks.rules import Sign
from shared.contracts.ingest.marks import MarkFact, MarkOutcome, MarkState, RunningSign


@dataclass(frozen=True)
class Tally:
    """Marks of one enterprise that were due."""

    enterprise_id: UUID
    marks: tuple[MarkFact, ...]

    def count(self, outcome: MarkOutcome) -> int:
        """How many turned out so."""
        return sum(fact.outcome is outcome for fact in self.marks)


def outcome_of(mark: Mark) -> MarkOutcome:
    """How a mark past its deadline counts; one the rules ask nobody to confirm is on time."""
    if mark.submitted_at is None:
        return MarkOutcome.MISSING
    return MarkOutcome.LATE if mark.submitted_at > mark.due_at else MarkOutcome.ON_TIME


def tallies(marks: Iterable[Mark], now: datetime) -> list[Tally]:
    """Facts by enterprise, of marks whose deadline has passed or that were handed in; withdrawn ones count nothing."""
    found: dict[UUID, list[MarkFact]] = {}
    for mark in marks:
        if mark.state is MarkState.WITHDRAWN or (mark.submitted_at is None and mark.due_at > now):
            continue
        fact = MarkFact(
            mark_id=mark.id, no=mark.no, outlet_id=mark.outlet_id, code=mark.code, since=mark.since,
            due_at=mark.due_at, submitted_at=mark.submitted_at, outcome=outcome_of(mark), untrue=mark.untrue,
        )  # fmt: skip
        found.setdefault(mark.enterprise_id, []).append(fact)
    return [Tally(enterprise_id, tuple(facts)) for enterprise_id, facts in found.items()]


def signs_of_running(columns: Columns, signs: Iterable[Sign]) -> list[RunningSign]:
    """Factors whose hour means say that the source ran; what a reader or detection makes of it is theirs."""
    found = []
    for sign in signs:
        hits = columns.value[(columns.factor == sign.factor) & (columns.value > sign.above)]
        if hits.size:
            found.append(
                RunningSign(factor=sign.factor, hours=int(hits.size), greatest=float(hits.max()), threshold=sign.above)
            )
    return found
