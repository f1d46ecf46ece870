"""Loads the demo's past readings through `POST /v1/readings`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from park.demo import HISTORY, MINUTE_HISTORY
from park.model import HOUR, MINUTE, OutletModel, Times, Values, grid, rows
from shared.clients.ingest import IngestClient
from shared.clock import Clock
from shared.contracts.ingest import MAX_ROWS, ReadingKind, ReadingRow, ReadingsIn, outlet_uuid

Advance = Callable[[int], None]


def rows_to_load(models: dict[str, OutletModel]) -> int:
    """How many rows the history has at most (for a progress bar)."""
    hours = int(HISTORY.total_seconds()) // HOUR
    return len(models) * (hours + int(MINUTE_HISTORY.total_seconds()) // MINUTE)


async def load_history(ingest: IngestClient, models: dict[str, OutletModel], until: datetime, advance: Advance) -> int:
    """Hours of fourteen days and minutes of the last three, up to `until`; how many rows were sent."""
    sent = await _load(ingest, models, HOUR, (until - HISTORY, until), advance)
    return sent + await _load(ingest, models, MINUTE, (until - MINUTE_HISTORY, until), advance)


async def keep_current(ingest: IngestClient, models: dict[str, OutletModel], since: datetime, clock: Clock) -> None:
    """Go on loading what time adds while the rest of the demo is made, until cancelled.

    In simulated time hours pass meanwhile; outlets without data would look silent.
    """
    reached = since
    while True:
        await clock.sleep(timedelta(minutes=1), least=0.2)
        now = clock.now()
        for step in (HOUR, MINUTE):
            await _load(ingest, models, step, (reached, now), _nobody)
        reached = now


def _nobody(_rows: int) -> None:
    """No progress is shown."""


async def _load(
    ingest: IngestClient, models: dict[str, OutletModel], step: int, span: tuple[datetime, datetime], advance: Advance
) -> int:
    """Means whose period begins after `span[0]` minus one step, and has ended by `span[1]`."""
    kind = ReadingKind.HOUR if step == HOUR else ReadingKind.MINUTE
    times = grid(int(span[0].timestamp()) - step + 1, int(span[1].timestamp()) - step + 1, step)
    sent = 0
    for model in models.values():
        values = model.hours(times) if step == HOUR else model.minutes(times)
        sent += await _send(ingest, model, kind, times, values, advance)
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
