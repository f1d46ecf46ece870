"""The words of casework 办案: states, events, causes and reasons."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

Text = Annotated[str, Field(max_length=4000)]


Short = Annotated[str, Field(max_length=200)]


class CaseState(StrEnum):
    """States of a case (product E3, continued by the visit and the findings of E4)."""

    SCREENING = "screening"  # 人工判别
    FALSE_ALARM = "false_alarm"  # 误报关闭
    COVERED_BY_MARK = "covered_by_mark"  # 标记已覆盖
    MERGED = "merged"  # 并入
    INQUIRY_SENT = "inquiry_sent"  # 已问询
    ACKNOWLEDGED = "acknowledged"  # 已签收
    OVERDUE = "overdue"  # 逾期
    REPLIED = "replied"  # 已反馈
    ANALYSING = "analysing"  # 监理研判
    RETURNED = "returned"  # 退回补充
    SIMPLIFIED = "simplified"  # 简化处理（办结）
    KEY_VERIFICATION = "key_verification"  # 重点核查
    RECTIFYING = "rectifying"  # 整改中
    DIRECT_LEAD = "direct_lead"  # 直接移送
    WITHDRAWN = "withdrawn"  # 撤回
    CLOSED = "closed"  # 办结


CLOSED_STATES = frozenset(
    {
        CaseState.FALSE_ALARM,
        CaseState.COVERED_BY_MARK,
        CaseState.MERGED,
        CaseState.SIMPLIFIED,
        CaseState.DIRECT_LEAD,
        CaseState.WITHDRAWN,
        CaseState.CLOSED,
    }
)


class CaseEvent(StrEnum):
    """What can happen to a case. Those of the system (escalate, conclude, …) are not offered to people."""

    MARK_FALSE_ALARM = "mark_false_alarm"
    MARK_COVERED = "mark_covered"
    MERGE = "merge"
    SEND_INQUIRY = "send_inquiry"
    ACKNOWLEDGE = "acknowledge"
    REPLY = "reply"
    ESCALATE = "escalate"
    START_ANALYSIS = "start_analysis"
    RETURN_REPLY = "return_reply"
    SIMPLIFY = "simplify"
    VERIFY_ON_SITE = "verify_on_site"
    REFER = "refer"
    WITHDRAW = "withdraw"
    REOPEN = "reopen"
    START_RECTIFICATION = "start_rectification"
    CONCLUDE = "conclude"


class CauseCode(StrEnum):
    """Cause the enterprise states in its reply (product E3)."""

    PRODUCTION_CHANGE = "production_change"
    TREATMENT_FAULT = "treatment_fault"
    DEVICE_FAULT = "device_fault"
    MAINTENANCE = "maintenance"
    CALIBRATION = "calibration"
    SAMPLING = "sampling"
    COMMUNICATION = "communication"
    POWER = "power"
    THIRD_PARTY_ERROR = "third_party_error"
    TRUE_EXCEEDANCE = "true_exceedance"
    UNKNOWN = "unknown"


class ReasonCode(StrEnum):
    """Why a supervisor or officer decides so; no close without one."""

    SENSOR_ARTEFACT = "sensor_artefact"
    RULE_TOO_TIGHT = "rule_too_tight"
    DATA_LATE = "data_late"
    MARKED_IN_TIME = "marked_in_time"
    SAME_EPISODE = "same_episode"
    MINOR_FIRST = "minor_first"
    CAUSE_PROVEN = "cause_proven"
    CORRECTED = "corrected"
    SEVERE = "severe"
    REPEATED = "repeated"
    CONTRADICTION = "contradiction"
    INCOMPLETE = "incomplete"
    UNCLEAR = "unclear"
    NO_REPLY = "no_reply"
    RANDOM_CHECK = "random_check"
    SUSPECTED_OFFENCE = "suspected_offence"
    SENT_IN_ERROR = "sent_in_error"
    NEW_FACTS = "new_facts"
    NO_FINDING = "no_finding"
    OTHER = "other"


class EvidenceKind(StrEnum):
    """Kinds of evidence (product E5) with their size limits in `domain/evidence.py`."""

    PHOTO = "photo"
    VIDEO = "video"
    RECORD = "record"
    DOCUMENT = "document"
    DATA = "data"
    SCREENSHOT = "screenshot"
    LAB_REPORT = "lab_report"


class VisitType(StrEnum):
    """Who may act differs (product E5). AI inspection by officers, TS service, CK back-check, RV review."""

    INSPECTION = "ai"
    SERVICE = "ts"
    BACK_CHECK = "ck"
    REVIEW = "rv"
    EMERGENCY = "em"


class VisitState(StrEnum):
    """States of a visit 现场核查."""

    PLANNED = "planned"
    STARTED = "started"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class VisitEvent(StrEnum):
    """What can happen to a visit."""

    START = "start"
    COMPLETE = "complete"
    CANCEL = "cancel"


class FindingSeverity(StrEnum):
    """minor 1 point, general 3, major 8 (product E4)."""

    MINOR = "minor"
    GENERAL = "general"
    MAJOR = "major"


class FindingState(StrEnum):
    """States of a finding's rectification 整改 (product E4)."""

    OPEN = "open"  # 待下发
    ISSUED = "issued"  # 已下发
    FIXING = "fixing"  # 整改中
    REVIEW = "review"  # 复核
    REJECTED = "rejected"  # 退回
    OVERDUE = "overdue"  # 逾期
    VERIFIED = "verified"  # 已销号
    WAIVED = "waived"  # 免除


class FindingEvent(StrEnum):
    """What can happen to a finding."""

    ISSUE = "issue"
    SUBMIT_PLAN = "submit_plan"
    SUBMIT_EVIDENCE = "submit_evidence"
    VERIFY = "verify"
    REJECT = "reject"
    EXTEND = "extend"
    ESCALATE = "escalate"
    WAIVE = "waive"
