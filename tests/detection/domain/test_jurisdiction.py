"""Which mean counts: the nearest jurisdiction, then the trade, then named factors."""

from datetime import date

import pytest

from services.detection.domain.jurisdiction import Counting
from shared.contracts.ingest import Medium, ReadingKind
from shared.contracts.ingest.standards import ExceedanceRule

HOUR, DAY = ReadingKind.HOUR, ReadingKind.DAY
GAS, WATER = Medium.GAS, Medium.WATER
ON = date(2026, 3, 1)


def rule(name: str, place: str, averaging: ReadingKind, medium: Medium = WATER, **fields: object) -> ExceedanceRule:
    given: dict[str, object] = {"trade": "*", "verified": True, "source": "x", "valid_from": date(2020, 1, 1), **fields}
    return ExceedanceRule(id=name, jurisdiction=place, medium=medium, averaging=averaging, **given)  # type: ignore[arg-type]


RULES = (
    rule("any", "*", DAY),
    rule("gas", "*", HOUR, GAS),
    rule("waste", "CN", DAY, GAS, trade="waste_incineration", factors=["a21026"]),
    rule("old", "CN-35", HOUR, valid_to=date(2023, 1, 1)),
    rule("province", "CN-35", DAY, excluded=["w01001"]),
    rule("city", "CN-35-02", HOUR),
)


@pytest.mark.parametrize(
    ("place", "medium", "trade", "factor", "averaging", "counts"),
    [
        ("CN-11", WATER, "paper", "w01018", HOUR, False),
        ("CN-11", WATER, "paper", "w01018", DAY, True),
        ("CN-35", WATER, "paper", "w01001", DAY, False),
        ("CN-35", WATER, "paper", "w01018", DAY, True),
        ("CN-35-02", WATER, "paper", "w01018", HOUR, True),
        ("CN-35-02", WATER, "paper", "w01018", DAY, False),
        ("CN-11", GAS, "cement", "a21026", HOUR, True),
        ("CN-11", GAS, "waste_incineration", "a21026", HOUR, False),
        ("CN-11", GAS, "waste_incineration", "a34013", HOUR, True),
    ],
)
def test_the_most_particular_rule_holds(
    place: str, medium: Medium, trade: str, factor: str, averaging: ReadingKind, *, counts: bool
) -> None:
    assert Counting(RULES, place).counts(medium, trade, factor, averaging, ON) == counts


def test_without_a_rule_every_limit_counts() -> None:
    assert Counting((), "CN").counts(WATER, "", "w01018", HOUR, ON)
    assert Counting(RULES[3:4], "CN-35").counts(WATER, "", "w01018", DAY, ON)
