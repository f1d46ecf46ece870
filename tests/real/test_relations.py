"""Relations on a year of four real stacks: heat input and emission rate against load."""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest

from services.detection.domain.checks.definition import Traits
from services.detection.domain.hits import Hit, SeriesKey
from services.detection.domain.kernel import Batch
from services.detection.domain.relating import Place, advance
from services.detection.domain.relations.definition import Relation
from services.detection.domain.relations.memory import Memory
from services.detection.domain.relations.table import table_of
from services.detection.domain.rules import parameters
from shared.contracts.ingest import Medium, ReadingKind
from tests.detection.domain.makers import OUTLET, T0, make_rules
from tests.real.test_new_checks import DATA, STACKS, rows_of

RULES = tuple(rule for rule in make_rules() if isinstance(rule.check, Relation))
DAYS = 365

pytestmark = pytest.mark.skipif(not (DATA / f"{STACKS}.csv.gz").exists(), reason="real data ../shared/data is absent")


def traits(factor: str) -> Traits:
    return Traits(ReadingKind.HOUR, Medium.GAS, factor, 3600.0, None, None, "thermal_power")


PLACE = Place(
    interval=3600.0, rules=RULES, active=frozenset(rule.code for rule in RULES), traits=traits,
    key=lambda factor: SeriesKey(OUTLET, factor, ReadingKind.HOUR, timedelta(hours=1)),
    numbers=lambda rule, factor: parameters(rule, traits(factor)),
)  # fmt: skip


def units() -> Iterator[tuple[str, list[dict[str, str]]]]:
    rows = rows_of(STACKS)
    for unit in sorted({row["source_file"] for row in rows}):
        yield unit, [row for row in rows if row["source_file"] == unit]


def hits_of(rows: list[dict[str, str]], measured: frozenset[str]) -> list[Hit]:
    """First reports; heat stands for flow, as flow meters of stacks are its source. `measured` are the flags taken."""
    t = T0 + 3600 * np.arange(len(rows), dtype=np.int64)
    flags = np.array([ord("N" if float(row["optime_h"]) > 0 else "F") for row in rows], dtype=np.uint8)
    limits = np.full((len(rows), 2), np.nan)

    def column(name: str, flag: str | None) -> Batch:
        texts = [row[name] if flag is None or row[flag] in measured else "" for row in rows]
        v = np.array([float(text) if text not in {"", "-9"} else np.nan for text in texts])
        return Batch(t, v, flags, limits)

    columns = {
        "a00000": column("heat_mmbtu_h", "hi_flag"), "a21002": column("noxrate_lb_mmbtu", "noxrate_flag"),
        "load": column("gload_mw", None),
    }  # fmt: skip
    return [hit for hit in advance(Memory(), table_of(columns), PLACE) if hit.opened]


@pytest.mark.parametrize("code", ["GAP", "GAP-FLOW"])
def test_measured_hours_are_seldom_told(code: str):
    found = {unit: sum(hit.rule == code for hit in hits_of(rows, frozenset({"1", ""}))) for unit, rows in units()}

    assert all(number / DAYS * 30 <= 1.0 for number in found.values()), found


def test_heat_that_the_operator_substituted_does_not_fit_the_load():
    rows = dict(units())["WV_Mitchell_1"]
    told = [hit for hit in hits_of(rows, frozenset({"1", "3", ""})) if hit.rule == "GAP-FLOW"]

    assert told
    for hit in told:
        first = int((hit.started_at.timestamp() - T0) // 3600)
        assert rows[first]["hi_flag"] == "3"
        assert hit.value > 2 * hit.reference


def test_an_analyser_that_is_off_is_one_that_saw_nothing_at_hundreds_of_megawatts():
    """Nothing else is told of stacks without oxygen, converted values and power use."""
    for _, rows in units():
        for hit in hits_of(rows, frozenset({"1", "3", ""})):
            if hit.rule not in {"GAP", "GAP-FLOW"}:
                first = rows[int((hit.started_at.timestamp() - T0) // 3600)]
                assert hit.rule == "MON-OFF"
                assert float(first["noxrate_lb_mmbtu"]) <= 0.002
                assert float(first["gload_mw"]) >= 500
