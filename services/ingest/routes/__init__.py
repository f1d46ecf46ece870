"""All routers of the service."""

from fastapi import APIRouter

from services.ingest.routes import packets, readings, registry

ROUTERS: list[APIRouter] = [
    registry.router,
    readings.router,
    packets.router,
]
