"""The last evaluation of the rules: what `make evaluate` measured, as the service ships it."""

from datetime import date
from typing import Annotated

from pydantic import Field

from shared.contracts.detection.anomalies import Nature
from shared.contracts.ingest import Wire

Share = Annotated[float, Field(ge=0, le=1)]


class RateOut(Wire):
    """A share with its counts and the 95 % interval after Wilson; all None of nothing, no interval of a few."""

    part: int
    whole: int
    share: Share | None = None
    low: Share | None = None
    high: Share | None = None


class LatencyOut(Wire):
    """From the start of a label to the moment at which the first alarm on it was decided; of found labels, minutes."""

    median: float | None = None
    p90: float | None = None


class ScoreOut(Wire):
    """Recall, precision, coverage, burden of one series, kind or set; `burden`: false episodes a series in 30 days."""

    recall: RateOut
    precision: RateOut
    coverage: RateOut
    latency: LatencyOut
    days: float
    false: int
    burden: float | None = None


class SeriesScore(Wire):
    """One series, or all of a set: ours beside the naive check's."""

    name: str
    ours: ScoreOut
    naive: ScoreOut


class KindScore(Wire):
    """Labels of one kind of fault or trick; `strengths` are recalls from weak to strong where there are such.

    `natural`: it went wrong by itself and counts for precision, not for the recall of the set. `fitting`: found by a
    check that is right for the kind; `found_by`: labels found by each check, `missed` among them, one label may be
    found by several.
    """

    kind: str
    name_zh: str = ""
    name_en: str = ""
    nature: Nature | None = None
    fraud: bool = False
    natural: bool = False
    strengths: dict[str, RateOut] = {}
    recall: RateOut
    fitting: RateOut
    coverage: RateOut
    latency: LatencyOut
    naive_recall: RateOut
    found_by: dict[str, int] = {}


class CheckScore(Wire):
    """Alarm episodes of one check: how many, and the share that met a label."""

    check: str
    precision: RateOut


class SetScore(Wire):
    """One set of data. `kinds` only where labels say what is wrong."""

    name: str
    total: SeriesScore
    series: list[SeriesScore] = []
    kinds: list[KindScore] = []
    checks: list[CheckScore] = []


class BarOut(Wire):
    """What is asked of a set, what was reached, whether that is enough."""

    set: str
    asked: str
    reached: str
    met: bool


class EvaluationOut(Wire):
    """One evaluation: `rules` are the codes of the rules it judged, `seed` that of the figures reported here."""

    day: date
    version: str
    seed: int
    tuning_seed: int
    rules: list[str]
    bars: list[BarOut]
    sets: list[SetScore]
    absent: dict[str, str] = {}
