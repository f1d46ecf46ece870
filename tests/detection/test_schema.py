from services.detection.tables import metadata
from shared.db import is_at_head, schema_differences
from tests.conftest import MakeDatabase


async def test_tables_and_migrations_agree(make_database: MakeDatabase) -> None:
    url = await make_database("detection")

    assert await schema_differences(url, metadata) == []
    assert await is_at_head("detection", url)
