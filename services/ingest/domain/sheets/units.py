"""Units as people write them, and exact conversions between some of them (`units.yaml`)."""

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from importlib import resources

import yaml

_SAME = str.maketrans({"³": "3", "²": "2", "µ": "μ", "／": "/", "㎎": "mg", "℃": "°C", " ": "", "·": ".", "*": "."})
_NAMES = {"ug": "μg", "㎥": "m3", "无量纲": "", "-": "", "dimensionless": "", "1": ""}
Converter = Callable[[float], float]


def spelled(unit: str) -> str:
    """One spelling of a unit: mg/m³ and mg/m3 are the same, m³ and Nm³ are not."""
    parts = unit.strip().translate(_SAME).split("/")
    return "/".join("μg" if part == "ug" else _NAMES.get(part, part) for part in parts)


@cache
def _factors() -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
    rows = yaml.safe_load(resources.files(__package__).joinpath("units.yaml").read_text("utf-8"))
    return {
        (row["from"], row["to"]): (Decimal(row.get("factor", "1")), Decimal(row.get("divisor", "1"))) for row in rows
    }


def converter(given: str, wanted: str) -> Converter | None:
    """How to get from a unit to another: None where there is no exact way."""
    given, wanted = spelled(given), spelled(wanted)
    if given == wanted:
        return float
    found = _factors().get((given, wanted))
    if found is None:
        return None
    factor, divisor = found
    return lambda value: float(Decimal(repr(value)) * factor / divisor)
