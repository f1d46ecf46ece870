"""`python -m benchmarks.evaluate` on a tiny set made up here, without real data."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from benchmarks.evaluate import __main__ as command
from benchmarks.evaluate import baseline
from benchmarks.evaluate.cases import Case, line, resolution_of, span_of
from benchmarks.evaluate.injections import BEFORE, INJECTIONS, REPORTING, TUNING, injections
from benchmarks.evaluate.judge import evaluate, find, judge, together
from benchmarks.evaluate.virtual import park, with_neighbours
from services.detection.domain.backtest import NOWHERE
from services.detection.domain.evaluation import Rate, Span
from shared.contracts.ingest import Medium

HOUR = 3600
T0 = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())


def make_case(seed: int = 1, *, constant: int = 24, name: str = "made up") -> Case:
    """Noisy hours with one run of equal values."""
    v = np.round(50 + np.random.default_rng(seed).normal(0, 5, 500), 1)
    v[300 : 300 + constant] = 48.0
    t = T0 + HOUR * np.arange(500)
    label = Span(T0 + 300 * HOUR, T0 + (300 + constant) * HOUR, "constant", T0 + 300 * HOUR)
    return Case("tiny", name, (line("a21026", Medium.GAS, HOUR, t, v),), (label,) if constant else (), kinds=True)


def absent(seed: int) -> list[Case]:
    raise FileNotFoundError(2, "absent", "lost.csv.gz")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(command, "PAGE", tmp_path / "evaluation.md")
    monkeypatch.setattr(command, "FILE", tmp_path / "evaluation.json")
    monkeypatch.setattr(command, "SETS", {"tiny": lambda seed: [make_case(seed)], "honest": lambda _: [make_honest()]})
    return tmp_path / "evaluation.md"


def make_honest() -> Case:
    return make_case(2, constant=0, name="quiet")


def test_the_run_of_equal_values_is_found_after_six_hours():
    ours = judge(make_case()).ours

    assert (ours.recall(), ours.right_kind("constant"), ours.coverage()) == (Rate(1, 1), Rate(1, 1), Rate(24, 24))
    assert ours.latency().median_samples == 5.0
    assert ours.false == 0


def test_the_page_is_written_and_the_last_line_is_one_object(page: Path, capsys: pytest.CaptureFixture[str]):
    command.main(["--workers", "1"])
    last = json.loads(capsys.readouterr().out.strip().splitlines()[-1])

    assert (last["benchmark"], last["figures"]["tiny_recall"], last["figures"]["honest_false_30d"]) == (
        "evaluate",
        1.0,
        0.0,
    )
    assert "| honest | at most 1 false episode a series in 30 days | 0.00 | yes |" in page.read_text(encoding="utf-8")


def test_tuning_writes_nothing(page: Path):
    command.main(["--tuning", "--workers", "1"])

    assert not page.exists()
    assert not page.with_suffix(".json").exists()


def test_a_page_with_figures_stays_where_a_set_is_absent(
    page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(command.SETS, "lost", absent)
    page.write_text("figures", encoding="utf-8")

    command.main(["--workers", "1"])

    assert page.read_text(encoding="utf-8") == "figures"
    assert "not judged: lost, lost.csv.gz is absent" in capsys.readouterr().out


def test_processes_judge_as_one_does():
    sets = {"tiny": lambda seed: [make_case(seed + i) for i in range(3)]}

    assert evaluate(sets, 5, 2) == evaluate(sets, 5, 1)


def test_injections_are_those_of_their_seed_and_change_their_stretch_only():
    v = np.round(50 + 10 * np.sin(np.arange(3000) / 24) + np.random.default_rng(3).normal(0, 2, 3000), 1)
    ground = line("a21026", Medium.GAS, HOUR, T0 + HOUR * np.arange(3000), v)
    one, same, other = (injections([ground], seed, places=1) for seed in (1, 1, 2))

    assert [case.name for case in one] == [f"{i.kind} {s}" for i in INJECTIONS for s in ("weak", "medium", "strong")]
    for case, again in zip(one, same, strict=True):
        np.testing.assert_array_equal(case.lines[0].columns.v, again.lines[0].columns.v)
        (label,), columns = case.labels, case.lines[0].columns
        clean = v[(columns.t - T0) // HOUR]
        changed = np.flatnonzero(~np.isclose(columns.v, clean, rtol=0, atol=1e-9, equal_nan=True))
        assert changed[0] >= BEFORE
        assert columns.t[changed[-1]] < label.end
    assert [case.labels for case in one] != [case.labels for case in other]


def test_the_peer_sees_a_spike_one_sample_later_and_a_leap_at_once():
    one = make_case(constant=0).lines[0]
    one.columns.v[100] += 500.0
    one.columns.v[400:] += 500.0
    t = one.columns.t

    assert {(span.kind, span.start, span.at) for span in baseline.alarms(one)} >= {
        ("spike", t[100], t[101]),
        ("step", t[400], t[400]),
    }
    assert baseline.alarms(make_case(constant=0).lines[0]) == []


def test_resolution_and_span_are_read_from_the_values():
    assert resolution_of(np.array([1.25, 3.5, np.nan])) == 0.01
    assert (span_of(np.array([10.0, 30.0])), span_of(np.array([0.0])), span_of(np.array([80.0]))) == (
        100.0,
        None,
        200.0,
    )


def test_no_sum_of_nothing():
    assert together([]).recall() == Rate(0, 0)


def test_outlets_of_the_virtual_park_are_cases_with_their_truth():
    tuning, reporting = (park(seed, outlets=2, hours=24 * 90) for seed in (TUNING, REPORTING))
    labels = [label for case in tuning for label in case.labels]
    made = judge(tuning[0]).ours

    assert labels
    assert all(label.factors and label.start < label.end for label in labels)
    assert [label.start for label in labels] != [label.start for case in reporting for label in case.labels]
    assert {one.traits.factor for one in tuning[0].lines} >= {"load", "power-production"}
    assert (made.labels.total(), made.days) == (
        len(tuning[0].labels),
        pytest.approx(90 * len(tuning[0].lines), rel=0.05),
    )


def test_what_is_found_between_cases_counts_for_the_case_it_is_about():
    rng, t = np.random.default_rng(2), T0 + HOUR * np.arange(24 * 30)
    courses = np.exp(rng.normal(0, 0.1, (2, len(t))))
    levels = {"one": (20.0, 40.0), "other": (50.0, 10.0)}
    cases = [
        Case("tiny", name, tuple(line(factor, Medium.GAS, HOUR, t, np.round(level * course, 2))
                                 for factor, level, course in zip(("a21026", "a21002"), both, courses, strict=True)))
        for name, both in levels.items()
    ]  # fmt: skip
    alone, together_ = find(cases[0])[0], [find(case)[0] for case in with_neighbours(cases)]
    assert "twins" not in {hit.check for hit in alone}
    for hits in together_:
        twins = [hit for hit in hits if hit.check == "twins"]
        assert {(hit.series.outlet_id, hit.series.factor) for hit in twins} == {
            (NOWHERE, "a21026"),
            (NOWHERE, "a21002"),
        }
        assert [hit.order for hit in hits] == sorted(hit.order for hit in hits)
