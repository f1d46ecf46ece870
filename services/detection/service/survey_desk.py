"""Surveys at night: history of some outlets in, hits out. What is read from ingest is read between two transactions.

    pages = await SurveyDesk(session, …).prepare(run)            which outlets, nights, marks, hits still running
    reports = [report(rulebook, page, history) …]                pure, in a thread
    await SurveyDesk(session, …).keep(run, reports)              hits applied, nights and run written, all or nothing
    await SurveyDesk(session, …).finish(run, told)               the end of a run, with what `neighbours` found

A night of an outlet is judged once, whoever comes first; a run that ends in the middle goes on where it was. A person
may have the last night judged again: what is found again is the same hit.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.domain.checks.definition import Traits
from services.detection.domain.covers import Cover, marked_flags
from services.detection.domain.history import Line
from services.detection.domain.hits import NAMESPACE, Hit, SeriesKey
from services.detection.domain.kernel import Batch
from services.detection.domain.rules import Rule
from services.detection.domain.surveying.definition import Survey
from services.detection.domain.surveying.nights import Outcome, survey
from services.detection.domain.surveying.registry import REACH_DAYS
from services.detection.gateways import Column
from services.detection.service.ledger import Ledger
from services.detection.service.limits import limits_at
from services.detection.service.rulebook import Rulebook, traits_of
from services.detection.store import EnterpriseStore, HitStore, MarkStore, SeriesId, SeriesStore
from services.detection.store.hits import RunningHit
from services.detection.store.surveys import Run, Surveyed, SurveyStore
from shared.clock import PARK_ZONE
from shared.contracts.detection.surveys import SurveyTrigger
from shared.contracts.ingest import OutletOut, ReadingKind

OUTLETS_A_PAGE = 20
CATCH_UP = timedelta(days=31)
"""Nights that a service makes up for that did not run, or a new outlet is given."""
GRACE = timedelta(hours=2)
"""After midnight; readings that come later than that are not surveyed for the night."""
KEEP = timedelta(days=90)
DAY = timedelta(days=1)
NOT_READ = "not_read"


@dataclass(frozen=True)
class Page:
    """One outlet about to be surveyed for the nights from `first` to `last`."""

    outlet: OutletOut
    first: datetime
    last: datetime
    series: Mapping[SeriesId, Traits]
    covers: Sequence[Cover]
    running: Sequence[Hit]
    reach_days: int = REACH_DAYS

    @property
    def since(self) -> datetime:
        """From when on history is needed."""
        return self.first - timedelta(days=self.reach_days)


@dataclass(frozen=True)
class Report:
    """What was found; None where history could not be read."""

    page: Page
    outcome: Outcome | None


def last_night(at: datetime) -> datetime:
    """The last midnight in the park that may be judged at `at`."""
    return datetime.combine((at - GRACE).astimezone(PARK_ZONE).date(), time(), PARK_ZONE)


def nightly_run(night: datetime, now: datetime) -> Run:
    """The run of a night, the same whoever starts it."""
    return Run(uuid5(NAMESPACE, f"survey/{night.isoformat()}"), night, SurveyTrigger.NIGHTLY, now)


class SurveyDesk:
    """One transaction of a run."""

    def __init__(self, session: AsyncSession, rulebook: Rulebook, now: datetime, hazardous: frozenset[str]) -> None:
        self._store = SurveyStore(session)
        self._series = SeriesStore(session)
        self._session = session
        self._rulebook = rulebook
        self._now = now
        self._ledger = Ledger(session, rulebook.policy, hazardous)
        self._surveys = {rule.code: rule for rule in rulebook.rules if isinstance(rule.check, Survey)}

    async def open_runs(self, night: datetime) -> list[Run]:
        """Runs to go on with, that of the night among them."""
        await self._store.add(nightly_run(night, self._now))
        return await self._store.open_runs()

    async def prepare(self, run: Run) -> list[Page]:
        """The next outlets of a run; none when it is through. Those that need nothing are not in it."""
        ids = await self._store.outlets(run, OUTLETS_A_PAGE)
        outlets = await self._series.outlets(ids)
        done = await self._store.last_nights(ids)
        known = await self._series.of_outlets(ids)
        trades = await EnterpriseStore(self._session).trades({one.enterprise_id for one in outlets.values()})
        running = await self._running(ids)
        reach = {one: run.night - CATCH_UP - timedelta(days=REACH_DAYS) for one in ids}
        covers = await MarkStore(self._session).covers(reach)
        pages = []
        for one in ids:
            outlet = outlets[one]
            trade = trades.get(outlet.enterprise_id, "")
            series = {which: traits_of(outlet, which.factor, which.kind, trade) for which in sorted(known)
                      if which.outlet_id == one and which.kind is ReadingKind.HOUR}  # fmt: skip
            begun = [stored.first_at for which, stored in known.items() if which in series and stored.first_at]
            first = _first_night(run, done.get(one), min(begun, default=run.night))
            pages.append(Page(outlet, first, run.night, series, covers.get(one, []), running.get(one, [])))
        return pages

    async def keep(self, run: Run, reports: Sequence[Report]) -> Run:
        """Apply what was found and write how far the run is; gives back the run as it is then.

        Another worker that was faster has its way.
        """
        overtaken = await self._overtaken(run)
        if overtaken is not None:
            return overtaken
        done = await self._store.last_nights([one.page.outlet.id for one in reports])
        fresh = [one for one in reports if _is_due(run, one.page, done.get(one.page.outlet.id))]
        told = [(one.page, one.outcome) for one in fresh if one.outcome is not None]
        await self._apply([(page, outcome.hits) for page, outcome in told])
        await self._store.keep([_surveyed(run, page, outcome) for page, outcome in told])
        gaps = Counter(run.gaps)
        for _, outcome in told:
            gaps.update(f"{gap.rule} {gap.why}" for gap in outcome.unjudged)
        run = replace(
            run, cursor=reports[-1].page.outlet.id, outlets=run.outlets + len(told), gaps=gaps,
            failed=run.failed + sum(one.outcome is None for one in fresh),
            judged=run.judged + sum(outcome.judged for _, outcome in told),
            hits=run.hits + sum(len({hit.id for hit in outcome.hits}) for _, outcome in told),
        )  # fmt: skip
        await self._store.save(run)
        return run

    async def finish(self, run: Run, told: Sequence[tuple[Page, Sequence[Hit]]]) -> Run:
        """End a run that is through, with what was found between outlets; all of it or nothing."""
        overtaken = await self._overtaken(run)
        if overtaken is not None:
            return overtaken
        await self._apply(told)
        hits = len({hit.id for _, hits in told for hit in hits})
        run = replace(run, finished_at=self._now, hits=run.hits + hits)
        await self._store.save(run)
        await self._store.forget(run.night - KEEP)
        return run

    async def _overtaken(self, run: Run) -> Run | None:
        """The run as another worker has brought it on; None, and nobody else may, where it stands as given."""
        await self._series.lock()
        now_at = await self._store.find(run.id, lock=True)
        if now_at is None or now_at.cursor != run.cursor or now_at.finished_at is not None:
            return now_at or replace(run, finished_at=self._now)
        return None

    async def _apply(self, told: Sequence[tuple[Page, Sequence[Hit]]]) -> None:
        since = {page.outlet.id: min(hit.started_at for hit in hits) for page, hits in told if hits}
        outlets = {page.outlet.id: page.outlet for page, _ in told}
        await self._ledger.load(since, {outlets[one].enterprise_id for one in since})
        await self._ledger.apply([hit for _, hits in told for hit in hits], outlets)
        for page, hits in told:
            if hits:
                self._ledger.excuse(page.outlet.id, page.covers)
        await self._ledger.save(outlets, self._now)

    async def _running(self, ids: Sequence[UUID]) -> dict[UUID, list[Hit]]:
        """Survey hits of these outlets that have not ended."""
        return running_hits(await HitStore(self._session).running_of(ids, list(self._surveys)), self._surveys)


def running_hits(stored: Sequence[RunningHit], rules: Mapping[str, Rule]) -> dict[UUID, list[Hit]]:
    """Hits of hour means as they were kept, by outlet."""
    found: dict[UUID, list[Hit]] = {}
    for one in stored:
        key = SeriesKey(one.outlet_id, one.factor, ReadingKind(one.kind), timedelta(hours=1))
        hit = Hit(
            key, rules[one.rule].check.name, one.rule, opened=True, started_at=one.started_at,
            until=one.until, decided_at=one.until, value=one.value, reference=one.reference, count=one.points,
        )  # fmt: skip
        found.setdefault(one.outlet_id, []).append(hit)
    return found


def report(rulebook: Rulebook, page: Page, history: Mapping[str, Column] | None) -> Report:
    """What the surveys say of an outlet, from its hour means by factor; a pure reckoning of milliseconds."""
    if history is None:
        return Report(page, None)
    rules = [rule for rule in rulebook.rules if isinstance(rule.check, Survey)]
    lines = lines_of(page, history)
    return Report(page, survey(rules, lines, nights=(page.first, page.last), running=page.running))


def lines_of(page: Page, history: Mapping[str, Column]) -> list[Line]:
    """Hour means of an outlet as the surveys read them, marks applied."""
    lines = []
    for which, traits in page.series.items():
        column = history.get(which.factor)
        if column is None:
            continue
        flags = marked_flags(column.flags, column.t, which.factor, page.covers)
        batch = Batch(column.t, column.v, flags, limits_at(page.outlet, which, column.t))
        key = SeriesKey(page.outlet.id, which.factor, which.kind, timedelta(seconds=traits.interval))
        lines.append(Line(traits, key, batch))
    return lines


def _first_night(run: Run, done: datetime | None, begun: datetime) -> datetime:
    """The first night to judge: the one after the last judged, for a new outlet the first that has data; the run's own
    where that is done.
    """
    first = last_night(begun + GRACE) + DAY if done is None else done + DAY
    return max(run.night - CATCH_UP, min(first, run.night))


def _is_due(run: Run, page: Page, done: datetime | None) -> bool:
    return run.trigger is SurveyTrigger.MANUAL or done is None or done < page.first


def _surveyed(run: Run, page: Page, outcome: Outcome) -> Surveyed:
    return Surveyed(
        page.outlet.id, run.night, run.id, outcome.judged, len({hit.id for hit in outcome.hits}),
        [{"factor": one.factor, "rule": one.rule, "why": one.why} for one in outcome.unjudged],
    )  # fmt: skip
