"""Addresses and query options: `Things('…')/Datastreams`, `$filter`, `$expand=Locations($top=1)` and so on."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from services.ingest.domain.sta.model import SETS, EntitySet, Link
from shared.errors import InvalidError, NotFoundError

PAGE, EXPANDED_PAGE, MOST_SKIPPED = 1000, 100, 100_000
MOST_DEPTH = 3
KNOWN = frozenset(
    {"$top", "$skip", "$count", "$filter", "$orderby", "$select", "$expand", "$skiptoken", "$resultFormat"}
)
_SEGMENT = re.compile(r"([A-Za-z]+)(?:\((?:'((?:[^']|'')*)'|([\w.:-]+))\))?")
_ORDER = re.compile(r"\s*(@?[\w.]+)(?:\s+(asc|desc))?\s*", re.IGNORECASE)


class OptionError(InvalidError):
    """A query option that is not understood."""

    code = "bad_query_option"
    status = 400


@dataclass(frozen=True)
class Options:
    """Query options of one set. `top` None: the server's page."""

    top: int | None = None
    skip: int = 0
    count: bool = False
    filter: str = ""
    orderby: tuple[tuple[str, bool], ...] = ()
    """(column, descending)."""
    select: frozenset[str] = frozenset()
    expand: tuple[tuple[str, "Options"], ...] = ()
    after: str = ""


@dataclass(frozen=True)
class Address:
    """Where a path leads: a whole set, one entity, or what is linked with one entity."""

    entity_set: EntitySet
    id: str | None = None
    parent: tuple[EntitySet, str, Link] | None = None
    """(set, id, link) of the entity that the path passes."""

    @property
    def many(self) -> bool:
        """Whether the answer is a list."""
        return self.id is None and (self.parent is None or self.parent[2].many)


def read_path(path: str) -> Address:
    """The address a path names. Raises `NotFoundError`."""
    segments = [segment for segment in path.split("/") if segment]
    if not 1 <= len(segments) <= 2:  # noqa: PLR2004 - an entity, and what it leads to
        raise NotFoundError("no such resource", path=path[:200])
    name, entity_id = _segment(segments[0], path)
    entity_set = SETS.get(name)
    if entity_set is None:
        raise NotFoundError("no such entity set", path=path[:200])
    if len(segments) == 1:
        return Address(entity_set, entity_id)
    link_name, linked_id = _segment(segments[1], path)
    link = entity_set.links.get(link_name)
    if link is None or entity_id is None:
        raise NotFoundError("no such link", path=path[:200])
    return Address(SETS[link.target], linked_id, (entity_set, entity_id, link))


def _segment(text: str, path: str) -> tuple[str, str | None]:
    match = _SEGMENT.fullmatch(text)
    if match is None:
        raise NotFoundError("no such resource", path=path[:200])
    name, quoted, bare = match.groups()
    return name, quoted.replace("''", "'") if quoted is not None else bare


def read_options(given: Mapping[str, str], entity_set: EntitySet, *, depth: int = 0) -> Options:
    """Query options for a set. Raises `OptionError` that names the option."""
    unknown = sorted(name for name in given if name.startswith("$") and name not in KNOWN)
    if unknown:
        raise OptionError(f"unknown option {unknown[0]}", option=unknown[0])
    if given.get("$resultFormat", "default") != "default":
        raise OptionError("only the default result format is served", option="$resultFormat")
    return Options(
        top=_number(given, "$top", PAGE * 10) if "$top" in given else None,
        skip=_number(given, "$skip", MOST_SKIPPED),
        count=given.get("$count", "false").lower() == "true",
        filter=given.get("$filter", ""),
        orderby=_orderby(given.get("$orderby", "")),
        select=frozenset(part.strip() for part in given.get("$select", "").split(",") if part.strip()),
        expand=_expand(given.get("$expand", ""), entity_set, depth),
        after=given.get("$skiptoken", ""),
    )


def _number(given: Mapping[str, str], name: str, most: int) -> int:
    text = given.get(name, "0")
    if not text.isascii() or not text.isdigit() or int(text) > most:
        raise OptionError(f"{name} is a whole number from 0 to {most}", option=name)
    return int(text)


def _orderby(text: str) -> tuple[tuple[str, bool], ...]:
    order = []
    for part in text.split(",") if text.strip() else ():
        match = _ORDER.fullmatch(part)
        if match is None:
            raise OptionError(f"not understood: {part[:60]!r}", option="$orderby")
        order.append((match[1], (match[2] or "asc").lower() == "desc"))
    return tuple(order)


def _expand(text: str, entity_set: EntitySet, depth: int) -> tuple[tuple[str, Options], ...]:
    if not text.strip():
        return ()
    if depth >= MOST_DEPTH:
        raise OptionError(f"at most {MOST_DEPTH} levels", option="$expand")
    result = []
    for part in split_outside(text, ","):
        name, _, inner = part.strip().partition("(")
        name, _, below = name.partition("/")
        link = entity_set.links.get(name.strip())
        if link is None or (inner and not inner.endswith(")")):
            raise OptionError(f"not understood: {part[:60]!r}", option="$expand")
        options = {}
        for option in split_outside(inner[:-1], ";") if inner else ():
            key, _, value = option.strip().partition("=")
            options[key] = value
        if below:
            options["$expand"] = below
        result.append((name.strip(), read_options(options, SETS[link.target], depth=depth + 1)))
    return tuple(result)


def split_outside(text: str, separator: str) -> list[str]:
    """Split where the separator stands outside of brackets and quotes."""
    parts, level, quoted, start = [], 0, False, 0
    for place, sign in enumerate(text):
        if sign == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif sign in "()":
            level += 1 if sign == "(" else -1
        elif sign == separator and level == 0:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]
