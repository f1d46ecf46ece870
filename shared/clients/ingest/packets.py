"""Calls on the journal of packets."""

from datetime import datetime

from shared.clients.base import ServiceClient
from shared.contracts.ingest import PacketOut
from shared.contracts.ingest.packets import PacketActIn, PacketDetail, RetryFilter, RetryOut, RetryReport
from shared.http import Page


class PacketCalls(ServiceClient):
    """Calls on the journal of packets."""

    async def list_packets(  # noqa: PLR0913 - filters
        self, *, status: str | None = None, reason: str | None = None, mn: str | None = None,
        since: datetime | None = None, until: datetime | None = None, open_: bool = False, cursor: str | None = None,
        limit: int = 100,
    ) -> Page[PacketOut]:  # fmt: skip
        """Journal and quarantine, newest first; `open_`: only what is in the quarantine and not done with."""
        answer = await self.get_json(
            "/v1/packets", status=status, reason=reason, mn=mn, since=since, until=until,
            open_="true" if open_ else None, cursor=cursor, limit=limit,
        )  # fmt: skip
        return Page[PacketOut].model_validate(answer)

    async def get_packet(self, packet_id: int) -> PacketDetail:
        """One packet with its bytes taken apart."""
        return PacketDetail.model_validate(await self.get_json(f"/v1/packets/{packet_id}"))

    async def act_on_packet(self, packet_id: int, act: PacketActIn) -> PacketDetail:
        """Discard, hold or release."""
        return PacketDetail.model_validate(await self.post_json(f"/v1/packets/{packet_id}/acts", act))

    async def retry_packet(self, packet_id: int) -> RetryOut:
        """Put its bytes through the rules of now."""
        return RetryOut.model_validate(await self.post_json(f"/v1/packets/{packet_id}/retry"))

    async def retry_packets(self, wanted: RetryFilter) -> RetryReport:
        """Try open packets of a filter again, the oldest first."""
        return RetryReport.model_validate(await self.post_json("/v1/packets/retry", wanted))
