"""What loggers tell besides readings: standard-sample checks (CN 2062) and field information 现场端信息 (CN 3020)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from services.ingest.hj212.codec import Content, ContentError, Packet, read_content
from services.ingest.hj212.codec.tables import factor_map
from shared.contracts.ingest import Medium
from shared.contracts.ingest.qa import MAX_PAIRS, QaKind, QaPair

CHECK, FIELD_INFORMATION = "2062", "3020"
TOLD = (CHECK, FIELD_INFORMATION)
WORKING_STATE, LOGGER_STATE = "i12001", "i22001"
ALL_FACTORS = "*"
WIDEST_FACTOR = 32
MOST_DIGITS = 4
AHEAD = timedelta(minutes=10)
"""A state of a time later than this after its receipt is of a wrong clock."""


class Check(NamedTuple):
    """The checks of one factor and kind in one packet. results: what the logger itself says of them."""

    factor: str
    kind: QaKind
    pairs: tuple[QaPair, ...]
    results: tuple[str, ...]


class Info(NamedTuple):
    """One value of field information; factor is empty where it speaks of no analyser."""

    factor: str
    code: str
    value: str


class StateSince(NamedTuple):
    """A working state from a time on; factor `*` for the logger's."""

    factor: str
    code: str
    at: datetime
    state: int


class Told(NamedTuple):
    """What a packet of CN 2062 or 3020 says, and of when."""

    at: datetime
    checks: tuple[Check, ...] = ()
    infos: tuple[Info, ...] = ()


def read_told(packet: Packet, medium: Medium) -> Told:
    """What the packet says. Raises ContentError."""
    content = read_content(packet, sender="logger")
    at = content.param("DataTime")
    if not isinstance(at, datetime):
        raise ContentError("missing_field", "DataTime", f"CN {packet.cn} needs DataTime")
    mapped = factor_map(packet.st)
    if packet.cn == CHECK:
        return Told(at, checks=_checks(content, medium, mapped))
    return Told(at, infos=_infos(content, mapped))


def _checks(content: Content, medium: Medium, mapped: Mapping[str, str]) -> tuple[Check, ...]:
    found: dict[tuple[str, QaKind], Check] = {}
    for item in content.items:
        values = dict(item.values)
        reading, reference = values.get("SampleRd"), values.get("StandardValue")
        if not isinstance(reading, int | float) or not isinstance(reference, int | float):
            raise ContentError("missing_field", item.factor, f"{item.factor} needs SampleRd and StandardValue")
        factor, kind = mapped.get(item.factor, item.factor), _kind(medium, reference)
        pair = QaPair(reference=reference, reading=reading)
        result = () if values.get("ResultType") is None else (str(values["ResultType"]),)
        known = found.get((factor, kind), Check(factor, kind, (), ()))
        found[factor, kind] = known._replace(pairs=(*known.pairs, pair), results=(*known.results, *result))
    if any(len(check.pairs) > MAX_PAIRS for check in found.values()):
        raise ContentError("bad_value", "CP", f"more than {MAX_PAIRS} checks of one factor")
    return tuple(found.values())


def _kind(medium: Medium, reference: float) -> QaKind:
    """Water is checked against a standard sample 标样核查; gas analysers see zero and span gas. The standard has one
    command for both and does not name the kind.
    """
    if medium is not Medium.GAS:
        return QaKind.STANDARD_CHECK
    return QaKind.ZERO if reference == 0 else QaKind.SPAN


def _infos(content: Content, mapped: Mapping[str, str]) -> tuple[Info, ...]:
    found: dict[tuple[str, str], Info] = {}
    for item in content.items:
        value = dict(item.values).get("Info")
        subject = item.subject or ""
        if value is not None and len(subject) <= WIDEST_FACTOR and len(item.factor) <= WIDEST_FACTOR:
            factor, code = mapped.get(subject, subject), item.factor[:1].lower() + item.factor[1:]
            found[factor, code] = Info(factor, code, str(value).replace("\0", ""))
    return tuple(found.values())


def states_of(told: Told) -> list[StateSince]:
    """Working states among the field information. One of an analyser that is not named says nothing of readings."""
    found = []
    at = told.at.replace(microsecond=0)
    for factor, code, value in told.infos:
        subject = factor if code == WORKING_STATE else ALL_FACTORS
        digits = value.isascii() and value.isdigit() and len(value) <= MOST_DIGITS
        if code in (WORKING_STATE, LOGGER_STATE) and subject and digits:
            found.append(StateSince(subject, code, at, int(value)))
    return found
