"""The standard text of an inquiry 异常问询, in Chinese with an English version below."""

from datetime import datetime

from services.casework.domain import deadlines
from services.casework.domain.registry import Placed
from shared.clock import PARK_ZONE


def standard_text(placed: Placed, now: datetime) -> str:
    """What is asked, about which span, until when; for an inquiry without words of its own."""
    case, site = placed.case, placed.site
    acknowledge_by = deadlines.start("acknowledge", case.severity, now).due_at
    reply_by = deadlines.start("reply", case.severity, now).due_at
    began, last = _local(case.anomaly_started_at), _local(case.anomaly_last_at)
    outlet_en = site.outlet.name_en or site.outlet.code
    firm_en = site.enterprise.name_en or site.enterprise.code
    return (
        f"{site.enterprise.name_zh}：你单位{site.outlet.name_zh}的{site.factor.name_zh}自 {began} 起出现数据异常"
        f"（最近一次 {last}）。请于 {_local(acknowledge_by)} 前签收，于 {_local(reply_by)} 前完成自查，"
        "反馈原因、起止时间和已采取的措施，并上传佐证材料。\n"
        f"{firm_en}: abnormal data of {site.factor.name_en} at {outlet_en} since"
        f" {began} (latest {last}). Please confirm receipt by {_local(acknowledge_by)} and reply by {_local(reply_by)}"
        " with the cause, the times, what was done, and evidence."
    )


def _local(moment: datetime) -> str:
    return moment.astimezone(PARK_ZONE).strftime("%Y-%m-%d %H:%M")
