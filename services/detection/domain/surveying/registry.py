"""The registry of surveys: one line each."""

from __future__ import annotations

from services.detection.domain.checks.definition import Judge
from services.detection.domain.surveying import (
    bunching,
    calm,
    cap,
    digits,
    mark_abuse,
    memory,
    noise,
    noisy_replay,
    replay,
    rows,
    smoothness,
    tampering,
)
from services.detection.domain.surveying.definition import Survey, number

SURVEYS: tuple[Survey, ...] = (
    calm.SURVEY,
    cap.SURVEY,
    replay.SURVEY,
    noisy_replay.SURVEY,
    smoothness.SURVEY,
    memory.SURVEY,
    noise.SURVEY,
    tampering.SURVEY,
    rows.SURVEY,
    digits.SURVEY,
    bunching.SURVEY,
    mark_abuse.SURVEY,
)

REACH_DAYS = 90
"""Days before a night that answers may depend on: what is read for one night, and no more, gives the same answer."""

MOST_DAYS = 7
"""That two outlets are compared over."""

TWINS = Judge(
    name="twins",
    parameters=(number("days", 2, MOST_DAYS), number("likeness", 0.5, 1), number("alone", 0.5, 1)),
    explanations=("twins",),
)
"""What is asked of several outlets at once; `neighbours` answers it."""
