"""All routers of the service."""

from fastapi import APIRouter

from services.ingest.routes.archive import router as archive_router
from services.ingest.routes.commands import router as commands_router
from services.ingest.routes.dossier import router as dossier_router
from services.ingest.routes.evidence import router as evidence_router
from services.ingest.routes.hooks import router as hooks_router
from services.ingest.routes.links import router as links_router
from services.ingest.routes.live import router as live_router
from services.ingest.routes.marks import router as marks_router
from services.ingest.routes.means import router as means_router
from services.ingest.routes.packets import router as packets_router
from services.ingest.routes.parameters import router as parameters_router
from services.ingest.routes.qa import router as qa_router
from services.ingest.routes.readings import router as readings_router
from services.ingest.routes.registry import router as registry_router
from services.ingest.routes.sta import router as sta_router
from services.ingest.routes.standards import router as standards_router
from services.ingest.routes.transfers import router as transfers_router

ROUTERS: list[APIRouter] = [
    registry_router,
    dossier_router,
    standards_router,
    readings_router,
    archive_router,
    packets_router,
    links_router,
    live_router,
    marks_router,
    evidence_router,
    qa_router,
    parameters_router,
    means_router,
    transfers_router,
    sta_router,
    commands_router,
    hooks_router,
]
