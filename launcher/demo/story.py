"""Takes the demo's cases as far as their story says, so that every queue has work in it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw

from launcher.demo.people import People
from shared.clock import Clock
from shared.contracts.casework import (
    CaseAct,
    CaseDetail,
    CaseEvent,
    CaseSummary,
    CauseCode,
    EvidenceKind,
    FindingAct,
    FindingEvent,
    FindingIn,
    FindingSeverity,
    ReasonCode,
    ReplyIn,
    VisitAct,
    VisitEvent,
)

REPLIES: dict[str, tuple[CauseCode, str, str]] = {
    "CONST": (
        CauseCode.CALIBRATION,
        "夜班仪表做标样校准后未切回测量状态，数值保持不变，交接班时发现并恢复。校准记录见附件。",
        "已切回测量状态，并在数采仪上设置校准超时报警。",
    ),
    "EX-H": (
        CauseCode.TREATMENT_FAULT,
        "来水负荷升高，处理设施加药泵一台跳停，出水浓度短时升高，恢复后已达标。",
        "备用加药泵已投用，故障泵送修，当班加测两次，结果均达标。",
    ),
    "MISS": (
        CauseCode.COMMUNICATION,
        "站房交换机掉电，数据未能上传，设备本身运行正常。",
        "更换电源模块，已从数采仪补传数据。",
    ),
    "SPIKE": (CauseCode.SAMPLING, "采样管路气泡引起单点跳变。", "已排气并清洗管路。"),
}
CHECKED = (
    CauseCode.DEVICE_FAULT,
    "经自查为分析仪故障，故障期间数据异常，检修后恢复正常。",
    "已更换备件并重新校准，记录见附件。",
)
"""What is answered to a rule without words of its own."""


START = VisitAct(event=VisitEvent.START, officers=["王磊 32050101", "赵航 32050117"])
"""Two officers with their certificate numbers."""


class Storyteller:
    """Plays supervisor, enterprise and officer."""

    def __init__(self, people: People, clock: Clock) -> None:
        self._people = people
        self._clock = clock
        self._stories: dict[str, Callable[[CaseSummary], Awaitable[None]]] = {
            "screening": self._nothing,
            "sent": self._send,
            "acknowledged": self._acknowledge,
            "replied": self._replied,
            "returned": self._returned,
            "simplified": self._simplified,
            "covered": self._covered,
            "visit_planned": self._visit_planned,
            "visit_clean": self._visit_clean,
            "rectifying": self._rectifying,
            "rectified": self._rectified,
        }

    async def play(self, story: str, case: CaseSummary) -> None:
        """Take one case through its story."""
        await self._stories[story](case)

    async def _act(self, username: str, case: CaseSummary, act: CaseAct) -> CaseDetail:
        client = await self._people.casework_as(username)
        current = await client.get_case(case.id)
        return await client.act_on_case(case.id, act, current.version)

    async def _nothing(self, case: CaseSummary) -> None:
        """Left to the reader."""

    def _firm(self, case: CaseSummary) -> str:
        return self._people.enterprise_user[case.enterprise_code]

    async def _send(self, case: CaseSummary) -> None:
        act = CaseAct(event=CaseEvent.SEND_INQUIRY, reason="曲线与工况不符，请企业自查原因。")
        await self._act(self._people.supervisor, case, act)

    async def _acknowledge(self, case: CaseSummary) -> None:
        await self._send(case)
        await self._act(self._firm(case), case, CaseAct(event=CaseEvent.ACKNOWLEDGE))

    async def _replied(self, case: CaseSummary) -> None:
        await self._acknowledge(case)
        cause, statement, actions = REPLIES.get(case.rule, CHECKED)
        client = await self._people.casework_as(self._firm(case))
        record = "时间,操作,人员\n02:05,标样校准开始,李工\n02:40,校准结束,李工\n".encode("utf-8-sig")
        files = [
            await client.add_evidence(case.id, "运维记录.csv", record, kind=EvidenceKind.DATA, media_type="text/csv"),
            await client.add_evidence(
                case.id, "现场照片.png", _photo(case.no), kind=EvidenceKind.PHOTO, media_type="image/png"
            ),
        ]
        reply = ReplyIn(
            cause_code=cause,
            began_at=case.anomaly_started_at,
            ended_at=case.anomaly_last_at,
            statement=statement,
            actions=actions,
            signer_name="李工",
            signer_role="环保主管",
            evidence_ids=[file.id for file in files],
        )
        await self._act(self._firm(case), case, CaseAct(event=CaseEvent.REPLY, reply=reply))

    async def _judge(self, case: CaseSummary, act: CaseAct, username: str | None = None) -> CaseDetail:
        await self._act(self._people.supervisor, case, CaseAct(event=CaseEvent.START_ANALYSIS))
        return await self._act(username or self._people.supervisor, case, act)

    async def _returned(self, case: CaseSummary) -> None:
        await self._replied(case)
        reason = "未说明 13 小时内数值不变的原因，请补充校准记录和仪表状态日志。"
        await self._judge(case, CaseAct(event=CaseEvent.RETURN_REPLY, reason_code=ReasonCode.INCOMPLETE, reason=reason))

    async def _simplified(self, case: CaseSummary) -> None:
        await self._replied(case)
        act = CaseAct(
            event=CaseEvent.SIMPLIFY, reason_code=ReasonCode.CAUSE_PROVEN, reason="原因清楚，记录与曲线一致，备案办结。"
        )
        await self._judge(case, act, self._people.officer if case.severity == "A" else self._people.lead)

    async def _covered(self, case: CaseSummary) -> None:
        reason = "窑尾检修后点火升温阶段，企业已按规定标记工况。"
        act = CaseAct(event=CaseEvent.MARK_COVERED, reason_code=ReasonCode.MARKED_IN_TIME, reason=reason)
        await self._act(self._people.supervisor, case, act)

    async def _visit_planned(self, case: CaseSummary) -> None:
        await self._replied(case)
        act = CaseAct(
            event=CaseEvent.VERIFY_ON_SITE,
            reason_code=ReasonCode.SEVERE,
            reason="有毒有害因子超标，说明与来水记录不符，安排现场核查。",
            visit_at=self._clock.now() + timedelta(hours=20),
        )
        await self._judge(case, act)

    async def _visited(self, case: CaseSummary, findings: list[FindingIn], record: str) -> None:
        await self._visit_planned(case)
        client = await self._people.casework_as(self._people.officer)
        visit = (await client.list_visits(case_id=case.id)).items[0]
        visit = await client.act_on_visit(visit.id, START, visit.version)
        act = VisitAct(event=VisitEvent.COMPLETE, record=record, findings=findings)
        await client.act_on_visit(visit.id, act, visit.version)

    async def _visit_clean(self, case: CaseSummary) -> None:
        await self._visited(case, [], "现场仪表运行正常，量程与参数与备案一致，比对合格，未发现问题。")

    async def _rectifying(self, case: CaseSummary) -> None:
        await self._visited(case, await self._two_findings(), "预处理单元药剂用尽未及时补充，标液超过有效期。")
        await self._hand_in(case, first_only=True)

    async def _rectified(self, case: CaseSummary) -> None:
        await self._visited(case, (await self._two_findings())[:1], "调节池液位计失灵，来水冲击未能预警。")
        await self._hand_in(case, first_only=False)
        client = await self._people.casework_as(self._people.officer)
        for finding in (await client.list_findings(case_id=case.id)).items:
            act = FindingAct(event=FindingEvent.VERIFY, text="现场复核，整改到位。")
            await client.act_on_finding(finding.id, act, finding.version)

    async def _two_findings(self) -> list[FindingIn]:
        client = await self._people.casework_as(self._people.officer)
        codes = (await client.list_finding_codes())[:2]
        facts = ["查阅运行记录，药剂补充与台账不符，设施未保持正常运行。", "标准溶液已过有效期 12 天，仍在使用。"]
        severities = [FindingSeverity.GENERAL, FindingSeverity.MINOR]
        return [
            FindingIn(code=code.code, severity=severity, facts=fact, location="监测站房")
            for code, severity, fact in zip(codes, severities, facts, strict=True)
        ]

    async def _hand_in(self, case: CaseSummary, *, first_only: bool) -> None:
        client = await self._people.casework_as(self._firm(case))
        listed: list[Any] = (await client.list_findings(case_id=case.id)).items
        for finding in listed[:1] if first_only else listed:
            plan = FindingAct(event=FindingEvent.SUBMIT_PLAN, text="三日内补齐药剂与备件，修订点检表，专人每日核对。")
            planned = await client.act_on_finding(finding.id, plan, finding.version)
            file = await client.add_evidence(
                case.id,
                "整改后照片.png",
                _photo(finding.no),
                kind=EvidenceKind.PHOTO,
                media_type="image/png",
                finding_id=finding.id,
            )
            done = FindingAct(
                event=FindingEvent.SUBMIT_EVIDENCE,
                text="药剂已补充，点检表已更新，照片见附件。",
                evidence_ids=[file.id],
            )
            await client.act_on_finding(finding.id, done, planned.version)


def _photo(label: str) -> bytes:
    """A small drawn picture that stands for a photograph of the demo."""
    image = Image.new("RGB", (640, 420), "#dfe7ee")
    draw = ImageDraw.Draw(image)
    draw.rectangle((60, 60, 580, 360), fill="#f7f9fb", outline="#5d6b80", width=3)
    draw.rectangle((100, 110, 300, 230), fill="#0e3560")
    draw.text((112, 122), "COD", fill="#eef4fb")
    draw.text((112, 160), "31.2 mg/L", fill="#57d39b")
    draw.text((340, 130), label, fill="#17212e")
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
