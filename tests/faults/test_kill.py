"""SIGKILL in the middle of a replay: after the restarts exactly the anomalies and cases of an undisturbed run."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import httpx
import numpy as np
import pytest

from park.model import DAY, HOUR, MINUTE, Event, EventKind, FactorModel, OutletModel
from park.replay import Courier
from services.ingest.hj212.codec import Edition, Report, Sender, upload_frames
from shared.clients.casework import CaseworkClient
from shared.clients.detection import DetectionClient
from shared.clients.ingest import IngestClient
from shared.clock import PARK_ZONE, monotonic, wall
from shared.contracts.casework import CaseDetail
from shared.contracts.detection import AnomalyOut
from shared.contracts.ingest import DeviceIn, EnterpriseIn, LimitIn, Medium, OutletFactor, OutletIn
from shared.errors import AppError
from tests.live_stack import LiveStack

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.xdist_group("stack")]

DAYS = 10
REST = timedelta(days=5)
"""The data end this long ago: a series that old is at rest, and nobody looks for its silence."""
CHUNKS = 9
KILLS = {1: ("detection",), 2: ("casework",), 4: ("detection", "casework"), 6: ("casework",), 7: ("detection",)}
"""What dies in the middle of which part: three times each, fewer than the launcher calls hopeless."""
COD, AMMONIA = "w01018", "w21003"
T = TypeVar("T")
Frames = list[tuple[str, bytes]]


def model(began: int, code: str, mn: str) -> OutletModel:
    """Ten days with exceedances, constant values, losses and spikes, all over at the end; the last tells that it is."""

    def span(first: float, length: float) -> tuple[int, int]:
        return began + int(first * HOUR), began + int((first + length) * HOUR)

    events = (
        Event(EventKind.RAISE, (COD,), *span(30, 8), 2.4),
        Event(EventKind.HOLD, (AMMONIA,), *span(40, 31), 1.1),
        Event(EventKind.DROP, ("*",), *span(80, 5)),
        Event(EventKind.RAISE, (COD,), *span(110, 4), 3.0),
        Event(EventKind.SPIKE, (AMMONIA,), *span(120, 1), 9.0),
        Event(EventKind.HOLD, (COD,), *span(140, 20), 0.9),
        Event(EventKind.DROP, (AMMONIA,), *span(175, 2)),
        Event(EventKind.RAISE, (COD,), *span(200, 6), 2.6),
        Event(EventKind.RAISE, (COD,), *span(DAYS * 24 - 9, 5), 3.0),
    )
    factors = (
        FactorModel(code=COD, unit="mg/L", base=30.0, resolution=0.1, span_high=500.0, upper=50.0),
        FactorModel(code=AMMONIA, unit="mg/L", base=2.0, resolution=0.01, span_high=50.0, upper=5.0),
    )
    # The honest part is made from enterprise and code: the same for both outlets.
    return OutletModel(
        enterprise="K-001", code="SAME", name_zh=code, name_en=code, medium="water", mn=mn, password="123456",
        factors=factors, events=events,
    )  # fmt: skip


def frames_of(outlet: OutletModel, began: int) -> Frames:
    """Sixty minutes and then their hour, as a logger sends them."""
    hours = np.arange(began, began + DAYS * DAY, HOUR, dtype=np.int64)
    minutes = np.arange(began, began + DAYS * DAY, MINUTE, dtype=np.int64)
    means, fine = outlet.hours(hours), outlet.minutes(minutes)
    sender = Sender(mn=outlet.mn, st=outlet.system, pw=outlet.password, edition=Edition.V2017)
    frames: Frames = []

    def add(cn: str, at: int, values: dict[str, float]) -> None:
        groups = [(code, [("Avg", value)]) for code, value in values.items() if np.isfinite(value)]
        if groups:
            moment = datetime.fromtimestamp(at, UTC).astimezone(PARK_ZONE)
            qn = f"{moment:%Y%m%d%H%M%S}{len(frames) % 1000:03}"
            frames.extend((qn, frame) for frame in upload_frames(
                sender, Report(cn, moment, groups, ack_wanted=True), qns=[qn]))  # fmt: skip

    for place, hour in enumerate(hours.tolist()):
        for number in range(place * 60, place * 60 + 60):
            add("2051", int(minutes[number]), {code: float(column[number]) for code, column in fine.items()})
        add("2061", hour, {code: float(column[place]) for code, column in means.items()})
    return frames


@dataclass
class Side:
    """What came of one replay."""

    anomalies: list[AnomalyOut]
    cases: list[CaseDetail]

    @property
    def told(self) -> Counter[tuple[Any, ...]]:
        """Anomalies by what they say, without the names of their outlet."""
        return Counter(
            (one.factor, one.rule, one.kind, one.started_at, one.last_at, one.ended_at, one.points, one.severity,
             one.nature, one.frequency, one.count_30d, one.observed, one.reference, one.state)
            for one in self.anomalies
        )  # fmt: skip

    @property
    def asked(self) -> Counter[tuple[Any, ...]]:
        """Cases by the anomalies they hold."""
        return Counter(
            tuple(sorted((one.factor, one.rule, one.started_at) for one in case.anomaly_list)) for case in self.cases
        )

    @property
    def doubled(self) -> list[UUID]:
        """Anomalies that are not in exactly one case."""
        held = Counter(one.id for case in self.cases for one in case.anomaly_list)
        return [one.id for one in self.anomalies if held[one.id] != 1]


@dataclass
class Platform:
    """The running stack, as an administrator's program sees it."""

    stack: LiveStack
    ingest: IngestClient
    detection: DetectionClient
    casework: CaseworkClient

    async def register(self, outlet: OutletModel, began: int) -> UUID:
        firm = await self.ingest.add_enterprise(
            EnterpriseIn(code="K-001", name_zh="两口厂", name_en="Two Outlets", trade="sewage",
                         connected_on=date(2024, 1, 1))
        )  # fmt: skip
        factors = [OutletFactor(factor=one.code, unit=one.unit, span_low=0, span_high=one.span_high,
                                resolution=one.resolution) for one in outlet.factors]  # fmt: skip
        known = await self.ingest.add_outlet(
            OutletIn(enterprise_id=firm.id, code=outlet.name_en, name_zh=outlet.name_zh, medium=Medium.WATER,
                     factors=factors)
        )  # fmt: skip
        for one in outlet.factors:
            since = datetime.fromtimestamp(began, UTC) - timedelta(days=365)
            await self.ingest.add_limit(
                LimitIn(outlet_id=known.id, factor=one.code, upper=one.upper, unit=one.unit, valid_from=since)
            )
        await self.ingest.add_device(DeviceIn(outlet_id=known.id, mn=outlet.mn, password=outlet.password))
        return known.id

    async def send(self, frames: Sequence[tuple[str, bytes]]) -> None:
        gateway = self.stack.facts["gateway"]
        outcome = await Courier(gateway["host"], gateway["port"]).deliver(frames, on_progress=lambda _: None)
        assert outcome.acknowledged == len(frames)

    async def side(self, outlet_id: UUID) -> Side:
        anomalies = (await self.detection.list_anomalies(outlet_id=outlet_id, limit=1000)).items
        if not anomalies:
            return Side([], [])
        page = await self.casework.list_cases(enterprise_id=anomalies[0].enterprise_id, limit=500)
        assert page.next is None
        return Side(
            anomalies, [await self.casework.get_case(case.id) for case in page.items if case.outlet_id == outlet_id]
        )

    async def end_of(self, outlet_id: UUID, last: datetime) -> Side:
        """What came of a replay, once its last exceedance is over and has a case: both feeds are read up to there."""

        async def ask() -> Side:
            return await self.side(outlet_id)

        def ended(side: Side) -> bool:
            final = [one.id for one in side.anomalies if one.rule == "EX-H" and one.started_at >= last and one.ended_at]
            return bool(final) and any(one.id in final for case in side.cases for one in case.anomaly_list)

        side = await until(ask, ended, 180)
        while True:  # the last updates of the last transaction
            await asyncio.sleep(2)
            again = await until(ask, ended, 60)
            if (again.told, again.asked) == (side.told, side.asked):
                return again
            side = again

    async def is_up(self, name: str) -> bool:
        try:
            async with httpx.AsyncClient(timeout=3) as client:
                return (await client.get(f"{self.stack.url(name)}/readyz")).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False


async def until(ask: Callable[[], Awaitable[T]], good: Callable[[T], bool], seconds: float) -> T:
    """Ask again until the answer is good, over any error of a service that is just being restarted."""
    deadline = monotonic() + seconds
    while True:
        answer: T | Exception
        try:
            answer = await ask()
            if good(answer):
                return answer
        except (AppError, httpx.HTTPError) as error:
            answer = error
        assert monotonic() < deadline, f"still: {answer!r}"[:4000]
        await asyncio.sleep(0.5)


async def test_kills_change_no_anomaly_and_no_case(stack: LiveStack):
    began = int((wall() - REST).timestamp()) // DAY * DAY - DAYS * DAY
    last = datetime.fromtimestamp(began + (DAYS * 24 - 10) * HOUR, UTC)
    calm, shaken = model(began, "K1", "0100C0DE5A5A0000000000K1"), model(began, "K2", "0100C0DE5A5A0000000000K2")
    token = stack.client_token("admin")
    async with AsyncExitStack() as clients:
        ingest, detection, casework = [
            await clients.enter_async_context(kind(stack.url(kind.service), token))
            for kind in (IngestClient, DetectionClient, CaseworkClient)
        ]
        platform = Platform(stack, ingest, detection, casework)
        calm_id = await platform.register(calm, began)
        shaken_id = await platform.register(shaken, began)

        await platform.send(frames_of(calm, began))
        undisturbed = await platform.end_of(calm_id, last)

        frames = frames_of(shaken, began)
        size = -(-len(frames) // CHUNKS)
        for part in range(CHUNKS):
            for name in KILLS.get(part, ()):
                await until(lambda name=name: platform.is_up(name), bool, 60)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(platform.send(frames[part * size : (part + 1) * size]))
                await asyncio.sleep(0.4)  # frames are on their way, and rows in transactions
                for name in KILLS.get(part, ()):
                    stack.kill(name)
        disturbed = await platform.end_of(shaken_id, last)

    assert {rule for _, rule, *_ in undisturbed.told} >= {"EX-H", "CONST", "MISS"}
    assert disturbed.told == undisturbed.told
    assert undisturbed.doubled == disturbed.doubled == []
    assert disturbed.asked == undisturbed.asked
