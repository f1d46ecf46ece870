"""The part of docs/states.md that is of detection, written from its tables (`python -m tools.states`)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from services.detection.domain.backtests import life, proposal
from services.detection.domain.suppressing import table as suppressing
from services.detection.domain.suppressing.limits import limits_on
from services.detection.domain.thresholds import table as thresholds
from services.detection.domain.thresholds.policy import policy_on
from shared.contracts.identity import Role

WORDS = {
    "proposed": "待批准",
    "approved": "已批准",
    "refused": "未批准",
    "revoked": "已撤销",
    "expired": "已到期",
    "approve": "批准",
    "refuse": "不予批准",
    "revoke": "撤销",
    "expire": "到期",
}
OWN_WORDS = {
    "default": "规则默认", "learnt": "已学习", "proposed": "待批准", "frozen": "已冻结", "released": "已解冻",
    "learn": "学习生效", "suggest": "学习建议", "propose": "人工提出", "accept": "采纳", "refuse": "不予采纳",
    "freeze": "冻结", "release": "解冻", "before": "提出前的状态",
}  # fmt: skip
ROLES = {
    Role.ADMIN: "管理员 administrator", Role.SUPERVISOR: "监理 supervisor",
    Role.SUPERVISOR_LEAD: "监理负责人 lead supervisor",
    Role.OFFICER: "执法人员 officer", Role.SECTION_HEAD: "科室负责人 section head",
}  # fmt: skip
TRIAL_WORDS = {
    "queued": "排队", "running": "运行中", "done": "已完成", "failed": "失败", "cancelled": "已取消",
    "start": "开始", "finish": "完成", "fail": "失败", "take_up_again": "中断后重排", "cancel": "取消",
}  # fmt: skip
PROPOSAL_WORDS = {
    "proposed": "待决定", "accepted": "已采纳", "declined": "未采纳", "withdrawn": "已撤回",
    "accept": "采纳", "decline": "不采纳", "withdraw": "撤回",
}  # fmt: skip
GUARDS = {
    "own_proposal": "本人提出的须由另一人批准 one's own proposal needs another person",
    "window_over": "期限已过 the window is over",
    "window_not_over": "期限未到 the window is not over yet",
    "rule_changed": "提出后规则已变更 the rule has changed since the proposal",
}
NOTES = """- 抑制只对批准之后的命中起作用，不追溯；撤销或到期后仍在持续的命中即成为异常。
  A suppression works on hits that become known after its approval, never before; a hit that goes on beyond its end
  becomes an anomaly.
- 被抑制的命中照常保存并计数。Suppressed hits are stored and counted.
"""


OWN_NOTES = """- 目标为“提出前的状态”时，原数值继续有效。
  Where the target is the state before the proposal, what held before holds on.
- 人工提出的数值一经采纳即冻结，夜间学习不再改动。What a person proposed is frozen once it is accepted.
- 采纳或学习所得的版本自下一个数据日起生效，不追溯。
  A version holds for data of the next day in the park on, never before.
"""


TRIAL_NOTES = """- 进程中断的回测从头重跑，多次中断后失败。回测只读，不改变任何异常。
  A run whose process died begins again; after several times it fails. A backtest only reads.
"""
PROPOSAL_NOTES = """- 采纳的数值自次日起作为规则本地版本生效；撤回自次日起恢复原数值。
  Accepted numbers hold from the next day on as a local version of the rule; withdrawn, those before hold again.
"""


def _word(words: Mapping[str, str], value: object) -> str:
    return f"{words[str(value)]} `{value}`"


def _table(lines: Iterable[Sequence[str]]) -> str:
    head = ["事件 Event", "从 From", "到 To", "谁 Who", "需要 Needs", "限制 Guards"]
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def _line(  # noqa: PLR0913 - the columns
    words: Mapping[str, str], event: object, sources: Iterable[object], target: str, who: Iterable[Role],
    *, needs_reason: bool, guards: Iterable[str],
) -> list[str]:  # fmt: skip
    known = set(who)
    people = "、".join(text for role, text in ROLES.items() if role in known) or "系统 system"
    return [_word(words, event), "、".join(_word(words, state) for state in sources), target, people,
            "`reason`" if needs_reason else "–", "、".join(f"`{guard}`" for guard in guards) or "–"]  # fmt: skip


def _section(title: str, arrows: Iterable[str], table: str, *notes: str) -> str:
    return "\n".join([f"## {title}", "", "```mermaid", "stateDiagram-v2", *arrows, "```", "", table, "", *notes])


def _suppressions() -> str:
    rows = suppressing.ROWS
    arrows = [f"  {source} --> {row.target}: {row.event}" for row in rows for source in row.sources]
    lines = [_line(WORDS, row.event, row.sources, _word(WORDS, row.target), row.who, needs_reason=row.needs_reason,
                   guards=row.guards) for row in rows]  # fmt: skip
    named = sorted({guard for row in rows for guard in row.guards})
    guards = "\n".join(f"- `{guard}`: {GUARDS[guard]}" for guard in named)
    days = limits_on(date.max).most_days
    window = f"- 最长 {days} 天（可配置）。{days} days at most (configurable)."
    return _section("抑制 Suppression", arrows, _table(lines), guards, window, NOTES)


def _targets(row: thresholds.Row) -> list[str]:
    """Where a row leads: by hand first."""
    return [str(one) for one in (row.by_hand, row.target or "before") if one is not None]


def _thresholds() -> str:
    rows = thresholds.ROWS
    arrows = [f"  {source} --> {target}: {row.event}"
              for row in rows for source in row.sources for target in _targets(row)]  # fmt: skip
    lines = [
        _line(OWN_WORDS, row.event, row.sources, " / ".join(_word(OWN_WORDS, one) for one in _targets(row)), row.who,
              needs_reason=row.needs_reason, guards=row.guards)
        for row in rows
    ]  # fmt: skip
    policy = policy_on(date.max)
    far = (
        f"- 放宽至已确认数值的 {policy.most_loosening:g} 倍以上或收紧至 1/{policy.most_tightening:g} 以下，"
        f"须由人批准。 Looser than {policy.most_loosening:g} times what a person confirmed last, or tighter than "
        f"1/{policy.most_tightening:g} of it, waits for a person."
    )
    return _section("阈值 Threshold", arrows, _table(lines), f"- `own_proposal`: {GUARDS['own_proposal']}", far,
                    OWN_NOTES)  # fmt: skip


def _backtests() -> str:
    rows = life.ROWS
    arrows = [f"  {source} --> {row.target}: {row.event}" for row in rows for source in row.sources]
    lines = [_line(TRIAL_WORDS, row.event, row.sources, _word(TRIAL_WORDS, row.target), row.who, needs_reason=False,
                   guards=()) for row in rows]  # fmt: skip
    return _section("回测 Backtest", arrows, _table(lines), TRIAL_NOTES)


def _proposals() -> str:
    rows = proposal.ROWS
    arrows = [f"  {source} --> {row.target}: {row.event}" for row in rows for source in row.sources]
    lines = [_line(PROPOSAL_WORDS, row.event, row.sources, _word(PROPOSAL_WORDS, row.target), row.who,
                   needs_reason=row.needs_reason, guards=row.guards) for row in rows]  # fmt: skip
    guard = f"- `rule_changed`: {GUARDS['rule_changed']}"
    return _section("重调建议 Proposal", arrows, _table(lines), guard, PROPOSAL_NOTES)


def render() -> str:
    """The sections of detection."""
    return f"{_suppressions()}\n{_thresholds()}\n{_backtests()}\n{_proposals()}"
