import json
import os
from pathlib import Path

from services.detection.main import create_app
from tests.detection.conftest import make_settings

SNAPSHOT = Path(__file__).parents[2] / "services" / "detection" / "openapi.json"


def test_snapshot_is_the_interface() -> None:
    current = create_app(make_settings("postgresql+asyncpg://nobody@localhost/none")).openapi()
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        SNAPSHOT.write_text(json.dumps(current, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")

    assert current == json.loads(SNAPSHOT.read_text(encoding="utf-8"))
