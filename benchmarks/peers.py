"""Points a second of four tests (range, spike, rate of change, flat line) against the open tools that have them.

ioos_qc, SaQC, adtk and hand-written numpy each run as a program of their own in their own environment, made under
`build/peers` by the first run; one core, one run, the same values. Every tool may use its fastest own way, is warmed
up, and the best of three counts, in time of processor. It must also find what was put into the values. The kernel is
measured with its checks of the same names alone and with all checks; it keeps its state and could stop after any
point, the others see the whole series at once. Run: `python -m benchmarks.peers`.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.peers_harness import FLAT_POINTS, HIGH, LOW, TESTS, best
from benchmarks.report import report, table
from services.detection.domain import kernel
from services.detection.domain.checks import CHECKS
from services.detection.domain.checks.definition import Traits
from services.detection.domain.compiled import Floats, Integers
from services.detection.domain.rules import Plan, plan, read_rules
from shared.contracts.ingest import Medium, ReadingKind

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / "build" / "peers"
PEERS: dict[str, tuple[str, ...]] = {
    "ioos_qc": ("ioos_qc==3.0.0",),
    "saqc": ("saqc==2.9.1",),
    "adtk": ("adtk==0.6.2", "pandas<2.1", "numpy<2"),
    "numpy": ("numpy==2.4.6",),
}
OURS = {"range": "range", "spike": "spike", "rate": "rate", "constant": "flat"}
"""Check of the kernel by the test it is compared in."""
SHAPES = {"long": (1, 1_000_000), "many": (1000, 1000)}
SLOT = 500
T0 = 1_767_196_800
LIMIT, SPAN, RESOLUTION = 53.0, 200.0, 0.01
OWN_NUMBERS = {
    "range": {"low": LOW, "high": HIGH},
    "constant": {"min_points": FLAT_POINTS, "min_hours": FLAT_POINTS / 60, "span_share": 0.001},
}
RECALL = 0.95
"""Share of the injected events that a tool must find in each test, or it is measured doing nothing."""


@dataclass(frozen=True)
class Events:
    """What was put in: test, series, first and last point, as columns of one length."""

    test: Integers
    series: Integers
    first: Integers
    last: Integers


def make_values(shape: tuple[int, int], seed: int) -> tuple[Floats, Events]:
    """Autocorrelated minutes on a daily cycle, 1 % missing; an event in two of three slots of 500 points."""
    rng = np.random.default_rng(seed)
    number = shape[0] * shape[1]
    smooth = np.convolve(rng.normal(0, 1.0, number), 0.9 ** np.arange(60), mode="same")
    v = 45 + 8 * np.sin(np.arange(number) * 2 * np.pi / 1440) + smooth
    missing = rng.random(number) < 0.01
    slots = np.flatnonzero(rng.random(number // SLOT) < 2 / 3)
    tests = rng.integers(0, len(TESTS), len(slots))
    firsts = SLOT * slots + rng.integers(100, 300, len(slots))
    lengths = np.choose(tests, [3, 1, 20, 2 * FLAT_POINTS])
    for test, first, length in zip(tests, firsts, lengths, strict=True):
        part = slice(first, first + length)
        if TESTS[test] == "flat":
            v[part] = v[first]
        else:
            v[part] = {"range": 260, "spike": v[first] + 100, "rate": v[part] + 60}[TESTS[test]]
            missing[first - 3 : first + length + 3] = False
    v[missing] = np.nan
    events = Events(tests, firsts // shape[1], firsts % shape[1], (firsts + lengths - 1) % shape[1])
    return np.round(v, 2).reshape(shape), events


def environment(name: str, packages: tuple[str, ...]) -> Path:
    """Python of the peer's own environment, made when it is not there; raises CalledProcessError."""
    python = BUILD / name / "bin" / "python"
    stamp = BUILD / name / "installed.json"
    wanted = json.dumps(packages)
    if not (stamp.exists() and stamp.read_text("utf-8") == wanted):
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(BUILD / name)],
            [str(python), "-m", "pip", "install", "--quiet", *packages],
        ):
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
        stamp.write_text(wanted, "utf-8")
    return python


def run_peer(name: str, folder: Path) -> dict[str, float] | None:
    """Seconds by shape; None, said aloud, when the peer cannot be installed. One that fails on the data is an error."""
    try:
        python = environment(name, PEERS[name])
    except (subprocess.SubprocessError, OSError) as error:
        last = str(getattr(error, "stderr", "") or error).strip().splitlines()[-1:]
        print(f"{name}: NOT MEASURED, it could not be installed: {' '.join(last)}")
        return None
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "OPENBLAS"))}
    done = subprocess.run(
        [str(python), str(HERE / f"peers_{name}.py"), str(folder)],
        env=clean, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"peer {name} failed:\n{done.stderr[-2000:]}")
    seconds: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return seconds


def recalls(flags: np.ndarray, events: Events) -> dict[str, float]:
    """Share of the events of each test that it flagged; `flags` (4, series, points)."""
    share = {}
    for place, test in enumerate(TESTS):
        mine = events.test == place
        columns = zip(events.series[mine], events.first[mine], events.last[mine], strict=True)
        share[test] = float(np.mean([flags[place, series, first : last + 2].any() for series, first, last in columns]))
    return share


def make_plan(names: set[str] | None = None) -> Plan:
    """Rules as shipped for a minute series of a gas, the numbers of the four tests set; all checks, or some."""
    documents = [yaml.safe_load(path.read_text("utf-8")) for path in sorted(kernel_rules().glob("*.yaml"))]
    rules = read_rules([document for document in documents if "rules" in document])
    traits = Traits(ReadingKind.MINUTE, Medium.GAS, "a21026", 60.0, RESOLUTION, SPAN)
    overrides = {rule.code: OWN_NUMBERS[rule.check.name] for rule in rules if rule.check.name in OWN_NUMBERS}
    off = frozenset(rule.code for rule in rules if names is not None and rule.check.name not in names)
    return plan(rules, traits, on=date(2026, 1, 1), off=off, overrides=overrides)


def kernel_rules() -> Path:
    return HERE.parent / "services" / "detection" / "rules"


def make_batch(values: Floats) -> tuple[kernel.Batch, Integers]:
    """The values as the service hands them over, and where each series begins."""
    series, points = values.shape
    number = series * points
    times = np.tile(T0 + 60 * np.arange(points, dtype=np.int64), series)
    limits = np.tile([np.nan, LIMIT], (number, 1))
    batch = kernel.Batch(times, values.reshape(-1), np.zeros(number, np.uint8), limits)
    return batch, points * np.arange(series + 1, dtype=np.int64)


def advance(the_plan: Plan, values: Floats) -> tuple[float, kernel.Hits]:
    """Seconds of the kernel on new series, and what it found."""
    batch, offsets = make_batch(values)
    params = np.tile(the_plan.vector, (len(values), 1))
    outcome = kernel.advance_many(kernel.new_states(len(values)), params, batch, offsets)
    return best(lambda: kernel.advance_many(kernel.new_states(len(values)), params, batch, offsets)), outcome.hits


def flags_of(hits: kernel.Hits, shape: tuple[int, int]) -> np.ndarray:
    """Booleans (4, series, points) of the kernel's hits; a hit still open is flagged as far as it was told."""
    flags = np.zeros((len(TESTS), *shape), dtype=bool)
    for place, check in enumerate(CHECKS):
        if check.name in OURS:
            for i in np.flatnonzero(hits.check == place):
                first, last = (hits.start[i] - T0) // 60, (hits.end[i] - T0) // 60
                flags[TESTS.index(OURS[check.name]), hits.series[i], first : max(first + 1, last)] = True
    return flags


def one_step(the_plan: Plan, series: int) -> float:
    """Seconds to advance many series by one point each."""
    params = np.tile(the_plan.vector, (series, 1))
    rng = np.random.default_rng(3)
    batch, offsets = make_batch(45 + rng.normal(0, 1, (series, 40)))
    states = kernel.advance_many(kernel.new_states(series), params, batch, offsets).states
    batch, offsets = make_batch(np.full((series, 1), 46.0))
    batch.t[:] = T0 + 60 * 40
    return best(lambda: kernel.advance_many(states, params, batch, offsets))


def compare(data: Mapping[str, tuple[Floats, Events]], folder: Path) -> dict[str, dict[str, float]]:
    """Points a second of the kernel and of each peer by shape; who does not find the events ends the benchmark."""
    mine = {check.name for check in CHECKS if check.name in OURS}
    for name in set(OURS) - mine:
        print(f"The kernel has no check `{name}` yet: it makes {len(mine)} of the four tests, the peers make four.")
    speeds: dict[str, dict[str, float]] = {"kernel": {}}
    rows: list[tuple[Any, ...]] = []

    def judge(name: str, shape: str, flags: np.ndarray, seconds: float, tests: set[str]) -> None:
        share = recalls(flags, data[shape][1])
        speeds.setdefault(name, {})[shape] = data[shape][0].size / seconds
        rows.append((name, shape, seconds, data[shape][0].size / seconds, *(share[test] for test in TESTS)))
        assert all(share[test] >= RECALL for test in tests), f"{name} does not find the events: {share}"

    for shape, (values, _) in data.items():
        seconds, hits = advance(make_plan(mine), values)
        judge("kernel", shape, flags_of(hits, values.shape), seconds, {OURS[name] for name in mine})
    for name in PEERS:
        for shape, seconds in (run_peer(name, folder) or {}).items():
            judge(name, shape, np.load(folder / f"peers_{name}.{shape}.npy"), seconds, set(TESTS))
    table(("tool", "shape", "s", "points/s", *(f"recall {test}" for test in TESTS)), rows)
    return speeds


def main() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(prefix="sanse-bench-") as name:
        folder = Path(name)
        data = {shape: make_values(size, seed) for seed, (shape, size) in enumerate(SHAPES.items(), 7)}
        for shape, (values, _) in data.items():
            np.save(folder / f"{shape}.npy", values)
        speeds = compare(data, folder)
    everything = {shape: values.size / advance(make_plan(), values)[0] for shape, (values, _) in data.items()}
    step = one_step(make_plan(), 100_000)
    ours = speeds.pop("kernel")
    ratios = {}
    for shape, label in (("long", "1x1e6"), ("many", "1000x1000")):
        found = {name: speed[shape] for name, speed in speeds.items()}
        libraries = {name: speed for name, speed in found.items() if name != "numpy"}
        if found:
            ratios[f"fastest_peer_{label}"] = ours[shape] / max(found.values())
        if libraries:
            ratios[f"fastest_library_{label}"] = ours[shape] / max(libraries.values())
    print(f"all {len(CHECKS)} checks: {everything['long']:,.0f} points/s; 100,000 series by one point: {step:.3f} s")
    report(
        "peers",
        figures={
            "four_checks_points_s_1x1e6": ours["long"],
            "four_checks_points_s_1000x1000": ours["many"],
            "checks_of_the_four": float(len({check.name for check in CHECKS} & set(OURS))),
            "all_checks_points_s": everything["long"],
            "all_checks_points_s_1000x1000": everything["many"],
            "all_checks": float(len(CHECKS)),
            "step_100k_series_s": step,
            "state_bytes": 8.0 * kernel.STATE_SIZE,
            "load_average": os.getloadavg()[0],
        },
        peers={
            f"{name}_points_s_{label}": speeds[name][shape] if name in speeds else "missing"
            for name in PEERS for shape, label in (("long", "1x1e6"), ("many", "1000x1000"))
        },
        ratios=ratios,
    )  # fmt: skip


if __name__ == "__main__":
    main()
