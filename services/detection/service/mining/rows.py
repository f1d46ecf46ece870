"""One outlet's sample through the domain, as a row of the contract."""

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np

from services.detection.domain.mining.digits import Digits, report_digits
from services.detection.domain.mining.limits import Bins, report_bunching
from services.detection.domain.mining.peers import Peer
from services.detection.domain.mining.reasons import Gap, say
from services.detection.domain.mining.repeats import Repeat, find_repeats
from services.detection.domain.surveys import bunching
from services.detection.domain.surveys.finding import Finding, Span, Unjudged
from services.detection.service.mining.bench import Sample
from services.detection.store.places import Place
from shared.contracts.detection.mining import (
    BunchingRow,
    DigitRow,
    LimitBin,
    MiningOutlet,
    MiningReason,
    MiningRow,
    PeerRow,
    RepeatPair,
    RepeatRow,
)

SIGNIFICANT = 8


def outlet_out(place: Place) -> MiningOutlet:
    """The outlet of a row."""
    outlet = place.outlet
    return MiningOutlet(
        outlet_id=outlet.id, code=outlet.code, name_zh=outlet.name_zh, name_en=outlet.name_en,
        enterprise_id=outlet.enterprise_id, enterprise_zh=place.enterprise_zh, enterprise_en=place.enterprise_en,
        trade=place.trade,
    )  # fmt: skip


def reason_out(reason: Unjudged | Gap | None) -> MiningReason | None:
    """A reason in words."""
    if reason is None:
        return None
    said = say(reason)
    return MiningReason(code=said.code, has=known(said.has), needs=known(said.needs), text_zh=said.zh, text_en=said.en)


def known(value: float | None) -> float | None:
    """A number as JSON may have it: None where it is not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{SIGNIFICANT}g}")


def moment(seconds: float) -> datetime:
    """UTC of epoch seconds."""
    return datetime.fromtimestamp(int(seconds), UTC)


def numbers_or_none(values: Any) -> list[float | None]:
    """The same, None where there is no value."""
    return [known(value) for value in np.asarray(values).tolist()]


def numbers(values: Any) -> list[float]:
    """An array as JSON takes it; every value is finite."""
    return [float(f"{value:.{SIGNIFICANT}g}") for value in np.asarray(values).tolist()]


def base(sample: Sample, span: Span | None, points: int, unjudged: Unjudged | Gap | None) -> dict[str, Any]:
    """What every row says."""
    return {
        "outlet": outlet_out(sample.place),
        "since": moment(span.start) if span else None,
        "until": moment(span.end) if span else None,
        "points": points,
        "flagged": sample.flagged,
        "missing": sample.missing,
        "unjudged": reason_out(sample.gap or unjudged),
    }


def apart_row(place: Place) -> dict[str, Any]:
    """The row of an outlet that is not looked at because of its unit."""
    return {"outlet": outlet_out(place), "unjudged": reason_out(Gap.OTHER_UNIT)}


def series_row(sample: Sample) -> MiningRow:
    """What there was of an outlet."""
    return MiningRow(**base(sample, sample.series.span, len(sample.series), None))


def _of(sample: Sample, finding: Finding) -> dict[str, Any]:
    return base(sample, finding.span, finding.points, finding.unjudged) | {"found": finding.found}


def digit_row(sample: Sample) -> tuple[DigitRow, Digits]:
    """Last digits."""
    report = report_digits(sample.series)
    judged = report.judged
    row = DigitRow(
        **_of(sample, judged), step=judged.step, spread=known(judged.spread), chi_square=known(judged.chi_square),
        p=known(judged.statistic), entropy=known(judged.entropy),
        counts=report.counts.tolist() if report.counts is not None and len(sample.series) else [],
    )  # fmt: skip
    return row, report


def bunching_row(sample: Sample) -> BunchingRow:
    """Values about the limit."""
    report = report_bunching(sample.series, sample.limits)
    span = sample.series.span
    if isinstance(report, Gap):
        return BunchingRow(**base(sample, span, 0, report))
    judged = report.judged
    limits = np.unique(sample.limits[np.isfinite(sample.limits) & (sample.limits > 0)])
    share = judged.above / judged.above_expected if judged.above_expected > 0 else math.nan
    return BunchingRow(
        **_of(sample, judged), limits=numbers(limits[:20]), z=known(judged.statistic), below=judged.below,
        below_expected=known(judged.below_expected), above=judged.above, above_expected=known(judged.above_expected),
        above_share=known(share), bins=_bins(report),
    )  # fmt: skip


def _bins(report: Bins) -> list[LimitBin]:
    width = bunching.Settings().width
    zone = set(report.zone.tolist())
    return [
        LimitBin(
            low=known(1 + place * width) or 0.0, high=known(1 + (place + 1) * width) or 0.0, count=count,
            expected=None if report.expected is None else known(report.expected[at]), zone=place in zone,
        )
        for at, (place, count) in enumerate(zip(report.places.tolist(), report.counts.tolist(), strict=True))
    ]  # fmt: skip


def repeat_row(sample: Sample) -> RepeatRow:
    """Repeated windows."""
    found = find_repeats(sample.series, sample.interval)
    row = _of(sample, found.exact) | {"points": len(sample.series), "found": found.total > 0}
    noisy = found.noisy
    without = noisy if isinstance(noisy, Gap) else noisy.unjudged
    return RepeatRow(
        **row, pairs=[_pair(one) for one in found.found], total=found.total,
        nearest=None if isinstance(noisy, Gap) else known(noisy.statistic),
        nearest_needed=None if isinstance(noisy, Gap) else known(noisy.reference), noisy_unjudged=reason_out(without),
    )  # fmt: skip


def _pair(one: Repeat) -> RepeatPair:
    return RepeatPair(
        exact=one.exact, original_since=moment(one.original.start), original_until=moment(one.original.end),
        copy_since=moment(one.copy.start), copy_until=moment(one.copy.end), points=one.points,
        distance=known(one.distance) or 0.0, then=numbers(one.then), now=numbers(one.now),
    )  # fmt: skip


def peer_row(sample: Sample, peer: Peer) -> PeerRow:
    """A distribution."""
    row = base(sample, peer.span, peer.points, peer.unjudged) | {"found": peer.found}
    return PeerRow(
        **row, quantiles=numbers(peer.quantiles or ()), least=known(peer.least), greatest=known(peer.greatest),
        mean=known(peer.mean), z=known(peer.z),
    )  # fmt: skip
