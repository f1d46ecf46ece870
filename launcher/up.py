"""`sanse up`: the whole platform on this machine."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from launcher import clock
from launcher.stack import DEFAULT_PORT_BASE


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command("up", help="Start everything on this machine, with the demo park unless --no-demo.")(up)


def up(
    data: Annotated[Path, typer.Option(help="Folder for all data; made when missing.")] = Path("data"),
    port_base: Annotated[
        int, typer.Option(help="Portal's port; services follow, HJ 212 gateway at +212.")
    ] = DEFAULT_PORT_BASE,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    clock_at: Annotated[
        str, typer.Option("--clock", help="Live in simulated time from here, as in 2026-01-01T00:00+08:00.")
    ] = "",
    speed: Annotated[float | None, typer.Option(help="Simulated seconds a real second.")] = None,
    *,
    demo: Annotated[bool, typer.Option("--demo/--no-demo", help="Load the demo park and its accounts.")] = True,
) -> None:
    """Ctrl-C stops all. Started again on the same folder it continues where it was."""
    from launcher.live import live
    from launcher.run import Options
    from launcher.screen import Screen

    wish = clock.Wish(clock.parse(clock_at) if clock_at else None, speed)
    options = Options(folder=data.expanduser().resolve(), port_base=port_base, host=host, demo=demo)
    raise typer.Exit(asyncio.run(live(options, wish, Screen())))
