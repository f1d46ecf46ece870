"""Read data segments that are not written as the standard prints them.

Each habit accepted here was seen in a public capture, log or program and leaves a `Note`, so
that it can be counted and shown per device. What cannot be read without guessing a device or a
command raises ParseError.
"""

import re
from collections.abc import Iterator

from services.ingest.hj212.codec.opaque import looks_sealed
from services.ingest.hj212.codec.packet import (
    EDITION_OF_FLAG,
    Edition,
    Field,
    Note,
    Packet,
    ParseError,
    Shape,
    shape_of,
)
from services.ingest.hj212.codec.shapes import cut

_NAMES = {name.upper(): name for name in ("QN", "ST", "CN", "PW", "MN", "Flag", "PNUM", "PNO", "RF")}
_ORDER = tuple(_NAMES.values())
_DATA_AREA = re.compile(r"CP\s*[=＝]\s*(&{1,2})")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_PLAIN_TOKEN = re.compile(r"([^;,]*)([;,]|\Z)")
_TOKEN = re.compile(r"((?://.*?//|[^;,])*)([;,]|\Z)", re.DOTALL)
_FULL_WIDTH = str.maketrans("；，＝", ";,=")
_COLON = "："
_CN = re.compile(r"[0-9]{4}")
_ST = re.compile(r"[0-9A-Z]{2}")
_QN = re.compile(r"[0-9]{17}")
_SMALL_NUMBER = re.compile(r"[0-9]{1,4}")
_WIDEST_MN = 64
_WIDEST_FLAG = 255


def parse_tolerant(segment: bytes) -> Packet:
    """Parse a segment with every tolerance. Raises ParseError; see `segment.parse_segment`."""
    if not segment:
        raise ParseError("empty", "the data segment is empty")
    notes: set[Note] = set()
    text = _decode(segment, notes)
    head, body, after = _divide(text, notes)
    header = _read_header(head, after, notes)
    area = cut(body, body.encode("ascii")) if body.isascii() else None
    if area is not None and body.endswith((";", ",")):
        notes.add(Note.EMPTY_ITEM)
    if area is None:
        area = shape_of(tuple(_read_fields(body, notes)))
    return _assemble(header, area, notes)


def _decode(segment: bytes, notes: set[Note]) -> str:
    """UTF-8 as the standard says, else GBK; the checksum was already checked on the bytes."""
    try:
        text = segment.decode("utf-8")
    except UnicodeDecodeError as error:
        if looks_sealed(segment):
            raise ParseError("encrypted_body", "an encrypted body, whose key is needed", error.start) from None
        try:
            text = segment.decode("gbk")
        except UnicodeDecodeError:
            text = ""
        if not text or _CONTROL.search(text):
            raise ParseError("bad_text", "neither UTF-8 nor GBK text", error.start) from None
        notes.add(Note.GBK)
    control = None if text.isprintable() else _CONTROL.search(text)
    if control is not None:
        raise ParseError("control_character", "control character in the text", control.start())
    return text


def _divide(text: str, notes: set[Note]) -> tuple[str, str, str]:
    """Header fields, data area (数据区), and header fields misplaced after it."""
    start = _DATA_AREA.search(text)
    if start is None:
        raise ParseError("no_cp", "no data area CP=&&…&&", len(text))
    head = text[: start.start()]
    if start[1] == "&":
        notes.add(Note.CP_ONE_AMPERSAND)
    if head and not head.rstrip().endswith((";", ",", "；", "，")):
        notes.add(Note.SEMICOLON_MISSING)
    close = text.rfind("&&")
    if close < start.end():
        notes.add(Note.CP_NOT_CLOSED)
        return head, text[start.end() :].rstrip("&"), ""
    return head, text[start.end() : close], text[close + 2 :]


def _read_header(head: str, after: str, notes: set[Note]) -> dict[str, str]:
    header: dict[str, str] = {}
    for part, misplaced in ((head, False), (after, True)):
        for name, value in _header_fields(part, notes):
            if misplaced:
                notes.add(Note.FIELD_AFTER_CP)
            canonical = name if name in _ORDER else _NAMES.get(name.upper())
            if canonical is None:
                notes.add(Note.FIELD_UNKNOWN)
            elif canonical in header:
                notes.add(Note.FIELD_REPEATED)
            else:
                header[canonical] = value
                if canonical != name:
                    notes.add(Note.FIELD_CASE)
    if list(header) != [name for name in _ORDER if name in header]:
        notes.add(Note.FIELD_ORDER)
    return header


def _header_fields(part: str, notes: set[Note]) -> Iterator[tuple[str, str]]:
    plain = part if part.isascii() else _narrow(part, notes)
    if "," in plain:
        notes.add(Note.COMMA_FOR_SEMICOLON)
        plain = plain.replace(",", ";")
    for token in plain.split(";"):
        if token:
            key, value = _pair(token, notes)
            yield key, value


def _read_fields(body: str, notes: set[Note]) -> Iterator[Field]:
    if "；" in body or "，" in body or "＝" in body:
        body = "".join(part if part.startswith("//") else _narrow(part, notes) for part in _outside_logs(body))
    tokens = (_TOKEN if "//" in body else _PLAIN_TOKEN).findall(body)
    for token, separator in tokens:
        if token.strip():
            key, value = _pair(token, notes)
            yield key, value, separator
        elif separator:
            notes.add(Note.EMPTY_ITEM)
    if body.endswith((";", ",")):
        notes.add(Note.EMPTY_ITEM)


def _outside_logs(body: str) -> list[str]:
    """The body cut so that texts between `//` and `//` stand alone."""
    return re.split(r"(//.*?//)", body, flags=re.DOTALL)


def _narrow(text: str, notes: set[Note]) -> str:
    narrow = text.translate(_FULL_WIDTH)
    if narrow != text:
        notes.add(Note.FULL_WIDTH)
    return narrow


def _pair(token: str, notes: set[Note]) -> tuple[str, str]:
    key, equals, value = token.partition("=")
    if not equals and _COLON in token:
        key, equals, value = token.partition(_COLON)
        notes.add(Note.FULL_WIDTH)
    if not equals:
        notes.add(Note.BARE_WORD)
    stripped = key.strip(), value.strip()
    if stripped != (key, value):
        notes.add(Note.BLANKS)
    return stripped


def _assemble(header: dict[str, str], area: tuple[Shape, tuple[str, ...]], notes: set[Note]) -> Packet:
    cn = header.get("CN")
    if cn is None:
        raise ParseError("no_cn", "no command code CN")
    if not _CN.fullmatch(cn):
        raise ParseError("bad_cn", f"CN is not four digits: {cn[:20]!r}")
    mn = header.get("MN")
    if mn is None:
        raise ParseError("no_mn", "no device number MN")
    if len(mn) > _WIDEST_MN:
        raise ParseError("bad_mn", f"MN has {len(mn)} characters, more than {_WIDEST_MN}")
    st = header.get("ST", "")
    if not _ST.fullmatch(st):
        notes.add(Note.ST_ODD)
    if "PW" not in header:
        notes.add(Note.PW_MISSING)
    flag = _read_flag(header.get("Flag"), notes)
    pnum, pno = _read_numbers(header, flag, notes)
    edition = Edition.V2005 if flag is None else EDITION_OF_FLAG[flag]
    notes.update(remarks(header.get("QN"), st, edition))
    return Packet(
        header.get("QN") or None,
        st,
        cn,
        header.get("PW", ""),
        mn,
        flag,
        pnum,
        pno,
        header.get("RF") == "1",
        edition,
        *area,
        tuple(sorted(notes)),
    )


def remarks(qn: str | None, st: str, edition: Edition) -> tuple[Note, ...]:
    """What is odd about header fields that are whole: order of notes is alphabetical."""
    notes: list[Note] = []
    if qn is not None and not _QN.fullmatch(qn):
        notes.append(Note.QN_ODD)
    if edition is Edition.V2025 and st == "21":
        notes.append(Note.SURFACE_WATER_PROFILE)
    return tuple(notes)


def _read_flag(text: str | None, notes: set[Note]) -> int | None:
    if text is None:
        return None
    if _SMALL_NUMBER.fullmatch(text) and int(text) <= _WIDEST_FLAG:
        return int(text)
    notes.add(Note.FLAG_UNREADABLE)
    return None


def _read_numbers(header: dict[str, str], flag: int | None, notes: set[Note]) -> tuple[int | None, int | None]:
    """PNUM and PNO. Every packet repeats DataTime, so odd numbers never cost its values."""
    announced = flag is not None and bool(flag & 2)
    given = header.get("PNUM"), header.get("PNO")
    if given == (None, None):
        if announced and flag is not None and EDITION_OF_FLAG[flag] is not Edition.V2005:
            notes.add(Note.D_WITHOUT_NUMBERS)
        return None, None
    pnum, pno = (int(text) if text and _SMALL_NUMBER.fullmatch(text) else None for text in given)
    if not announced or pnum is None or pno is None or not 1 <= pno <= pnum:
        notes.add(Note.PACKET_NUMBERS_ODD)
    return pnum, pno
