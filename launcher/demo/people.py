"""The people of the demo: each logs in as in the portal and acts with the own token."""

from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from shared.clients.casework import CaseworkClient
from shared.clients.grading import GradingClient
from shared.clients.identity import IdentityClient
from shared.contracts.identity import Login, SessionToken


@dataclass
class People:
    """Clients that speak with a person's token, by username."""

    identity: IdentityClient
    casework: CaseworkClient
    grading: GradingClient
    passwords: dict[str, str]
    enterprise_user: dict[str, str]
    """Enterprise code → username of its own person."""
    supervisor: str = "zhou"
    lead: str = "lin"
    officer: str = "wang"
    _tokens: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, clients: tuple[IdentityClient, CaseworkClient, GradingClient], logins: list[dict[str, Any]],
        enterprise_user: dict[str, str],
    ) -> "People":  # fmt: skip
        """From the log-ins of `stack.json`."""
        passwords = {login["username"]: login["password"] for login in logins}
        return cls(*clients, passwords=passwords, enterprise_user=enterprise_user)

    async def token(self, username: str) -> str:
        """An access token of this person; one log-in each."""
        if username not in self._tokens:
            session = await self.identity.log_in(Login(username=username, password=SecretStr(self.passwords[username])))
            access = await self.identity.access_token(SessionToken(session_token=session.session_token))
            self._tokens[username] = access.access_token
        return self._tokens[username]

    async def casework_as(self, username: str) -> CaseworkClient:
        """Casework as seen by this person."""
        return self.casework.as_user(await self.token(username))

    async def grading_as(self, username: str) -> GradingClient:
        """Grading as seen by this person."""
        return self.grading.as_user(await self.token(username))
