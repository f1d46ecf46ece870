"""Encrypted bodies of HJ 212-2025: official vectors of appendices A.2 and H, wrong keys, the stream around them."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.hj212.codec import (
    Edition,
    Frame,
    Framer,
    KeyUnfitError,
    ParseError,
    Rejected,
    Repair,
    Report,
    Sender,
    authorization,
    command,
    must_be_sealed,
    parse_segment,
    read_authorization,
    read_key,
    seal,
    sealed_of,
    to_upload,
    unseal,
    upload_frames,
)
from services.ingest.hj212.codec.sm4 import decrypt_body, encrypt_body
from tests.ingest.hj212.test_encode import AT, ITEMS

KEY = b"0" * 16
OFFICIAL = [
    "IyMwMjk1UU49MjAyNDA1MjAyMTA3MDAwMDA7U1Q9MzE7Q049MjA1MTtQVz0xMjM0NTY7TU49MDEwMDAwQTg5MDAwMTZGMDAwMTY5REMwO0ZsYWc9OTtDUD0mJuQ+FZrPqyQstTFV+4uSgaGiQld6v67Ygb6Ity1p/FXtGoARn6rIs80z0oXMdvV/LKf4i5VzxmR+DwfiRgm9a2PrIMW5eE8o5x0vSZT/YdnhwrMHVZK00eCcTYuye+l7VZ49pmQ3gab0d3ad7rAJsQ3/80JpInJdYH3ESA8MrF9w2yWHsSS8soFZJyHW5LwYCpfl4RFJnL6CLjHI13YVU1Q6okIHwpCZe73mT5JmvF9SmhcuOBwdiYyhoNdxqRSnstdGfHC5Tx1KewNQpI2/i0EmJjIyMDA=",
    "IyMwMjM0UU49MjAyNDA1MjAyMTA3MDAwMDA7U1Q9MzE7Q049MjA1MTtQVz0xMjM0NTY7TU49MDEwMDAwQTg5MDAwMTZGMDAwMTY5REMwO0ZsYWc9OTtDUD0mJuQ+FZrPqyQstTFV+4uSgaGiQld6v67Ygb6Ity1p/FXtGoARn6rIs80z0oXMdvV/LKf4i5VzxmR+DwfiRgm9a2PrIMW5eE8o5x0vSZT/YdnhOzkaHSpFS2U4jV2UNdvwIVKMe/l1XvFlGHEMDKwK3vnFFWzQpaF2dKwO0qvEACPp73AShVS4JDjpGtzpig0DpGc9TiYmQjU0MQ==",
]
WIRE = [base64.b64decode(text) for text in OFFICIAL]
LOGGER = Sender("010000A8900016F000169DC0", "31", edition=Edition.V2025, key=KEY)


def one(data: bytes) -> Frame | Rejected:
    framer = Framer()
    (event,) = framer.feed(data + b"\r\n") + framer.expire()
    return event


def opened(data: bytes, *keys: bytes) -> Frame | Rejected:
    sealed = sealed_of(one(data))
    assert sealed is not None
    return unseal(sealed, *keys)


@pytest.mark.parametrize(("wire", "crc", "factors"), [(WIRE[0], b"2200", 3), (WIRE[1], b"B541", 2)])
def test_the_official_frames_open_with_the_official_key(wire: bytes, crc: bytes, factors: int) -> None:
    rejected = one(wire)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == "encrypted_body"
    sealed = sealed_of(rejected)
    assert sealed is not None
    assert (sealed.header.mn, sealed.header.cn, sealed.header.qn) == (LOGGER.mn, "2051", "20240520210700000")

    frame = unseal(sealed, b"another key 0000", KEY)

    assert isinstance(frame, Frame)
    assert (frame.raw, frame.crc, frame.repairs, frame.raw[-4:]) == (wire, "hj212", (), crc)
    assert len(to_upload(parse_segment(frame.segment)).values) == factors
    assert seal(frame.segment, KEY) == wire + b"\r\n"


@pytest.mark.parametrize("wire", WIRE)
def test_the_form_the_standard_prints_opens_too(wire: bytes) -> None:
    head, _, rest = wire.partition(b"CP=&&")
    body, tail = rest[:-6], rest[-6:]
    whole = len(body) - len(body) % 16
    printed = b"{" + b",".join(b"0x%02X" % byte for byte in body[:whole]) + b"}" + body[whole:]

    frame = opened(head + b"CP=&&" + printed + tail, KEY)

    assert isinstance(frame, Frame)
    assert frame.repairs == (Repair.CIPHER_PRINTED,)
    assert frame.segment == unseal_segment(wire)


def unseal_segment(wire: bytes) -> bytes:
    frame = opened(wire, KEY)
    assert isinstance(frame, Frame)
    return frame.segment


def test_a_wrong_key_leaves_the_frame_as_it_was() -> None:
    result = opened(WIRE[0], b"1" * 16)

    assert isinstance(result, Rejected)
    assert (result.raw, result.reason) == (WIRE[0], "encrypted_body")


def test_no_wrong_key_ever_fits_by_the_eight_bits_of_the_checksum() -> None:
    sealed = sealed_of(one(WIRE[1]))
    assert sealed is not None
    keys = [i.to_bytes(16, "big") for i in range(3000)]
    assert isinstance(unseal(sealed, *keys), Rejected)


def test_a_cipher_text_that_fits_its_checksum_by_chance_is_still_opened() -> None:
    for number in range(3000):
        values = [("w01018", [("Avg", number), ("Flag", "N")])]
        (wire,) = upload_frames(LOGGER, Report("2051", AT, values), qns=["20240520210700000"])
        event = one(wire.rstrip())
        if isinstance(event, Frame):
            break
    else:
        raise AssertionError("one in 256 is expected")
    with pytest.raises(ParseError) as caught:
        parse_segment(event.segment)
    assert caught.value.code == "encrypted_body"

    sealed = sealed_of(event)

    assert sealed is not None
    frame = unseal(sealed, KEY)
    assert isinstance(frame, Frame)
    assert to_upload(parse_segment(frame.segment)).values[0].avg == number


def test_plain_frames_are_not_sealed() -> None:
    plain = Sender(LOGGER.mn, "32", edition=Edition.V2025)
    (wire,) = upload_frames(plain, Report("2061", AT, ITEMS), qns=["20240520210700000"])
    event = one(wire.rstrip())
    assert isinstance(event, Frame)
    assert sealed_of(event) is None
    changed = one(wire.rstrip().replace(b"40.1", b"40.2"))
    assert isinstance(changed, Rejected)
    assert changed.reason == "bad_crc"
    assert sealed_of(changed) is None


def test_sealed_frames_in_a_stream_are_cut_by_length() -> None:
    wires = [
        upload_frames(LOGGER, Report("2051", AT, [*ITEMS, ("w21003", [("Avg", n)])]), qns=[f"20240520210700{n:03d}"])[0]
        for n in range(200)
    ]
    framer = Framer()
    stream = b"".join(wires)
    events = [event for i in range(0, len(stream), 11) for event in framer.feed(stream[i : i + 11])]

    assert len(events) == 200
    assert framer.noise == 0
    opened_ = [unseal(sealed, KEY) for event in events if (sealed := sealed_of(event)) is not None]
    assert [parse_segment(frame.segment).qn for frame in opened_ if isinstance(frame, Frame)] == [
        f"20240520210700{n:03d}" for n in range(200)
    ]


def test_only_what_the_standard_wants_encrypted_is() -> None:
    assert [cn for cn in ("1012", "1014", "2011", "2999", "3019", "3020", "9014", "9015") if must_be_sealed(cn)] == [
        "1014", "2011", "2999", "3020",
    ]  # fmt: skip
    clock = command(LOGGER, "1012", [("SystemTime", "20260101000000")], qn="2" * 17, ack_wanted=True)
    assert b"SystemTime=20260101000000" in clock
    new = [("SKCreateTime", "20260101000000"), ("NewSK", "a" * 16)]
    key = command(LOGGER, "1014", new, qn="2" * 17, ack_wanted=True)
    assert b"NewSK" not in key


def test_appendix_h() -> None:
    key = read_key("msbE74gsiSHSEh5e")
    header = authorization("testuser", "AezF0nZRs4kypuGO", key)

    assert header == "LG/m7lsFU/taig+vbQsDJXy4NGAaE2j2lplPwhZM7iM="
    assert read_authorization(header, key) == ("testuser", "AezF0nZRs4kypuGO")
    for bad in (header[:-4], "?", ""):
        with pytest.raises(ValueError, match="no Authorization header"):
            read_authorization(bad, key)
    with pytest.raises(ValueError, match="no Authorization header"):
        read_authorization(header, KEY)
    with pytest.raises(ValueError, match="colon"):
        authorization("a:b", "c", key)


def test_keys_as_people_write_them() -> None:
    assert read_key("0" * 16) == read_key("30" * 16) == KEY
    for text in ("", "short", "3" * 31, "g" * 32, "密" * 16):
        with pytest.raises(KeyUnfitError):
            read_key(text)


@given(st.binary(max_size=200), st.binary(min_size=16, max_size=16))
def test_bodies_of_any_length_come_back(body: bytes, key: bytes) -> None:
    sealed = encrypt_body(body, key)
    assert len(sealed) == len(body)
    assert decrypt_body(sealed, key) == body
    assert sealed[len(body) - len(body) % 16 :] == body[len(body) - len(body) % 16 :]
