"""The dossier as pages show it: a table for each part, a form from a part's contract."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from shared.contracts.ingest.dossier import PARTS, ContactRole, EntryIn, EntryOut, LogLine, LogSource, Part
from web.formats import NONE, day, number
from web.i18n import gettext
from web.labels import label

ENTERPRISE_PARTS = (Part.PERMIT, Part.CONTACT)
OUTLET_PARTS = (Part.ANALYSER, Part.OPERATION, Part.POWER_POINT, Part.VIDEO)
SHOWN: dict[Part, tuple[str, ...]] = {
    Part.PERMIT: ("number", "permit_class", "valid_from", "valid_to", "authority"),
    Part.CONTACT: ("role", "name", "phone", "email", "wechat"),
    Part.ANALYSER: ("factor", "maker", "serial", "principle", "range", "detection_limit"),
    Part.OPERATION: ("mode", "contractor", "since", "until", "contract_no"),
    Part.POWER_POINT: ("code", "name_zh", "target", "rated_kw", "mn"),
    Part.VIDEO: ("name", "url"),
    Part.CHANGE: ("changed_on", "kind", "subject", "reason"),
}
OWNERS = frozenset({"enterprise_id", "outlet_id"})
SHORT = 16
NAMING = ("serial", "code", "name", "mn", "contractor")
LONG_FIELDS = frozenset({"reason", "note"})


@dataclass(frozen=True)
class Cell:
    """A value as shown; `link` where it leads out."""

    text: str
    link: str = ""

    @property
    def short(self) -> bool:
        """Whether it stays on one line."""
        return len(self.text) <= SHORT


@dataclass(frozen=True)
class Section:
    """One part's entries as a table."""

    part: Part
    columns: tuple[str, ...]
    rows: list[tuple[EntryOut, list[Cell]]]


@dataclass(frozen=True)
class Input:
    """A field of a form."""

    name: str
    title: str
    kind: str
    value: str
    required: bool
    options: list[tuple[str, str]]


def sections(parts: Sequence[Part], entries: Sequence[EntryOut], names: Mapping[str, str]) -> list[Section]:
    """A table for each part; `names` are those of factors by code."""
    return [
        Section(
            part, tuple(label(name, "field") for name in SHOWN[part]),
            [(entry, [_cell(entry.data, name, part, names) for name in SHOWN[part]])
             for entry in _sorted(part, [item for item in entries if item.part is part])],
        )
        for part in parts
    ]  # fmt: skip


def _sorted(part: Part, entries: list[EntryOut]) -> list[EntryOut]:
    if part is Part.CONTACT:
        order = [role.value for role in ContactRole]
        return sorted(entries, key=lambda entry: (order.index(entry.data["role"]), entry.data["name"]))
    return sorted(entries, key=lambda entry: str(entry.data.get(SHOWN[part][0], "")))


def _cell(data: Mapping[str, Any], name: str, part: Part, names: Mapping[str, str]) -> Cell:
    if name == "range":
        return Cell(_range(data))
    if name == "maker":
        return Cell(" ".join(text for text in (data["maker"], data["model"]) if text) or NONE)
    if name == "detection_limit" and data.get(name) is not None:
        return Cell(f"{number(data[name], 4)} {data['unit']}")
    return shown(data.get(name), name, PARTS[part], names)


def _range(data: Mapping[str, Any]) -> str:
    if data.get("range_high") is None:
        return NONE
    return f"{number(data.get('range_low') or 0, 3)} – {number(data['range_high'], 3)} {data['unit']}"


def shown(value: Any, name: str, model: type[EntryIn], names: Mapping[str, str]) -> Cell:
    """A stored value of a field as a reader sees it."""
    kind = _kind(model, name)
    if value is None or value == "":
        return Cell(NONE)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Cell(number(value, 4))
    return Cell(_text(value, name, kind, names), link=value if name == "url" and value.startswith("http") else "")


def _text(value: Any, name: str, kind: Any, names: Mapping[str, str]) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(kind, type) and issubclass(kind, Enum):
        return label(kind(value))
    if kind is date:
        return day(date.fromisoformat(value))
    return names.get(value, str(value)) if name == "factor" else str(value)


def _kind(model: type[BaseModel], name: str) -> Any:
    info = model.model_fields.get(name)
    annotation = info.annotation if info else str
    while get_origin(annotation) in {Union, UnionType} or hasattr(annotation, "__metadata__"):
        annotation = next(item for item in get_args(annotation) if item is not type(None))
    return annotation


def inputs(part: Part, data: Mapping[str, Any], factors: Sequence[tuple[str, str]]) -> list[Input]:
    """The fields of a part's form, filled."""
    model = PARTS[part]
    return [_input(model, name, data.get(name), factors) for name in model.model_fields if name not in OWNERS]


def _input(model: type[EntryIn], name: str, value: Any, factors: Sequence[tuple[str, str]]) -> Input:
    kind, info = _kind(model, name), model.model_fields[name]
    options: list[tuple[str, str]] = []
    form = {bool: "check", date: "date", float: "number", int: "number"}.get(kind, "text")
    if isinstance(kind, type) and issubclass(kind, Enum):
        form, options = "select", [(item.value, label(item)) for item in kind]
    if name == "factor" and model.PART is Part.ANALYSER:
        form, options = "select", list(factors)
    if name in LONG_FIELDS:
        form = "area"
    text = "" if value is None else ("1" if value else "") if kind is bool else str(value)
    return Input(name, label(name, "field"), form, text, info.is_required(), options)


def read_form(part: Part, form: Mapping[str, Any], owner: Mapping[str, Any]) -> EntryIn:
    """The entry a form tells of. `ValidationError` where a field is not right."""
    return PARTS[part].model_validate({**owner, **read_fields(PARTS[part], form, OWNERS)})


def read_fields(model: type[BaseModel], form: Mapping[str, Any], leave: Collection[str] = ()) -> dict[str, Any]:
    """What a form says of a contract's fields, not judged yet; an empty number or date is left out."""
    given: dict[str, Any] = {}
    for name in model.model_fields:
        if name in leave:
            continue
        kind, text = _kind(model, name), str(form.get(name, "")).strip()
        if kind is bool:
            given[name] = bool(text)
        elif text or kind is str:
            given[name] = text
    return given


def log_title(line: LogLine) -> str:
    """What a line of the change log is about."""
    if line.source is LogSource.TOLD:
        return f"{label(line.action, 'ChangeKind')} · {line.subject}"
    noun, _, act = line.action.partition(".")
    named = next((str(line.changes[name][1]) for name in NAMING if line.changes.get(name, [0, 0])[1]), "")
    return " ".join(part for part in (label(noun, "log"), named, label(act, "log")) if part)


def log_value(value: Any) -> str:
    """A value of a change, short."""
    if value is None or value == "":
        return NONE
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list):
        names = [str(item.get("factor", item)) if isinstance(item, dict) else str(item) for item in value]
        return ", ".join(names)[:120]
    return str(value)[:120]


def log_changes(line: LogLine) -> list[tuple[str, str, str]]:
    """Field, before and after of a line; a new thing tells nothing but that it is new."""
    if line.action.endswith(".added"):
        return []
    return [(label(name, "field"), log_value(pair[0]), log_value(pair[1])) for name, pair in line.changes.items()]
