"""What lists and decisions share: pages with opaque cursors, entity tags and versions."""

import base64
import binascii
import re
from typing import Any, Generic, TypeVar

import orjson
from fastapi import Request, Response
from pydantic import BaseModel

from shared.errors import InvalidError, StaleVersionError, VersionRequiredError

MAX_PAGE = 1000
VERSION_FORM = re.compile("[0-9]{1,18}")

Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """One page of a list. `next` is the opaque cursor of the following page, absent on the last."""

    items: list[Item]
    next: str | None = None


def encode_cursor(*keys: Any) -> str:
    """An opaque cursor from the sort keys of the last row."""
    return base64.urlsafe_b64encode(orjson.dumps(keys, default=str)).decode().rstrip("=")


def decode_cursor(cursor: str) -> list[Any]:
    """Sort keys from a cursor; `InvalidError` where it is not one of ours."""
    try:
        keys = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error) as error:
        raise InvalidError("the cursor is not valid; start again without it", field="cursor") from error
    if not isinstance(keys, list):
        raise InvalidError("the cursor is not valid; start again without it", field="cursor")
    return keys


def link_next(request: Request, response: Response, cursor: str | None) -> None:
    """Set `Link: <…>; rel="next"` (RFC 8288)."""
    if cursor is not None:
        response.headers["Link"] = f'<{request.url.include_query_params(cursor=cursor)}>; rel="next"'


def etag_of(version: int) -> str:
    """Entity tag of a version number."""
    return f'"{version}"'


def version_from(if_match: str | None) -> int:
    """The version an `If-Match` header names; a decision without one is refused with 428."""
    if if_match is None:
        raise VersionRequiredError('send If-Match with the version you saw, as in If-Match: "3"')
    text = if_match.strip().removeprefix("W/").strip('"')
    if not VERSION_FORM.fullmatch(text):
        raise InvalidError("If-Match must hold a version number in quotes", field="If-Match")
    return int(text)


def check_version(current: int, given: int) -> None:
    """Raise `StaleVersionError` (412) unless the caller saw the current version."""
    if current != given:
        raise StaleVersionError("somebody changed this in the meantime; look again", current=current, given=given)
