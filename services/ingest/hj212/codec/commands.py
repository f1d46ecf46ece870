"""What a packet is in the exchange between logger (数采仪) and platform, and what answers it."""

from enum import StrEnum

from services.ingest.hj212.codec.packet import Packet
from services.ingest.hj212.codec.tables import commands

ANSWERS = frozenset({"9011", "9012", "9013", "9014"})
"""Answers are never answered, whatever their Flag says: two polite peers would never stop."""
NOTIFY_ANSWER = "9013"
DATA_ANSWER = "9014"
KEY_EXCHANGE = "1014"
_REQUEST_PARAMS = frozenset({"PolId", "InfoId", "BeginTime", "EndTime", "QN", "WarnTime"})


class Role(StrEnum):
    """The part a packet plays."""

    UPLOAD = "upload"
    REQUEST = "request"
    NOTIFY = "notify"
    HEARTBEAT = "heartbeat"
    ANSWER = "answer"
    UNKNOWN = "unknown"


def role_of(packet: Packet) -> Role:
    """The role of a packet, by its command and, where both sides use the number, its content.

    Getter and setter share a number with the reply (HJ 212-2017 table 9): such a packet is a
    request when its data area holds nothing but what a request asks by.
    """
    command = commands().get(packet.cn)
    if command is None:
        return Role.UNKNOWN
    if command.sender == "both" and command.role == "upload":
        if packet.cn == KEY_EXCHANGE:  # a logger asks for a key, the platform gives one
            return Role.UPLOAD if packet.param("NewSK") is None else Role.REQUEST
        asks = all(key in _REQUEST_PARAMS for key in packet.shape.keys)
        return Role.REQUEST if asks else Role.UPLOAD
    return Role(command.role)


def expected_answer(packet: Packet) -> str | None:
    """The CN with which a platform answers this packet, or None where it must stay silent.

    Only bit A of Flag asks for an answer. Answers (9011 to 9014) and commands that only a
    platform may send get none. An unknown command gets the data answer, and so does a number
    that both sides use when its data area is empty: else a device with an extension, or with
    nothing to report, would repeat itself for ever.
    """
    if not packet.ack_wanted or packet.cn in ANSWERS:
        return None
    command = commands().get(packet.cn)
    if command is None:
        return DATA_ANSWER
    if command.sender == "platform":
        return None
    return command.answer or None
