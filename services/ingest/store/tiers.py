"""Rows of the open tables, chunks and files, brought into one form."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from services.ingest.domain.chunks import open_track, start_of
from services.ingest.domain.columns import EMPTY, Columns, Track
from services.ingest.domain.readings import NORMAL

EMPTY_TRACK = Track(np.empty(0, np.int64), np.empty(0, np.float64), "")


def joined(parts: Sequence[Columns]) -> Columns:
    """Parts as one, in order."""
    return Columns.of(parts).ordered()


def mean_columns(rows: Sequence[Any]) -> Columns:
    """Rows of the means: point, factor code, time, value, flag."""
    if not rows:
        return EMPTY
    point, factor, at, value, flag = zip(*rows, strict=True)
    return Columns(
        np.array(point, np.int32),
        np.array(factor, object),
        np.array(at, np.int64),
        np.array([np.nan if number is None else number for number in value], np.float64),
        np.array(flag, object),
    ).ordered()


def open_parts(rows: Sequence[Any], layouts: Mapping[int, tuple[str, ...]]) -> list[Columns]:
    """Open frames, one part a layout."""
    groups: dict[int, list[Any]] = {}
    for row in rows:
        groups.setdefault(row["layout"], []).append(row)
    return [_group_columns(group, layouts[layout]) for layout, group in groups.items()]


def _group_columns(rows: Sequence[Any], layout: tuple[str, ...]) -> Columns:
    width = len(layout)
    flags = "".join(row["flags"] or NORMAL * width for row in rows)
    return Columns(
        np.repeat(np.array([row["point"] for row in rows], np.int32), width),
        np.tile(np.array(layout, object), len(rows)),
        np.repeat(np.array([row["at"] for row in rows], np.int64), width),
        np.array([row["avg"] for row in rows], np.float64).reshape(-1),
        np.array(list(flags), object),
    )


def chunk_track(row: Any, since: int, until: int) -> Track:
    """The part of a chunk from `since` to before `until`, in Unix seconds."""
    return _cut(open_track(row["body"], start_of(row["day"])), since, until)


def _cut(track: Track, since: int, until: int) -> Track:
    low, high = np.searchsorted(track.at, (since, until))
    if low == 0 and high == len(track.at):
        return track
    return Track(track.at[low:high], track.value[low:high], track.flags[low:high])


def sealed_part(point: int, factor: str, track: Track) -> Columns:
    """One factor of a sealed day."""
    count = len(track.at)
    flags = np.full(count, NORMAL, object)
    if track.flags != NORMAL * count:
        flags[:] = list(track.flags)
    return Columns(np.full(count, point, np.int32), np.full(count, factor, object), track.at, track.value, flags)


def track_of(rows: Sequence[Any], since: int, until: int, archived: Sequence[Track] = ()) -> Track:
    """One track from open arrays (`at`, `value`, `flags`), chunks (`day`, `body`) and what the archive gave."""
    parts = list(archived)
    for row in rows:
        if row["body"] is not None:
            parts.append(chunk_track(row, since, until))
        elif row["at"] is not None:
            parts.append(Track(np.array(row["at"], np.int64), np.array(row["value"], np.float64), row["flags"]))
    parts = [part for part in parts if len(part.at)]
    if len(parts) < 2:  # noqa: PLR2004 - nothing to join
        return parts[0] if parts else EMPTY_TRACK
    parts.sort(key=lambda part: int(part.at[0]))
    at = np.concatenate([part.at for part in parts])
    track = Track(at, np.concatenate([part.value for part in parts]), "".join(part.flags for part in parts))
    if (np.diff(at) > 0).all():
        return track
    order = np.argsort(at, kind="stable")  # a day half open, half sealed: only where parts overlap
    return Track(at[order], track.value[order], "".join(track.flags[i] for i in order.tolist()))
