"""The whole story as supervisor, enterprise, officer and resident, with JavaScript and without."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.person import TIMEOUT, Person, photo
from tests.live_stack import LiveStack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.xdist_group("stack")]


@pytest.mark.parametrize("js", [True, False], ids=["js", "no-js"])
def test_from_triage_to_the_public_list(chromium: Browser, stack: LiveStack, tmp_path: Path, *, js: bool) -> None:
    no, username = ask(chromium, stack, js=js)
    answer(chromium, stack, username, no, photo(tmp_path), js=js)
    send_officers(chromium, stack, no, js=js)
    visit(chromium, stack, no, js=js)
    rectify(chromium, stack, username, no, photo(tmp_path), js=js)
    verify(chromium, stack, no, js=js)
    publish(chromium, stack, js=js)


def ask(chromium: Browser, stack: LiveStack, *, js: bool) -> tuple[str, str]:
    """The supervisor looks at a curve and asks the plant; the case's number and the plant's user."""
    zhou = Person(chromium, stack, "zhou", js=js)
    zhou.go("/triage?view=screening")
    zhou.page.locator("#queue tbody tr a").first.click()
    zhou.page.wait_for_load_state("networkidle")
    preview = zhou.page.locator("#preview")
    expect(preview).to_contain_text("WX-", timeout=TIMEOUT)
    if js:
        expect(preview.locator(".uplot canvas").first).to_be_visible(timeout=TIMEOUT)
    text = preview.inner_text()
    found = re.search(r"WX-\d{4}-\d{6}", text)
    assert found, text
    username = next(row["username"] for row in stack.facts["logins"] if row["organisation"] in text)
    zhou.page.check("#decision input[name=event][value=send_inquiry]", force=True)
    zhou.page.fill("#decision textarea[name=reason]", "曲线与工况不符，请自查。")
    zhou.submit("#decision button.pri")
    zhou.go(f"/cases/{found.group()}")
    zhou.sees("已问询")
    zhou.leave()
    return found.group(), username


def answer(chromium: Browser, stack: LiveStack, username: str, no: str, file: Path, *, js: bool) -> None:
    """The plant confirms, answers step by step, attaches a photo and signs."""
    firm = Person(chromium, stack, username, js=js)
    firm.go("/todo")
    firm.sees(no)
    firm.go(f"/inquiries/{no}")
    if firm.page.locator("form[action$='/acknowledgement'] button").count():
        firm.submit("form[action$='/acknowledgement'] button")
    firm.go(f"/inquiries/{no}/answer")
    firm.page.check("input[name=cause_code][value=treatment_fault]", force=True)
    firm.page.fill("textarea[name=statement]", "来水负荷升高，加药泵跳停，出水短时升高。")
    firm.submit("button[name=go][value=next]")
    firm.page.fill("textarea[name=actions]", "备用泵已投用，故障泵送修。")
    firm.submit("button[name=go][value=next]")
    firm.page.locator("input[type=file]").last.set_input_files(file)
    firm.submit("button[name=go][value=next]")
    firm.sees(file.name)
    firm.page.fill("input[name=signer_name]", "李工")
    firm.page.fill("input[name=signer_role]", "环保主管")
    firm.submit("button[name=go][value=send]")
    firm.sees(no)
    firm.go(f"/cases/{no}")
    firm.sees("企业已答复")
    firm.leave()


def send_officers(chromium: Browser, stack: LiveStack, no: str, *, js: bool) -> None:
    """The supervisor reads the answer and decides for key verification."""
    zhou = Person(chromium, stack, "zhou", js=js)
    zhou.go(f"/cases/{no}")
    zhou.sees("加药泵跳停")
    zhou.submit(zhou.form("start_analysis").locator("button"))
    zhou.sees("研判")
    decision = zhou.form("verify_on_site")
    decision.locator("select[name=reason_code]").select_option("contradiction")
    decision.locator("textarea[name=reason]").fill("说明与记录不符，安排现场核查。")
    zhou.submit(decision.locator("button.pri"))
    zhou.sees("重点核查")
    zhou.leave()


def visit(chromium: Browser, stack: LiveStack, no: str, *, js: bool) -> None:
    """Two officers visit, record what they saw and one problem."""
    wang = Person(chromium, stack, "wang", js=js)
    wang.go(f"/cases/{no}")
    wang.page.locator("a[href^='/visits/']").first.click()
    start = wang.form("start")
    start.locator("[name=officers]").fill("王磊 32050101\n赵航 32050117")
    wang.submit(start.locator("button"))
    record = wang.form("complete")
    record.locator("textarea[name=record]").fill("查看加药间与运行记录，泵已更换。")
    record.locator("select[name=code-0]").select_option(index=1)
    record.locator("select[name=severity-0]").select_option("general")
    record.locator("textarea[name=facts-0]").fill("加药记录缺失三天。")
    wang.submit(record.locator("button.pri"))
    wang.go(f"/cases/{no}")
    wang.sees("整改中")
    wang.leave()


def rectify(chromium: Browser, stack: LiveStack, username: str, no: str, file: Path, *, js: bool) -> None:
    """The plant plans, mends and hands in a photo."""
    firm = Person(chromium, stack, username, js=js)
    firm.go(f"/cases/{no}")
    firm.page.locator("a[href^='/rectifications/']").first.click()
    plan = firm.form("submit_plan")
    plan.locator("textarea[name=text]").fill("三日内补齐记录，专人每日核对。")
    firm.submit(plan.locator("button"))
    done = firm.form("submit_evidence")
    done.locator("textarea[name=text]").fill("记录已补齐，照片见附件。")
    done.locator("input[type=file]").last.set_input_files(file)
    firm.submit(done.locator("button"))
    firm.sees("复核中")
    firm.leave()


def verify(chromium: Browser, stack: LiveStack, no: str, *, js: bool) -> None:
    """The officer verifies; the case closes by itself."""
    wang = Person(chromium, stack, "wang", js=js)
    wang.go(f"/cases/{no}")
    wang.page.locator("a[href^='/rectifications/']").first.click()
    act = wang.form("verify")
    act.locator("textarea[name=text]").fill("现场复核，整改到位。")
    wang.submit(act.locator("button"))
    wang.sees("已销号")
    wang.go(f"/cases/{no}")
    wang.sees("已办结", ".titlebar")
    wang.leave()


def publish(chromium: Browser, stack: LiveStack, *, js: bool) -> None:
    """The officer computes the draft, publishes it, and a resident reads it."""
    wang = Person(chromium, stack, "wang", js=js)
    wang.go("/grades/draft")
    wang.submit("form[method=post][action$='/draft'] button")
    wang.sees("草稿")
    note = f"季中先行发布（{'脚本' if js else '无脚本'}）"
    wang.page.fill("textarea[name=note]", note)
    wang.submit("form[action$='/publication'] button")
    wang.sees("已公布")
    wang.leave()
    resident = Person(chromium, stack, js=js)
    resident.go("/public/grades")
    resident.sees("澄湾恒泽表面处理有限公司")
    resident.sees(re.compile("临时|季度未结束"))
    resident.leave()
