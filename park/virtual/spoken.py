"""An outlet of the virtual park as `park.live` takes its outlets: minute and hour means for any times.

Rows under another flag than N are left out: the loggers of the live park send N only.
"""

from dataclasses import dataclass, field

import numpy as np

from park.model import HOUR, MINUTE, FactorModel, OutletModel, Times, Values
from park.virtual.analyser import DERIVED
from park.virtual.build import window
from park.virtual.columns import INDEPENDENT, VirtualOutlet, VirtualPark


@dataclass(frozen=True)
class SpokenOutlet(OutletModel):
    """One outlet of `park` with the events of the park in it; `key` is its name there."""

    park: VirtualPark | None = field(default=None, compare=False)
    key: str = ""

    def minutes(self, times: Times) -> dict[str, Values]:
        """Minute means at `times` (a grid without holes); NaN where nothing is sent."""
        return self._means(times, MINUTE)

    def hours(self, times: Times) -> dict[str, Values]:
        """Hour means at `times` (a grid without holes); NaN where nothing is sent."""
        return self._means(times, HOUR)

    def _means(self, times: Times, step: int) -> dict[str, Values]:
        if self.park is None or not len(times):
            return {factor.code: np.full(len(times), np.nan) for factor in self.factors}
        made = window(self.park, int(times[0]), int(times[-1]) + step, [self.key], step).outlets[self.key].columns
        return {one.code: np.where(made[one.code].usable, made[one.code].v, np.nan) for one in self.factors}


def spoken(park: VirtualPark, key: str, password: str) -> SpokenOutlet:
    """The outlet `key` of a built park with a logger. Raises KeyError for an unknown outlet."""
    outlet = park.outlets[key]
    enterprise, code = key.split("/")
    return SpokenOutlet(
        enterprise=enterprise,
        code=code,
        name_zh=f"{outlet.plan.trade.name_zh}{outlet.plan.index + 1}号排口",
        name_en=f"{outlet.plan.trade.name_en}, outlet {outlet.plan.index + 1}",
        medium=outlet.plan.trade.medium,
        mn=f"0100C0DE5AFE{outlet.plan.index + 1:012X}",
        password=password,
        factors=_factors(outlet),
        park=park,
        key=key,
    )


def _factors(outlet: VirtualOutlet) -> tuple[FactorModel, ...]:
    """What the station itself measures. A gas limit holds for the converted value, so the raw one has none."""
    found = []
    for code, column in outlet.columns.items():
        made = column.instrument
        if made.role in (*DERIVED, *INDEPENDENT):
            continue
        found.append(
            FactorModel(
                code=code,
                unit=made.unit,
                base=float(np.median(column.v[column.usable])) if column.usable.any() else 0.0,
                resolution=made.resolution,
                span_low=made.span[0],
                span_high=made.span[1],
                upper=made.upper,
                lower=made.lower,
            )
        )
    return tuple(found)
