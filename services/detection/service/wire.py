"""Anomalies as the contract's model."""

from collections.abc import Mapping

from services.detection.domain.explanations import explain
from services.detection.store import Stored
from shared.contracts.detection import AnomalyOut, Explanation, OpenAnomaly
from shared.contracts.ingest import OutletOut


def anomaly_out(one: Stored, outlet: OutletOut | None, precisions: Mapping[str, float]) -> AnomalyOut:
    """What others see of an anomaly; the unit is that of the outlet's factor, `precisions` are those of rules."""
    episode = one.episode
    reason = explain(episode)
    factors = outlet.factors if outlet else []
    unit = next((factor.unit for factor in factors if factor.factor == episode.factor), "")
    return AnomalyOut(
        id=episode.id,
        no=one.no,
        enterprise_id=one.enterprise_id,
        outlet_id=episode.outlet_id,
        factor=episode.factor,
        factors=list(episode.factors),
        parent_id=episode.parent_id,
        kind=episode.kind,
        rule=episode.rule,
        nature=episode.nature,
        severity=episode.severity,
        frequency=episode.frequency,
        count_30d=episode.count_30d,
        state=episode.state,
        started_at=episode.started_at,
        last_at=episode.last_at,
        ended_at=episode.ended_at,
        points=episode.points,
        observed=episode.worst.value,
        reference=episode.worst.reference,
        unit=unit,
        explanation=Explanation(code=reason.code, params=dict(reason.params)),
        recurrence_of=episode.recurrence_of,
        marked_by=episode.marked_by,
        rule_precision=precisions.get(episode.rule),
        detected_at=episode.detected_at,
        version=one.version,
    )


def open_anomaly(one: Stored) -> OpenAnomaly:
    """An open anomaly in a summary."""
    episode = one.episode
    return OpenAnomaly(
        id=episode.id, no=one.no, rule=episode.rule, factor=episode.factor, nature=episode.nature,
        severity=episode.severity, started_at=episode.started_at, marked=episode.marked_by is not None,
    )  # fmt: skip
