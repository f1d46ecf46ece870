"""What an outlet of the virtual park sends: means over HJ 212 with their flags, and what the plant's meters tell."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np

from park.model import HOUR, MINUTE, Times
from park.virtual.analyser import DERIVED
from park.virtual.columns import CONVERTED, INDEPENDENT, MASS, NO_RECORD, Column, VirtualOutlet
from services.ingest.hj212.codec import Report, Sender, upload_frames
from services.ingest.hj212.codec.encode import FactorItem
from shared.clock import PARK_ZONE

COMMAND = {MINUTE: "2051", HOUR: "2061"}
FIELDS = {CONVERTED: "ZsAvg", MASS: "Cou"}
PARTS = 10
"""Packets a report may be cut into; each has a QN of its own."""


def frames_of(outlet: VirtualOutlet, times: Times, step: int, sender: Sender) -> Iterator[tuple[str, bytes]]:
    """(QN, frame) pairs of minute or hour means on the grid `times` of the outlet's columns, oldest first.

    A factor without a record is left out of its packet, a packet without any factor is not sent.
    """
    for row, at in enumerate(times.tolist()):
        items = _items(outlet, row)
        if not items:
            continue
        moment = datetime.fromtimestamp(at, UTC)
        ended = (moment + timedelta(seconds=step)).astimezone(PARK_ZONE)
        qn = f"{ended:%Y%m%d%H%M%S}{step % 1000 // 10:02d}"
        report = Report(COMMAND[step], moment, items, ack_wanted=True)
        made = upload_frames(sender, report, qns=(f"{qn}{part}" for part in range(PARTS)))
        yield from ((f"{qn}{part}", frame) for part, frame in enumerate(made))


def _items(outlet: VirtualOutlet, row: int) -> list[FactorItem]:
    found: list[FactorItem] = []
    for code, column in outlet.columns.items():
        if column.instrument.role in (*DERIVED, *INDEPENDENT) or column.flags[row] == NO_RECORD:
            continue
        fields: list[tuple[str, float | str]] = []
        for ending, name in (("", "Avg"), *FIELDS.items()):
            value = _value(outlet.columns.get(code + ending), row)
            if value is not None:
                fields.append((name, value))
        found.append((code, [*fields, ("Flag", chr(column.flags[row]))]))
    return found


def _value(column: Column | None, row: int) -> float | None:
    if column is None or column.flags[row] == NO_RECORD or not np.isfinite(column.v[row]):
        return None
    return float(column.v[row])


def plant_rows(outlet: VirtualOutlet, times: Times) -> list[tuple[datetime, dict[str, float | None]]]:
    """Load 工况 and power use 用电 at `times`, which have no codes in HJ 212 and come from the plant's own meters."""
    columns = {code: column for code, column in outlet.columns.items() if column.instrument.role in INDEPENDENT}
    return [
        (datetime.fromtimestamp(at, UTC), {code: _value(column, row) for code, column in columns.items()})
        for row, at in enumerate(times.tolist())
    ]
