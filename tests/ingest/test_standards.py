"""Standards as data: whole, with sources; previewed and applied; unverified values only when named."""

from datetime import date

import pytest

from services.ingest.domain.factors import catalogue
from services.ingest.domain.sheets.units import converter
from services.ingest.domain.standards import exceedance_rules, rule_for, standards
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest import LimitIn, Medium, OutletFactor, ReadingKind
from shared.contracts.ingest.standards import Effect, StandardUse
from tests.ingest.conftest import NOW, Ingest

COD, TN, CR6, PH = "w01018", "w21001", "w20117", "w01001"


def make_use(**fields: object) -> StandardUse:
    return StandardUse.model_validate({"standard": "GB-18918-2002", "class_id": "1A", "valid_from": NOW, **fields})


def test_the_data_are_whole() -> None:
    for standard in standards():
        assert standard.source
        for one in standard.classes:
            keys = [(row.factor, row.averaging) for row in one.rows]
            assert len(set(keys)) == len(keys), (standard.id, one.id)
            for row in one.rows:
                assert catalogue()[row.factor].medium is standard.medium
                assert converter(row.unit, catalogue()[row.factor].unit), row
    assert {standard.jurisdiction for standard in standards()} == {"CN", "CN-32"}
    assert all(rule.source for rule in exceedance_rules())


@pytest.mark.parametrize(
    ("jurisdiction", "medium", "trade", "expected"),
    [
        ("CN-32", Medium.GAS, "paper", "default-gas"), ("CN-32", Medium.WATER, "paper", "default-water"),
        ("CN-35", Medium.GAS, "paper", "fujian-gas"), ("CN-32", Medium.GAS, "waste_incineration", "incineration"),
    ],
)  # fmt: skip
def test_the_most_particular_rule_holds(jurisdiction: str, medium: Medium, trade: str, expected: str) -> None:
    rule = rule_for(jurisdiction, medium, trade, date(2026, 3, 1))
    assert rule is not None
    assert rule.id == expected


async def test_a_class_is_previewed_then_sets_limits_with_its_reference(ingest: Ingest) -> None:
    factors = [OutletFactor(factor=COD, unit="mg/L"), OutletFactor(factor=TN, unit="mg/L"), OutletFactor(factor=PH)]
    outlet = await ingest.outlet(factors=factors)
    earlier = LimitIn.model_validate(
        {"outlet_id": outlet, "factor": COD, "averaging": "day", "upper": 60, "valid_from": "2025-01-01T00:00:00+08:00"}
    )
    await ingest.client.add_limit(earlier)
    preview = await ingest.client.use_standard(outlet, make_use())
    effects = {line.factor: (line.effect, line.upper_before) for line in preview.lines}
    assert effects[COD] == (Effect.REPLACES, 60)
    assert effects[TN] == (Effect.SETS, None)
    assert effects[PH] == (Effect.NOT_VERIFIED, None)
    assert effects["w21003"] == (Effect.NOT_MONITORED, None)
    assert len(await ingest.client.list_limits(outlet_id=outlet)) == 1

    await ingest.client.use_standard(outlet, make_use(preview=False))
    limits = {item.factor: item for item in await ingest.client.list_limits(outlet_id=outlet) if item.valid_to is None}
    assert {factor: (item.upper, item.averaging, item.standard) for factor, item in limits.items()} == {
        COD: (50, ReadingKind.DAY, "GB 18918-2002 一级A"), TN: (15, ReadingKind.DAY, "GB 18918-2002 一级A"),
    }  # fmt: skip
    again = await ingest.client.use_standard(outlet, make_use(accept=[PH], preview=False))
    assert {line.factor: line.effect for line in again.lines if line.factor in {COD, TN, PH}} == {
        COD: Effect.SAME, TN: Effect.SAME, PH: Effect.SETS,
    }  # fmt: skip
    (ph,) = [item for item in await ingest.client.list_limits(outlet_id=outlet) if item.factor == PH]
    assert (ph.lower, ph.upper) == (6, 9)
    assert "not verified" in ph.standard


async def test_values_come_in_the_unit_of_the_outlet(ingest: Ingest) -> None:
    outlet = await ingest.outlet(factors=[OutletFactor(factor=CR6, unit="μg/L")])
    done = await ingest.client.use_standard(outlet, make_use(standard="GB-21900-2008", class_id="T3", preview=False))
    (line,) = [line for line in done.lines if line.factor == CR6]
    assert (line.upper, line.unit, line.effect) == (100.0, "μg/L", Effect.SETS)


async def test_who_may_and_what_fits(ingest: Ingest) -> None:
    outlet = await ingest.outlet(enterprise="A")
    own = ingest.as_(Role.ENTERPRISE, enterprise_id=await ingest.enterprise("A"), organisation="A")
    foreign = ingest.as_(Role.ENTERPRISE, enterprise_id=await ingest.enterprise("B"), organisation="B")
    assert not (await own.use_standard(outlet, make_use())).applied
    cases = [
        (own, make_use(preview=False), 403), (foreign, make_use(), 404), (ingest.client, make_use(class_id="9"), 404),
        (ingest.client, make_use(standard="GB-13223-2011", class_id="T2-coal"), 422),
        (ingest.client, make_use(valid_from="2001-01-01T00:00:00+08:00"), 422),
    ]  # fmt: skip
    for client, use, status in cases:
        with pytest.raises(ServiceCallError) as caught:
            await client.use_standard(outlet, use)
        assert caught.value.status == status
    assert {item.id for item in await own.list_standards(medium=Medium.GAS, trade="thermal_power")} == {
        "GB-13223-2011", "GB-13271-2014",
    }  # fmt: skip
    assert len(await own.list_exceedance_rules()) == len(exceedance_rules())
