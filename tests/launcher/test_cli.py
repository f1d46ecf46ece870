import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from launcher import accounts
from launcher.bootstrap import OWN
from launcher.postgres import DatabaseServer
from launcher.probe import why_not_ready
from launcher.screen import ENTERPRISE_START
from launcher.stack import SERVICES
from shared.auth import Role
from web.menu import START_PAGES

SECRETS = {f"{name.upper()}_CLIENT_SECRET": f"a-long-secret-that-belongs-to-{name}" for name in OWN}


def sanse(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if "DATABASE_URL" not in key} | variables
    command = [sys.executable, "-m", "launcher", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


def test_help_names_every_command() -> None:
    answer = sanse("--help")

    assert answer.returncode == 0
    for name in ("up", "migrate", "bootstrap", "doctor"):
        assert f"\n  {name} " in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("migrate",), "missing in the environment: INGEST_DATABASE_URL"),
        (("migrate", "ingets"), "there is no service 'ingets'"),
        (("up", "--clock", "tomorrow"), "not a time"),
        (("bootstrap",), "IDENTITY_BOOTSTRAP_FILE is missing"),
    ],
)
def test_expected_errors_are_one_line_and_exit_code_1(arguments: tuple[str, ...], message: str) -> None:
    answer = sanse(*arguments)

    assert answer.returncode == 1
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr


def test_unreachable_database_is_said_plainly() -> None:
    url = "postgresql+asyncpg://sanse:x@127.0.0.1:1/ingest"
    answer = sanse("migrate", "ingest", INGEST_DATABASE_URL=url)

    assert answer.returncode == 1
    assert "ingest: the database does not answer" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_doctor_finds_a_taken_port_and_a_dead_database(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        base = other.getsockname()[1] - 2
        urls = {f"{name.upper()}_DATABASE_URL": "postgresql://x@127.0.0.1:1/x" for name in SERVICES}
        answer = sanse("doctor", "--json", "--data", str(tmp_path / "d"), "--port-base", str(base), **urls)
    found = {check["name"]: check for check in json.loads(answer.stdout)["checks"]}

    assert answer.returncode == 1
    assert found["ports"]["result"] == "fail"
    assert f"{base + 2} (detection)" in found["ports"]["detail"]
    assert found["database grading"]["result"] == "fail"
    assert found["database grading"]["remedy"] == "check GRADING_DATABASE_URL"
    assert found["python"]["result"] == "ok"
    assert not (tmp_path / "d").exists()


def test_doctor_in_words(tmp_path: Path, postgres: DatabaseServer) -> None:
    answer = sanse("doctor", "--data", str(tmp_path), INGEST_DATABASE_URL=postgres.url("postgres"))

    assert answer.returncode == 1
    assert "only some addresses are given" in answer.stdout
    assert "also set DETECTION_DATABASE_URL, " in answer.stdout


def test_bootstrap_in_containers(tmp_path: Path) -> None:
    target = tmp_path / "shared" / "bootstrap.json"
    answer = sanse("bootstrap", IDENTITY_BOOTSTRAP_FILE=str(target), SANSE_ADMIN_PASSWORD="first-password", **SECRETS)
    content = json.loads(target.read_text())

    assert answer.returncode == 0, answer.stderr
    assert [(account["username"], account["password"]) for account in content["accounts"]] == [
        ("admin", "first-password")
    ]
    assert {client["client_id"]: client["client_secret"] for client in content["clients"]} == {
        f"sanse-{name}": f"a-long-secret-that-belongs-to-{name}" for name in OWN
    }
    assert target.stat().st_mode & 0o777 == 0o600


def test_bootstrap_refuses_weak_secrets(tmp_path: Path) -> None:
    answer = sanse(
        "bootstrap", IDENTITY_BOOTSTRAP_FILE=str(tmp_path / "b"), **SECRETS | {"GRADING_CLIENT_SECRET": "short"}
    )

    assert answer.returncode == 1
    assert "GRADING_CLIENT_SECRET" in answer.stderr
    assert not (tmp_path / "b").exists()


def test_demo_people_fit_together() -> None:
    people = accounts.demo_accounts()
    organisations = {organisation["id"]: organisation for organisation in accounts.demo_organisations()}

    assert len({person["username"] for person in people}) == len(people) == 18
    assert {person["organisation_id"] for person in people} == set(organisations)
    assert len(accounts.demo_enterprises()) == 12
    kinds = {role: organisations[person["organisation_id"]]["kind"] for person in people for role in person["roles"]}
    assert kinds == {
        "supervisor": "supervisor",
        "supervisor_lead": "supervisor",
        "officer": "bureau",
        "section_head": "bureau",
        "auditor": "bureau",
        "admin": "system",
        "enterprise": "enterprise",
    }
    assert all(person["password"] == f"demo-{person['username']}" for person in people)


def test_printed_start_pages_are_the_portals() -> None:
    starts = accounts.start_pages()
    printed = {
        person["roles"][0]: starts.get(person["username"], ENTERPRISE_START) for person in accounts.demo_accounts()
    }

    assert printed == {role: next(path for roles, path in START_PAGES if Role(role) in roles) for role in printed}


def test_probe_tells_why() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert why_not_ready(f"tcp://127.0.0.1:{port}") == ""
        assert "timed out" in why_not_ready(f"http://127.0.0.1:{port}/readyz", timeout=0.2)
    assert "ConnectionRefusedError" in why_not_ready(f"tcp://127.0.0.1:{port}")
    probe = subprocess.run(
        [sys.executable, "-m", "launcher.probe", f"tcp://127.0.0.1:{port}"], capture_output=True, check=False
    )
    assert probe.returncode == 1
