from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.marks.runs import Flagged, Run, edit, stretches

KNOWN = frozenset("MDC")
MINUTE = 60
ONE, TWO = UUID(int=1), UUID(int=2)


def readings(text: str, factor: str = "a") -> list[Flagged]:
    return [Flagged(factor, place * MINUTE, MINUTE, flag) for place, flag in enumerate(text) if flag != "."]


def spans(runs: list[Run]) -> list[tuple[str, str, int, int]]:
    return [(run.factor, run.flag, run.since // MINUTE, run.until // MINUTE) for run in runs]


def test_unbroken_flags_are_runs_and_a_gap_ends_one() -> None:
    assert spans(edit([], readings("NMMM.MMDDN?"), KNOWN)) == [("a", "M", 1, 4), ("a", "M", 5, 7), ("a", "D", 7, 9)]


def test_a_late_reading_joins_runs_and_a_correction_splits_one() -> None:
    early = [Run("a", "M", 0, 120, ONE), Run("a", "M", 180, 300, TWO)]
    joined = edit(early, [Flagged("a", 120, MINUTE, "M")], KNOWN)
    split = edit(joined, [Flagged("a", 60, MINUTE, "N")], KNOWN)

    assert joined == [Run("a", "M", 0, 300, ONE)]
    assert split == [Run("a", "M", 0, 60, ONE), Run("a", "M", 120, 300, None)]


@given(st.text("NMDC.", max_size=40), st.data())
def test_readings_in_any_order_and_portion_give_the_same_runs(text: str, data: st.DataObject) -> None:
    given_readings = readings(text)
    shuffled = data.draw(st.permutations(given_readings))
    cut = data.draw(st.integers(0, len(shuffled)))
    wrong = [reading._replace(flag="D") for reading in shuffled[:cut]]
    runs = edit(edit(edit([], wrong, KNOWN), shuffled[cut:], KNOWN), shuffled[:cut], KNOWN)

    assert spans(runs) == spans(edit([], given_readings, KNOWN))


def test_stretches_group_factors_and_leave_out_what_is_too_short() -> None:
    runs = edit([], [*readings("M" * 20), *readings("M" * 20, "b"), *readings("." * 30 + "DDD", "b")], KNOWN)
    assert [(item.flag, item.since, item.until, item.factors) for item in stretches(runs, 900, 60)] == [
        ("M", 0, 1200, ("a", "b"))
    ]


def test_short_runs_count_with_the_chain_they_are_in() -> None:
    runs = edit([], readings("M" * 10 + "C" * 3 + "D" * 2), KNOWN)
    assert [item.flag for item in stretches(runs, 900, 60)] == ["M", "C", "D"]
    assert stretches(runs, 901, 60) == []
