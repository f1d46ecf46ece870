"""Registers the demo's enterprises, outlets, loggers and limits with ingest."""

from datetime import date, datetime
from typing import Any

from park.demo import DemoOutlet, DemoPark
from park.model import FactorModel
from shared.clients.ingest import IngestClient
from shared.contracts.ingest import (
    DeviceIn,
    EnterpriseIn,
    LimitIn,
    Medium,
    OutletFactor,
    OutletIn,
    ReadingKind,
    enterprise_uuid,
    outlet_uuid,
)


async def register(ingest: IngestClient, park: DemoPark, names: dict[str, dict[str, Any]], since: datetime) -> None:
    """Register everything; doing it again changes nothing. `names` are the enterprises of the accounts file."""
    for code, risk in park.enterprises.items():
        await ingest.add_enterprise(_enterprise(code, risk, names[code], since.date()))
    for outlet in park.outlets.values():
        await _register_outlet(ingest, outlet, since)


def _enterprise(code: str, risk: dict[str, Any], name: dict[str, Any], today: date) -> EnterpriseIn:
    return EnterpriseIn(
        code=code,
        name_zh=name["name_zh"],
        name_en=name["name_en"],
        trade=name["trade"],
        address="澄湾新区",
        connected_on=date(today.year - 2, 3, 1),
        contact_name=name["person"]["name_zh"],
        **risk,
    )


async def _register_outlet(ingest: IngestClient, outlet: DemoOutlet, since: datetime) -> None:
    model = outlet.model
    outlet_id = outlet_uuid(model.enterprise, model.code)
    await ingest.add_outlet(
        OutletIn(
            enterprise_id=enterprise_uuid(model.enterprise),
            code=model.code,
            name_zh=model.name_zh,
            name_en=model.name_en,
            medium=Medium(model.medium),
            latitude=model.latitude,
            longitude=model.longitude,
            factors=[
                OutletFactor(
                    factor=factor.code,
                    unit=factor.unit,
                    span_low=factor.span_low,
                    span_high=factor.span_high,
                    resolution=factor.resolution,
                )
                for factor in model.factors
            ],
        )
    )
    await ingest.add_device(DeviceIn(outlet_id=outlet_id, mn=model.mn, password=model.password, edition=model.edition))
    known = {limit.factor for limit in await ingest.list_limits(outlet_id=outlet_id)}
    for factor in model.factors:
        if factor.code not in known and (factor.upper is not None or factor.lower is not None):
            await ingest.add_limit(_limit(outlet_id, factor, outlet.standard, since))


def _limit(outlet_id: Any, factor: FactorModel, standard: str, since: datetime) -> LimitIn:
    return LimitIn(
        outlet_id=outlet_id,
        factor=factor.code,
        upper=factor.upper,
        lower=factor.lower,
        averaging=ReadingKind.HOUR,
        unit=factor.unit,
        standard=standard,
        valid_from=since,
    )
