"""What detection asks of other services."""

from services.detection.gateways.readings import Column, Fetched, History, Readings, Wanted, merged, split

__all__ = ["Column", "Fetched", "History", "Readings", "Wanted", "merged", "split"]
