"""What holds for any facts."""

from dataclasses import replace
from datetime import timedelta

import hypothesis.strategies as st
from hypothesis import example, given, settings

from services.grading.domain.facts import Completeness, EnterpriseFacts, Exceedance
from services.grading.domain.freezing import canonical, digest_of, thaw
from services.grading.domain.grades import Grade, grade, grade_all
from services.grading.domain.score import Cause, limited
from shared.contracts.casework import FindingState
from shared.contracts.grading import Colour
from tests.grading.makers import (
    AS_OF,
    FIRM,
    HOUR,
    OUTLET,
    QUARTER,
    RULES,
    SECOND,
    at,
    make_case,
    make_days,
    make_facts,
    make_finding,
    make_hours,
    make_quarter,
    make_visit,
)

START = QUARTER.start - timedelta(days=2)
hours = st.builds(
    lambda name, offset, points, gap, outlet: make_hours(
        f"h{name}", START + offset * HOUR, points, last_at=START + (offset + points - 1 + gap) * HOUR, outlet_id=outlet
    ),
    st.integers(), st.integers(0, 24 * 5), st.sampled_from([1, 2, 7, 12, 24, 30]), st.integers(0, 20),
    st.sampled_from([OUTLET, SECOND]),
)  # fmt: skip
days = st.builds(
    lambda name, offset, points, outlet: make_days(
        f"d{name}", START + timedelta(days=offset), points, outlet_id=outlet
    ),
    st.integers(), st.integers(0, 5), st.integers(1, 3), st.sampled_from([OUTLET, SECOND]),
)  # fmt: skip
exceedances = st.lists(hours | days, max_size=6, unique_by=lambda each: each.id)


def grade_of(facts: EnterpriseFacts) -> Grade:
    return grade(facts, make_quarter(facts), RULES)


def score(anomalies: list[Exceedance]) -> float:
    p = grade_of(make_facts(exceedances=tuple(anomalies))).p
    assert p is not None
    return p


@settings(max_examples=200)
@example([make_hours("a", at(3), 24)], make_days("d", at(3), 1))  # a day must not free more than it costs
@given(exceedances, hours | days)
def test_one_more_exceedance_never_raises_the_score(anomalies: list[Exceedance], further: Exceedance):
    others = [each for each in anomalies if each.id != further.id]

    assert score([*others, further]) <= score(others)


@given(exceedances.filter(bool), st.data())
def test_more_points_in_an_exceedance_never_raise_the_score(anomalies: list[Exceedance], data: st.DataObject):
    place = data.draw(st.integers(0, len(anomalies) - 1))
    worse = replace(anomalies[place], points=anomalies[place].points + data.draw(st.integers(1, 10)))

    assert score([*anomalies[:place], worse, *anomalies[place + 1 :]]) <= score(anomalies)


@st.composite
def any_facts(draw: st.DrawFn) -> EnterpriseFacts:
    def some(count: int) -> range:
        return range(draw(st.integers(0, count)))

    late = st.fixed_dictionaries({"on_time": st.booleans(), "returns": st.integers(0, 2), "recurrence": st.booleans()})
    open_finding = {"state": FindingState.FIXING, "verified_at": None, "on_time": None}
    due = st.integers(-200, 20).map(lambda offset: AS_OF + timedelta(days=offset))
    expected, received, valid = sorted(draw(st.lists(st.integers(1, 2200), min_size=3, max_size=3)), reverse=True)
    return make_facts(
        exceedances=tuple(draw(exceedances)),
        cases=tuple(make_case(f"c{i}", **draw(late)) for i in some(7)),
        visits=tuple(make_visit(f"v{i}", draw(st.integers(0, 9))) for i in some(7)),
        findings=tuple(make_finding(f"f{i}", due_at=draw(due), **open_finding) for i in some(7)),
        completeness=(
            Completeness(OUTLET, FIRM, expected, received, valid), Completeness(SECOND, FIRM, 2200, 2200, 1500),
        ),
    )  # fmt: skip


@settings(max_examples=60)
@given(any_facts())
def test_causes_add_up_to_what_is_missing(facts: EnterpriseFacts):
    line = grade_of(facts)

    for block in line.blocks:
        assert 0 <= block.score <= block.maximum
        assert all(cause.points <= 0 for cause in block.causes)
        assert round(sum(cause.points for cause in block.causes), 2) == round(block.score - block.maximum, 2)
    assert line.p == round(sum(block.score for block in line.blocks), 2)
    assert line.colour in set(Colour)


@settings(max_examples=30)
@given(any_facts())
def test_frozen_facts_give_the_same_list_again(facts: EnterpriseFacts):
    frozen = make_quarter(facts)
    text = canonical(frozen, RULES.version)
    version, thawed = thaw(text)

    assert (version, thawed) == (RULES.version, frozen)
    assert grade_all(thawed, RULES) == grade_all(frozen, RULES)
    assert digest_of(canonical(thawed, version)) == digest_of(text)


@given(st.lists(st.integers(0, 1000), max_size=8), st.integers(0, 2000))
def test_a_limit_is_reached_and_never_passed(costs: list[int], most: int):
    causes = [Cause("anomaly", str(place), -cost / 100, "exceeding_hours") for place, cost in enumerate(costs)]
    taken = limited(causes, most / 100)

    assert [cause.ref for cause in taken] == [cause.ref for cause in causes]
    assert round(-sum(cause.points for cause in taken), 2) == min(sum(costs), most) / 100
