"""The code tables of the standard as data, each read once and on first use.

Factor names, units and formats: HJ 212-2017 appendix B. Commands: table 9 and the editions of
2005 and 2025. `warm` reads all of them, so that a gateway does not do it on its first frame.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml

_CODE_WITHOUT_LETTER = 6


class Factor(NamedTuple):
    """A monitoring factor (监测因子). Units are the standard's defaults; a point states its own."""

    code: str
    zh: str
    en: str
    medium: str
    unit: str
    cou_unit: str
    format: str
    code_2005: str


class Factor2005(NamedTuple):
    """A factor code of HJ/T 212-2005 and its successor. Units differ between the editions."""

    code: str
    zh: str
    en: str
    medium: str
    unit: str
    format: str
    code_2017: str


class System(NamedTuple):
    """A system code (系统编码 ST). `medium` is water, gas, noise or empty."""

    code: str
    zh: str
    en: str
    medium: str
    editions: tuple[str, ...]


class Command(NamedTuple):
    """A command (命令编码 CN): who sends it, what it is, and what the platform answers.

    editions: none for what vendors and provinces added (known, but foreign to the standard).
    """

    code: str
    zh: str
    en: str
    sender: str
    role: str
    answer: str
    editions: tuple[str, ...]


class FlagMeaning(NamedTuple):
    """A data flag (数据标记). `zh_2005` and `en_2005`: what 2005 means by it, mostly the same."""

    code: str
    zh: str
    en: str
    editions: tuple[str, ...]
    zh_2005: str
    en_2005: str


def read_table(name: str) -> dict[str, Any]:
    """A file of this folder as YAML has it."""
    text = resources.files(__package__).joinpath(name).read_text("utf-8")
    loaded: dict[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    return loaded


def _text(row: dict[str, Any], *names: str) -> tuple[str, ...]:
    return tuple(str(row.get(name, "")) for name in names)


@cache
def factors() -> Mapping[str, Factor]:
    """Factors of 2017 by code: water w…, gas a…, noise L…."""
    names = ("zh", "en", "medium", "unit", "cou_unit", "format", "code_2005")
    return MappingProxyType(
        {code: Factor(code, *_text(row, *names)) for code, row in read_table("factors.yaml").items()}
    )


@cache
def factors_2005() -> Mapping[str, Factor2005]:
    """Factors of 2005 by code."""
    names = ("zh", "en", "medium", "unit", "format", "code_2017")
    return MappingProxyType(
        {code: Factor2005(code, *_text(row, *names)) for code, row in read_table("factors_2005.yaml").items()}
    )


@cache
def process_factors() -> Mapping[str, Mapping[str, Any]]:
    """Process factors (工况) by code with `xx` for the serial number of the equipment."""
    return MappingProxyType(read_table("process.yaml"))


@cache
def field_information() -> Mapping[str, Mapping[str, Any]]:
    """Field information (现场端信息) of CN 3020 and 3021 by code."""
    return MappingProxyType(read_table("info.yaml"))


@cache
def systems() -> Mapping[str, System]:
    """Systems by ST."""
    return MappingProxyType(
        {
            code: System(code, row["zh"], row["en"], row.get("medium", ""), tuple(row["editions"]))
            for code, row in read_table("systems.yaml").items()
        }
    )


@cache
def commands() -> Mapping[str, Command]:
    """Commands by CN."""
    return MappingProxyType(
        {
            code: Command(
                code,
                row["zh"],
                row["en"],
                row["sender"],
                row["role"],
                row.get("answer", ""),
                tuple(row["editions"]),
            )
            for code, row in read_table("commands.yaml").items()
        }
    )


@cache
def flags() -> Mapping[str, FlagMeaning]:
    """Data flags by letter."""
    return MappingProxyType(
        {
            code: FlagMeaning(
                code,
                row["zh"],
                row["en"],
                tuple(row["editions"]),
                row.get("zh_2005", row["zh"]),
                row.get("en_2005", row["en"]),
            )
            for code, row in read_table("flags.yaml").items()
        }
    )


@cache
def return_codes() -> Mapping[str, Mapping[int, dict[str, str]]]:
    """`qn_rtn` (9011) and `exe_rtn` (9012): number to names. A number not listed means failure."""
    return MappingProxyType(read_table("returns.yaml"))


class Described(NamedTuple):
    """What a code means: names and the standard's default unit."""

    zh: str
    en: str
    unit: str


def describe(code: str) -> Described | None:
    """What any code of a data area means: factor, process factor (e30101), field information (i33311), 2005 code.

    None for one that no table has. A bare 2005 code means different things by medium; the water and gas lists of the
    standard share none.
    """
    known = factors().get(code) or factors_2005().get(code)
    if known is not None:
        return Described(known.zh, known.en, known.unit)
    row = process_factors().get(code[:-2] + "xx") or field_information().get(code)
    row = row or field_information().get(code[:-1] + "x")
    return None if row is None else Described(row["zh"], row["en"], str(row.get("unit", "")))


def describe_value(code: str, value: str) -> tuple[str, str]:
    """What a value of field information means, in Chinese and English; both empty where no table says."""
    row = field_information().get(code, {})
    zh, en = row.get("values", {}).get(int(value) if value.isascii() and value.isdigit() else None, ("", ""))
    return zh, en


@cache
def factor_map(st: str) -> Mapping[str, str]:
    """What a device of system `st` may send in place of a 2017 code, to that code.

    Codes of 2005 are bare numbers that mean one thing in water and another in private lists of
    gas devices, so only the list of the system's own medium applies. Codes that lost their
    letter (`01018` for `w01018`, as the standard itself prints once) are included.
    """
    system = systems().get(st)
    if system is None or not system.medium:
        return MappingProxyType({})
    medium = system.medium
    mapped = {
        code[1:]: code
        for code, factor in factors().items()
        if factor.medium == medium and len(code) == _CODE_WITHOUT_LETTER
    }
    mapped |= {
        old.code: old.code_2017
        for old in factors_2005().values()
        if old.medium == medium and old.code_2017 not in ("", old.code)
    }
    return MappingProxyType(mapped)


def warm() -> None:
    """Read every table now."""
    for load in (process_factors, field_information, commands, flags, return_codes):
        load()
    for st in systems():
        factor_map(st)
