"""The part of docs/states.md that is of casework, written from the tables (`python -m tools.states`)."""

from collections.abc import Iterable
from typing import Any

from services.casework.domain.cases.table import CASES
from services.casework.domain.deadlines import policies
from services.casework.domain.findings import FINDINGS
from services.casework.domain.machine import KEEP, STOP, Machine, Row
from services.casework.domain.visits import VISITS
from services.casework.domain.wording import GUARDS, PARTIES, WORDS

TITLES = {"case": "案件 Case", "visit": "现场核查 Visit", "finding": "问题整改 Finding"}
CLOCKS = {KEEP: "继续 goes on", STOP: "停止 stops"}
HEAD = """# 状态机 · Life cycles

本文件由状态表生成，请勿手工修改：`python -m tools.states`。界面按钮、接口、测试和本文件都取自同一张表。

This file is generated from the tables in `services/*/domain`: do not edit it by hand, run
`python -m tools.states`. Buttons, routes, tests and this file read the same tables.
"""
NOTES = """## 说明 · Notes

- 企业收到问询之前，案件对企业不可见；计划中的检查不预先告知企业。
  A case is hidden from its enterprise until something is asked of it; a planned inspection is not announced.
- 签收逾期后仍可签收，随后按原反馈时限继续；反馈不要求先签收，反馈即视为签收。
  Receipt may be confirmed late, the reply limit then goes on as first set; a reply confirms receipt by itself.
- 退回补充最多两次，其后只能简化处理或重点核查。
  A reply is returned twice at most; then the case is simplified or verified on site.
- 核查完成且有问题：案件进入整改；无问题且没有待进行的核查：案件办结。全部问题销号或免除：案件办结。
  A visit with findings starts rectification; one without, and none to come, closes the case. When all findings
  are verified or waived, the case closes.
- 服务（帮扶）核查只提建议，不产生问题，也不改变案件状态。
  A service visit gives advice: no findings, and the case does not move.
- 退回整改不延长期限；申请延期一次，最多为首次期限的一半。
  A rejected fix gets no new limit; one extension is possible, by half of the first limit at most.
- 升级：时限的 100 %、150 %、200 % 分别为 L1、L2、L3。等待企业时案件同时转为逾期。
  Escalation at 100 %, 150 %, 200 % of a clock's span is L1, L2, L3; while the enterprise is awaited the case
  becomes overdue as well.
"""


def _word(value: Any) -> str:
    return f"{WORDS[str(value)]} `{value}`"


def _diagram(machine: Machine[Any]) -> str:
    lines = ["```mermaid", "stateDiagram-v2"]
    for row in machine.rows:
        if row.target is not None:
            lines += [f"  {source} --> {row.target}: {row.event}" for source in row.sources]
    return "\n".join([*lines, "```"])


def _cells(row: Row) -> Iterable[str]:
    yield _word(row.event)
    yield "、".join(_word(state) for state in row.sources)
    yield _word(row.target) if row.target is not None else "不变 stays"
    yield "、".join(PARTIES[party] for party in sorted(row.parties))
    yield "、".join(f"`{field}`" for field in row.needs) or "–"
    yield "、".join(f"`{reason}`" for reason in row.reasons) or "–"
    yield "、".join(f"`{guard}`" for guard in row.guards) or "–"
    yield CLOCKS.get(row.clock, f"启动 starts `{row.clock}`")


def _table(machine: Machine[Any]) -> str:
    head = [
        "事件 Event", "从 From", "到 To", "谁 Who", "需要 Needs", "理由代码 Reasons", "限制 Guards", "时限 Clock",
    ]  # fmt: skip
    rows = [head, ["---"] * len(head), *(list(_cells(row)) for row in machine.rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def _guards(machines: Iterable[Machine[Any]]) -> str:
    codes = sorted({code for machine in machines for code in machine.guards})
    return "\n".join(
        ["| 代码 Code | 含义 Meaning |", "| --- | --- |", *(f"| `{code}` | {GUARDS[code]} |" for code in codes)]
    )


def _clocks() -> str:
    policy = policies()[0]
    lines = [
        f"版本 Version `{policy.version}`，自 from {policy.valid_from} 起.", "",
        "| 时限 Clock | 级别 Severity | 期限 Span | 依据 Source |", "| --- | --- | --- | --- |",
    ]  # fmt: skip
    for name, rule in policy.clocks.items():
        for severity, span in rule.items():
            if severity != "source":
                (unit, amount), = span.items()  # fmt: skip
                lines.append(f"| `{name}` | {severity} | {amount} {unit} | {rule['source']} |")
    return "\n".join(lines)


def render() -> str:
    """The sections of casework."""
    machines: tuple[Machine[Any], ...] = (CASES, VISITS, FINDINGS)
    parts = [HEAD]
    for machine in machines:
        parts += [f"## {TITLES[machine.name]}\n", _diagram(machine) + "\n", _table(machine) + "\n"]
    parts += ["## 限制 · Guards\n", _guards(machines) + "\n", "## 时限 · Clocks\n", _clocks() + "\n", NOTES]
    return "\n".join(parts)
