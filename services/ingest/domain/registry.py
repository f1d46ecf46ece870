"""The registry 一企一档: enterprises, outlets, data loggers, limits, and the rules between them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import isfinite
from uuid import UUID

from shared.contracts.ingest import LinkState, Medium, PermitClass, ReadingKind
from shared.errors import InvalidError

ONLINE_WITHIN = timedelta(minutes=10)
"""A device counts as connected when a packet of it came in this time."""


@dataclass(frozen=True, kw_only=True)
class Enterprise:
    """An enterprise 企业."""

    id: UUID
    code: str
    name_zh: str
    name_en: str
    trade: str
    address: str
    latitude: float | None
    longitude: float | None
    connected_on: date | None
    permit_class: PermitClass
    key_unit: bool
    toxic: bool
    near_homes: bool
    large_flow: bool
    contact_name: str
    contact_phone: str
    active: bool
    version: int
    changed_at: datetime

    def without_contact(self) -> "Enterprise":
        """The same, the contact 联系人 left out."""
        return replace(self, contact_name="", contact_phone="")


@dataclass(frozen=True, kw_only=True)
class OutletFactor:
    """A factor 监测因子 an outlet monitors: unit, span of the analyser 量程, smallest step."""

    factor: str
    unit: str
    span_low: float | None
    span_high: float | None
    resolution: float | None


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A limit 限值 and when it holds: from `valid_from` to before `valid_to`."""

    id: UUID
    outlet_id: UUID
    factor: str
    upper: float | None
    lower: float | None
    averaging: ReadingKind
    unit: str
    standard: str
    valid_from: datetime
    valid_to: datetime | None

    def overlaps(self, since: datetime, until: datetime) -> bool:
        """Whether it holds at some time from `since` to before `until`."""
        return self.valid_from < until and (self.valid_to is None or self.valid_to > since)


@dataclass(frozen=True, kw_only=True)
class Outlet:
    """An outlet 排口 with its factors and limits. `point` is its short number in the reading tables."""

    id: UUID
    point: int
    enterprise_id: UUID
    code: str
    name_zh: str
    name_en: str
    medium: Medium
    latitude: float | None
    longitude: float | None
    minute_interval: int
    factors: tuple[OutletFactor, ...]
    active: bool
    version: int
    changed_at: datetime
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Device:
    """A data logger 数采仪, known by its MN. `password` is its PW and leaves the service nowhere."""

    id: UUID
    outlet_id: UUID
    mn: str
    password: str | None
    edition: str
    active: bool
    last_seen_at: datetime | None
    changed_at: datetime


def link_of(last_seen_at: datetime | None, now: datetime) -> LinkState:
    """Whether a device counts as connected."""
    if last_seen_at is None:
        return LinkState.NEVER
    return LinkState.ONLINE if now - last_seen_at <= ONLINE_WITHIN else LinkState.OFFLINE


def _check_finite(where: str, *numbers: float | None) -> None:
    if not all(number is None or isfinite(number) for number in numbers):
        raise InvalidError(f"{where}: not a finite number", field=where)


def check_factors(factors: Iterable[OutletFactor]) -> None:
    """Raise `InvalidError` for a factor named twice or a span the wrong way round."""
    seen: set[str] = set()
    for item in factors:
        if item.factor in seen:
            raise InvalidError(f"factors: {item.factor} is named twice", field="factors", factor=item.factor)
        seen.add(item.factor)
        _check_finite(f"factors.{item.factor}", item.span_low, item.span_high, item.resolution)
        if item.span_low is not None and item.span_high is not None and item.span_low >= item.span_high:
            raise InvalidError(
                f"factors: the span of {item.factor} ends below its start", field="factors", factor=item.factor
            )


def check_limit(limit: Limit) -> None:
    """Raise `InvalidError` for a limit that limits nothing or never holds."""
    _check_finite("upper", limit.upper, limit.lower)
    if limit.upper is None and limit.lower is None:
        raise InvalidError("give upper, lower or both", field="upper")
    if limit.upper is not None and limit.lower is not None and limit.lower >= limit.upper:
        raise InvalidError("lower must be below upper", field="lower")
    if limit.averaging not in (ReadingKind.HOUR, ReadingKind.DAY):
        raise InvalidError("a limit is for the hour or the day mean", field="averaging")
    if limit.valid_to is not None and limit.valid_to <= limit.valid_from:
        raise InvalidError("valid_to must be after valid_from", field="valid_to")


def succeed(limits: Sequence[Limit], new: Limit) -> list[Limit]:
    """Limits of one outlet, factor and averaging that change when `new` is set, `new` last.

    The one in force at its start ends there; where a later one is already set, `new` ends at that one's start;
    one with the same start is replaced.
    """
    changed = [
        replace(limit, valid_to=new.valid_from)
        for limit in limits
        if limit.valid_from < new.valid_from and (limit.valid_to is None or limit.valid_to > new.valid_from)
    ]
    later = [limit.valid_from for limit in limits if limit.valid_from > new.valid_from]
    if later and (new.valid_to is None or new.valid_to > min(later)):
        new = replace(new, valid_to=min(later))
    same = next((limit for limit in limits if limit.valid_from == new.valid_from), None)
    return [*changed, replace(new, id=same.id) if same else new]
