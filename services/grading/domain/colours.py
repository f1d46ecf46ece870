"""From the score to a colour: inherent factor H, smoothed score P̄, risk RI, hysteresis, vetoes, grey."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.grading.domain.emission import worst_month
from services.grading.domain.facts import Enterprise, EnterpriseFacts, QuarterFacts
from services.grading.domain.rules import InherentRules, Rules, Thresholds
from services.grading.domain.score import Reason
from shared.calendar import Quarter
from shared.contracts.casework import FindingSeverity
from shared.contracts.grading import Colour
from shared.contracts.ingest import PermitClass

LEVELS = (Colour.GREEN, Colour.YELLOW, Colour.RED)
"""Colours by rising risk; grey 未评级 is no level."""


@dataclass(frozen=True)
class Verdict:
    """A colour and why it is not simply what RI says."""

    colour: Colour
    reasons: tuple[Reason, ...] = ()


def inherent_factor(enterprise: Enterprise, rules: InherentRules) -> tuple[float, tuple[Reason, ...]]:
    """H = 1.0 plus what the enterprise is, kept in its range; and the additions as reasons."""
    simplified = enterprise.permit_class in {PermitClass.SIMPLIFIED, PermitClass.REGISTERED}
    factors = [
        ("key_unit", enterprise.key_unit, rules.key_unit),
        ("toxic", enterprise.toxic, rules.toxic),
        ("near_homes", enterprise.near_homes, rules.near_homes),
        ("large_flow", enterprise.large_flow, rules.large_flow),
        ("simplified_permit", simplified, rules.simplified_permit),
    ]
    present = [(name, points) for name, holds, points in factors if holds]
    h = 1.0 + sum(points for _, points in present)
    reasons = tuple(Reason(name, {"points": points}) for name, points in present)
    return round(min(rules.most, max(rules.least, h)), 2), reasons


def smoothed(score: float, earlier: Sequence[float | None], weights: Sequence[float]) -> float:
    """P̄: weighted mean of this quarter's P and those before; weights of missing quarters go to the others."""
    scores = [score, *earlier][: len(weights)]
    known = [(weight, each) for weight, each in zip(weights, scores, strict=False) if each is not None]
    return round(sum(weight * each for weight, each in known) / sum(weight for weight, _ in known), 4)


def risk_index(p_smoothed: float, h: float) -> float:
    """RI = (100 − P̄) × H; rounded to four digits so that binary fractions decide no colour."""
    return round((100 - p_smoothed) * h, 4)


def colour_of(risk: float, thresholds: Thresholds) -> Colour:
    """Colour by RI alone."""
    if risk < thresholds.yellow:
        return Colour.GREEN
    return Colour.YELLOW if risk < thresholds.red else Colour.RED


def colour_after(risk: float, previous: Colour | None, thresholds: Thresholds) -> Verdict:
    """Colour by RI with hysteresis: who comes from a worse colour must be clearly below the threshold."""
    plain = colour_of(risk, thresholds)
    if previous is Colour.RED and plain is not Colour.RED and risk >= thresholds.back_to_yellow:
        return _held(Colour.RED, previous, plain, risk, thresholds.back_to_yellow)
    if previous in {Colour.RED, Colour.YELLOW} and plain is Colour.GREEN and risk >= thresholds.back_to_green:
        return _held(Colour.YELLOW, previous, plain, risk, thresholds.back_to_green)
    return Verdict(plain)


def _held(colour: Colour, previous: Colour | None, plain: Colour, risk: float, needs: float) -> Verdict:
    params = {
        "previous": previous.value if previous else None,
        "by_risk": plain.value,
        "risk": round(risk, 2),
        "needs": needs,
    }
    return Verdict(colour, (Reason("hysteresis", params),))


def decide(facts: EnterpriseFacts, quarter: QuarterFacts, risk: float, rules: Rules) -> Verdict:
    """The colour: a veto is red even without enough data; too little data is grey; green only where allowed."""
    vetoes, grey = find_vetoes(facts, quarter, rules), insufficient_data(facts, Quarter.parse(quarter.quarter))
    if vetoes:
        return Verdict(Colour.RED, (*vetoes, *find_obstacles(facts, quarter, rules)))
    if grey:
        return Verdict(Colour.GREY, grey)
    verdict = colour_after(risk, facts.earlier.colour, rules.thresholds)
    obstacles = find_obstacles(facts, quarter, rules)
    colour = Colour.YELLOW if obstacles and verdict.colour is Colour.GREEN else verdict.colour
    return Verdict(colour, (*verdict.reasons, *obstacles))


def find_vetoes(facts: EnterpriseFacts, quarter: QuarterFacts, rules: Rules) -> tuple[Reason, ...]:
    """What makes red at once 一票否决, as far as today's facts tell.

    Fraud, detention, bypass, refusal and provincial credit come with the leads and the credit record.
    """
    reasons = []
    majors = [no for no, severity in _overdue(facts, quarter) if severity is FindingSeverity.MAJOR]
    if len(majors) >= rules.vetoes.overdue_majors:
        reasons.append(Reason("veto", {"rule": "overdue_majors", "count": len(majors), "findings": majors[:20]}))
    month, days = worst_month(facts.exceedances, Quarter.parse(quarter.quarter))
    if days >= rules.vetoes.exceeding_days_in_month:
        params = {"rule": "exceeding_days", "month": month, "days": days}
        reasons.append(Reason("veto", {**params, "limit": rules.vetoes.exceeding_days_in_month}))
    return tuple(reasons)


def find_obstacles(facts: EnterpriseFacts, quarter: QuarterFacts, rules: Rules) -> tuple[Reason, ...]:
    """What stands against green: an open overdue rectification, TVR too low."""
    reasons = []
    if overdue := [no for no, _ in _overdue(facts, quarter)]:
        params = {"rule": "overdue_rectification", "count": len(overdue), "findings": overdue[:20]}
        reasons.append(Reason("cannot_be_green", params))
    if facts.tvr is not None and facts.tvr < rules.not_green.rate:
        params = {"rule": "tvr", "tvr": round(facts.tvr, 4), "least": rules.not_green.rate}
        reasons.append(Reason("cannot_be_green", params))
    return tuple(reasons)


def insufficient_data(facts: EnterpriseFacts, quarter: Quarter) -> tuple[Reason, ...]:
    """Why an enterprise is grey 未评级: not one full quarter connected, or no reading ever came.

    Silence of connected outlets is no reason: it lowers TVR instead.
    """
    connected = facts.enterprise.connected_on
    if connected is None:
        return (Reason("insufficient_data", {"rule": "not_connected"}),)
    if connected > quarter.start.date():
        params = {"rule": "connected_less_than_quarter", "connected_on": connected.isoformat(), "quarter": str(quarter)}
        return (Reason("insufficient_data", params),)
    if facts.tvr is None:
        return (Reason("insufficient_data", {"rule": "no_readings"}),)
    return ()


def _overdue(facts: EnterpriseFacts, quarter: QuarterFacts) -> list[tuple[str, FindingSeverity]]:
    late = [finding for finding in facts.findings if finding.is_overdue(quarter.as_of)]
    return [(finding.no, finding.severity) for finding in sorted(late, key=lambda finding: finding.no)]
