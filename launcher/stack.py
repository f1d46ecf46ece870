"""The one table of processes: `sanse up` starts them, docker-compose.yml is tested against it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SERVICES = ("ingest", "detection", "casework", "grading", "identity")
"""Those with a database, in the order their databases are made."""
OFFSETS: Mapping[str, int] = {
    "web": 0,
    "ingest": 1,
    "detection": 2,
    "casework": 3,
    "grading": 4,
    "identity": 5,
    "gateway": 212,
}
"""Port of each listener, counted from the base port."""
DEFAULT_PORT_BASE = 8000
CLIENTS = (*SERVICES, "web", "park")
"""Programs of our own that ask for tokens."""
STOP_SECONDS = 15
"""Longest a process may take to finish its work after SIGTERM; uvicorn gives open requests ten of them."""


@dataclass(frozen=True)
class Place:
    """Where a stack runs: everything that differs between this machine and containers.

    `hosts` names the host of each listener as the other processes reach it; `databases` is the address of
    each service's database; `secrets` the secret of each of `CLIENTS`. The clock is empty on real time.
    """

    bind: str
    port_base: int
    hosts: Mapping[str, str]
    databases: Mapping[str, str]
    secrets: Mapping[str, str]
    evidence: str
    transfers: str
    archive: str
    bootstrap: str
    admin_password: str = ""
    public_url: str = ""
    """Portal's address as people use it, where a proxy stands before it; `https://` turns on secure cookies."""
    log_level: str = "INFO"
    demo: bool = False
    clock: Mapping[str, str] = field(default_factory=dict)

    def port(self, listener: str) -> int:
        """TCP port of a listener."""
        return self.port_base + OFFSETS[listener]

    def url(self, listener: str) -> str:
        """Base URL of a listener as the other processes reach it."""
        return f"http://{bracketed(self.hosts[listener])}:{self.port(listener)}"


def bracketed(host: str) -> str:
    """A host as it stands in a URL: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


@dataclass(frozen=True)
class Process:
    """One process. Texts in `command` and `environment` hold {places} that `values` fills."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    memory: int
    """Megabytes it may use where limits are set (containers)."""
    listener: str = ""
    """Its name in `OFFSETS`, empty for one that listens nowhere."""
    health: str = ""
    once: bool = False
    """Runs to its end before the others start."""
    demo: bool = False
    """Only with the demo."""
    public: bool = False
    """Reached from outside: people's browsers, data loggers."""


def _service(name: str, *, memory: int, more: Mapping[str, str] | None = None) -> Process:
    return Process(
        name=name,
        command=_uvicorn(f"services.{name}.main:create_app"),
        environment={**_database(name), **_own(name), **_SHARED, **(more or {})},
        listener=name,
        health="http://{health_host}:{port}/readyz",
        memory=memory,
    )


def _uvicorn(factory: str) -> tuple[str, ...]:
    return (
        *("python", "-m", "uvicorn", "--factory", factory, "--host", "{bind}", "--port", "{port}"),
        *("--no-access-log", "--no-server-header", "--timeout-graceful-shutdown", "10"),
    )


def _database(name: str) -> dict[str, str]:
    return {f"{name.upper()}_DATABASE_URL": f"{{database_{name}}}"}


def _own(name: str) -> dict[str, str]:
    listener = {f"{name.upper()}_HOST": "{bind}", f"{name.upper()}_PORT": f"{{port_{name}}}"}
    return {**listener, **_client(name)}


def _client(name: str) -> dict[str, str]:
    return {f"{name.upper()}_CLIENT_ID": f"sanse-{name}", f"{name.upper()}_CLIENT_SECRET": f"{{secret_{name}}}"}


_SHARED: Mapping[str, str] = {
    **{f"SANSE_{name.upper()}_URL": f"{{url_{name}}}" for name in (*SERVICES, "web")},
    "SANSE_LOG_LEVEL": "{log_level}",
}
_GATEWAY: Mapping[str, str] = {"INGEST_GATEWAY_HOST": "{bind}", "INGEST_GATEWAY_PORT": "{port_gateway}"}
_TRANSFERS: Mapping[str, str] = {"INGEST_TRANSFERS_DIR": "{transfers}"}
_ARCHIVE: Mapping[str, str] = {"INGEST_ARCHIVE_DIR": "{archive}"}

PROCESSES: tuple[Process, ...] = (
    Process(
        name="bootstrap",
        command=("sanse", "bootstrap"),
        environment={
            "IDENTITY_BOOTSTRAP_FILE": "{bootstrap}",
            "SANSE_ADMIN_PASSWORD": "{admin_password}",
            **{f"{name.upper()}_CLIENT_SECRET": f"{{secret_{name}}}" for name in CLIENTS if name != "park"},
        },
        memory=256,
        once=True,
    ),
    Process(
        name="migrate",
        command=("sanse", "migrate"),
        environment={key: value for name in SERVICES for key, value in _database(name).items()},
        memory=512,
        once=True,
    ),
    _service("identity", memory=512, more={"IDENTITY_BOOTSTRAP_FILE": "{bootstrap}"}),
    _service("ingest", memory=1024, more={**_GATEWAY, **_TRANSFERS, **_ARCHIVE}),
    Process(
        name="gateway",
        command=("python", "-m", "services.ingest.hj212.gateway"),
        environment={**_database("ingest"), **_own("ingest"), **_SHARED, **_GATEWAY, **_ARCHIVE},
        listener="gateway",
        health="tcp://{health_host}:{port}",
        memory=512,
        public=True,
    ),
    _service("detection", memory=1024),
    _service("casework", memory=512, more={"CASEWORK_EVIDENCE_DIR": "{evidence}"}),
    _service("grading", memory=512),
    Process(
        name="web",
        command=_uvicorn("web.main:create_app"),
        environment={**_own("web"), **_SHARED},
        listener="web",
        health="http://{health_host}:{port}/readyz",
        memory=512,
        public=True,
    ),
    Process(
        name="live",
        command=("python", "-m", "park.live"),
        environment={
            "INGEST_GATEWAY_HOST": "{host_gateway}",
            "INGEST_GATEWAY_PORT": "{port_gateway}",
            **_client("park"),
            **_SHARED,
        },
        memory=256,
        demo=True,
    ),
)
"""In the order they start; they stop in reverse."""


@dataclass(frozen=True)
class Rendered:
    """A process with everything filled in for one place."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    health: str


def values(process: Process, place: Place) -> dict[str, str]:
    """What the {places} of a process stand for."""
    health_host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(place.bind, bracketed(place.bind))
    return {
        "bind": place.bind,
        "health_host": health_host,
        "port": str(place.port(process.listener)) if process.listener else "",
        "evidence": place.evidence,
        "transfers": place.transfers,
        "archive": place.archive,
        "bootstrap": place.bootstrap,
        "admin_password": place.admin_password,
        "log_level": place.log_level,
        **{f"port_{name}": str(place.port(name)) for name in OFFSETS},
        **{f"host_{name}": host for name, host in place.hosts.items()},
        **{f"url_{name}": place.url(name) for name in place.hosts if name != "gateway"},
        "url_web": place.public_url or place.url("web"),
        **{f"database_{name}": url for name, url in place.databases.items()},
        **{f"secret_{name}": secret for name, secret in place.secrets.items()},
    }


def render(process: Process, place: Place) -> Rendered:
    """Command, variables and health address of a process at a place."""
    filled = values(process, place)
    environment = {name: text.format_map(filled) for name, text in process.environment.items()}
    if not process.once:
        environment |= dict(place.clock)
        if place.demo:
            environment["SANSE_DEMO"] = "1"
    return Rendered(
        command=tuple(part.format_map(filled) for part in process.command),
        environment=environment,
        health=process.health.format_map(filled),
    )
