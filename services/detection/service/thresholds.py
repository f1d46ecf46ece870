"""Use cases of thresholds 阈值: list, propose, decide, freeze. The audit row is written in the same transaction."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.domain.checks.definition import Traits
from services.detection.domain.people import Person
from services.detection.domain.thresholds.model import Threshold, Version, standing, threshold_id
from services.detection.domain.thresholds.policy import Policy, Problem, find_problems, policy_on
from services.detection.domain.thresholds.table import PROPOSERS, add, decide, offers
from services.detection.service.people import person_of
from services.detection.service.rulebook import Rulebook, traits_of
from services.detection.store import EnterpriseStore, SeriesStore
from services.detection.store.thresholds import ThresholdFilter, ThresholdStore
from shared import audit
from shared.auth import Principal
from shared.clock import PARK_ZONE
from shared.contracts.detection.people import PersonOut
from shared.contracts.detection.thresholds import (
    LearntNumber,
    ThresholdBasis,
    ThresholdDecision,
    ThresholdDetail,
    ThresholdEvent,
    ThresholdIn,
    ThresholdOrigin,
    ThresholdOut,
    ThresholdProposal,
    ThresholdVersion,
)
from shared.contracts.ingest import OutletOut
from shared.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from shared.http import Page, check_version, encode_cursor


class ThresholdNotFoundError(NotFoundError):
    """No such threshold, or none this caller may know of."""

    code = "threshold_not_found"


class ThresholdExistsError(ConflictError):
    """The series has one for this rule: propose other numbers for that."""

    code = "threshold_exists"


class ThresholdService:
    """Use cases in the caller's transaction."""

    def __init__(
        self, session: AsyncSession, rulebook: Rulebook, now: Callable[[], datetime], caller: Principal
    ) -> None:
        self._session = session
        self._store = ThresholdStore(session)
        self._series = SeriesStore(session)
        self._enterprises = EnterpriseStore(session)
        self._rulebook = rulebook
        self._now = now
        self._caller = caller
        self._outlets: dict[UUID, OutletOut] = {}
        self._trades: dict[UUID, str] = {}

    async def list_thresholds(
        self, which: ThresholdFilter, after: tuple[datetime, UUID] | None, limit: int
    ) -> Page[ThresholdOut]:
        """Those that changed last first; an enterprise sees those of its own outlets only."""
        tenant = self._caller.tenant
        if tenant is not None:
            if which.enterprise_id not in {None, tenant}:
                return Page(items=[])
            which = replace(which, enterprise_id=tenant)
        found = await self._store.select(which, after, limit + 1)
        shown = found[:limit]
        await self._load({one.outlet_id for one in shown})
        last = encode_cursor(shown[-1].changed_at.isoformat(), str(shown[-1].id)) if len(found) > limit else None
        return Page(items=[self._out(one) for one in shown], next=last)

    async def get_threshold(self, which: UUID) -> ThresholdDetail:
        """One threshold with its versions."""
        return await self._shown(await self._get(which))

    async def propose_first(self, given: ThresholdIn) -> ThresholdDetail:
        """Own numbers for a series that has none for this rule; another person must accept them.

        The same proposal again gives the one that is there.
        """
        if not self._caller.has(*PROPOSERS):
            raise ForbiddenError("to propose is not for your role", parties=sorted(PROPOSERS))
        await self._series.lock()
        which = threshold_id(given.outlet_id, given.factor, given.kind, given.rule)
        known = await self._store.find(which)
        if known is not None:
            if self._is_mine(known, given.numbers):
                return await self._shown(known)
            raise ThresholdExistsError("the series has a threshold for this rule", threshold_id=str(which))
        await self._load({given.outlet_id})
        outlet = self._outlets.get(given.outlet_id)
        if outlet is None:
            raise _invalid([("outlet_id", "unknown", "this outlet is not known")])
        if given.factor not in {one.factor for one in outlet.factors}:
            raise _invalid([("factor", "unknown", f"the outlet has no factor {given.factor}")])
        one = Threshold(which, outlet.enterprise_id, outlet.id, given.factor, given.kind, given.rule, self._now())
        return await self._propose(one, ThresholdProposal(numbers=given.numbers, reason=given.reason))

    async def propose(self, which: UUID, given: ThresholdProposal, version: int) -> ThresholdDetail:
        """Other numbers for a threshold; another person must accept them."""
        await self._series.lock()
        one = await self._get(which)
        check_version(one.version, version)
        return await self._propose(one, given)

    async def decide(
        self, which: UUID, event: ThresholdEvent, decision: ThresholdDecision, version: int
    ) -> ThresholdDetail:
        """Accept, refuse, freeze or release what the caller saw in this version."""
        # The writer of anomalies waits: no reading of the time from which it holds has been judged yet.
        await self._series.lock()
        before = await self._get(which)
        check_version(before.version, version)
        now = self._now()
        effect = self._policy(now).takes_effect(now)
        after = decide(before, event, self._by(now), self._caller.roles, decision.reason, valid_from=effect)
        await self._save(event, before, after, decision.reason.strip())
        return await self._shown(after)

    # -- inside ------------------------------------------------------------------------------------

    async def _propose(self, before: Threshold, given: ThresholdProposal) -> ThresholdDetail:
        now, rule = self._now(), self._rulebook.find(before.rule, self._today())
        if rule is None or before.kind not in rule.judges:
            raise _invalid([("rule", "unknown", f"no rule {before.rule} judges {before.kind} values")])
        await self._load({before.outlet_id})
        default = self._defaults(before)
        problems = find_problems(self._policy(now), before.rule, rule.check.parameters, given.numbers, default)
        if problems:
            raise _invalid(problems)
        numbers = {**(before.newest.numbers if before.newest else {}), **given.numbers}
        made = Version(next_number(before), ThresholdOrigin.MANUAL, numbers, self._by(now), given.reason.strip())
        after = add(before, ThresholdEvent.PROPOSE, made, self._caller.roles)
        await self._save(ThresholdEvent.PROPOSE, before if before.version else None, after, made.note)
        return await self._shown(after)

    async def _get(self, which: UUID) -> Threshold:
        found = await self._store.find(which)
        if found is None or self._caller.tenant not in {None, found.enterprise_id}:
            raise ThresholdNotFoundError(f"no threshold {which}", threshold_id=str(which))
        return found

    def _is_mine(self, known: Threshold, numbers: Mapping[str, float]) -> bool:
        pending = known.pending
        return pending is not None and pending.made.subject == self._caller.subject and pending.numbers == numbers

    async def _save(self, event: ThresholdEvent, before: Threshold | None, after: Threshold, reason: str) -> None:
        await self._store.save([after])
        await record(self._session, audit.Actor.of(self._caller), event, before, after, reason)

    async def _load(self, outlet_ids: set[UUID]) -> None:
        self._outlets = await self._series.outlets(outlet_ids)
        self._trades = await self._enterprises.trades({one.enterprise_id for one in self._outlets.values()})

    def _defaults(self, one: Threshold) -> dict[str, float]:
        """The rule's own numbers for the series, those that a series may have of its own."""
        outlet = self._outlets.get(one.outlet_id)
        if outlet is None:
            return {}
        traits = traits_of(outlet, one.factor, one.kind, self._trades.get(outlet.enterprise_id, ""))
        return own_defaults(self._rulebook, one.rule, traits, self._today())

    def _today(self) -> date:
        return self._now().astimezone(PARK_ZONE).date()

    def _policy(self, now: datetime) -> Policy:
        return policy_on(now.astimezone(PARK_ZONE).date())

    def _by(self, at: datetime) -> Person:
        return person_of(self._caller, at)

    async def _shown(self, one: Threshold) -> ThresholdDetail:
        await self._load({one.outlet_id})
        return ThresholdDetail(**self._out(one).model_dump(), versions=_versions_out(one, self._now()))

    def _out(self, one: Threshold) -> ThresholdOut:
        default, holds = self._defaults(one), one.at(self._now())
        same = ("id", "enterprise_id", "outlet_id", "factor", "kind", "rule", "state", "held_reason", "changed_at",
                "version")  # fmt: skip
        return ThresholdOut(
            **{name: getattr(one, name) for name in same}, default=default,
            numbers={**default, **(holds.numbers if holds else {})},
            proposal=dict(one.pending.numbers) if one.pending else None, held=_person_out(one.held),
            allowed=offers(one, self._caller.roles, self._caller.subject),
        )  # fmt: skip


def own_defaults(rulebook: Rulebook, rule: str, traits: Traits, on: date) -> dict[str, float]:
    """A rule's own numbers for a series, of those that a series may have of its own."""
    mine = policy_on(on).numbers.get(rule, {})
    return {name: value for name, value in rulebook.defaults(rule, traits, on).items() if name in mine}


async def record(
    session: AsyncSession,
    actor: audit.Actor,
    event: ThresholdEvent,
    before: Threshold | None,
    after: Threshold,
    reason: str,
) -> None:
    """The audit row of one change."""
    await audit.record(
        session, actor, f"threshold.{event}", f"threshold:{after.id}", at=after.changed_at,
        before=_told(before) if before else None, after=_told(after), reason=reason,
    )  # fmt: skip


def _told(one: Threshold) -> dict[str, Any]:
    fields = ("enterprise_id", "outlet_id", "factor", "kind", "rule", "state", "confirmed", "version")
    return {**{name: getattr(one, name) for name in fields}, "newest": one.newest and asdict(one.newest),
            "pending": one.pending and asdict(one.pending)}  # fmt: skip


def next_number(one: Threshold) -> int:
    """The number of its next version."""
    return max((version.number for version in one.versions), default=0) + 1


def _versions_out(one: Threshold, now: datetime) -> list[ThresholdVersion]:
    where = standing(one.versions, now)
    return [
        ThresholdVersion(
            number=version.number, state=where[version.number][0], origin=version.origin,
            numbers=dict(version.numbers), valid_from=version.valid_from, valid_to=where[version.number][1],
            basis=_basis_out(version), made=PersonOut(**asdict(version.made)), note=version.note,
            decided=_person_out(version.decided), decision=version.decision,
        )
        for version in one.versions
    ]  # fmt: skip


def _basis_out(version: Version) -> ThresholdBasis | None:
    if version.basis is None:
        return None
    numbers = [LearntNumber(parameter=name, **rest) for name, rest in sorted(version.basis.numbers.items())]
    return ThresholdBasis(**{**vars(version.basis), "numbers": numbers})


def _person_out(person: Person | None) -> PersonOut | None:
    return None if person is None else PersonOut(**asdict(person))


def _invalid(problems: list[Problem]) -> InvalidError:
    errors = [{"where": where, "code": code, "message": message} for where, code, message in problems]
    return InvalidError("; ".join(message for _, _, message in problems), errors=errors)
