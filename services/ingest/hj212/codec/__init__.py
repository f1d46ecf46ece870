"""HJ 212 codec (污染物在线监控系统数据传输标准): frames, packets, measured values, answers, tables.

Pure: no input or output, no clock, nothing but the standard library, PyYAML and cryptography (SM4). See README.md.
"""

from services.ingest.hj212.codec.commands import ANSWERS, Role, expected_answer, role_of
from services.ingest.hj212.codec.content import Content, ContentError, FactorContent, read_content, write_content
from services.ingest.hj212.codec.crc import CrcFamily, crc16, crc_family
from services.ingest.hj212.codec.encode import EncodeError, Report, Sender, answer, command, frame, upload_frames
from services.ingest.hj212.codec.events import Event, Frame, Rejected, RejectReason, Repair
from services.ingest.hj212.codec.flat import FlatUpload, read_flat
from services.ingest.hj212.codec.framer import Framer
from services.ingest.hj212.codec.packet import Edition, Item, Note, Packet, ParseError
from services.ingest.hj212.codec.profile import LENIENT, STRICT, Tolerance, read_packet
from services.ingest.hj212.codec.readings import FactorValues, Kind, Unreadable, Upload, UploadError, UploadNote
from services.ingest.hj212.codec.sealing import Sealed, must_be_sealed, seal, sealed_of, unseal
from services.ingest.hj212.codec.segment import parse_segment
from services.ingest.hj212.codec.sm4 import KeyUnfitError, authorization, read_authorization, read_key
from services.ingest.hj212.codec.upload import KIND_OF_CN, to_upload

__all__ = [
    "ANSWERS",
    "KIND_OF_CN",
    "LENIENT",
    "STRICT",
    "Content",
    "ContentError",
    "CrcFamily",
    "Edition",
    "EncodeError",
    "Event",
    "FactorContent",
    "FactorValues",
    "FlatUpload",
    "Frame",
    "Framer",
    "Item",
    "KeyUnfitError",
    "Kind",
    "Note",
    "Packet",
    "ParseError",
    "RejectReason",
    "Rejected",
    "Repair",
    "Report",
    "Role",
    "Sealed",
    "Sender",
    "Tolerance",
    "Unreadable",
    "Upload",
    "UploadError",
    "UploadNote",
    "answer",
    "authorization",
    "command",
    "crc16",
    "crc_family",
    "expected_answer",
    "frame",
    "must_be_sealed",
    "parse_segment",
    "read_authorization",
    "read_content",
    "read_flat",
    "read_key",
    "read_packet",
    "role_of",
    "seal",
    "sealed_of",
    "to_upload",
    "unseal",
    "upload_frames",
    "write_content",
]
