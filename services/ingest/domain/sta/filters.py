"""`$filter`: what of it concerns places and observation times is read here, the rest is SQL."""

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import reduce
from typing import Any

from odata_query import ast
from odata_query.exceptions import ODataException
from odata_query.grammar import ODataLexer, ODataParser

from services.ingest.domain.sta.options import OptionError

_GEO = re.compile(
    r"geo\.intersects\(\s*(?:location|feature|Locations/location)\s*,\s*geography'(?:SRID=\d+;)?"
    r"POLYGON\s*\(\(([^()']*)\)\)'\s*\)",
    re.IGNORECASE,
)
LONGEST, LEAST_CORNERS, MOST_CORNERS = 4_000, 4, 500
_TIMES = frozenset({"phenomenonTime", "resultTime"})
_MIRROR: dict[type[Any], type[Any]] = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
_OPERATORS: dict[type[Any], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip

Corners = list[tuple[float, float]]


def parse(text: str) -> Any:
    """The filter as a tree. Raises `OptionError` that says what is wrong."""
    if len(text) > LONGEST:
        raise OptionError(f"longer than {LONGEST} characters", option="$filter")
    try:
        return ODataParser().parse(ODataLexer().tokenize(text))
    except (ODataException, ValueError) as error:
        raise OptionError(f"not understood: {str(error)[:200]}", option="$filter") from error


def take_area(text: str) -> tuple[str, Corners | None]:
    """The filter without its area, and the corners (longitude, latitude) of the area if there is one."""
    match = _GEO.search(text[:LONGEST])
    if match is None:
        return text, None
    try:
        corners = [(float(x), float(y)) for x, y in (pair.split() for pair in match[1].split(","))]
    except ValueError as error:
        raise OptionError("the polygon needs pairs of longitude and latitude", option="$filter") from error
    if not LEAST_CORNERS <= len(corners) <= MOST_CORNERS or not all(math.isfinite(n) for pair in corners for n in pair):
        raise OptionError(f"a polygon has 4 to {MOST_CORNERS} corners, the last equal to the first", option="$filter")
    rest = (text[: match.start()].strip(), text[match.end() :].strip())
    before, after = re.sub(r"\s+and$", "", rest[0]), re.sub(r"^and\s+", "", rest[1])
    return " and ".join(part for part in (before, after) if part), corners


@dataclass
class Wanted:
    """Observations asked for: from `since` to before `until` (whole Unix seconds), and tests on result and flag."""

    since: int | None = None
    until: int | None = None
    tests: list[tuple[str, Callable[[Any, Any], Any], Any]] = field(default_factory=list)

    def keeps(self, result: float | None, flag: str) -> bool:
        """Whether an observation passes the tests; a missing result passes none on `result`."""
        for name, test, value in self.tests:
            given = result if name == "result" else flag
            if given is None or not test(given, value):
                return False
        return True


def read_wanted(text: str) -> Wanted:
    """Bounds and tests of a filter on Observations: comparisons of times, result and quality joined by `and`."""
    wanted = Wanted()
    if text.strip():
        for part in _conjuncts(parse(text)):
            _take(part, wanted)
    return wanted


def _conjuncts(tree: Any) -> list[Any]:
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And):
        return [*_conjuncts(tree.left), *_conjuncts(tree.right)]
    return [tree]


def _take(part: Any, wanted: Wanted) -> None:
    if not isinstance(part, ast.Compare):
        raise _unsupported()
    left, right, kind = part.left, part.right, type(part.comparator)
    if not isinstance(left, ast.Identifier):
        left, right, kind = right, left, _MIRROR.get(kind, kind)
    if not isinstance(left, ast.Identifier) or kind not in _OPERATORS:
        raise _unsupported()
    if left.name in _TIMES and isinstance(right, ast.DateTime):
        _bound(wanted, kind, _time(right))
    elif left.name == "result" and isinstance(right, ast.Integer | ast.Float):
        wanted.tests.append(("result", _OPERATORS[kind], float(right.val)))
    elif left.name == "resultQuality" and isinstance(right, ast.String) and kind in (ast.Eq, ast.NotEq):
        wanted.tests.append(("resultQuality", _OPERATORS[kind], right.val))
    else:
        raise _unsupported()


def _time(node: ast.DateTime) -> float:
    try:
        at: datetime = node.py_val
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise OptionError(f"not a time: {node.val[:40]!r}", option="$filter") from error


def _bound(wanted: Wanted, kind: type[Any], at: float) -> None:
    if kind is ast.NotEq:
        raise _unsupported()
    least = {ast.Gt: math.floor(at) + 1, ast.GtE: math.ceil(at), ast.Eq: math.ceil(at)}.get(kind)
    end = {ast.Lt: math.ceil(at), ast.LtE: math.floor(at) + 1, ast.Eq: math.floor(at) + 1}.get(kind)
    if least is not None:
        wanted.since = reduce(max, (least,), wanted.since if wanted.since is not None else least)
    if end is not None:
        wanted.until = reduce(min, (end,), wanted.until if wanted.until is not None else end)


def _unsupported() -> OptionError:
    return OptionError(
        "on Observations only comparisons of phenomenonTime, resultTime, result and resultQuality joined by `and`",
        option="$filter",
    )
