"""Sends recorded data to a gateway as a logger would: frames as they are, or a table of means as HJ 212 uploads."""

from park.replay.errors import ReplayError
from park.replay.files import CN_OF_KIND, Mean, read_frames, read_means, report_of, upload_of
from park.replay.line import Answering, Line
from park.replay.wire import Courier, Outcome, Progress, Work, send_frames

__all__ = [
    "CN_OF_KIND",
    "Answering",
    "Courier",
    "Line",
    "Mean",
    "Outcome",
    "Progress",
    "ReplayError",
    "Work",
    "read_frames",
    "read_means",
    "report_of",
    "send_frames",
    "upload_of",
]
