"""Evidence 证据: what may be handed in, how large, by whom and when. Reading files is `gateways/inspection.py`."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import yaml

from services.casework.domain.cases.model import Case
from services.casework.domain.machine import FIRM, STAFF, Actor
from shared.contracts.casework import CaseState, EvidenceKind
from shared.errors import ConflictError, ForbiddenError, TooLargeError, UnsupportedTypeError

MEGABYTE = 1_000_000
LONGEST_NAME = 150
FIRM_MAY_ADD = frozenset(
    {CaseState.INQUIRY_SENT, CaseState.ACKNOWLEDGED, CaseState.OVERDUE, CaseState.RETURNED, CaseState.RECTIFYING}
)
"""States in which the enterprise has something to answer."""


class EvidenceClosedError(ConflictError):
    """The case takes no evidence from this party now."""

    code = "evidence_closed"


class CaseFullError(TooLargeError):
    """All files of a case together are too large."""

    code = "case_full"


@dataclass(frozen=True)
class Evidence:
    """A file of a case; the content is found by its SHA-256 (hex)."""

    id: UUID
    case_id: UUID
    finding_id: UUID | None
    kind: EvidenceKind
    name: str
    media_type: str
    size: int
    sha256: str
    uploaded_at: datetime
    uploaded_by: str
    organisation: str
    from_enterprise: bool


@dataclass(frozen=True)
class KindRule:
    """Accepted media types of a kind and the limit in bytes."""

    types: frozenset[str]
    limit: int


@dataclass(frozen=True)
class Rules:
    """All of `evidence.yaml`."""

    kinds: Mapping[EvidenceKind, KindRule]
    extensions: Mapping[str, frozenset[str]]
    case_limit: int
    pixels: int
    archive_entries: int
    archive_bytes: int
    archive_ratio: int


@cache
def rules() -> Rules:
    """The rules, with short names of types written out."""
    raw: dict[str, Any] = yaml.safe_load(files("services.casework.domain").joinpath("evidence.yaml").read_text("utf-8"))
    names: dict[str, str] = raw["names"]
    archive = raw["archive"]
    return Rules(
        kinds={
            EvidenceKind(kind): KindRule(
                frozenset(names.get(item, item) for item in rule["types"]), rule["limit_mb"] * MEGABYTE
            )
            for kind, rule in raw["kinds"].items()
        },
        extensions={names.get(kind, kind): frozenset(ends) for kind, ends in raw["extensions"].items()},
        case_limit=raw["case_limit_mb"] * MEGABYTE,
        pixels=raw["image_megapixels"] * 1_000_000,
        archive_entries=archive["entries"],
        archive_bytes=archive["expanded_mb"] * MEGABYTE,
        archive_ratio=archive["ratio"],
    )


def refuse(reason: str, message: str, **context: Any) -> UnsupportedTypeError:
    """A 415 with a reason code."""
    return UnsupportedTypeError(message, reason=reason, **context)


def clean_name(name: str) -> str:
    """A file name without path and control characters, NFC, of bearable length, its extension kept."""
    plain = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(sign for sign in plain if sign.isprintable()).strip(" .")
    path = PurePosixPath(plain or "file")
    return path.stem[: LONGEST_NAME - len(path.suffix)] + path.suffix[:20]


def extension_of(name: str) -> str:
    """Extension in small letters without the dot; 415 where there is none."""
    suffix = PurePosixPath(name).suffix.lower().removeprefix(".")
    if not suffix:
        raise refuse("no_extension", "the file name has no extension")
    return suffix


def check_name(kind: EvidenceKind, name: str) -> None:
    """Raise unless the extension is one that this kind of evidence may have."""
    allowed = {end for kind_type in rules().kinds[kind].types for end in rules().extensions[kind_type]}
    if extension_of(name) not in allowed:
        raise refuse(
            "type_not_allowed", f"a {kind} is one of: {', '.join(sorted(allowed))}",
            found=extension_of(name), allowed=sorted(allowed), kind=kind,
        )  # fmt: skip


def settle_type(name: str, media_type: str) -> str:
    """Plain text is a table where its name says so; nothing in the content could tell."""
    is_table = media_type == "text/plain" and extension_of(name) == "csv"
    return "text/csv" if is_table else media_type


def check_type(kind: EvidenceKind, name: str, media_type: str) -> None:
    """Raise unless the type found in the content fits the kind and the extension of the name."""
    if media_type not in rules().kinds[kind].types:
        raise refuse(
            "type_not_allowed", f"the content is {media_type}; a {kind} may not be that",
            found=media_type, allowed=sorted(rules().kinds[kind].types), kind=kind,
        )  # fmt: skip
    if extension_of(name) not in rules().extensions[media_type]:
        raise refuse(
            "name_and_content_differ", f"the name says {extension_of(name)}, the content is {media_type}",
            found=media_type, allowed=sorted(rules().extensions[media_type]), kind=kind,
        )  # fmt: skip


def check_may_add(case: Case, actor: Actor) -> None:
    """Raise unless this actor may add evidence to the case in its state."""
    if not actor.is_any(FIRM | STAFF):
        raise ForbiddenError("your role adds no evidence")
    open_for_actor = case.state in FIRM_MAY_ADD if actor.tenant is not None else case.is_open
    if not open_for_actor:
        raise EvidenceClosedError(f"a case in state {case.state} takes no evidence now", state=str(case.state))


def check_room(size: int, stored: int) -> None:
    """Raise when the case would hold more than its limit."""
    if size + stored > rules().case_limit:
        raise CaseFullError("the files of a case may not exceed its limit", limit=rules().case_limit, stored=stored)
