"""Surveys 批量筛查 as rules: history is looked at night by night, and what successive nights find is one hit.

    hits = find_survey_hits(rules, lines)                                    a whole history
    hits = survey(rules, lines, nights=(night, night), running=...).hits    one night more

Nights are midnights in the park, UTC+8. What is found on a night depends on the points before it alone and on at most
`REACH_DAYS` of them, and a hit goes on while nights in a row find what touches it: a history gives what the nights gave
one by one, if its points were there on the night.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from services.detection.domain.backtest import Choice
from services.detection.domain.checks.definition import Traits
from services.detection.domain.hits import Hit, SeriesKey
from services.detection.domain.kernel import Batch
from services.detection.domain.relations.codes import PLANT
from services.detection.domain.rules import Rule, parameters
from services.detection.domain.surveying.definition import Look, Numbers, Survey, Why
from services.detection.domain.surveying.registry import REACH_DAYS
from services.detection.domain.surveying.sheet import DAY, Grid, Sheets, make_sheets
from shared.clock import PARK_ZONE
from shared.contracts.ingest import ReadingKind

JUDGED = frozenset({ReadingKind.HOUR})
"""Surveys read hour means: a month of minutes is too long to be read each night, and hours tell it."""


class AnyLine(Protocol):
    """One series of an outlet."""

    @property
    def traits(self) -> Traits:
        """What is known of it."""

    @property
    def key(self) -> SeriesKey:
        """Whose it is."""

    @property
    def batch(self) -> Batch:
        """Its points with limits."""


@dataclass(frozen=True)
class Unjudged:
    """A rule that could not judge a factor on a night, and why (`Why.NAMES`)."""

    factor: str
    rule: str
    why: str


@dataclass
class Outcome:
    """Hits in the order of nights; the hits still running by their key; and what the last night could not judge."""

    hits: list[Hit] = field(default_factory=list)
    running: dict[str, Hit] = field(default_factory=dict)
    unjudged: list[Unjudged] = field(default_factory=list)
    judged: int = 0


def find_survey_hits(rules: Sequence[Rule], lines: Sequence[AnyLine], choice: Choice | None = None) -> list[Hit]:
    """Hits of all surveys over the whole history of one outlet, those still running as they stand last."""
    return survey(rules, lines, choice=choice).hits


def survey(
    rules: Sequence[Rule],
    lines: Sequence[AnyLine],
    *,
    nights: tuple[datetime, datetime] | None = None,
    running: Sequence[Hit] = (),
    choice: Choice | None = None,
) -> Outcome:
    """Judge the nights from the first to the last given, or every one that is over in the lines of one outlet.

    `running` are the survey hits that the nights before left open.
    """
    outcome = Outcome(running={line_key(hit.series, hit.rule): hit for hit in running})
    for sheets in _grids(lines, nights):
        for rule in rules:
            if isinstance(rule.check, Survey):
                _judge(rule, rule.check, sheets, choice or Choice(), outcome)
    outcome.hits.sort(key=lambda hit: (hit.decided_at, hit.key))
    return outcome


def _grids(lines: Sequence[AnyLine], nights: tuple[datetime, datetime] | None) -> Iterator[Sheets]:
    """Lines on grids, those of one interval together; what the plant's own meters tell may do as it pleases."""
    station = (one for one in lines if one.traits.kind in JUDGED and one.traits.factor not in PLANT)
    hours = sorted(station, key=lambda one: one.traits.factor)
    span = None
    if nights is not None:
        span = int(nights[0].timestamp()) - REACH_DAYS * DAY, int(nights[1].timestamp())
    for step in sorted({line.traits.interval for line in hours}):
        chosen = [(line.traits, line.key, line.batch) for line in hours if line.traits.interval == step]
        sheets = make_sheets(chosen, span)
        if sheets is not None:
            yield replace(sheets, first=0 if span is None else REACH_DAYS - 1)


def _judge(rule: Rule, check: Survey, sheets: Sheets, choice: Choice, outcome: Outcome) -> None:
    grid = sheets.grid
    numbers = [numbers_of(rule, sheet.traits, choice) for sheet in sheets.sheets]
    looks = check.look(sheets, numbers) if grid.days > sheets.first else [None] * len(numbers)
    for sheet, look in zip(sheets.sheets, looks, strict=True):
        if look is not None:
            follow(rule, sheet.key, grid, look, sheets.first, outcome)


def numbers_of(rule: Rule, traits: Traits, choice: Choice) -> Numbers | None:
    """The rule's numbers for one series; None where it does not judge it, which one open number says."""
    if traits.kind not in rule.judges or rule.code in choice.off:
        return None
    given = {**parameters(rule, traits), **(choice.overrides or {}).get(rule.code, {})}
    return None if any(math.isnan(value) for value in given.values()) else given


def follow(rule: Rule, series: SeriesKey, grid: Grid, look: Look, first: int, outcome: Outcome) -> None:
    """Open, extend or end the hit of one rule on one series, night by night."""
    line = line_key(series, rule.code)
    hit = outcome.running.pop(line, None)
    for night in range(first, grid.days):
        at = _moment(grid.night(night))
        in_force = rule.in_force(_day(at))
        found = bool(look.found[night]) and in_force
        if hit is not None and not (found and look.start[night] <= hit.until.timestamp()):
            outcome.hits.append(replace(hit, opened=False, decided_at=at))
            hit = None
        if found:
            hit = _found(rule, series, look, night, at, hit)
            if hit not in outcome.hits[-1:]:
                outcome.hits.append(hit)
    if hit is not None:
        outcome.running[line] = hit
    if grid.days > first:
        why = int(look.why[-1])
        outcome.judged += why == Why.JUDGED
        if why != Why.JUDGED:
            outcome.unjudged.append(Unjudged(series.factor, rule.code, Why.NAMES[why]))


def _found(rule: Rule, series: SeriesKey, look: Look, night: int, at: datetime, hit: Hit | None) -> Hit:
    until = _moment(int(look.end[night]))
    started = _moment(int(look.start[night])) if hit is None else hit.started_at
    until = until if hit is None else max(until, hit.until)
    return Hit(
        series=series, check=rule.check.name, rule=rule.code, opened=True, started_at=started, until=until,
        decided_at=at, value=float(look.value[night]), reference=float(look.reference[night]),
        count=max(int(look.count[night]), 0 if hit is None else hit.count),
    )  # fmt: skip


def line_key(series: SeriesKey, rule: str) -> str:
    """Which line of hits: one rule on one series."""
    return f"{series.outlet_id}/{series.factor}/{series.kind}/{rule}"


def _day(at: datetime) -> date:
    """The day that ends with this night."""
    return (at.astimezone(PARK_ZONE) - timedelta(seconds=1)).date()


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
