"""The `sanse` command. Each subcommand is a file here with `register(app)`; heavy imports wait for their call."""

import importlib
import importlib.util
import sys

import typer
from rich.console import Console
from rich.text import Text

from launcher.errors import LauncherError
from shared.errors import AppError
from shared.settings import SettingsError

COMMANDS = (
    "up",
    "migrate",
    "bootstrap",
    "doctor",
    "replay",
    "importer",
    "backtest",
    "park",
    "backup",
    "restore",
    "audit",
)
"""In the order of `--help`; a file that is not there is left out."""


def build() -> typer.Typer:
    """The command with every subcommand that is installed."""
    app = typer.Typer(
        name="sanse",
        help="三色 Sanse: third-party supervision of automatic pollution-source monitoring.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    @app.callback()
    def everything() -> None:
        """Keep subcommand names even where there is only one."""

    for name in COMMANDS:
        if importlib.util.find_spec(f"launcher.{name}") is None:
            continue
        module = importlib.import_module(f"launcher.{name}")
        if hasattr(module, "register"):
            module.register(app)
    return app


def main() -> None:
    """Entry point: expected errors become one plain message and exit code 1."""
    try:
        build()()
    except LauncherError as error:
        _complain(error.message, error.remedy)
    except (AppError, SettingsError) as error:
        _complain(str(error), "")


def _complain(message: str, remedy: str) -> None:
    console = Console(stderr=True, soft_wrap=True)
    console.print(Text("✗ ", style="bold red") + Text(message))
    if remedy:
        console.print(Text("  → ", style="bold") + Text(remedy))
    sys.exit(1)


if __name__ == "__main__":
    main()
