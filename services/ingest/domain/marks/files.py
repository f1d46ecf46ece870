"""What a file of evidence 佐证材料 really is, read from its bytes; the name is not believed."""

import io
import re
import unicodedata
import zipfile
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import Any

import yaml
from PIL import Image

from shared.errors import InvalidError, TooLargeError, UnsupportedTypeError

MEGABYTE = 1_000_000
LONGEST_NAME = 150
SNIFFED = 1024
MARKUP = re.compile(rb"<\s*(!doctype|html|head|body|script|svg|iframe|img|\?xml|!--)", re.IGNORECASE)
PDF, XLSX = "application/pdf", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PIL_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png"}


@dataclass(frozen=True)
class FileRules:
    """All of `evidence.yaml`, sizes in bytes."""

    limit: int
    subject_limit: int
    subject_files: int
    pixels: int
    archive_entries: int
    archive_bytes: int
    archive_ratio: int
    extensions: dict[str, frozenset[str]]


@cache
def file_rules() -> FileRules:
    """The rules."""
    raw: dict[str, Any] = yaml.safe_load(resources.files(__package__).joinpath("evidence.yaml").read_text("utf-8"))
    archive = raw["archive"]
    return FileRules(
        limit=raw["limit_mb"] * MEGABYTE, subject_limit=raw["subject_limit_mb"] * MEGABYTE,
        subject_files=raw["subject_files"], pixels=raw["image_megapixels"] * 1_000_000,
        archive_entries=archive["entries"], archive_bytes=archive["expanded_mb"] * MEGABYTE,
        archive_ratio=archive["ratio"],
        extensions={kind: frozenset(ends) for kind, ends in raw["extensions"].items()},
    )  # fmt: skip


def clean_name(name: str) -> str:
    """A file name without path and control characters, NFC, of bearable length, its extension kept."""
    plain = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(sign for sign in plain if sign.isprintable()).strip(" .")
    path = PurePosixPath(plain or "file")
    return path.stem[: LONGEST_NAME - len(path.suffix)] + path.suffix[:20]


def check_file(name: str, content: bytes) -> str:
    """The media type of an accepted file; 413, 415 or 422 says why it is refused."""
    rules = file_rules()
    if not content:
        raise InvalidError("the file is empty", field="file")
    if len(content) > rules.limit:
        raise TooLargeError(f"a file may have {rules.limit // MEGABYTE} MB", limit=rules.limit, size=len(content))
    kind = _type_of(content)
    extension = PurePosixPath(name).suffix.lower().removeprefix(".")
    if extension not in rules.extensions[kind]:
        raise _refuse("name_and_content_differ", f"the name says {extension or 'nothing'}, the content is {kind}")
    return kind


def check_room(size: int, stored: int, files: int) -> None:
    """Raise where one mark or record would hold more than its limit."""
    rules = file_rules()
    if files >= rules.subject_files:
        raise TooLargeError(f"at most {rules.subject_files} files", limit=rules.subject_files)
    if size + stored > rules.subject_limit:
        raise TooLargeError("the files together would be too large", limit=rules.subject_limit, stored=stored)


def _type_of(content: bytes) -> str:
    if content.startswith(b"%PDF-"):
        _check_single(content)
        if b"%%EOF" not in content[-2048:]:
            raise _refuse("content_broken", "the PDF has no end; it was cut off")
        return PDF
    if content.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        _check_single(content)
        return _image(content)
    if content.startswith(b"PK\x03\x04"):
        return _workbook(content)
    raise _refuse("type_not_allowed", "evidence is a PDF, JPEG, PNG or XLSX file")


def _check_single(content: bytes) -> None:
    """A container of bytes must not be a second thing at the same time."""
    if MARKUP.search(content[:SNIFFED]) or b"%PDF-" in content[5:SNIFFED] or zipfile.is_zipfile(io.BytesIO(content)):
        raise _refuse("polyglot", "the file holds a second thing besides what it seems to be")


def _image(content: bytes) -> str:
    try:
        with Image.open(io.BytesIO(content), formats=tuple(PIL_TYPES)) as image:
            kind, pixels = PIL_TYPES[str(image.format)], image.width * image.height
            if pixels <= file_rules().pixels:
                image.draft("RGB", (64, 64))  # reads all of a JPEG while decoding a small version of it
                image.load()
    except Exception as error:  # a decoder that meets hostile bytes raises whatever it likes
        raise _refuse("content_broken", f"the image cannot be read: {error}") from error
    if pixels > file_rules().pixels:
        raise _refuse("image_too_large", "the image has too many pixels")
    return kind


def _workbook(content: bytes) -> str:
    rules = file_rules()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except Exception as error:  # the same holds for the table of a hostile archive
        raise _refuse("content_broken", f"the workbook cannot be read: {error}") from error
    names, expanded = {entry.filename for entry in entries}, sum(entry.file_size for entry in entries)
    if len(entries) > rules.archive_entries or expanded > min(rules.archive_bytes, len(content) * rules.archive_ratio):
        raise _refuse("archive_bomb", "the workbook expands without measure")
    if "xl/workbook.xml" not in names or "xl/vbaProject.bin" in names:
        raise _refuse("type_not_allowed", "the archive is no workbook, or one with macros")
    return XLSX


def _refuse(reason: str, message: str) -> UnsupportedTypeError:
    return UnsupportedTypeError(message, reason=reason)
