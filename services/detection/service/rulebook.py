"""The rules in force, read from the YAML files beside this service."""

import math
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

import yaml

from services.detection.domain.anomalies import Policy
from services.detection.domain.checks.definition import Traits
from services.detection.domain.relations.definition import Relation
from services.detection.domain.rules import Plan, Rule, Text, parameters, plan, read_explanations, read_rules
from services.detection.domain.thresholds.timeline import Own, overrides
from shared.clock import PARK_ZONE
from shared.contracts.detection import RuleOut
from shared.contracts.detection.rules import RuleParameter, RuleSetting, RuleStep
from shared.contracts.ingest import OutletOut, ReadingKind

FOLDER = Path(__file__).resolve().parent.parent / "rules"
SECONDS = {ReadingKind.HOUR: 3600.0, ReadingKind.DAY: 86400.0, ReadingKind.REALTIME: 60.0}

MOST_PLANS = 20_000


@dataclass(frozen=True)
class Rulebook:
    """All rules with the texts of their explanations. Plans are kept: many series have the same traits."""

    rules: tuple[Rule, ...]
    explanations: dict[str, Text]
    _plans: dict[tuple[Traits, frozenset[tuple[str, date]], frozenset[str], Own], Plan] = field(
        default_factory=dict, compare=False, repr=False
    )

    _numbers: dict[tuple[str, date, Traits, Own], dict[str, float]] = field(
        default_factory=dict, compare=False, repr=False
    )

    @property
    def policy(self) -> Policy:
        """How hits merge."""
        return Policy(rules={rule.code: rule for rule in self.rules})

    def plan(self, traits: Traits, at: datetime, off: frozenset[str], own: Own = ()) -> Plan:
        """What the kernel does with one series on the day of `at`; rules in `off` are switched off.

        `own` are numbers of the series' own that hold at that time.
        """
        day = at.astimezone(PARK_ZONE).date()
        key = traits, frozenset((rule.code, rule.valid_from) for rule in self.rules if rule.in_force(day)), off, own
        if key not in self._plans:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            self._plans[key] = plan(self.rules, traits, on=day, off=off, overrides=overrides(own))
        return self._plans[key]

    def relations(self, kind: ReadingKind) -> tuple[Rule, ...]:
        """Rules of relations between factors that judge this kind, in force or not."""
        return tuple(rule for rule in self.rules if isinstance(rule.check, Relation) and kind in rule.judges)

    def numbers(self, rule: Rule, traits: Traits, own: Own = ()) -> dict[str, float]:
        """Numbers of a rule for one series, kept like plans."""
        key = rule.code, rule.valid_from, traits, own
        if key not in self._numbers:
            if len(self._numbers) >= MOST_PLANS:
                self._numbers.clear()
            self._numbers[key] = parameters(rule, traits, overrides(own).get(rule.code))
        return self._numbers[key]

    def find(self, code: str, on: date) -> Rule | None:
        """The rule of that code in force on a day."""
        return next((rule for rule in self.rules if rule.code == code and rule.in_force(on)), None)

    def defaults(self, code: str, traits: Traits, on: date) -> dict[str, float]:
        """The rule's own numbers for a series, those it leaves open left out; none where it is not in force."""
        rule = self.find(code, on)
        given = parameters(rule, traits) if rule is not None else {}
        return {name: value for name, value in given.items() if math.isfinite(value)}

    def listed(self, on: date) -> list[RuleOut]:
        """The rules in force as the API shows them."""
        return [rule_out(rule) for rule in self.rules if rule.in_force(on)]


def interval_of(outlet: OutletOut, kind: ReadingKind) -> float:
    """Seconds between two readings of this kind."""
    return SECONDS.get(kind, outlet.minute_interval * 60.0)


def traits_of(outlet: OutletOut, factor: str, kind: ReadingKind, trade: str = "") -> Traits:
    """What is known of a series; a factor that is not registered has no range and no resolution."""
    known = next((one for one in outlet.factors if one.factor == factor), None)
    interval = interval_of(outlet, kind)
    return Traits(
        kind=kind,
        medium=outlet.medium,
        factor=factor,
        interval=interval,
        resolution=known.resolution if known else None,
        span=known.span_high if known else None,
        trade=trade,
        unit=known.unit if known else "",
    )


def rule_out(rule: Rule) -> RuleOut:
    """A rule as the API shows it."""
    settings = [
        {
            "kinds": sorted(setting.kinds), "media": sorted(setting.media), "factors": sorted(setting.factors),
            "trades": sorted(setting.trades),
            "values": {name: None if value != value else value for name, value in setting.values.items()},  # noqa: PLR0124
        }
        for setting in rule.settings
    ]  # fmt: skip
    return RuleOut(
        check=rule.check.name,
        severity=rule.severity,
        hazardous=rule.hazardous,
        raises=[
            RuleStep(after_hours=step.after / timedelta(hours=1), severity=step.severity, nature=step.nature)
            for step in rule.raises
        ],
        judges=sorted(rule.judges),
        bounds=[RuleParameter(**asdict(one)) for one in rule.check.parameters],
        settings=[RuleSetting.model_validate(setting) for setting in settings],
        valid_to=rule.valid_to.isoformat() if rule.valid_to else None,
        code=rule.code,
        name_zh=rule.name.zh,
        name_en=rule.name.en,
        nature=rule.nature,
        description_zh=rule.description.zh,
        description_en=rule.description.en,
        parameters={"settings": settings, "judges": sorted(rule.judges)},
        source=rule.source.strip(),
        valid_from=rule.valid_from.isoformat(),
    )


@cache
def load_rulebook() -> Rulebook:
    """Read all rule files; a bad one stops the start with the rule and field named."""
    files = sorted(path for path in FOLDER.glob("*.yaml") if path.stem != "explanations")
    documents = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in files]
    texts = yaml.safe_load((FOLDER / "explanations.yaml").read_text(encoding="utf-8"))
    return Rulebook(read_rules(documents), read_explanations(texts))
