"""What a data segment (数据段) says: the packet, the same for all editions."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

_A = 0b01
_D = 0b10
_VERSION_SHIFT = 2


class Edition(StrEnum):
    """Edition of the standard, read from the version bits of Flag (2005 where there is no Flag)."""

    V2005 = "2005"
    V2017 = "2017"
    V2025 = "2025"
    UNKNOWN = "unknown"


_BY_VERSION = (Edition.V2005, Edition.V2017, Edition.V2025)
EDITION_OF_FLAG = tuple(
    _BY_VERSION[flag >> _VERSION_SHIFT] if flag >> _VERSION_SHIFT < len(_BY_VERSION) else Edition.UNKNOWN
    for flag in range(256)
)


class Note(StrEnum):
    """An oddity in a segment that could be read all the same. Counted and shown per device."""

    BARE_WORD = "bare_word"
    BLANKS = "blanks"
    COMMA_FOR_SEMICOLON = "comma_for_semicolon"
    CP_NOT_CLOSED = "cp_not_closed"
    CP_ONE_AMPERSAND = "cp_one_ampersand"
    D_WITHOUT_NUMBERS = "d_without_numbers"
    EMPTY_ITEM = "empty_item"
    FIELD_AFTER_CP = "field_after_cp"
    FIELD_CASE = "field_case"
    FIELD_ORDER = "field_order"
    FIELD_REPEATED = "field_repeated"
    FIELD_UNKNOWN = "field_unknown"
    FLAG_UNREADABLE = "flag_unreadable"
    FULL_WIDTH = "full_width"
    GBK = "gbk"
    PACKET_NUMBERS_ODD = "packet_numbers_odd"
    PW_MISSING = "pw_missing"
    QN_ODD = "qn_odd"
    SEMICOLON_MISSING = "semicolon_missing"
    ST_ODD = "st_odd"
    SURFACE_WATER_PROFILE = "surface_water_profile"
    """ST=21 with version bits 2: the national surface-water protocol of 2017, or 2025."""


Field = tuple[str, str, str]
"""One `key=value` of the data area (数据区): key, text and the separator that followed it."""


class Shape(NamedTuple):
    """The keys of a data area (数据区) and the separator that followed each: what packets of one device share."""

    keys: tuple[str, ...]
    separators: tuple[str, ...]


def shape_of(fields: Sequence[Field]) -> tuple[Shape, tuple[str, ...]]:
    """Fields as their shape and their texts."""
    shape = Shape(tuple(key for key, _, _ in fields), tuple(separator for _, _, separator in fields))
    return shape, tuple(text for _, text, _ in fields)


class Item(NamedTuple):
    """The values that stand together for one factor (因子): (suffix, text) pairs, in order."""

    factor: str
    values: tuple[tuple[str, str], ...]


class Packet(NamedTuple):
    """One parsed data segment. Immutable; a named tuple because a gateway makes 100,000 a second.

    qn 请求编码, st 系统编码, cn 命令编码, pw 访问密码, mn 设备唯一标识, flag 拆分包及应答标志
    (None where absent), pnum 总包数, pno 包号, rf 补传标志. The data area stands in `shape` (keys) and
    `texts` (what each key says), in the order sent, repeated keys included; a device that sends the
    same keys again and again shares one shape. `fields`, `params` and `items` are views of them.
    """

    qn: str | None
    st: str
    cn: str
    pw: str
    mn: str
    flag: int | None
    pnum: int | None
    pno: int | None
    rf: bool
    edition: Edition
    shape: Shape
    texts: tuple[str, ...]
    notes: tuple[Note, ...]

    @property
    def fields(self) -> tuple[Field, ...]:
        """The data area field by field."""
        return tuple(zip(self.shape.keys, self.texts, self.shape.separators, strict=True))

    @property
    def ack_wanted(self) -> bool:
        """Bit A of Flag: the sender waits for an answer."""
        return self.flag is not None and bool(self.flag & _A)

    @property
    def split(self) -> bool:
        """Bit D of Flag: packet numbers are announced (2005 sets it without giving any)."""
        return self.flag is not None and bool(self.flag & _D)

    @property
    def params(self) -> tuple[tuple[str, str], ...]:
        """The fields that belong to no factor (DataTime, PolId, RtdInterval …), in order."""
        return tuple((key, text) for key, text in zip(self.shape.keys, self.texts, strict=True) if "-" not in key)

    @property
    def items(self) -> tuple[Item, ...]:
        """The factor fields grouped: a new group where the factor changes or a suffix repeats."""
        groups: list[tuple[str, list[tuple[str, str]]]] = []
        seen: set[str] = set()
        for key, text in zip(self.shape.keys, self.texts, strict=True):
            factor, dash, suffix = key.rpartition("-")
            if not dash:
                continue
            if not groups or groups[-1][0] != factor or suffix in seen:
                groups.append((factor, []))
                seen = set()
            groups[-1][1].append((suffix, text))
            seen.add(suffix)
        return tuple(Item(factor, tuple(values)) for factor, values in groups)

    @property
    def groups(self) -> tuple[tuple[tuple[str, str], ...], ...]:
        """The fields as `;` divides them: how CN 3020 ties states to a PolId."""
        groups: list[list[tuple[str, str]]] = [[]]
        for key, text, separator in self.fields:
            groups[-1].append((key, text))
            if separator != ",":
                groups.append([])
        return tuple(tuple(group) for group in groups if group)

    @property
    def request_qn(self) -> str | None:
        """The QN an answer must repeat: of the header, or of the data area as in 2005."""
        return self.qn or self.param("QN")

    def param(self, name: str) -> str | None:
        """The first value of `name` in the data area, or None."""
        keys = self.shape.keys
        return self.texts[keys.index(name)] if name in keys else None


class ParseError(ValueError):
    """A data segment that cannot be read. `code` is stable; `position` is a byte or character offset."""

    def __init__(self, code: str, message: str, position: int = 0) -> None:
        super().__init__(f"{message} (at {position})")
        self.code = code
        self.message = message
        self.position = position
