"""One line of a list: an enterprise's grade 评级 with everything that led to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from services.grading.domain.blocks import score_blocks
from services.grading.domain.colours import decide, inherent_factor, risk_index, smoothed
from services.grading.domain.facts import Enterprise, EnterpriseFacts, QuarterFacts
from services.grading.domain.rules import Rules
from services.grading.domain.score import Block, Reason
from shared.calendar import Quarter
from shared.contracts.grading import Colour

ORDER = (Colour.RED, Colour.YELLOW, Colour.GREEN, Colour.GREY)


@dataclass(frozen=True)
class Grade:
    """A line of a list. `computed` is the colour before any override; `p` is None for grey."""

    enterprise_id: UUID
    enterprise_code: str
    name_zh: str
    name_en: str
    trade: str
    blocks: tuple[Block, ...]
    p: float | None
    p_smoothed: float | None
    h: float
    h_factors: tuple[Reason, ...]
    risk: float | None
    colour: Colour
    computed: Colour
    previous: Colour | None = None
    reasons: tuple[Reason, ...] = ()
    overridden_by: str | None = None


def grade(facts: EnterpriseFacts, quarter: QuarterFacts, rules: Rules) -> Grade:
    """Score and colour of one enterprise. A grey line keeps its blocks for the reader, but has no score."""
    enterprise = facts.enterprise
    blocks = score_blocks(facts, Quarter.parse(quarter.quarter), quarter.as_of, rules)
    p = round(sum(each.score for each in blocks), 2)
    p_smoothed = smoothed(p, facts.earlier.scores, rules.smoothing)
    h, h_factors = inherent_factor(enterprise, rules.inherent)
    risk = risk_index(p_smoothed, h)
    verdict = decide(facts, quarter, risk, rules)
    scored = verdict.colour is not Colour.GREY
    return Grade(
        enterprise_id=enterprise.id, enterprise_code=enterprise.code, name_zh=enterprise.name_zh,
        name_en=enterprise.name_en, trade=enterprise.trade, blocks=blocks, p=p if scored else None,
        p_smoothed=p_smoothed if scored else None, h=h, h_factors=h_factors, risk=risk if scored else None,
        colour=verdict.colour, computed=verdict.colour, previous=facts.earlier.colour, reasons=verdict.reasons,
    )  # fmt: skip


def grade_all(facts: QuarterFacts, rules: Rules) -> tuple[Grade, ...]:
    """All lines of a list, gravest first."""
    return in_order(grade(each, facts, rules) for each in facts.enterprises)


def imported(enterprise: Enterprise, p: float | None, colour: Colour, note: str, rules: Rules) -> Grade:
    """A line taken over from a list made before Sanse: it has a colour, perhaps a score, and no blocks."""
    h, h_factors = inherent_factor(enterprise, rules.inherent)
    return Grade(
        enterprise_id=enterprise.id, enterprise_code=enterprise.code, name_zh=enterprise.name_zh,
        name_en=enterprise.name_en, trade=enterprise.trade, blocks=(), p=p, p_smoothed=None, h=h,
        h_factors=h_factors, risk=None, colour=colour, computed=colour, reasons=(Reason("imported", {"note": note}),),
    )  # fmt: skip


def in_order(grades: Iterable[Grade]) -> tuple[Grade, ...]:
    """Red, yellow, green, grey; in each the highest risk first, then by code."""
    return tuple(sorted(grades, key=lambda each: (ORDER.index(each.colour), -(each.risk or 0.0), each.enterprise_code)))
