"""Labels from casework's feed, and the quality of rules by them."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.domain.judging.quality import wilson
from services.detection.domain.judging.verdicts import End, judge, table
from services.detection.store.labels import Label, LabelStore
from shared.auth import Principal
from shared.contracts.casework import CASE_CHANGED, CaseFact, CaseState
from shared.contracts.detection.quality import QualityOut, RuleQuality, Verdict
from shared.feed import Event


async def take_cases(session: AsyncSession, events: Sequence[Event]) -> None:
    """Apply events of casework's feed, in the transaction that moves the cursor."""
    store = LabelStore(session)
    facts = [CaseFact.model_validate(event.data) for event in events if event.type == CASE_CHANGED]
    rectified = await store.rectified([fact.case_id for fact in facts])
    labels: dict[UUID, Label] = {}
    for fact in facts:
        if fact.state is CaseState.RECTIFYING:
            rectified.add(fact.case_id)
        mended = fact.case_id in rectified
        verdict = judge(End(fact.state, fact.nature, fact.cause_code, mended))
        for anomaly_id in fact.anomaly_ids:
            labels[anomaly_id] = Label(
                anomaly_id, fact.case_id, fact.no, fact.enterprise_id, fact.outlet_id, fact.rule,
                verdict.value if verdict else None, mended, fact.at,
            )  # fmt: skip
    await store.save(list(labels.values()))


async def precision_of_rules(session: AsyncSession, now: datetime) -> dict[str, float]:
    """Share of each rule's judged anomalies that people confirmed, of rules with enough verdicts in the window."""
    rules = table()
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for one in await LabelStore(session).tally(now - rules.window, None, by_outlet=False):
        counted[one.rule][one.verdict] += one.count
    judged = {
        rule: (counts[Verdict.CONFIRMED], counts[Verdict.EXPLAINED] + counts[Verdict.FALSE_ALARM])
        for rule, counts in counted.items()
    }
    return {
        rule: right / (right + wrong) for rule, (right, wrong) in judged.items() if right + wrong >= rules.least_labels
    }


class QualityService:
    """How often rules were right."""

    def __init__(self, session: AsyncSession, now: datetime, caller: Principal) -> None:
        self._store = LabelStore(session)
        self._now = now
        self._caller = caller

    async def get_quality(self, *, by_outlet: bool) -> QualityOut:
        """Per rule, or per rule and outlet; an enterprise sees what its own anomalies say."""
        rules = table()
        tallies = await self._store.tally(self._now - rules.window, self._caller.tenant, by_outlet=by_outlet)
        counted: dict[tuple[str, UUID | None], Counter[str]] = defaultdict(Counter)
        for one in tallies:
            counted[one.rule, one.outlet_id][one.verdict] += one.count
        listed = [_quality(rule, outlet_id, counts) for (rule, outlet_id), counts in counted.items()]
        return QualityOut(
            days=rules.window.days, least_precision=rules.least_precision, least_labels=rules.least_labels,
            rules=listed,
        )  # fmt: skip


def _quality(rule: str, outlet_id: UUID | None, counts: Counter[str]) -> RuleQuality:
    right = counts[Verdict.CONFIRMED]
    total = right + counts[Verdict.EXPLAINED] + counts[Verdict.FALSE_ALARM]
    interval = wilson(right, total)
    precision = right / total if total else None
    bounds = table()
    return RuleQuality(
        rule=rule, outlet_id=outlet_id, confirmed=right, explained=counts[Verdict.EXPLAINED],
        false_alarms=counts[Verdict.FALSE_ALARM], undetermined=counts[Verdict.UNDETERMINED], precision=precision,
        low=interval[0] if interval else None, high=interval[1] if interval else None,
        retune=precision is not None and total >= bounds.least_labels and precision < bounds.least_precision,
    )  # fmt: skip
