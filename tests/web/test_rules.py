"""The pages of rules: order by need, parameters as a table, verdicts that lead to cases, the evaluation in words."""

import pytest

from shared.contracts.detection import SEVERAL, Severity
from shared.contracts.detection.anomalies import WHOLE_OUTLET
from shared.contracts.ingest import outlet_uuid
from tests.web.conftest import HTMX, LogIn
from tests.web.fake_rules import QUALITY, RULES, make_evaluation
from tests.web.makers import COD, FLOW, make_anomaly, make_outlet, uid
from tests.web.park import Park
from tests.web.test_pages import left_in_chinese, left_in_english
from web.pages.anomalies import curves_of
from web.rulework import checks_of, join, parameter_rows

PAGES = ("/rules", "/rules?sort=burden", "/rules/CONST", "/rules/EX-H", "/detection/quality",
         "/detection/quality?by=outlet&days=30", "/detection/quality?by=trade&days=365",
         "/detection/quality/labels?rule=CONST", "/evaluation")  # fmt: skip


def test_what_wants_retuning_comes_first() -> None:
    lines = join(RULES[::-1], QUALITY, [], make_evaluation(), "retune")

    assert [line.rule.code for line in lines] == ["CONST", "EX-H"]
    assert (lines[0].judged, lines[1].judged) == (14, 9)
    assert [line.evaluated for line in lines] == [checks_of(make_evaluation())["constant"], None]
    assert [line.rule.code for line in join(RULES, [], [], None, "nature")] == ["EX-H", "CONST"]


def test_parameters_stand_in_columns_by_setting() -> None:
    rows = {row.name: row.values for row in parameter_rows(RULES[0])}

    assert rows == {"min_hours": [6.0, 12.0], "floor": ["open", None]}
    assert parameter_rows(RULES[1]) == []


@pytest.mark.parametrize("path", PAGES)
async def test_pages_speak_both_languages(log_in: LogIn, path: str) -> None:
    client = await log_in("zhou")

    chinese = await client.get(path)
    english = await client.get(path, headers={"Accept-Language": "en"})

    assert (chinese.status_code, english.status_code) == (200, 200)
    assert left_in_english(chinese.text) == []
    assert left_in_chinese(english.text) == []


async def test_numbers_lead_to_what_they_are_made_of(log_in: LogIn) -> None:
    client = await log_in("wang")

    listed = (await client.get("/rules")).text
    assert "需调参" in listed
    assert "/detection/quality/labels?rule=CONST&amp;days=90&amp;verdict=false_alarm" in listed
    rule = (await client.get("/rules/CONST")).text
    assert "/suppressions/new?rule=CONST" in rule
    assert 'href="/cases/WX-2026-000184"' in rule
    by_outlet = (await client.get("/detection/quality?by=outlet")).text
    assert f"outlet={outlet_uuid('E-001', 'DW001')}" in by_outlet
    labels = (await client.get("/detection/quality/labels?rule=CONST&verdict=confirmed")).text
    assert "此视图中没有案件" in labels
    assert (await client.get("/rules/NONE")).status_code == 404


async def test_what_is_not_met_is_said_in_words(log_in: LogIn, park: Park) -> None:
    client = await log_in("shen")

    page = (await client.get("/evaluation")).text
    assert "未达标：虚拟园区" in page
    assert "此次评测之后新增的规则：EX-H" in page
    park.unevaluated = True
    assert "未附带评测结果" in (await client.get("/evaluation")).text
    assert (await client.get("/rules")).status_code == 200


@pytest.mark.parametrize("path", PAGES)
async def test_rules_are_for_staff(log_in: LogIn, path: str) -> None:
    client = await log_in("hengze")

    assert (await client.get(path)).status_code == 403


async def test_an_anomaly_shows_its_basis_its_chain_and_what_is_like_it(log_in: LogIn) -> None:
    client = await log_in("zhou")
    path = f"/anomalies/{uid('anomaly E-001CONST')}"

    page = (await client.get(path)).text
    assert page.count('data-sync="A-20261123-0001"') == 2
    assert "本序列阈值" in page
    assert "复发链" in page
    assert f"/suppressions/new?outlet={outlet_uuid('E-001', 'DW001')}&amp;rule=CONST&amp;factor=w01018" in page
    assert f'hx-get="{path}/similar"' in page
    assert (await client.get(f"{path}?range=7d")).status_code == 200
    similar = (await client.get(f"{path}/similar", headers=HTMX)).text
    assert similar.strip().startswith('<section class="card" id="similar"')
    assert "88%" in similar
    whole = await client.get(f"{path}/similar", headers={"Accept-Language": "en"})
    assert left_in_chinese(whole.text) == []


async def test_an_enterprise_sees_its_anomaly_without_what_is_for_staff(log_in: LogIn) -> None:
    client = await log_in("hengze")
    path = f"/anomalies/{uid('anomaly E-001CONST')}"

    page = (await client.get(path)).text
    assert "依据" in page
    assert "/rules/CONST" not in page
    assert "/suppressions/new" not in page
    assert "/similar" not in page
    assert (await client.get(f"{path}/similar")).status_code == 403


def test_curves_are_of_factors_that_are_measured() -> None:
    outlet, anomaly = make_outlet("E-001"), make_anomaly("E-001", "CONST", Severity.B)
    whole = anomaly.model_copy(update={"factor": WHOLE_OUTLET})
    parent = anomaly.model_copy(update={"factor": SEVERAL, "factors": [FLOW, COD]})

    assert curves_of(anomaly, outlet) == [COD, FLOW]
    assert curves_of(whole, outlet) == [COD, FLOW]
    assert curves_of(parent, outlet) == [COD, FLOW]
