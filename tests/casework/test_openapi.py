import json
import os
from pathlib import Path

from services.casework.main import create_app
from services.casework.settings import Settings

SNAPSHOT = Path(__file__).parents[2] / "services" / "casework" / "openapi.json"


def test_snapshot_is_the_interface() -> None:
    settings = Settings(database_url="postgresql+asyncpg://nobody@localhost/none", jobs=False)
    current = create_app(settings).openapi()
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        SNAPSHOT.write_text(json.dumps(current, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")

    assert current == json.loads(SNAPSHOT.read_text(encoding="utf-8"))
