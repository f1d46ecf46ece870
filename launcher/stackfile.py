"""`stack.json`: what other tools learn of a running stack. There while it runs and is ready, gone after."""

from pathlib import Path
from typing import TypedDict

from launcher.accounts import ClientLogin, Login
from launcher.private_file import write_private
from launcher.stack import Place

FILE = "stack.json"


class Gateway(TypedDict):
    """Where data loggers 数采仪 connect."""

    host: str
    port: int


class StackFile(TypedDict):
    """Base URLs without a path; log-ins and clients are empty without the demo."""

    web: str
    ingest: str
    detection: str
    casework: str
    grading: str
    identity: str
    gateway: Gateway
    logins: list[Login]
    clients: list[ClientLogin]


def describe(place: Place, logins: list[Login], clients: list[ClientLogin]) -> StackFile:
    """The content of the file."""
    return StackFile(
        web=place.url("web"),
        ingest=place.url("ingest"),
        detection=place.url("detection"),
        casework=place.url("casework"),
        grading=place.url("grading"),
        identity=place.url("identity"),
        gateway=Gateway(host=place.hosts["gateway"], port=place.port("gateway")),
        logins=logins,
        clients=clients,
    )


def publish(folder: Path, content: StackFile) -> None:
    """Write it as a whole, for our eyes only."""
    write_private(folder / FILE, content)


def withdraw(folder: Path) -> None:
    """Remove it; also one that a killed launcher left."""
    (folder / FILE).unlink(missing_ok=True)
