"""All routers of the service."""

from fastapi import APIRouter

from services.detection.routes.anomalies import router as anomalies_router
from services.detection.routes.backtests import router as backtests_router
from services.detection.routes.context import router as context_router
from services.detection.routes.mining import router as mining_router
from services.detection.routes.proposals import router as proposals_router
from services.detection.routes.quality import router as quality_router
from services.detection.routes.rules import router as rules_router
from services.detection.routes.suppressions import router as suppressions_router
from services.detection.routes.surveys import router as surveys_router
from services.detection.routes.thresholds import router as thresholds_router

ROUTERS: list[APIRouter] = [
    anomalies_router, context_router, suppressions_router, quality_router, rules_router, thresholds_router,
    mining_router, backtests_router, proposals_router, surveys_router,
]  # fmt: skip
