"""The part of docs/states.md that is of detection, written from its tables (`python -m tools.states`)."""

from collections.abc import Iterable
from datetime import date

from services.detection.domain.suppressing.limits import limits_on
from services.detection.domain.suppressing.table import ROWS, Row
from shared.contracts.identity import Role

WORDS = {
    "proposed": "待批准", "approved": "已批准", "refused": "未批准", "revoked": "已撤销", "expired": "已到期",
    "approve": "批准", "refuse": "不予批准", "revoke": "撤销", "expire": "到期",
}  # fmt: skip
ROLES = {
    Role.SUPERVISOR: "监理 supervisor", Role.SUPERVISOR_LEAD: "监理负责人 lead supervisor",
    Role.OFFICER: "执法人员 officer", Role.SECTION_HEAD: "科室负责人 section head",
}  # fmt: skip
GUARDS = {
    "own_proposal": "本人提出的抑制须由另一人批准 one's own proposal needs another person",
    "window_over": "期限已过 the window is over",
    "window_not_over": "期限未到 the window is not over yet",
}
NOTES = """- 抑制只对批准之后的命中起作用，不追溯；撤销或到期后仍在持续的命中即成为异常。
  A suppression works on hits that become known after its approval, never before; a hit that goes on beyond its end
  becomes an anomaly.
- 被抑制的命中照常保存并计数。Suppressed hits are stored and counted.
"""


def _word(value: object) -> str:
    return f"{WORDS[str(value)]} `{value}`"


def _cells(row: Row) -> Iterable[str]:
    yield _word(row.event)
    yield "、".join(_word(state) for state in row.sources)
    yield _word(row.target)
    yield "、".join(text for role, text in ROLES.items() if role in row.who) or "系统 system"
    yield "`reason`" if row.needs_reason else "–"
    yield "、".join(f"`{guard}`" for guard in row.guards) or "–"


def render() -> str:
    """The sections of detection."""
    arrows = [f"  {source} --> {row.target}: {row.event}" for row in ROWS for source in row.sources]
    head = ["事件 Event", "从 From", "到 To", "谁 Who", "需要 Needs", "限制 Guards"]
    rows = [head, ["---"] * len(head), *(list(_cells(row)) for row in ROWS)]
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in rows)
    guards = "\n".join(f"- `{code}`: {text}" for code, text in GUARDS.items())
    days = limits_on(date.max).most_days
    window = f"- 最长 {days} 天（可配置）。{days} days at most (configurable)."
    return "\n".join(
        ["## 抑制 Suppression", "", "```mermaid", "stateDiagram-v2", *arrows, "```", "", table, "", guards, window,
         NOTES]
    )  # fmt: skip
