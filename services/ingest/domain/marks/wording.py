"""The section of docs/states.md on marks, written from their table."""

from services.ingest.domain.marks.rules import versions
from services.ingest.domain.marks.table import ROWS, Party

WORDS = {
    "proposed": "待确认", "pending": "待审核", "queried": "已质询", "accepted": "已认可", "rejected": "不予认可",
    "expired": "已失效", "withdrawn": "已撤回", "confirm": "确认", "correct": "更正", "finish": "填写结束时间",
    "answer": "答复", "withdraw": "撤回", "accept": "认可", "query": "质询", "reject": "不予认可", "expire": "失效",
    "follow": "随数据更新", "revoke": "数据标记消失",
}  # fmt: skip
WHO = {Party.ENTERPRISE: "企业 enterprise", Party.REVIEWER: "监理、局方 reviewer", Party.SYSTEM: "系统 system"}
GUARDS = {
    "window_over": "已过更正期限 the time for corrections is over",
    "from_flags": "由数采仪标记生成，不能撤回 made of the logger's flags, not to be withdrawn",
    "has_ended": "已有结束时间 it has an end already",
    "evidence_missing": "缺少所需佐证 the evidence its code needs is missing",
}

AUTO = (
    "- 自动标记在企业确认前即有效；已失效、不予认可、已撤回的标记不再影响有效性。"
    "An automatic mark has its effect before it is confirmed; an expired, rejected or withdrawn one has none."
)


def _word(value: str) -> str:
    return f"{WORDS[value]} `{value}`"


def section() -> str:
    """Diagram, table, guards and deadlines."""
    arrows = [
        f"  {source} --> {row.target}: {row.event}" for row in ROWS if row.target is not None for source in row.sources
    ]
    lines = [
        "| "
        + " | ".join(
            (
                _word(row.event), "、".join(_word(state) for state in row.sources),
                _word(row.target) if row.target else "不变 stays", WHO[row.party],
                "、".join(f"`{field}`" for field in row.needs) or "–",
                "、".join(f"`{guard}`" for guard in row.guards) or "–",
            )
        )
        + " |"
        for row in ROWS
    ]  # fmt: skip
    rules = versions()[0]
    deadlines = (
        f"- 默认时限 default deadlines (`{rules.version}`): 次日 next day {rules.deadline_at:%H:%M} 前提交 hand in;"
        f" 次月 {rules.evidence_day} 日前提交佐证 evidence by the {rules.evidence_day}th of the next month;"
        f" {rules.correction.days} 日内可更正 corrections within {rules.correction.days} days."
    )
    return "\n".join(
        [
            "## 标记 Mark", "", "```mermaid", "stateDiagram-v2", *arrows, "```", "",
            "| 事件 Event | 从 From | 到 To | 谁 Who | 需要 Needs | 限制 Guards |",
            "| --- | --- | --- | --- | --- | --- |", *lines, "",
            *(f"- `{code}`: {text}" for code, text in GUARDS.items()),
            AUTO, deadlines, "",
        ]
    )  # fmt: skip
