from services.casework.tables import metadata
from shared.db import is_at_head, schema_differences
from tests.conftest import MakeDatabase


async def test_the_migrated_schema_is_that_of_the_tables(make_database: MakeDatabase) -> None:
    url = await make_database("casework")

    assert await is_at_head("casework", url)
    assert await schema_differences(url, metadata) == []
