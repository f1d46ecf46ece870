"""Duties 义务 of those who run a monitor, judged from what ingest knows: one file a duty, one line here."""

from services.detection.domain.checks.definition import Judge
from services.detection.domain.duties import (
    calibration,
    clock,
    drift,
    flag_rate,
    late_mark,
    mark_budget,
    mean_gap,
    parameter,
    quality_check,
)

JUDGES: tuple[Judge, ...] = (
    calibration.JUDGE,
    quality_check.JUDGE,
    parameter.JUDGE,
    mean_gap.JUDGE,
    late_mark.JUDGE,
    mark_budget.JUDGE,
    flag_rate.JUDGE,
    clock.JUDGE,
    drift.JUDGE,
)
