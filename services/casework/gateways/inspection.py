"""What a file really is, read from its content; the name is not believed.

Refuses what could be taken for two things (a ZIP hidden behind an image, markup before a PDF), broken
images, archives that expand without measure. Raises the 415 of `domain.evidence.refuse`.
"""

import codecs
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from services.casework.domain.evidence import refuse, rules

Image.MAX_IMAGE_PIXELS = None  # `_image` has a limit of its own, asked before anything is decoded

HEAD = 4096
SNIFFED = 1024
"""Browsers look for markup in about this many first bytes."""
BLOCK = 1 << 20
MARKUP = re.compile(rb"<\s*(!doctype|html|head|body|script|svg|iframe|img|\?xml|!--)", re.IGNORECASE)
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
VIDEO_BRANDS = frozenset(
    {
        b"isom",
        b"iso2",
        b"iso4",
        b"iso5",
        b"iso6",
        b"mp41",
        b"mp42",
        b"avc1",
        b"M4V ",
        b"mmp4",
        b"3gp4",
        b"3gp5",
        b"dash",
    }
)
AUDIO_BRANDS = frozenset({b"M4A ", b"M4B "})
PIL_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png"}


def find_type(path: Path) -> str:
    """The media type of the content; raises `UnsupportedTypeError` where it is none of ours or is broken."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    for matches, inspect in _KINDS:
        if matches(head):
            return inspect(path, head)
    return _text(path, head)


def _check_single(path: Path, head: bytes) -> None:
    """A container of bytes must not be a second thing at the same time."""
    if MARKUP.search(head[:SNIFFED]):
        raise refuse("polyglot", "the file holds web markup at its beginning")
    if b"%PDF-" in head[5:SNIFFED]:
        raise refuse("polyglot", "a PDF is hidden in the file")
    if zipfile.is_zipfile(path):
        raise refuse("polyglot", "an archive is appended to the file")


def _image(path: Path, head: bytes) -> str:
    _check_single(path, head)
    try:
        kind, pixels = _measure(path)
        if pixels <= rules().pixels:
            _decode(path)
    except Exception as error:  # a decoder that meets hostile bytes raises whatever it likes
        raise refuse("image_broken", f"the image cannot be read: {error}") from error
    if pixels > rules().pixels:
        raise refuse("image_too_large", "the image has too many pixels", pixels=pixels)
    return kind


def _measure(path: Path) -> tuple[str, int]:
    """Type and number of pixels, from the header alone."""
    with Image.open(path, formats=tuple(PIL_TYPES)) as image:
        return PIL_TYPES[str(image.format)], image.width * image.height


def _decode(path: Path) -> None:
    """Read all of it: check sums, then the picture itself."""
    with Image.open(path, formats=tuple(PIL_TYPES)) as image:
        image.verify()
    with Image.open(path, formats=tuple(PIL_TYPES)) as image:
        image.draft("RGB", (64, 64))  # reads all of a JPEG while decoding a small version of it
        image.load()


def _pdf(path: Path, head: bytes) -> str:
    _check_single(path, head)
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2048))
        if b"%%EOF" not in file.read():
            raise refuse("content_unknown", "the PDF has no end; it was cut off")
    return "application/pdf"


def _media(path: Path, head: bytes) -> str:
    _check_single(path, head)
    brand = head[8:12]
    if brand in VIDEO_BRANDS:
        return "video/mp4"
    if brand in AUDIO_BRANDS:
        return "audio/mp4"
    raise refuse("content_unknown", f"media of the kind {brand.decode('latin-1')!r} is not accepted")


def _parquet(path: Path, head: bytes) -> str:
    del head
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4))
        if file.read() != b"PAR1":
            raise refuse("content_unknown", "the Parquet file has no end; it was cut off")
    return "application/vnd.apache.parquet"


def _archive(path: Path, head: bytes) -> str:
    if MARKUP.search(head[:SNIFFED]):
        raise refuse("polyglot", "the archive holds web markup at its beginning")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except Exception as error:  # the same holds for the table of a hostile archive
        raise refuse("archive_broken", f"the archive cannot be read: {error}") from error
    _check_measure(entries, path.stat().st_size)
    names = {entry.filename for entry in entries}
    if "[Content_Types].xml" not in names:
        return "application/zip"
    if "word/vbaProject.bin" in names or "xl/vbaProject.bin" in names:
        raise refuse("type_not_allowed", "documents with macros are not accepted")
    if "word/document.xml" in names:
        return DOCX
    if "xl/workbook.xml" in names:
        return XLSX
    raise refuse("content_unknown", "an Office file that is neither a document nor a workbook")


def _check_measure(entries: list[zipfile.ZipInfo], packed: int) -> None:
    limit = rules()
    expanded = sum(entry.file_size for entry in entries)
    if len(entries) > limit.archive_entries:
        raise refuse("archive_bomb", "the archive has too many entries", entries=len(entries))
    if expanded > limit.archive_bytes or expanded > packed * limit.archive_ratio:
        raise refuse("archive_bomb", "the archive expands without measure", expanded=expanded)


def _text(path: Path, head: bytes) -> str:
    if MARKUP.search(head[:SNIFFED]):
        raise refuse("content_unknown", "web pages and drawings with scripts are not accepted", found="markup")
    if b"\0" in head or head[:2] in {b"MZ", b"#!"} or head[:4] == b"\x7fELF":
        raise refuse("content_unknown", "the content is of no accepted kind")
    if not any(_decodes(path, encoding) for encoding in ("utf-8", "gb18030")):
        raise refuse("text_not_readable", "the text is neither UTF-8 nor GBK")
    return "text/plain"


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                if b"\0" in block:
                    return False
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _starts(*marks: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(marks)


_KINDS: tuple[tuple[Callable[[bytes], bool], Callable[[Path, bytes], str]], ...] = (
    (_starts(b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"), _image),
    (_starts(b"%PDF-"), _pdf),
    (_starts(b"PK\x03\x04"), _archive),
    (_starts(b"PAR1"), _parquet),
    (lambda head: head[4:8] == b"ftyp", _media),
)
