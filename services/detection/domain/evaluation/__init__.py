"""How well detection does, in episodes: recall, precision, latency, burden; no point adjustment."""

from services.detection.domain.evaluation.scoring import FEWEST, Latency, Rate, Score, score
from services.detection.domain.evaluation.spans import Span, families, gap_of, merge, runs, spans_of
from services.detection.domain.evaluation.wilson import wilson

__all__ = [
    "FEWEST",
    "Latency",
    "Rate",
    "Score",
    "Span",
    "families",
    "gap_of",
    "merge",
    "runs",
    "score",
    "spans_of",
    "wilson",
]
