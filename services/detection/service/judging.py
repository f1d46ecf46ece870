"""Labels from casework's feed, and the quality of rules by them."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.domain.evaluation.wilson import wilson
from services.detection.domain.judging.verdicts import End, judge, table
from services.detection.store.labels import By, Judged, Label, LabelFilter, LabelStore
from shared.auth import Principal
from shared.contracts.casework import CASE_CHANGED, CaseFact, CaseState
from shared.contracts.detection.quality import LabelOut, QualityOut, RuleQuality, Verdict
from shared.feed import Event
from shared.http import Page, encode_cursor


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
    for one in await LabelStore(session).tally(now - rules.window, None):
        counted[one.rule][one.verdict] += one.count
    judged = {
        rule: (counts[Verdict.CONFIRMED], counts[Verdict.EXPLAINED] + counts[Verdict.FALSE_ALARM])
        for rule, counts in counted.items()
    }
    return {
        rule: right / (right + wrong) for rule, (right, wrong) in judged.items() if right + wrong >= rules.least_labels
    }


async def rules_to_retune(session: AsyncSession, now: datetime) -> list[str]:
    """Rules that were right too seldom on enough labels."""
    shares = await precision_of_rules(session, now)
    return sorted(rule for rule, share in shares.items() if share < table().least_precision)


class QualityService:
    """How often rules were right."""

    def __init__(self, session: AsyncSession, now: datetime, caller: Principal) -> None:
        self._store = LabelStore(session)
        self._now = now
        self._caller = caller

    async def get_quality(self, by: By, days: int | None) -> QualityOut:
        """Per rule, or per rule and outlet or trade; an enterprise sees what its own anomalies say."""
        rules = table()
        window = rules.window if days is None else timedelta(days=days)
        tallies = await self._store.tally(self._now - window, self._caller.tenant, by)
        counted: dict[tuple[str, UUID | None, str | None], Counter[str]] = defaultdict(Counter)
        for one in tallies:
            counted[one.rule, one.outlet_id, one.trade][one.verdict] += one.count
        return QualityOut(
            days=window.days, least_precision=rules.least_precision, least_labels=rules.least_labels,
            rules=[_quality(rule, counts, outlet_id, trade) for (rule, outlet_id, trade), counts in counted.items()],
        )  # fmt: skip

    async def list_labels(self, which: LabelFilter, after: tuple[datetime, UUID] | None, limit: int) -> Page[LabelOut]:
        """Judged anomalies with the case that judged them, the latest first; an enterprise sees its own."""
        tenant = self._caller.tenant
        if tenant is not None:
            which = replace(which, enterprise_id=tenant)
        found = await self._store.select(which, after, limit + 1)
        shown = [_label(one) for one in found[:limit]]
        more = encode_cursor(shown[-1].judged_at.isoformat(), str(shown[-1].anomaly_id)) if len(found) > limit else None
        return Page(items=shown, next=more)


def _label(one: Judged) -> LabelOut:
    label = one.label
    return LabelOut(
        anomaly_id=label.anomaly_id, anomaly_no=one.anomaly_no, case_id=label.case_id, case_no=label.case_no,
        enterprise_id=label.enterprise_id, outlet_id=label.outlet_id, rule=one.rule, factor=one.factor,
        verdict=Verdict(label.verdict or Verdict.UNDETERMINED), rectified=label.rectified, judged_at=label.judged_at,
        started_at=one.started_at,
    )  # fmt: skip


def _quality(rule: str, counts: Counter[str], outlet_id: UUID | None, trade: str | None) -> RuleQuality:
    right = counts[Verdict.CONFIRMED]
    total = right + counts[Verdict.EXPLAINED] + counts[Verdict.FALSE_ALARM]
    low, high = wilson(right, total) if total else (None, None)
    precision = right / total if total else None
    bounds = table()
    return RuleQuality(
        rule=rule, outlet_id=outlet_id, trade=trade, confirmed=right, explained=counts[Verdict.EXPLAINED],
        false_alarms=counts[Verdict.FALSE_ALARM], undetermined=counts[Verdict.UNDETERMINED], precision=precision,
        low=low, high=high,
        retune=precision is not None and total >= bounds.least_labels and precision < bounds.least_precision,
    )  # fmt: skip
