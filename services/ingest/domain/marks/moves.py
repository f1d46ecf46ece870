"""What an event makes of a mark: the next version, or the refusal."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.ingest.domain.marks.model import Mark
from services.ingest.domain.marks.rules import TREAT_AS_VALID, Code, rules_at
from services.ingest.domain.marks.table import Party, check
from shared.contracts.ingest.marks import MarkAct, MarkEffect, MarkEvent, MarkSource, MarkState
from shared.errors import InvalidError

TELLS = frozenset({MarkEvent.CONFIRM, MarkEvent.CORRECT, MarkEvent.ANSWER})
REVIEWS = frozenset({MarkEvent.ACCEPT, MarkEvent.QUERY, MarkEvent.REJECT})


@dataclass(frozen=True)
class By:
    """Who acts, and when."""

    name: str
    parties: Collection[Party]
    at: datetime


def evidence_due_at(mark: Mark, code: Code) -> datetime | None:
    """Until when evidence of a mark is due; None where none is needed, or while it runs."""
    if not code.evidence or mark.until is None:
        return None
    return rules_at(mark.since).evidence_due_at(mark.until)


def move(mark: Mark, act: MarkAct, code: Code, by: By) -> Mark:
    """The mark after an act; `code` is the one it shall have."""
    row = check(mark, act, by.parties, by.at)
    fields: dict[str, Any] = {"state": row.target or mark.state}
    if act.event in TELLS:
        fields |= _told(mark, act, code, by)
    elif act.event is MarkEvent.FINISH:
        fields |= {"until": act.until, "follows": False}
    elif act.event in REVIEWS:
        untrue = act.event is MarkEvent.REJECT and act.untrue
        fields |= {
            "reviewed_at": by.at, "reviewed_by": by.name, "review_reason": act.reason.strip(), "untrue": untrue
        }  # fmt: skip
    elif act.event is MarkEvent.WITHDRAW:
        fields |= {"review_reason": act.reason.strip(), "follows": False}
    after = mark.changed(by.at, **fields)
    if after.until is not None and after.until <= after.since:
        raise InvalidError("the end must be after the beginning", field="until")
    return after.changed_deadlines(rules_at(after.since).due_at(after.since), evidence_due_at(after, code))


def _told(mark: Mark, act: MarkAct, code: Code, by: By) -> dict[str, Any]:
    since = act.since or mark.since
    until = act.until or mark.until
    factors = mark.factors if act.factors is None else tuple(sorted(set(act.factors)))
    same = (since, until, code.code, factors) == (mark.since, mark.until, mark.code, mark.factors)
    return {
        "reason": act.reason.strip(), "since": since, "until": until, "factors": factors, "code": code.code,
        "kind": code.kind, "effect": code.effect, "follows": mark.follows and same,
        "submitted_at": _submitted(mark, since, until, code, by.at), "submitted_by": mark.submitted_by or by.name,
    }  # fmt: skip


def _submitted(mark: Mark, since: datetime, until: datetime | None, code: Code, at: datetime) -> datetime:
    """When it counts as handed in: anew where it comes to say something of data it did not speak of in time."""
    first = mark.submitted_at
    if first is None or since < mark.since or code.code != mark.code:
        return at
    longer = mark.until is not None and (until is None or until > mark.until)
    return at if longer and mark.until and at > rules_at(mark.until).due_at(mark.until) else first


def merged(mark: Mark, new: Mark, at: datetime) -> Mark:
    """The mark lengthened by another one of the same code that it overlaps."""
    until = None if mark.until is None or new.until is None else max(mark.until, new.until)
    factors = tuple(sorted({*mark.factors, *new.factors})) if mark.factors and new.factors else ()
    reason = "; ".join(dict.fromkeys(text for text in (mark.reason, new.reason) if text))
    return mark.changed(
        at, since=min(mark.since, new.since), until=until, factors=factors, reason=reason[:2000], follows=False,
        state=MarkState.PENDING, submitted_by=mark.submitted_by or new.submitted_by,
        submitted_at=new.submitted_at if new.since < mark.since or mark.submitted_at is None else mark.submitted_at,
    )  # fmt: skip


def is_expired(mark: Mark, code: Code, now: datetime) -> bool:
    """Whether it ran out unproven: its evidence is due and not there, or nobody confirmed it until then."""
    if mark.until is None or mark.state not in (MarkState.PROPOSED, MarkState.PENDING, MarkState.QUERIED):
        return False
    last = mark.evidence_due_at or rules_at(mark.since).evidence_due_at(mark.until)
    unproven = mark.state is MarkState.PROPOSED or (code.evidence and not mark.evidence)
    return unproven and now >= last


def expire(mark: Mark, code: Code, at: datetime) -> Mark:
    """The mark after its deadline: what it covered counts as its readings say, or as valid by the rules."""
    check(mark, MarkAct(event=MarkEvent.EXPIRE), (Party.SYSTEM,), at)
    valid = rules_at(mark.since).on_expiry == TREAT_AS_VALID and mark.source is MarkSource.AUTO
    effect = MarkEffect.VALID if valid else code.effect
    return mark.changed(at, state=MarkState.EXPIRED, effect=effect, follows=False)
