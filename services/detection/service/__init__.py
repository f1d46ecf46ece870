"""Use cases of detection."""

from services.detection.service.queries import AnomalyService
from services.detection.service.rulebook import Rulebook, load_rulebook
from services.detection.service.watch import Watch

__all__ = ["AnomalyService", "Rulebook", "Watch", "load_rulebook"]
