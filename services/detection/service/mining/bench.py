"""Which outlets a report is about, and their history as series."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from services.detection.domain.compiled import Floats
from services.detection.domain.covers import Cover, marked_flags
from services.detection.domain.mining.reasons import Gap
from services.detection.domain.points import NORMAL, UNFLAGGED
from services.detection.domain.surveys.series import Series, make_series
from services.detection.gateways import Column
from services.detection.service.limits import limits_at
from services.detection.service.mining.worker import Miner
from services.detection.service.rulebook import traits_of
from services.detection.store import MarkStore, SeriesId
from services.detection.store.places import Place, PlaceStore
from shared.auth import Principal, Role
from shared.contracts.detection.mining import MOST_DAYS, MOST_OUTLETS, MiningAsk
from shared.db import Database
from shared.errors import ForbiddenError, InvalidError, NotFoundError, TooLargeError

STAFF = (Role.SUPERVISOR, Role.SUPERVISOR_LEAD, Role.OFFICER, Role.SECTION_HEAD, Role.ADMIN, Role.AUDITOR)
CHUNK_POINTS = 600_000
"""Points asked for at once."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class OutletNotFoundError(NotFoundError):
    """No such outlet."""

    code = "outlet_not_found"


@dataclass(frozen=True)
class Choice:
    """The outlets of a report by code, the one asked for first. `apart` are of another unit and not looked at."""

    ask: MiningAsk
    places: tuple[Place, ...]
    subject: UUID | None
    trade: str
    unit: str
    apart: tuple[Place, ...] = ()
    cut: bool = False

    def interval(self, place: Place) -> float:
        """Seconds from one value of an outlet to the next."""
        return traits_of(place.outlet, self.ask.factor, self.ask.kind).interval

    def points(self, place: Place) -> float:
        """Values there may be of one outlet."""
        return (self.ask.until - self.ask.since).total_seconds() / self.interval(place)


@dataclass(frozen=True)
class Sample:
    """An outlet's history: `series` of the values that count, `limits` (n,) the upper limit at each of them.

    `flagged` values carry a flag or a mark that makes them no measurement, `missing` had no number.
    """

    place: Place
    series: Series
    limits: Floats
    interval: float
    flagged: int = 0
    missing: int = 0

    @property
    def gap(self) -> Gap | None:
        """Why there is nothing to look at."""
        return None if len(self.series) else Gap.NO_DATA


def check_staff(caller: Principal) -> None:
    """Raise ForbiddenError for everybody but supervisors, the bureau, administrators and auditors."""
    if caller.tenant is not None or not caller.has(*STAFF):
        raise ForbiddenError("the mining bench is for staff", roles=sorted(caller.roles))


def check_ask(ask: MiningAsk) -> None:
    """Raise InvalidError where the ask names no outlet, trade or park, or two of them, or a wrong span."""
    errors = []
    wholes = [ask.trade is not None, ask.park]
    if sum(wholes) > 1 or (ask.outlet_id is None and not any(wholes)) or (ask.outlet_id and ask.trade):
        errors.append(("outlet_id", "one_of", "give one of outlet_id, trade and park"))
    if ask.until <= ask.since:
        errors.append(("until", "ends_before_start", "until must come after since"))
    if ask.until - ask.since > timedelta(days=MOST_DAYS):
        errors.append(("until", "too_long", f"at most {MOST_DAYS} days"))
    if ask.since < EARLIEST:
        errors.append(("since", "too_early", "there is nothing before the year 2000"))
    _refuse(errors)


class Bench:
    """Chooses and reads in transactions of its own: no connection is held while readings come in."""

    def __init__(self, db: Database, miner: Miner) -> None:
        self._db = db
        self._miner = miner

    async def choose(self, ask: MiningAsk, most_points: float) -> Choice:
        """The outlets; raises where there are none, or more values than `most_points` may be read."""
        check_ask(ask)
        async with self._db.transaction() as session:
            store = PlaceStore(session)
            subject = None
            if ask.outlet_id is not None:
                subject = (await store.of_ids([ask.outlet_id])).get(ask.outlet_id)
                if subject is None:
                    raise OutletNotFoundError("no such outlet", outlet_id=str(ask.outlet_id))
            trade = "" if ask.park else ask.trade or (subject.trade if subject else "")
            peers: list[Place] = []
            if ask.compare or subject is None:
                peers = await store.in_use() if ask.park else await store.of_trade(trade) if trade else []
        choice = _choose(ask, trade, subject, peers)
        points = sum(choice.points(place) for place in choice.places)
        if points > most_points:
            raise TooLargeError(
                f"{len(choice.places)} outlets have up to {points:.3g} values in this span, at most {most_points:.3g}; "
                "ask for a shorter span, hours, or one outlet without its trade",
                outlets=len(choice.places), points=int(points), most=int(most_points),
            )  # fmt: skip
        return choice

    async def samples(self, choice: Choice) -> AsyncIterator[list[Sample]]:
        """The history of the outlets in their order, some at a time."""
        start = 0
        while start < len(choice.places):
            size = max(1, int(CHUNK_POINTS / max(1.0, choice.points(choice.places[start]))))
            yield await self._read(choice, choice.places[start : start + size])
            start += size

    async def _read(self, choice: Choice, places: Sequence[Place]) -> list[Sample]:
        ask = choice.ask
        first, last = int(np.ceil(ask.since.timestamp())), int(np.ceil(ask.until.timestamp())) - 1
        ids = [place.id for place in places]
        columns = await self._miner.readings.history_of_factor(ids, ask.kind, ask.factor, first, last)
        covers = await self.covers(ids, ask.since)
        return await self._miner.run(_samples, choice, places, columns, covers)

    async def covers(self, ids: Sequence[UUID], since: datetime) -> dict[UUID, list[Cover]]:
        """Marks that reach beyond `since`."""
        async with self._db.transaction() as session:
            return await MarkStore(session).covers(dict.fromkeys(ids, since.astimezone(UTC)))


def _choose(ask: MiningAsk, trade: str, subject: Place | None, peers: Sequence[Place]) -> Choice:
    having = [place for place in peers if place.unit(ask.factor) is not None and place != subject]
    if subject is not None:
        if subject.unit(ask.factor) is None:
            _refuse([("factor", "unknown", f"the outlet has no factor {ask.factor}")])
        having.insert(0, subject)
    if not having:
        code = "factor" if peers else "trade"
        _refuse([(code, "unknown", f"no outlet in use {f'of trade {trade} ' if trade else ''}has factor {ask.factor}")])
    units = Counter(place.unit(ask.factor) or "" for place in having)
    unit = (subject.unit(ask.factor) or "") if subject else units.most_common(1)[0][0]
    alike = [place for place in having if place.unit(ask.factor) == unit]
    apart = [place for place in having if place.unit(ask.factor) != unit]
    return Choice(
        ask, tuple(alike[:MOST_OUTLETS]), subject.id if subject else None, trade, unit, tuple(apart),
        cut=len(alike) > MOST_OUTLETS,
    )  # fmt: skip


def _samples(
    choice: Choice, places: Sequence[Place], columns: dict[UUID, Column], covers: dict[UUID, list[Cover]]
) -> list[Sample]:
    return [
        sample_of(choice.ask, place, choice.interval(place), columns.get(place.id), covers.get(place.id, []))
        for place in places
    ]


def sample_of(ask: MiningAsk, place: Place, interval: float, column: Column | None, covers: Sequence[Cover]) -> Sample:
    """The measurements of a column: normal or without flag, and under no mark that says otherwise."""
    if column is None:
        return Sample(place, make_series([], []), np.empty(0), interval)
    flags = marked_flags(column.flags, column.t, ask.factor, covers)
    number = np.isfinite(column.v)
    measured = np.isin(flags, (UNFLAGGED, NORMAL))
    series = make_series(column.t[measured], column.v[measured])
    limits = limits_at(place.outlet, SeriesId(place.id, ask.factor, ask.kind), series.t)[:, 1]
    return Sample(
        place, series, limits, interval, int(np.count_nonzero(number & ~measured)), int(np.count_nonzero(~number))
    )


def _refuse(problems: Sequence[tuple[str, str, str]]) -> None:
    if problems:
        errors = [{"where": where, "code": code, "message": message} for where, code, message in problems]
        raise InvalidError("; ".join(message for _, _, message in problems), errors=errors)
