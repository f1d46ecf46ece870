"""What the fakes tell of rules: two of them, verdicts, activity, a small evaluation, what stands around an anomaly."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from fastapi import FastAPI

from shared.contracts.detection import Nature, RuleOut, Severity
from shared.contracts.detection.context import (
    AnomalyContext,
    AnomalyVerdict,
    HitOut,
    NumberInForce,
    NumberOrigin,
)
from shared.contracts.detection.evaluation import (
    BarOut,
    CheckScore,
    EvaluationOut,
    KindScore,
    LatencyOut,
    RateOut,
    ScoreOut,
    SeriesScore,
    SetScore,
)
from shared.contracts.detection.mining import MiningOutlet, SimilarOut, SimilarParts, SimilarReport
from shared.contracts.detection.quality import LabelOut, QualityOut, RuleQuality, Verdict
from shared.contracts.detection.rules import RuleActivity, RuleActivityOut, RuleParameter, RuleSetting, RuleStep
from shared.contracts.ingest import Medium, ReadingKind
from shared.errors import NotFoundError
from tests.web import makers
from tests.web.makers import COD, NOW, uid
from tests.web.park import Park, page

RULES = [
    RuleOut(
        code="CONST", name_zh="恒值", name_en="Constant value", nature=Nature.DATA_QUALITY, severity=Severity.C,
        raises=[RuleStep(after_hours=24, severity=Severity.B, nature=Nature.SUSPECTED_FRAUD)], check="constant",
        judges=[ReadingKind.MINUTE, ReadingKind.HOUR], description_zh="数值长时间不变。",
        description_en="Values that do not change for long.", source="GB 18918-2002", valid_from="2016-01-01",
        bounds=[RuleParameter(name="min_hours", minimum=0, maximum=8760),
                RuleParameter(name="floor", minimum=-1, maximum=1, optional=True)],
        settings=[RuleSetting(values={"min_hours": 6, "floor": None}),
                  RuleSetting(media=[Medium.WATER], factors=[COD], trades=["food"], values={"min_hours": 12})],
    ),
    RuleOut(
        code="EX-H", name_zh="小时均值超标", name_en="Hourly mean over limit", nature=Nature.EXCEEDANCE,
        severity=Severity.B, hazardous=Severity.A, check="exceedance", judges=[ReadingKind.HOUR],
        description_zh="有效小时均值超过排放限值。", description_en="The valid hourly mean is over the limit.",
        source="HJ 75-2017", valid_from="2018-03-01",
    ),
]  # fmt: skip
QUALITY = [
    RuleQuality(rule="CONST", confirmed=1, explained=4, false_alarms=9, undetermined=2, precision=1 / 14, low=0.013,
                high=0.31, retune=True),
    RuleQuality(rule="EX-H", confirmed=8, explained=1, false_alarms=0, undetermined=0, precision=8 / 9, low=0.56,
                high=0.98, retune=False),
]  # fmt: skip
LABEL = LabelOut(
    anomaly_id=uid("anomaly E-001CONST"), anomaly_no="A-20261123-0001", case_id=uid("case 0"), case_no="WX-2026-000184",
    enterprise_id=makers.make_outlet("E-001").enterprise_id, outlet_id=makers.make_outlet("E-001").id, rule="CONST",
    factor=COD, verdict=Verdict.FALSE_ALARM, rectified=True, judged_at=NOW, started_at=NOW,
)  # fmt: skip


def rate(part: int, whole: int) -> RateOut:
    few = whole < 10
    return RateOut(part=part, whole=whole, share=part / whole, low=None if few else 0.4, high=None if few else 0.9)


def make_evaluation() -> EvaluationOut:
    score = ScoreOut(recall=rate(70, 100), precision=rate(40, 60), coverage=rate(3, 9), latency=LatencyOut(median=60.0),
                     days=900, false=20, burden=0.67)  # fmt: skip
    series = SeriesScore(name="all", ours=score, naive=score)
    kinds = [
        KindScore(kind="stuck", name_zh="恒值", name_en="Stuck", nature=Nature.DATA_QUALITY, recall=rate(30, 30),
                  fitting=rate(29, 30), coverage=rate(5, 9), latency=LatencyOut(median=300.0), naive_recall=rate(3, 30),
                  strengths={"weak": rate(10, 10)}, found_by={"constant": 30}),
        KindScore(kind="smoothed", name_zh="平滑处理", name_en="Smoothed", fraud=True, recall=rate(4, 30),
                  fitting=rate(0, 30), coverage=rate(1, 9), latency=LatencyOut(), naive_recall=rate(0, 30),
                  found_by={"missed": 26, "constant": 4}),
        KindScore(kind="hole", name_zh="数据缺口", name_en="Hole", natural=True, recall=rate(9, 9), fitting=rate(9, 9),
                  coverage=rate(1, 9), latency=LatencyOut(), naive_recall=rate(0, 9)),
    ]  # fmt: skip
    bars = [
        BarOut(set="park", asked="x", reached="y", met=False),
        BarOut(set="honest", asked="x", reached="y", met=True),
    ]
    sets = [
        SetScore(name="park", total=series, kinds=kinds, checks=[CheckScore(check="constant", precision=rate(30, 34))]),
        SetScore(name="honest", total=series, series=[series.model_copy(update={"name": "CO"})]),
    ]
    return EvaluationOut(
        day=date(2026, 11, 20), version="0.1.0", seed=42000, tuning_seed=7000, rules=["CONST"], bars=bars, sets=sets
    )


def rules(park: Park, app: FastAPI) -> None:
    @app.get("/v1/rules")
    async def listed() -> Any:
        return [rule.model_dump(mode="json") for rule in RULES]

    @app.get("/v1/rules/activity")
    async def activity(days: int) -> Any:
        done = RuleActivity(
            rule="CONST", open=2, anomalies=7, outlets=3, hits=12, suppressed=4, burden=1.4, last_at=NOW
        )
        return RuleActivityOut(days=days, outlets=5, rules=[done]).model_dump(mode="json")

    @app.get("/v1/quality")
    async def quality(by: str, days: int = 90) -> Any:
        more = {"outlet": {"outlet_id": LABEL.outlet_id}, "trade": {"trade": "food"}}.get(by, {})
        rows = [one.model_copy(update=more) for one in QUALITY]
        return QualityOut(days=days, least_precision=0.2, least_labels=10, rules=rows).model_dump(mode="json")

    @app.get("/v1/quality/labels")
    async def labels(verdict: str = "") -> Any:
        return page([LABEL] if verdict in {"", LABEL.verdict} else [])

    @app.get("/v1/suppressions")
    async def suppressions() -> Any:
        return page([])

    @app.get("/v1/evaluation")
    async def evaluation() -> Any:
        if park.unevaluated:
            raise NotFoundError("none is shipped")
        return make_evaluation().model_dump(mode="json")


def around(park: Park, app: FastAPI) -> None:
    def find(one: UUID) -> Any:
        return next(item for case in park.cases.values() for item in case.anomaly_list if item.id == one)

    @app.get("/v1/anomalies/{one}/context")
    async def context(one: UUID) -> Any:
        anomaly = find(one)
        earlier = anomaly.model_copy(
            update={"id": uid("earlier"), "no": "A-20261121-0009", "started_at": anomaly.started_at - timedelta(days=2)}
        )
        older = earlier.model_copy(update={"id": uid("older"), "no": "A-20261101-0001"})
        verdicts = [
            AnomalyVerdict(anomaly_id=uid("older"), case_id=uid("case 9"), case_no="WX-2026-000009", at=NOW,
                           verdict=Verdict.EXPLAINED, rectified=False),
            AnomalyVerdict(anomaly_id=one, case_id=uid("case 0"), case_no="WX-2026-000184", at=NOW, verdict=None,
                           rectified=False),
        ]  # fmt: skip
        hit = HitOut(started_at=anomaly.started_at, until=anomaly.last_at, running=False, points=200, value=31.2,
                     reference=0.05, suppressed=False)  # fmt: skip
        numbers = [
            NumberInForce(name="min_hours", value=9, default=6, origin=NumberOrigin.OWN),
            NumberInForce(name="floor", value=None, origin=NumberOrigin.DEFAULT),
        ]
        made = AnomalyContext(
            anomaly_id=one, rule=RULES[0], numbers=numbers, hits=[hit, hit], chain=[earlier, anomaly],
            history=[older], verdicts=verdicts,
        )  # fmt: skip
        return made.model_dump(mode="json")

    @app.get("/v1/mining/similar")
    async def similar(anomaly: UUID) -> Any:
        found, outlet = find(anomaly), makers.make_outlet("E-003")
        where = MiningOutlet(
            outlet_id=outlet.id, code=outlet.code, name_zh=outlet.name_zh, name_en=outlet.name_en, trade="food",
            enterprise_id=outlet.enterprise_id, enterprise_zh="恒泽精细化工", enterprise_en="Hengze",
        )  # fmt: skip
        parts = SimilarParts(shape=0.1, rule=0, factor=0, duration=0.2)
        one = SimilarOut(anomaly=found, outlet=where, distance=0.12, parts=parts, shift_seconds=0, since=NOW, until=NOW)
        report = SimilarReport(
            anomaly=found, outlet=where, since=NOW, until=NOW, weights=parts, considered=9, compared=4, exact=True,
            items=[one],
        )  # fmt: skip
        return report.model_dump(mode="json")
