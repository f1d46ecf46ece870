"""Own numbers of series by data time, kept in memory until thresholds of their outlet change."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.domain.rules import Rule
from services.detection.domain.thresholds.model import Version
from services.detection.domain.thresholds.timeline import ALWAYS_DEFAULT, Timeline, make_timeline
from services.detection.store import SeriesId
from services.detection.store.thresholds import ThresholdStore
from shared.contracts.ingest import ReadingKind
from shared.logging import get_logger

log = get_logger(__name__)

MOST_OUTLETS = 50_000


@dataclass
class Timelines:
    """What was last read of each outlet, under the count of changes at that time."""

    _kept: dict[UUID, tuple[int, dict[SeriesId, Timeline]]] = field(default_factory=dict)

    async def load(self, session: AsyncSession, rules: Mapping[str, Rule], counts: Mapping[UUID, int]) -> None:
        """Read thresholds of those of the outlets that have some and have changed since they were read."""
        if len(self._kept) > MOST_OUTLETS:
            self._kept.clear()
        old = [one for one, count in counts.items() if count and self._kept.get(one, (0, {}))[0] != count]
        if not old:
            return
        read = await read_timelines(session, rules, old)
        for outlet_id in old:
            self._kept[outlet_id] = counts[outlet_id], {}
        for series, timeline in read.items():
            self._kept[series.outlet_id][1][series] = timeline

    def of(self, series: SeriesId) -> Timeline:
        """The timeline of one series of an outlet that was loaded."""
        kept = self._kept.get(series.outlet_id)
        return kept[1].get(series, ALWAYS_DEFAULT) if kept else ALWAYS_DEFAULT


async def read_timelines(
    session: AsyncSession, rules: Mapping[str, Rule], outlet_ids: Iterable[UUID]
) -> dict[SeriesId, Timeline]:
    """Timelines of the series of these outlets that have numbers of their own, by the rules of these codes."""
    versions: dict[SeriesId, dict[str, list[Version]]] = defaultdict(lambda: defaultdict(list))
    for row, version in await ThresholdStore(session).accepted(outlet_ids):
        rule = rules.get(row.rule)
        series = SeriesId(row.outlet_id, row.factor, ReadingKind(row.kind))
        if rule is None:
            log.warning("threshold_of_no_rule", threshold_id=str(row.id), rule=row.rule)
            continue
        versions[series][row.rule].append(_usable(version, rule, row.id))
    return {series: make_timeline(by_rule) for series, by_rule in versions.items()}


def _usable(version: Version, rule: Rule, threshold_id: UUID) -> Version:
    """Without the numbers that the rule, which may have changed since, no longer takes: detection must go on."""
    bounds = {one.name: one for one in rule.check.parameters}
    numbers = {
        name: value
        for name, value in version.numbers.items()
        if name in bounds and bounds[name].minimum <= value <= bounds[name].maximum
    }
    if len(numbers) < len(version.numbers):
        log.warning("threshold_left_out", threshold_id=str(threshold_id), version=version.number, rule=rule.code)
    return replace(version, numbers=numbers)
