"""The quick way of minute and real-time data says and stores exactly what the long way does."""

from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.ingest.domain.flat import FlatRow, as_row, flat_of
from services.ingest.domain.packets import values_of
from services.ingest.domain.readings import MEANS, Key, Row, Value
from services.ingest.hj212.codec import UploadError, parse_segment, read_flat, to_upload
from shared.contracts.ingest import ReadingKind
from tests.ingest.test_store import Store, batches, store

__all__ = ["store"]

HEAD = "QN=20260201080000000;ST={};CN={};PW=123456;MN=M1;Flag=5;CP=&&"
CODES = ("w01018", "w00000", "011", "B01", "a21026", "w21003_x")
SUFFIXES = ("Min", "Avg", "Max", "Cou", "Rtd", "ZsAvg", "ZsRtd", "ZsMin", "Flag", "EFlag", "Data", "flag", "avg", "Odd")
TEXTS = ("1", "0.5", "-3.25", "1e3", "1_0", "", "-", "NaN", "inf", "9" * 41, "N", "D", "n", "?", " 1", "٣", "1.0")
PLAIN_TEXTS = ("1", "0.5", "-3.25", "12.125")

plain_items = st.lists(
    st.builds(
        lambda code, suffixes, text: [(f"{code}-{suffix}", "N" if suffix == "Flag" else text) for suffix in suffixes],
        st.sampled_from(CODES),
        st.lists(st.sampled_from(SUFFIXES[:9]), unique=True, min_size=1, max_size=5),
        st.sampled_from(PLAIN_TEXTS),
    ),
    min_size=1, max_size=4,
).map(lambda groups: [field for group in groups for field in group])  # fmt: skip
any_items = st.lists(
    st.tuples(
        st.builds(lambda code, suffix: f"{code}-{suffix}", st.sampled_from(CODES), st.sampled_from(SUFFIXES)),
        st.sampled_from(TEXTS),
    ),
    min_size=1, max_size=8,
)  # fmt: skip
odd_item = st.tuples(st.integers(0, 20), st.sampled_from([f"{CODES[0]}-{suffix}" for suffix in SUFFIXES] + ["Flag"]),
                     st.sampled_from(TEXTS))  # fmt: skip
items = (
    plain_items
    | any_items
    | st.builds(lambda fields, odd: [*fields[: odd[0]], odd[1:], *fields[odd[0] :]], plain_items, odd_item)
)
times = st.sampled_from(["20260201080000", "20260201080030", "20260201080000000", "20260229080000", "", "x"])


@given(items, times, st.sampled_from(["2011", "2051", "2061", "9014"]), st.sampled_from(["32", "31", "22"]))
@settings(max_examples=1500, deadline=None)
def test_columns_say_what_the_long_way_says(items: list[tuple[str, str]], time: str, cn: str, system: str) -> None:
    area = ";".join(f"{key}={text}" for key, text in [("DataTime", time), *items])
    packet = parse_segment(f"{HEAD.format(system, cn)}{area}&&".encode())
    flat = read_flat(packet)
    try:
        upload = to_upload(packet)
    except UploadError:
        assert flat is None
        return
    if flat is None:
        return
    row = FlatRow(Key(1, ReadingKind(flat.kind.value), flat.at), *flat[2:], "s")

    assert (row.values, flat.at, flat.kind) == (
        values_of(upload.values), int(upload.data_time.timestamp()), upload.kind,
    )  # fmt: skip
    assert (upload.notes, upload.unreadable) == ((), ())


def test_an_ordinary_minute_goes_the_quick_way() -> None:
    area = "DataTime=20260201080000;w00000-Cou=5,w00000-Avg=1,w00000-Flag=N;w01018-Min=1,w01018-Avg=2,w01018-Flag=D"
    flat = read_flat(parse_segment(f"{HEAD.format('32', '2051')}{area}&&".encode()))

    assert flat is not None
    assert flat.layout == ("w00000", "w01018")
    assert flat.flags == "ND"
    assert flat.columns == ("value", "vmin", "cou")
    assert as_row(FlatRow(Key(1, ReadingKind.MINUTE, flat.at), *flat[2:], "s")).values == {
        "w00000": Value(1.0, cou=5.0), "w01018": Value(2.0, "D", vmin=1.0),
    }  # fmt: skip


def laid_out(row: Row) -> Row | FlatRow:
    return flat_of(row) if row.values and row.key.kind not in MEANS else row


TABLES = (
    "select f.*, l.factors from frame f join factor_layout l on l.id = f.layout order by point, kind, at",
    "select * from reading_value order by point, factor, kind, at",
    "select point, factor, kind, at, rev, value from reading_revision order by point, factor, kind, at, rev",
    "select data::text from outbox order by id",
)


async def test_both_ways_store_the_same(store: Store) -> None:
    examples: list[list[list[Row]]] = []

    @settings(max_examples=40, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(batches)
    def gather(example: list[list[Row]]) -> None:
        examples.append(example)

    gather()
    for example in examples:
        found = []
        for change in (lambda row: row, laid_out):
            await store.empty()
            fates = [await store.add([change(row) for row in batch]) for batch in example]
            found.append((fates, [str(await store.fetch(query)) for query in TABLES]))
        assert found[0] == found[1]


async def test_a_repeat_in_a_batch_costs_only_itself(store: Store) -> None:
    at = int(datetime(2026, 2, 27, tzinfo=UTC).timestamp())
    minutes = [flat_of(Row(Key(1, ReadingKind.MINUTE, at + 60 * i), {"a": Value(float(i))}, "s")) for i in range(6)]
    await store.add([minutes[3]])
    fates = await store.add([*minutes, minutes[0]])

    assert [fate.value for fate in fates] == ["stored"] * 3 + ["unchanged"] + ["stored"] * 2 + ["unchanged"]
    assert len(await store.fetch("select 1 from frame")) == 6
