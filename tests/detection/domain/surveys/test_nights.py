"""Surveys as rules: what each finds, what it leaves alone, and that nights one by one give what a history gives."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from services.detection.domain.backtest import Choice
from services.detection.domain.checks.definition import Traits
from services.detection.domain.history import Line, find_hits_of_outlet
from services.detection.domain.hits import Hit, SeriesKey
from services.detection.domain.kernel import Batch
from services.detection.domain.rules import Rule
from services.detection.domain.surveying.definition import Survey
from services.detection.domain.surveying.digits import chi_square_tail
from services.detection.domain.surveying.nights import find_survey_hits, survey
from services.detection.domain.surveying.registry import REACH_DAYS, SURVEYS
from services.detection.domain.surveying.sheet import DAY
from shared.contracts.ingest import Medium, ReadingKind
from tests.detection.domain.makers import OUTLET, T0, make_rules

HOUR = 3600
DAYS = 120
HOURS = DAYS * 24
EVENT = slice(100 * 24 + 7, 107 * 24 + 7)
FACTORS = ("a34013", "a21026", "a21002", "a00000", "a19001")
Values = np.ndarray
RULES = tuple(rule for rule in make_rules() if isinstance(rule.check, Survey))
TRICKED = [rule.code for rule in RULES if rule.code != "FLAG-ABUSE"]


def make_values(seed: int = 1) -> dict[str, Values]:
    """A stack's hours: what a plant emits wanders over days and hours, each factor with noise of its own."""
    rng = np.random.default_rng(seed)
    hours = np.arange(HOURS)

    def wander(size: float, period: float) -> Values:
        marks = rng.normal(0, size, int(HOURS / period) + 3)
        return np.interp(hours / period, np.arange(len(marks)), marks)

    load = 0.8 + 0.1 * np.cos(2 * np.pi * hours / 24) + wander(0.03, 40)
    made = {}
    for factor, level in zip(FACTORS, (4.0, 22.0, 31.0, 310.0, 6.0), strict=True):
        course = np.exp(wander(0.12, 90) + wander(0.08, 9) + wander(0.06, 3))
        made[factor] = np.round(level * load * course * (1 + 0.006 * rng.normal(size=HOURS)), 2)
    return made


def make_lines(values: dict[str, Values], flags: Values | None = None) -> list[Line]:
    t = T0 + HOUR * np.arange(HOURS, dtype=np.int64)
    letters = np.full(HOURS, ord("N"), np.uint8) if flags is None else flags
    lines = []
    for factor, v in values.items():
        there = np.isfinite(v)
        traits = Traits(ReadingKind.HOUR, Medium.GAS, factor, float(HOUR), 0.01, 400.0)
        key = SeriesKey(OUTLET, factor, ReadingKind.HOUR, timedelta(hours=1))
        limits = np.tile([np.nan, 50.0], (int(there.sum()), 1))
        lines.append(Line(traits, key, Batch(t[there], v[there], letters[there], limits)))
    return lines


def rounded(v: Values) -> Values:
    return np.round(v, 2)


def cap(v: Values, _rng: np.random.Generator) -> Values:
    return np.minimum(v, np.round(np.quantile(v, 0.6), 2))


def smooth(v: Values, _rng: np.random.Generator) -> Values:
    return rounded(np.convolve(np.concatenate((np.full(5, v[0]), v)), np.ones(6) / 6, "valid"))


def random(v: Values, rng: np.random.Generator) -> Values:
    return rounded(np.median(v) * (1 + rng.uniform(-0.02, 0.02, len(v))))


def noisy(v: Values, rng: np.random.Generator) -> Values:
    return rounded(v * (1 + rng.normal(0, 0.4, len(v))))


def halved(v: Values, _rng: np.random.Generator) -> Values:
    return rounded(v * 0.5)


TRICKS: dict[str, Callable[[Values, np.random.Generator], Values]] = {
    "CAP": cap, "SMOOTH": smooth, "RANDOM": random, "CALM": random, "VAR-UP": noisy, "PARAM-DATA": halved,
}  # fmt: skip


def tampered(code: str, seed: int = 1) -> dict[str, Values]:
    values, rng = make_values(seed), np.random.default_rng(9)
    if code in TRICKS:
        values["a21026"][EVENT] = TRICKS[code](values["a21026"][EVENT], rng)
    elif code in ("REPLAY", "REPLAY-N"):
        back = slice(EVENT.start - 9 * 24, EVENT.stop - 9 * 24)
        for factor in FACTORS[:3]:
            copy = values[factor][back]
            noise = rng.normal(0, 0.05 * copy.std(), len(copy)) if code == "REPLAY-N" else 0.0
            values[factor][EVENT] = rounded(copy + noise)
    elif code == "BUNCH":
        v = rounded(values["a21026"] * 2.6)
        last = slice(HOURS - 70 * 24, HOURS)
        v[last] = np.where(v[last] > 50.0, rounded(50.0 - rng.uniform(0, 0.9, 70 * 24)), v[last])
        values["a21026"] = v
    elif code == "ROWS":
        for factor in FACTORS:
            values[factor][EVENT] = values[factor][EVENT.start - 2 : EVENT.stop - 2].copy()
    else:
        month = slice(EVENT.start - 720, EVENT.start)
        digits = rng.choice([0.02, 0.03, 0.07, 0.06], 720)
        values["a21026"][month] = rounded(np.floor(values["a21026"][month] * 10) / 10 + digits)
    return values


def suited() -> tuple[dict[str, Values], Values]:
    """Maintenance is marked a dozen times, each time right after a value near the limit."""
    values, flags = make_values(), np.full(HOURS, ord("N"), np.uint8)
    for at in range(EVENT.start - 600, EVENT.start, 50):
        values["a21026"][at] = 49.0
        flags[at + 1 : at + 4] = ord("M")
    return values, flags


def rule_of(code: str) -> Rule:
    return next(rule for rule in RULES if rule.code == code)


def last_told(hits: list[Hit]) -> list[Hit]:
    return list({hit.id: hit for hit in hits}.values())


def night_by_night(lines: list[Line], rules: list[Rule], first: int) -> list[Hit]:
    """As the job does: each night reads what it needs and no more."""
    hits: list[Hit] = []
    running: list[Hit] = []
    for day in range(first, DAYS):
        night = T0 + (day + 1) * DAY
        seen = []
        for line in lines:
            old = line.batch
            here = (old.t >= night - REACH_DAYS * DAY) & (old.t < night)
            seen.append(replace(line, batch=Batch(old.t[here], old.v[here], old.flags[here], old.limits[here])))
        at = datetime.fromtimestamp(night, UTC)
        outcome = survey(rules, seen, nights=(at, at), running=running)
        running = list(outcome.running.values())
        hits += outcome.hits
    return sorted(hits, key=lambda hit: (hit.decided_at, hit.key))


@pytest.mark.parametrize("code", TRICKED)
def test_each_finds_its_trick_and_tells_when(code: str):
    found = last_told(find_survey_hits([rule_of(code)], make_lines(tampered(code))))
    assert found
    wanted = slice(EVENT.start - 720, EVENT.start) if code == "DIGIT" else EVENT
    begin, end = T0 + wanted.start * HOUR, T0 + wanted.stop * HOUR
    for hit in found:
        assert hit.started_at.timestamp() < end
        assert hit.until.timestamp() > begin
        assert hit.until <= hit.decided_at
        assert hit.decided_at.timestamp() > begin
    assert {hit.series.factor for hit in found} >= ({"a21026"} if code != "ROWS" else set(FACTORS))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_honest_months_are_left_alone(seed: int):
    assert find_survey_hits(RULES, make_lines(make_values(seed))) == []


@pytest.mark.parametrize("code", TRICKED)
def test_nights_one_by_one_give_what_a_history_gives(code: str):
    values = tampered(code)
    values["a21026"][500:530] = np.nan
    lines = make_lines(values)
    whole = find_survey_hits([rule_of(code)], lines)
    assert whole
    assert whole == night_by_night(lines, [rule_of(code)], 60)
    assert find_survey_hits([rule_of(code)], lines[::-1]) == whole


def test_an_outlet_has_them_with_the_hits_of_its_checks():
    hits = find_hits_of_outlet(make_rules(), make_lines(tampered("CAP")))
    assert "CAP" in {hit.rule for hit in hits}
    off = find_hits_of_outlet(make_rules(), make_lines(tampered("CAP")), Choice(off=frozenset({"CAP"})))
    assert "CAP" not in {hit.rule for hit in off}


def test_marked_stretches_are_not_judged():
    flags = np.full(HOURS, ord("N"), np.uint8)
    flags[EVENT] = ord("M")
    for code in ("CAP", "REPLAY", "SMOOTH", "PARAM-DATA"):
        assert find_survey_hits([rule_of(code)], make_lines(tampered(code), flags)) == []


def test_what_could_not_be_judged_is_told_with_the_reason():
    values = {"a21026": make_values()["a21026"]}
    values["a21026"][: HOURS - 10 * 24] = np.nan
    outcome = survey(RULES, make_lines(values))
    assert {(one.rule, one.why) for one in outcome.unjudged} >= {
        ("SMOOTH", "no_baseline"), ("CAP", "no_baseline"), ("ROWS", "no_partner"), ("DIGIT", "too_few"),
    }  # fmt: skip


def test_marks_that_begin_when_it_suits_are_found_and_others_are_not():
    rule = rule_of("FLAG-ABUSE")
    values, flags = suited()
    whole = find_survey_hits([rule], make_lines(values, flags))
    assert {hit.series.factor for hit in whole} == {"a21026"}
    assert max((hit.value, hit.count) for hit in whole) == (12.0, 12)
    assert whole == night_by_night(make_lines(values, flags), [rule], 60)
    assert find_survey_hits([rule], make_lines(make_values(), flags)) == []


def test_no_points_no_nights():
    empty = {factor: np.full(HOURS, np.nan) for factor in FACTORS}
    assert find_survey_hits(RULES, make_lines(empty)) == []
    assert find_survey_hits(RULES, []) == []


def test_every_survey_has_a_rule():
    assert {one.name for one in SURVEYS} == {rule.check.name for rule in RULES}


def test_tail_of_chi_square_agrees_with_the_table():
    for x, p in ((16.919, 0.05), (21.666, 0.01), (27.877, 0.001)):
        assert chi_square_tail(x) == pytest.approx(p, rel=1e-3)
    assert chi_square_tail(0.0) == 1.0
