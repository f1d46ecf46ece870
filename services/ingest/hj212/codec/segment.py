"""Parse a data segment (数据段) into a `Packet`.

A segment written as the standard prints it is read by one regular expression for its header and one
cut of its data area; everything else goes through `tolerance`, which knows the habits of real devices.
Both give the same packet. A device sends the same keys again and again, so their order is known from
earlier packets: only what they say is new.
"""

import re

from services.ingest.hj212.codec.packet import EDITION_OF_FLAG, Edition, Note, Packet
from services.ingest.hj212.codec.shapes import cut
from services.ingest.hj212.codec.tolerance import parse_tolerant, remarks

_HEAD = re.compile(
    r"(?:QN=(\d*);)?ST=([0-9A-Z]{2});CN=(\d{4});PW=([^\x00- ;&=,\x7f]{0,64});MN=([^\x00- ;&=,\x7f]{1,64});"
    r"(?:Flag=(\d{1,2});)?(?:PNUM=(\d{1,4});PNO=(\d{1,4});)?(?:RF=(1);)?CP=&&",
    re.ASCII,
)
_PLAIN: dict[str | None, tuple[int | None, Edition]] = {
    None: (None, Edition.V2005),
    **{str(flag): (flag, EDITION_OF_FLAG[flag]) for flag in (0, 1, 2, 3, 4, 5, 8, 9)},
}
"""Flags that need no remark where there are no packet numbers; 2005 sets D without giving any."""
_NUMBERED = {str(flag): (flag, EDITION_OF_FLAG[flag]) for flag in (2, 3, 6, 7, 10, 11)}
_QN_SIZE = 17
_NO_NOTES: tuple[Note, ...] = ()
_new = tuple.__new__
"""A named tuple without the call of its own `__new__`, which costs as much as the rest of it."""


def parse_segment(segment: bytes) -> Packet:
    """Parse the bytes between the length field and the checksum.

    Raises ParseError and nothing else, whatever the bytes are. Codes: `empty`, `bad_text`,
    `encrypted_body`, `control_character`, `no_cp`, `no_cn`, `bad_cn`, `no_mn`, `bad_mn`.
    """
    try:
        text = segment.decode("ascii")
    except UnicodeDecodeError:
        return parse_tolerant(segment)
    head = _HEAD.match(text)
    if head is None:
        return parse_tolerant(segment)
    start = head.end()
    qn, st, cn, pw, mn, flag_text, pnum, pno, rf = head.groups()
    known = _PLAIN.get(flag_text) if pnum is None else _NUMBERED.get(flag_text)
    area = cut(text[start:-2], segment[start:-2]) if text.endswith("&&", start) else None
    if area is None or known is None:
        return parse_tolerant(segment)
    flag, edition = known
    notes = _NO_NOTES
    if (qn is not None and len(qn) != _QN_SIZE) or (st == "21" and edition is Edition.V2025):
        notes = remarks(qn, st, edition)
    if text.endswith((";&&", ",&&")):
        notes = (Note.EMPTY_ITEM, *notes)  # in the order of the alphabet
    total = number = None
    if pnum is not None:
        total, number = int(pnum), int(pno)
        if not 1 <= number <= total:
            return parse_tolerant(segment)
    return _new(Packet, (qn or None, st, cn, pw, mn, flag, total, number, rf is not None, edition, *area, notes))
