"""Public series with labels of their owners; the product holds none of these data."""

import csv
import gzip
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.evaluate.cases import Case, Line, line, part, stretches
from services.detection.domain.evaluation import Span, merge, runs
from shared.contracts.ingest import Medium

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data"
HOUR, RIVER_STEP, MINUTE, WEEK = 3600, 5400, 60, 604_800
IN_FORCE = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
SUBSTITUTE, MEASURED = "3", "1"
RIVER_KINDS = {
    "A": "spike", "B": "low_variance", "C": "step", "D": "step", "E": "high_variance", "F": "range", "G": "range",
    "H": "drift", "I": "spike", "J": "spike", "K": "missing", "L": "other",
}  # fmt: skip
SENSORS = ("Tp", "Cl", "pH", "Redox", "Leit", "Trueb", "Cl_2", "Fm", "Fm_2")


def rows_of(name: str) -> list[dict[str, str]]:
    """Rows of a file of real data; FileNotFoundError where it is absent."""
    with gzip.open(FOLDER / name, "rt", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def numbers(texts: list[str]) -> np.ndarray:
    """Values, NaN where a file has none."""
    return np.array([np.nan if text in {"", "NA", "-9"} else float(text) for text in texts])


def seconds(texts: list[str], form: str) -> np.ndarray:
    """Epoch seconds of times, moved by whole weeks into the years in which the rules are in force."""
    t = np.array([int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()) for text in texts])
    return t + -((int(t.min()) - IN_FORCE) // WEEK) * WEEK


def river() -> list[Case]:
    """Level, conductivity and turbidity of a river, each with labels of its own."""
    rows = rows_of("oddwater_sandy_creek.csv.gz")
    t = seconds([row["Timestamp"] for row in rows], "%d/%m/%Y %H:%M")
    cases = []
    for name in ("Level", "Cond", "Tur"):
        v = numbers([row[name] for row in rows])
        marked = np.array([row[f"label_{name}"] == "1" for row in rows])
        labels = merge(runs(t, marked, RIVER_STEP), 2 * RIVER_STEP)
        kinds = [_first_kind(rows, t, label, f"type_{name}") for label in labels]
        labels = [Span(one.start, one.end, kind, one.at) for one, kind in zip(labels, kinds, strict=True)]
        cases.append(Case("river", name, (line(name, Medium.WATER, RIVER_STEP, t, v),), tuple(labels)))
    return cases


def _first_kind(rows: list[dict[str, str]], t: np.ndarray, label: Span, column: str) -> str:
    types = [rows[i][column] for i in np.flatnonzero((t >= label.start) & (t < label.end))]
    return next((RIVER_KINDS[one] for one in types if one in RIVER_KINDS), "other")


def stacks() -> list[Case]:
    """NOx rate of four stacks; a value that the operator substituted is the label."""
    cases = []
    for name, rows in _units().items():
        one = stack_line(rows)
        marked = np.array([row["noxrate_flag"] == SUBSTITUTE for row in rows])
        labels = merge(runs(one.columns.t, marked, HOUR, "substitute"), 2 * HOUR)
        cases.append(Case("stacks", name, (one,), tuple(labels)))
    return cases


def _units() -> dict[str, list[dict[str, str]]]:
    units: dict[str, list[dict[str, str]]] = {}
    for row in rows_of("epa_cems_2007_4units.csv.gz"):
        units.setdefault(row["source_file"], []).append(row)
    return units


def stack_line(rows: list[dict[str, str]]) -> Line:
    """Hours of one unit; hours without operation are marked as stopped."""
    day = seconds([row["yymmdd"] for row in rows], "%y%m%d")
    t = day + HOUR * np.array([int(row["hour"]) for row in rows])
    flags = "".join("F" if float(row["optime_h"]) <= 0 else "N" for row in rows)
    v = numbers([row["noxrate_lb_mmbtu"] for row in rows])
    return line("a21002", Medium.GAS, HOUR, t, v, flags=flags)


def honest_stacks(shortest: int) -> list[Case]:
    """Stretches of at least `shortest` hours of the four stacks without a substituted value; some may be at rest."""
    cases = []
    for name, rows in _units().items():
        one = stack_line(rows)
        honest = np.array([row["noxrate_flag"] in {MEASURED, ""} for row in rows])
        cases += [Case("stacks", name, (part(one, begin, end),)) for begin, end in stretches(honest, shortest)]
    return cases


def plant() -> list[Case]:
    """Nine sensors of a drinking-water plant by the minute with events of the whole plant."""
    rows = rows_of("gecco2018_water_quality.csv.gz")
    t = seconds([row["Time"] for row in rows], "%Y-%m-%d %H:%M:%S")
    marked = np.array([row["EVENT"] == "TRUE" for row in rows])
    lines = tuple(line(name, Medium.WATER, MINUTE, t, numbers([row[name] for row in rows])) for name in SENSORS)
    return [Case("plant", "9 sensors", lines, tuple(runs(t, marked, MINUTE, "event")))]
