"""The commands on offer, from `catalogue.yaml`, and the check of what somebody asks for."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import yaml

from services.ingest.hj212.codec import tables
from shared.contracts.identity import Role
from shared.contracts.ingest.commands import ParameterType
from shared.errors import InvalidError

DEFAULT_ROLES = (Role.SUPERVISOR_LEAD, Role.OFFICER, Role.ADMIN, Role.SERVICE)
INFO_CODE = re.compile(r"[iI][0-9][0-9a-zA-Z]{4}")
INFO_CLASS_AT = 2
"""Where an information code says log 1, state 2 or parameter 3 (HJ 212-2017 6.4.2)."""
CLOCK_FORM = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
UNFIT = frozenset(";,=&#")
"""Characters that would break a data segment."""
FACTOR = {"zh": "监测因子", "en": "Factor"}


class Exchange(StrEnum):
    """How an exchange runs (HJ 212-2017 6.1, 6.5): what comes back, and what ends it."""

    SET = "set"
    GET = "get"
    STREAM = "stream"
    NOTIFY = "notify"
    HISTORY = "history"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter. `least` and `most` bound an integer or the length of a text; `choices`: value → (zh, en)."""

    name: str
    type: ParameterType
    zh: str
    en: str
    unit: str = ""
    least: int | None = None
    most: int | None = None
    choices: Mapping[str, tuple[str, str]]
    required: bool = True
    default: str | None = None
    editions: tuple[str, ...] = ()
    """Editions that know it; empty for all."""
    info_class: str = ""


@dataclass(frozen=True)
class Slot:
    """One `key=value` of the data area: from a parameter, or the platform's time."""

    key: str
    source: str | None
    now: bool
    editions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A command on offer."""

    code: str
    cn: str
    exchange: Exchange
    group: str
    zh: str
    en: str
    does_zh: str
    does_en: str
    source: str
    editions: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    frame: tuple[Slot, ...]
    roles: tuple[Role, ...]
    dangerous: bool
    needs_reason: bool
    needs_approval: bool
    repeats: bool
    execution_seconds: float | None
    longest: timedelta | None

    @property
    def secret(self) -> str | None:
        """Name of the parameter that must never be shown."""
        return next((item.name for item in self.parameters if item.type is ParameterType.SECRET), None)


def _choices(row: Mapping[str, Any]) -> Mapping[str, tuple[str, str]]:
    given = row.get("choices", {})
    if row["type"] == "info":
        return {
            code: (str(info["zh"]), str(info["en"]))
            for code, info in tables.field_information().items()
            if code[INFO_CLASS_AT] == row["class"] and not code.endswith("x")
        }
    if isinstance(given, list):
        return {str(item): (str(item), str(item)) for item in given}
    return {str(value): (names[0], names[1]) for value, names in given.items()}


def _parameter(row: Mapping[str, Any]) -> Parameter:
    names = FACTOR if row["type"] == "factor" else row
    default = row.get("default")
    return Parameter(
        name=row["name"], type=ParameterType(row["type"]), zh=names["zh"], en=names["en"], unit=row.get("unit", ""),
        least=row.get("least"), most=row.get("most"), choices=_choices(row), required=row.get("required", True),
        default=None if default is None else str(default), editions=tuple(row.get("editions", ())),
        info_class=row.get("class", ""),
    )  # fmt: skip


def _kind(code: str, row: Mapping[str, Any]) -> Kind:
    dangerous = row.get("dangerous", False)
    hours = row.get("most_hours")
    return Kind(
        code=code, cn=row["cn"], exchange=Exchange(row["kind"]), group=row["group"], zh=row["zh"], en=row["en"],
        does_zh=row["does_zh"], does_en=row["does_en"], source=row["source"], editions=tuple(row["editions"]),
        parameters=tuple(_parameter(item) for item in row.get("parameters", ())),
        frame=tuple(
            Slot(item["key"], item.get("from"), item.get("now", False), tuple(item.get("editions", ())))
            for item in row["frame"]
        ),
        roles=tuple(Role(role) for role in row["roles"]) if "roles" in row else DEFAULT_ROLES,
        dangerous=dangerous, needs_reason=dangerous or row.get("needs_reason", False),
        needs_approval=row.get("needs_approval", False), repeats=row.get("repeats", not dangerous),
        execution_seconds=row.get("execution_seconds"), longest=None if hours is None else timedelta(hours=hours),
    )  # fmt: skip


@cache
def catalogue() -> Mapping[str, Kind]:
    """All commands on offer, by code."""
    rows = yaml.safe_load(resources.files(__package__).joinpath("catalogue.yaml").read_text("utf-8"))
    return MappingProxyType({code: _kind(code, row) for code, row in rows.items()})


def find_kind(code: str) -> Kind:
    """The command with this code; `InvalidError` where none has it."""
    kind = catalogue().get(code)
    if kind is None:
        raise InvalidError(f"no command is called {code}; see /v1/command-catalogue", field="code")
    return kind


def check_params(kind: Kind, given: Mapping[str, Any], *, edition: str, factors: Sequence[str]) -> dict[str, str]:
    """Values as text, checked and in the order of the catalogue; times stay ISO 8601.

    edition: of the device; factors: codes its outlet monitors. Raises `InvalidError` with all that is wrong.
    """
    errors: dict[str, str] = {}
    if edition not in kind.editions:
        errors["code"] = f"HJ 212-{edition} does not know {kind.cn} {kind.en}; it is of {', '.join(kind.editions)}"
    known = {item.name for item in kind.parameters}
    errors |= {f"params.{name}": f"{kind.code} has no parameter {name}" for name in given if name not in known}
    values: dict[str, str] = {}
    for parameter in kind.parameters:
        text = str(given.get(parameter.name, "")).strip()
        try:
            if text or parameter.required:
                values[parameter.name] = _checked(parameter, text, edition, factors)
        except ValueError as error:
            errors[f"params.{parameter.name}"] = str(error)
    if not errors:
        errors |= _check_span(kind, values)
    if errors:
        listed = [{"where": where, "message": text, "code": "invalid"} for where, text in errors.items()]
        raise InvalidError("; ".join(errors.values()), errors=listed)
    return values


def _checked(parameter: Parameter, text: str, edition: str, factors: Sequence[str]) -> str:
    if not text:
        raise ValueError(f"{parameter.en} is needed")
    if parameter.editions and edition not in parameter.editions:
        raise ValueError(f"{parameter.en} is not known to HJ 212-{edition}")
    if parameter.type is ParameterType.FACTOR:
        if text not in factors:
            raise ValueError(f"{parameter.en}: the outlet does not monitor {text}")
        return text
    return _CHECKS[parameter.type](parameter, text)


def _clock(parameter: Parameter, text: str) -> str:
    if not CLOCK_FORM.fullmatch(text):
        raise ValueError(f"{parameter.en}: a time of day as 08:30")
    return text


def _choice(parameter: Parameter, text: str) -> str:
    if text not in parameter.choices:
        raise ValueError(f"{parameter.en}: one of {', '.join(parameter.choices)}")
    return text


def _info(parameter: Parameter, text: str) -> str:
    if not INFO_CODE.fullmatch(text) or text[INFO_CLASS_AT] != parameter.info_class:
        raise ValueError(f"{parameter.en}: {text} is no such code of HJ 212-2017 table B.10")
    return text


def _whole(parameter: Parameter, text: str) -> str:
    least, most = parameter.least or 0, parameter.most or 0
    if not re.fullmatch("[0-9]{1,6}", text) or not least <= int(text) <= most:
        raise ValueError(f"{parameter.en}: a whole number from {least} to {most}")
    return str(int(text))


def _text(parameter: Parameter, text: str) -> str:
    if not (parameter.least or 0) <= len(text) <= (parameter.most or len(text)):
        shown = str(parameter.most) if parameter.least == parameter.most else f"{parameter.least} to {parameter.most}"
        raise ValueError(f"{parameter.en}: {shown} characters")
    if UNFIT & set(text) or not text.isprintable():
        raise ValueError(f"{parameter.en}: none of ; , = & # may stand in it")
    if parameter.type is ParameterType.SECRET and not (text.isascii() and " " not in text):
        raise ValueError(f"{parameter.en}: ASCII letters, digits and signs without blanks")
    return text


def _moment(parameter: Parameter, text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{parameter.en}: a time as 2026-03-01T08:00:00+08:00") from None
    if at.tzinfo is None:
        raise ValueError(f"{parameter.en}: the time needs a zone, as +08:00")
    return at.isoformat()


_CHECKS: Mapping[ParameterType, Callable[[Parameter, str], str]] = {
    ParameterType.INTEGER: _whole,
    ParameterType.TEXT: _text,
    ParameterType.SECRET: _text,
    ParameterType.TIME: _moment,
    ParameterType.CLOCK: _clock,
    ParameterType.CHOICE: _choice,
    ParameterType.INFO: _info,
}


def _check_span(kind: Kind, values: Mapping[str, str]) -> dict[str, str]:
    if "since" not in values:
        return {}
    since, until = datetime.fromisoformat(values["since"]), datetime.fromisoformat(values["until"])
    if until <= since:
        return {"params.until": "the end must be after the beginning"}
    if kind.longest is not None and until - since > kind.longest:
        return {"params.until": f"at most {int(kind.longest / timedelta(hours=1))} hours at once"}
    return {}
