"""Wilson's score interval of a share."""

from __future__ import annotations

import math

NORMAL_95 = 1.959963984540054


def wilson(successes: int, number: int, z: float = NORMAL_95) -> tuple[float, float]:
    """Lower and upper end of the 95 % interval of successes / number; 0 to 1 where nothing was tried.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    """
    if number == 0:
        return 0.0, 1.0
    share, spread = successes / number, z * z / number
    middle = share + spread / 2.0
    half = z * math.sqrt(share * (1.0 - share) / number + spread / (4.0 * number))
    low, high = (middle - half) / (1.0 + spread), (middle + half) / (1.0 + spread)
    return (0.0 if successes == 0 else low), (1.0 if successes == number else high)
