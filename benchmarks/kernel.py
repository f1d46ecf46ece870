"""Points a second of the detection kernel, all checks, against the same checks written in numpy.

The numpy peer sees the whole series at once and keeps no state; the kernel runs point by point and could
stop and go on anywhere. Both must find the same hits. Run: `python -m benchmarks.kernel`.
"""

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import yaml
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.report import report, table
from services.detection.domain import kernel
from services.detection.domain.checks import CHECKS, PARAMS
from services.detection.domain.checks.definition import Traits
from services.detection.domain.compiled import Floats, Integers
from services.detection.domain.rules import Plan, plan, read_rules
from shared.contracts.ingest import Medium, ReadingKind

RULES = Path(__file__).parents[1] / "services" / "detection" / "rules"
T0 = 1_767_196_800
LIMIT, LOW, HIGH, SPAN, RESOLUTION = 53.0, -4.0, 200.0, 200.0, 0.01
WINDOW = 16
Starts = dict[str, Integers]


def make_plan() -> Plan:
    """Rules as shipped, for a minute series of a gas; constants exactly, for numpy has no running median."""
    files = sorted(path for path in RULES.glob("*.yaml") if path.stem != "explanations")
    rules = read_rules([yaml.safe_load(path.read_text(encoding="utf-8")) for path in files])
    traits = Traits(ReadingKind.MINUTE, Medium.GAS, "a21026", 60.0, RESOLUTION, SPAN)
    return plan(rules, traits, on=date(2026, 1, 1), overrides={"CONST": {"quiet": 0.0}})


def make_values(number: int, seed: int) -> Floats:
    """Autocorrelated minutes on a daily cycle, with 1 % NaN, spikes, flat runs and outages."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1.0, number)
    smooth = np.convolve(noise, 0.9 ** np.arange(60), mode="same")
    v = 45 + 8 * np.sin(np.arange(number) * 2 * np.pi / 1440) + smooth
    for first in rng.integers(0, number, number // 20_000):
        v[first : first + int(rng.integers(200, 400))] = v[first]
    v[rng.integers(0, number, number // 4_000)] += 120
    v[rng.integers(0, number, number // 50_000)] = 260
    v[rng.random(number) < 0.01] = np.nan
    for first in rng.integers(0, number, number // 50_000):
        v[first : first + int(rng.integers(20, 200))] = np.nan
    return np.round(v, 2)


def first_of_runs(bad: np.ndarray) -> Integers:
    """Index of the first True of each run of True."""
    return np.flatnonzero(bad & ~np.r_[False, bad[:-1]])


def numpy_range(t: Integers, v: Floats) -> Integers:
    held = ~np.isnan(v)
    starts: Integers = t[held][first_of_runs((v[held] > HIGH) | (v[held] < LOW))]
    return starts


def numpy_exceedance(t: Integers, v: Floats) -> Integers:
    hours, held = (t - t[0]) // 3600, ~np.isnan(v)
    number = np.bincount(hours, held)
    means = np.bincount(hours, np.where(held, v, 0.0)) / np.maximum(number, 1)
    judged = np.flatnonzero(number[:-1] >= 45)  # the last hour is not over
    starts: Integers = t[0] + 3600 * judged[first_of_runs(means[:-1][judged] > LIMIT * (1 + 1e-9))]
    return starts


def numpy_missing(t: Integers, v: Floats) -> Integers:
    number = np.bincount((t - t[0]) // 3600, ~np.isnan(v))
    starts: Integers = t[0] + 3600 * first_of_runs(np.r_[False, number[1:-1] < 45])
    return starts


def numpy_constant(t: Integers, v: Floats) -> Integers:
    """Runs of steps within the tolerance, then the kernel's stricter band over each long one."""
    held = ~np.isnan(v)
    t, v = t[held], v[held]
    near = np.r_[False, np.abs(np.diff(v)) <= 0.5 * RESOLUTION]
    edges = np.flatnonzero(np.diff(np.r_[False, near, False].astype(np.int8)))
    starts = []
    for first, last in zip(edges[::2] - 1, edges[1::2], strict=True):
        if last - first < 240:
            continue
        place = first
        while last - place >= 240:
            run = v[place:last]
            wide = np.maximum.accumulate(run) - np.minimum.accumulate(run) > 0.5 * RESOLUTION
            length = int(np.argmax(wide)) if wide.any() else len(run)
            if length >= 240:
                starts.append(t[place])
            place += length
    return np.array(starts, dtype=np.int64)


def numpy_spike(t: Integers, v: Floats) -> Integers:
    """Median ± 8 MAD of the values before, to twice or half, and 8 median steps out and back, width one or two."""
    held = (v >= LOW) & (v <= HIGH)
    t, v = t[held], v[held]
    step = np.abs(np.diff(v, prepend=v[0]))
    windows = sliding_window_view(v, WINDOW)[:-1]
    middle = np.median(windows, axis=1)
    usual = 8 * float(np.median(step[step > 0]))
    share = np.where(np.abs(v[WINDOW:]) > np.abs(middle), 1.0, 0.5)
    least = np.maximum(max(0.02 * SPAN, usual), share * np.abs(middle))
    band = np.maximum(8 * np.median(np.abs(windows - middle[:, None]), axis=1), least)
    jump = np.maximum(8 * 1.4826 * np.median(sliding_window_view(step, WINDOW)[:-1], axis=1), least)
    v, t, off = v[WINDOW:], t[WINDOW:], np.abs(v[WINDOW:] - middle) > band
    rise = np.diff(v, prepend=v[0])
    leaps = off & (np.abs(rise) > jump) & (np.diff(t, prepend=t[0]) <= 180)
    found = np.zeros(len(v), dtype=bool)
    for width in (1, 2):
        here = np.flatnonzero(leaps[:-width])
        sign = np.sign(v[here] - middle[here])
        back = (np.abs(v[here + width] - middle[here]) <= band[here]) & (
            -(v[here + width] - v[here + width - 1]) * sign > jump[here]
        )
        found[here[back & (t[here + width] - t[here] <= 180 * width)]] = True
    return t[found]


NUMPY: dict[str, Callable[[Integers, Floats], Integers]] = {
    "range": numpy_range,
    "exceedance": numpy_exceedance,
    "constant": numpy_constant,
    "missing": numpy_missing,
    "spike": numpy_spike,
}


def starts_of(hits: kernel.Hits) -> Starts:
    """Starts of the kernel's hits by check; a spike and a leap have only their end reported."""
    return {
        check.name: hits.start[(hits.check == place) & (hits.opened | (check.name in {"spike", "rate"}))]
        for place, check in enumerate(CHECKS)
    }


def best_of(times: int, work: Callable[[], object]) -> float:
    """Shortest wall time in seconds."""
    spans = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        spans.append(time.perf_counter() - begin)
    return min(spans)


def compare(mine: Starts, theirs: Starts) -> list[tuple[object, ...]]:
    """Check, hits of the kernel, hits of numpy, hits in both; equality is required except for spikes.

    The kernel keeps spikes out of the window that judges the next ones, numpy cannot: a spike soon after
    another may be told differently, so there 98 % must agree.
    """
    rows = []
    for name, found in mine.items():
        if name not in theirs:
            rows.append((name, len(found), "", ""))
            continue
        both = len(np.intersect1d(found, theirs[name]))
        rows.append((name, len(found), len(theirs[name]), both))
        if name == "spike":
            assert both >= 0.98 * max(len(found), len(theirs[name])), rows[-1]
        else:
            assert np.array_equal(found, theirs[name]), rows[-1]
    return rows


def one_long(number: int, the_plan: Plan) -> dict[str, tuple[float, float]]:
    """Seconds of kernel and numpy for one series, per check and together, after comparing what they find."""
    t, v = T0 + 60 * np.arange(number, dtype=np.int64), make_values(number, 1)
    batch = kernel.Batch(t, v, np.zeros(number, np.uint8), np.tile([np.nan, LIMIT], (number, 1)))
    outcome = kernel.advance(kernel.new_states(), the_plan.vector, batch)
    rows = compare(starts_of(outcome.hits), {name: check(t, v) for name, check in NUMPY.items()})
    table(("check", "kernel hits", "numpy hits", "same"), rows)

    def both(names: tuple[str, ...]) -> tuple[float, float]:
        only = the_plan.vector.copy()
        only[list(PARAMS[:-1])] = [float(check.name in names) for check in CHECKS]
        mine = best_of(5, lambda: kernel.advance(kernel.new_states(), only, batch))
        return mine, best_of(2, lambda: [NUMPY[name](t, v) for name in names])

    each = {name: both((name,)) for name in NUMPY}
    each["all but spike"] = both(tuple(name for name in NUMPY if name != "spike"))
    each["all"] = both(tuple(NUMPY))
    every = best_of(5, lambda: kernel.advance(kernel.new_states(), the_plan.vector, batch))
    each["all, with those that have no peer"] = (every, each["all"][1])
    return each


def many_short(series: int, length: int, the_plan: Plan) -> tuple[float, float]:
    """Seconds of kernel and numpy for many series; numpy takes them one by one."""
    t = T0 + 60 * np.arange(length, dtype=np.int64)
    values = [make_values(length, seed) for seed in range(series)]
    number = series * length
    batch = kernel.Batch(
        np.tile(t, series), np.concatenate(values), np.zeros(number, np.uint8), np.tile([np.nan, LIMIT], (number, 1))
    )
    offsets = length * np.arange(series + 1, dtype=np.int64)
    params = np.tile(the_plan.vector, (series, 1))
    mine = best_of(5, lambda: kernel.advance_many(kernel.new_states(series), params, batch, offsets))
    return mine, best_of(1, lambda: [check(t, v) for v in values for check in NUMPY.values()])


def one_step(series: int, the_plan: Plan) -> tuple[float, float]:
    """Seconds to advance many series by one point each, and to ask all of them whether one is overdue."""
    params = np.tile(the_plan.vector, (series, 1))
    columns = (np.zeros(series, np.uint8), np.tile([np.nan, LIMIT], (series, 1)))
    offsets = np.arange(series + 1, dtype=np.int64)
    first = kernel.Batch(np.full(series, T0), np.full(series, 45.0), *columns)
    states = kernel.advance_many(kernel.new_states(series), params, first, offsets).states
    batch = kernel.Batch(np.full(series, T0 + 60), np.full(series, 46.0), *columns)
    step = best_of(3, lambda: kernel.advance_many(states, params, batch, offsets))
    return step, best_of(3, lambda: kernel.overdue(states, params, np.full(series, T0 + 120.0)))


def main() -> None:
    the_plan, million = make_plan(), 1_000_000
    each = one_long(million, the_plan)
    (mine, theirs), (mine_few, theirs_few) = each["all"], each["all but spike"]
    mine_short, theirs_short = many_short(1000, 1000, the_plan)
    step, overdue = one_step(100_000, the_plan)

    def line(name: str, ours: float, peers: float) -> tuple[object, ...]:
        return name, ours, million / ours, peers, million / peers, peers / ours

    headings = ("run", "kernel s", "points/s", "numpy s", "points/s", "ratio")
    rows = [line(f"1 x 1e6, {name}", *pair) for name, pair in each.items()]
    rows += [line("1000 x 1000, all", mine_short, theirs_short)]
    table(headings, rows)
    print(f"100,000 series by one point: {step:.3f} s; overdue: {overdue:.3f} s; state {8 * kernel.STATE_SIZE} bytes")
    report(
        "kernel",
        figures={
            "points_per_s": million / mine,
            "points_per_s_every_check": million / each["all, with those that have no peer"][0],
            "points_per_s_1000x1000": million / mine_short,
            "step_100k_series_s": step,
            "overdue_100k_series_s": overdue,
            "state_bytes": 8 * kernel.STATE_SIZE,
        },
        peers={"numpy_points_per_s": million / theirs, "numpy_points_per_s_1000x1000": million / theirs_short},
        ratios={
            "kernel_vs_numpy": theirs / mine,
            "kernel_vs_numpy_without_spike": theirs_few / mine_few,
            "kernel_vs_numpy_1000x1000": theirs_short / mine_short,
        },
    )


if __name__ == "__main__":
    main()
