"""The house rules, over the whole tree; and each rule broken on purpose, so that none can sleep."""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house import rules
from tests.house.rules import ROOT

Check = Callable[[str], list[str]]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", rules.sources(), ids=name_of)
def test_source_keeps_the_rules(path: Path) -> None:
    assert rules.faults_of_source(name_of(path), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", rules.templates(), ids=name_of)
def test_template_is_short(path: Path) -> None:
    assert rules.too_long(path.read_text(encoding="utf-8"), rules.TEMPLATE_LINES) == []


@pytest.mark.parametrize("service", rules.SERVICES)
def test_service_has_the_nine_names(service: str) -> None:
    assert rules.missing_names(ROOT / "services" / service) == []


def test_no_forbidden_words_in_any_text() -> None:
    faults = {
        name_of(path): found
        for path in rules.texts()
        if (found := rules.forbidden_words(path.read_text(encoding="utf-8")))
    }
    assert faults == {}


def test_walk_finds_what_is_ours() -> None:
    names = {name_of(path) for path in rules.walk()}

    assert {"pyproject.toml", "shared/clock.py", "tests/house/rules.py", "services/identity/main.py"} <= names
    assert not any(part in name for name in names for part in (".venv", "__pycache__", "/vendor/", ".git/"))
    assert len(rules.sources()) > 100
    assert len(rules.templates()) > 10


# Each rule must fail when it is broken.

GOOD_DEPENDS = 'async def get_x():\n    yield 1\nX = Annotated[int, Depends(get_x, scope="function")]\n'
BROKEN: dict[str, tuple[str, str, str]] = {
    "file": ("web/a.py", "x = 1\n" * 401, "401 lines"),
    "function": ("web/a.py", "def f():\n" + "    x = 1\n" * 60, "f() has 61 lines"),
    "method": ("web/a.py", "class A:\n    async def g(self):\n" + "        x = 1\n" * 60, "g() has 61 lines"),
    "vague file": ("web/utils.py", "", "utils says nothing"),
    "vague folder": ("web/common/a.py", "", "common says nothing"),
    "vague class": ("web/a.py", "class CaseManager: ...", "class CaseManager says nothing"),
    "now": ("services/x/service.py", "datetime.now(UTC)", "datetime.now"),
    "now by module": ("services/x/service.py", "datetime.datetime.now(UTC)", "datetime.now"),
    "now as a function": ("services/x/service.py", "f = datetime.now", "datetime.now"),
    "utcnow": ("services/x/service.py", "datetime.utcnow()", "datetime.utcnow"),
    "today": ("web/a.py", "date.today()", "date.today"),
    "time": ("launcher/a.py", "time.time()", "time.time"),
    "monotonic": ("park/a.py", "time.monotonic()", "time.monotonic"),
    "imported time": ("park/a.py", "from time import perf_counter", "time.perf_counter"),
    "now in a test": ("tests/a.py", "datetime.now(UTC)", "datetime.now"),
    "commit": ("services/x/store.py", "await session.commit()", ".commit()"),
    "late dependency": ("services/x/deps.py", GOOD_DEPENDS.replace(', scope="function"', ""), "Depends(get_x)"),
    "request dependency": ("services/x/deps.py", GOOD_DEPENDS.replace('"function"', '"request"'), "Depends(get_x)"),
    "imported dependency": ("services/x/routes.py", "def f(a=fastapi.Depends(deps.get_x)): ...", "Depends(get_x)"),
    "tables in the service": ("services/x/service.py", "from services.x.tables import Row", "services.x.tables"),
    "tables in the domain": ("services/x/domain/a.py", "from services.x.tables.b import Row", "services.x.tables.b"),
    "patch": ("tests/a.py", 'mock.patch("a.b.c")', "patch(…)"),
}
KEPT: dict[str, tuple[str, str]] = {
    "file": ("web/a.py", "x = 1\n" * 400),
    "function": ("web/a.py", "def f():\n" + "    x = 1\n" * 59),
    "the clock itself": ("shared/clock.py", "datetime.now(UTC)\ntime.time()\ntime.monotonic()"),
    "measuring": ("benchmarks/a.py", "time.perf_counter()"),
    "clock": ("services/x/service.py", "self._clock.now()\nnow()\nreal_time.time_of_day"),
    "dependency": ("services/x/deps.py", GOOD_DEPENDS),
    "dependency without an end, here": ("services/x/deps.py", "def get_x(): return 1\nDepends(get_x)"),
    "dependency without an end": ("services/x/deps.py", "async def who(): return 1\nDepends(who)"),
    "tables": ("services/x/store.py", "from services.x.tables import Row"),
    "tables in a folder": ("services/x/store/cases.py", "from services.x.tables import Row"),
    "patch of HTTP": ("tests/a.py", 'client.patch("/v1/x")'),
}


@pytest.mark.parametrize(("path", "text", "fault"), BROKEN.values(), ids=BROKEN)
def test_broken_rule_is_found(path: str, text: str, fault: str) -> None:
    (found,) = rules.faults_of_source(path, text)

    assert fault in found


@pytest.mark.parametrize(("path", "text"), KEPT.values(), ids=KEPT)
def test_kept_rule_is_not_blamed(path: str, text: str) -> None:
    assert rules.faults_of_source(path, text) == []


@pytest.mark.parametrize(
    "text",
    ["see /wo" + "rk/main/x", "# TO" + "DO later", "FIX" + "ME", "asked Clau" + "de", "https://py" + "pi.org/simple",
     "cd /ro" + "ot/x"],
)  # fmt: skip
def test_forbidden_word_is_found(text: str) -> None:
    assert len(rules.forbidden_words(f"first\n{text}\n")) == 1
    assert rules.forbidden_words(f"first\n{text}\n")[0].startswith("line 2: ")


@pytest.mark.parametrize("text", ["a to-do list", "/v1/work/x", "../shared/data", "mastodon", "https://x/root/y"])
def test_usual_words_are_not_blamed(text: str) -> None:
    assert rules.forbidden_words(text) == []


def test_missing_name_is_found(tmp_path: Path) -> None:
    for name in rules.NINE_NAMES:
        (tmp_path / name).mkdir()
    (tmp_path / "openapi.json").touch()
    assert rules.missing_names(tmp_path) == []

    (tmp_path / "deps").rmdir()
    (tmp_path / "openapi.json").unlink()
    assert rules.missing_names(tmp_path) == ["deps", "openapi.json"]
    (tmp_path / "deps.py").touch()
    assert rules.missing_names(tmp_path) == ["openapi.json"]


def test_soft_limits_are_reported_and_not_enforced() -> None:
    text = "def f():\n" + "    x = 1\n" * 45

    assert rules.long_functions(ast.parse(text), rules.SOFT_FUNCTION) == ["f() has 46 lines, the limit is 40"]
    assert rules.faults_of_source("web/a.py", text) == []
    assert all(": " in line for line in rules.over_soft_limits())
