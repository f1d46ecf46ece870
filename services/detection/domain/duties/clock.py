"""Clock of a logger 时钟偏差: its time differs from that of the platform."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from services.detection.domain.checks.definition import Judge, Parameter
from services.detection.domain.duties.breach import Breach, Numbers
from shared.contracts.detection.anomalies import WHOLE_OUTLET
from shared.contracts.ingest.links import LinkedDevice

JUDGE = Judge(name="clock", parameters=(Parameter("seconds", 1.0, 86_400.0),), explanations=("clock",))


def find(devices: Iterable[LinkedDevice], numbers: Numbers, now: datetime) -> list[Breach]:
    """Devices in use whose clock is off by more than `seconds`; value: seconds, the worst device of an outlet."""
    worst: dict[object, Breach] = {}
    for one in devices:
        known = numbers(one.outlet_id, WHOLE_OUTLET)
        if known is None or not one.active or not one.link.clock_off or one.link.skew is None:
            continue
        off = abs(one.link.skew)
        if off > max(known["seconds"], worst[one.outlet_id].value if one.outlet_id in worst else 0.0):
            worst[one.outlet_id] = Breach(one.outlet_id, WHOLE_OUTLET, now, None, off, known["seconds"])
    return list(worst.values())
