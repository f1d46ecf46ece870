"""A casework app with a real database, a clock that tests set, and neighbours that only have what tests give."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.testing import TokenMaker
from tests.casework.desk import Desk, open_desk
from tests.conftest import MakeDatabase


@pytest.fixture
async def desk(make_database: MakeDatabase, tokens: TokenMaker, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(await make_database("casework"), tokens, tmp_path) as opened:
        yield opened
