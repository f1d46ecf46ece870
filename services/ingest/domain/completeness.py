"""Transmission rate 传输率 and validity rate 有效率 of an outlet, from the states of its hours.

Each hour has one letter (`rates.yaml`). An hour is received when at least one factor came with a value, and valid
when every factor that came in it is valid. An hour is expected once it is over, from the first reading of the
outlet on, unless a mark says that the source was stopped.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any, NamedTuple
from uuid import UUID

import yaml

from services.ingest.domain.means.rules import quantities
from shared.contracts.ingest import Completeness
from shared.contracts.ingest.means import MeanState, RateCounts

HOUR = timedelta(hours=1)
MISSING, STOPPED = ".", "S"
BLANK_DAY = MISSING * 24
LETTERS = ((MeanState.MARK, "M"), (MeanState.FLAG, "D"), (MeanState.FEW, "E"), (MeanState.MISSING, "E"))
"""Letters of an hour whose factors are not all valid; the first that fits."""
STILL = {MeanState.STOPPED, MeanState.IDLE}


@dataclass(frozen=True)
class HourState:
    """What a letter means and how it counts."""

    letter: str
    zh: str
    en: str
    expected: bool
    received: bool
    valid: bool


@cache
def definition() -> Mapping[str, Any]:
    """The data of `rates.yaml`."""
    loaded: dict[str, Any] = yaml.safe_load(resources.files(__package__).joinpath("rates.yaml").read_text("utf-8"))
    return loaded


@cache
def hour_states() -> Mapping[str, HourState]:
    """All states by letter."""
    return {letter: HourState(letter, **row) for letter, row in definition()["hour_states"].items()}


def letters_that(count: str) -> str:
    """Letters that count as `expected`, `received` or `valid`."""
    return "".join(state.letter for state in hour_states().values() if getattr(state, count))


def letter_of(states: Iterable[MeanState], *, stopped: bool) -> str:
    """The letter of an hour from the states of its factors; `stopped`: a mark says so of the whole outlet."""
    found = set(states)
    if stopped or (found and found == {MeanState.STOPPED}):
        return STOPPED
    if not found - {MeanState.MISSING}:
        return MISSING
    for state, letter in LETTERS:
        if state in found:
            return letter
    return "V" if MeanState.VALID in found else "F"


def put_letter(states: str, hour: int, letter: str) -> str:
    """A day with the letter of one hour replaced."""
    return states[:hour] + letter + states[hour + 1 :]


class HourCounts(NamedTuple):
    """Hours of one outlet in a span. `first_at`: where expectation begins, None without any reading."""

    outlet_id: UUID
    enterprise_id: UUID
    first_at: datetime | None
    stopped: int
    received: int
    valid: int
    late: int = 0


def whole_hour(time: datetime) -> datetime:
    """The first start of an hour that is not before `time`."""
    floor = time.replace(minute=0, second=0, microsecond=0)
    return floor if floor == time else floor + HOUR


def count(counts: HourCounts, since: datetime, until: datetime, now: datetime) -> RateCounts:
    """Rates over the hours that begin from `since` to before `until`, are expected and due by `now`.

    An hour is due some minutes after its end (`grace_minutes`): until then its data may still be on the way.
    """
    now -= timedelta(minutes=quantities().grace_minutes["hour"])
    hours = 0
    if counts.first_at is not None:
        start = whole_hour(max(since, counts.first_at))
        end = min(whole_hour(until), (now - HOUR).replace(minute=0, second=0, microsecond=0) + HOUR)
        hours = max(0, int((end - start) / HOUR))
    # A device whose clock runs ahead sends an hour before it is over.
    hours = max(hours, counts.received + counts.stopped)
    expected = hours - counts.stopped
    transmission = counts.received / expected if expected else None
    validity = counts.valid / counts.received if counts.received else None
    if expected and not counts.received:
        validity = 0.0
    return RateCounts(
        hours=hours, stopped=counts.stopped, expected=expected, received=counts.received, valid=counts.valid,
        late=counts.late, transmission=transmission, validity=validity,
        tvr=None if transmission is None or validity is None else transmission * validity,
        capture=counts.valid / expected if expected else None,
    )  # fmt: skip


def rates(counts: HourCounts, since: datetime, until: datetime, now: datetime) -> Completeness:
    """Rates of an outlet, as grading takes them."""
    rate = count(counts, since, until, now)
    return Completeness(
        outlet_id=counts.outlet_id,
        enterprise_id=counts.enterprise_id,
        expected_hours=rate.expected,
        received_hours=rate.received,
        valid_hours=rate.valid,
        transmission=rate.transmission,
        validity=rate.validity,
        tvr=rate.tvr,
    )
