"""The secrets of one data folder, made once and kept in `secrets.json` (mode 0600)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from launcher import accounts
from launcher.errors import LauncherError
from launcher.private_file import read_private, write_private
from launcher.stack import CLIENTS

FILE = "secrets.json"


@dataclass(frozen=True)
class Credentials:
    """Client secrets by process name and demo client id. A folder is a demo folder for ever, or never."""

    demo: bool
    clients: Mapping[str, str]
    admin_made: bool = False
    """The administrator of a folder without demo exists; the password is nowhere but in identity's hash."""

    def save(self, folder: Path) -> None:
        """Keep them."""
        note = {"demo": self.demo, "clients": dict(self.clients), "admin_made": self.admin_made}
        write_private(folder / FILE, note)

    def with_admin(self) -> "Credentials":
        """Remember that the administrator exists."""
        return replace(self, admin_made=True)


def load(folder: Path, *, demo: bool) -> Credentials:
    """Those of the folder, or new ones for a new folder."""
    names = [*(name for name in CLIENTS if demo or name != "park"), *(accounts.demo_client_ids() if demo else [])]
    note = read_private(folder / FILE) or {"demo": demo, "clients": {}, "admin_made": False}
    if note["demo"] and not demo:
        raise LauncherError(
            f"{folder} holds the demo, whose passwords everybody knows",
            remedy="leave out --no-demo, or give a new folder with --data",
        )
    if demo and not note["demo"]:
        raise LauncherError(
            f"{folder} was made without the demo, and demo accounts would open it to everybody",
            remedy="add --no-demo, or give a new folder with --data",
        )
    clients = {name: note["clients"].get(name) or accounts.new_secret() for name in names}
    credentials = Credentials(demo, clients, admin_made=note["admin_made"])
    credentials.save(folder)
    return credentials
