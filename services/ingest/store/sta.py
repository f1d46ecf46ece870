"""The entity sets of SensorThings as SQL over the registry: columns have the names the standard gives them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from odata_query import ast
from odata_query.exceptions import ODataException
from odata_query.sqlalchemy.core import AstToSqlAlchemyCoreVisitor
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.sta.filters import Corners, parse
from services.ingest.domain.sta.options import OptionError, Options

_JSON = frozenset({"properties", "location", "feature", "unitOfMeasurement", "observedArea"})
_MISFITS = frozenset({"42883", "22P02", "42804", "22007", "22003"})
"""No such operator for these types, not a number, types differ, not a time, out of range: the filter's fault."""

_OUTLET = """select o.*, e.name_zh as enterprise_name, e.code as enterprise_code,
    coalesce(o.latitude, e.latitude) as lat, coalesce(o.longitude, e.longitude) as lon
  from outlet o join enterprise e on e.id = o.enterprise_id
  where cast(:tenant as uuid) is null or o.enterprise_id = :tenant"""
_POINT = "jsonb_build_object('type', 'Point', 'coordinates', jsonb_build_array(o.lon, o.lat))"
_PLACE = f"""select o.id::text as id, o.name_zh as name, coalesce(nullif(o.name_en, ''), o.code) as description,
    'application/geo+json' as "encodingType", {{column}}, jsonb_build_object('code', o.code) as properties,
    o.id::text as thing, point(o.lon, o.lat) as place
  from ({_OUTLET}) o where o.lat is not null and o.lon is not null""".replace("{{", "{").replace("}}", "}")
_NAMES = "select * from unnest(cast(:codes as text[]), cast(:names as text[]), cast(:names_en as text[]))"
_FACTOR = f"""select o.*, f.item->>'factor' as factor, f.item->>'unit' as unit, f.item as item,
    coalesce(n.name, f.item->>'factor') as factor_name, coalesce(n.name_en, '') as factor_name_en
  from ({_OUTLET}) o cross join lateral jsonb_array_elements(o.factors) as f(item)
  left join ({_NAMES}) as n(code, name, name_en) on n.code = f.item->>'factor'"""

_SQL = {
    "Things": f"""select o.id::text as id, o.enterprise_name || ' ' || o.name_zh as name,
    coalesce(nullif(o.name_en, ''), o.code) as description,
    jsonb_build_object('code', o.code, 'medium', o.medium, 'active', o.active, 'enterprise_id', o.enterprise_id,
      'enterprise_code', o.enterprise_code) as properties
  from ({_OUTLET}) o""",
    "Locations": _PLACE.format(column=f"{_POINT} as location"),
    "FeaturesOfInterest": _PLACE.format(column=f"{_POINT} as feature"),
    "HistoricalLocations": "select ''::text as id, null::timestamptz as time, ''::text as thing where false",
    "Datastreams": f"""select o.id::text || ':' || o.factor || ':' || k.kind as id,
    o.enterprise_name || ' ' || o.name_zh || ' · ' || o.factor_name || ' · ' || k.kind as name,
    o.factor_name_en || ' (' || o.factor || '), ' || k.kind as description,
    'http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement' as "observationType",
    jsonb_build_object('name', o.unit, 'symbol', o.unit, 'definition', 'ucum:' || o.unit) as "unitOfMeasurement",
    case when o.lat is not null and o.lon is not null then {_POINT} end as "observedArea",
    jsonb_build_object('factor', o.factor, 'kind', k.kind, 'outlet_id', o.id,
      'period_seconds', case k.kind when 'minute' then o.minute_interval * 60 else k.seconds end,
      'limits', coalesce((select jsonb_agg(jsonb_build_object('upper', l.upper, 'lower', l.lower,
          'averaging', l.averaging, 'standard', l.standard, 'valid_from', l.valid_from, 'valid_to', l.valid_to)
          order by l.valid_from)
        from discharge_limit l where l.outlet_id = o.id and l.factor = o.factor), '[]'::jsonb)) as properties,
    o.id::text as thing, o.id::text || ':' || o.factor as sensor, o.factor as factor
  from ({_FACTOR}) o
  cross join unnest(cast(:kinds as text[]), cast(:seconds as int[])) as k(kind, seconds)""",
    "Sensors": f"""select o.id::text || ':' || o.factor as id, o.name_zh || ' · ' || o.factor_name as name,
    o.factor_name_en || ' (' || o.factor || ')' as description, 'text/plain' as "encodingType",
    concat_ws(' ', o.item->>'span_low', '…', o.item->>'span_high', o.unit) as metadata, o.item as properties
  from ({_FACTOR}) o""",
    "ObservedProperties": f"""select distinct o.factor as id, o.factor_name as name,
    'urn:hj212:' || o.factor as definition, o.factor_name_en as description,
    jsonb_build_object('code', o.factor) as properties
  from ({_FACTOR}) o""",
}  # fmt: skip
_COLUMNS = {
    "Things": ("id", "name", "description", "properties"),
    "Locations": ("id", "name", "description", "encodingType", "location", "properties", "thing", "place"),
    "FeaturesOfInterest": ("id", "name", "description", "encodingType", "feature", "properties", "thing", "place"),
    "HistoricalLocations": ("id", "time", "thing"),
    "Datastreams": (
        "id", "name", "description", "observationType", "unitOfMeasurement", "observedArea", "properties", "thing",
        "sensor", "factor",
    ),
    "Sensors": ("id", "name", "description", "encodingType", "metadata", "properties"),
    "ObservedProperties": ("id", "name", "definition", "description", "properties"),
}  # fmt: skip


class _Where(AstToSqlAlchemyCoreVisitor):
    """OData filters as SQL; `properties/code` reads a property, regular expressions are not served."""

    def visit_Attribute(self, node: ast.Attribute) -> Any:  # noqa: N802 - the visitor's name
        if not isinstance(node.owner, ast.Identifier) or node.owner.name not in _JSON:
            raise OptionError("only properties can be looked into", option="$filter")
        return self.visit(node.owner)[node.attr].astext

    def func_matchespattern(self, _field: Any, _pattern: Any) -> Any:
        raise OptionError("matchesPattern is not served", option="$filter")


@dataclass(frozen=True)
class Names:
    """Names of factors, and the kinds of series with their periods: what SQL needs of the code tables."""

    codes: Sequence[str]
    names: Sequence[str]
    names_en: Sequence[str]
    kinds: Sequence[str]
    seconds: Sequence[int]


Row = dict[str, Any]


class StaStore:
    """Entities in the caller's transaction; `tenant` restricts to one enterprise."""

    def __init__(self, session: AsyncSession, tenant: UUID | None, names: Names) -> None:
        self._session = session
        self._tenant = tenant
        self._names = names

    async def read(
        self, name: str, options: Options, *, limit: int, equal: Mapping[str, str] | None = None,
        area: Corners | None = None,
    ) -> list[Row]:  # fmt: skip
        """Rows of a set in the order asked for, at most `limit`, after `options.skip`."""
        table = self._table(name)
        query = sa.select(table).where(*self._conditions(table, name, options, equal or {}, area))
        order = [_ordered(table, column, descending=descending) for column, descending in options.orderby]
        result = await self._run(query.order_by(*order, table.c.id).offset(options.skip).limit(limit))
        return [{**row} for row in result.mappings()]

    async def count(
        self, name: str, options: Options, *, equal: Mapping[str, str] | None = None, area: Corners | None = None
    ) -> int:
        """How many rows there are without skip and top."""
        table = self._table(name)
        query = sa.select(sa.func.count()).select_from(table)
        result = await self._run(query.where(*self._conditions(table, name, options, equal or {}, area)))
        number: int = result.scalar_one()
        return number

    def _table(self, name: str) -> Any:
        texts = ("codes", "names", "names_en", "kinds")
        given: dict[str, sa.BindParameter[Any]] = {
            name: sa.bindparam(name, list(getattr(self._names, name)), ARRAY(sa.Text)) for name in texts
        }
        given["tenant"] = sa.bindparam("tenant", self._tenant, sa.Uuid)
        given["seconds"] = sa.bindparam("seconds", list(self._names.seconds), ARRAY(sa.Integer))
        statement = sa.text(_SQL[name])
        used = statement.bindparams(*(value for key, value in given.items() if re.search(f":{key}\\b", _SQL[name])))
        columns = (sa.column(column, JSONB if column in _JSON else sa.Text) for column in _COLUMNS[name])
        return used.columns(*columns).subquery("entity")

    @staticmethod
    def _conditions(
        table: Any, name: str, options: Options, equal: Mapping[str, str], area: Corners | None
    ) -> list[Any]:
        conditions: list[Any] = [table.c[column] == value for column, value in equal.items()]
        if area is not None:
            if "place" not in _COLUMNS[name]:
                raise OptionError(f"{name} have no place", option="$filter")
            shape = ",".join(f"({x!r},{y!r})" for x, y in area)
            conditions.append(sa.cast(sa.literal(f"({shape})"), _Polygon).op("@>")(table.c.place))
        if options.filter.strip():
            try:
                conditions.append(_Where(table).visit(parse(options.filter)))
            except (ODataException, NotImplementedError, TypeError, sa.exc.ArgumentError) as error:
                raise OptionError(f"not understood: {str(error)[:200]}", option="$filter") from error
        return conditions

    async def _run(self, query: Any) -> Any:
        try:
            return await self._session.execute(query)
        except DBAPIError as error:
            cause = error.orig
            if getattr(cause, "sqlstate", None) in _MISFITS or isinstance(
                getattr(cause, "__cause__", None), asyncpg.DataError
            ):
                raise OptionError("the types of a comparison do not fit", option="$filter") from error
            raise


class _Polygon(sa.types.UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_options: Any) -> str:
        return "polygon"


def _ordered(table: Any, column: str, *, descending: bool) -> Any:
    name = "id" if column == "@iot.id" else column
    if name not in table.c or name in _JSON or name == "place":
        raise OptionError(f"cannot order by {column[:40]!r}", option="$orderby")
    collated = sa.collate(table.c[name], "C")
    return collated.desc() if descending else collated.asc()
