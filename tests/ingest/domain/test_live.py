"""Which value stands for a factor now, and what it is held against."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.ingest.domain.live import Newest, Standing, limit_at, newest_of, silent_after
from services.ingest.domain.registry import Limit
from shared.contracts.ingest import ReadingKind

T = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONE = UUID(int=1)


def limit(upper: float | None = 50.0, lower: float | None = None, **fields: object) -> Limit:
    given = {"averaging": ReadingKind.HOUR, "valid_from": T - 9 * HOUR, "valid_to": None, **fields}
    return Limit(id=ONE, outlet_id=ONE, factor="w01018", upper=upper, lower=lower, unit="", standard="", **given)  # type: ignore[arg-type]


def test_a_mean_speaks_up_to_the_end_of_its_period() -> None:
    hour = Newest(ReadingKind.HOUR, T, 1.0, "N")
    minute = Newest(ReadingKind.MINUTE, T + HOUR / 2, 2.0, "N")

    assert newest_of([hour, minute]) is hour
    assert newest_of([hour, minute._replace(at=T + 2 * HOUR)]).kind is ReadingKind.MINUTE  # type: ignore[union-attr]
    assert newest_of([]) is None


def test_the_limit_in_force_at_the_values_time_holds() -> None:
    old, new = limit(40.0, valid_to=T), limit(50.0, valid_from=T)
    day = limit(30.0, averaging=ReadingKind.DAY)

    assert limit_at([new, old, day], "w01018", Newest(ReadingKind.MINUTE, T - HOUR, 1.0, "N")) is old
    assert limit_at([old, new, day], "w01018", Newest(ReadingKind.HOUR, T, 1.0, "N")) is new
    assert limit_at([day, new], "w01018", Newest(ReadingKind.DAY, T, 1.0, "N")) is day
    assert limit_at([day], "w01018", Newest(ReadingKind.MINUTE, T, 1.0, "N")) is day
    assert limit_at([new], "w21003", Newest(ReadingKind.HOUR, T, 1.0, "N")) is None


@pytest.mark.parametrize(
    ("value", "flag", "given", "share", "exceeding"),
    [
        (60.0, "N", limit(), 1.2, True),
        (50.0, "N", limit(), 1.0, False),
        (60.0, "D", limit(), 1.2, False),
        (5.0, "N", limit(9.0, 6.0), None, True),
        (5.0, "N", limit(None, 6.0), None, True),
        (5.0, "N", None, None, False),
        (None, "N", limit(), None, False),
    ],
)
def test_a_value_is_held_against_both_ends(
    value: float | None, flag: str, given: Limit | None, share: float | None, *, exceeding: bool
) -> None:
    one = Standing("w01018", Newest(ReadingKind.MINUTE, T, value, flag), given)

    assert one.share == (None if share is None else pytest.approx(share))
    assert one.exceeding is exceeding


def test_silence_follows_the_interval() -> None:
    assert silent_after(1) == timedelta(minutes=30)
    assert silent_after(60) == timedelta(hours=4)
