"""State of the fake services: what tests change and look into."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from fastapi import FastAPI, Request
from pydantic import BaseModel

from shared.auth import Role
from shared.contracts.casework import CaseDetail, FindingOut, VisitOut
from shared.errors import AppError, NotFoundError
from shared.http import problem
from shared.testing import Network, TokenMaker
from tests.web import makers

PEOPLE: dict[str, tuple[Role, ...]] = {
    "zhou": (Role.SUPERVISOR,),
    "lin": (Role.SUPERVISOR_LEAD,),
    "hengze": (Role.ENTERPRISE,),
    "wang": (Role.OFFICER,),
    "shen": (Role.AUDITOR,),
    "admin": (Role.ADMIN,),
}
PASSWORD = "demo-password"


def page(items: list[Any], following: str | None = None) -> dict[str, Any]:
    return {"items": [item.model_dump(mode="json") for item in items], "next": following}


async def on_error(request: Request, error: Exception) -> Any:
    assert isinstance(error, AppError)
    context = dict(error.context)
    errors = context.pop("errors", [])
    return problem(request, error.status, error.code, error.message, context=context, errors=errors)


@dataclass
class Park:
    """State of all fakes; tests change it and look into it."""

    tokens: TokenMaker
    cases: dict[str, CaseDetail] = field(default_factory=lambda: {case.no: case for case in makers.make_cases()})
    acts: list[tuple[str, BaseModel]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    sessions: dict[str, str] = field(default_factory=dict)
    exchanges: int = 0
    drafts: set[str] = field(default_factory=lambda: {"2026Q3", "2026Q4"})
    refuse: dict[str, AppError] = field(default_factory=dict)
    """Path start → the error every call below it gets."""

    unevaluated: bool = False
    """Whether detection ships no evaluation."""
    tenant: UUID | None = None
    """The enterprise whose outlets alone the watch list tells."""

    def find(self, key: str) -> CaseDetail:
        for case in self.cases.values():
            if key in {case.no, str(case.id)}:
                return case
        raise NotFoundError("no such case")

    def visits(self) -> list[VisitOut]:
        return [visit for case in self.cases.values() for visit in case.visits]

    def findings(self) -> list[FindingOut]:
        return [finding for case in self.cases.values() for finding in case.findings]

    def save(self, case: CaseDetail, **changes: Any) -> CaseDetail:
        self.cases[case.no] = case.model_copy(update={"version": case.version + 1, **changes})
        return self.cases[case.no]

    def network(self) -> Network:
        from tests.web.fakes import casework, detection, grading, identity, ingest

        network = Network()
        for make in (ingest, detection, casework, grading, identity):
            network.apps[make.__name__] = self._app(make)
        return network

    def _app(self, make: Callable[["Park", FastAPI], None]) -> FastAPI:
        app = FastAPI()
        app.add_exception_handler(AppError, on_error)

        @app.middleware("http")
        async def note(request: Request, call_next: Any) -> Any:
            self.calls.append(f"{make.__name__} {request.method} {request.url.path}")
            self.headers.append(dict(request.headers))
            for start, error in self.refuse.items():
                if f"{make.__name__}{request.url.path}".startswith(start):
                    return await on_error(request, error)
            return await call_next(request)

        make(self, app)
        return app
