"""How often the newer rules fire on honest real series: at most one episode a series and 30 days."""

import csv
import gzip
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from services.detection.domain.backtest import Columns, run
from services.detection.domain.checks.definition import Traits
from shared.contracts.ingest import Medium, ReadingKind
from tests.detection.domain.makers import T0, make_rules

DATA = Path(__file__).parents[3] / "shared" / "data"
TURBINE, STACKS, PLANT = "uci_gas_turbine_co_nox_2011_2015", "epa_cems_2007_4units", "tilburg_wwtp_15min"
NEWER = {"NEG", "ZERO", "EX-TREND", "HUG", "STEP", "LOWVAR"}

pytestmark = pytest.mark.skipif(not (DATA / f"{TURBINE}.csv.gz").exists(), reason="real data ../shared/data is absent")

Series = tuple[str, Traits, np.ndarray, np.ndarray]


def rows_of(name: str) -> list[dict[str, str]]:
    with gzip.open(DATA / f"{name}.csv.gz", "rt") as lines:
        return list(csv.DictReader(lines))


def traits(factor: str, medium: Medium, interval: float = 3600.0, resolution: float | None = None) -> Traits:
    kind = ReadingKind.HOUR if interval == 3600.0 else ReadingKind.MINUTE
    return Traits(kind, medium, factor, interval, resolution, None)


def turbine() -> Iterator[Series]:
    """Five years of hours that stand in order but bear no time; the stuck hours of 2011 are left out."""
    rows = rows_of(TURBINE)
    t = T0 + 3600 * np.arange(len(rows))
    for column, factor in (("CO", "a21005"), ("NOX", "a21002")):
        values = np.array([float(row[column]) for row in rows])
        if column == "NOX":
            values[1330:1445] = np.nan
        yield f"turbine {column}", traits(factor, Medium.GAS), t, values


def stacks() -> Iterator[Series]:
    """A year of four units; only values measured (code 1) while the unit ran all the hour."""
    rows = rows_of(STACKS)
    for unit in sorted({row["source_file"] for row in rows}):
        mine = [row for row in rows if row["source_file"] == unit]
        t = T0 + 3600 * np.arange(len(mine))
        for column, factor, code in (
            ("noxrate_lb_mmbtu", "a21002", "noxrate_flag"),
            ("so2mass_lb_h", "a21026", "so2_flag"),
        ):
            ok = [float(row[column]) >= 0 and row[code] == "1" and float(row["optime_h"]) == 1.0 for row in mine]
            values = np.where(ok, [float(row[column]) for row in mine], np.nan)
            if sum(ok) > 500:
                yield f"{unit} {column}", traits(factor, Medium.GAS), t, values


def plant() -> Iterator[Series]:
    """Quarter hours of a sewage plant: a random part of them, put in order."""
    rows = sorted(rows_of(PLANT), key=lambda row: row["DATETIME"])
    t = np.array([row["DATETIME"].replace(" ", "T") for row in rows], dtype="datetime64[s]").astype(np.int64)
    t -= t % 900
    for column, factor in (("NO3", "w21007"), ("NH4", "w21003"), ("DO_1", "w01009")):
        values = np.array([float(row[column] or "nan") for row in rows])
        yield f"plant {column}", traits(factor, Medium.WATER, 900.0), t, values


@cache
def honest() -> list[Series]:
    return [*turbine(), *stacks(), *plant()]


def test_the_newer_rules_keep_quiet_on_honest_series():
    loud = {}
    for name, known, t, values in honest():
        limit = float(np.nanquantile(values, 0.99))
        columns = Columns(t, values, np.where(np.isnan(values), ord("F"), ord("N")).astype(np.uint8))
        found = run(make_rules(), known, columns, np.tile([np.nan, limit], (len(t), 1)))
        months = (t[-1] - t[0]) / (30 * 86400)
        for rule in NEWER:
            number = sum(one.rule == rule for one in found.episodes)
            if number > max(months, 1.0):
                loud[name, rule] = round(number / months, 2)

    assert len(honest()) >= 8
    assert loud == {}
