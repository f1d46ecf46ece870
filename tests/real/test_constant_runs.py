"""The three real constant runs of a Chinese online monitor, and all else that fires on its two years."""

import csv
import gzip
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from services.detection.domain import kernel
from services.detection.domain.anomalies import Episode, Policy, apply_hit, fold, settle
from services.detection.domain.hits import Hit, read_hits
from tests.detection.domain.makers import make_key, make_plan, make_rules

FILE = Path(__file__).parents[3] / "shared" / "data" / "cn_online_hourly.csv.gz"
ZONE = ZoneInfo("Asia/Shanghai")
POLICY = Policy(rules={rule.code: rule for rule in make_rules()})

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="real data ../shared/data/cn_online_hourly.csv.gz is absent")

RUNS = [
    ("2022-01-29 16:00", "2022-02-06 14:00", 2.96, 185),
    ("2021-12-21 15:00", "2021-12-25 23:00", 2.13, 104),
    ("2021-08-05 09:00", "2021-08-10 11:00", 0.99, 83),
]


def read_batch() -> kernel.Batch:
    """The file as it is: local hours, empty values, holes."""
    with gzip.open(FILE, "rt") as lines:
        rows = [row for row in csv.reader(lines) if row][1:]
    times = [int(datetime.fromisoformat(at).replace(tzinfo=ZONE).timestamp()) for at, _ in rows]
    values = [float(value) if value else np.nan for _, value in rows]
    number = len(rows)
    return kernel.Batch(
        np.array(times, dtype=np.int64),
        np.array(values),
        np.zeros(number, dtype=np.uint8),
        np.full((number, 2), np.nan),
    )


def find(
    batch: kernel.Batch, overrides: Mapping[str, Mapping[str, float]] | None = None
) -> tuple[list[Hit], list[Episode]]:
    """Hits in order and the anomalies they make, an ammonia series of 0.01 mg/L resolution, span unknown."""
    the_plan = make_plan("hour", "water", factor="w21003", span=None, overrides=overrides)
    outcome = kernel.advance(kernel.new_states(), the_plan.vector, batch)
    hits = read_hits(outcome.hits, [make_key("w21003")], [the_plan.codes])
    episodes: list[Episode] = []
    for hit in hits:
        episodes = fold(episodes, apply_hit(episodes, hit, policy=POLICY))
    end = hits[-1].until + timedelta(days=30)
    return hits, fold(episodes, settle(episodes, end, policy=POLICY))


def runs_of(hits: list[Hit]) -> list[tuple[str, str, float, int]]:
    """Ended constant runs, longest first, in local time."""
    ended = sorted((hit for hit in hits if hit.rule == "CONST" and not hit.opened), key=lambda hit: -hit.count)

    def local(at: datetime) -> str:
        return at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M")

    return [(local(hit.started_at), local(hit.until), hit.value, hit.count) for hit in ended]


def test_the_three_runs_are_found_to_the_hour():
    hits, _ = find(read_batch())

    assert runs_of(hits)[:3] == RUNS


def test_the_three_runs_become_suspicions_of_severity_b():
    _, episodes = find(read_batch())
    longest = sorted((one for one in episodes if one.rule == "CONST"), key=lambda one: -one.worst.weight)[:3]

    assert [(one.worst.weight, one.worst.value) for one in longest] == [(run[3], run[2]) for run in RUNS]
    assert [(one.nature, one.severity, one.state) for one in longest] == [("N4", "B", "closed")] * 3


def test_what_else_fires():
    _, episodes = find(read_batch())

    assert Counter((one.rule, str(one.severity)) for one in episodes) == {
        ("CONST", "B"): 12,
        ("CONST", "C"): 52,
        ("MISS", "B"): 27,
        ("MISS", "C"): 25,
        ("SPIKE", "C"): 1,
        ("RATE", "C"): 3,
        ("ZERO", "C"): 2,
        ("STEP", "C"): 12,
        ("LOWVAR", "B"): 1,
        ("LOWVAR", "C"): 7,
    }


def test_a_threshold_of_its_own_leaves_the_faults_and_little_else():
    hits, _ = find(read_batch(), overrides={"CONST": {"min_hours": 48}})

    assert [count for _, _, _, count in runs_of(hits)] == [185, 104, 83, 76, 71, 54, 50]
