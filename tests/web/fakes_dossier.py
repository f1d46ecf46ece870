"""The dossier of the fake ingest: empty, as pages without one must work too."""

from typing import Any
from uuid import UUID

from fastapi import FastAPI

from tests.web.park import page


def dossier(app: FastAPI) -> None:
    @app.get("/v1/dossier")
    async def entries() -> Any:
        return page([])

    @app.get("/v1/outlets/{one}/changes")
    async def changes(one: UUID) -> Any:
        del one
        return []
