"""`sanse migrate`: bring databases to the schema of this version. Safe to run twice and side by side."""

import asyncio
import os
from typing import Annotated

import typer

from launcher.errors import LauncherError
from launcher.stack import SERVICES


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command("migrate", help="Bring the databases of all services, or of one, to the newest schema.")(migrate)


def migrate(
    service: Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}; all of them when left out.")] = "",
) -> None:
    """Addresses come from <SERVICE>_DATABASE_URL."""
    if service and service not in SERVICES:
        raise LauncherError(f"there is no service {service!r}", remedy=f"choose one of {', '.join(SERVICES)}")
    chosen = [service] if service else list(SERVICES)
    urls = {name: os.environ.get(f"{name.upper()}_DATABASE_URL", "") for name in chosen}
    missing = [f"{name.upper()}_DATABASE_URL" for name, url in urls.items() if not url]
    if missing:
        raise LauncherError(f"missing in the environment: {', '.join(missing)}")
    asyncio.run(_upgrade(urls))


async def _upgrade(urls: dict[str, str]) -> None:
    from shared.db import upgrade

    for name, url in urls.items():
        try:
            await upgrade(name, url)
        except OSError as error:
            raise LauncherError(
                f"{name}: the database does not answer: {error}",
                remedy=f"check {name.upper()}_DATABASE_URL and that PostgreSQL runs there",
            ) from error
        typer.echo(f"✓ {name}")
