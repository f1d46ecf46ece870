"""Registers the outlets of the virtual park with ingest: enterprises, outlets, loggers, limits."""

from datetime import datetime
from uuid import UUID

from park.virtual.analyser import DERIVED
from park.virtual.columns import CONVERTED, Instrument, VirtualOutlet, VirtualPark
from park.virtual.spoken import SpokenOutlet, spoken
from shared.clients.ingest import IngestClient
from shared.contracts.ingest import (
    DeviceIn,
    EnterpriseIn,
    LimitIn,
    Medium,
    OutletFactor,
    OutletIn,
    enterprise_uuid,
    outlet_uuid,
)

PASSWORD = "123456"  # noqa: S105 - the usual default of HJ 212 loggers
STANDARD = "虚拟园区 virtual park"


async def register(ingest: IngestClient, park: VirtualPark, since: datetime) -> list[SpokenOutlet]:
    """Register everything, with limits from `since` on; doing it again changes nothing. The outlets with loggers."""
    found = []
    for key, outlet in park.outlets.items():
        model, trade = spoken(park, key, PASSWORD), outlet.plan.trade
        number = outlet.plan.index + 1
        await ingest.add_enterprise(
            EnterpriseIn(
                code=model.enterprise,
                name_zh=f"{trade.name_zh}虚拟企业{number}",
                name_en=f"Virtual plant {number}, {trade.name_en.lower()}",
                trade=trade.code,
                connected_on=since.date(),
            )
        )
        await _register_outlet(ingest, model, outlet, since)
        found.append(model)
    return found


async def _register_outlet(ingest: IngestClient, model: SpokenOutlet, outlet: VirtualOutlet, since: datetime) -> None:
    outlet_id = outlet_uuid(model.enterprise, model.code)
    measured = [column.instrument for column in outlet.columns.values() if column.instrument.role not in DERIVED]
    await ingest.add_outlet(
        OutletIn(
            enterprise_id=enterprise_uuid(model.enterprise),
            code=model.code,
            name_zh=model.name_zh,
            name_en=model.name_en,
            medium=Medium(model.medium),
            factors=[
                OutletFactor(
                    factor=one.code, unit=one.unit, span_low=one.span[0], span_high=one.span[1],
                    resolution=one.resolution,
                )
                for one in measured
            ],
        )
    )  # fmt: skip
    await ingest.add_device(DeviceIn(outlet_id=outlet_id, mn=model.mn, password=model.password, edition=model.edition))
    known = {limit.factor for limit in await ingest.list_limits(outlet_id=outlet_id)}
    for one in measured:
        limit = _limit(outlet_id, one, outlet, since)
        if one.code not in known and limit is not None:
            await ingest.add_limit(limit)


def _limit(outlet_id: UUID, one: Instrument, outlet: VirtualOutlet, since: datetime) -> LimitIn | None:
    """That of the factor; a gas's stands with its converted value."""
    converted = outlet.columns.get(one.code + CONVERTED)
    held = converted.instrument if converted is not None else one
    if held.upper is None and held.lower is None:
        return None
    return LimitIn(
        outlet_id=outlet_id,
        factor=one.code,
        upper=held.upper,
        lower=held.lower,
        unit=one.unit,
        standard=STANDARD,
        valid_from=since,
    )
