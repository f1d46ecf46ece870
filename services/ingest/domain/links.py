"""Links of devices: what is seen of a device between two looks, its state, and the changes between."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from statistics import median
from typing import Any, NamedTuple
from uuid import UUID

import yaml

from shared.contracts.ingest import LinkState, ReadingKind
from shared.contracts.ingest.links import DeviceChange

REPAIR, REJECTED = "repair", "rejected"
"""Kinds of oddities."""
COUNTS = ("frames", "late", "repeats", "repaired", "rejected", "undelivered")
"""What is counted of a device each day."""


@dataclass(frozen=True, kw_only=True)
class LinkRules:
    """Numbers of `links.yaml`."""

    online_within: timedelta
    late_after: Mapping[ReadingKind, int]
    clock_off: float
    clock_right: float
    clock_samples: int
    clock_least: int
    clock_every: timedelta
    duplicate_for: timedelta
    strangers: Mapping[str, int]
    keep_days: Mapping[str, int]


@cache
def link_rules() -> LinkRules:
    """The rules as shipped."""
    given = yaml.safe_load(resources.files(__package__).joinpath("links.yaml").read_text("utf-8"))
    clock = given["clock"]
    return LinkRules(
        online_within=timedelta(seconds=given["online_within"]),
        late_after={ReadingKind(kind): seconds for kind, seconds in given["late_after"].items()},
        clock_off=clock["wrong_beyond"],
        clock_right=clock["right_within"],
        clock_samples=clock["samples"],
        clock_least=clock["least"],
        clock_every=timedelta(seconds=clock["every"]),
        duplicate_for=timedelta(seconds=given["duplicate_for"]),
        strangers=given["strangers"],
        keep_days=given["keep_days"],
    )


class SeenLine(NamedTuple):
    """One connection that speaks for a device."""

    peer: str
    since: datetime
    last_at: datetime


@dataclass(slots=True)
class Seen:
    """What one process saw of one device since the last look; `skews` reach further back."""

    frames: int = 0
    late: int = 0
    repeats: int = 0
    repaired: int = 0
    rejected: int = 0
    undelivered: int = 0
    last_at: datetime | None = None
    heartbeat_at: datetime | None = None
    repeated_at: datetime | None = None
    last_by_cn: dict[str, datetime] = field(default_factory=dict)
    edition: str | None = None
    """Edition of the last upload that names one."""
    oddities: Counter[tuple[str, str]] = field(default_factory=Counter)
    skews: list[float] = field(default_factory=list)
    skew_at: datetime | None = None

    def renewed(self) -> "Seen":
        """An empty account that goes on with the samples of the clock."""
        return Seen(skews=self.skews, skew_at=self.skew_at)

    def absorb(self, older: "Seen") -> None:
        """Take back an earlier account that was not written."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(older, name))
        for name in ("last_at", "heartbeat_at", "repeated_at"):
            setattr(self, name, _later(getattr(self, name), getattr(older, name)))
        self.last_by_cn = {**older.last_by_cn, **self.last_by_cn}
        self.edition = self.edition or older.edition
        self.oddities.update(older.oddities)


@dataclass(frozen=True, kw_only=True)
class Link:
    """The link of a device as stored, with what its registration says of it."""

    device_id: UUID
    mn: str
    outlet_id: UUID
    enterprise_id: UUID
    edition: str
    """Edition it is registered with."""
    state: LinkState = LinkState.NEVER
    since: datetime | None = None
    connected_at: datetime | None = None
    last_frame_at: datetime | None = None
    heartbeat_at: datetime | None = None
    duplicate_at: datetime | None = None
    skew: float | None = None
    skew_at: datetime | None = None
    clock_off: bool = False
    peer: str = ""
    editions: tuple[str, ...] = ()
    edition_other: str | None = None
    last_by_cn: Mapping[str, datetime] = field(default_factory=dict)
    lines: tuple[SeenLine, ...] = ()


class Change(NamedTuple):
    """A change of a link, for its history and the feed."""

    change: DeviceChange
    at: datetime
    detail: dict[str, Any]


def advance(
    link: Link, seen: Seen, lines: tuple[SeenLine, ...], now: datetime, rules: LinkRules
) -> tuple[Link, list[Change]]:
    """The link after what was seen, and what changed. `lines` are the connections open now, the last one last."""
    changes: list[Change] = []
    new = replace(
        link,
        last_frame_at=_later(link.last_frame_at, seen.last_at),
        heartbeat_at=_later(link.heartbeat_at, seen.heartbeat_at),
        last_by_cn={**link.last_by_cn, **seen.last_by_cn},
        lines=lines,
    )
    if lines:
        new = replace(new, peer=lines[-1].peer, connected_at=lines[-1].since)
    if seen.last_at is not None and new.state is not LinkState.ONLINE:
        before = link.last_frame_at
        detail = {"peer": new.peer, "silent_s": None if before is None else (seen.last_at - before).total_seconds()}
        new = replace(new, state=LinkState.ONLINE, since=seen.last_at)
        changes.append(Change(DeviceChange.ONLINE, seen.last_at, detail))
    new = _edition(new, seen, now, changes)
    new = _clock(new, seen, now, rules, changes)
    if seen.repeated_at is not None:
        if new.duplicate_at is None:
            peers = ", ".join(line.peer for line in lines)
            changes.append(Change(DeviceChange.DUPLICATE, seen.repeated_at, {"peers": peers}))
        new = replace(new, duplicate_at=_later(new.duplicate_at, seen.repeated_at))
    new, ended = expire(new, now, rules)
    return new, changes + ended


def expire(link: Link, now: datetime, rules: LinkRules) -> tuple[Link, list[Change]]:
    """The link after the mere passing of time: silence makes a device offline, and ends a duplicate."""
    changes: list[Change] = []
    if link.duplicate_at is not None and now - link.duplicate_at > rules.duplicate_for:
        link = replace(link, duplicate_at=None)
        changes.append(Change(DeviceChange.DUPLICATE_ENDED, now, {}))
    heard = link.last_frame_at
    if link.state is LinkState.ONLINE and heard is not None and now - heard > rules.online_within:
        link = replace(link, state=LinkState.OFFLINE, since=heard)
        changes.append(Change(DeviceChange.OFFLINE, now, {"last_frame_at": heard.isoformat()}))
    return link, changes


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)


def _edition(link: Link, seen: Seen, now: datetime, changes: list[Change]) -> Link:
    if seen.edition is None:
        return link
    if seen.edition not in link.editions:
        link = replace(link, editions=tuple(sorted({*link.editions, seen.edition})))
    other = None if seen.edition == link.edition else seen.edition
    if other == link.edition_other:
        return link
    change = DeviceChange.EDITION_RIGHT if other is None else DeviceChange.EDITION_OTHER
    changes.append(Change(change, seen.last_at or now, {"spoken": seen.edition, "registered": link.edition}))
    return replace(link, edition_other=other)


def _clock(link: Link, seen: Seen, now: datetime, rules: LinkRules, changes: list[Change]) -> Link:
    if len(seen.skews) < rules.clock_least:
        return link
    skew = round(float(median(seen.skews)), 1)
    bound = rules.clock_right if link.clock_off else rules.clock_off
    off = abs(skew) > bound
    if off is not link.clock_off:
        change = DeviceChange.CLOCK_OFF if off else DeviceChange.CLOCK_RIGHT
        changes.append(Change(change, seen.skew_at or now, {"skew_s": skew}))
    return replace(link, skew=skew, skew_at=seen.skew_at, clock_off=off)
