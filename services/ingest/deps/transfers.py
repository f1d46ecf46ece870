"""Wiring of jobs. The service commits itself: a job may start the moment it is asked for."""

from typing import Annotated

from fastapi import Depends, Request

from services.ingest.service.transfers.desk import TransferService
from shared.auth import Principal, current_principal


def transfers(request: Request, caller: Annotated[Principal, Depends(current_principal)]) -> TransferService:
    """Jobs as this caller may use them; each kind says which scope it needs."""
    return TransferService(request.app.state.transfers, caller)


Transfers = Annotated[TransferService, Depends(transfers)]
