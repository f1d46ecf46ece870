"""Sections of docs/states.md on jobs, packets in quarantine and webhook deliveries, written from their tables."""

from collections.abc import Iterable, Sequence

from services.ingest.domain.hooks import DELIVERIES, PAUSES, SWITCH_OFF_AFTER
from services.ingest.domain.quarantine import ACTS
from services.ingest.domain.transfers import KEPT, LEASE, MOST_ATTEMPTS, OWNER, SYSTEM, TRANSFERS

TRANSFER_WORDS = {
    "queued": "等待", "running": "进行中", "done": "完成", "failed": "未完成", "cancelled": "已取消",
    "start": "开始", "finish": "完成", "fail": "失败", "take_up_again": "重新执行", "cancel": "取消",
}  # fmt: skip
TRANSFER_WHO = {OWNER: "提交者 owner", SYSTEM: "系统 system"}
PACKET_WORDS = {
    "open": "待处理", "retried": "已重新接收", "discarded": "已丢弃", "retry": "重新处理", "discard": "丢弃",
    "hold": "留存", "release": "解除留存",
}  # fmt: skip
DELIVERY_WORDS = {
    "waiting": "等待投递", "delivered": "已送达", "given_up": "已放弃", "taken": "对方接收（2xx）",
    "refused": "未接收，稍后再投", "used_up": "次数用完", "gone": "对方答复 410", "replay": "人工重投",
}  # fmt: skip
GUARDS = {
    "sealed": "正在写入数据，不能停止 the rows are being written",
    "not_taken": "重新处理仍被拒收时不变 stays open where the re-try is refused again",
}
TRANSFER_NOTES = (
    f"- 进程中断超过 {LEASE.seconds} 秒的任务从头执行，{MOST_ATTEMPTS} 次后失败；文件在结束后保留 {KEPT.days} 天。"
    f" A job whose process is gone for {LEASE.seconds} s begins again, after {MOST_ATTEMPTS} times it fails; files stay"
    f" for {KEPT.days} days."
)
PACKET_NOTES = (
    "- 报文原文从不改动；留存和解除随时可以，不改变状态。"
    " The packet itself is never changed; hold and release are possible at all times and change no state."
)
DELIVERY_NOTES = (
    f"- 最多投递 {len(PAUSES) + 1} 次，间隔 {PAUSES[0].seconds} 秒至 {PAUSES[-1].days} 天；"
    f"持续失败 {SWITCH_OFF_AFTER.days} 天的地址停用。 At most {len(PAUSES) + 1} tries, {PAUSES[0].seconds} s to"
    f" {PAUSES[-1].days} day apart; an address that fails for {SWITCH_OFF_AFTER.days} days is switched off."
)
Line = tuple[str, Sequence[str], str | None, str, Sequence[str]]
"""Event, states before, state after (None: stays), who, guards."""


def _section(title: str, words: dict[str, str], rows: Iterable[Line], *notes: str) -> str:
    lines = list(rows)
    arrows = [
        f"  {source} --> {target}: {event}" for event, before, target, _, _ in lines if target for source in before
    ]

    def word(code: str) -> str:
        return f"{words[code]} `{code}`"

    cells = [
        [word(event), "、".join(word(state) for state in before), word(target) if target else "不变 stays", who,
         "、".join(f"`{guard}`" for guard in guards) or "–"]
        for event, before, target, who, guards in lines
    ]  # fmt: skip
    told = dict.fromkeys(guard for *_, guards in lines for guard in guards)
    return "\n".join(
        [
            f"## {title}", "", "```mermaid", "stateDiagram-v2", *arrows, "```", "",
            "| 事件 Event | 从 From | 到 To | 谁 Who | 限制 Guards |", "| --- | --- | --- | --- | --- |",
            *("| " + " | ".join(row) + " |" for row in cells), "",
            *(f"- `{guard}`: {GUARDS[guard]}" for guard in told), *notes, "",
        ]
    )  # fmt: skip


def sections() -> str:
    """Jobs, packets and deliveries."""
    return "\n".join(
        [
            _section(
                "导入导出任务 Transfer", TRANSFER_WORDS,
                ((str(row.event), row.sources, row.target, TRANSFER_WHO[row.by], row.guards) for row in TRANSFERS),
                TRANSFER_NOTES,
            ),
            _section(
                "隔离区报文 Packet in quarantine", PACKET_WORDS,
                ((str(row.act), row.sources, row.target, "有 packets:retry 权限者 who has packets:retry", row.guards)
                 for row in ACTS),
                PACKET_NOTES,
            ),
            _section(
                "推送 Webhook delivery", DELIVERY_WORDS,
                ((row.event, row.sources, row.target, row.who, ()) for row in DELIVERIES), DELIVERY_NOTES,
            ),
        ]
    )  # fmt: skip
