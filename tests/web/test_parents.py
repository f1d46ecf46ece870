"""A case about several factors at once: one row, the factors by name, and the way to each of them."""

import httpx
import pytest

from shared.contracts.casework import CaseDetail
from shared.contracts.detection import SEVERAL, Explanation
from tests.web.conftest import LogIn
from tests.web.makers import COD, FLOW, uid
from tests.web.park import Park
from tests.web.test_pages import left_in_chinese, left_in_english

PARENT = uid("parent")


@pytest.fixture
def case(park: Park) -> CaseDetail:
    """A lost link in the place of the first case."""
    known = next(case for case in park.cases.values() if case.state.value == "screening")
    one = known.anomaly_list[0]
    params = {"factors": 2, "codes": [FLOW, COD], "count": 14.0, "hours": 7.0}
    explanation = Explanation(code="several.missing", params=params)
    common = {"rule": "MISS", "unit": ""}
    children = [
        one.model_copy(update={**common, "id": uid(f"child {code}"), "factor": code, "parent_id": PARENT})
        for code in (FLOW, COD)
    ]
    parent = one.model_copy(
        update={**common, "id": PARENT, "factor": SEVERAL, "factors": [FLOW, COD], "explanation": explanation}
    )
    made = known.model_copy(
        update={
            "factor": SEVERAL, "factor_name_zh": "多个因子", "factor_name_en": "several factors", "rule": "MISS",
            "title": explanation, "anomaly_list": [parent, *children],
        }
    )  # fmt: skip
    park.cases[known.no] = made
    return made


async def read(client: httpx.AsyncClient, path: str, *, english: bool = False) -> str:
    answer = await client.get(path, headers={"Accept-Language": "en"} if english else {})
    assert answer.status_code == 200
    return answer.text


async def test_triage_shows_one_case_with_the_factors_by_name(
    log_in: LogIn, client: httpx.AsyncClient, case: CaseDetail
) -> None:
    await log_in("zhou")
    chinese = await read(client, f"/triage?selected={case.no}")
    english = await read(client, f"/triage?selected={case.no}", english=True)

    assert "2个因子" in chinese
    assert "2 factors" in english
    assert "化学需氧量" in chinese
    assert chinese.count("多为通讯或数采仪中断") == 1
    assert f"table?factor={COD}" in chinese.replace("&amp;", "&")
    assert left_in_chinese(english) == []
    assert left_in_english(chinese) == []


@pytest.mark.parametrize("who", ["zhou", "wang"])
async def test_the_page_of_the_case_lists_the_parent_alone(
    log_in: LogIn, client: httpx.AsyncClient, case: CaseDetail, who: str
) -> None:
    await log_in(who)
    text = await read(client, f"/cases/{case.no}")

    assert f"/anomalies/{PARENT}" in text
    assert f"/anomalies/{uid(f'child {COD}')}" not in text
    assert "化学需氧量" in text


async def test_the_anomaly_leads_to_its_factors_and_back(
    log_in: LogIn, client: httpx.AsyncClient, case: CaseDetail
) -> None:
    assert case.anomaly_list
    await log_in("zhou")
    child = uid(f"child {COD}")
    parent = await read(client, f"/anomalies/{PARENT}")

    assert f"/anomalies/{child}" in parent
    assert "同时开始触发该规则" in parent
    assert f"/anomalies/{PARENT}" in await read(client, f"/anomalies/{child}")
    assert left_in_chinese(await read(client, f"/anomalies/{PARENT}", english=True)) == []
