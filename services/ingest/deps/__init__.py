"""Wiring: one request = one transaction, committed before the answer. Each noun beyond these has its module."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from services.ingest.deps.state import clock_of, db_of, intake_of
from services.ingest.service.extracts import ExtractService
from services.ingest.service.packets import PacketService
from services.ingest.service.readings import ReadingService
from services.ingest.service.registry import RegistryService
from shared.auth import Principal, require

MayReadRegistry = Annotated[Principal, Depends(require("registry:read"))]
MayWriteRegistry = Annotated[Principal, Depends(require("registry:write"))]
MayReadReadings = Annotated[Principal, Depends(require("readings:read"))]
MayWriteReadings = Annotated[Principal, Depends(require("readings:write"))]
MayReadPackets = Annotated[Principal, Depends(require("packets:read"))]


async def read_registry(request: Request, caller: MayReadRegistry) -> AsyncIterator[RegistryService]:
    """The registry for who may read it."""
    async with db_of(request).transaction() as session:
        yield RegistryService(session, clock_of(request).now, caller)


async def write_registry(request: Request, caller: MayWriteRegistry) -> AsyncIterator[RegistryService]:
    """The registry for who may change it."""
    async with db_of(request).transaction() as session:
        yield RegistryService(session, clock_of(request).now, caller)


async def read_packets(request: Request, caller: MayReadPackets) -> AsyncIterator[PacketService]:
    """The journal for who may read it."""
    async with db_of(request).transaction() as session:
        yield PacketService(session, clock_of(request).now, caller)


def read_readings(request: Request, caller: MayReadReadings) -> ReadingService:
    """Readings for who may read them."""
    return ReadingService(db_of(request), intake_of(request), clock_of(request), caller)


def write_readings(request: Request, caller: MayWriteReadings) -> ReadingService:
    """Readings for who may send them; the service commits before it returns."""
    return ReadingService(db_of(request), intake_of(request), clock_of(request), caller)


def read_extracts(request: Request, caller: MayReadReadings) -> ExtractService:
    """Readings in bulk for who may read them."""
    return ExtractService(db_of(request), intake_of(request), caller)


RegistryReader = Annotated[RegistryService, Depends(read_registry, scope="function")]
RegistryWriter = Annotated[RegistryService, Depends(write_registry, scope="function")]
Packets = Annotated[PacketService, Depends(read_packets, scope="function")]
ReadingReader = Annotated[ReadingService, Depends(read_readings)]
ReadingExtracts = Annotated[ExtractService, Depends(read_extracts)]
ReadingWriter = Annotated[ReadingService, Depends(write_readings)]
