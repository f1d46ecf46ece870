"""Entities as JSON: self links, navigation links, selected columns."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from services.ingest.domain.sta.model import EntitySet
from services.ingest.domain.sta.options import Options

Json = dict[str, Any]


def entity_url(base: str, entity_set: EntitySet, entity_id: str) -> str:
    """The address of one entity."""
    escaped = entity_id.replace("'", "''")
    return f"{base}/{entity_set.name}('{quote(escaped, safe=':@')}')"


def entity(base: str, entity_set: EntitySet, row: Mapping[str, Any], options: Options) -> Json:
    """One entity; `row` has its columns and `id`. Columns without a value are left out but for a result."""
    url = entity_url(base, entity_set, row["id"])
    told = options.select - {"@iot.id", "id", "@iot.selfLink"}
    result: Json = {"@iot.id": row["id"], "@iot.selfLink": url}
    for column in entity_set.columns:
        if (not told or column in told) and (row[column] is not None or column == "result"):
            result[column] = row[column]
    for name in entity_set.links:
        if not told or name in told:
            result[f"{name}@iot.navigationLink"] = f"{url}/{name}"
    return result


def moment(at: int) -> str:
    """Unix seconds as the standard writes times."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def observation(datastream: str, thing: str, at: int, value: float | None, flag: str) -> Json:
    """A reading as a row of Observations. The data flag 数据标记 is its quality."""
    time = moment(at)
    return {
        "id": f"{datastream}@{at}", "phenomenonTime": time, "resultTime": time, "result": value,
        "resultQuality": flag, "parameters": None, "datastream": datastream, "thing": thing,
    }  # fmt: skip
