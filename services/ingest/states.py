"""The part of docs/states.md that is of ingest: life cycles written from their tables (`python -m tools.states`)."""

from collections.abc import Iterable

from services.ingest.domain.commands.life import FINAL, GATEWAY, PEOPLE, ROWS, Row
from services.ingest.domain.commands.policy import policy
from services.ingest.domain.marks.wording import section
from services.ingest.domain.wording import sections

COMMAND_WORDS = {
    "awaiting_approval": "待批准", "queued": "等待设备", "sent": "已下发", "accepted": "设备已受理",
    "running": "数据回传中", "done": "执行成功", "refused": "设备拒绝", "failed": "执行失败",
    "timed_out": "无应答", "cancelled": "已取消", "expired": "已过期", "approve": "批准", "cancel": "取消",
    "expire": "过期", "send": "下发", "not_sent": "未能发出", "accept": "9011 受理", "refuse": "9011 拒绝",
    "data": "数据到达", "succeed": "9012 成功（通知为 9013）", "fail": "9012 失败", "retry": "应答超时，重发",
    "give_up": "应答超时，放弃", "settle": "数据到齐而无 9012", "break_off": "执行超时",
}  # fmt: skip
COMMAND_GUARDS = {
    "own_command": "本人提出的指令须由另一人批准 one's own command needs another person",
    "not_repeatable": "该指令只下发一次 the command is sent once only",
    "no_tries_left": "重发次数已用完 no tries are left",
    "nothing_arrived": "没有数据到达 no data arrived",
    "not_after_time_out": "超时之外的结束不再更改 only an end by time-out can still change",
}
WHO = {PEOPLE: "有 devices:command 权限者 who has devices:command", GATEWAY: "网关 gateway"}
COMMAND_NOTES = """- 重发沿用同一 QN；标为“只下发一次”的指令（校准、参数、密码、密钥、采样）不重发，超时后结果不得而知。
  A repeat carries the same QN. Commands that are sent once only (calibration, parameters, passwords, keys, sampling)
  are not repeated; after a time-out their outcome is not known.
- 超时之后到达的 9011/9012 一小时内仍然有效。An answer after the time-out still counts for one hour.
- 同一设备同时只执行一条指令。A device has one command under way at a time.
"""


def _word(value: object) -> str:
    return f"{COMMAND_WORDS[str(value)]} `{value}`"


def _cells(row: Row) -> Iterable[str]:
    yield _word(row.event)
    yield "、".join(_word(state) for state in row.sources)
    yield _word(row.target)
    yield WHO[row.who]
    yield "、".join(f"`{guard}`" for guard in row.guards) or "–"
    yield f"`{row.outcome}`" if row.outcome else "–"


def _commands() -> str:
    arrows = [
        f"  {source} --> {row.target}: {row.event}"
        for row in ROWS
        for source in row.sources
        if not (source == row.target == "running")
    ]
    ends = [f"  {state} --> [*]" for state in sorted(FINAL)]
    head = ["事件 Event", "从 From", "到 To", "谁 Who", "限制 Guards", "结果 Outcome"]
    rows = [head, ["---"] * len(head), *(list(_cells(row)) for row in ROWS)]
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in rows)
    guards = "\n".join(f"- `{code}`: {text}" for code, text in COMMAND_GUARDS.items())
    times = (
        f"- 应答超时 answer time-out: {policy().answer_seconds:g} s × {policy().tries}（HJ 212-2017 6.2）；"
        f"执行超时 execution time-out: {policy().execution_seconds:g} s（可配置 configurable）"
    )
    return "\n".join(
        ["## 反控指令 Command", "", "```mermaid", "stateDiagram-v2", *arrows, *ends, "```", "", table, "", guards,
         times,         COMMAND_NOTES]
    )  # fmt: skip


def render() -> str:
    """The sections of ingest."""
    return _commands() + "\n" + section() + "\n" + sections()
