"""SQL in, domain objects out."""

from services.detection.store.anomalies import AnomalyStore, Filters, Stored
from services.detection.store.enterprises import EnterpriseStore
from services.detection.store.hits import HitStore, Line, Span, line_of
from services.detection.store.marks import MarkStore
from services.detection.store.memories import MemoryStore
from services.detection.store.series import SeriesId, SeriesStore, StoredSeries
from services.detection.store.suppressions import SuppressionStore

__all__ = [
    "AnomalyStore",
    "EnterpriseStore",
    "Filters",
    "HitStore",
    "Line",
    "MarkStore",
    "MemoryStore",
    "SeriesId",
    "SeriesStore",
    "Span",
    "Stored",
    "StoredSeries",
    "SuppressionStore",
    "line_of",
]
