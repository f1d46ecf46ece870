"""`sanse doctor`: look, change nothing, say what to do."""

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from launcher import checks
from launcher.checks import Check, Result
from launcher.lock import is_held
from launcher.stack import DEFAULT_PORT_BASE, SERVICES

MARKS = {Result.OK: ("✓", "green"), Result.WARN: ("!", "yellow"), Result.FAIL: ("✗", "bold red")}


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command("doctor", help="Check this machine, the ports, the data folder and the databases.")(doctor)


def doctor(
    data: Annotated[Path, typer.Option(help="Data folder of sanse up.")] = Path("data"),
    port_base: Annotated[int, typer.Option(help="First port, as for sanse up.")] = DEFAULT_PORT_BASE,
    host: Annotated[str, typer.Option(help="Address to listen on, as for sanse up.")] = "127.0.0.1",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
) -> None:
    """Exit code 1 when a check fails; warnings do not count."""
    found = asyncio.run(examine(data.resolve(), host, port_base))
    failed = any(check.result is Result.FAIL for check in found)
    if as_json:
        typer.echo(json.dumps({"ok": not failed, "checks": [asdict(check) for check in found]}, ensure_ascii=False))
    else:
        show(Console(soft_wrap=True), found)
    raise typer.Exit(1 if failed else 0)


async def examine(folder: Path, host: str, port_base: int) -> list[Check]:
    """All checks. Ports are not asked for while the folder's own stack listens on them."""
    found = [checks.python(), checks.packages(), checks.disk(folder), checks.folder_state(folder)]
    if not is_held(folder):
        found.append(checks.ports(host, port_base))
    found += [checks.clock_zone(), checks.fonts(), checks.embedded(os.environ)]
    found.append(checks.archive(folder, os.environ))
    for name in SERVICES:
        if url := os.environ.get(f"{name.upper()}_DATABASE_URL"):
            found.append(await checks.database(name, url))
    return found


def show(console: Console, found: list[Check]) -> None:
    """One line a check, the remedy under it."""
    for check in found:
        mark, style = MARKS[check.result]
        console.print(Text(f"{mark} ", style=style) + Text(f"{check.name:<22} {check.detail}"))
        if check.remedy:
            console.print(Text(f"  → {check.remedy}"))
