"""The five services as the portal calls them."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from shared.clients.base import Token
from shared.clients.casework import CaseworkClient
from shared.clients.detection import DetectionClient
from shared.clients.grading import GradingClient
from shared.clients.identity import IdentityClient
from shared.clients.ingest import IngestClient


@dataclass(frozen=True)
class Backends:
    """One client a service. Without a token they serve what everybody may see."""

    ingest: IngestClient
    detection: DetectionClient
    casework: CaseworkClient
    grading: GradingClient
    identity: IdentityClient

    @classmethod
    def connect(
        cls, urls: Mapping[str, str], transport: httpx.AsyncBaseTransport | None = None, own: Token | None = None
    ) -> "Backends":
        """Clients for the configured addresses; `transport` lets tests stay in one process.

        `own` is the portal's own token: with it identity believes the address a person logs in from.
        """
        return cls(
            ingest=IngestClient(urls["ingest"], transport=transport),
            detection=DetectionClient(urls["detection"], transport=transport),
            casework=CaseworkClient(urls["casework"], transport=transport),
            grading=GradingClient(urls["grading"], transport=transport),
            identity=IdentityClient(urls["identity"], own, transport=transport),
        )

    def as_user(self, access_token: str) -> "Backends":
        """The same connections, speaking with a person's token."""
        return Backends(
            ingest=self.ingest.as_user(access_token),
            detection=self.detection.as_user(access_token),
            casework=self.casework.as_user(access_token),
            grading=self.grading.as_user(access_token),
            identity=self.identity.as_user(access_token),
        )

    async def close(self) -> None:
        """Close all connections."""
        for client in (self.ingest, self.detection, self.casework, self.grading, self.identity):
            await client.close()
