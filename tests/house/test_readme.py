"""Every command in the README is one that a test runs; both languages have the same ones."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
RUN_BY: dict[str, str] = {
    "make up": "tests/stack/test_readme.py",
    "make test": ".ci/run",
    "TOKEN=": "tests/stack/test_readme.py",
    "curl ": "tests/stack/test_readme.py",
    ".venv/bin/sanse replay": "tests/stack/test_readme.py",
}
"""Start of a command → what runs it."""


def commands(name: str) -> list[str]:
    blocks = BLOCK.findall((ROOT / name).read_text(encoding="utf-8"))
    return [line for block in blocks for line in block.strip().splitlines()]


def test_both_readmes_have_the_same_commands():
    assert commands("README.md") == commands("README.zh-CN.md")


@pytest.mark.parametrize("command", commands("README.md"))
def test_each_command_is_run_by_a_test(command: str):
    runners = [place for start, place in RUN_BY.items() if command.startswith(start)]

    assert runners, f"nobody runs: {command}"
    assert all((ROOT / place).exists() for place in runners)


@pytest.mark.parametrize(
    "name", ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/api.md"]
)
def test_links_lead_somewhere(name: str):
    page = ROOT / name
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_make_commands_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))

    assert targets == {"help", "up", "test", "check", "format", "lock", "shot", "bench", "evaluate", "clean"}
