import os
from pathlib import Path

import orjson

from services.ingest.main import create_app
from services.ingest.settings import Settings

SNAPSHOT = Path(__file__).parents[2] / "services/ingest/openapi.json"


def test_openapi_is_as_recorded() -> None:
    app = create_app(
        Settings(database_url="postgresql+asyncpg://nobody@nowhere/ingest", urls={"identity": "http://identity"})
    )
    now = orjson.dumps(app.openapi(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        SNAPSHOT.write_bytes(now)

    assert orjson.loads(SNAPSHOT.read_bytes()) == orjson.loads(now)
