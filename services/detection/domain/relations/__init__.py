"""Relations 因子关系: what the factors of one outlet say of each other at the same time.

Each module has a pure function that marks rows as broken or in order, for each factor that it can accuse; how long that
must last is the rule's `patience` (`machine`). `usual` learns what an outlet's own past lets expect.
"""

from __future__ import annotations

from services.detection.domain.relations import (
    conversion,
    dilution,
    flow_load,
    gap,
    mass,
    monitor_off,
    oxygen,
    parts,
    stop_run,
    treatment,
)
from services.detection.domain.relations.definition import Relation

RELATIONS: tuple[Relation, ...] = (
    conversion.RELATION,
    mass.RELATION,
    parts.RELATION,
    oxygen.RELATION,
    dilution.RELATION,
    stop_run.RELATION,
    monitor_off.RELATION,
    flow_load.RELATION,
    treatment.RELATION,
    gap.RELATION,
)
