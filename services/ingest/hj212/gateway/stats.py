"""Counters of one gateway process."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Stats:
    """Running totals since the start; `connections` and `waiting` are present values."""

    connections: int = 0
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """Connections turned away, by reason."""
    closed: Counter[str] = field(default_factory=Counter)
    """Connections the gateway closed itself, by reason."""
    bytes_in: int = 0
    noise: int = 0
    frames: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    repairs: Counter[str] = field(default_factory=Counter)
    """Repairs of frames and oddities of segments, by name."""
    waiting: int = 0
    batches: int = 0
    store_failures: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    answers_undelivered: int = 0
    """Stored, but the connection was gone: the logger will send again and be answered then."""
    pauses: int = 0
