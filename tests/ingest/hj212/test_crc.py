import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.hj212.codec.crc import (
    CrcFamily,
    crc16,
    crc16_by_table,
    crc_family,
    modbus,
    modbus_by_table,
    modbus_swapped,
)

APPENDIX_A = b"QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&"
CHINESE = (
    "QN=20160801085857223;ST=32;CN=3020;PW=123456;MN=010000A8900016F000169DC0;Flag=5;"
    "CP=&&DataTime=20100301145000;PolId=w01018;i11001-Info=//清洗管路//&&"
)


def crc_as_printed(data: bytes) -> int:
    """The loop of HJ 212-2017 appendix A, word for word."""
    register = 0xFFFF
    for byte in data:
        register = (register >> 8) ^ byte
        for _ in range(8):
            low = register & 1
            register >>= 1
            if low:
                register ^= 0xA001
    return register


def test_standard_example() -> None:
    assert crc16(APPENDIX_A) == 0x1C80
    assert modbus(APPENDIX_A) == 0x0759


def test_standard_chinese_example_counts_bytes() -> None:
    assert crc16(CHINESE.encode()) == 0x9741
    assert crc16(CHINESE.encode("gbk")) == 0xDEC1


@given(st.binary(max_size=5000))
def test_every_form_equals_the_printed_loop(data: bytes) -> None:
    assert crc16(data) == crc16_by_table(data) == crc_as_printed(data)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 15, 16, 17, 1023, 1024, 1025, 16383, 16384, 16385, 20000])
def test_sizes_around_every_fold(size: int) -> None:
    data = bytes(i * 37 % 251 for i in range(size))

    assert crc16(data) == crc_as_printed(data)


def test_only_256_values_exist() -> None:
    values = {crc16(bytes([a, b])) for a in range(256) for b in range(256)}

    assert len(values) == 256
    assert {value & 0xFF for value in values} == {0x00, 0x01, 0x40, 0x41, 0x80, 0x81, 0xC0, 0xC1}


@pytest.mark.parametrize(
    ("segment", "given_crc", "family"),
    [
        (APPENDIX_A, 0x1C80, CrcFamily.HJ212),
        (APPENDIX_A, 0x0759, CrcFamily.MODBUS),
        (APPENDIX_A, 0x5907, CrcFamily.MODBUS_SWAPPED),
        (CHINESE.encode(), 0x35C0, CrcFamily.CHARACTERS),
        (CHINESE.encode("gbk"), 0x35C0, CrcFamily.CHARACTERS),
        (APPENDIX_A, 0x1C08, None),  # the misprint of appendix A
        (APPENDIX_A, 0xB381, None),  # a test tool's constant
    ],
)
def test_family(segment: bytes, given_crc: int, family: CrcFamily | None) -> None:
    assert crc_family(segment, given_crc) is family


def test_modbus_check_value() -> None:
    assert modbus(b"123456789") == 0x4B37
    assert modbus_swapped(b"123456789") == 0x374B


def test_characters_need_text() -> None:
    assert crc_family(b"\xff\xfe\xff", 0x1234) is None


@given(st.binary(max_size=1200))
def test_folded_modbus_equals_the_plain_loop(segment: bytes) -> None:
    assert modbus(segment) == modbus_by_table(segment)
