"""Marked as stopped, but running 标停未停."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from services.detection.domain.checks.definition import Parameter
from services.detection.domain.compiled import Floats
from services.detection.domain.relations.codes import FLOWS, OXYGEN, WATER_FLOW, is_pollutant
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
from services.detection.domain.relations.running import by_meters, first_known


def mark(rows: Rows, numbers: Numbers) -> Iterator[Marked]:
    """Pollutants under F or a mark of stop while something says running at `running` of its usual level or more.

    Power use or load decide where there is a meter. Without one, flow does; in flue gas only together with oxygen
    below `most_oxygen`, since fans go on after the fire is out. Accused is the flow, which an outlet has once; its
    value and reference are shares of the usual level.
    """
    codes = [code for code in sorted(rows.values) if is_pollutant(code)]
    flow = next((code for code in FLOWS if code in rows.values), None)
    accused = flow or (codes[0] if codes else None)
    given = numbers(accused) if accused else None
    if given is None or accused is None or not codes:
        return
    stopped = _all_stopped(rows, codes)
    running = first_known([by_meters(rows), _by_flow(rows, flow, given["most_oxygen"])], len(rows.t))
    broken = stopped & (running >= given["running"])
    yield Marked(
        accused,
        told(stopped & np.isfinite(running) | ~stopped, broken),
        running,
        np.full(len(rows.t), given["running"]),
    )


def _all_stopped(rows: Rows, codes: list[str]) -> Flag:
    """Rows in which every pollutant that was sent is marked as stopped, and at least one was."""
    flags = np.stack([rows.flag(code) for code in codes])
    stopped = np.stack([rows.stopped(code) for code in codes])
    return np.asarray((stopped | (flags == NOT_SENT)).all(axis=0) & stopped.any(axis=0))


def _by_flow(rows: Rows, flow: str | None, most_oxygen: float) -> Floats:
    """Flow as a share of its usual level; none of it counts while oxygen is that of air."""
    if flow is None:
        return np.full(len(rows.t), np.nan)
    share = rows.share(flow)
    if OXYGEN not in rows.values:
        return share if flow == WATER_FLOW else np.full(len(rows.t), np.nan)
    return np.where(rows.raw(OXYGEN) < most_oxygen, share, 0.0)


RELATION = Relation(
    name="stop_run",
    parameters=(*PATIENCE, Parameter("running", 0.0, 1.0), Parameter("most_oxygen", 0.0, 21.0)),
    explanations=("stop_run",),
    mark=mark,
)
