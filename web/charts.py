"""Charts: what chart.js draws, its plain SVG twin for pages without scripts, and the small curves of the queue."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup

from shared.contracts.casework import CaseSummary
from shared.contracts.detection import AnomalyOut, Nature
from shared.contracts.ingest import ReadingKind, Series, SeriesLimit
from shared.contracts.ingest.marks import MarkOut
from web import formats
from web.i18n import gettext
from web.labels import label, name_of

DAY = timedelta(days=1)
RANGES = {"6h": timedelta(hours=6), "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
STEPS = {ReadingKind.REALTIME: 60, ReadingKind.MINUTE: 60, ReadingKind.HOUR: 3600, ReadingKind.DAY: 86400}
ORDINARY_FLAG = "N"
SPARK_POINTS = 110
PLAIN_POINTS = 600


@dataclass(frozen=True)
class Window:
    """A span of time a chart shows."""

    since: datetime
    until: datetime


def around(started: datetime, last: datetime, now: datetime, *, least: timedelta = DAY) -> Window:
    """A window with the episode in it and some of what came before and after, not beyond now."""
    length = last - started
    pad = max((least - length) / 2, length * 0.3)
    until = min(last + pad, max(now, last))
    return Window(min(until - least, started - pad), until)


def chosen(name: str | None, started: datetime, last: datetime, now: datetime) -> Window:
    """The window of a range button; without one, the window around the episode."""
    if name not in RANGES:
        return around(started, last, now)
    until = min(max(last + RANGES[name] / 10, started), max(now, last))
    return Window(until - RANGES[name], until)


@dataclass(frozen=True)
class Band:
    """A coloured span behind the curve: `bad` exceedance, `warn` other anomaly, `mute` flagged by the enterprise."""

    since: datetime
    until: datetime
    kind: str
    text: str = ""


def anomaly_bands(anomalies: Iterable[AnomalyOut], factor: str) -> list[Band]:
    """Bands of the episodes of one factor; each ends with the last period that belongs to it."""
    return [
        Band(
            item.started_at,
            item.last_at + timedelta(seconds=STEPS[item.kind]),
            "bad" if item.nature is Nature.EXCEEDANCE else "warn",
            label(item.rule, "rule"),
        )
        for item in anomalies
        if item.factor == factor
    ]


def mark_bands(marks: Iterable[MarkOut], factor: str, until: datetime) -> list[Band]:
    """Grey bands of the marks that have their effect on one factor; a running one reaches to `until`."""
    return [
        Band(item.since, item.until or max(until, item.since), "mute", f"{name_of(item, 'code')} {item.no}")
        for item in marks
        if item.effective and (not item.factors or factor in item.factors)
    ]


def case_bands(case: CaseSummary) -> list[Band]:
    """The band of a case's row in the queue."""
    kind = "bad" if case.nature is Nature.EXCEEDANCE else "warn"
    return [Band(case.anomaly_started_at, case.anomaly_last_at + timedelta(minutes=1), kind)]


def flag_spans(series: Series) -> list[tuple[int, int]]:
    """Spans (unix seconds) of neighbouring readings that carry a flag: maintenance, calibration, fault."""
    spans: list[tuple[int, int]] = []
    for index in sorted(index for index, flag in series.flags.items() if flag != ORDINARY_FLAG):
        at = series.t0 + index * series.step
        if spans and at <= spans[-1][1]:
            spans[-1] = (spans[-1][0], at + series.step)
        else:
            spans.append((at, at + series.step))
    return spans


def limit_lines(limits: Sequence[SeriesLimit]) -> list[dict[str, float | None]]:
    """Limit lines with their validity, for chart.js."""
    return [
        {
            "from": limit.valid_from.timestamp(),
            "to": limit.valid_to.timestamp() if limit.valid_to else None,
            "v": value,
        }
        for limit in limits
        for value in (limit.upper, limit.lower)
        if value is not None
    ]


@dataclass(frozen=True)
class Chart:
    """One chart of a page: its data for chart.js and the same for people without scripts."""

    series: Series
    window: Window
    name: str
    bands: Sequence[Band] = ()

    @property
    def empty(self) -> bool:
        """Whether there is no value to see."""
        return all(value is None for value in self.series.v)

    @property
    def flagged(self) -> bool:
        """Whether a grey band is shown."""
        return "mute" in self.kinds or bool(flag_spans(self.series))

    @property
    def kinds(self) -> set[str]:
        """Kinds of bands, for the legend."""
        return {band.kind for band in self.bands}

    @property
    def limits(self) -> list[float]:
        """Distinct limit values, for the legend."""
        values = [value for limit in self.series.limits for value in (limit.upper, limit.lower) if value is not None]
        return sorted(set(values))

    def data(self) -> dict[str, Any]:
        """What chart.js reads."""
        spans = [{"from": start, "to": end, "kind": "mute", "label": ""} for start, end in flag_spans(self.series)]
        shown = [
            {"from": band.since.timestamp(), "to": band.until.timestamp(), "kind": band.kind, "label": band.text}
            for band in self.bands
        ]
        return {
            "t0": self.series.t0, "step": self.series.step, "v": self.series.v,
            "from": self.window.since.timestamp(), "to": self.window.until.timestamp(),
            "limits": limit_lines(self.series.limits), "bands": shown + spans,
            "label": self.name, "unit": self.series.unit, "none": gettext("no data"),
        }  # fmt: skip

    def said(self) -> str:
        """The chart in words."""
        values = [value for value in self.series.v if value is not None]
        if not values:
            return gettext("%(name)s: no data") % {"name": self.name}
        return gettext("%(name)s from %(since)s to %(until)s: between %(low)s and %(high)s %(unit)s") % {
            "name": self.name,
            "since": formats.short_time(self.window.since),
            "until": formats.short_time(self.window.until),
            "low": formats.number(min(values), 2),
            "high": formats.number(max(values), 2),
            "unit": self.series.unit,
        }

    def plain(self) -> Markup:
        """The chart as SVG, without axes."""
        return _svg(self, 800, 200, PLAIN_POINTS, "plain-chart")

    def spark(self) -> Markup:
        """A small curve with limit and band."""
        return _svg(self, 112, 30, SPARK_POINTS, "spark")


def _thin(values: Sequence[float | None], most: int) -> list[tuple[float, float | None]]:
    """Position (0 to 1) and value, at most about `most`: of each bucket its least and greatest."""
    last = max(1, len(values) - 1)
    if len(values) <= most:
        return [(index / last, value) for index, value in enumerate(values)]
    size = len(values) * 2 // most + 1
    thinned: list[tuple[float, float | None]] = []
    for start in range(0, len(values), size):
        bucket = [(start + i, v) for i, v in enumerate(values[start : start + size]) if v is not None]
        if not bucket:
            thinned.append((start / last, None))
            continue
        ends = sorted({min(bucket, key=lambda pair: pair[1]), max(bucket, key=lambda pair: pair[1])})
        thinned.extend((index / last, value) for index, value in ends)
    return thinned


def _path(points: Sequence[tuple[float, float | None]], scale: "_Scale") -> str:
    parts: list[str] = []
    pen_up = True
    for position, value in points:
        if value is None:
            pen_up = True
            continue
        parts.append(f"{'M' if pen_up else 'L'}{scale.x(position):.1f} {scale.y(value):.1f}")
        pen_up = False
    return "".join(parts)


@dataclass(frozen=True)
class _Scale:
    """From data to the picture; `left` and `wide` place the series within the window."""

    width: float
    height: float
    low: float
    high: float
    left: float
    wide: float

    def x(self, position: float) -> float:
        return (self.left + position * self.wide) * self.width

    def y(self, value: float) -> float:
        return self.height - 1 - (value - self.low) / (self.high - self.low) * (self.height - 2)


def _scale(chart: Chart, width: float, height: float) -> _Scale:
    values = [value for value in chart.series.v if value is not None] + chart.limits
    low, high = min([0.0, *values]), max([0.0, *values])
    since, until = chart.window.since.timestamp(), chart.window.until.timestamp()
    long = max(1.0, until - since)
    lasts = max(0, len(chart.series.v) - 1) * chart.series.step
    return _Scale(width, height, low, high * 1.05 or 1.0, (chart.series.t0 - since) / long, lasts / long)


def _svg(chart: Chart, width: int, height: int, most: int, css: str) -> Markup:
    scale = _scale(chart, width, height)
    since, until = chart.window.since.timestamp(), chart.window.until.timestamp()
    long = max(1.0, until - since)
    spans = [(b.since.timestamp(), b.until.timestamp(), b.kind) for b in chart.bands]
    spans += [(start, end, "mute") for start, end in flag_spans(chart.series)]
    shapes = []
    for start, end, kind in spans:
        left, right = max(0.0, (start - since) / long) * width, min(1.0, (end - since) / long) * width
        if right >= left:
            wide = max(1.0, right - left)
            shapes.append(f'<rect class="fill-{kind}" x="{left:.1f}" y="0" width="{wide:.1f}" height="{height}"/>')
    for value in chart.limits:
        y = scale.y(value)
        shapes.append(f'<line class="limit" x1="0" x2="{width}" y1="{y:.1f}" y2="{y:.1f}"/>')
    shapes.append(f'<path class="line" d="{_path(_thin(chart.series.v, most), scale)}"/>')
    opening = '<svg class="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
    return Markup(opening).format(css, width, height, chart.said()) + Markup("".join(shapes)) + Markup("</svg>")  # noqa: S704 - numbers only
