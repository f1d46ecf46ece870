"""What rules have done lately, for those who look after them."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.detection.store.activity import ActivityStore
from shared.auth import Principal
from shared.contracts.detection.rules import RuleActivity, RuleActivityOut

MONTH_DAYS = 30


class ActivityService:
    """Counts by rule; an enterprise gets those of its own outlets."""

    def __init__(self, session: AsyncSession, now: datetime, caller: Principal) -> None:
        self._store = ActivityStore(session)
        self._now = now
        self._caller = caller

    async def get_activity(self, days: int) -> RuleActivityOut:
        """Anomalies, hits and suppressed hits of each rule that had any in the last `days`."""
        tenant = self._caller.tenant
        outlets = await self._store.count_outlets(tenant)
        found = await self._store.by_rule(self._now - timedelta(days=days), tenant)
        return RuleActivityOut(
            days=days, outlets=outlets,
            rules=[
                RuleActivity(
                    rule=one.rule, open=one.open, anomalies=one.anomalies, outlets=one.outlets, hits=one.hits,
                    suppressed=one.suppressed, last_at=one.last_at,
                    burden=one.anomalies / outlets * MONTH_DAYS / days if outlets else 0.0,
                )
                for one in found
            ],
        )  # fmt: skip
