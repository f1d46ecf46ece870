"""SQL in, domain objects out."""

from services.detection.store.anomalies import AnomalyStore, Filters, Stored
from services.detection.store.series import SeriesId, SeriesStore, StoredSeries

__all__ = ["AnomalyStore", "Filters", "SeriesId", "SeriesStore", "Stored", "StoredSeries"]
