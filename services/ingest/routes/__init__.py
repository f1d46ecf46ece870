"""All routers of the service."""

from fastapi import APIRouter

from services.ingest.routes import marks, packets, readings, registry, transfers
from services.ingest.routes import packets, readings, registry, sta, transfers

ROUTERS: list[APIRouter] = [
    registry.router,
    readings.router,
    packets.router,
    transfers.router,
    marks.router,
    sta.router,
]
