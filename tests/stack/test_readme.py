"""The commands of the README on the running demo stack, with its addresses in place of the default ones."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.test_readme import ROOT, commands
from tests.live_stack import LiveStack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]


def here(stack: LiveStack, command: str) -> str:
    """A command with this stack's folder, ports and interpreter."""
    for name, port in (("web", 8000), ("identity", 8005)):
        command = command.replace(f"http://127.0.0.1:{port}", stack.url(name))
    command = command.replace("data/stack.json", str(stack.data / "stack.json"))
    command = command.replace("--port 8212", f"--port {stack.facts['gateway']['port']}")
    return command.replace(".venv/bin/sanse", f"{sys.executable} -m launcher")


def run(stack: LiveStack, *lines: str) -> str:
    script = "set -euo pipefail\n" + "\n".join(here(stack, line) for line in lines)
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_make_up_is_the_launcher(stack: LiveStack):
    recipe = subprocess.run(["make", "-n", "up"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)

    assert "sanse up --data data" in recipe.stdout
    assert stack.process_is_alive()


def test_the_names_on_the_outside(stack: LiveStack):
    services = {"web", "ingest", "detection", "casework", "grading", "identity"}

    assert set(stack.facts) == services | {"gateway", "logins", "clients"}
    assert set(stack.facts["gateway"]) == {"host", "port"}
    assert {"enterprise", "supervisor", "officer", "admin"} <= {row["role"] for row in stack.facts["logins"]}
    assert all(set(row) == {"role", "username", "password", "organisation"} for row in stack.facts["logins"])
    assert {"enterprise", "supervisor", "officer", "admin"} <= {row["role"] for row in stack.facts["clients"]}
    assert all(set(row) == {"role", "client_id", "client_secret"} for row in stack.facts["clients"])
    assert (stack.data / "stack.json").stat().st_mode & 0o777 == 0o600


def test_the_sample_calls_answer(stack: LiveStack):
    token, cases, public = (line for line in commands("README.md") if line.startswith(("TOKEN", "curl")))
    output = run(stack, token, cases)

    assert output.count('"no": "WX-') == 3
    assert set(json.loads(run(stack, public))) >= {"green"}


def test_replay_sends_the_example_frames(stack: LiveStack):
    (replay,) = (line for line in commands("README.md") if " replay " in line)

    assert "5" in run(stack, replay)


@pytest.mark.parametrize("name", ["web", "ingest", "detection", "casework", "grading", "identity"])
def test_every_service_has_the_common_paths(stack: LiveStack, name: str):
    import httpx

    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"):
        assert httpx.get(stack.url(name) + path, timeout=20).status_code == 200, path


def test_no_secret_is_in_a_log(stack: LiveStack):
    names = {row["client_id"] for row in stack.facts["clients"]}  # one of them is also a demo password
    secrets = {row["client_secret"] for row in stack.facts["clients"]}
    secrets |= {row["password"] for row in stack.facts["logins"]} - names
    logs = [path.read_text(encoding="utf-8", errors="replace") for path in Path(stack.data / "logs").glob("*.log")]

    assert len(logs) >= 8
    assert [secret for secret in secrets if any(secret in text for text in logs)] == []
    assert os.environ.get("PGPASSWORD") is None
