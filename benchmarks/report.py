"""What every benchmark prints last: one JSON object in one line."""

import json
import platform
from collections.abc import Mapping, Sequence


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print columns aligned under their headings; floats with three significant digits."""

    def cell(value: object) -> str:
        if isinstance(value, float):
            return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
        return str(value)

    lines = [list(headings), *[[cell(value) for value in row] for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(headings))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    print()


def report(
    benchmark: str,
    *,
    figures: Mapping[str, float],
    peers: Mapping[str, object] | None = None,
    ratios: Mapping[str, float] | None = None,
) -> None:
    """Print the last line; call it once, at the end. Numbers only in figures and ratios."""
    print(f"{platform.python_implementation()} {platform.python_version()} on {platform.machine()}")
    result = {
        "benchmark": benchmark,
        "figures": dict(figures),
        "peers": dict(peers or {}),
        "ratios": dict(ratios or {}),
    }
    print(json.dumps(result, ensure_ascii=False), flush=True)
