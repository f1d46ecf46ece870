"""Production on, monitor off 生产时关停监测: power is used and the analysers see nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from services.detection.domain.checks.definition import Parameter
from services.detection.domain.points import CALIBRATION, FAULT, MAINTENANCE, STOPPED
from services.detection.domain.relations.codes import PLANT, is_pollutant
from services.detection.domain.relations.definition import (
    NOT_SENT,
    PATIENCE,
    Flag,
    Marked,
    Numbers,
    Relation,
    Rows,
    told,
)
from services.detection.domain.relations.running import by_meters

_EXCUSED = (STOPPED, MAINTENANCE, FAULT, CALIBRATION)


def mark(rows: Rows, numbers: Numbers) -> Iterator[Marked]:
    """All pollutants absent, without a number or below `nothing` of their usual level, while power use or load is at
    `running` of its own or more and the station sends other factors; a lost link is missing data. With fewer pollutants
    than `several` absence is missing data too, and a low value may be good treatment: only `zero` of the usual counts.

    Values under a mark that says itself why are not judged here. Accused is the first pollutant; its value is the
    share of the usual power, the reference `running`. Judged only where there is a meter.
    """
    codes = [code for code in sorted(rows.values) if is_pollutant(code)]
    given = numbers(codes[0]) if codes else None
    if given is None:
        return
    running = by_meters(rows)
    flags = np.stack([rows.flag(code) for code in codes])
    known = np.stack([np.isfinite(rows.level(code)) for code in codes])
    number = np.stack([rows.raw(code) for code in codes])
    several = known.sum(axis=0) >= given["several"]
    least = np.where(several, given["nothing"], given["zero"])
    low = np.stack([rows.raw(code) <= least * rows.level(code) for code in codes])
    dead = low | ~known | (np.isnan(number) & several)
    excused = np.stack([flags == flag for flag in _EXCUSED]).any(axis=(0, 1))
    judged = known.any(axis=0) & ~excused & np.isfinite(running) & _alive(rows, codes)
    broken = dead.all(axis=0) & (running >= given["running"])
    yield Marked(codes[0], told(judged, broken), running, np.full(len(rows.t), given["running"]))


def _alive(rows: Rows, codes: list[str]) -> Flag:
    """Rows in which the station sent something beside the pollutants, or the pollutants themselves."""
    others = [code for code in rows.flags if code not in PLANT]
    sent = [(rows.flag(code) != NOT_SENT) & (np.isfinite(rows.raw(code)) | (code not in codes)) for code in others]
    return np.asarray(np.stack(sent).any(axis=0)) if sent else np.zeros(len(rows.t), dtype=np.bool_)


RELATION = Relation(
    name="monitor_off",
    parameters=(
        *PATIENCE,
        Parameter("running", 0.0, 1.0),
        Parameter("nothing", 0.0, 1.0),
        Parameter("zero", 0.0, 1.0),
        Parameter("several", 1.0, 100.0),
    ),
    explanations=("monitor_off",),
    mark=mark,
)
