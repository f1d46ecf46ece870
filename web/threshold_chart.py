"""The numbers of a threshold over time: a step for each version, the rule's own number as a dashed line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup

from shared.contracts.detection.thresholds import ThresholdDetail, ThresholdVersion
from web import formats
from web.i18n import gettext
from web.labels import label
from web.threshold_words import number_text

WIDTH, HEIGHT = 640, 120
LEAD = timedelta(days=14)
"""Shown before the first version."""


@dataclass(frozen=True)
class NumberChart:
    """One number: its steps as (data time, value), the first from the beginning of the picture."""

    name: str
    parameter: str
    default: float
    steps: tuple[tuple[datetime, float], ...]
    until: datetime

    @property
    def highest(self) -> str:
        """The top of the scale."""
        return number_text(self.parameter, max(self.default, *(value for _, value in self.steps)))

    @property
    def since(self) -> datetime:
        """The left end."""
        return self.steps[0][0]

    def said(self) -> str:
        """The picture in words."""
        parts = [f"{formats.day(at)} {number_text(self.parameter, value)}" for at, value in self.steps]
        return gettext("%(name)s: %(steps)s; the rule's own number is %(default)s") % {
            "name": self.name, "steps": gettext(", ").join(parts), "default": number_text(self.parameter, self.default),
        }  # fmt: skip

    def svg(self) -> Markup:
        """The picture."""
        top = max(self.default, *(value for _, value in self.steps)) * 1.15
        long = max(1.0, (self.until - self.since).total_seconds())

        def x(at: datetime) -> float:
            return (at - self.since).total_seconds() / long * WIDTH

        def y(value: float) -> float:
            return HEIGHT - 1 - value / top * (HEIGHT - 2)

        path = f"M0 {y(self.steps[0][1]):.1f}"
        for at, value in self.steps[1:]:
            path += f"H{x(at):.1f}V{y(value):.1f}"
        base = f'<line class="limit" x1="0" x2="{WIDTH}" y1="{y(self.default):.1f}" y2="{y(self.default):.1f}"/>'
        opening = f'<svg class="plain-chart low" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        named = Markup('aria-label="{}">').format(self.said())
        drawn = f'{base}<path class="line" d="{path}H{WIDTH}"/></svg>'
        return Markup(opening) + named + Markup(drawn)  # noqa: S704 - numbers only


def charts_of(one: ThresholdDetail, now: datetime) -> list[NumberChart]:
    """A chart for each number that ever differed from the rule's own."""
    accepted = sorted((item for item in one.versions if item.valid_from is not None), key=_order)
    if not accepted or accepted[0].valid_from is None:
        return []
    until = max(now, *(item.valid_from for item in accepted if item.valid_from)) + timedelta(days=2)
    begin = accepted[0].valid_from - LEAD
    charts = []
    for name, default in one.default.items():
        steps = _steps(accepted, name, default)
        if any(value != default for _, value in steps):
            title = label(f"{one.rule}.{name}", "threshold_number")
            charts.append(NumberChart(title, name, default, ((begin, default), *steps), until))
    return charts


def _order(version: ThresholdVersion) -> tuple[datetime, int]:
    if version.valid_from is None:
        raise ValueError(f"version {version.number} has no time from which it holds")
    return version.valid_from, version.number


def _steps(accepted: Sequence[ThresholdVersion], name: str, default: float) -> list[tuple[datetime, float]]:
    steps: dict[datetime, float] = {}
    for item in accepted:
        steps[_order(item)[0]] = item.numbers.get(name, default)
    return list(steps.items())
