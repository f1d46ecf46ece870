"""Whether production runs, by what the plant itself says: load, power use, and in their absence flow."""

from __future__ import annotations

import numpy as np

from services.detection.domain.compiled import Floats
from services.detection.domain.relations.codes import FLOWS, LOAD, PRODUCTION
from services.detection.domain.relations.definition import Rows

METERS = (PRODUCTION, LOAD)
"""Independent of the monitoring station."""


def by_meters(rows: Rows) -> Floats:
    """Power use or load as a share of its usual level, NaN where no meter tells."""
    return first_known([rows.share(code) for code in METERS], len(rows.t))


def by_any(rows: Rows) -> Floats:
    """The same, by the flow where no meter tells."""
    return first_known([rows.share(code) for code in (*METERS, *FLOWS)], len(rows.t))


def first_known(columns: list[Floats], number: int) -> Floats:
    """In each row the first column that has a number."""
    found = np.full(number, np.nan)
    for column in columns:
        found = np.where(np.isnan(found), column, found)
    return found
