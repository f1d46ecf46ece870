"""`sanse bootstrap`: write identity's first accounts and clients where a stack runs in containers.

`sanse up` does this itself. In containers the secrets come from the environment, and the file goes to a
volume that only identity shares.
"""

import os
from pathlib import Path

import typer

from launcher import accounts
from launcher.errors import LauncherError
from launcher.private_file import write_private
from launcher.stack import CLIENTS

LEAST_SECRET = 32
OWN = tuple(name for name in CLIENTS if name != "park")


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command("bootstrap", help="Write identity's bootstrap file from secrets in the environment.")(bootstrap)


def bootstrap() -> None:
    """Reads <NAME>_CLIENT_SECRET and SANSE_ADMIN_PASSWORD; writes IDENTITY_BOOTSTRAP_FILE (mode 0600).

    Leave SANSE_ADMIN_PASSWORD empty once the administrator has logged in and chosen another password.
    """
    target = os.environ.get("IDENTITY_BOOTSTRAP_FILE", "")
    if not target:
        raise LauncherError("IDENTITY_BOOTSTRAP_FILE is missing in the environment")
    secrets = {name: os.environ.get(f"{name.upper()}_CLIENT_SECRET", "") for name in OWN}
    weak = [f"{name.upper()}_CLIENT_SECRET" for name in OWN if len(secrets[name]) < LEAST_SECRET]
    if weak:
        raise LauncherError(
            f"missing or shorter than {LEAST_SECRET} characters: {', '.join(weak)}",
            remedy="make each with: openssl rand -hex 32",
        )
    password = os.environ.get("SANSE_ADMIN_PASSWORD", "")
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, accounts.plain_bootstrap(secrets, password))
    typer.echo(f"✓ {path}")
