"""Charts of the mining bench as SVG, made on the server: histograms, overlays, small shapes, boxes."""

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from shared.contracts.detection.mining import BunchingRow, LimitBin
from web import formats

WIDE, TALL = 640.0, 200.0
FOOT = 20.0
"""Height below the plot for the labels of the axis."""
DIGITS = 10


def _svg(css: str, width: float, height: float, said: str, shapes: Sequence[str], *, stretch: bool = False) -> Markup:
    opening = Markup('<svg class="mine {}" viewBox="0 0 {} {}" preserveAspectRatio="{}" role="img" aria-label="{}">')
    fit = "none" if stretch else "xMidYMid"
    opening = opening.format(css, f"{width:g}", f"{height:g}", fit, said)
    return opening + Markup("".join(shapes)) + Markup("</svg>")  # noqa: S704 - numbers, and texts that are escaped


def _bar(css: str, x: float, width: float, height: float, floor: float) -> str:
    return f'<rect class="{css}" x="{x:.1f}" y="{floor - height:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _text(x: float, y: float, text: str, css: str = "m-tick") -> str:
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def digit_bars(counts: Sequence[int], pooled: Sequence[float], said: str) -> Markup:
    """Shares of the digits 0 to 9 as bars, the even share as a line, those of the peers as dots."""
    total = sum(counts) or 1
    shares = [count / total for count in counts]
    top = max(*shares, *pooled, 0.15) * 1.12 if shares else 0.2
    floor, slot = TALL - FOOT, WIDE / DIGITS
    shapes = []
    for digit, share in enumerate(shares):
        height = share / top * (floor - 14)
        shapes.append(_bar("m-bar", digit * slot + slot * 0.18, slot * 0.64, height, floor))
        shapes.append(_text((digit + 0.5) * slot, floor - 7, formats.percent(share, 1), "m-value"))
        shapes.append(_text((digit + 0.5) * slot, TALL - 5, str(digit)))
    even = floor - 0.1 / top * (floor - 14)
    shapes.append(f'<line class="m-expected" x1="0" x2="{WIDE:g}" y1="{even:.1f}" y2="{even:.1f}"/>')
    for digit, share in enumerate(pooled):
        y = floor - share / top * (floor - 14)
        shapes.append(f'<circle class="m-peer" cx="{(digit + 0.5) * slot:.1f}" cy="{y:.1f}" r="4"/>')
    shapes.append(f'<line class="m-axis" x1="0" x2="{WIDE:g}" y1="{floor:g}" y2="{floor:g}"/>')
    return _svg("bars", WIDE, TALL, said, shapes)


def digit_spark(counts: Sequence[int], said: str) -> Markup:
    """The same small, for a row of a table."""
    top = max(*counts, 1) if counts else 1
    shapes = [_bar("m-bar", digit * 9.0 + 1, 7, 28 * count / top, 30) for digit, count in enumerate(counts)]
    even = 30 - 28 * (sum(counts) / DIGITS) / top
    shapes.append(f'<line class="m-expected" x1="0" x2="90" y1="{even:.1f}" y2="{even:.1f}"/>')
    return _svg("mini", 90, 31, said, shapes)


def _bin_shapes(bins: Sequence[LimitBin], width: float, floor: float, head: float) -> list[str]:
    highest = [max(one.count, one.expected or 0.0) for one in bins]
    top = max(*highest, 1.0)
    slot = width / len(bins)
    shapes = []
    for place, one in enumerate(bins):
        css = "m-bar m-zone" if one.zone else "m-bar"
        shapes.append(_bar(css, place * slot + slot * 0.1, slot * 0.8, one.count / top * (floor - head), floor))
    points = [
        f"{(place + 0.5) * slot:.1f},{floor - one.expected / top * (floor - head):.1f}"
        for place, one in enumerate(bins)
        if one.expected is not None
    ]
    if points:
        shapes.append(f'<polyline class="m-expected" points="{" ".join(points)}"/>')
    below = sum(1 for one in bins if one.high <= 1 + 1e-9)
    shapes.append(f'<line class="m-limit" x1="{below * slot:.1f}" x2="{below * slot:.1f}" y1="0" y2="{floor:g}"/>')
    return shapes


def limit_bars(row: BunchingRow, said: str) -> Markup:
    """Counts about the limit as bars, the expectation as a line, the limit as a dashed one."""
    floor = TALL - FOOT
    shapes = _bin_shapes(row.bins, WIDE, floor, 14)
    slot = WIDE / len(row.bins)
    limit = next((place for place, one in enumerate(row.bins) if one.high >= 1 - 1e-9), 0)
    shapes += [
        _text((place + 1) * slot, TALL - 5, formats.percent(one.high))
        for place, one in enumerate(row.bins[:-1])
        if (place - limit) % 2 == 0
    ]
    shapes.append(f'<line class="m-axis" x1="0" x2="{WIDE:g}" y1="{floor:g}" y2="{floor:g}"/>')
    return _svg("bars", WIDE, TALL, said, shapes)


def limit_spark(row: BunchingRow, said: str) -> Markup:
    """The same small."""
    return _svg("mini", 90, 31, said, _bin_shapes(row.bins, 90, 30, 2))


def _points(values: Sequence[float | None], width: float, height: float, low: float, high: float) -> str:
    last, wide = max(1, len(values) - 1), (high - low) or 1.0
    return " ".join(
        f"{place / last * width:.1f},{height - 3 - (value - low) / wide * (height - 6):.1f}"
        for place, value in enumerate(values)
        if value is not None
    )


def overlay(one: Sequence[float], other: Sequence[float], said: str, *, tall: float = 120.0) -> Markup:
    """Two curves on one scale, the second dashed over the first."""
    both = [*one, *other]
    low, high = min(both, default=0.0), max(both, default=1.0)
    shapes = [
        f'<polyline class="{css}" points="{_points(values, WIDE, tall, low, high)}"/>'
        for css, values in (("m-one", one), ("m-two", other))
    ]
    return _svg("over", WIDE, tall, said, shapes, stretch=True)


def shape(profile: Sequence[float | None], reference: Sequence[float | None], said: str) -> Markup:
    """The shape of an episode over that of the one asked about; its middle half is the episode."""
    both = [value for value in (*profile, *reference) if value is not None]
    low, high = min(both, default=0.0), max(both, default=1.0)
    shapes = ['<rect class="fill-warn" x="40" y="0" width="80" height="60"/>']
    if reference:
        shapes.append(f'<polyline class="m-two" points="{_points(reference, 160, 60, low, high)}"/>')
    if profile:
        shapes.append(f'<polyline class="m-one" points="{_points(profile, 160, 60, low, high)}"/>')
    return _svg("shape", 160, 60, said, shapes, stretch=True)


def range_of(boxes: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Common scale of boxes of quantiles."""
    low, high = min((box[0] for box in boxes), default=0.0), max((box[-1] for box in boxes), default=1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def box(quantiles: Sequence[float], scale: tuple[float, float], said: str, *, found: bool) -> Markup:
    """5 to 95 % as a line, 25 to 75 % as a box, the median as a stroke."""
    low, high = scale
    at = [6 + (value - low) / (high - low) * 208 for value in quantiles]
    if any(not math.isfinite(x) for x in at):
        raise ValueError("quantiles must be finite")
    css = "m-box far" if found else "m-box"
    shapes = [
        f'<line class="m-whisker" x1="{at[0]:.1f}" x2="{at[4]:.1f}" y1="12" y2="12"/>',
        f'<rect class="{css}" x="{at[1]:.1f}" y="5" width="{max(1.5, at[3] - at[1]):.1f}" height="14"/>',
        f'<line class="m-median" x1="{at[2]:.1f}" x2="{at[2]:.1f}" y1="3" y2="21"/>',
    ]
    return _svg("boxes", 220, 24, said, shapes)
