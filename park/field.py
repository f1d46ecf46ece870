"""What a logger of the 2025 edition tells besides readings: its daily standard-sample check and working states.

Nothing is remembered: a check is a function of its day, and the same again changes nothing on the platform.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from zlib import crc32

from park.model import DAY, HOUR, MINUTE, PARK_OFFSET, FactorModel, OutletModel
from services.ingest.hj212.codec import Content, Edition, FactorContent, Sender, write_content
from services.ingest.hj212.codec.typed import Typed
from shared.clock import PARK_ZONE

EDITION = "2025"
CHECKED = frozenset({
    "w01018", "w21003", "w21001", "w21011", "w20122", "w20121", "w20116",
    "a21026", "a21002", "a34013", "a24088", "a21024", "a21005",
})  # fmt: skip
BEGINS, LASTS = 3 * HOUR, 15 * MINUTE
"""Since midnight of Beijing time; the hour keeps its 45 valid minutes."""
RUNNING, CALIBRATING = "0", "3"
FAILS_EVERY = 9
"""Of every so many checks one is off by more than the limit."""


@dataclass
class FieldTeller:
    """The checks and states of one logger; `told` is the beginning of the last check it sent."""

    model: OutletModel
    told: int = 0

    def due(self, now: int) -> list[tuple[str, bytes]]:
        """(QN, frame) pairs of the last check that has ended; none where they are sent or there is nothing to check."""
        begin = (now + PARK_OFFSET - BEGINS - LASTS) // DAY * DAY - PARK_OFFSET + BEGINS
        factors = [factor for factor in self.model.factors if factor.code in CHECKED and factor.span_high]
        if begin == self.told or not factors:
            return []
        self.told = begin
        end = begin + LASTS
        contents = [
            self._states(begin, factors, CALIBRATING),
            self._check(end - MINUTE, factors),
            self._states(end, factors, RUNNING),
            self._logger_state(end),
        ]
        return [self._frame(end, number, content) for number, content in enumerate(contents)]

    def _states(self, at: int, factors: list[FactorModel], state: str) -> Content:
        items = [FactorContent("i12001", (("Info", state),), factor.code) for factor in factors]
        params: list[tuple[str, Typed]] = [("DataTime", _moment(at)), *(("PolId", factor.code) for factor in factors)]
        return Content("3020", Edition.V2025, "logger", tuple(params), tuple(items))

    def _logger_state(self, at: int) -> Content:
        items = (FactorContent("i22001", (("Info", RUNNING),)),)
        return Content("3020", Edition.V2025, "logger", (("DataTime", _moment(at)),), items)

    def _check(self, at: int, factors: list[FactorModel]) -> Content:
        items = []
        for factor in factors:
            span = factor.span_high or 0.0
            for reference in (0.0, 0.8 * span) if self.model.medium == "gas" else (0.5 * span,):
                reading = reference + self._error(at, factor, reference) * (span if reference == 0 else reference)
                values = (("SampleRd", round(reading, 3)), ("StandardValue", round(reference, 3)), ("ResultType", "0"))
                items.append(FactorContent(factor.code, values))
        return Content("2062", Edition.V2025, "logger", (("DataTime", _moment(at)),), tuple(items))

    def _error(self, at: int, factor: FactorModel, reference: float) -> float:
        """As a share: small for most checks, too large for one of `FAILS_EVERY`."""
        seed = crc32(f"{self.model.mn}/{factor.code}/{reference}/{at}".encode())
        small = (seed % 1000 / 1000 - 0.4) * (0.02 if self.model.medium == "gas" else 0.07)
        return small + (0.13 if seed // 1000 % FAILS_EVERY == 0 else 0.0)

    def _frame(self, at: int, number: int, content: Content) -> tuple[str, bytes]:
        qn = f"{_moment(at).astimezone(PARK_ZONE):%Y%m%d%H%M%S}90{number}"
        sender = Sender(self.model.mn, self.model.system, self.model.password, Edition(self.model.edition))
        (frame,) = write_content(content, sender, qns=[qn], ack_wanted=True)
        return qn, frame


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)
