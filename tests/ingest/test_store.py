"""The store against a dictionary: whatever comes, in whatever pieces, both say the same."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.domain.flat import AnyRow
from services.ingest.domain.readings import Fate, Key, Row, Value, fold, merge
from services.ingest.service.intake import Intake, put
from services.ingest.store.readings import ReadingStore
from shared.contracts.ingest import ReadingKind
from shared.db import Database, plain_dsn, raw
from tests.conftest import MakeDatabase

NOW = datetime(2026, 3, 1, tzinfo=UTC)
T0 = int(datetime(2026, 2, 27, 15, 59, tzinfo=UTC).timestamp())
OUTLETS = {1: uuid4(), 2: uuid4()}

numbers = st.sampled_from([None, 0.0, -1.5, 1.0, 2.25, 1e9])
values = st.builds(Value, numbers, st.sampled_from("ND"), vmin=numbers, vmax=st.none(), cou=numbers, zs=st.none())
keys = st.builds(
    Key, st.sampled_from([1, 2]), st.sampled_from(list(ReadingKind)), st.sampled_from([T0, T0 + 60, T0 + 86_400])
)
rows = st.builds(
    Row, keys, st.dictionaries(st.sampled_from(["a", "b", "c", "w01018"]), values, max_size=4), st.just("t")
)
batches = st.lists(st.lists(rows, max_size=8), min_size=1, max_size=4)


@dataclass
class Model:
    """What the store ought to do, row after row."""

    known: dict[Key, dict[str, Value]] = field(default_factory=dict)
    replaced: int = 0

    def add(self, row: Row) -> Fate:
        at = self.known.setdefault(row.key, {})
        added = row.values.keys() - at.keys()
        changed = {code for code in row.values.keys() & at.keys() if merge(at[code], row.values[code]) != at[code]}
        for code, value in row.values.items():
            at[code] = merge(at[code], value) if code in at else value
        self.replaced += len(changed)
        return Fate.CORRECTED if changed else Fate.STORED if added else Fate.UNCHANGED


class Store:
    """The store with a database of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.db = Database(url)
        self.intake = Intake(self.db)

    async def add(self, batch: Sequence[AnyRow]) -> list[Fate]:
        async def work(session: AsyncSession, store: ReadingStore) -> list[Fate]:
            return await put(session, store, batch, OUTLETS, at=NOW)

        return await self.intake.run(batch, work)

    async def everything(self) -> dict[Key, dict[str, tuple[float | None, str]]]:
        found: dict[Key, dict[str, tuple[float | None, str]]] = {}
        async with self.db.transaction() as session:
            store = ReadingStore(await raw(session), self.intake.dictionaries)
            for kind in ReadingKind:
                columns = await store.read([1, 2], kind, datetime(2000, 1, 1, tzinfo=UTC), NOW, limit=10_000)
                assert columns is not None
                for i in range(len(columns)):
                    key = Key(int(columns.point[i]), kind, int(columns.at[i]))
                    value = None if columns.value[i] != columns.value[i] else float(columns.value[i])
                    found.setdefault(key, {})[str(columns.factor[i])] = (value, str(columns.flag[i]))
        return found

    async def fetch(self, query: str) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(plain_dsn(self.url))
        try:
            return list(await connection.fetch(query))
        finally:
            await connection.close()

    async def empty(self) -> None:
        await self.fetch("truncate frame, reading_value, reading_revision, outbox")


@pytest.fixture
async def store(make_database: MakeDatabase) -> AsyncIterator[Store]:
    store = Store(await make_database("ingest"))
    yield store
    await store.db.close()


def shown(model: Model) -> dict[Key, dict[str, tuple[float | None, str]]]:
    return {
        key: {code: (value.value, value.flag) for code, value in at.items()} for key, at in model.known.items() if at
    }


async def test_random_batches_equal_a_dictionary(store: Store) -> None:
    examples: list[list[list[Row]]] = []

    @settings(max_examples=60, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(batches)
    def gather(example: list[list[Row]]) -> None:
        examples.append(example)

    gather()
    for example in examples:
        await store.empty()
        model = Model()
        for batch in example:
            assert await store.add(batch) == [model.add(row) for row in batch]
        assert await store.everything() == shown(model)
        revisions = await store.fetch("select count(*) from reading_revision")
        assert revisions[0][0] == model.replaced


async def test_events_name_each_change_once_and_in_chunks(store: Store) -> None:
    batch = [Row(Key(1, ReadingKind.MINUTE, T0 + 60 * i), {"a": Value(1.0)}, "t") for i in range(1500)]
    await store.add([*batch, Row(Key(2, ReadingKind.DAY, T0), {"a": Value(1.0)}, "t")])
    await store.add([*batch[:3], Row(Key(1, ReadingKind.MINUTE, T0), {"a": Value(2.0)}, "t")])
    events = [row["data"] for row in await store.fetch("select data::text as data from outbox order by id")]
    batches = [orjson.loads(event)["batches"] for event in events]

    assert [[(b["outlet_id"], b["kind"], len(b["times"]), b["corrected"]) for b in event] for event in batches] == [
        [(str(OUTLETS[1]), "minute", 1000, [])],
        [(str(OUTLETS[1]), "minute", 500, []), (str(OUTLETS[2]), "day", 1, [])],
        [(str(OUTLETS[1]), "minute", 1, [T0])],
    ]


async def test_writers_at_once_lose_nothing_and_never_give_up(store: Store) -> None:
    other = Store(store.url)
    order = random.Random(7)  # noqa: S311 - a seeded shuffle

    def batches_of(part: str) -> list[list[Row]]:
        made = [
            Row(Key(point, kind, T0 + 60 * i), {part: Value(float(i)), "same": Value(1.0)}, part)
            for i in range(120) for point in (1, 2) for kind in (ReadingKind.MINUTE, ReadingKind.HOUR)
        ]  # fmt: skip
        order.shuffle(made)
        return [made[i : i + 60] for i in range(0, len(made), 60)]

    async def write(target: Store, part: str) -> None:
        for batch in batches_of(part):
            await target.add(batch)

    await asyncio.gather(
        *(write(target, f"{name}{n}") for target, name in ((store, "a"), (other, "b")) for n in (1, 2))
    )
    found = await store.everything()
    await other.db.close()

    assert len(found) == 480
    for key, at in found.items():
        i = (key.at - T0) // 60
        assert at == {"same": (1.0, "N"), **{part: (float(i), "N") for part in ("a1", "a2", "b1", "b2")}}


async def test_two_processes_make_the_same_partitions(store: Store) -> None:
    others = [Store(store.url) for _ in range(3)]
    old = [int(datetime(year, 5, 5, tzinfo=UTC).timestamp()) for year in (2004, 2016, 2026)]
    batch = [Row(Key(1, kind, at), {"a": Value(1.0)}, "t") for at in old for kind in ReadingKind]
    fates = await asyncio.gather(*(target.add(batch) for target in (store, *others)))
    for target in others:
        await target.db.close()
    names = {row[0] for row in await store.fetch("select relname from pg_class where relname ~ '_p2[0-9]+$'")}

    assert sum(fate.count(Fate.STORED) for fate in fates) == len(batch)
    assert names == {
        "frame_p2004", "frame_p2016", "frame_p20260505",
        "reading_value_p2004", "reading_value_p2016", "reading_value_p202605",
    }  # fmt: skip


async def test_raw_statements_belong_to_the_transaction_of_their_session(store: Store) -> None:
    async def write_and_fail() -> None:
        async with store.db.transaction() as session:
            await (await raw(session)).execute("insert into factor_code(name) values('a')")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await write_and_fail()

    assert (await store.fetch("select count(*) from factor_code"))[0][0] == 0


async def test_a_dropped_partition_is_made_again(store: Store) -> None:
    row = Row(Key(1, ReadingKind.MINUTE, T0), {"a": Value(1.0)}, "t")
    await store.add([row])
    await store.fetch("drop table frame_p20260227")

    assert await store.add([row]) == [Fate.STORED]


def test_rows_fold_only_where_they_agree() -> None:
    key = Key(1, ReadingKind.HOUR, T0)
    one, two, three = Value(1.0), Value(2.0), Value(3.0)
    rounds = fold([Row(key, {"a": one}, "s"), Row(key, {"b": two}, "s"), Row(key, {"a": three}, "s")])

    assert [round_[key].values for round_ in rounds] == [{"a": one, "b": two}, {"a": three}]
