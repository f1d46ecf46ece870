"""The rules in force: the shipped ones with the local versions that people accepted."""

from functools import lru_cache

from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.domain.backtests.versions import LocalVersion, with_versions
from services.detection.domain.rules import RuleError
from services.detection.service.rulebook import Rulebook, load_rulebook
from services.detection.store.rule_versions import RuleVersionStore
from shared.logging import get_logger

log = get_logger(__name__)


async def rulebook_of(session: AsyncSession) -> Rulebook:
    """The rulebook as the database now has it."""
    return merged(await RuleVersionStore(session).listed())


async def usable_versions(session: AsyncSession) -> tuple[LocalVersion, ...]:
    """Local versions that fit the shipped rules."""
    return _usable(await RuleVersionStore(session).listed())


@lru_cache(maxsize=4)
def merged(versions: tuple[LocalVersion, ...]) -> Rulebook:
    """The shipped rules with these versions; kept, since plans are kept with it."""
    shipped = load_rulebook()
    if not versions:
        return shipped
    return Rulebook(with_versions(shipped.rules, _usable(versions)), shipped.explanations)


@lru_cache(maxsize=4)
def _usable(versions: tuple[LocalVersion, ...]) -> tuple[LocalVersion, ...]:
    """Without those that a rule, which may have changed since, no longer takes: detection must go on."""
    fitting = []
    for one in versions:
        try:
            with_versions(load_rulebook().rules, [one])
        except RuleError as wrong:
            log.warning("rule_version_left_out", rule=one.rule, number=one.number, detail=str(wrong))
        else:
            fitting.append(one)
    return tuple(fitting)
