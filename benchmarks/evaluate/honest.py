"""Public series that nobody has touched, or with one known fault: for the burden, and as ground for injections."""

from itertools import pairwise

import numpy as np

from benchmarks.evaluate.cases import Case, Line, line, part, stretches
from benchmarks.evaluate.labelled import HOUR, IN_FORCE, MINUTE, honest_stacks, numbers, plant, rows_of, seconds
from services.detection.domain.evaluation import Span
from shared.contracts.ingest import Medium

TURBINE_RUN = (1336, 1438)
"""Rows of the one run of equal NOX of 102 hours."""
ONLINE_RUNS = (185, 104, 83)
"""Lengths in hours of the three known runs of equal values, each the only one of its length."""
QUARTER = 900
STACK_HOURS, PLANT_MINUTES = 24 * 14, 60 * 24 * 5
WATER = ("Q_inf", "DO_1", "DO_2", "DO_3", "NO3", "NH4", "Temp")


def turbine() -> dict[str, Line]:
    """CO and NOX of a gas turbine; the rows are in order but have no times, so they follow hour on hour."""
    rows = rows_of("uci_gas_turbine_co_nox_2011_2015.csv.gz")
    t = IN_FORCE + HOUR * np.arange(len(rows), dtype=np.int64)
    factors = {"CO": "a21005", "NOX": "a21002"}
    return {
        name: line(code, Medium.GAS, HOUR, t, numbers([row[name] for row in rows])) for name, code in factors.items()
    }


def treatment() -> list[Case]:
    """Sensors of a waste-water plant: a random part of its quarter hours, put in the order of time."""
    rows = sorted(rows_of("tilburg_wwtp_15min.csv.gz"), key=lambda row: row["DATETIME"])
    t, kept = np.unique(seconds([row["DATETIME"] for row in rows], "%Y-%m-%d %H:%M:%S"), return_index=True)
    lines = {name: numbers([rows[i][name] for i in kept]) for name in WATER}
    return [Case("treatment", name, (line(name, Medium.WATER, QUARTER, t, v),)) for name, v in lines.items()]


def honest() -> list[Case]:
    """For the burden: the turbine but for its known run, the waste-water plant, the measured hours of the stacks."""
    cases = treatment() + honest_stacks(STACK_HOURS)
    for name, one in turbine().items():
        after = TURBINE_RUN[1] if name == "NOX" else 0
        cases.append(Case("turbine", name, (part(one, after, len(one.columns.t)),)))
    return cases


def constant_runs() -> list[Case]:
    """Series with real runs of equal values that are known; what else is wrong in them is not."""
    rows = rows_of("cn_online_hourly.csv.gz")
    t = seconds([row["monitorTime"] for row in rows], "%Y-%m-%d %H:%M:%S")
    online = line("w21003", Medium.WATER, HOUR, t, numbers([row["monitorAvgValue"] for row in rows]))
    v = online.columns.v
    edges = np.flatnonzero(np.concatenate(([True], v[1:] != v[:-1], [True])))
    found = [(int(a), int(b)) for a, b in pairwise(edges) if b - a in ONLINE_RUNS]
    labels = tuple(Span(int(t[a]), int(t[b - 1]) + HOUR, "constant", int(t[a])) for a, b in found)
    nox = turbine()["NOX"]
    begin, end = (int(nox.columns.t[place]) for place in TURBINE_RUN)
    return [
        Case("constant", "online", (online,), labels, kinds=True),
        Case("constant", "turbine NOX", (nox,), (Span(begin, end, "constant", begin),), kinds=True),
    ]


def grounds() -> list[Line]:
    """Honest stretches into which injections go: hourly gas, and water by the minute between the plant's events."""
    gas = [case.lines[0] for case in honest() if case.group in {"turbine", "stacks"}]
    (case,) = plant()
    t = case.lines[0].columns.t
    quiet = np.ones(len(t), dtype=bool)
    for label in case.labels:
        quiet[np.searchsorted(t, label.start - 60 * MINUTE) : np.searchsorted(t, label.end + 60 * MINUTE)] = False
    water = [
        part(one, begin, end)
        for one in case.lines
        if one.traits.factor in {"Tp", "pH", "Redox", "Leit"}
        for begin, end in stretches(quiet & np.isfinite(one.columns.v), PLANT_MINUTES)
    ]
    return gas + water
