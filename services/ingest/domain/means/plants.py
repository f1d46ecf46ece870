"""What a mean is and what of an outlet it depends on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple
from uuid import UUID

from services.ingest.domain.means.formulas import rounded
from services.ingest.domain.means.periods import moment
from services.ingest.domain.means.rules import NATIONAL, RuleSet, quantities, rules_at
from services.ingest.hj212.codec import tables
from shared.contracts.ingest import Medium
from shared.contracts.ingest.means import Agreement, Basis, MeanState, Method

USUAL_DECIMALS = 3


@dataclass(frozen=True, kw_only=True)
class Plant:
    """An outlet as its means see it. `units` and `steps` (smallest step reported) by factor.

    `reference_oxygen` in %, `barometric` in Pa; `edition` of HJ 212 says which flags are known.
    """

    point: int
    outlet_id: UUID
    enterprise_id: UUID
    medium: Medium
    interval: int
    edition: str = "2017"
    units: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, float] = field(default_factory=dict)
    rule_set: str | None = None
    jurisdiction: str = NATIONAL
    convert: bool = True
    reference_oxygen: float | None = None
    reference_alpha: float | None = None
    actual_state: bool = False
    barometric: float = 101_325.0

    def rules(self, at: int) -> RuleSet:
        """The rule set in force at a time."""
        return rules_at(self.medium, moment(at), jurisdiction=self.jurisdiction, rule_id=self.rule_set)

    def unit(self, factor: str) -> str:
        """The unit the outlet reports a factor in: its own or the standard's."""
        return self.units.get(factor) or standard_unit(factor)

    def scale(self, factor: str) -> float | None:
        """To mg/L or mg/m³; None for what is no concentration."""
        return quantities().concentration_scale(self.medium, self.unit(factor))

    @property
    def flow_factor(self) -> str:
        """The factor that carries the flow."""
        return quantities().flow[self.medium.value]

    @property
    def flow_scale(self) -> float | None:
        """To L/s or m³/s."""
        return quantities().flow_scale(self.medium, self.unit(self.flow_factor))

    @property
    def settings(self) -> tuple[object, ...]:
        """What the digest of a mean holds besides the values."""
        return (
            self.interval, self.edition, self.convert, self.reference_oxygen, self.reference_alpha, self.actual_state,
            self.barometric,
        )  # fmt: skip


class Reported(NamedTuple):
    """A device's own mean; `some` tells whether it came with any value, a sum (`-Cou`) included."""

    value: float | None
    flag: str
    some: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Mean:
    """A mean of one factor in one period; fields as in the contract's `MeanOut`. `digest`: of all inputs."""

    value: float | None
    converted: float | None = None
    emission: float | None = None
    state: MeanState
    valid: int
    expected: int
    reasons: Mapping[str, int]
    basis: Basis
    method: Method
    reported: float | None
    reported_flag: str | None
    agreement: Agreement | None
    rule: str
    digest: int


@cache
def standard_unit(factor: str) -> str:
    """The standard's unit."""
    known = tables.factors().get(factor)
    return known.unit if known else ""


@cache
def _standard_decimals(factor: str) -> int:
    known = tables.factors().get(factor)
    if known is None or "." not in known.format:
        return USUAL_DECIMALS
    return int(known.format.rsplit(".", 1)[1] or 0)


def decimals_of(factor: str, step: float | None = None) -> int:
    """Decimals of a factor: of the smallest step the outlet reports, else of the standard's format (`N3.2` → 2)."""
    if step is None:
        return _standard_decimals(factor)
    text = f"{step:.10f}".rstrip("0")
    return len(text.rsplit(".", 1)[1]) if "." in text else 0


def agreement_of(derived: float | None, reported: float | None, decimals: int) -> Agreement | None:
    """Whether the reported mean lies within the tolerance of the recomputed one; None where one is missing."""
    if derived is None or reported is None:
        return None
    tolerance = quantities().difference
    allowed = max(tolerance["relative"] * abs(reported), tolerance["steps"] * 10.0**-decimals)
    gap = abs(rounded(derived, decimals) - reported)
    return Agreement.WITHIN if gap <= allowed * (1 + 1e-9) else Agreement.BEYOND
