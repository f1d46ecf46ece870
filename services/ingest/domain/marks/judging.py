"""What would come of a mark: overlaps, warnings, budgets, and what is refused."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.ingest.domain.marks.model import OPEN, Mark
from services.ingest.domain.marks.rules import Budget, Catalogue, Rules, catalogue
from shared.clock import PARK_ZONE
from shared.contracts.ingest.marks import ConflictKind, MarkEffect
from shared.errors import ConflictError, InvalidError

HOUR = timedelta(hours=1)
Span = tuple[datetime, datetime]


class MarkOverlapError(ConflictError):
    """A mark that is there says otherwise, or says the same; `context` names it."""

    code = "mark_overlap"


@dataclass(frozen=True)
class Conflict:
    """A mark that a new one overlaps."""

    kind: ConflictKind
    mark: Mark


@dataclass(frozen=True)
class Spent:
    """Hours of a budget in one calendar year of park time."""

    budget: Budget
    year: int
    used: float

    def is_warning(self, share: float) -> bool:
        """Whether `share` of it or more is used."""
        return self.used >= share * self.budget.hours


def conflicts(new: Mark, others: Iterable[Mark]) -> list[Conflict]:
    """Marks of the same outlet that contradict the new one, or say the same of the same data."""
    found = []
    for other in others:
        if other.id == new.id or other.state not in OPEN:
            continue
        if not other.overlaps(new.since, new.until) or not other.shares_factor(new.factors):
            continue
        if other.code == new.code:
            found.append(Conflict(ConflictKind.SAME_CODE, other))
        elif _contradict(catalogue(), other.code, new.code):
            found.append(Conflict(ConflictKind.CONTRADICTION, other))
    return sorted(found, key=lambda each: (each.kind, each.mark.since))


def _contradict(codes: Catalogue, one: str, two: str) -> bool:
    group = codes.codes[one].group
    return bool(group) and group == codes.codes[two].group


def refuse_conflicts(found: Sequence[Conflict], *, merge: bool) -> Mark | None:
    """The mark to lengthen where that is wanted and possible; raises `MarkOverlapError` for all else."""
    for conflict in found:
        if conflict.kind is ConflictKind.CONTRADICTION:
            raise _overlap("contradicts", conflict, offer=None)
    if len(found) > 1:
        raise _overlap("overlaps several marks of the same code, the first is", found[0], offer=None)
    if found and not merge:
        raise _overlap("overlaps one of the same code; send it with merge to lengthen that one:", found[0], "merge")
    return found[0].mark if found else None


def _overlap(how: str, conflict: Conflict, offer: str | None) -> MarkOverlapError:
    mark = conflict.mark
    return MarkOverlapError(
        f"the mark {how} {mark.no} ({mark.code})", mark_id=str(mark.id), no=mark.no, mark_code=mark.code,
        since=mark.since.isoformat(), until=mark.until.isoformat() if mark.until else None,
        conflict=conflict.kind.value, offer=offer,
    )  # fmt: skip


def problems(new: Mark, others: Sequence[Mark], rules: Rules, now: datetime) -> list[str]:
    """Codes of what stands against the mark itself."""
    found = []
    if new.until is not None and new.until <= new.since:
        found.append("ends_before_start")
    if max(new.since, new.until or new.since) > now + rules.future:
        found.append("in_the_future")
    if new.until is not None and now > new.until + rules.correction:
        found.append("window_over")
    if not found and new.until is not None and chain(new, others, rules, now) < rules.minimum:
        found.append("too_short")
    return found


PROBLEM_TEXTS = {
    "ends_before_start": ("until", "the end must be after the beginning"),
    "in_the_future": ("until", "a mark may not reach into the future; leave the end open while it lasts"),
    "window_over": ("since", "data as old as this can no longer be marked"),
    "too_short": ("until", "the mark, with the marks it touches, is shorter than the least length"),
}


def refuse_problems(found: Sequence[str], rules: Rules) -> None:
    """Raise `InvalidError` for the first problem."""
    if found:
        field, text = PROBLEM_TEXTS[found[0]]
        raise InvalidError(
            text, field=field, problem=found[0], least_minutes=int(rules.minimum.total_seconds() // 60),
            correction_days=rules.correction.days,
        )  # fmt: skip


def chain(new: Mark, others: Iterable[Mark], rules: Rules, now: datetime) -> timedelta:
    """Length of the unbroken chain of marks, whatever their codes, that the new one belongs to."""
    spans = [(mark.since, mark.end(now)) for mark in others if mark.state in OPEN and mark.id != new.id]
    begin, end = new.since, new.end(now)
    grown = True
    while grown:
        grown = False
        for since, until in spans:
            if since <= end + rules.chain_gap and until >= begin - rules.chain_gap and (since < begin or until > end):
                begin, end, grown = min(begin, since), max(end, until), True
    return end - begin


def spent(outlet_marks: Iterable[Mark], budget: Budget, year: int, now: datetime) -> Spent:
    """Hours of the year that effective marks of the budget's codes cover together; overlaps count once."""
    first, last = datetime(year, 1, 1, tzinfo=PARK_ZONE), datetime(year + 1, 1, 1, tzinfo=PARK_ZONE)
    spans = sorted(
        (max(mark.since, first), min(mark.end(now), last))
        for mark in outlet_marks
        if mark.effective and mark.code in budget.codes and mark.overlaps(first, last)
    )
    total, reached = timedelta(), first
    for since, until in spans:
        begin = max(since, reached)
        if until > begin:
            total += until - begin
            reached = until
    return Spent(budget, year, total / HOUR)


def wastes_budget(new: Mark, budget: Budget | None, others: Iterable[Mark]) -> bool:
    """Whether a mark with a budget falls into a time in which the source stands still anyway."""
    if budget is None:
        return False
    return any(
        other.effective and other.effect is MarkEffect.STOPPED and other.overlaps(new.since, new.until)
        for other in others
    )
