"""Words for links and packets: states, repairs of frames, and why a packet was refused, with what mends it."""

from collections.abc import Mapping
from typing import NamedTuple

from web.i18n import N_, gettext


class Words(NamedTuple):
    """A reason in words: its name, what is wrong, what mends it."""

    name: str
    meaning: str
    remedy: str


TABLES: dict[str, Mapping[str, str]] = {
    "Tolerance": {"lenient": N_("Lenient"), "learnt": N_("Learnt"), "strict": N_("Strict")},
    "tolerance_hint": {
        "lenient": N_("All known deviations are repaired"),
        "learnt": N_("Only repairs it has needed so far; a new one goes to the quarantine"),
        "strict": N_("Frames must be as the standard says"),
    },
    "PasswordCheck": {
        "refuse": N_("Refuse the frame"), "remark": N_("Take it, with a remark"), "off": N_("Do not check"),
    },
    "DeviceChange": {
        "online": N_("Online"), "offline": N_("Offline"), "duplicate": N_("Two connections at a time"),
        "duplicate_ended": N_("One connection again"), "clock_off": N_("Clock wrong"),
        "clock_right": N_("Clock right again"), "edition_other": N_("Speaks another edition"),
        "edition_right": N_("Speaks the registered edition again"),
    },
    "LinkFilter": {
        "all": N_("All"), "online": N_("Online"), "offline": N_("Offline"), "never": N_("Never connected"),
        "duplicate": N_("Duplicate"), "clock_off": N_("Clock wrong"), "edition_other": N_("Other edition"),
    },
    "PacketStatus": {
        "stored": N_("Stored"), "answered": N_("Answered"), "ignored": N_("Ignored"),
        "quarantined": N_("In quarantine"),
    },
    "PacketState": {
        "open": N_("To be decided"), "retried": N_("Taken on re-try"), "discarded": N_("Discarded"),
    },
    "PacketAct": {
        "retry": N_("Tried again"), "discard": N_("Discarded"), "hold": N_("Held as evidence"),
        "release": N_("Released"),
    },
    "repair": {
        "crc_lower_case": N_("checksum in lower case"), "crc_zero_lost": N_("leading zero of the checksum lost"),
        "crc_modbus": N_("Modbus checksum"), "crc_modbus_swapped": N_("Modbus checksum, bytes swapped"),
        "crc_characters": N_("checksum over characters"), "length_digits": N_("length with fewer than four digits"),
        "length_wrong": N_("wrong length"), "over_1024": N_("more than 1,024 bytes"),
        "cipher_printed": N_("cipher text written as digits"), "tail_missing": N_("CR LF missing"),
        "bare_word": N_("word without a value"), "blanks": N_("blanks inside"),
        "comma_for_semicolon": N_("comma for semicolon"), "cp_not_closed": N_("data area not closed"),
        "cp_one_ampersand": N_("data area with one &"), "d_without_numbers": N_("packet numbers announced, not given"),
        "empty_item": N_("empty item"), "field_after_cp": N_("field behind the data area"),
        "field_case": N_("name of a field in other case"), "field_order": N_("other order of fields"),
        "field_repeated": N_("field repeated"), "field_unknown": N_("unknown field"),
        "flag_unreadable": N_("Flag unreadable"), "full_width": N_("full-width signs"), "gbk": N_("text in GBK"),
        "packet_numbers_odd": N_("odd packet numbers"), "pw_missing": N_("PW missing"), "qn_odd": N_("odd QN"),
        "semicolon_missing": N_("semicolon missing"), "st_odd": N_("odd ST"),
        "surface_water_profile": N_("surface-water protocol"),
    },
}  # fmt: skip

_RESEND = N_("Look at the line and the settings of the logger; it will send again.")
_LOGGER = N_("The logger's program writes it wrongly: its maker must mend it.")
REASONS: dict[str, Words] = {
    "unknown_mn": Words(
        N_("Unknown device"), N_("No device is registered with this MN."),
        N_("Register the device, then try the packet again."),
    ),
    "inactive_device": Words(
        N_("Device out of use"), N_("The device or its outlet is marked as out of use."),
        N_("Set it in use again, if it is."),
    ),
    "address_not_allowed": Words(
        N_("Address not allowed"), N_("The frame came from an address outside the networks of the device."),
        N_("Add the network to the device's settings, if the address is right."),
    ),
    "wrong_password": Words(
        N_("Wrong PW"), N_("PW is not that of the device."),
        N_("Correct the PW in the logger or here, or find out who sends in its name."),
    ),
    "repair_not_allowed": Words(
        N_("Deviation not allowed"),
        N_("The frame deviates from the standard in a way that the tolerance of the device does not take."),
        N_("Find out what changed at the logger. If it is in order, allow the deviation, then try again."),
    ),
    "bad_crc": Words(
        N_("Checksum wrong"), N_("No known checksum fits the bytes: something was changed on the way or by hand."),
        _RESEND,
    ),
    "bad_length": Words(
        N_("Length wrong"), N_("The length field does not lead to the end of the frame, nor does any checksum."),
        _RESEND,
    ),
    "truncated": Words(
        N_("Cut short"), N_("The frame ends before its length says: the connection broke, or a part was lost."), _RESEND
    ),
    "bad_header": Words(N_("No length"), N_("No length field follows the ##."), _LOGGER),
    "oversized": Words(
        N_("Too long"), N_("The length field announces more than a frame may have, even a tolerated one."), _LOGGER
    ),
    "encrypted_body": Words(
        N_("Encrypted, no key fits"), N_("The data area is encrypted (HJ 212-2025), and no key opens it."),
        N_("Set the SM4 key of the device, then try again."),
    ),
    "empty": Words(N_("Empty"), N_("The data segment is empty."), _LOGGER),
    "bad_text": Words(N_("No text"), N_("The bytes are neither UTF-8 nor GBK text."), _LOGGER),
    "control_character": Words(N_("Control character"), N_("The text holds a control character."), _LOGGER),
    "no_cp": Words(N_("No data area"), N_("There is no data area CP=&&…&&."), _LOGGER),
    "no_cn": Words(N_("No command"), N_("The command code CN is missing."), _LOGGER),
    "bad_cn": Words(N_("Bad command"), N_("The command code CN is not four digits."), _LOGGER),
    "no_mn": Words(N_("No MN"), N_("The device number MN is missing."), _LOGGER),
    "bad_mn": Words(N_("Bad MN"), N_("The device number MN is too long."), _LOGGER),
    "no_data_time": Words(N_("No DataTime"), N_("An upload without DataTime says nothing of when."), _LOGGER),
    "bad_data_time": Words(N_("Bad DataTime"), N_("DataTime is no time."), _LOGGER),
    "no_values": Words(N_("No values"), N_("An upload without any factor."), _LOGGER),
    "future_time": Words(
        N_("Time in the future"), N_("DataTime is more than a day in the future: the logger's clock is wrong."),
        N_("Set the logger's clock. Values with a wrong time cannot be used; discard the packet."),
    ),
    "too_many_factors": Words(
        N_("Too many factors"), N_("More factors in one packet than are taken."), _LOGGER
    ),
    "refused_by_store": Words(
        N_("Not storable"), N_("The database refused the content of the packet."),
        N_("Look at the detail; tell the maintainers of Sanse if the packet looks right."),
    ),
}  # fmt: skip
_OTHER = Words(N_("Other reason"), N_("The packet could not be taken."), _RESEND)


def reason_name(code: str | None) -> str:
    """A reason in few words; the code where it is not known."""
    return gettext(REASONS[code].name) if code in REASONS else code or ""


def reason_words(code: str | None) -> Words:
    """A reason with meaning and remedy in the reader's language."""
    words = REASONS.get(code or "", _OTHER)
    return Words(*(gettext(text) for text in words))


def reason_options() -> list[tuple[str, str]]:
    """All reasons with their names, for a select."""
    return [(code, gettext(words.name)) for code, words in REASONS.items()]
