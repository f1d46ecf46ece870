"""Minute → hour → day → month, with numbers computed by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.ingest.domain.covers import Cover, Effect
from services.ingest.domain.means.folds import Part, derive_day, derive_month
from services.ingest.domain.means.hours import derive_hour
from services.ingest.domain.means.periods import DAY, HOUR, day_of, month_of
from services.ingest.domain.means.plants import Mean, Plant, Reported, agreement_of, decimals_of
from services.ingest.domain.means.rules import rule_sets, rules_at
from services.ingest.domain.means.slots import Slots, lay
from shared.contracts.ingest import Medium
from shared.contracts.ingest.means import Agreement, Basis, MeanState, Method

H = int(datetime(2026, 3, 1, 2, 0, tzinfo=UTC).timestamp())
ID = UUID(int=1)
COD, NH3, PH, FLOW = "w01018", "w21003", "w01001", "w00000"
NOX, O2, GAS_FLOW, TEMPERATURE, PRESSURE, MOISTURE = "a21002", "a19001", "a00000", "a01012", "a01013", "a01014"


def plant(medium: Medium = Medium.WATER, **fields: Any) -> Plant:
    given = {"interval": 1, "units": {COD: "mg/L", FLOW: "L/s", NOX: "mg/m³", GAS_FLOW: "m³/s"}} | fields
    return Plant(point=1, outlet_id=ID, enterprise_id=ID, medium=medium, **given)


def minutes(values: Sequence[float | None], flags: str = "", step: int = 60) -> Slots:
    came = [i for i, value in enumerate(values) if value is not None]
    letters = flags.ljust(len(values), "N")
    return lay(
        [H + i * step for i in came],
        [float(values[i] or 0) for i in came],
        [ord(letters[i]) for i in came],
        H,
        step // 60,
    )


def mark(effect: Effect, since: int, until: int, *factors: str) -> Cover:
    return Cover(H + 60 * since, H + 60 * until, frozenset(factors) or None, effect, ID)


def hour_of(values: dict[str, Slots], medium: Medium = Medium.WATER, *covers: Cover, **fields: Any) -> dict[str, Mean]:
    return derive_hour(plant(medium, **fields), H, values, {}, covers)


@pytest.mark.parametrize(
    ("count", "state"), [(60, MeanState.VALID), (45, MeanState.VALID), (44, MeanState.FEW), (1, MeanState.FEW)]
)
@pytest.mark.parametrize("medium", list(Medium))
def test_an_hour_needs_45_valid_minutes(count: int, state: MeanState, medium: Medium) -> None:
    factor = COD if medium is Medium.WATER else NOX
    mean = hour_of({factor: minutes([20.0] * count + [None] * (60 - count))}, medium)[factor]

    assert (mean.state, mean.valid, mean.expected, mean.value) == (state, count, 60, 20.0)
    assert mean.reasons == ({"missing": 60 - count} if count < 60 else {})


def test_other_intervals_need_the_same_share() -> None:
    states = [
        hour_of({COD: minutes([1.0] * n + [None] * (6 - n), step=600)}, interval=10)[COD].state for n in (6, 5, 4)
    ]

    assert states == [MeanState.VALID, MeanState.VALID, MeanState.FEW]


def test_one_abnormal_value_spoils_an_hour_of_water_but_not_of_gas() -> None:
    values = [10.0] * 59 + [990.0]
    water = hour_of({COD: minutes(values, "N" * 59 + "D")})[COD]
    gas = hour_of({NOX: minutes(values, "N" * 59 + "D")}, Medium.GAS)[NOX]
    spoilt = hour_of({NOX: minutes([10.0] * 60, "D" * 16)}, Medium.GAS)[NOX]

    assert (water.state, water.reasons) == (MeanState.FLAG, {"flag:D": 1})
    assert (gas.state, gas.value, gas.valid) == (MeanState.VALID, 10.0, 59)
    assert (spoilt.state, spoilt.valid, spoilt.reasons) == (MeanState.FLAG, 44, {"flag:D": 16})


def test_flags_are_judged_by_edition() -> None:
    air = minutes([10.0] * 60, "2" * 60)

    assert hour_of({COD: air}, edition="2005")[COD].state is MeanState.VALID
    assert hour_of({COD: air}, edition="2017")[COD].state is MeanState.FLAG
    assert hour_of({COD: minutes([0.0] * 60, "F" * 60)})[COD].state is MeanState.IDLE


def test_water_is_weighted_by_flow_and_emits_concentration_times_volume() -> None:
    # 30 minutes of 20 mg/L at 10 L/s, 30 of 50 mg/L at 5 L/s: (30·20·10 + 30·50·5)/(30·10 + 30·5) = 30 mg/L
    # mean flow 7.5 L/s → 27 m³; 30·27·10⁻³ = 0.81 kg
    values = {COD: minutes([20.0] * 30 + [50.0] * 30), FLOW: minutes([10.0] * 30 + [5.0] * 30)}
    means = hour_of(values)

    assert means[COD].value == pytest.approx(30.0)
    assert (means[COD].method, means[FLOW].method) == (Method.FLOW, Method.ARITHMETIC)
    assert means[COD].emission == pytest.approx(0.81)
    assert means[FLOW].value == 7.5


def test_without_flow_the_mean_is_arithmetic_and_says_so() -> None:
    mean = hour_of({COD: minutes([20.0] * 30 + [50.0] * 30)})[COD]

    assert (mean.value, mean.method, mean.emission) == (35.0, Method.FLOW_MISSING, None)


def test_negative_water_values_are_invalid_and_ph_is_a_median() -> None:
    values = {COD: minutes([-1.0] * 10 + [20.0] * 50), PH: minutes([6.0] * 20 + [7.0] * 21 + [9.0] * 19)}
    means = hour_of(values)

    assert (means[COD].value, means[COD].valid, means[COD].reasons) == (20.0, 50, {"negative": 10})
    assert (means[PH].value, means[PH].method) == (7.0, Method.MEDIAN)


def test_marks_make_minutes_invalid_or_stopped() -> None:
    full = minutes([10.0] * 60)
    bit = hour_of({COD: full}, Medium.WATER, mark(Effect.INVALID, 0, 15))[COD]
    much = hour_of({COD: full}, Medium.WATER, mark(Effect.INVALID, 0, 16))[COD]
    other = hour_of({COD: full}, Medium.WATER, mark(Effect.INVALID, 0, 60, NH3))[COD]
    still = hour_of({COD: full}, Medium.WATER, mark(Effect.STOPPED, 30, 90))[COD]
    told = derive_hour(plant(), H, {}, {COD: Reported(10.0, "N")}, [mark(Effect.INVALID, -60, 60)])[COD]

    assert [(mean.state, mean.valid, mean.reasons) for mean in (bit, much, other, still)] == [
        (MeanState.VALID, 45, {"mark": 15}), (MeanState.MARK, 44, {"mark": 16}), (MeanState.VALID, 60, {}),
        (MeanState.STOPPED, 30, {"stopped": 30}),
    ]  # fmt: skip
    assert (told.state, told.basis, told.value) == (MeanState.MARK, Basis.REPORTED, 10.0)


def test_gas_converts_by_reference_oxygen_and_has_a_rate() -> None:
    # 30 mg/m³ at 9 % O2, reference 6 %: 37.5; 30 mg/m³ × 42 m³/s × 3600 s × 10⁻⁶ = 4.536 kg/h
    values = {NOX: minutes([30.0] * 60), O2: minutes([9.0] * 60), GAS_FLOW: minutes([42.0] * 60)}
    mean = hour_of(values, Medium.GAS, reference_oxygen=6.0)[NOX]
    air = hour_of(values | {O2: minutes([21.0] * 60)}, Medium.GAS, reference_oxygen=6.0)[NOX]
    alpha = hour_of(values, Medium.GAS, reference_alpha=1.4)[NOX]

    assert (mean.converted, mean.emission) == (pytest.approx(37.5), pytest.approx(4.536))
    assert (air.converted, air.value) == (None, 30.0)
    assert alpha.converted == pytest.approx(37.5)


def test_wet_gas_at_working_state_is_brought_to_dry_standard_state() -> None:
    values = {
        NOX: minutes([100.0] * 60), GAS_FLOW: minutes([50.0] * 60), TEMPERATURE: minutes([120.0] * 60),
        PRESSURE: minutes([-0.325] * 60), MOISTURE: minutes([8.0] * 45 + [None] * 15),
    }  # fmt: skip
    means = hour_of(values, Medium.GAS, actual_state=True)

    assert means[NOX].value == pytest.approx(156.977466, abs=1e-5)
    assert means[GAS_FLOW].value == pytest.approx(31.851704, abs=1e-5)
    assert (means[NOX].state, means[NOX].valid) == (MeanState.VALID, 45)


def test_the_devices_own_mean_stands_where_too_few_minutes_came() -> None:
    few, many = minutes([10.0] * 44 + [None] * 16), minutes([10.0] * 45 + [None] * 15)
    taken = derive_hour(plant(), H, {COD: few}, {COD: Reported(12.0, "N")}, [])[COD]
    derived = derive_hour(plant(), H, {COD: many}, {COD: Reported(12.0, "N")}, [])[COD]
    close = derive_hour(plant(), H, {COD: many}, {COD: Reported(10.4, "N")}, [])[COD]

    assert (taken.basis, taken.value, taken.state, taken.agreement) == (Basis.REPORTED, 12.0, MeanState.VALID, None)
    assert (derived.basis, derived.value, derived.reported) == (Basis.MINUTES, 10.0, 12.0)
    assert (derived.agreement, close.agreement) == (Agreement.BEYOND, Agreement.WITHIN)


@pytest.mark.parametrize(
    ("flag", "state"), [("N", "valid"), ("F", "idle"), ("D", "flag"), ("M", "flag"), ("C", "flag")]
)
def test_reported_means_are_judged_by_their_flag(flag: str, state: str) -> None:
    mean = derive_hour(plant(), H, {}, {COD: Reported(12.0, flag)}, [])[COD]

    assert (mean.state.value, mean.reported_flag) == (state, flag)


def test_the_digest_changes_with_each_input_and_only_then() -> None:
    def digest(**changes: Any) -> int:
        values = {COD: changes.get("cod", minutes([10.0] * 60)), FLOW: changes.get("flow", minutes([5.0] * 60))}
        reported = {COD: Reported(changes.get("told", 10.0), "N")}
        return derive_hour(plant(**changes.get("plant", {})), H, values, reported, changes.get("covers", []))[
            COD
        ].digest

    changed = [
        digest(cod=minutes([10.0] * 59 + [10.1])), digest(flow=minutes([5.0] * 59 + [4.0])), digest(told=11.0),
        digest(covers=[mark(Effect.INVALID, 0, 1)]), digest(plant={"rule_set": "water-18h"}),
        digest(plant={"edition": "2005"}),
    ]  # fmt: skip

    assert digest() == digest()
    assert digest() not in changed
    assert len(set(changed)) == len(changed)


def parts(*values: float | None, start: int = 0, step: int = HOUR, emission: float | None = None) -> list[Part]:
    return [
        Part(start + i * step, value, None, emission if value is not None else None,
             MeanState.VALID if value is not None else MeanState.FEW, i)
        for i, value in enumerate(values)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "hours", "state"),
    [(None, 20, MeanState.VALID), (None, 19, MeanState.FEW), ("water-18h", 18, MeanState.VALID),
     ("water-18h", 17, MeanState.FEW)],
)  # fmt: skip
def test_a_day_needs_20_valid_hours_or_18_by_rule_set(rule: str | None, hours: int, state: MeanState) -> None:
    day = derive_day(plant(rule_set=rule), day_of(H), {COD: parts(*[10.0] * hours, *[None] * (24 - hours))}, {})[COD]

    assert (day.state, day.valid, day.expected) == (state, hours, 24)
    assert day.reasons == {"few": 24 - hours}


def test_a_day_of_water_is_weighted_by_flow_and_sums_emissions() -> None:
    # 12 h of 20 mg/L at 10 L/s, 12 h of 50 mg/L at 5 L/s: 30 mg/L; reported 30.9 is within 5 %
    hours = {COD: parts(*[20.0] * 12, *[50.0] * 12, emission=0.5), FLOW: parts(*[10.0] * 12, *[5.0] * 12)}
    day = derive_day(plant(), day_of(H), hours, {COD: Reported(30.9, "N")})[COD]

    assert (day.value, day.emission, day.method) == (pytest.approx(30.0), 12.0, Method.FLOW)
    assert day.agreement is Agreement.WITHIN


def test_absent_hours_of_a_day_are_missing() -> None:
    day = derive_day(plant(), day_of(H), {COD: parts(*[10.0] * 21)}, {})[COD]

    assert (day.state, day.reasons) == (MeanState.VALID, {"missing": 3})


@pytest.mark.parametrize(
    ("month", "days", "state"),
    [("2026-03-10", 25, MeanState.VALID), ("2026-03-10", 24, MeanState.FEW), ("2026-02-10", 23, MeanState.VALID),
     ("2026-02-10", 22, MeanState.FEW), ("2028-02-10", 23, MeanState.VALID)],
)  # fmt: skip
def test_a_month_needs_25_valid_days_february_23(month: str, days: int, state: MeanState) -> None:
    start = month_of(int(datetime.fromisoformat(f"{month}T00:00+08:00").timestamp()))
    mean = derive_month(plant(), start, {COD: parts(*[10.0] * days, start=start, step=DAY)})[COD]

    assert (mean.state, mean.valid, mean.value) == (state, days, 10.0)
    assert mean.expected == {"2026-03": 31, "2026-02": 28, "2028-02": 29}[month[:7]]


def test_rule_sets_are_chosen_by_outlet_then_jurisdiction_and_name_their_source() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)

    assert rules_at(Medium.GAS, at).id == "gas-hj75"
    assert rules_at(Medium.GAS, at, jurisdiction="day18").id == "gas-18h"
    assert rules_at(Medium.GAS, at, jurisdiction="day18", rule_id="gas-hj75").id == "gas-hj75"
    assert rules_at(Medium.GAS, at, jurisdiction="nowhere").id == "gas-hj75"
    assert all(rule.source for rule in rule_sets())


def test_decimals_come_from_the_outlets_step_or_the_standard() -> None:
    assert (decimals_of("w01001"), decimals_of("w01001", 0.1), decimals_of("w01018", 1.0), decimals_of("x-9")) == (
        2, 1, 0, 3,
    )  # fmt: skip
    assert agreement_of(None, 1.0, 2) is None
    # the greater of 5 % and two last decimals: 0.10 against 0.12 at two decimals is within
    assert agreement_of(0.12, 0.10, 2) is Agreement.WITHIN
    assert agreement_of(0.13, 0.10, 2) is Agreement.BEYOND
