"""What an outlet sends says what its columns say, and the truth file what happened."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from park.model import DAY, HOUR, MINUTE
from park.virtual.build import START, build, window
from park.virtual.columns import INDEPENDENT, NO_RECORD, VirtualPark
from park.virtual.frames import frames_of, plant_rows
from park.virtual.truth import read_truth, truth_of, write_truth
from services.ingest.hj212.codec import Frame, Framer, Sender, parse_segment, to_upload

SENDER = Sender("0100C0DE5AFE000000000001", "31", "123456")


@pytest.fixture(scope="module")
def park() -> VirtualPark:
    return build(3, 16, hours=24 * 90)


@pytest.mark.parametrize(("step", "days"), [(HOUR, 20), (MINUTE, 1)])
@pytest.mark.parametrize("key", ["V-003/DA001", "V-005/DW001"])
def test_frames_say_what_the_columns_say(park: VirtualPark, key: str, step: int, days: int):
    made = window(park, START + 40 * DAY, START + (40 + days) * DAY, [key], step)
    outlet = made.outlets[key]
    pairs = list(frames_of(outlet, made.t, step, SENDER))
    events = Framer().feed(b"".join(frame for _, frame in pairs))
    seen: dict[tuple[int, str], tuple[float | None, str]] = {}
    for event in events:
        assert isinstance(event, Frame)
        upload = to_upload(parse_segment(event.segment))
        for value in upload.values:
            seen[int(upload.data_time.timestamp()), value.factor] = (value.avg, value.flag or "")

    assert len({qn for qn, _ in pairs}) == len(pairs)
    codes = [code for code, column in outlet.columns.items() if column.instrument.role not in INDEPENDENT]
    station = [code for code in codes if "-" not in code]
    for code in station:
        column = outlet.columns[code]
        for at, v, flag in zip(made.t.tolist(), column.v.tolist(), column.flags.tolist(), strict=True):
            expected = None if flag == NO_RECORD else (v if np.isfinite(v) else None, chr(flag))
            assert seen.get((at, code)) == expected, (code, at)
    assert {code for _, code in seen} <= set(station)


def test_the_plants_meters_are_rows_of_their_own(park: VirtualPark):
    outlet = park.outlets["V-001/DA001"]
    rows = plant_rows(outlet, park.t[:5])

    assert [at for at, _ in rows] == [datetime.fromtimestamp(START + hour * HOUR, UTC) for hour in range(5)]
    assert set(rows[0][1]) == {"load", "power-production", "power-treatment"}


def test_the_truth_of_a_span_is_written_and_read(park: VirtualPark, tmp_path: Path):
    since, until = (datetime.fromtimestamp(START + days * DAY, UTC) for days in (35, 80))
    truth = truth_of(park, since, until)
    write_truth(tmp_path / "truth.json", truth)

    assert read_truth(tmp_path / "truth.json") == truth
    assert {event["strength"] for event in truth["events"]} >= {"natural", "weak"}
    inside = [one for one in (*park.truths, *park.natural) if one.start < until.timestamp()]
    assert len(truth["events"]) == sum(one.end > since.timestamp() for one in inside)
    assert all(event["checks"] and event["touched"] for event in truth["events"])
