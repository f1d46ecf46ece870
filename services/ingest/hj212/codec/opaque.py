"""Tell an encrypted data area (数据区) of HJ 212-2025 from text. No field of the frame says which it is."""

import re

_SEALABLE = re.compile(rb"Flag=(\d{1,3});[^&]*CP=&&(.*)&&\Z", re.DOTALL)
_PLAIN_BLOCK = re.compile(rb"[ -~]{16}")
_VERSION_2025 = 2
_BLOCK = 16


def looks_sealed(segment: bytes) -> bool:
    """Whether this is a segment of 2025 whose body is not text, or SM4 bytes written as `{0xE4,…}`.

    A body of text begins with a block of printable characters; of encrypted ones, one in ten million does.
    """
    match = _SEALABLE.search(segment)
    if match is None or int(match[1]) >> 2 != _VERSION_2025:
        return False
    body = match[2]
    if body.startswith(b"{0x"):
        return True
    return len(body) >= _BLOCK and _PLAIN_BLOCK.match(body) is None and not is_text(body)


def is_text(body: bytes) -> bool:
    """Whether a data area is text with values in it: UTF-8, or GBK that begins as the standard's examples do."""
    for encoding in ("utf-8", "gbk"):
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "=" in text and text.isprintable() and (encoding == "utf-8" or _PLAIN_BLOCK.match(body)):
            return True
    return False
