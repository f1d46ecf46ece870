"""Gaps of an outlet's data: shown, and fetched from its logger by itself."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.commands.catalogue import find_kind
from services.ingest.domain.commands.gaps import Found, Gap, find_gaps, join, portions
from services.ingest.domain.commands.model import SYSTEM
from services.ingest.domain.commands.policy import policy
from services.ingest.domain.registry import ONLINE_WITHIN, Device, Outlet
from services.ingest.service.commands import Order, place
from services.ingest.service.intake import Intake
from services.ingest.store.commands import CommandSettingStore, CommandStore
from services.ingest.store.readings import ReadingStore
from services.ingest.store.registry import RegistryStore
from shared.auth import Principal
from shared.clock import PARK_ZONE, Clock
from shared.contracts.ingest import ReadingKind
from shared.contracts.ingest.commands import CommandOrigin, GapOut, GapsOut
from shared.db import Database, raw
from shared.errors import InvalidError, TooLargeError

HOUR = timedelta(hours=1)
LONGEST = {ReadingKind.MINUTE: timedelta(days=8), ReadingKind.HOUR: timedelta(days=100)}
CODES = {ReadingKind.MINUTE: "fetch_minutes", ReadingKind.HOUR: "fetch_hours"}
MOST_VALUES = 1_200_000
TRIES_KEPT = timedelta(days=60)


def step_of(kind: ReadingKind, outlet: Outlet) -> timedelta:
    """Length of a period."""
    return HOUR if kind is ReadingKind.HOUR else timedelta(minutes=outlet.minute_interval)


async def times_of(
    store: ReadingStore, outlet: Outlet, kind: ReadingKind, since: datetime, until: datetime
) -> list[int]:
    """When data of an outlet came for, Unix seconds, each time once."""
    columns = await store.read([outlet.point], kind, since, until, limit=MOST_VALUES)
    if columns is None:
        raise TooLargeError("too much data in this span; ask for less time", limit=MOST_VALUES)
    return sorted({int(at) for at in columns.at})


class GapService:
    """What is missing, for who may see the outlet."""

    def __init__(self, session: AsyncSession, intake: Intake, now: Callable[[], datetime], caller: Principal) -> None:
        self._session = session
        self._intake = intake
        self._now = now
        self._caller = caller

    async def list_gaps(self, outlet_id: UUID, kind: ReadingKind, since: datetime, until: datetime) -> GapsOut:
        """Gaps of minute or hour data from `since` to before `until`; periods that are not over are left out."""
        if kind not in LONGEST:
            raise InvalidError("gaps are known of minute and hour data", field="kind")
        if until <= since:
            raise InvalidError("until must be after since", field="until")
        if until - since > LONGEST[kind]:
            raise TooLargeError(f"at most {LONGEST[kind].days} days at once", limit=LONGEST[kind].days)
        outlet = await RegistryStore(self._session).get_outlet(outlet_id)
        self._caller.check_may_see(outlet.enterprise_id)
        step = step_of(kind, outlet)
        until = min(until, self._now() - step)
        store = ReadingStore(await raw(self._session), self._intake.dictionaries)
        found = find_gaps(await times_of(store, outlet, kind, since, until), since, until, step)
        return GapsOut(
            outlet_id=outlet_id, kind=kind, since=since, until=until, step=int(step.total_seconds()),
            expected=found.expected, received=found.received, gaps=[GapOut(**gap._asdict()) for gap in found.gaps],
        )  # fmt: skip


class HistoryFetcher:
    """Asks connected loggers for what is missing: one portion of a device at a time, with growing pauses."""

    def __init__(self, db: Database, intake: Intake, clock: Clock) -> None:
        self._db = db
        self._intake = intake
        self._clock = clock
        self._after: str | None = None

    async def run(self) -> None:
        """Look at the next devices that are connected."""
        now, most = self._clock.now(), policy().history_devices
        async with self._db.transaction() as session:
            await CommandSettingStore(session).forget_tries((now - TRIES_KEPT).date())
            devices = await RegistryStore(session).list_connected(now - ONLINE_WITHIN, after=self._after, limit=most)
        self._after = devices[-1].mn if len(devices) == most else None
        for device in devices:
            for kind in (ReadingKind.HOUR, ReadingKind.MINUTE):
                async with self._db.transaction() as session:
                    await self._look(session, device, kind, now)

    async def _look(self, session: AsyncSession, device: Device, kind: ReadingKind, now: datetime) -> None:
        settings = CommandSettingStore(session)
        if not (await settings.get(device.id)).fetch_history:
            return
        if await CommandStore(session).has_open(device.id, CODES[kind]):
            return
        outlet = await RegistryStore(session).get_outlet(device.outlet_id)
        found = await self._missing(session, outlet, kind, now)
        step = step_of(kind, outlet)
        longest = policy().history_span[kind]
        tries = await settings.tries(device.id, kind.value)
        for gap in join(portions(found.gaps, longest, step), longest):
            day = gap.since.astimezone(PARK_ZONE).date()
            made, next_at = tries.get(day, (0, now))
            if made >= policy().history_tries or next_at > now:
                continue
            pauses = policy().history_pauses
            await settings.note_try(device.id, kind.value, day, made + 1, now + pauses[min(made, len(pauses) - 1)])
            await self._ask(session, (device, outlet), kind, gap, now)
            return

    async def _missing(self, session: AsyncSession, outlet: Outlet, kind: ReadingKind, now: datetime) -> Found:
        """Gaps since the first data in the span that is looked at: who never sent a kind is not asked for it."""
        back = policy().hour_back if kind is ReadingKind.HOUR else policy().minute_back
        step = step_of(kind, outlet)
        since, until = now - back, now - policy().settle - step
        store = ReadingStore(await raw(session), self._intake.dictionaries)
        times = await times_of(store, outlet, kind, since, until)
        if not times:
            return Found(0, 0, [])
        return find_gaps(times, datetime.fromtimestamp(times[0], now.tzinfo), until, step)

    async def _ask(
        self, session: AsyncSession, whom: tuple[Device, Outlet], kind: ReadingKind, gap: Gap, now: datetime
    ) -> None:
        params = {"since": gap.since.isoformat(), "until": gap.until.isoformat()}
        device, outlet = whom
        order = Order(
            kind=find_kind(CODES[kind]), device=device, outlet=outlet, params=params, by=SYSTEM,
            origin=CommandOrigin.GAP,
        )  # fmt: skip
        await place(session, order, now)
