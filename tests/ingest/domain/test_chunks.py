"""A sealed day gives back what went in, bit for bit, and is small."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.domain.chunks import OpenRow, gather, open_track, same, scatter, seal, unseal
from services.ingest.domain.packing import DamagedError, pack_times, pack_values, unpack_times, unpack_values

LAYOUTS = {1: ("a", "b"), 2: ("b",), 3: ("a", "b", "c"), 4: ()}
START = 20_000 * 86_400
number = st.one_of(
    st.just(math.nan), st.integers(-9999, 9999).map(lambda n: n / 1000), st.floats(width=32), st.floats(allow_nan=False)
)


@st.composite
def day_rows(draw: st.DrawFn) -> list[OpenRow]:
    seconds = draw(st.lists(st.integers(0, 86_399), min_size=1, max_size=12, unique=True))
    rows = []
    for second in sorted(seconds):
        layout = draw(st.sampled_from([1, 2, 3, 4]))
        width = len(LAYOUTS[layout])
        some = st.lists(number, min_size=width, max_size=width)
        besides = [draw(some) for _ in range(4)] if draw(st.booleans()) else [None] * 4
        if all(part is None or all(math.isnan(item) for item in part) for part in besides):
            besides = [None] * 4
        flags = draw(st.text("ND标", min_size=width, max_size=width))
        rows.append(
            OpenRow(
                START + second, draw(st.integers(0, 1 << 52)), layout, draw(st.integers(1, 3)), draw(st.integers(0, 9)),
                None if set(flags) <= {"N"} else flags, draw(some), *besides,
            )
        )  # fmt: skip
    return rows


def alike(one: OpenRow, other: OpenRow) -> bool:
    return repr(one) == repr(other)


@given(day_rows())
@settings(max_examples=150, deadline=None)
def test_a_sealed_day_gives_the_rows_again(rows: list[OpenRow]) -> None:
    day = gather(rows, LAYOUTS)
    sealed = seal(day, START)
    again = unseal(sealed.origin, sealed.chunks, START)

    assert same(day, again)
    assert sealed.rows == len(rows)
    assert sealed.vals == sum(len(row.avg) for row in rows)
    for old, new in zip(rows, scatter(again, LAYOUTS), strict=True):
        assert alike(old._replace(avg=list(map(float, old.avg))), new)


@given(st.lists(number, max_size=60))
@settings(max_examples=200, deadline=None)
def test_values_come_back_bit_for_bit(numbers: list[float]) -> None:
    value = np.array(numbers, np.float64)

    again = unpack_values(pack_values(value), len(value))

    assert [repr(float(item)) for item in again] == [repr(float(item)) for item in value]


@given(st.sets(st.integers(0, 86_399), max_size=60))
@settings(max_examples=200, deadline=None)
def test_times_come_back(seconds: set[int]) -> None:
    at = np.array(sorted(seconds), np.int64)

    assert unpack_times(pack_times(at)).tolist() == at.tolist()


def test_a_day_of_minutes_with_three_decimals_costs_under_three_bytes_a_value() -> None:
    noise = np.random.default_rng(7)
    rows = [
        OpenRow(START + 60 * i, (START + 60 * i) * 1_000_000 + int(noise.integers(0, 9e6)), 3, 1, 0, None,
                noise.normal(30, 4, 3).round(3).tolist(), None, None, None, None)
        for i in range(1440)
    ]  # fmt: skip
    sealed = seal(gather(rows, LAYOUTS), START)
    size = len(sealed.origin) + sum(len(chunk.body) for chunk in sealed.chunks.values())

    assert size / sealed.vals < 3.5


@pytest.mark.parametrize("damage", [b"", b"\x01", b"\x09aaaaaaa", b"\x01\x10\x00\x00\x00garbage"])
def test_damaged_bytes_are_said_to_be_damaged(damage: bytes) -> None:
    with pytest.raises(DamagedError):
        open_track(damage, START)
