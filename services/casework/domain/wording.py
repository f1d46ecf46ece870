"""Words for states, events, parties and guards in both languages: for the generated document."""

from services.casework.domain.machine import Party

PARTIES = {
    Party.ENTERPRISE: "企业 enterprise",
    Party.SUPERVISOR: "监理 supervisor",
    Party.SUPERVISOR_LEAD: "监理负责人 supervisors' lead",
    Party.OFFICER: "执法人员 officer",
    Party.SECTION_HEAD: "科长 section head",
    Party.SYSTEM: "系统 system",
}

WORDS = {
    # states of a case
    "screening": "人工判别", "false_alarm": "误报关闭", "covered_by_mark": "标记已覆盖", "merged": "已并入",
    "inquiry_sent": "已问询", "acknowledged": "已签收", "overdue": "逾期", "replied": "已反馈", "analysing": "监理研判",
    "returned": "退回补充", "simplified": "简化处理", "key_verification": "重点核查", "rectifying": "整改中",
    "direct_lead": "直接移送", "withdrawn": "已撤回", "closed": "办结",
    # events of a case
    "mark_false_alarm": "误报关闭", "mark_covered": "标记已覆盖", "merge": "并入", "send_inquiry": "发出问询",
    "acknowledge": "签收", "reply": "反馈", "escalate": "逾期升级", "start_analysis": "开始研判",
    "return_reply": "退回补充", "simplify": "简化处理", "verify_on_site": "转重点核查", "refer": "直接移送",
    "withdraw": "撤回", "reopen": "重开", "start_rectification": "进入整改", "conclude": "办结",
    # visits
    "planned": "已计划", "started": "进行中", "completed": "已完成", "cancelled": "已取消", "start": "开始",
    "complete": "完成", "cancel": "取消",
    # findings
    "open": "待下发", "issued": "已下发", "fixing": "整改中", "review": "待复核", "rejected": "退回整改",
    "verified": "已销号", "waived": "免除", "issue": "下发", "submit_plan": "提交方案", "submit_evidence": "提交佐证",
    "verify": "销号", "reject": "退回", "extend": "延期", "waive": "免除",
}  # fmt: skip

GUARDS = {
    "severity_a_needs_officer": "A 级由执法人员决定 severity A is decided by an officer",
    "severity_b_needs_lead": "B 级由监理负责人或执法人员决定 severity B is decided by the lead or an officer",
    "unknown_cause_needs_analysis": "原因不明须先研判 an unknown cause is analysed first",
    "returned_twice": "已退回两次 returned twice already",
    "screener_may_not_refer": "判别人不得移送 who screened may not refer",
    "already_acknowledged": "已签收 receipt was confirmed already",
    "reopen_window_over": "办结超过 72 小时 closed for more than 72 hours",
    "inspection_needs_officer": "检查由执法人员进行 inspections are made by officers",
    "guide_may_not_verify": "协助单位不得销号 the guiding third party may not verify",
    "extended_already": "已延期一次 extended once already",
}
