"""The house rules that a program can check, as functions of one file's text. Each gives a list of faults.

`python -m tests.house.rules` reports what is over the soft limits.
"""

import ast
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("services", "shared", "web", "launcher", "park", "benchmarks", "tools", "tests")
SERVICES = ("ingest", "detection", "casework", "grading", "identity")
NINE_NAMES = ("main", "settings", "routes", "deps", "service", "store", "tables", "domain", "migrations")

FILE_LINES, FUNCTION_LINES, TEMPLATE_LINES = 400, 60, 200
SOFT_FILE, SOFT_FUNCTION, SOFT_TEMPLATE = 300, 40, 150

FOREIGN = frozenset({"tools/upgrade-check.py"})
"""Taken whole from others, as their authors wrote it."""
NOT_OURS = frozenset({"__pycache__", "vendor", "build", "data", "dist", "node_modules"})
HIDDEN_BUT_OURS = frozenset({".ci", ".github"})
TEXTS = frozenset({
    ".py", ".html", ".css", ".js", ".md", ".toml", ".yml", ".yaml", ".json", ".po", ".sql", ".mako", ".txt", ".lock",
    ".cfg", ".sh", "",
})  # fmt: skip

VAGUE_FILES = re.compile(r"^_?(utils?|helpers?|common|misc|managers?)$")
VAGUE_CLASSES = re.compile(r"(Manager|Helpers?|Utils?)$")
# A bracket in each word keeps these patterns from finding themselves.
WORDS = {
    "a path of one machine": re.compile(r"(?<![\w.~-])/(wor[k]|roo[t]|User[s])/"),
    "a mark of open work": re.compile(r"\b(TOD[O]|FIXM[E]|XX[X])\b"),
    "a tool that has no place here": re.compile(r"(?i)\b(claud[e]|anthropi[c]|chatgp[t]|opena[i]|copilo[t])\b"),
    "the address of a package registry": re.compile(r"(?i)(pypi\.or[g]|pythonhosted\.or[g]|registry\.npmj[s])"),
}
CLOCK_READS = {
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "localtime", "gmtime"},
}
MEASURING = {"monotonic", "monotonic_ns", "perf_counter"}
MEASURING_ALLOWED = ("benchmarks/", "tests/", "tools/")
CLOCK_ALLOWED = ("shared/clock.py",)
COMMIT_ALLOWED = ("shared/db.py", "tests/", "benchmarks/")
TABLES_ALLOWED = re.compile(r"^services/\w+/(store(/\w+)?\.py|store/|migrations/|tables(/\w+)?\.py)|^tests/")


def walk(root: Path = ROOT) -> Iterator[Path]:
    """All files that are ours, in a stable order."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(
            name for name in folders
            if name not in NOT_OURS and not name.endswith(".egg-info")
            and (not name.startswith(".") or name in HIDDEN_BUT_OURS)
        )  # fmt: skip
        found = (Path(folder, name) for name in sorted(files) if name != ".git")  # a file in a second work tree
        yield from (path for path in found if path.relative_to(root).as_posix() not in FOREIGN)


def sources() -> list[Path]:
    """All Python files of ours."""
    return [path for path in walk() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES]


def templates() -> list[Path]:
    """All templates of the portal."""
    return [path for path in walk(ROOT / "web") if path.suffix == ".html"]


def texts() -> list[Path]:
    """All files of ours that hold text."""
    return [path for path in walk() if path.suffix in TEXTS]


def too_long(text: str, limit: int) -> list[str]:
    """A file with more lines than the limit."""
    lines = len(text.splitlines())
    return [f"{lines} lines, the limit is {limit}"] if lines > limit else []


def long_functions(tree: ast.AST, limit: int) -> list[str]:
    """Functions with more lines than the limit, decorators not counted."""
    return [
        f"{node.name}() has {lines} lines, the limit is {limit}"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and (lines := node.end_lineno - node.lineno + 1) > limit
    ]


def vague_names(path: str, tree: ast.AST) -> list[str]:
    """Files and classes named after nothing in particular."""
    faults = [f"{part} says nothing" for part in Path(path).with_suffix("").parts if VAGUE_FILES.match(part)]
    classes = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return faults + [f"class {name} says nothing" for name in classes if VAGUE_CLASSES.search(name)]


def clock_reads(path: str, tree: ast.AST) -> list[str]:
    """Reads of the time outside the one clock; measuring spans is free in tests, tools and benchmarks."""
    if path.startswith(CLOCK_ALLOWED):
        return []
    return [
        f"line {line}: {owner}.{name}"
        for line, owner, name in (*_attribute_reads(tree), *_imported_reads(tree))
        if not (name in MEASURING and path.startswith(MEASURING_ALLOWED))
    ]


def _attribute_reads(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value
            name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            if node.attr in CLOCK_READS.get(name, set()):
                yield node.lineno, name, node.attr


def _imported_reads(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from ((node.lineno, "time", alias.name) for alias in node.names if alias.name in CLOCK_READS["time"])


def own_commits(path: str, tree: ast.AST) -> list[str]:
    """Commits by hand: one request is one transaction, and `Database.transaction` ends it."""
    if path.startswith(COMMIT_ALLOWED):
        return []
    return [
        f"line {node.lineno}: .commit()"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]


def late_dependencies(path: str, tree: ast.AST) -> list[str]:
    """`Depends(f)` of a function with `yield` must say `scope="function"`: else it ends after the answer has left.

    Of an imported `get_…` it cannot be seen here whether it yields, so that it must say so as well.
    """
    yields = {
        node.name: any(isinstance(inner, ast.Yield) for inner in ast.walk(node))
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    calls = [
        call for call in ast.walk(tree) if isinstance(call, ast.Call) and _name(call.func) == "Depends" and call.args
    ]
    return [
        f"line {call.lineno}: Depends({name})"
        for call in calls
        if yields.get(name := _name(call.args[0]), name.startswith("get_"))
        and not _is_function_scoped(call) and not path.startswith("tests/")
    ]  # fmt: skip


def _is_function_scoped(call: ast.Call) -> bool:
    return any(
        word.arg == "scope" and isinstance(word.value, ast.Constant) and word.value.value == "function"
        for word in call.keywords
    )


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def imports_of_tables(path: str, tree: ast.AST) -> list[str]:
    """Only the store and the migrations know the tables; `main.py` and tests may name them whole."""
    if TABLES_ALLOWED.match(path) or not path.startswith("services/"):
        return []
    return [
        f"line {node.lineno}: imports {node.module}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and re.fullmatch(r"services\.\w+\.tables(\..*)?", node.module or "")
    ]


def patches_by_string(tree: ast.AST) -> list[str]:
    """`patch("a.b.c")`: a fake goes in through the constructor or `app.state`."""
    return [
        f"line {call.lineno}: patch(…)"
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and _name(call.func) == "patch" and call.args
        and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
        and "." in call.args[0].value
    ]  # fmt: skip


def forbidden_words(text: str) -> list[str]:
    """Paths of one machine, marks of open work, names that have no place here."""
    return [
        f"line {number}: {match.group()} is {what}"
        for number, line in enumerate(text.splitlines(), 1)
        for what, pattern in WORDS.items()
        for match in pattern.finditer(line)
    ]


def missing_names(service: Path) -> list[str]:
    """The nine names a reader looks for in every service, as a file or a folder, and the snapshot of its interface."""
    names = [name for name in NINE_NAMES if not (service / name).is_dir() and not (service / f"{name}.py").is_file()]
    return names + [name for name in ("openapi.json",) if not (service / name).is_file()]


def faults_of_source(path: str, text: str) -> list[str]:
    """Everything one Python file may do wrong; `path` is relative to the root, with forward slashes."""
    tree = ast.parse(text)
    return [
        *too_long(text, FILE_LINES),
        *long_functions(tree, FUNCTION_LINES),
        *vague_names(path, tree),
        *clock_reads(path, tree),
        *own_commits(path, tree),
        *late_dependencies(path, tree),
        *imports_of_tables(path, tree),
        *patches_by_string(tree),
    ]


def over_soft_limits() -> Iterable[str]:
    """What should be split before something is added to it."""
    for path in sources():
        text = path.read_text(encoding="utf-8")
        for fault in (*too_long(text, SOFT_FILE), *long_functions(ast.parse(text), SOFT_FUNCTION)):
            yield f"{path.relative_to(ROOT)}: {fault}"
    for path in templates():
        yield from (f"{path.relative_to(ROOT)}: {fault}" for fault in too_long(path.read_text("utf-8"), SOFT_TEMPLATE))


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in over_soft_limits())
