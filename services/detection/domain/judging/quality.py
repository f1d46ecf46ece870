"""How often a rule was right: its precision with an interval."""

from __future__ import annotations

import math

Z95 = 1.959963984540054
"""The 97.5 % point of the normal distribution."""


def wilson(right: int, total: int) -> tuple[float, float] | None:
    """The 95 % interval of a share (Wilson 1927, without continuity correction); None without observations."""
    if total == 0:
        return None
    share, z2 = right / total, Z95 * Z95
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = Z95 / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    return max(0.0, middle - half), min(1.0, middle + half)
