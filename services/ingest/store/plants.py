"""Outlets as their means see them, and the settings that some of them have."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.ingest.domain.means.plants import Plant
from services.ingest.domain.means.rules import quantities
from shared.contracts.ingest import Medium

_PLANTS = """select o.point, o.id, o.enterprise_id, o.medium, o.minute_interval, o.factors, e.trade,
    coalesce((select d.edition from device d where d.outlet_id = o.id and d.active order by d.mn limit 1), '2017')
      as edition,
    s.rule_set, coalesce(s.convert, true) as convert, s.reference_oxygen, s.reference_alpha,
    coalesce(s.actual_state, false) as actual_state, coalesce(s.barometric, 101325) as barometric
  from outlet o join enterprise e on e.id = o.enterprise_id left join mean_setting s on s.outlet_id = o.id
  where o.point = any($1::int[])"""
_SAVE = """insert into mean_setting values($1, $2, $3, $4, $5, $6, $7, 1, $8)
  on conflict (outlet_id) do update set rule_set = excluded.rule_set, convert = excluded.convert,
    reference_oxygen = excluded.reference_oxygen, reference_alpha = excluded.reference_alpha,
    actual_state = excluded.actual_state, barometric = excluded.barometric,
    version = mean_setting.version + 1, changed_at = excluded.changed_at
  returning version"""


@dataclass(frozen=True, kw_only=True)
class MeanSetting:
    """What is set for one outlet; fields as in the contract."""

    rule_set: str | None = None
    convert: bool = True
    reference_oxygen: float | None = None
    reference_alpha: float | None = None
    actual_state: bool = False
    barometric: float = 101_325.0
    version: int = 0


class PlantStore:
    """Reads and writes in the caller's transaction."""

    def __init__(self, connection: asyncpg.Connection, jurisdiction: str) -> None:
        self._connection = connection
        self._jurisdiction = jurisdiction

    async def plants(self, points: Sequence[int]) -> dict[int, Plant]:
        """Outlets by point number."""
        rows = await self._connection.fetch(_PLANTS, list(points))
        return {row["point"]: self._plant(row) for row in rows}

    async def points_of(self, outlet_ids: Sequence[UUID]) -> dict[UUID, int]:
        """Point numbers by outlet; outlets that are not there are left out."""
        rows = await self._connection.fetch("select id, point from outlet where id = any($1::uuid[])", list(outlet_ids))
        return {row["id"]: row["point"] for row in rows}

    async def get_setting(self, outlet_id: UUID, *, lock: bool = False) -> MeanSetting:
        """What is set, or the defaults under version 0."""
        row = await self._connection.fetchrow(
            "select rule_set, convert, reference_oxygen, reference_alpha, actual_state, barometric, version"
            f" from mean_setting where outlet_id = $1{' for update' if lock else ''}", outlet_id,
        )  # fmt: skip
        return MeanSetting(**dict(row)) if row else MeanSetting()

    async def save_setting(self, outlet_id: UUID, setting: MeanSetting, at: datetime) -> int:
        """Add or replace; the new version."""
        version: int = await self._connection.fetchval(
            _SAVE, outlet_id, setting.rule_set, setting.convert, setting.reference_oxygen, setting.reference_alpha,
            setting.actual_state, setting.barometric, at,
        )  # fmt: skip
        return version

    def _plant(self, row: Any) -> Plant:
        factors = row["factors"]
        oxygen = row["reference_oxygen"]
        return Plant(
            point=row["point"], outlet_id=row["id"], enterprise_id=row["enterprise_id"], medium=Medium(row["medium"]),
            interval=row["minute_interval"], edition=row["edition"],
            units={item["factor"]: item["unit"] for item in factors if item.get("unit")},
            steps={item["factor"]: item["resolution"] for item in factors if item.get("resolution")},
            rule_set=row["rule_set"], jurisdiction=self._jurisdiction, convert=row["convert"],
            reference_oxygen=quantities().oxygen_of(row["trade"]) if oxygen is None else oxygen,
            reference_alpha=row["reference_alpha"], actual_state=row["actual_state"], barometric=row["barometric"],
        )  # fmt: skip
