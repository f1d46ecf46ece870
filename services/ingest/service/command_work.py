"""Commands the platform gives by itself, and what a successful one changes here."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.commands.catalogue import find_kind
from services.ingest.domain.commands.model import SYSTEM, Command
from services.ingest.domain.commands.policy import policy
from services.ingest.domain.registry import Device, Outlet
from services.ingest.hj212.codec.sm4 import read_key
from services.ingest.service.commands import Order, place
from services.ingest.store.commands import CommandSettingStore, CommandStore
from services.ingest.store.devices import DeviceStore
from services.ingest.store.registry import RegistryStore
from services.ingest.store.stations import StationStore
from shared import audit
from shared.contracts.ingest.commands import CommandOrigin
from shared.db import raw

CLOCK = "calibrate_time"
PASSWORD = "set_password"  # noqa: S105 - the name of a command
KEY = "set_key"
FRESH = timedelta(minutes=30)
"""How old a measured clock error may be."""
MOST_CLOCKS = 200
FIRST: tuple[tuple[str, dict[str, str]], ...] = (
    ("calibrate_time", {}),
    ("set_timeouts", {"seconds": "5", "repeats": "3"}),
    ("set_realtime_interval", {"seconds": "60"}),
    ("set_minute_interval", {"minutes": ""}),
    ("start_realtime", {}),
    ("start_device_state", {}),
)
"""The order of HJ 212-2017 6.7; the values are the catalogue's defaults, the minute interval is the outlet's."""


async def set_clock(session: AsyncSession, mn: str, origin: CommandOrigin, now: datetime) -> None:
    """Set a device's clock unless that is switched off, under way, or was done a moment ago."""
    registry = RegistryStore(session)
    device = await registry.find_device(mn)
    if device is None or not device.active:
        return
    pause = policy().request_pause if origin is CommandOrigin.CLOCK_REQUEST else policy().clock_pause
    commands = CommandStore(session)
    last = await commands.latest_of(device.id, CLOCK)
    if (last is not None and now - last < pause) or await commands.has_open(device.id, CLOCK):
        return
    if (await CommandSettingStore(session).get(device.id)).calibrate_clock:
        outlet = await registry.get_outlet(device.outlet_id)
        await _give(session, device, outlet, CLOCK, {}, origin, now)


async def correct_clocks(session: AsyncSession, now: datetime) -> None:
    """Set the clocks of connected devices that are off by more than the policy allows."""
    for mn in await StationStore(await raw(session)).off_clocks(policy().clock_off, now - FRESH, MOST_CLOCKS):
        await set_clock(session, mn, CommandOrigin.CLOCK_SKEW, now)


async def initialise(session: AsyncSession, device_id: UUID, is_open: Callable[[str], bool], now: datetime) -> None:
    """Give the first sequence to a device that is connected, once."""
    registry, settings = RegistryStore(session), CommandSettingStore(session)
    device = await registry.get_device(device_id)
    if not device.active or not is_open(device.mn):
        return
    outlet = await registry.get_outlet(device.outlet_id)
    await settings.save((await settings.get(device_id))._replace(initialised_at=now))
    for code, params in FIRST:
        kind = find_kind(code)
        given = dict(params)
        if "minutes" in given:
            given["minutes"] = str(outlet.minute_interval)
            if given["minutes"] not in kind.parameters[0].choices:
                continue
        if device.edition in kind.editions:
            await _give(session, device, outlet, code, given, CommandOrigin.FIRST_CONNECTION, now)


async def _give(  # noqa: PLR0913 - to whom, what, why
    session: AsyncSession, device: Device, outlet: Outlet, code: str, params: dict[str, str], origin: CommandOrigin,
    now: datetime,
) -> None:  # fmt: skip
    order = Order(kind=find_kind(code), device=device, outlet=outlet, params=params, by=SYSTEM, origin=origin)
    await place(session, order, now)


async def after_success(session: AsyncSession, before: Command, after: Command) -> bool:
    """What a device reported as done holds here from now on. Returns whether its registration changed."""
    if before.secret is None:
        return False
    if after.code == PASSWORD:
        await StationStore(await raw(session)).set_password(after.device_id, before.secret, after.changed_at)
    elif after.code == KEY:
        await DeviceStore(session).set_key(after.device_id, read_key(before.secret), after.changed_at)
    else:
        return False
    changed = {"password" if after.code == PASSWORD else "key": "set"}
    await audit.record(
        session, audit.SYSTEM, "device.changed", f"device:{after.device_id}", at=after.changed_at,
        before=None, after=changed, reason=f"command:{after.id}",
    )  # fmt: skip
    return True
