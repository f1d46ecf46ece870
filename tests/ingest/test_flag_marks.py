from datetime import datetime, timedelta
from uuid import UUID

from services.ingest.domain.covers import Effect
from services.ingest.service.flag_marks import follow_flags
from services.ingest.service.mark_expiry import expire_marks
from shared.auth import Role
from shared.contracts.ingest import ReadingKind
from shared.contracts.ingest.marks import MarkAct, MarkEvent, MarkOut, MarkSource, MarkState
from tests.ingest.conftest import NOW, Ingest
from tests.ingest.test_marks import DAY, HOUR, covers
from tests.ingest.test_marks import given as mark_given

MINUTE = timedelta(minutes=1)
START = NOW - 2 * HOUR


async def minutes(ingest: Ingest, outlet_id: UUID, flags: str, start: datetime = START) -> None:
    """Minutes with the same flag on both factors; a dot is a minute that did not come."""
    for place, flag in enumerate(flags):
        if flag != ".":
            row = (start + place * MINUTE, {"w01018": 20.0, "w21003": 1.0})
            await ingest.send(outlet_id, ReadingKind.MINUTE, row, w01018=flag, w21003=flag)


async def follow(ingest: Ingest) -> list[MarkOut]:
    await follow_flags(ingest.app.state.db, ingest.app.state.intake.dictionaries, ingest.clock)
    return (await ingest.client.list_marks()).items


def told(mark: MarkOut) -> tuple[str, datetime, datetime | None, MarkState, int]:
    return mark.code, mark.since, mark.until, mark.state, mark.version


async def test_flags_become_one_mark_that_follows_the_data(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet()
    await minutes(ingest, outlet_id, "N" + "M" * 16)
    (running,) = await follow(ingest)
    (unchanged,) = await follow(ingest)
    seen = await covers(ingest, outlet_id, START, NOW)
    await minutes(ingest, outlet_id, "M" * 4 + "N", START + 17 * MINUTE)
    (ended,) = await follow(ingest)

    assert told(running) == ("device_maintenance", START + MINUTE, None, MarkState.PROPOSED, 1)
    assert (running.source, running.flag, running.factors, running.effective) == (
        MarkSource.AUTO, "M", ["w01018", "w21003"], True,
    )  # fmt: skip
    assert unchanged == running
    assert [(item.until, item.effect) for item in seen] == [
        (int((START + 17 * MINUTE).timestamp()), Effect.INVALID)
    ]  # fmt: skip
    assert told(ended) == ("device_maintenance", START + MINUTE, START + 21 * MINUTE, MarkState.PROPOSED, 2)
    assert [item.event for item in await ingest.client.list_mark_versions(ended.id)] == ["flagged", "follow"]


async def test_late_and_corrected_readings_split_and_revoke(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet()
    await minutes(ingest, outlet_id, "D" * 50 + "N")
    (whole,) = await follow(ingest)
    await minutes(ingest, outlet_id, "N", START + 20 * MINUTE)
    right, left = await follow(ingest)
    await minutes(ingest, outlet_id, "N" * 20)
    after = await follow(ingest)

    assert (left.id, told(left)[1:3]) == (whole.id, (START, START + 20 * MINUTE))
    assert told(right) == ("device_fault", START + 21 * MINUTE, START + 50 * MINUTE, MarkState.PROPOSED, 1)
    assert {mark.id: mark.state for mark in after} == {left.id: MarkState.WITHDRAWN, right.id: MarkState.PROPOSED}


async def test_short_flags_make_no_mark_and_calibration_stands_by_itself(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet()
    await minutes(ingest, outlet_id, "D" * 14 + "N")
    await minutes(ingest, outlet_id, "C" * 15 + "N", START + HOUR)
    (mark,) = await follow(ingest)
    ingest.clock.set(NOW + 2 * DAY)
    (facts,) = await ingest.client.mark_facts(NOW - 2 * DAY, NOW + 2 * DAY)

    assert (mark.code, mark.state, mark.evidence_due_at) == ("device_calibration", MarkState.ACCEPTED, None)
    assert (facts.due, facts.on_time) == (1, 1)


async def test_what_the_enterprise_corrected_follows_the_flags_no_more(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet()
    await minutes(ingest, outlet_id, "D" * 20 + "N")
    (mark,) = await follow(ingest)
    user = ingest.as_(Role.ENTERPRISE, enterprise_id=mark.enterprise_id)
    act = MarkAct(event=MarkEvent.CORRECT, reason="泵故障", code="fault", until=START + HOUR)
    corrected = await user.act_on_mark(mark.id, act, mark.version)
    await minutes(ingest, outlet_id, "D", START + 20 * MINUTE)
    (after,) = await follow(ingest)

    assert (corrected.code, corrected.until, corrected.state) == ("fault", START + HOUR, MarkState.PENDING)
    assert told(after) == told(corrected)


async def test_a_mark_made_by_hand_before_is_not_doubled(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet()
    by_hand = await ingest.client.add_mark(mark_given(outlet_id, since=START - HOUR, until=NOW))
    await minutes(ingest, outlet_id, "M" * 20 + "N")
    assert [mark.id for mark in await follow(ingest)] == [by_hand.id]


async def test_an_hour_speaks_where_no_minutes_come_and_a_working_state_like_a_flag(ingest: Ingest) -> None:
    hourly, stated = await ingest.outlet("W1"), await ingest.outlet("W2")
    await ingest.send(hourly, ReadingKind.HOUR, (START, {"w01018": 3.0}), w01018="D")
    for place in range(16):
        row = (START + place * MINUTE, {"w01018": 3.0, "i12001": 1.0})
        await ingest.send(stated, ReadingKind.MINUTE, row)
    marks = {mark.outlet_id: mark for mark in await follow(ingest)}

    assert (marks[hourly].code, marks[hourly].since, marks[hourly].factors) == ("device_fault", START, ["w01018"])
    assert (marks[stated].code, marks[stated].flag, marks[stated].factors) == ("device_maintenance", "M", ["w01018"])


async def test_unproven_marks_expire_once_and_are_told(ingest: Ingest) -> None:
    outlet_id = await ingest.outlet()
    manual = await ingest.client.add_mark(mark_given(outlet_id))
    calibration = await ingest.client.add_mark(
        mark_given(outlet_id, "device_calibration", since=NOW - 9 * HOUR, until=NOW - 8 * HOUR)
    )
    assert manual.evidence_due_at is not None
    ingest.clock.set(manual.evidence_due_at - MINUTE)
    early = await expire_marks(ingest.app.state.db, ingest.clock)
    ingest.clock.set(manual.evidence_due_at)
    first = await expire_marks(ingest.app.state.db, ingest.clock)
    second = await expire_marks(ingest.app.state.db, ingest.clock)

    assert (early, first, second) == (0, 1, 0)
    expired = await ingest.client.get_mark(manual.id)
    assert (expired.state, expired.effective, expired.version) == (MarkState.EXPIRED, False, 2)
    assert (await ingest.client.get_mark(calibration.id)).state is MarkState.PENDING
    assert await covers(ingest, outlet_id, manual.since, NOW) == []
