"""Wiring of means and rates."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from services.ingest.deps import MayReadReadings, MayWriteRegistry
from services.ingest.deps.state import clock_of, db_of, intake_of
from services.ingest.service.means import MeanService
from services.ingest.service.rates import RateService


async def read_means(request: Request, caller: MayReadReadings) -> AsyncIterator[MeanService]:
    """Means for who may read readings."""
    rules = request.app.state.settings.mean_rules
    async with db_of(request).transaction() as session:
        yield MeanService(session, intake_of(request).dictionaries, clock_of(request), caller, rules)


async def write_means(request: Request, caller: MayWriteRegistry) -> AsyncIterator[MeanService]:
    """Means for who may change the registry."""
    rules = request.app.state.settings.mean_rules
    async with db_of(request).transaction() as session:
        yield MeanService(session, intake_of(request).dictionaries, clock_of(request), caller, rules)


async def read_rates(request: Request, caller: MayReadReadings) -> AsyncIterator[RateService]:
    """Rates for who may read readings."""
    async with db_of(request).transaction() as session:
        yield RateService(session, clock_of(request), caller)


MeanReader = Annotated[MeanService, Depends(read_means, scope="function")]
MeanWriter = Annotated[MeanService, Depends(write_means, scope="function")]
RateReader = Annotated[RateService, Depends(read_rates, scope="function")]
