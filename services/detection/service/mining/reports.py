"""The reports of the mining bench over one outlet or a trade."""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from services.detection.domain.mining import peers as peer_domain
from services.detection.domain.mining.digits import Digits, honest_shares, pooled_shares
from services.detection.domain.mining.pairs import TwinPair, TwinPairs, find_twins
from services.detection.domain.mining.peers import Peer, report_peers
from services.detection.domain.mining.repeats import HOUR, WINDOWS
from services.detection.domain.surveys import bunching, last_digit, noisy_replay, twins
from services.detection.domain.surveys.series import join
from services.detection.service.mining.bench import Bench, Choice, Sample, check_staff
from services.detection.service.mining.rows import (
    apart_row,
    bunching_row,
    digit_row,
    known,
    moment,
    numbers,
    outlet_out,
    peer_row,
    repeat_row,
    series_row,
)
from services.detection.service.mining.worker import Miner
from services.detection.store.places import PlaceStore
from shared.auth import Principal
from shared.contracts.detection.mining import (
    BunchingReport,
    BunchingRow,
    DigitReport,
    DigitRow,
    HonestShare,
    MiningAsk,
    MiningRow,
    MiningTrade,
    PeerReport,
    PeerRow,
    RepeatReport,
    RepeatRow,
    TwinOut,
    TwinReport,
)
from shared.db import Database

MOST_STREAMED = 12_000_000
"""Values of a report that looks at one outlet after the other."""
MOST_HELD = 2_500_000
"""Values of a report that holds all outlets at once."""
DRAWN = 240
"""Common values of twins that are given to be drawn."""

Row = TypeVar("Row", bound=MiningRow)
Found = TypeVar("Found")


class MiningService:
    """Reports for staff; each has its time, and no connection is held while readings come in."""

    def __init__(self, db: Database, miner: Miner, caller: Principal) -> None:
        self._db = db
        self._miner = miner
        self._bench = Bench(db, miner)
        self._caller = caller

    async def list_trades(self) -> list[MiningTrade]:
        """Trades with outlets in use, and their factors."""
        check_staff(self._caller)
        async with self._db.transaction() as session:
            places = await PlaceStore(session).in_use()
        found: dict[str, dict[str, int]] = {}
        count: dict[str, int] = {}
        for place in places:
            count[place.trade] = count.get(place.trade, 0) + 1
            factors = found.setdefault(place.trade, {})
            for one in place.outlet.factors:
                factors[one.factor] = factors.get(one.factor, 0) + 1
        return [MiningTrade(trade=trade, outlets=count[trade], factors=found[trade]) for trade in sorted(found)]

    async def report_digits(self, ask: MiningAsk) -> DigitReport:
        """Last digits 末位数字."""
        choice, found = await self._stream(ask, digit_row)
        rows = [row for row, _ in found] + [DigitRow(**apart_row(place)) for place in choice.apart]
        peers: list[Digits] = [report for row, report in found if row.outlet.outlet_id != choice.subject]
        pooled = pooled_shares(peers)
        settings = last_digit.Settings()
        return DigitReport(
            **_head(choice), rows=_sorted(choice, rows, lambda row: _low(row.p)),
            pooled=[] if pooled is None else numbers(pooled), below=settings.p, least_points=settings.least_points,
            least_spread=settings.least_spread,
            honest=[HonestShare(low=one.low, high=one.high, share=one.share) for one in honest_shares()],
        )  # fmt: skip

    async def report_bunching(self, ask: MiningAsk) -> BunchingReport:
        """Values about the limit 贴限堆积."""
        choice, rows = await self._stream(ask, bunching_row)
        rows += [BunchingRow(**apart_row(place)) for place in choice.apart]
        settings = bunching.Settings()
        return BunchingReport(
            **_head(choice), rows=_sorted(choice, rows, lambda row: _high(row.z)), z=settings.z,
            share=settings.above_share, width=settings.width,
        )  # fmt: skip

    async def report_repeats(self, ask: MiningAsk) -> RepeatReport:
        """Repeated windows 重复片段; of one outlet only that one is searched."""
        choice, rows = await self._stream(ask.model_copy(update={"compare": False}), repeat_row)
        rows += [RepeatRow(**apart_row(place)) for place in choice.apart]
        interval = choice.interval(choice.places[0])
        return RepeatReport(
            **_head(choice), rows=_sorted(choice, rows, lambda row: (-row.total, row.outlet.code)),
            window=WINDOWS[interval >= HOUR], noisy_window=noisy_replay.Settings().window,
        )  # fmt: skip

    async def report_twins(self, ask: MiningAsk) -> TwinReport:
        """Twin outlets 孪生排口: one outlet against its trade, or all pairs of a trade."""
        choice, samples, (found, pairs) = await self._hold(ask, _twins)
        settings = twins.Settings()
        series = [series_row(sample) for sample in samples]
        return TwinReport(
            **_head(choice), pairs=pairs, series=series + [MiningRow(**apart_row(place)) for place in choice.apart],
            possible=found.possible, compared=found.compared, complete=found.complete, likeness=settings.likeness,
            least_points=int(settings.least_points),
        )  # fmt: skip

    async def report_peers(self, ask: MiningAsk) -> PeerReport:
        """Distributions within the trade 同行业比对."""
        choice, samples, found = await self._hold(ask, _peers)
        rows = [peer_row(sample, peer) for sample, peer in zip(samples, found, strict=True)]
        rows += [PeerRow(**apart_row(place)) for place in choice.apart]
        settings = peer_domain.Settings()
        return PeerReport(
            **_head(choice), rows=_sorted(choice, rows, lambda row: _high(abs(row.z) if row.z is not None else None)),
            z=settings.z, least_points=int(settings.least_points), least_others=int(settings.least_others),
        )  # fmt: skip

    # -- inside ------------------------------------------------------------------------------------

    async def _stream(self, ask: MiningAsk, judge: Callable[[Sample], Found]) -> tuple[Choice, list[Found]]:
        check_staff(self._caller)
        found: list[Found] = []
        async with self._miner.report():
            choice = await self._bench.choose(ask, MOST_STREAMED)
            async for samples in self._bench.samples(choice):
                found += await self._miner.run(_each, judge, samples)
        return choice, found

    async def _hold(
        self, ask: MiningAsk, judge: Callable[[Choice, list[Sample]], Found]
    ) -> tuple[Choice, list[Sample], Found]:
        check_staff(self._caller)
        held: list[Sample] = []
        async with self._miner.report():
            choice = await self._bench.choose(ask.model_copy(update={"compare": True}), MOST_HELD)
            async for samples in self._bench.samples(choice):
                held += samples
            found = await self._miner.run(judge, choice, held)
        return choice, held, found


def _each(judge: Callable[[Sample], Found], samples: Sequence[Sample]) -> list[Found]:
    return [judge(sample) for sample in samples]


def _head(choice: Choice) -> dict[str, Any]:
    return {
        "asked": choice.ask, "trade": choice.trade, "unit": choice.unit,
        "outlets": len(choice.places) + len(choice.apart), "cut": choice.cut,
    }  # fmt: skip


def _sorted(choice: Choice, rows: Sequence[Row], key: Callable[[Row], Any]) -> list[Row]:
    """The outlet asked for, then the judged ones by `key`, then the others by code."""
    return sorted(
        rows,
        key=lambda row: (
            row.outlet.outlet_id != choice.subject,
            row.unjudged is not None,
            key(row) if row.unjudged is None else 0,
            row.outlet.code,
        ),
    )


def _low(value: float | None) -> float:
    return math.inf if value is None else value


def _high(value: float | None) -> float:
    return math.inf if value is None else -value


def _peers(_choice: Choice, samples: Sequence[Sample]) -> list[Peer]:
    return report_peers([one.series for one in samples])


def _twins(choice: Choice, samples: Sequence[Sample]) -> tuple[TwinPairs, list[TwinOut]]:
    subject = next((at for at, one in enumerate(samples) if one.place.id == choice.subject), None)
    found = find_twins([one.series for one in samples], min(one.interval for one in samples), subject=subject)
    return found, [_twin(samples[pair.one], samples[pair.other], pair) for pair in found.pairs]


def _twin(one: Sample, other: Sample, pair: TwinPair) -> TwinOut:
    judged = pair.judged
    t, a, b = join(one.series, other.series)
    last = slice(max(0, len(t) - DRAWN), len(t))
    return TwinOut(
        one=outlet_out(one.place), other=outlet_out(other.place), likeness=known(judged.statistic) or 0.0,
        scale=known(judged.scale) or 0.0, shift=known(judged.shift) or 0.0,
        since=moment(judged.span.start) if judged.span else None,
        until=moment(judged.span.end) if judged.span else None, points=judged.points, found=judged.found,
        drawn_since=moment(float(t[last][0])) if len(t) else None, one_values=numbers(np.asarray(a[last])),
        other_values=numbers(np.asarray(b[last])),
    )  # fmt: skip
