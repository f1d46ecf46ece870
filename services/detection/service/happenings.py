"""What events of ingest's feed name: readings by outlet and time, and how far back they reach."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

import numpy as np

from shared.contracts.ingest import READINGS_ACCEPTED, ReadingKind, ReadingsEvent
from shared.contracts.ingest.marks import MarkChanged
from shared.feed import Event


def wanted_times(event: Event) -> dict[tuple[UUID, ReadingKind], np.ndarray]:
    """Times that an event names, ascending epoch seconds, by outlet and kind."""
    if event.type != READINGS_ACCEPTED:
        return {}
    named: dict[tuple[UUID, ReadingKind], list[int]] = {}
    for part in ReadingsEvent.model_validate(event.data).batches:
        named.setdefault((part.outlet_id, part.kind), []).extend(part.times)
    return {key: np.unique(np.array(times, np.int64)) for key, times in named.items() if times}


def earlier(since: Mapping[UUID, datetime], marks: Iterable[MarkChanged]) -> dict[UUID, datetime]:
    """The earliest time of each outlet at which readings or marks may change something."""
    first = dict(since)
    for mark in marks:
        first[mark.outlet_id] = min(first.get(mark.outlet_id, mark.since), mark.since)
    return first
