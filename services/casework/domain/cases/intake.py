"""Anomalies 异常 becoming cases: a new case, or one more anomaly of an unscreened case."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.casework.domain import deadlines
from services.casework.domain.cases.model import Case
from services.casework.domain.priority import own_priority
from shared.contracts.casework import CaseAct, CaseEvent, CaseState, ReasonCode
from shared.contracts.detection import SEVERAL, AnomalyOut, Frequency, Severity

JOIN_WITHIN = timedelta(hours=6)
"""Anomalies of one factor of one outlet this close together are one question to the enterprise."""

_FREQUENCY = (Frequency.FIRST, Frequency.REPEATED, Frequency.CHRONIC)


@dataclass(frozen=True)
class Opening:
    """What a new case gets besides its anomaly."""

    id: UUID
    no: str
    recurrence: bool
    now: datetime


def open_case(anomaly: AnomalyOut, opening: Opening) -> Case:
    """A case in screening; its clock starts when it is opened."""
    return Case(
        id=opening.id, no=opening.no, enterprise_id=anomaly.enterprise_id, outlet_id=anomaly.outlet_id,
        factor=anomaly.factor, rule=anomaly.rule, nature=anomaly.nature, severity=anomaly.severity,
        frequency=anomaly.frequency, count_30d=anomaly.count_30d, title=anomaly.explanation.model_dump(mode="json"),
        state=CaseState.SCREENING, anomaly_started_at=anomaly.started_at, anomaly_last_at=anomaly.last_at,
        opened_at=opening.now, changed_at=opening.now, recurrence=opening.recurrence,
        clock=deadlines.start("screening", anomaly.severity, opening.now),
        rule_precision=anomaly.rule_precision,
        priority=own_priority(anomaly.severity, anomaly.frequency, 0, anomaly.rule_precision),
    )  # fmt: skip


def find_to_join(anomaly: AnomalyOut, cases: Iterable[Case]) -> Case | None:
    """The unscreened case of the same outlet and factor this anomaly belongs to, if there is one."""
    return next(
        (
            case
            for case in cases
            if case.state is CaseState.SCREENING
            and (case.outlet_id, case.factor) == (anomaly.outlet_id, anomaly.factor)
            and anomaly.started_at <= case.anomaly_last_at + JOIN_WITHIN
            and anomaly.last_at >= case.anomaly_started_at - JOIN_WITHIN
        ),
        None,
    )


def may_give_up(case: Case) -> bool:
    """Whether the case is nothing but one anomaly that nobody has looked at, so that it can go into another."""
    return case.state is CaseState.SCREENING and case.anomalies == 1


def merging(no: str) -> CaseAct:
    """What the system does with such a case when the anomaly turns out to be part of the case `no`."""
    return CaseAct(event=CaseEvent.MERGE, into=no, reason_code=ReasonCode.SAME_EPISODE)


def take_in(case: Case, anomaly: AnomalyOut, *, added: int, now: datetime) -> Case:
    """The case with what a further (`added` 1) or a changed (0) anomaly of it says. Severity never falls.

    A parent tells anew how many factors it stands for.

    The version counts only what bears on a decision: a further anomaly or a graver severity.
    """
    severity = Severity(min(case.severity.value, anomaly.severity.value))
    frequency = _FREQUENCY[max(_FREQUENCY.index(case.frequency), _FREQUENCY.index(anomaly.frequency))]
    graver = severity is not case.severity
    own = (case.factor, case.rule) == (anomaly.factor, anomaly.rule) and anomaly.factor == SEVERAL
    counts = added > 0 or graver
    precision = _better(case.rule_precision, anomaly.rule_precision)
    return replace(
        case,
        severity=severity,
        frequency=frequency,
        title=anomaly.explanation.model_dump(mode="json") if own else case.title,
        count_30d=max(case.count_30d, anomaly.count_30d),
        anomalies=case.anomalies + added,
        anomaly_started_at=min(case.anomaly_started_at, anomaly.started_at),
        anomaly_last_at=max(case.anomaly_last_at, anomaly.last_at),
        rule_precision=precision,
        priority=own_priority(severity, frequency, case.overdue_level, precision),
        changed_at=now if counts else case.changed_at,
        version=case.version + (1 if counts else 0),
    )


def absorb(target: Case, merged: Case, now: datetime) -> Case:
    """The case another one was merged into."""
    severity = Severity(min(target.severity.value, merged.severity.value))
    frequency = _FREQUENCY[max(_FREQUENCY.index(target.frequency), _FREQUENCY.index(merged.frequency))]
    precision = _better(target.rule_precision, merged.rule_precision)
    return replace(
        target,
        severity=severity,
        frequency=frequency,
        count_30d=max(target.count_30d, merged.count_30d),
        anomalies=target.anomalies + merged.anomalies,
        anomaly_started_at=min(target.anomaly_started_at, merged.anomaly_started_at),
        anomaly_last_at=max(target.anomaly_last_at, merged.anomaly_last_at),
        recurrence=target.recurrence or merged.recurrence,
        rule_precision=precision,
        priority=own_priority(severity, frequency, target.overdue_level, precision),
        changed_at=now,
        version=target.version + 1,
    )


def _better(one: float | None, other: float | None) -> float | None:
    return max((share for share in (one, other) if share is not None), default=None)
