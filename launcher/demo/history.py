"""Loads the demo's past readings through `POST /v1/readings`."""

from collections.abc import Callable
from datetime import UTC, datetime

from park.demo import HISTORY, MINUTE_HISTORY
from park.model import HOUR, MINUTE, OutletModel, Times, Values, grid, rows
from shared.clients.ingest import IngestClient
from shared.contracts.ingest import MAX_ROWS, ReadingKind, ReadingRow, ReadingsIn, outlet_uuid

Advance = Callable[[int], None]


def rows_to_load(models: dict[str, OutletModel]) -> int:
    """How many rows the history has at most (for a progress bar)."""
    hours = int(HISTORY.total_seconds()) // HOUR
    return len(models) * (hours + int(MINUTE_HISTORY.total_seconds()) // MINUTE)


async def load_history(ingest: IngestClient, models: dict[str, OutletModel], until: datetime, advance: Advance) -> int:
    """Hours of fourteen days and minutes of the last three, up to `until`; how many rows were sent."""
    end = int(until.timestamp())
    sent = 0
    for model in models.values():
        times = grid(end - int(HISTORY.total_seconds()), end - HOUR + 1, HOUR)
        sent += await _send(ingest, model, ReadingKind.HOUR, times, model.hours(times), advance)
    for model in models.values():
        times = grid(end - int(MINUTE_HISTORY.total_seconds()), end - MINUTE + 1, MINUTE)
        sent += await _send(ingest, model, ReadingKind.MINUTE, times, model.minutes(times), advance)
    return sent


async def _send(
    ingest: IngestClient,
    model: OutletModel,
    kind: ReadingKind,
    times: Times,
    values: dict[str, Values],
    advance: Advance,
) -> int:
    outlet_id = outlet_uuid(model.enterprise, model.code)
    listed = rows(values, times)
    for start in range(0, len(listed), MAX_ROWS):
        part = listed[start : start + MAX_ROWS]
        await ingest.post_readings(
            ReadingsIn.model_construct(
                outlet_id=outlet_id,
                kind=kind,
                rows=[
                    ReadingRow.model_construct(at=datetime.fromtimestamp(at, UTC), values=row, flags={})
                    for at, row in part
                ],
            )
        )
        advance(len(part))
    return len(listed)
