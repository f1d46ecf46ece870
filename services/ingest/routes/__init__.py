"""All routers of the service."""

from fastapi import APIRouter

from services.ingest.routes import marks, packets, readings, registry, transfers

ROUTERS: list[APIRouter] = [
    registry.router,
    readings.router,
    packets.router,
    transfers.router,
    marks.router,
]
