"""What the deeds of a logger share: how a command ends, what is said, and how its parameters are read."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from park.station import Station
from services.ingest.hj212.codec import Packet, Report
from services.ingest.hj212.codec.encode import Value
from services.ingest.hj212.codec.values import read_number

SUCCESS = 1
CONDITIONS_WRONG = 3
NO_DATA = 100


class Reply(NamedTuple):
    """Something a logger sends because of a command.

    own_qn: it has its own request code, as uploads of history and logs do; else that of the command.
    joint: what stands between parameters.
    """

    cn: str
    params: tuple[tuple[str, Value], ...] = ()
    report: Report | None = None
    own_qn: bool = False
    joint: str = ";"


class Execution(NamedTuple):
    """How a command ended (ExeRtn), what is said before that, and what follows of itself."""

    code: int
    replies: Iterable[Reply] = ()
    followers: Iterable[Reply] = ()


Deed = Callable[[Station, Packet, datetime], Execution]
DONE = Execution(SUCCESS)
WRONG = Execution(CONDITIONS_WRONG)
NOTHING = Execution(NO_DATA)


def number_of(packet: Packet, name: str, low: int, high: int) -> int:
    """A whole number within bounds, or ValueError."""
    value = read_number(packet.param(name) or "")
    if value is None or value != int(value) or not low <= value <= high:
        raise ValueError(f"{name} is not within {low} to {high}")
    return int(value)


def factors_of(packet: Packet) -> list[str]:
    """Every PolId of a command."""
    return [text for key, text, _ in packet.fields if key == "PolId" and text]


def factor_of(station: Station, packet: Packet) -> str:
    """The factor a command speaks of; without PolId, the first. One the station does not measure is wrong."""
    factor = packet.param("PolId") or station.factors[0]
    if factor not in station.factors:
        raise ValueError(f"{factor} is not measured here")
    return factor


def getter(cn: str, *params: tuple[str, Value]) -> Execution:
    """A getter's execution: one reply, then success."""
    return Execution(SUCCESS, [Reply(cn, params)])
