"""What happens on the lines of the demo: strangers, a frame broken on the way, values that come late."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from park.demo import DemoPark
from park.model import OutletModel
from services.ingest.hj212.codec import Edition, Report, Sender, frame, upload_frames
from services.ingest.hj212.codec.sealing import seal
from shared.clock import PARK_ZONE
from shared.logging import get_logger

log = get_logger(__name__)

STRANGERS = ("CW2026DEBUG00000000000007", "41010500000000000000SIM1")
UNKNOWN_KEY = b"demo-only-0000-1"
LATE_HOURS = (30, 29, 28)
PATIENCE = 10.0


def frames_of(park: DemoPark, now: datetime) -> list[bytes]:
    """Frames as a few loggers of the park and two strangers would send them."""
    first, second, third, *_ = (outlet.model for outlet in park.outlets.values())
    found: list[bytes] = []
    for number, mn in enumerate(STRANGERS):
        for minute in range(3):
            found += _upload(Sender(mn, "32"), "2011", now - timedelta(minutes=3 - minute), "w01018", 31.0 + number)
    late = Sender(first.mn, "32", first.password, Edition(first.edition))
    for hours in LATE_HOURS:
        at = (now - timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0)
        found += _upload(late, "2011", at, first.factors[0].code, first.factors[0].base)
    return [*found, *_faulty(second, now), *_sealed(third, now)]


def _upload(sender: Sender, cn: str, at: datetime, factor: str, value: float) -> list[bytes]:
    name = "Rtd" if cn == "2011" else "Avg"
    report = Report(cn, at, [(factor, [(name, round(value, 2)), ("Flag", "N")])], ack_wanted=True)
    return upload_frames(sender, report, qns=[at.astimezone(PARK_ZONE).strftime("%Y%m%d%H%M%S000")])


def _faulty(model: OutletModel, now: datetime) -> list[bytes]:
    """One frame with a digit changed on the way, one with blanks that are put right."""
    sender = Sender(model.mn, "32", model.password, Edition(model.edition))
    factor = model.factors[0]
    (whole,) = _upload(sender, "2011", now, factor.code, factor.base)
    start = whole.index(b"Rtd=") + len(b"Rtd=")
    broken = whole[:start] + (b"9" if whole[start : start + 1] != b"9" else b"8") + whole[start + 1 :]
    return [broken[:-6] + b"1234\r\n", frame(whole[6:-6].replace(b"-Rtd=", b"-Rtd= "))]


def _sealed(model: OutletModel, now: datetime) -> list[bytes]:
    """A frame of the 2025 edition whose key nobody has entered yet."""
    sender = Sender(model.mn, "32", model.password, Edition.V2025)
    (whole,) = _upload(sender, "2011", now, model.factors[0].code, model.factors[0].base)
    return [seal(whole[6:-6], UNKNOWN_KEY)]


async def play_lines(stack: dict[str, Any], park: DemoPark, now: datetime) -> None:
    """Send them on one connection; a gateway that is not there is no fault of the demo."""
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(stack["gateway"]["host"], stack["gateway"]["port"])
            writer.write(b"".join(frames_of(park, now)))
            await writer.drain()
            await asyncio.sleep(1.0)
            writer.close()
    except (OSError, TimeoutError) as error:
        log.warning("lines_not_played", error=repr(error))
