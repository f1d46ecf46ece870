"""Files to replay: recorded frames, or a table of means that become HJ 212 uploads."""

import base64
import binascii
import csv
import gzip
import io
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from park.replay.errors import ReplayError
from services.ingest.hj212.codec import EncodeError, Report, Sender, upload_frames

CN_OF_KIND = {"realtime": "2011", "minute": "2051", "hour": "2061", "day": "2031"}
MAX_LINES = 2_000_000
MAX_LINE = 65_536
MISSING = "-"
"""How a missing value is written."""


class Mean(NamedTuple):
    """A mean: start of its period (aware) and its value, None where the file has none."""

    at: datetime
    value: float | None


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, gzip.BadGzipFile) as error:
        raise ReplayError(f"{path} cannot be read: {error}") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("gbk", "replace")
    for number, line in enumerate(io.StringIO(text), 1):
        if number > MAX_LINES or len(line) > MAX_LINE:
            raise ReplayError(f"{path}, line {number}: more than {MAX_LINES} lines or {MAX_LINE} characters in one")
        if line.strip():
            yield number, line


def read_frames(path: Path) -> list[bytes]:
    """Frames of a `.jsonl` file: key `frame` (text) or `frame_b64`; CR LF is added where it is missing."""
    frames = []
    for number, line in _lines(path):
        try:
            row = json.loads(line)
            coded = row.get("frame_b64")
            frame = base64.b64decode(coded, validate=True) if coded else row["frame"].encode()
        except (ValueError, KeyError, AttributeError, TypeError, binascii.Error) as error:
            raise ReplayError(f"{path}, line {number}: no JSON object with frame or frame_b64") from error
        frames.append(frame if frame.endswith(b"\r\n") else frame + b"\r\n")
    return frames


def read_means(path: Path, zone: ZoneInfo) -> list[Mean]:
    """Means of a `.csv` or `.csv.gz` file: time and value in the first two columns, a heading or none."""
    means: list[Mean] = []
    for number, line in _lines(path):
        time, value = [*next(csv.reader([line])), "", ""][:2]
        try:
            at = datetime.fromisoformat(time.strip())
            mean = Mean(at if at.tzinfo else at.replace(tzinfo=zone), float(value) if value.strip() else None)
        except ValueError as error:
            if number == 1:
                continue  # a heading
            raise ReplayError(f"{path}, line {number}: not a time and a value: {line.strip()[:80]!r}") from error
        means.append(mean)
    return means


def report_of(kind: str, factor: str, mean: Mean) -> Report:
    """One mean as a logger reports it; a missing value is sent as missing."""
    value = MISSING if mean.value is None else mean.value
    suffix = "Rtd" if kind == "realtime" else "Avg"
    return Report(CN_OF_KIND[kind], mean.at, [(factor, [(suffix, value)])], ack_wanted=True)


def upload_of(sender: Sender, kind: str, factor: str, mean: Mean, number: int) -> tuple[str, bytes]:
    """The upload of one mean that asks for an answer, and its QN. Raises `ReplayError`."""
    qn = f"{mean.at:%Y%m%d%H%M%S}{number % 1000:03}"
    try:
        (frame,) = upload_frames(sender, report_of(kind, factor, mean), qns=[qn])
    except EncodeError as error:
        raise ReplayError(f"mean of {mean.at.isoformat()}: {error}") from error
    return qn, frame
