"""What stands around one anomaly: the rule with the numbers it was judged by, its hits, verdict, chain and history."""

from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime

from shared.contracts.detection.anomalies import AnomalyOut
from shared.contracts.detection.quality import Verdict
from shared.contracts.detection.rules import RuleOut
from shared.contracts.ingest import Wire


class NumberOrigin(StrEnum):
    """Where a number came from: the rule itself, or a threshold of the series' own."""

    DEFAULT = "default"
    OWN = "own"


class NumberInForce(Wire):
    """A parameter of the rule for this series at the anomaly's start. `value` None: left open on purpose.

    `default` is the rule's own number where another one held.
    """

    name: str
    value: float | None
    origin: NumberOrigin
    default: float | None = None


class HitOut(Wire):
    """One hit of the rule inside the anomaly; `until` is the moment after it. `suppressed`: kept quiet."""

    started_at: AwareDatetime
    until: AwareDatetime
    running: bool
    points: int
    value: float
    reference: float
    suppressed: bool


class AnomalyVerdict(Wire):
    """The case that an anomaly belongs to, and what its end says; `verdict` None while the case is open."""

    anomaly_id: UUID
    case_id: UUID
    case_no: str
    verdict: Verdict | None
    rectified: bool
    at: AwareDatetime


class AnomalyContext(Wire):
    """Around one anomaly, all of the same outlet.

    `chain`: the anomalies it recurs from and those that recur from it, itself among them, the oldest first.
    `history`: the latest others of the same rule. `verdicts` are of all anomalies named here that have a case.
    """

    anomaly_id: UUID
    rule: RuleOut | None
    numbers: list[NumberInForce] = []
    hits: list[HitOut] = []
    chain: list[AnomalyOut] = []
    history: list[AnomalyOut] = []
    verdicts: list[AnomalyVerdict] = []
