"""HJ 212 codec (污染物在线监控系统数据传输标准): frames, packets, measured values, answers, tables.

Pure: no input or output, no clock, nothing but the standard library and PyYAML. See README.md.
"""

from services.ingest.hj212.codec.commands import ANSWERS, Role, expected_answer, role_of
from services.ingest.hj212.codec.crc import CrcFamily, crc16, crc_family
from services.ingest.hj212.codec.encode import EncodeError, Report, Sender, answer, command, frame, upload_frames
from services.ingest.hj212.codec.events import Event, Frame, Rejected, RejectReason, Repair
from services.ingest.hj212.codec.framer import Framer
from services.ingest.hj212.codec.packet import Edition, Item, Note, Packet, ParseError
from services.ingest.hj212.codec.readings import FactorValues, Kind, Unreadable, Upload, UploadError, UploadNote
from services.ingest.hj212.codec.segment import parse_segment
from services.ingest.hj212.codec.upload import KIND_OF_CN, to_upload

__all__ = [
    "ANSWERS",
    "KIND_OF_CN",
    "CrcFamily",
    "Edition",
    "EncodeError",
    "Event",
    "FactorValues",
    "Frame",
    "Framer",
    "Item",
    "Kind",
    "Note",
    "Packet",
    "ParseError",
    "RejectReason",
    "Rejected",
    "Repair",
    "Report",
    "Role",
    "Sender",
    "Unreadable",
    "Upload",
    "UploadError",
    "UploadNote",
    "answer",
    "command",
    "crc16",
    "crc_family",
    "expected_answer",
    "frame",
    "parse_segment",
    "role_of",
    "to_upload",
    "upload_frames",
]
