"""`build`: the whole virtual park of a seed, honest or with injected events."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from park.model import HOUR, MINUTE, Times, grid
from park.virtual.analyser import DERIVED, Readings, readings
from park.virtual.columns import INDEPENDENT, OutletPlan, Role, Truth, VirtualOutlet, VirtualPark
from park.virtual.injections.apply import Ground, apply
from park.virtual.injections.placement import place
from park.virtual.injections.scene import HISTORY
from park.virtual.marks import marks
from park.virtual.natural import naturals
from park.virtual.plan import instruments, plans

START = int(datetime(2024, 12, 31, 16, tzinfo=UTC).timestamp())
"""The first hour of 2025 in Beijing."""
TUNING_SEED, REPORTING_SEED = 20250101, 40904011
"""Thresholds are chosen on the park of the first seed; error rates are reported on the second, never tuned on."""


def honest_outlet(plan: OutletPlan, times: Times, step: int) -> VirtualOutlet:
    """One outlet as it honestly is on a grid of times, `step` 60 or 3600 seconds."""
    made = instruments(plan)
    monitored = tuple(one.code for one in made if one.role not in (*INDEPENDENT, *DERIVED))
    measured = tuple(one.code for one in made if one.role in (Role.POLLUTANT, Role.OXYGEN))
    known = tuple(marks(plan, int(times[0]), int(times[-1]) + step, monitored, measured)) if len(times) else ()
    return VirtualOutlet(plan, readings(Readings(plan, times, step, known)), known)


def honest(seed: int, outlets: int = 200, hours: int = 8760, start: int = START) -> VirtualPark:
    """The park without any injected event, hour means; what goes wrong by itself is in `natural`."""
    times = grid(start, start + hours * HOUR, HOUR)
    made = {plan.key: honest_outlet(plan, times, HOUR) for plan in plans(seed, outlets)}
    return _with(VirtualPark(seed, HOUR, times, made), Ground(seed, times, HOUR, made), ())


def honest_minutes(seed: int, outlets: int, since: int, until: int) -> VirtualPark:
    """Minute means of the same plants over [since, until)."""
    times = grid(since, until, MINUTE)
    made = {plan.key: honest_outlet(plan, times, MINUTE) for plan in plans(seed, outlets)}
    return _with(VirtualPark(seed, MINUTE, times, made), Ground(seed, times, MINUTE, made), ())


def build(seed: int, outlets: int = 200, hours: int = 8760, start: int = START) -> VirtualPark:
    """The park with injected events and their truth, hour means.

    The same arguments give the same bytes. At least 30 days of honest history stand before the first event.
    """
    park = honest(seed, outlets, hours, start)
    ground = Ground(seed, park.t, park.step, park.outlets)
    return _with(park, ground, place(park, seed))


def window(park: VirtualPark, since: int, until: int, keys: Sequence[str], step: int = MINUTE) -> VirtualPark:
    """Some outlets of a built park over [since, until) in another step, or in hours beyond its end, with its events.

    Each event is written whole, with the history it needs, and then cut to the span. Raises KeyError for an outlet
    that the park has not.
    """
    truths = [t for t in park.truths if t.outlet in keys and t.start < until and t.end > since]
    first = min([since, *(t.start - HISTORY for t in truths)])
    times = grid(first, max([until, *(t.end for t in truths)]), step)
    others = {t.other for t in truths if t.other} - set(keys)
    plain = {key: honest_outlet(park.outlets[key].plan, times, step) for key in (*keys, *sorted(others))}
    whole = VirtualPark(park.seed, step, times, {key: plain[key] for key in keys})
    return _cut(_with(whole, Ground(park.seed, times, step, plain), truths), since, until)


def _with(park: VirtualPark, ground: Ground, truths: Sequence[Truth]) -> VirtualPark:
    outlets, told = dict(park.outlets), []
    for truth in truths:
        outlets[truth.outlet], known = apply(ground, outlets[truth.outlet], truth)
        told.append(known)
    natural = tuple(one for outlet in outlets.values() for one in naturals(outlet, park.t, told))
    return replace(park, outlets=outlets, truths=tuple(told), natural=natural)


def _cut(park: VirtualPark, since: int, until: int) -> VirtualPark:
    rows = slice(*(int(np.searchsorted(park.t, moment)) for moment in (since, until)))
    outlets = {
        key: replace(
            outlet,
            columns={
                code: replace(column, v=column.v[rows], flags=column.flags[rows])
                for code, column in outlet.columns.items()
            },
        )
        for key, outlet in park.outlets.items()
    }
    natural = tuple(one for one in park.natural if one.start < until and one.end > since)
    return replace(park, t=park.t[rows], outlets=outlets, natural=natural)
