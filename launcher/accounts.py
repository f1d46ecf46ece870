"""Who exists when a stack starts: the people, organisations and API clients identity is told of.

The bootstrap file is identity's input, upserted at its start. With the demo it holds the invented people
of `demo_accounts.yaml`; without it the clients of our own processes and, once, an administrator.
"""

import secrets
import uuid
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any, TypedDict

import yaml

from launcher.stack import CLIENTS

SPACE = uuid.UUID("6b1b4c1e-5f0e-5b52-9f0a-3a5e7d0c5a11")
"""Name space of the organisation ids, so that they are the same in every folder."""
SYSTEM = "system"


class Organisation(TypedDict):
    """An organisation in the bootstrap file. `enterprise_code` is the registry's code 企业编号 (E-001)."""

    id: str
    kind: str
    name_zh: str
    name_en: str
    enterprise_code: str | None


class Account(TypedDict):
    """A person in the bootstrap file."""

    username: str
    password: str
    name_zh: str
    name_en: str
    roles: list[str]
    organisation_id: str


class Client(TypedDict):
    """A program that asks for tokens."""

    client_id: str
    client_secret: str
    roles: list[str]
    organisation_id: str
    name: str


class Bootstrap(TypedDict):
    """The whole file."""

    organisations: list[Organisation]
    accounts: list[Account]
    clients: list[Client]


class Login(TypedDict):
    """A log-in as `stack.json` shows it; `organisation` is the Chinese name."""

    role: str
    username: str
    password: str
    organisation: str


class ClientLogin(TypedDict):
    """An API client as `stack.json` shows it."""

    role: str
    client_id: str
    client_secret: str


def organisation_id(key: str) -> str:
    """Id of an organisation by its key or enterprise code."""
    return str(uuid.uuid5(SPACE, key))


@cache
def _demo() -> Mapping[str, Any]:
    text = resources.files("launcher").joinpath("demo_accounts.yaml").read_text(encoding="utf-8")
    data: Mapping[str, Any] = yaml.safe_load(text)
    return data


def demo_enterprises() -> dict[str, dict[str, Any]]:
    """The invented enterprises 企业 by code: names, trade, class of GB/T 4754-2017, and their person."""
    return {entry["code"]: entry for entry in _demo()["enterprises"]}


def demo_organisations() -> list[Organisation]:
    """The offices, then one organisation an enterprise."""
    data = _demo()
    offices = [
        Organisation(
            id=organisation_id(entry["key"]),
            kind=entry["kind"],
            name_zh=entry["name_zh"],
            name_en=entry["name_en"],
            enterprise_code=None,
        )
        for entry in data["organisations"]
    ]
    return offices + [
        Organisation(
            id=organisation_id(entry["code"]),
            kind="enterprise",
            name_zh=entry["name_zh"],
            name_en=entry["name_en"],
            enterprise_code=entry["code"],
        )
        for entry in data["enterprises"]
    ]


def demo_accounts() -> list[Account]:
    """All people of the demo."""
    data = _demo()
    people = [(entry, entry["role"], entry["organisation"]) for entry in data["accounts"]]
    people += [(entry["person"], "enterprise", entry["code"]) for entry in data["enterprises"]]
    return [
        Account(
            username=person["username"],
            password=f"demo-{person['username']}",
            name_zh=person["name_zh"],
            name_en=person["name_en"],
            roles=[role],
            organisation_id=organisation_id(organisation),
        )
        for person, role, organisation in people
    ]


def demo_clients(client_secrets: Mapping[str, str]) -> list[Client]:
    """The API clients of the demo, with this folder's secrets (by client id)."""
    return [
        Client(
            client_id=entry["client_id"],
            client_secret=client_secrets[entry["client_id"]],
            roles=[entry["role"]],
            organisation_id=organisation_id(entry["organisation"]),
            name=entry["name"],
        )
        for entry in _demo()["clients"]
    ]


def demo_client_ids() -> list[str]:
    """Those a folder needs a secret for."""
    return [entry["client_id"] for entry in _demo()["clients"]]


def start_pages() -> dict[str, str]:
    """Page a person of the demo starts on, by username; an enterprise's is the to-do list."""
    return {entry["username"]: entry["start"] for entry in _demo()["accounts"]}


def logins(accounts: Iterable[Account], organisations: Iterable[Organisation]) -> list[Login]:
    """What `stack.json` tells of the accounts."""
    names = {organisation["id"]: organisation["name_zh"] for organisation in organisations}
    return [
        Login(
            role=account["roles"][0],
            username=account["username"],
            password=account["password"],
            organisation=names[account["organisation_id"]],
        )
        for account in accounts
    ]


def own_clients(client_secrets: Mapping[str, str]) -> list[Client]:
    """The clients of our own processes, for those a secret is given for."""
    return [
        Client(
            client_id=f"sanse-{name}",
            client_secret=client_secrets[name],
            roles=["service"],
            organisation_id=organisation_id(SYSTEM),
            name=f"Sanse {name}",
        )
        for name in CLIENTS
        if client_secrets.get(name)
    ]


def plain_bootstrap(client_secrets: Mapping[str, str], admin_password: str) -> Bootstrap:
    """Without the demo: our own clients, and an administrator where a password is given."""
    system = [entry for entry in demo_organisations() if entry["kind"] == SYSTEM]
    admin = [entry for entry in demo_accounts() if entry["username"] == "admin"] if admin_password else []
    return Bootstrap(
        organisations=system,
        accounts=[{**account, "password": admin_password} for account in admin],
        clients=own_clients(client_secrets),
    )


def demo_bootstrap(client_secrets: Mapping[str, str]) -> Bootstrap:
    """With the demo: everybody. Secrets by our process names and by demo client ids."""
    return Bootstrap(
        organisations=demo_organisations(),
        accounts=demo_accounts(),
        clients=[*own_clients(client_secrets), *demo_clients(client_secrets)],
    )


def new_secret() -> str:
    """A secret nobody has to type."""
    return secrets.token_urlsafe(32)


def new_password() -> str:
    """A password that a person can type once."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))
