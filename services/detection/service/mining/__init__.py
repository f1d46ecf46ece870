"""Use cases of the mining bench: choose outlets, read history, ask the domain, tell it in the contract's words."""

from services.detection.service.mining.reports import MiningService
from services.detection.service.mining.similar import SimilarService
from services.detection.service.mining.worker import Miner

__all__ = ["Miner", "MiningService", "SimilarService"]
