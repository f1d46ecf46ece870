"""Proposals 重调建议: found by the clock from labels and a backtest, decided on by the bureau."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.domain.backtests.bounds import bounds
from services.detection.domain.backtests.change import plain_settings
from services.detection.domain.backtests.comparison import Outcome, RuleOutcome
from services.detection.domain.backtests.model import Backtest
from services.detection.domain.backtests.proposal import Proposal, Settings, move, offers
from services.detection.domain.backtests.tuning import candidates, choose
from services.detection.domain.backtests.versions import LocalVersion
from services.detection.domain.judging.verdicts import table
from services.detection.domain.people import Person
from services.detection.domain.rules import Rule
from services.detection.service.backtest_wire import result_out
from services.detection.service.backtests import add, check_staff
from services.detection.service.judging import rules_to_retune
from services.detection.service.local_rules import rulebook_of
from services.detection.service.people import person_of
from services.detection.service.rulebook import Rulebook
from services.detection.store.backtests import BacktestStore
from services.detection.store.numbers import take_number
from services.detection.store.proposals import ProposalFilter, ProposalStore
from services.detection.store.rule_versions import RuleVersionStore
from services.detection.store.series import SeriesStore
from shared import audit
from shared.auth import Principal
from shared.clock import PARK_ZONE
from shared.contracts.detection.backtests import BacktestState
from shared.contracts.detection.people import PersonOut
from shared.contracts.detection.proposals import (
    ProposalDecision,
    ProposalEvent,
    ProposalOut,
    ProposalState,
)
from shared.errors import NotFoundError
from shared.http import Page, check_version, encode_cursor
from shared.logging import get_logger

log = get_logger(__name__)
SYSTEM = ("system", "system", "")
AGAIN_AFTER = timedelta(days=30)
"""A rule for which nothing better was found, or whose proposal was declined, is looked at again then."""


class ProposalNotFoundError(NotFoundError):
    """No such proposal."""

    code = "proposal_not_found"


class ProposalService:
    """Use cases in the caller's transaction. Staff only."""

    def __init__(self, session: AsyncSession, now: Callable[[], datetime], caller: Principal) -> None:
        self._session = session
        self._store = ProposalStore(session)
        self._now = now
        self._caller = caller
        check_staff(caller)

    async def list_proposals(
        self, which: ProposalFilter, after: tuple[datetime, UUID] | None, limit: int
    ) -> Page[ProposalOut]:
        """The latest first, without backtests and candidates."""
        found = await self._store.select(which, after, limit + 1)
        shown = found[:limit]
        rulebook, validity = await rulebook_of(self._session), await self._store.validity([one.id for one in shown])
        last = encode_cursor(shown[-1].made_at.isoformat(), str(shown[-1].id)) if len(found) > limit else None
        items = [self._out(one, rulebook, validity.get(one.id), tried=[], backtest=None) for one in shown]
        return Page(items=items, next=last)

    async def get_proposal(self, proposal_id: UUID) -> ProposalOut:
        """One proposal with its backtest."""
        return await self._shown(await self._get(proposal_id))

    async def decide(
        self, proposal_id: UUID, event: ProposalEvent, decision: ProposalDecision, version: int
    ) -> ProposalOut:
        """Accept, decline or withdraw what the caller saw in this version.

        Accepted numbers hold from the next day of the park on, withdrawn ones until the end of the day.
        """
        await self._get(proposal_id)
        await SeriesStore(self._session).lock()
        before = await self._get(proposal_id, lock=True)
        check_version(before.version, version)
        now, rulebook = self._now(), await rulebook_of(self._session)
        by = person_of(self._caller, now)
        after = move(before, event, by, self._caller.roles, self._settings(before.rule, rulebook), decision.reason)
        await self._store.save(after)
        versions, tomorrow = RuleVersionStore(self._session), now.astimezone(PARK_ZONE).date() + timedelta(days=1)
        if event is ProposalEvent.ACCEPT:
            number = await versions.next_number(after.rule)
            await versions.add(LocalVersion(uuid4(), after.rule, number, after.settings, tomorrow), after.id)
        elif event is ProposalEvent.WITHDRAW:
            await versions.end(after.id, tomorrow)
        await record(self._session, audit.Actor.of(self._caller), event.value, after, now, decision.reason.strip())
        return await self._shown(after)

    # -- inside ------------------------------------------------------------------------------------

    async def _get(self, proposal_id: UUID, *, lock: bool = False) -> Proposal:
        found = await self._store.find(proposal_id, lock=lock)
        if found is None:
            raise ProposalNotFoundError(f"no proposal {proposal_id}", proposal_id=str(proposal_id))
        return found

    def _settings(self, code: str, rulebook: Rulebook) -> Settings | None:
        rule = newest(rulebook, code)
        return None if rule is None else tuple(plain_settings(rule))

    async def _shown(self, one: Proposal) -> ProposalOut:
        backtest = await BacktestStore(self._session).find(one.backtest_id)
        validity = (await self._store.validity([one.id])).get(one.id)
        result = backtest.result if backtest else None
        return self._out(one, await rulebook_of(self._session), validity, tried=list(one.tried), backtest=result)

    def _out(self, one: Proposal, rulebook: Rulebook, validity: tuple[Any, Any] | None, **more: Any) -> ProposalOut:
        same = ("id", "no", "rule", "state", "backtest_id", "settings", "former", "made_at", "decision", "end_reason",
                "version")  # fmt: skip
        people = {
            name: PersonOut(**asdict(person)) if (person := getattr(one, name)) else None
            for name in ("decided", "ended")
        }
        begin, end = validity or (None, None)
        return ProposalOut.model_validate({
            **{name: getattr(one, name) for name in same}, **people, **more, "valid_from": begin, "valid_to": end,
            "allowed": offers(one, self._caller.roles, self._settings(one.rule, rulebook)),
        })  # fmt: skip


def newest(rulebook: Rulebook, code: str) -> Rule | None:
    """The rule as it will stand once all that was accepted holds."""
    return next((rule for rule in reversed(rulebook.rules) if rule.code == code), None)


async def look_for_retuning(session: AsyncSession, now: datetime) -> int:
    """Ask for a backtest of candidates for each rule that was seldom right; how many.

    A rule with an open proposal, or looked at in the last thirty days, is left alone.
    """
    rulebook, store = await rulebook_of(session), BacktestStore(session)
    await SeriesStore(session).lock()
    waiting, asked = await ProposalStore(session).open_rules(), 0
    last_day = now.astimezone(PARK_ZONE).date() - timedelta(days=1)
    first_day = last_day - table().window + timedelta(days=1)
    for code in await rules_to_retune(session, now):
        rule = newest(rulebook, code)
        looked = await store.last_retuning(code)
        if rule is None or code in waiting or (looked is not None and now - looked < AGAIN_AFTER):
            continue
        tried = candidates(rule)
        if tried and await store.count_open() < bounds().most_waiting:
            one = Backtest(
                id=uuid4(), no="", state=BacktestState.QUEUED, rules=(code,), first_day=first_day, last_day=last_day,
                changes=tuple({"settings": {code: settings}} for settings in tried), asked=Person(*SYSTEM, now),
                retuning=True,
            )  # fmt: skip
            await add(session, one, audit.SYSTEM)
            asked += 1
    return asked


async def finish_retuning(session: AsyncSession, one: Backtest, outcomes: Sequence[Outcome], now: datetime) -> int:
    """Make a proposal of the best candidate of a backtest, if one is worth it; which candidate the result shows."""
    if not one.retuning:
        return 0
    (code,) = one.rules
    found = [outcome.rules.get(code, RuleOutcome()) for outcome in outcomes]
    chosen = choose(found)
    rule = newest(await rulebook_of(session), code)
    if chosen is None or rule is None or code in await ProposalStore(session).open_rules():
        log.info("nothing_to_propose", rule=code, backtest=one.no)
        return chosen or 0
    settings = [change["settings"][code] for change in one.changes]
    tried = tuple(
        {"settings": entry, "outcome": result_out(outcome).rules[0].model_dump(mode="json")}
        for entry, outcome in zip(settings, outcomes, strict=True)
    )
    proposal = Proposal(
        id=uuid4(), no=await take_number(session, "P", now), rule=code, state=ProposalState.PROPOSED,
        backtest_id=one.id, settings=tuple(settings[chosen]), former=tuple(plain_settings(rule)), tried=tried,
        made_at=now,
    )  # fmt: skip
    await ProposalStore(session).add(proposal)
    await record(session, audit.SYSTEM, "made", proposal, now, "")
    return chosen


async def record(
    session: AsyncSession, actor: audit.Actor, action: str, one: Proposal, at: datetime, reason: str
) -> None:
    """The audit row of one change."""
    after = {"no": one.no, "rule": one.rule, "state": one.state, "settings": list(one.settings),
             "former": list(one.former), "backtest_id": one.backtest_id}  # fmt: skip
    await audit.record(session, actor, f"proposal.{action}", f"proposal:{one.id}", at=at, after=after, reason=reason)
