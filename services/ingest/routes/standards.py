"""HTTP of standards, their application, and exceedance rules."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.ingest.deps.standards import MayReadStandards, Standards
from services.ingest.domain.standards import exceedance_rules, standards
from shared.contracts.ingest import Medium
from shared.contracts.ingest.standards import ExceedanceRule, StandardOut, StandardUse, UseOut

router = APIRouter(prefix="/v1", tags=["standards"])
Word = Annotated[str | None, Query(max_length=40)]


@router.get("/standards")
async def list_standards(
    _caller: MayReadStandards, medium: Medium | None = None, jurisdiction: Word = None, trade: Word = None
) -> list[StandardOut]:
    """Standards by medium, jurisdiction (CN, CN-32) and trade; each value says whether it was verified."""
    return [
        standard
        for standard in standards()
        if medium in {None, standard.medium}
        and jurisdiction in {None, standard.jurisdiction}
        and (trade is None or not standard.trades or trade in standard.trades)
    ]


@router.get("/exceedance-rules")
async def list_exceedance_rules(_caller: MayReadStandards) -> list[ExceedanceRule]:
    """Which mean counts as an exceedance, by jurisdiction, medium and trade."""
    return list(exceedance_rules())


@router.post("/outlets/{outlet_id}/standard")
async def use_standard(outlet_id: UUID, use: StandardUse, service: Standards) -> UseOut:
    """Preview (the default) or apply a class of a standard to an outlet from a time on."""
    return await service.use(outlet_id, use)
