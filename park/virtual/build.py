"""`build`: the whole virtual park of a seed, honest or with injected events."""

from datetime import UTC, datetime

from park.model import HOUR, MINUTE, Times, grid
from park.virtual.analyser import DERIVED, Readings, readings
from park.virtual.columns import INDEPENDENT, OutletPlan, Role, VirtualOutlet, VirtualPark
from park.virtual.marks import marks
from park.virtual.plan import instruments, plans

START = int(datetime(2024, 12, 31, 16, tzinfo=UTC).timestamp())
"""The first hour of 2025 in Beijing."""


def honest_outlet(plan: OutletPlan, times: Times, step: int) -> VirtualOutlet:
    """One outlet as it honestly is on a grid of times, `step` 60 or 3600 seconds."""
    made = instruments(plan)
    monitored = tuple(one.code for one in made if one.role not in (*INDEPENDENT, *DERIVED))
    measured = tuple(one.code for one in made if one.role in (Role.POLLUTANT, Role.OXYGEN))
    known = tuple(marks(plan, int(times[0]), int(times[-1]) + step, monitored, measured)) if len(times) else ()
    return VirtualOutlet(plan, readings(Readings(plan, times, step, known)), known)


def honest(seed: int, outlets: int = 200, hours: int = 8760, start: int = START) -> VirtualPark:
    """The park without any injected event: hour means."""
    times = grid(start, start + hours * HOUR, HOUR)
    return VirtualPark(seed, HOUR, times, {plan.key: honest_outlet(plan, times, HOUR) for plan in plans(seed, outlets)})


def honest_minutes(seed: int, outlets: int, since: int, until: int) -> VirtualPark:
    """Minute means of the same plants over [since, until)."""
    times = grid(since, until, MINUTE)
    made = {plan.key: honest_outlet(plan, times, MINUTE) for plan in plans(seed, outlets)}
    return VirtualPark(seed, MINUTE, times, made)
