"""Other services: identity, asked for the token of an API client that can only send its id and secret."""

import hashlib
from collections import OrderedDict

import httpx

from shared.clock import monotonic
from shared.contracts.identity import AccessToken
from shared.errors import UnauthenticatedError, UnavailableError

MOST_KEPT = 500
SHARE_OF_LIFE = 0.7
TIMEOUT = 5.0


class ClientLogins:
    """Tokens of API clients by id and secret, kept for most of their life; identity counts wrong tries."""

    def __init__(self, identity_url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url = identity_url
        self._transport = transport
        self._kept: OrderedDict[bytes, tuple[float, str]] = OrderedDict()

    async def token(self, client_id: str, secret: str) -> str:
        """A token of this client. Raises `UnauthenticatedError` where identity refuses it."""
        key = hashlib.sha256(f"{client_id}\0{secret}".encode()).digest()
        kept = self._kept.get(key)
        if kept is not None and monotonic() < kept[0]:
            return kept[1]
        answer = await self._ask(client_id, secret)
        self._kept[key] = (monotonic() + answer.expires_in * SHARE_OF_LIFE, answer.access_token)
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return self._kept[key][1]

    async def _ask(self, client_id: str, secret: str) -> AccessToken:
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        try:
            async with httpx.AsyncClient(base_url=self._url, timeout=TIMEOUT, transport=self._transport) as client:
                response = await client.post("/oauth/token", data=form)
        except httpx.HTTPError as error:
            raise UnavailableError("identity does not answer", retry_after=1) from error
        if response.status_code in {400, 401, 403}:
            raise UnauthenticatedError("identity does not know this client, or its secret is wrong")
        if response.status_code != httpx.codes.OK:
            raise UnavailableError(f"identity answers {response.status_code}", retry_after=5)
        return AccessToken.model_validate_json(response.content)
