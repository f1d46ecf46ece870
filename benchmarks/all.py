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
NOT_BENCHMARKS = {"__init__", "all", "report", "fuzz_target"}
LONGEST = 780
HEAD = """# Performance

Written by `make bench` on {day}: {cores} cores, {machine}, Python {python}. Load, service and PostgreSQL share the
machine. Ratios are to the named peer in the same run; absolute figures vary by machine and by what else it does.

"""


def run(name: str) -> dict[str, Any]:
    """One benchmark in a process of its own; its last line is one JSON object."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}"],
        cwd=HERE.parent, capture_output=True, text=True, timeout=LONGEST, check=False,
    )  # fmt: skip
    print(done.stdout)
    if done.returncode != 0:
        raise SystemExit(f"benchmark {name} failed:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def page(results: list[dict[str, Any]]) -> str:
    """Markdown."""
    parts = [
        HEAD.format(
            day=wall().date(), cores=os.cpu_count(), machine=platform.machine(), python=platform.python_version()
        )
    ]
    for result in results:
        parts.append(f"## {result['benchmark']}\n\n| figure | value |\n|---|---|\n")
        for kind in ("figures", "peers", "ratios"):
            parts += [f"| {kind[:-1]} `{name}` | {_text(value)} |\n" for name, value in result[kind].items()]
        parts.append("\n")
    return "".join(parts)


def _text(value: Any) -> str:
    if not isinstance(value, int | float):
        return str(value)
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def main() -> None:
    """Run all, or those named on the command line."""
    names = sys.argv[1:] or sorted(
        path.stem for path in HERE.glob("*.py") if path.stem not in NOT_BENCHMARKS and not path.stem.endswith("_peer")
    )
    PAGE.write_text(page([run(name) for name in names]).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
