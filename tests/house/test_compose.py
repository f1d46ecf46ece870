"""docker-compose.yml starts the same processes as `sanse up`: same commands, ports, variables, health, memory."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from launcher.checks import LEAST_PYTHON
from launcher.postgres.server import MAJOR, SETTINGS
from launcher.stack import CLIENTS, PROCESSES, SERVICES, STOP_SECONDS, Place, Process, render

ROOT = Path(__file__).resolve().parents[2]
Compose = dict[str, Any]

PLACE = Place(
    bind="0.0.0.0",  # noqa: S104  (inside a container)
    port_base=8000,
    hosts={name: name for name in (*SERVICES, "web", "gateway")},
    databases={
        name: f"postgresql+asyncpg://{name}:${{{name.upper()}_DATABASE_PASSWORD:?}}@postgres:5432/{name}"
        for name in SERVICES
    },
    secrets={name: f"${{{name.upper()}_CLIENT_SECRET:?}}" for name in CLIENTS},
    evidence="/var/lib/sanse/evidence",
    transfers="/var/lib/sanse/transfers",
    archive="/var/lib/sanse/archive",
    bootstrap="/var/lib/sanse/bootstrap/bootstrap.json",
    admin_password="${SANSE_ADMIN_PASSWORD:-}",
    public_url="${SANSE_WEB_URL:-http://127.0.0.1:8000}",
    log_level="${SANSE_LOG_LEVEL:-INFO}",
)
"""Where the containers run, with compose's own placeholders for what `.env` gives."""
EXPECTED = {process.name: process for process in PROCESSES if not process.demo}


@pytest.fixture(scope="module")
def compose() -> Compose:
    loaded: Compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return loaded


def differences(compose: Compose) -> list[str]:
    """Everything in which compose and the launcher's table do not agree."""
    services = compose["services"]
    found = [f"process {name}" for name in sorted(EXPECTED.keys() ^ (services.keys() - {"postgres"}))]
    for name in EXPECTED.keys() & services.keys():
        wanted, given = _wanted(EXPECTED[name]), _given(services[name])
        found += [f"{name}: {part}" for part in wanted if wanted[part] != given[part]]
    return sorted(found)


def _wanted(process: Process) -> dict[str, Any]:
    rendered = render(process, PLACE)
    port = PLACE.port(process.listener) if process.listener else None
    return {
        "command": list(rendered.command),
        "environment": dict(rendered.environment),
        "published": {f"{port}:{port}"} if process.public else set(),
        "exposed": set() if process.public or port is None else {str(port)},
        "health": ["CMD", "python", "-m", "launcher.probe", rendered.health] if rendered.health else None,
        "memory": f"{process.memory}m",
        "restart": None if process.once else "unless-stopped",
        "waits": set() if process.name == "bootstrap" else {"postgres"} if process.once else WAITS,
    }


WAITS = {"postgres", "migrate", "bootstrap"}


def _given(service: Compose) -> dict[str, Any]:
    return {
        "command": service.get("command"),
        "environment": service.get("environment"),
        "published": {re.sub(r"^\$\{[^}]*\}:", "", port) for port in service.get("ports", [])},
        "exposed": set(service.get("expose", [])),
        "health": service.get("healthcheck", {}).get("test"),
        "memory": service.get("mem_limit"),
        "restart": service.get("restart"),
        "waits": set(service.get("depends_on", {})),
    }


def test_compose_and_launcher_agree(compose: Compose) -> None:
    assert differences(compose) == []


def _without_variable(services: Compose) -> None:
    del services["casework"]["environment"]["SANSE_GRADING_URL"]


def _other_variable(services: Compose) -> None:
    services["casework"]["environment"]["CASEWORK_PORT"] = "9003"


def _more_variables(services: Compose) -> None:
    services["web"]["environment"]["WEB_DATABASE_URL"] = "postgresql://postgres"


def _other_port(services: Compose) -> None:
    services["gateway"]["ports"] = ["${SANSE_GATEWAY_BIND:-0.0.0.0}:9212:8212"]


def _other_command(services: Compose) -> None:
    services["grading"]["command"].remove("--no-server-header")


def _without_process(services: Compose) -> None:
    del services["gateway"]


def _without_health(services: Compose) -> None:
    del services["ingest"]["healthcheck"]


def _without_migration(services: Compose) -> None:
    services["identity"]["depends_on"] = {"bootstrap": {}, "postgres": {}}  # the anchor's own is shared


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_without_variable, "casework: environment"),
        (_other_variable, "casework: environment"),
        (_more_variables, "web: environment"),
        (_other_port, "gateway: published"),
        (_other_command, "grading: command"),
        (_without_process, "process gateway"),
        (_without_health, "ingest: health"),
        (_without_migration, "identity: waits"),
    ],
)
def test_a_difference_is_found(compose: Compose, spoil: Callable[[Compose], None], told: str) -> None:
    spoilt = copy.deepcopy(compose)
    spoil(spoilt["services"])

    assert differences(spoilt) == [told]


def test_one_shots_end_before_others_start(compose: Compose) -> None:
    for name, process in EXPECTED.items():
        if not process.once:
            waits = compose["services"][name]["depends_on"]
            assert waits["migrate"] == waits["bootstrap"] == {"condition": "service_completed_successfully"}
            assert waits["postgres"] == {"condition": "service_healthy"}
            assert int(compose["services"][name]["stop_grace_period"].rstrip("s")) >= STOP_SECONDS


def test_postgres_is_the_same(compose: Compose) -> None:
    server = compose["services"]["postgres"]
    given = {part for part in server["command"] if "=" in part}

    assert server["image"] == f"postgres:{MAJOR}"
    assert given == {
        f"{name}={SETTINGS[name]}" for name in ("max_connections", "shared_buffers", "max_wal_size", "timezone")
    }
    assert "--builtin-locale=C.UTF-8" in server["environment"]["POSTGRES_INITDB_ARGS"]
    script = (ROOT / "docker" / "create-databases.sh").read_text(encoding="utf-8")
    assert f"for service in {' '.join(SERVICES)};" in script
    for name in SERVICES:
        assert f"{name.upper()}_DATABASE_PASSWORD" in server["environment"]


def test_volumes_are_named_and_used(compose: Compose) -> None:
    mounted = {
        mount.split(":")[0]: name
        for name, service in compose["services"].items()
        for mount in service.get("volumes", [])
        if not mount.startswith(".")
    }

    assert mounted.keys() == compose["volumes"].keys() == {"postgres", "evidence", "transfers", "archive", "bootstrap"}
    assert mounted["evidence"] == "casework"
    assert mounted["transfers"] == "ingest"


def test_every_placeholder_is_in_the_example(compose: Compose) -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    offered = set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))
    used = set(re.findall(r"\$\{([A-Z_]+)", yaml.safe_dump(compose)))

    assert used == offered
    assert not re.search(r"(PASSWORD|SECRET)=.", example)


def test_image_is_locked_and_not_root() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    python = ".".join(map(str, LEAST_PYTHON))

    assert f"FROM python:{python}-slim" in dockerfile
    assert "--require-hashes --requirement requirements.lock" in dockerfile
    assert re.findall(r"^USER (.+)$", dockerfile, re.MULTILINE) == ["sanse"]
    assert "/var/lib/sanse/transfers /var/lib/sanse/archive /var/lib/sanse/bootstrap" in dockerfile
