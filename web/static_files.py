"""Static files with lasting cache headers: their addresses carry a version or a hash of the content."""

import hashlib
import json
import re
from functools import cache
from os import PathLike, stat_result
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent / "static"
FOREVER = "public, max-age=31536000, immutable"
SHORT = "public, max-age=300"


@cache
def vendored() -> dict[str, str]:
    """Package name to its vendored folder, from the lock."""
    lock = json.loads((STATIC / "vendor" / "vendor.lock.json").read_text("utf-8"))
    return {entry["name"]: f"vendor/{entry['name']}-{entry['version']}" for entry in lock["packages"]}


@cache
def static(path: str) -> str:
    """Address of a file of our own, with a hash of its content."""
    digest = hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]
    return f"/static/{path}?v={digest}"


@cache
def vendor(package: str, path: str) -> str:
    """Address of a vendored file; its folder carries the version."""
    return f"/static/{vendored()[package]}/{path}"


@cache
def icon_names() -> frozenset[str]:
    """Icons in the sprite."""
    sprite = (STATIC / vendored()["lucide-static"] / "icons.svg").read_text("utf-8")
    return frozenset(re.findall(r'<symbol id="([^"]+)"', sprite))


class CachedStaticFiles(StaticFiles):
    """Long caching for addresses with a version, short for the others."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file with its Cache-Control."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        lasting = b"v=" in scope["query_string"] or "/vendor/" in scope["path"]
        response.headers["Cache-Control"] = FOREVER if lasting else SHORT
        return response
