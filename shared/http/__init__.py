"""The app factory every service and the portal start from: errors, health, metrics, request ids, limits."""

from shared.http.app import MAX_BODY, Check, create_app
from shared.http.middleware import BodyLimit, RequestContext
from shared.http.pages import (
    MAX_PAGE,
    Page,
    check_version,
    decode_cursor,
    encode_cursor,
    etag_of,
    link_next,
    version_from,
)
from shared.http.problems import PROBLEM_TYPE, TITLES, problem

__all__ = [
    "MAX_BODY",
    "MAX_PAGE",
    "PROBLEM_TYPE",
    "TITLES",
    "BodyLimit",
    "Check",
    "Page",
    "RequestContext",
    "check_version",
    "create_app",
    "decode_cursor",
    "encode_cursor",
    "etag_of",
    "link_next",
    "problem",
    "version_from",
]
