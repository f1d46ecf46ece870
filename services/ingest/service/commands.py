"""Commands to devices: asked, approved, cancelled, listed; and how every change is recorded and told."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.commands import life
from services.ingest.domain.commands.catalogue import Kind, check_params, find_kind
from services.ingest.domain.commands.model import SYSTEM, Command, Person
from services.ingest.domain.commands.policy import policy
from services.ingest.domain.registry import Device, Outlet
from services.ingest.store.commands import CommandSettingStore, CommandStore, Filter, Line, Place, Setting
from services.ingest.store.idempotency import IdempotencyStore
from services.ingest.store.registry import RegistryStore
from shared import audit, feed
from shared.audit import Actor
from shared.auth import Principal, Role
from shared.clock import wall
from shared.contracts.ingest.commands import (
    COMMAND_CHANGED,
    CommandChanged,
    CommandDecision,
    CommandEvent,
    CommandIn,
    CommandOrigin,
    CommandSettingIn,
    CommandState,
)
from shared.errors import ConflictError, ForbiddenError, InvalidError
from shared.http import check_version

SCOPE = "devices:command"
LONGEST_KEY = 200


class KeyReusedError(InvalidError):
    """An Idempotency-Key that was used for another body."""

    code = "idempotency_key_reused"


class DeviceInactiveError(ConflictError):
    """A device that is out of use takes no commands."""

    code = "device_inactive"


@dataclass(frozen=True)
class Order:
    """What somebody, or the system, asks of a device, checked."""

    kind: Kind
    device: Device
    outlet: Outlet
    params: Mapping[str, str]
    by: Person
    origin: CommandOrigin
    reason: str = ""
    valid: timedelta | None = None


class Shown(NamedTuple):
    """A command as one caller sees it: where its device stands, what the caller may do with it."""

    command: Command
    place: Place
    offers: list[life.Offer]


def draft(order: Order, now: datetime) -> Command:
    """A new command from an order; the store gives it its number."""
    waits = order.kind.needs_approval and order.origin is CommandOrigin.PERSON
    params = dict(order.params)
    secret = params.pop(order.kind.secret, None) if order.kind.secret else None
    return Command(
        id=uuid4(), number=0, device_id=order.device.id, outlet_id=order.outlet.id,
        enterprise_id=order.outlet.enterprise_id, mn=order.device.mn, edition=order.device.edition,
        code=order.kind.code, params=params, secret=secret,
        state=CommandState.AWAITING_APPROVAL if waits else CommandState.QUEUED,
        outcome=None, return_code=None, reason=order.reason, origin=order.origin, requested_by=order.by,
        requested_at=now, approved_by=None, approved_at=None,
        valid_until=now + (policy().approval if waits else order.valid or policy().valid), qn=None, tries=0,
        sent_at=None, due_at=None, accepted_at=None, finished_at=None, result=(), frames=0, values_arrived=0,
        version=1, changed_at=now,
    )  # fmt: skip


async def place(session: AsyncSession, order: Order, now: datetime, actor: Actor | None = None) -> Command:
    """Put an order on the list, with its audit row and event; call it last in the transaction."""
    command = await CommandStore(session).add(draft(order, now))
    await tell(session, "requested", None, command, actor)
    return command


async def tell(
    session: AsyncSession, what: str, before: Command | None, after: Command, actor: Actor | None = None,
    reason: str = "",
) -> None:  # fmt: skip
    """Record a change of a command and tell others of it; by the system where no actor is named."""
    now = after.changed_at
    await audit.record(
        session, actor or Actor(SYSTEM.subject, SYSTEM.name, ""), f"command.{what}", f"command:{after.id}", at=now,
        before=_audited(before) if before else None, after=_audited(after), reason=reason or after.reason,
    )  # fmt: skip
    event = CommandChanged(
        id=after.id, device_id=after.device_id, outlet_id=after.outlet_id, enterprise_id=after.enterprise_id,
        mn=after.mn, code=after.code, cn=after.kind.cn, state=after.state, outcome=after.outcome,
        return_code=after.return_code, values_arrived=after.values_arrived, version=after.version,
    )  # fmt: skip
    await feed.publish(session, COMMAND_CHANGED, f"command:{after.id}", event.model_dump(mode="json"), at=now)


def _audited(command: Command) -> dict[str, Any]:
    """What the audit trail keeps: no secrets."""
    return {
        "code": command.code, "cn": command.kind.cn, "mn": command.mn, "params": command.params,
        "state": command.state.value, "outcome": command.outcome, "return_code": command.return_code,
        "qn": command.qn, "tries": command.tries, "origin": command.origin.value,
    }  # fmt: skip


class CommandService:
    """Use cases of people and systems, in the caller's transaction."""

    def __init__(self, session: AsyncSession, now: Callable[[], datetime], caller: Principal) -> None:
        self._session = session
        self._store = CommandStore(session)
        self._settings = CommandSettingStore(session)
        self._registry = RegistryStore(session)
        self._now = now
        self._caller = caller

    async def send_command(self, given: CommandIn, key: str | None = None) -> Shown:
        """Check an order and put it on the list. A repeat under the same key gives the command of the first time."""
        return await self._shown(await self._place(given) if key is None else await self._place_once(given, key))

    async def _place_once(self, given: CommandIn, key: str) -> Command:
        if not 0 < len(key) <= LONGEST_KEY:
            raise InvalidError(f"Idempotency-Key has 1 to {LONGEST_KEY} characters", field="Idempotency-Key")
        keys = IdempotencyStore(self._session, self._caller.subject)
        body_hash = hashlib.sha256(given.model_dump_json().encode()).digest()
        earlier = await keys.claim(key, body_hash, wall())
        if earlier is not None:
            if earlier.body_hash != body_hash:
                raise KeyReusedError("this Idempotency-Key was used for another body", key=key)
            return await self._store.get(UUID(earlier.answer["command_id"]))
        command = await self._place(given)
        await keys.keep(key, {"command_id": str(command.id)})
        return command

    async def _place(self, given: CommandIn) -> Command:
        """Check an order against catalogue, rights and registry, and put it on the list."""
        device = await self._registry.get_device(given.device_id)
        outlet = await self._registry.get_outlet(device.outlet_id)
        self._caller.check_may_see(outlet.enterprise_id)
        kind = find_kind(given.code)
        self._check_role(kind)
        if not (device.active and outlet.active):
            raise DeviceInactiveError("the device or its outlet is out of use", mn=device.mn)
        params = check_params(
            kind, given.params, edition=device.edition, factors=[item.factor for item in outlet.factors]
        )
        reason = given.reason.strip()
        if kind.needs_reason and not reason:
            errors = [{"where": "reason", "message": f"{kind.en} needs a reason", "code": "missing"}]
            raise InvalidError(f"{kind.en} needs a reason", errors=errors)
        order = Order(
            kind=kind, device=device, outlet=outlet, params=params, by=self._person, origin=CommandOrigin.PERSON,
            reason=reason, valid=timedelta(minutes=given.valid_minutes) if given.valid_minutes else None,
        )  # fmt: skip
        return await place(self._session, order, self._now(), Actor.of(self._caller))

    async def list_commands(self, wanted: Filter, *, before: int | None, limit: int) -> list[Shown]:
        """Newest first, what the caller may see."""
        found = await self._store.list_commands(
            wanted._replace(only=self._caller.tenant or wanted.only), before=before, limit=limit
        )
        places = await self._store.places(command.outlet_id for command in found)
        return [Shown(command, places[command.outlet_id], self._offers(command)) for command in found]

    async def get_command(self, command_id: UUID) -> tuple[Shown, list[Line]]:
        """One command with its exchange."""
        command = await self._store.get(command_id)
        self._caller.check_may_see(command.enterprise_id)
        return await self._shown(command), await self._store.lines_of(command_id)

    async def approve(self, command_id: UUID, given: CommandDecision, version: int) -> Shown:
        """A second person's approval; from now on the command waits for its device."""
        before = await self._locked(command_id, version)
        if self._caller.roles == {Role.SERVICE}:
            raise ForbiddenError("an approval is a person's, not a system's")
        after = life.approve(before, self._person, self._now())
        await self._store.save(after)
        await self._store.wake(after.mn)
        await tell(self._session, "approved", before, after, Actor.of(self._caller), given.reason.strip())
        return await self._shown(after)

    async def cancel(self, command_id: UUID, given: CommandDecision, version: int) -> Shown:
        """Take a command back that was not sent yet."""
        before = await self._locked(command_id, version)
        after = life.move(before, CommandEvent.CANCEL, self._now(), subject=self._caller.subject)
        await self._store.save(after)
        await tell(self._session, "cancelled", before, after, Actor.of(self._caller), given.reason.strip())
        return await self._shown(after)

    async def get_setting(self, device_id: UUID) -> Setting:
        """What the platform does with a device by itself."""
        await self._visible(device_id)
        return await self._settings.get(device_id)

    async def set_setting(self, device_id: UUID, given: CommandSettingIn) -> Setting:
        """Change it. Initialising again begins with switching it on again."""
        await self._visible(device_id)
        before = await self._settings.get(device_id)
        again = given.initialise and not before.initialise
        after = Setting(device_id, **dict(given), initialised_at=None if again else before.initialised_at)
        if after != before:
            await self._settings.save(after)
            await audit.record(
                self._session, Actor.of(self._caller), "command_setting.changed", f"device:{device_id}",
                at=self._now(), before=before._asdict(), after=after._asdict(),
            )  # fmt: skip
        return after

    # --- inside ---

    async def _shown(self, command: Command) -> Shown:
        places = await self._store.places([command.outlet_id])
        return Shown(command, places[command.outlet_id], self._offers(command))

    def _offers(self, command: Command) -> list[life.Offer]:
        if SCOPE not in self._caller.scopes or not self._caller.has(*command.kind.roles):
            return []
        return life.offers(command, self._caller.subject)

    @property
    def _person(self) -> Person:
        return Person(self._caller.subject, self._caller.name, self._caller.organisation_name)

    def _check_role(self, kind: Kind) -> None:
        if not self._caller.has(*kind.roles):
            roles = sorted(role.value for role in kind.roles)
            raise ForbiddenError(f"{kind.en} is for {', '.join(roles)}", roles=roles)

    async def _visible(self, device_id: UUID) -> None:
        device = await self._registry.get_device(device_id)
        self._caller.check_may_see((await self._registry.get_outlet(device.outlet_id)).enterprise_id)

    async def _locked(self, command_id: UUID, version: int) -> Command:
        command = await self._store.get(command_id, lock=True)
        self._caller.check_may_see(command.enterprise_id)
        self._check_role(command.kind)
        check_version(command.version, version)
        return command
