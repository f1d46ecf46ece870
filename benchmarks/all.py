"""`make bench`: runs every benchmark and writes docs/performance.md."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from shared.clock import wall

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "performance.md"
NOT_BENCHMARKS = {"__init__", "all", "processes", "report", "fuzz_target"}
ARGUMENTS = {"soak": ["--minutes", "8"]}
"""Shorter than by hand, so that each stays within the limit."""
LONGEST = 780
HEAD = """# Performance

Written by `make bench`, last on {day}: {cores} cores, {machine}, Python {python}. Load, service and PostgreSQL share
the machine. Ratios are to the named peer in the same run; absolute figures vary by machine and by what else it does:
where a benchmark gives `load_average`, more than the number of cores means that others took part of its time.

"""


def run(name: str) -> dict[str, Any]:
    """One benchmark in a process of its own; its last line is one JSON object."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *ARGUMENTS.get(name, [])],
        cwd=HERE.parent, capture_output=True, text=True, timeout=LONGEST, check=False,
    )  # fmt: skip
    print(done.stdout)
    if done.returncode != 0:
        raise SystemExit(f"benchmark {name} failed:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def section(result: dict[str, Any], day: str) -> str:
    """Markdown of one benchmark, with the command that made it."""
    name = result["benchmark"]
    command = " ".join(["python -m", f"benchmarks.{name}", *ARGUMENTS.get(name, [])])
    parts = [f"## {name}\n\n`{command}`, {day}\n\n| figure | value |\n|---|---|\n"]
    for kind in ("figures", "peers", "ratios"):
        parts += [f"| {kind[:-1]} `{key}` | {_text(value)} |\n" for key, value in result[kind].items()]
    return "".join(parts)


def page(results: list[dict[str, Any]], old: str) -> str:
    """Markdown: these results, and those of the old page that were not made anew."""
    day = str(wall().date())
    kept = {part.split("\n", 1)[0]: f"## {part.rstrip()}\n" for part in old.split("\n## ")[1:]}
    sections = kept | {result["benchmark"]: section(result, day) for result in results}
    head = HEAD.format(day=day, cores=os.cpu_count(), machine=platform.machine(), python=platform.python_version())
    return head + "\n".join(sections[name] for name in sorted(sections))


def _text(value: Any) -> str:
    if not isinstance(value, int | float):
        return str(value)
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def main() -> None:
    """Run all, or those named on the command line; the page keeps what it has of the others."""
    names = sys.argv[1:] or sorted(
        path.stem
        for path in HERE.glob("*.py")
        if path.stem not in NOT_BENCHMARKS and not path.stem.endswith("_peer") and not path.stem.startswith("peers_")
    )
    old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    PAGE.write_text(page([run(name) for name in names], old).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
