"""Every page for those who use it, whole and as a fragment, in both languages."""

import re

import httpx
import pytest

from shared.contracts.ingest import enterprise_uuid, outlet_uuid
from tests.web.conftest import HTMX, LogIn
from tests.web.makers import uid
from tests.web.park import Park

CASE = "WX-2026-000184"
FIRM, OUTLET = enterprise_uuid("E-001"), outlet_uuid("E-001", "DW001")
VISIT, FINDING = uid("visit WX-2026-000186"), uid("finding WX-2026-000196")
FILE = uid(f"file {CASE} 校准记录_1123.pdf")
PAGES = [
    ("zhou", "/triage", "恒泽精细化工有限公司"),
    ("zhou", f"/triage?view=replied&selected={CASE}", "夜班仪表做标样校准后未切回测量状态"),
    ("zhou", "/patrol", "联丰表面处理有限公司"),
    ("hengze", "/patrol?view=anomalous", "恒值"),
    ("zhou", "/cases", CASE),
    ("zhou", "/cases?q=WX-2026-000185", "WX-2026-000185"),
    ("zhou", f"/cases/{CASE}", "校准记录_1123.pdf"),
    ("zhou", f"/cases/{CASE}?range=7d", "监测曲线"),
    ("zhou", "/cases/WX-2026-000186", "现场核查"),
    ("zhou", "/visits", "XC-2026-0186"),
    ("zhou", f"/visits/{VISIT}", "XC-2026-0186"),
    ("zhou", "/rectifications", "ZG-2026-0196"),
    ("zhou", f"/rectifications/{FINDING}", "近 30 天校准记录缺 4 次"),
    ("zhou", "/enterprises", "恒泽精细化工有限公司"),
    ("zhou", f"/enterprises/{FIRM}", "废水总排口"),
    ("zhou", f"/outlets/{OUTLET}", "监测曲线"),
    ("zhou", f"/outlets/{OUTLET}/data/table?range=6h", "化学需氧量"),
    ("zhou", f"/anomalies/{uid('anomaly E-001CONST')}", CASE),
    ("zhou", "/grades", "2026Q3"),
    ("zhou", "/grades/2026Q3", "WX-2026-000184"),
    ("lin", "/grades/draft", "风险指数"),
    ("wang", "/approvals", "恒泽精细化工有限公司"),
    ("wang", "/grades/draft?quarter=2026Q3", "公布清单"),
    ("wang", "/grades/draft?quarter=2026Q1", "没有草稿"),
    ("wang", "/audit?verify=1", "完整"),
    ("hengze", "/todo", "WX-2026-000190"),
    ("hengze", "/inquiries/WX-2026-000190", "请核实"),
    ("hengze", "/inquiries/WX-2026-000190/answer", "哪种原因最符合"),
    ("hengze", f"/inquiries/{CASE}/sent", f"{CASE}-1"),
    ("hengze", "/marks?month=2026-11", "M000002"),
    ("hengze", "/marks/new?code=fault", "设备维护"),
    ("hengze", f"/marks/{uid('M000001')}", "维护记录.pdf"),
    ("wang", f"/marks/{uid('M000003')}", "同期流量正常"),
    ("zhou", "/marks", "M000001"),
    ("zhou", f"/marks?outlet={OUTLET}&month=2026-11", "年度时限"),
    ("hengze", "/quality", "标准样品核查"),
    ("zhou", "/quality?view=records", "Q000001"),
    ("hengze", "/quality/new?kind=comparison", "参考值"),
    ("hengze", "/grade", "风险指数"),
    ("", "/public", "恒泽精细化工有限公司"),
    ("", "/public/grades?colour=green", "博远制药有限公司"),
    ("", "/login", "密码"),
    ("", "/api", "/api/casework/v1/…"),
    ("", "/accessibility", "WCAG 2.2"),
]  # fmt: skip


@pytest.mark.parametrize(("who", "path", "says"), PAGES, ids=[f"{who}{path}" for who, path, _ in PAGES])
async def test_page_shows_in_both_modes_and_languages(
    log_in: LogIn, client: httpx.AsyncClient, mode: dict[str, str], who: str, path: str, says: str
) -> None:
    if who:
        await log_in(who)

    chinese = await client.get(path, headers=mode)
    english = await client.get(path, headers={**mode, "Accept-Language": "en"})

    assert (chinese.status_code, english.status_code) == (200, 200)
    assert says in chinese.text
    assert chinese.headers["cache-control"] == "no-store"
    assert "HX-Request" in chinese.headers["vary"]
    if not mode:
        assert '<html lang="zh-CN"' in chinese.text
        assert '<html lang="en"' in english.text
        assert left_in_chinese(english.text) == []
        assert left_in_english(chinese.text) == []


def visible(html: str) -> list[str]:
    """Texts and labels people see; names, free text and numbers of the data are left out."""
    body = re.sub(r"<(script|noscript|pre|style)\b.*?</\1>", " ", html, flags=re.DOTALL)
    body = re.sub(r'data-chart="[^"]*"', "", body)
    said = re.findall(r'(?:aria-label|title|placeholder|alt)="([^"]+)"', body)
    return [re.sub(r"\s+", " ", text).strip() for text in [*re.findall(r">([^<>]+)<", body), *said]]


DATA_WORDS = (
    "中文", "衡鉴", "示范", "恒泽", "周敏", "李工", "李伟", "王磊", "校准记录", "现场照片", "现场核查记录",
    "平台默认值", "GB 18918", "请核实", "夜班", "已恢复", "校准", "环保主管",
    "近 30 天", "环境保护部令", "站房", "HJ", "示范路", "更换蠕动泵管", "维护记录", "同期流量",
)  # fmt: skip


def left_in_chinese(html: str) -> list[str]:
    found = [text for text in visible(html) if re.search(r"[\u4e00-\u9fff]", text)]
    return [text for text in found if not any(word in text for word in DATA_WORDS)]


PLAIN_WORDS = re.compile(
    r"^(?:Sanse|Swagger|OpenAPI|openapi\.json|CSV|EN|COD|MN|WCAG.*|platform default|zhou|lin|wang|hengze|DW\d+|"
    r"[A-Z]{1,3}|E-\d+|e6-2026|mg/L|m³/h|PDF|HJ 212|v\d+)$"
)


def left_in_english(html: str) -> list[str]:
    words = [text for text in visible(html) if re.search(r"[A-Za-z]{4,} [A-Za-z]{2,}", text)]
    return [text for text in words if not PLAIN_WORDS.match(text) and not re.search(r"[\u4e00-\u9fff]", text)]


async def test_fragment_is_not_a_page(log_in: LogIn) -> None:
    client = await log_in("zhou")

    part = await client.get(f"/triage?selected={CASE}", headers=HTMX)
    back = await client.get(f"/triage?selected={CASE}", headers={**HTMX, "HX-History-Restore-Request": "true"})

    assert "<html" not in part.text
    assert part.text.strip().startswith('<section class="card pane"')
    assert "<html" in back.text


async def test_curve_data_are_in_the_page_and_plain_without_scripts(log_in: LogIn) -> None:
    client = await log_in("zhou")

    page = (await client.get(f"/cases/{CASE}")).text

    assert page.count("data-chart=") == 2
    assert page.count('<noscript><svg class="plain-chart"') == 2
    assert 'class="fill-warn"' in page
    assert "企业标记" in page


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("table?factor=w01018&kind=hour&range=7d", "data/table?factor=w01018&kind=hour&range=7d"),
        ("series.csv?factor=w01018&range=6h", "data.csv?factor=w01018&range=6h"),
        ("table?range=24h&until=2026-11-23T05:00",
         "data/table?since=2026-11-22T05%3A00&until=2026-11-23T05%3A00"),
        ("table?until=0001-01-01", "data/table?range=24h"),
        ("series.csv?until=soon", "data.csv?range=24h"),
    ],
)  # fmt: skip
async def test_former_addresses_lead_to_the_data_browser(log_in: LogIn, old: str, new: str) -> None:
    client = await log_in("zhou")

    answer = await client.get(f"/outlets/{OUTLET}/{old}")

    assert (answer.status_code, answer.headers["location"]) == (301, f"/outlets/{OUTLET}/{new}")
    if "table" in old:
        assert (await client.get(answer.headers["location"])).status_code == 200


async def test_public_csv(client: httpx.AsyncClient) -> None:
    lines = (await client.get("/public/grades.csv")).text.splitlines()

    assert lines[1] == "2026Q3,E-001,恒泽精细化工有限公司,精细化工,red,红,yellow"
    assert len(lines) == 7


async def test_file_is_handed_on_in_a_sandbox(log_in: LogIn) -> None:
    client = await log_in("zhou")

    answer = await client.get(f"/files/{FILE}")

    assert answer.content.startswith(b"%PDF")
    assert answer.headers["content-security-policy"].endswith("sandbox")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("inline; filename*=UTF-8''")


@pytest.mark.parametrize(
    ("who", "start"),
    [("zhou", "/triage"), ("hengze", "/todo"), ("wang", "/approvals"), ("admin", "/cases"), ("", "/public")],
)
async def test_start_by_role(log_in: LogIn, client: httpx.AsyncClient, who: str, start: str) -> None:
    if who:
        await log_in(who)
    assert (await client.get("/")).headers["location"] == start


@pytest.mark.parametrize(
    ("who", "path", "status"),
    [("hengze", "/triage", 403), ("zhou", "/todo", 403), ("zhou", "/approvals", 403), ("zhou", "/grades/draft", 403),
     ("hengze", "/audit", 403), ("hengze", "/visits", 403), ("hengze", "/grades", 403)],
)  # fmt: skip
async def test_pages_of_other_roles_are_refused(log_in: LogIn, who: str, path: str, status: int) -> None:
    client = await log_in(who)

    answer = await client.get(path)

    assert answer.status_code == status
    assert "您无权进行此操作" in answer.text


async def test_page_without_session_leads_to_login_and_back(client: httpx.AsyncClient) -> None:
    plain = await client.get("/cases?view=closed")
    part = await client.get("/cases?view=closed", headers=HTMX)

    assert plain.headers["location"] == "/login?next=/cases%3Fview%3Dclosed"
    assert part.headers["hx-redirect"] == "/login?next=/cases%3Fview%3Dclosed"


async def test_counts_missing_leave_the_page_usable(log_in: LogIn, park: Park) -> None:
    from shared.errors import UnavailableError

    client = await log_in("zhou")
    park.refuse["ingest/v1/freshness"] = UnavailableError("down")
    park.refuse["ingest/v1/outlets"] = UnavailableError("down")

    answer = await client.get(f"/cases/{CASE}")

    assert answer.status_code == 200
    assert "暂时无法显示曲线" in answer.text


SPLICED = re.compile(r"[\u4e00-\u9fff][,:;]|[\u4e00-\u9fff] ?\(")


@pytest.mark.parametrize(("who", "path", "says"), PAGES, ids=[f"{who}{path}" for who, path, _ in PAGES])
async def test_chinese_pages_use_full_width_punctuation(
    log_in: LogIn, client: httpx.AsyncClient, who: str, path: str, says: str
) -> None:
    if who:
        await log_in(who)

    page = (await client.get(path)).text

    assert [text for text in visible(page) if SPLICED.search(text)] == []
