"""Tolerance as a value: what a profile takes, refuses and calls what it refuses."""

import pytest

from services.ingest.hj212.codec import LENIENT, STRICT, Frame, Framer, Rejected, Repair, frame
from services.ingest.hj212.codec.crc import modbus

SEGMENT = b"QN=20260105080000123;ST=32;CN=2011;PW=123456;MN=M1;Flag=5;CP=&&DataTime=20260105080000;w01018-Rtd=1&&"


def test_profiles_know_their_names() -> None:
    with pytest.raises(ValueError, match="no repair or note: crc_nothing"):
        STRICT.allowing(["crc_nothing"])
    assert LENIENT.refusing(["gbk"]).forbids(["gbk", "blanks"]) == ("gbk",)
    assert STRICT.forbids(["tail_missing", "surface_water_profile", "blanks"]) == ("blanks",)
    assert (STRICT.limit, LENIENT.limit) == (1024, 4096)


def test_a_frame_is_refused_for_the_first_repair_that_is_not_taken() -> None:
    data = b"##%d%b%04x\r\n" % (len(SEGMENT), SEGMENT, modbus(SEGMENT))
    (taken,) = Framer().feed(b"##0%b" % data[2:])
    assert isinstance(taken, Frame)
    assert taken.repairs == ("crc_modbus", "crc_lower_case")
    wrong, first = STRICT.judge(taken), STRICT.allowing(["crc_lower_case"]).judge(taken)
    assert isinstance(wrong, Rejected)
    assert (wrong, wrong.reason, wrong.raw) == (first, "bad_crc", taken.raw)
    assert STRICT.allowing(taken.repairs).judge(taken) is taken
    assert STRICT.judge(wrong) is wrong


def test_a_missing_tail_never_costs_the_frame_after_it() -> None:
    found = Framer(tolerance=STRICT).feed(frame(SEGMENT)[:-2] + frame(SEGMENT))
    assert [event.repairs for event in found if isinstance(event, Frame)] == [(), (Repair.TAIL_MISSING,)]
