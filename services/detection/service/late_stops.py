"""Marks of stop 停运 that came after their readings: what live judged as running is judged once more as stopped.

A mark may be handed in the day after (标记规则). Live holds it against the readings that come from then on; here it is
held against those before, by the rule that looks for sources that run while they are marked as stopped 标停未停.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.domain.backtest import Choice
from services.detection.domain.backtests.bounds import bounds
from services.detection.domain.backtests.comparison import Window
from services.detection.domain.covers import Cover
from services.detection.domain.history import find_hits_of_outlet
from services.detection.domain.hits import Hit
from services.detection.domain.relations import stop_run
from services.detection.gateways import History, Readings
from services.detection.service.ledger import Ledger
from services.detection.service.rulebook import Rulebook
from services.detection.service.trial import Ask, Trial, lines_of
from services.detection.store import EnterpriseStore, HitStore, MarkStore, SeriesStore
from shared.contracts.ingest import OutletOut, ReadingKind

MARKS_A_LOOK = 20
BEFORE = timedelta(days=10)
"""What is read before a mark, so that the usual levels of the outlet are known."""
MOST = timedelta(days=60)
"""The newest part of a longer mark is looked at."""


@dataclass(frozen=True)
class LateStop:
    """A mark to be held against the readings of its outlet from `since` to before `until`."""

    mark: Cover
    version: int
    outlet: OutletOut
    trade: str
    covers: tuple[Cover, ...]
    since: datetime
    until: datetime


async def due(session: AsyncSession, now: datetime) -> list[LateStop]:
    """Marks that were not looked at; those of outlets that nobody told of wait."""
    marks = await MarkStore(session).to_look_back(MARKS_A_LOOK)
    outlets = await SeriesStore(session).outlets({mark.outlet_id for mark, _ in marks})
    trades = await EnterpriseStore(session).trades({one.enterprise_id for one in outlets.values()})
    found = []
    for mark, version in marks:
        outlet = outlets.get(mark.outlet_id)
        if outlet is not None:
            until = min(mark.until or now, now)
            since = max(mark.since, until - MOST) - BEFORE
            covers = (await MarkStore(session).covers({outlet.id: since})).get(outlet.id, [])
            trade = trades.get(outlet.enterprise_id, "")
            found.append(LateStop(mark, version, outlet, trade, tuple(covers), since, until))
    return found


async def read(readings: Readings, stop: LateStop) -> History:
    """Hour means around the mark."""
    if stop.until <= stop.since:
        return {}
    return await readings.history(stop.outlet.id, [ReadingKind.HOUR], stop.since, stop.until, bounds().most_values)


def find(rulebook: Rulebook, stop: LateStop, history: History) -> list[Hit]:
    """Hits of running under the mark, each as over: the rest is live's."""
    rules = rulebook.rules
    off = frozenset(rule.code for rule in rules if rule.check.name != stop_run.RELATION.name)
    ask = Ask((), Window(stop.since, stop.until))
    lines = lines_of(Trial(ask, stop.outlet, stop.trade, history, stop.covers))
    hits = find_hits_of_outlet(rules, lines, Choice(off=off)) if lines else []
    ended = {hit.id: replace(hit, opened=False) for hit in hits}
    end = stop.mark.until or stop.until
    return [hit for hit in ended.values() if hit.started_at < end and hit.until > stop.mark.since]


async def keep(session: AsyncSession, rulebook: Rulebook, stop: LateStop, hits: Sequence[Hit], now: datetime) -> None:
    """Tell the hits that were not told, once, and note the version."""
    await SeriesStore(session).lock()
    told = await HitStore(session).known([hit.id for hit in hits])
    news = [hit for hit in hits if hit.id not in told]
    if news:
        ledger = Ledger(session, rulebook.policy, frozenset())
        since = min(hit.started_at for hit in news)
        await ledger.load({stop.outlet.id: since}, {stop.outlet.enterprise_id})
        await ledger.apply(news, {stop.outlet.id: stop.outlet})
        await ledger.save({stop.outlet.id: stop.outlet}, now)
    await MarkStore(session).looked_back(stop.mark.mark_id, stop.version)
