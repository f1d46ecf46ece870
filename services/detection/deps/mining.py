"""Wiring of the mining bench: no transaction spans a report, each read has its own."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from pydantic import AwareDatetime

from services.detection.service.mining import MiningService, SimilarService
from services.detection.service.rulebook import load_rulebook
from shared.auth import Principal, require
from shared.contracts.detection.mining import MiningAsk
from shared.contracts.ingest import Code, ReadingKind

_Reader = Annotated[Principal, Depends(require("anomalies:read"))]


async def get_mining(request: Request, caller: _Reader) -> MiningService:
    """The reports."""
    state = request.app.state
    return MiningService(state.db, state.miner, caller)


async def get_similar(request: Request, caller: _Reader) -> SimilarService:
    """The search for similar episodes."""
    state = request.app.state
    return SimilarService(state.db, state.miner, load_rulebook(), state.clock.now(), caller)


async def get_ask(  # noqa: PLR0913 - the query
    factor: Code,
    since: AwareDatetime,
    until: AwareDatetime,
    outlet_id: UUID | None = None,
    trade: Code | None = None,
    kind: ReadingKind = ReadingKind.HOUR,
    park: bool = False,  # noqa: FBT001, FBT002
    compare: bool = True,  # noqa: FBT001, FBT002
) -> MiningAsk:
    """What to look at, from the query."""
    return MiningAsk(
        outlet_id=outlet_id,
        trade=trade,
        factor=factor,
        kind=kind,
        since=since,
        until=until,
        park=park,
        compare=compare,
    )


Mining = Annotated[MiningService, Depends(get_mining, scope="function")]
Similar = Annotated[SimilarService, Depends(get_similar, scope="function")]
Asked = Annotated[MiningAsk, Depends(get_ask, scope="function")]
