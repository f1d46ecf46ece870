"""Devices with their links and settings, read for people and systems."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.devices import Settings
from services.ingest.domain.links import REJECTED, REPAIR
from shared.contracts.ingest.links import LinkFilter, PasswordCheck, Tolerance

_STATE = "case when l.state = 'online' and l.last_frame_at < :fresh then 'offline' else coalesce(l.state, 'never') end"
_COLUMNS = f"""select d.id, d.mn, d.edition, d.active, d.outlet_id, d.password is not null as has_password,
  d.last_seen_at, o.code as outlet_code, o.name_zh as outlet_name_zh, o.name_en as outlet_name_en, o.enterprise_id,
  e.name_zh as enterprise_name_zh, e.name_en as enterprise_name_en, {_STATE} as state, l.since, l.connected_at,
  l.last_frame_at, l.heartbeat_at, l.duplicate_at is not null as duplicate, l.skew, l.skew_at,
  coalesce(l.clock_off, false) as clock_off, coalesce(l.editions, '{{}}') as editions, l.edition_other,
  coalesce(l.last_by_cn, '{{}}'::jsonb) as last_by_cn, coalesce(l.lines, '[]'::jsonb) as lines,
  coalesce(s.tolerance, 'lenient') as tolerance, coalesce(s.accepted, '{{}}') as accepted,
  coalesce(s.networks, '{{}}') as networks, coalesce(s.password_check, 'refuse') as password_check,
  coalesce(s.version, 0) as version, exists(select from device_key k where k.device_id = d.id) as has_key"""
_FROM = """ from device d join outlet o on o.id = d.outlet_id join enterprise e on e.id = o.enterprise_id
  left join device_link l on l.device_id = d.id left join device_setting s on s.device_id = d.id"""
_WEEK = """, coalesce(w.frames, 0)::bigint as frames, coalesce(w.late, 0)::bigint as late,
  coalesce(w.repeats, 0)::bigint as repeats, coalesce(w.repaired, 0)::bigint as repaired,
  coalesce(w.rejected, 0)::bigint as rejected, coalesce(w.undelivered, 0)::bigint as undelivered,
  coalesce((select array_agg(y.name order by y.count desc) from device_oddity y
            where y.device_id = d.id and y.kind = 'repair'), '{}') as repairs"""
_WEEK_FROM = """ left join lateral (select sum(frames) as frames, sum(late) as late, sum(repeats) as repeats,
    sum(repaired) as repaired, sum(rejected) as rejected, sum(undelivered) as undelivered
  from device_day where device_id = d.id and day > :week) w on true"""
_ONLY = " where (cast(:only as uuid) is null or o.enterprise_id = :only)"
_FILTERS = {
    LinkFilter.ALL: "",
    LinkFilter.ONLINE: f" and {_STATE} = 'online'",
    LinkFilter.OFFLINE: f" and {_STATE} = 'offline'",
    LinkFilter.NEVER: f" and {_STATE} = 'never'",
    LinkFilter.DUPLICATE: " and l.duplicate_at is not null",
    LinkFilter.CLOCK_OFF: " and l.clock_off",
    LinkFilter.EDITION_OTHER: " and l.edition_other is not null",
}
_SEARCH = """ and (d.mn ilike :q or o.code ilike :q or o.name_zh ilike :q or o.name_en ilike :q
  or e.name_zh ilike :q or e.name_en ilike :q)"""


@dataclass(frozen=True)
class Sight:
    """Whose devices are seen, and as of when. fresh: the last frame before this leaves a device offline; week: the
    day before the seven that are counted.
    """

    only: UUID | None
    fresh: datetime
    week: date

    @property
    def parameters(self) -> dict[str, Any]:
        """For a query."""
        return {"only": self.only, "fresh": self.fresh, "week": self.week}


class DeviceStore:
    """Reads links, reads and writes settings, in the caller's transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_links(
        self, sight: Sight, *, which: LinkFilter, q: str | None, after: str | None, limit: int
    ) -> list[dict[str, Any]]:
        """Devices with link and counts, by MN."""
        query = _COLUMNS + _WEEK + _FROM + _WEEK_FROM + _ONLY + _FILTERS[which]
        parameters = {**sight.parameters, "limit": limit}
        if q is not None:
            query += _SEARCH
            parameters["q"] = "%" + q.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
        if after is not None:
            query += " and d.mn > :after"
            parameters["after"] = after
        return await self._rows(query + " order by d.mn limit :limit", parameters)

    async def find_link(self, device_id: UUID, sight: Sight) -> dict[str, Any] | None:
        """One device with link and counts."""
        query = _COLUMNS + _WEEK + _FROM + _WEEK_FROM + _ONLY + " and d.id = :id"
        rows = await self._rows(query, {**sight.parameters, "id": device_id})
        return rows[0] if rows else None

    async def list_days(self, device_id: UUID, since: date) -> list[dict[str, Any]]:
        """Counts by day, the newest first."""
        return await self._rows(
            "select day, frames, late, repeats, repaired, rejected, undelivered from device_day"
            " where device_id = :id and day >= :since order by day desc",
            {"id": device_id, "since": since},
        )

    async def list_oddities(self, device_id: UUID) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Repairs and reasons of rejection, the most frequent first."""
        rows = await self._rows(
            "select kind, name, first_at, last_at, count from device_oddity where device_id = :id"
            " order by count desc, name limit 200",
            {"id": device_id},
        )
        return [row for row in rows if row["kind"] == REPAIR], [row for row in rows if row["kind"] == REJECTED]

    async def list_field_info(self, device_id: UUID) -> list[dict[str, Any]]:
        """Field information as last told, by factor and code."""
        return await self._rows(
            "select factor, code, value, at from field_info where device_id = :id order by factor, code limit 500",
            {"id": device_id},
        )

    async def list_history(self, device_id: UUID, *, before: int | None, limit: int) -> list[dict[str, Any]]:
        """Changes of the link, the newest first."""
        return await self._rows(
            "select id, at, change, detail from device_event where device_id = :id"
            " and (cast(:before as bigint) is null or id < :before) order by id desc limit :limit",
            {"id": device_id, "before": before, "limit": limit},
        )

    async def count_links(self, sight: Sight) -> dict[str, int]:
        """Devices in use by state."""
        (row,) = await self._rows(
            f"""select count(*) filter (where state = 'online') as online,
              count(*) filter (where state = 'offline') as offline, count(*) filter (where state = 'never') as never,
              count(*) filter (where duplicate) as duplicate, count(*) filter (where clock_off) as clock_off,
              count(*) filter (where edition_other) as edition_other
            from (select {_STATE} as state, l.duplicate_at is not null as duplicate, l.clock_off,
                    l.edition_other is not null as edition_other {_FROM} {_ONLY} and d.active and o.active) q""",
            {"only": sight.only, "fresh": sight.fresh},
        )
        return row

    async def count_strangers(self, since: datetime) -> int:
        """MNs nobody registered that were heard since, and are not registered now."""
        (row,) = await self._rows(
            "select count(*) as n from unknown_device u where last_at >= :since"
            " and not exists(select from device d where d.mn = u.mn)",
            {"since": since},
        )
        number: int = row["n"]
        return number

    async def list_strangers(self, *, before: tuple[datetime, str] | None, limit: int) -> list[dict[str, Any]]:
        """MNs nobody registered, heard last first; those that are registered by now are left out."""
        at, mn = before or (None, None)
        return await self._rows(
            "select u.* from unknown_device u where not exists(select from device d where d.mn = u.mn)"
            " and (cast(:at as timestamptz) is null or (u.last_at, u.mn) < (cast(:at as timestamptz), :mn))"
            " order by u.last_at desc, u.mn desc limit :limit",
            {"at": at, "mn": mn or "", "limit": limit},
        )

    async def save_settings(self, device_id: UUID, settings: Settings, at: datetime) -> None:
        """Add or replace; the key is set apart."""
        await self._session.execute(
            text(
                "insert into device_setting(device_id, tolerance, accepted, networks, password_check, version,"
                " changed_at) values(:id, :tolerance, :accepted, :networks, :check, :version, :at)"
                " on conflict(device_id) do update set tolerance = excluded.tolerance, accepted = excluded.accepted,"
                " networks = excluded.networks, password_check = excluded.password_check, version = excluded.version,"
                " changed_at = excluded.changed_at"
            ),
            {
                "id": device_id, "tolerance": settings.tolerance.value, "accepted": list(settings.accepted),
                "networks": list(settings.networks), "check": settings.password_check.value,
                "version": settings.version, "at": at,
            },
        )  # fmt: skip

    async def set_key(self, device_id: UUID, key: bytes | None, at: datetime) -> None:
        """Set or remove the SM4 key, keeping the one before: frames sealed with it may still be on their way."""
        if key is None:
            await self._session.execute(text("delete from device_key where device_id = :id"), {"id": device_id})
            return
        await self._session.execute(
            text(
                "insert into device_key as k (device_id, key, set_at) values(:id, :key, :at)"
                " on conflict(device_id) do update set key = excluded.key, set_at = excluded.set_at,"
                " previous = case when k.key = excluded.key then k.previous else k.key end"
            ),
            {"id": device_id, "key": key, "at": at},
        )

    async def forget_before(self, *, traffic: date, strangers: datetime, events: datetime) -> None:
        """Remove counts, strangers and changes that are too old to keep."""
        for query, at in (
            ("delete from device_day where day < :at", traffic),
            ("delete from unknown_device where last_at < :at", strangers),
            ("delete from device_event where at < :at", events),
        ):
            await self._session.execute(text(query), {"at": at})

    async def _rows(self, query: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        return [dict(row) for row in (await self._session.execute(text(query), parameters)).mappings()]


def settings_of(row: dict[str, Any]) -> Settings:
    """The settings in a row of `find_link`."""
    return Settings(
        tolerance=Tolerance(row["tolerance"]), accepted=tuple(row["accepted"]), networks=tuple(row["networks"]),
        password_check=PasswordCheck(row["password_check"]), has_key=row["has_key"], version=row["version"],
    )  # fmt: skip
