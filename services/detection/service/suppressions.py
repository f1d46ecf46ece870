"""Use cases of suppressions 抑制: propose, decide, end, list. The audit row is written in the same transaction."""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.domain.people import Person
from services.detection.domain.suppressing.limits import check_note, check_window, limits_on, refusal
from services.detection.domain.suppressing.model import Suppression
from services.detection.domain.suppressing.table import PROPOSERS, move, offers
from services.detection.service.people import person_of, system_at
from services.detection.service.rulebook import Rulebook
from services.detection.store.series import SeriesStore
from services.detection.store.suppressions import Quiet, SuppressionFilter, SuppressionStore
from shared import audit
from shared.auth import Principal
from shared.clock import PARK_ZONE
from shared.contracts.detection.people import PersonOut
from shared.contracts.detection.suppressions import (
    SuppressionDecision,
    SuppressionEvent,
    SuppressionIn,
    SuppressionLimits,
    SuppressionOut,
    SuppressionState,
)
from shared.errors import ForbiddenError, NotFoundError
from shared.http import Page, check_version, encode_cursor

BATCH = 200


class SuppressionNotFoundError(NotFoundError):
    """No such suppression, or none this caller may know of."""

    code = "suppression_not_found"


class SuppressionService:
    """Use cases in the caller's transaction."""

    def __init__(
        self, session: AsyncSession, rulebook: Rulebook, now: Callable[[], datetime], caller: Principal
    ) -> None:
        self._session = session
        self._store = SuppressionStore(session)
        self._series = SeriesStore(session)
        self._rulebook = rulebook
        self._now = now
        self._caller = caller

    async def list_suppressions(
        self, which: SuppressionFilter, after: tuple[datetime, UUID] | None, limit: int
    ) -> Page[SuppressionOut]:
        """The latest proposals first; an enterprise sees its own only."""
        tenant = self._caller.tenant
        if tenant is not None:
            if which.enterprise_id not in {None, tenant}:
                return Page(items=[])
            which = replace(which, enterprise_id=tenant)
        found = await self._store.select(which, after, limit + 1)
        shown = found[:limit]
        quiet = await self._store.quiet([one.id for one in shown])
        last = encode_cursor(shown[-1].proposed.at.isoformat(), str(shown[-1].id)) if len(found) > limit else None
        return Page(items=[self._out(one, quiet.get(one.id)) for one in shown], next=last)

    def get_limits(self) -> SuppressionLimits:
        """How long one may last, and how far ahead it may begin, today."""
        limits = limits_on(self._now().astimezone(PARK_ZONE).date())
        return SuppressionLimits(
            most_days=limits.most_days, most_days_ahead=limits.most_open_days_ahead, source=limits.source
        )

    async def get_suppression(self, suppression_id: UUID) -> SuppressionOut:
        """One suppression."""
        return await self._shown(await self._get(suppression_id))

    async def propose_suppression(self, given: SuppressionIn) -> SuppressionOut:
        """A proposal that another person must approve. The same proposal again gives the one that is there."""
        if not self._caller.has(*PROPOSERS):
            raise ForbiddenError("to propose is not for your role", parties=sorted(PROPOSERS))
        now = self._now()
        since, until = (given.since or now).astimezone(UTC), given.until.astimezone(UTC)
        check_window(since, until, now)
        check_note(given.reason_code, given.note)
        self._check_rule(given.rule, now)
        enterprise_id = await self._owner(given)
        fields = given.model_dump(exclude={"enterprise_id", "since", "until", "note"})
        one = Suppression(
            **fields, id=uuid4(), no="", enterprise_id=enterprise_id, since=since, until=until, note=given.note.strip(),
            state=SuppressionState.PROPOSED, proposed=self._by(now),
        )  # fmt: skip
        await self._series.lock()
        known = await self._store.find_open(one)
        if known is not None:
            return await self._shown(known)
        one = replace(one, no=await self._store.take_number(now))
        await self._store.add(one)
        await record(self._session, audit.Actor.of(self._caller), "proposed", None, one, one.note)
        return self._out(one, None)

    async def decide_suppression(
        self, suppression_id: UUID, event: SuppressionEvent, decision: SuppressionDecision, version: int
    ) -> SuppressionOut:
        """Approve, refuse or revoke what the caller saw in this version."""
        await self._get(suppression_id)
        # The writer of anomalies waits: what it has looked at before is older than the moment taken here.
        await self._series.lock()
        before = await self._get(suppression_id, lock=True)
        check_version(before.version, version)
        after = move(before, event, self._by(self._now()), self._caller.roles, decision.reason)
        await self._store.save(after)
        await record(self._session, audit.Actor.of(self._caller), event.value, before, after, decision.reason.strip())
        return await self._shown(after)

    # -- inside ------------------------------------------------------------------------------------

    async def _get(self, suppression_id: UUID, *, lock: bool = False) -> Suppression:
        found = await self._store.find(suppression_id, lock=lock)
        if found is None or self._caller.tenant not in {None, found.enterprise_id}:
            raise SuppressionNotFoundError(f"no suppression {suppression_id}", suppression_id=str(suppression_id))
        return found

    async def _owner(self, given: SuppressionIn) -> UUID:
        """The enterprise it is about; raises where the outlet, factor or enterprise is not known."""
        if given.outlet_id is None:
            if given.enterprise_id is None or not await self._store.has_outlets(given.enterprise_id):
                raise refusal(("enterprise_id", "unknown", "no outlet of this enterprise is known"))
            return given.enterprise_id
        outlet = (await self._series.outlets([given.outlet_id])).get(given.outlet_id)
        if outlet is None:
            raise refusal(("outlet_id", "unknown", "this outlet is not known"))
        if given.factor and given.factor not in {one.factor for one in outlet.factors}:
            raise refusal(("factor", "unknown", f"the outlet has no factor {given.factor}"))
        return outlet.enterprise_id

    def _check_rule(self, code: str, now: datetime) -> None:
        known = [rule.code for rule in self._rulebook.listed(now.astimezone(PARK_ZONE).date())]
        if code not in known:
            raise refusal(("rule", "unknown", f"no rule {code}; known: {', '.join(known)}"))

    def _by(self, at: datetime) -> Person:
        return person_of(self._caller, at)

    async def _shown(self, one: Suppression) -> SuppressionOut:
        return self._out(one, (await self._store.quiet([one.id])).get(one.id))

    def _out(self, one: Suppression, quiet: Quiet | None) -> SuppressionOut:
        now = self._now()
        people = {
            name: PersonOut(**asdict(person)) if (person := getattr(one, name)) else None
            for name in ("proposed", "decided", "ended")
        }
        same = ("id", "no", "enterprise_id", "outlet_id", "factor", "rule", "kind", "value_at_least", "value_at_most",
                "since", "until", "reason_code", "note", "state", "decision", "end_reason", "version")  # fmt: skip
        return SuppressionOut(
            **{name: getattr(one, name) for name in same}, **people, in_effect=one.works_at(now),
            hits=quiet.hits if quiet else 0, last_hit_at=quiet.last_at if quiet else None,
            allowed=offers(one, self._caller.roles, self._caller.subject, now),
        )  # fmt: skip


async def expire_suppressions(session: AsyncSession, now: datetime) -> int:
    """Declare expired what is over, a batch of it; how many. The effect ended by itself at the end of the window."""
    store = SuppressionStore(session)
    over = await store.lock_over(now, BATCH)
    system = system_at(now)
    for before in over:
        after = move(before, SuppressionEvent.EXPIRE, system, ())
        await store.save(after)
        await record(session, audit.SYSTEM, SuppressionEvent.EXPIRE.value, before, after, "")
    return len(over)


async def record(
    session: AsyncSession,
    actor: audit.Actor,
    action: str,
    before: Suppression | None,
    after: Suppression,
    reason: str,
) -> None:
    """The audit row of one change."""
    person = after.ended or after.decided or after.proposed
    await audit.record(
        session, actor, f"suppression.{action}", f"suppression:{after.id}", at=person.at,
        before=asdict(before) if before else None, after=asdict(after), reason=reason,
    )  # fmt: skip
