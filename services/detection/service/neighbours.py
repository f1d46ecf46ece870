"""Twins among neighbours: what closes the run of a night, when every outlet has been surveyed by itself.

    groups = await NeighbourDesk(session, rulebook).prepare(run)      outlets of one medium and trade, two at least
    told = report_neighbours(rulebook, group, histories)              pure, in a thread

The hits of all groups are applied in the transaction that ends the run, so that a night is judged once or not at all.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.domain.hits import Hit
from services.detection.domain.surveying.neighbours import MOST_OUTLETS, REACH_DAYS, survey_neighbours
from services.detection.domain.surveying.registry import TWINS
from services.detection.gateways import Column
from services.detection.service.rulebook import Rulebook, traits_of
from services.detection.service.survey_desk import CATCH_UP, DAY, Page, lines_of, running_hits
from services.detection.store import EnterpriseStore, HitStore, MarkStore, SeriesStore
from services.detection.store.surveys import Run, SurveyStore
from shared.contracts.detection.surveys import SurveyTrigger
from shared.contracts.ingest import ReadingKind

Group = Sequence[Page]


class NeighbourDesk:
    """One transaction that only reads."""

    def __init__(self, session: AsyncSession, rulebook: Rulebook) -> None:
        self._session = session
        self._store = SurveyStore(session)
        self._rules = {rule.code: rule for rule in rulebook.rules if rule.check is TWINS}

    async def prepare(self, run: Run) -> list[Group]:
        """Groups of at most `MOST_OUTLETS` outlets, for the nights since the last run that ended; none for a run that a
        person asked for, which looks at outlets one by one.
        """
        if run.trigger is not SurveyTrigger.NIGHTLY or not self._rules:
            return []
        before = await self._store.night_before(run.night)
        first = max(run.night - CATCH_UP, before + DAY if before else run.night - CATCH_UP)
        found: dict[tuple[str, str], list[Page]] = defaultdict(list)
        place = replace(run, cursor=None)
        while ids := await self._store.outlets(place, MOST_OUTLETS):
            for page, trade in await self._pages(run, ids, min(first, run.night)):
                found[page.outlet.medium, trade].append(page)
            place = replace(place, cursor=ids[-1])
        parts = [pages[at : at + MOST_OUTLETS] for pages in found.values() for at in range(0, len(pages), MOST_OUTLETS)]
        return [part for part in parts if len(part) > 1]

    async def _pages(self, run: Run, ids: Sequence[UUID], first: datetime) -> list[tuple[Page, str]]:
        outlets = await SeriesStore(self._session).outlets(ids)
        known = await SeriesStore(self._session).of_outlets(ids)
        trades = await EnterpriseStore(self._session).trades({one.enterprise_id for one in outlets.values()})
        reach = dict.fromkeys(ids, run.night - CATCH_UP - timedelta(days=REACH_DAYS))
        covers = await MarkStore(self._session).covers(reach)
        running = running_hits(await HitStore(self._session).running_of(ids, list(self._rules)), self._rules)
        made = []
        for one in ids:
            outlet = outlets[one]
            trade = trades.get(outlet.enterprise_id, "")
            series = {which: traits_of(outlet, which.factor, which.kind, trade) for which in sorted(known)
                      if which.outlet_id == one and which.kind is ReadingKind.HOUR}  # fmt: skip
            page = Page(
                outlet, first, run.night, series, covers.get(one, []), running.get(one, []), reach_days=REACH_DAYS
            )
            made.append((page, trade))
        return made


def report_neighbours(
    rulebook: Rulebook, group: Group, histories: Mapping[UUID, Mapping[str, Column] | None]
) -> list[tuple[Page, list[Hit]]]:
    """What is found between the outlets of a group, by outlet; those whose history could not be read are left out."""
    rules = [rule for rule in rulebook.rules if rule.check is TWINS]
    lines = [lines_of(page, histories.get(page.outlet.id) or {}) for page in group]
    running = [hit for page in group for hit in page.running]
    found = survey_neighbours(rules, lines, nights=(group[0].first, group[0].last), running=running)
    by_outlet: dict[UUID, list[Hit]] = defaultdict(list)
    for hit in found.hits:
        by_outlet[hit.series.outlet_id].append(hit)
    return [(page, by_outlet[page.outlet.id]) for page in group if page.outlet.id in by_outlet]
