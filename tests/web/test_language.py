"""Languages: how one is chosen, that the catalogue is whole, and how numbers, times and codes read."""

import re
import string
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from shared.contracts.casework import CaseEvent, CaseState, CauseCode, FindingEvent, ReasonCode, VisitEvent
from shared.contracts.detection import Severity
from shared.contracts.grading import Colour
from web import formats
from web.explain import explain
from web.i18n import LOCALE_DIR, current_language, negotiate
from web.labels import TABLES, label
from web.sentences import SENTENCES

ROOT = Path(__file__).parent.parent.parent
CATALOGUE = LOCALE_DIR / "zh_CN" / "LC_MESSAGES" / "messages.po"
AT = datetime(2026, 11, 23, 3, 5, tzinfo=UTC)


@pytest.fixture(params=["zh_CN", "en"])
def language(request: pytest.FixtureRequest) -> str:
    current_language.set(request.param)
    return str(request.param)


@pytest.mark.parametrize(
    ("query", "cookie", "accept", "chosen"),
    [
        (None, None, "", "zh_CN"),
        (None, None, "*", "zh_CN"),
        (None, None, "fr", "zh_CN"),
        (None, None, "zh-CN,zh;q=0.9", "zh_CN"),
        (None, None, "zh-Hans-CN", "zh_CN"),
        (None, None, "zh-TW", "zh_CN"),
        (None, None, "en-US,en;q=0.9", "en"),
        (None, None, "fr,en;q=0.5", "en"),
        (None, None, "zh;q=0.4,en;q=0.6", "en"),
        (None, None, "en;q=0,zh;q=0.1", "zh_CN"),
        (None, None, "en;q=x,zh", "zh_CN"),
        (None, "en", "zh-CN", "en"),
        (None, "zh_CN", "en", "zh_CN"),
        (None, "xx", "en", "en"),
        ("zh", "en", "en", "zh_CN"),
        ("en-GB", "zh_CN", "zh", "en"),
        ("xx", "en", "zh", "en"),
    ],
)
def test_negotiation(query: str | None, cookie: str | None, accept: str, chosen: str) -> None:
    assert negotiate(query, cookie, accept) == chosen


async def test_choice_of_language_and_theme_is_kept(client: httpx.AsyncClient) -> None:
    first = await client.get("/public?lang=en&theme=dark")
    second = await client.get("/public")

    assert '<html lang="en" data-theme="dark">' in first.text
    assert '<html lang="en" data-theme="dark">' in second.text
    assert 'href="/public?lang=zh-CN"' in second.text
    assert 'href="/public?theme=light"' in second.text


async def test_unknown_choices_and_broken_cookies_are_harmless(client: httpx.AsyncClient) -> None:
    answer = await client.get("/public?lang=xx&theme=pink", headers={"Cookie": 'lang="; theme=<script>'})
    many = await client.get("/public?" + "&".join(f"a{n}=1" for n in range(200)))

    assert '<html lang="zh-CN" data-theme="light">' in answer.text
    assert "set-cookie" not in answer.headers
    assert many.status_code == 200


def catalogue() -> Catalog:
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="zh_CN")


def messages() -> list[Message]:
    return [message for message in catalogue() if message.id]


def texts(message: Message) -> list[tuple[str, str]]:
    """Pairs of English and Chinese."""
    if isinstance(message.string, str):
        return [(str(message.id), message.string)]
    return [(message.id[0], text) for text in message.string or ()]


def test_catalogue_holds_exactly_what_the_portal_says(tmp_path: Path) -> None:
    found = tmp_path / "messages.pot"
    options = ["-q", "extract", "-F", "web/babel.cfg", "-o", str(found), "web"]
    subprocess.run([sys.executable, "-m", "babel.messages.frontend", *options], cwd=ROOT, check=True, timeout=60)
    with found.open("rb") as file:
        template = {(message.id, message.context) for message in read_po(file) if message.id}

    known = {(message.id, message.context) for message in messages()}

    assert template - known == set()
    assert known - template == set()


def test_nothing_is_untranslated_or_fuzzy() -> None:
    assert [message.id for message in messages() if message.fuzzy] == []
    assert [pair for message in messages() for pair in texts(message) if not pair[1]] == []


def names(text: str) -> list[str]:
    return sorted(re.findall(r"%\((\w+)\)s", text))


def test_translations_have_the_same_parameters() -> None:
    pairs = [pair for message in messages() for pair in texts(message)]

    assert [pair for pair in pairs if set(names(pair[0])) != set(names(pair[1]))] == []
    assert [pair for pair in pairs for text in pair if re.sub(r"%\(\w+\)s|%%", "", text).count("%")] == []


HALF_WIDTH = re.compile(r"[\u4e00-\u9fff）][,;:?!()]|[,;:?!(][\u4e00-\u9fff]|[\u4e00-\u9fff]\.")


def test_chinese_punctuation_is_full_width() -> None:
    pairs = [pair for message in messages() for pair in texts(message)]

    assert [text for _, text in pairs if HALF_WIDTH.search(text)] == []


def test_every_code_has_a_name(language: str) -> None:
    for kind in (CaseState, Severity, CauseCode, ReasonCode):
        assert [member for member in kind if label(member) == member.value] == []
    for colour in Colour:
        assert label(colour) != colour.value
        assert label(colour, "long") != colour.value
    assert [event for event in CaseEvent if event.value not in TABLES["act"]] == []
    assert [event for event in (*VisitEvent, *FindingEvent) if event.value not in TABLES["act"]] == []
    assert [event for event in CaseEvent if f"case.{event.value}" not in TABLES["timeline"]] == []


def test_every_code_that_services_keep_has_a_sentence() -> None:
    import yaml

    from services.casework.domain import findings, visits
    from services.casework.domain.cases.table import GUARDS
    from services.detection.domain.judges import JUDGES

    clocks = yaml.safe_load((ROOT / "services/casework/domain/clocks.yaml").read_text("utf-8"))["policies"]
    units = {
        f"{name}_{'next_workday' if unit == 'next_workday_at' else unit}"
        for policy in clocks
        for name, rule in policy["clocks"].items()
        for severity, span in rule.items()
        if severity != "source"
        for unit in span
    }
    told = {code for judge in JUDGES.values() for code in judge.explanations} | set(GUARDS) | units
    told |= set(visits.VISITS.guards) | set(findings.FINDINGS.guards)

    assert sorted(told - set(SENTENCES)) == []


def test_every_parameter_of_a_rule_has_a_name() -> None:
    from services.detection.domain.judges import JUDGES

    named = {parameter.name for judge in JUDGES.values() for parameter in judge.parameters}

    assert sorted(named - set(TABLES["parameter"])) == []


def test_every_sentence_can_be_told(language: str) -> None:
    for code, sentence in SENTENCES.items():
        params = dict.fromkeys(names(sentence), 1.5)
        said = explain(code, params)
        assert "%(" not in said
        assert said.strip(string.punctuation)
        if language == "zh_CN":
            assert re.search(r"[\u4e00-\u9fff]", said), code


@pytest.mark.parametrize(
    ("said", "chinese", "english"),
    [
        (lambda: formats.full_time(AT), "2026-11-23 11:05", "23 Nov 2026, 11:05"),
        (lambda: formats.short_time(AT), "11-23 11:05", "23 Nov, 11:05"),
        (lambda: formats.full_time(None), "–", "–"),
        (lambda: formats.day(datetime(2026, 11, 23, 18, 0, tzinfo=UTC)), "2026-11-24", "24 Nov 2026"),
        (lambda: formats.day(date(2026, 1, 2)), "2026-01-02", "2 Jan 2026"),
        (lambda: formats.span(AT, AT + timedelta(hours=7)), "11-23 11:05 – 18:05", "23 Nov, 11:05 – 18:05"),
        (lambda: formats.span(AT, AT + timedelta(days=1)), "11-23 11:05 – 11-24 11:05",
         "23 Nov, 11:05 – 24 Nov, 11:05"),
        (lambda: formats.span(AT, None), "11-23 11:05 起", "since 23 Nov, 11:05"),
        (lambda: formats.remaining(AT, AT - timedelta(minutes=42)), "剩 42 分", "42 min left"),
        (lambda: formats.remaining(AT, AT + timedelta(minutes=18)), "超时 18 分", "18 min overdue"),
        (lambda: formats.duration(timedelta(hours=1, minutes=52)), "1 小时 52 分", "1 h 52 min"),
        (lambda: formats.duration(timedelta(days=3, hours=4, minutes=59)), "3 天 4 小时", "3 d 4 h"),
        (lambda: formats.duration(timedelta(hours=7)), "7 小时", "7 h"),
        (lambda: formats.number(1234.56, 1), "1,234.6", "1,234.6"),
        (lambda: formats.number(None), "–", "–"),
        (lambda: formats.percent(0.891), "89%", "89%"),
        (lambda: formats.size(217_000), "212 KB", "212 KB"),
        (lambda: formats.size(5_400_000), "5.1 MB", "5.1 MB"),
        (lambda: formats.comma("甲", "", "乙"), "甲，乙", "甲, 乙"),
        (lambda: formats.brackets("甲", "乙"), "甲（乙）", "甲 (乙)"),
        (lambda: formats.colon("甲", "乙"), "甲：乙", "甲: 乙"),
    ],
)  # fmt: skip
def test_formats(language: str, said: object, chinese: str, english: str) -> None:
    assert callable(said)
    assert said() == (chinese if language == "zh_CN" else english)


@pytest.mark.parametrize(
    ("code", "params", "chinese"),
    [
        ("constant", {"observed": 31.2, "unit": "mg/L", "longest_hours": 7.0, "reference": 0.05, "count": 420.0},
         "数值 31.2 mg/L 连续 7 小时不变（波动不超过 0.05），共 420 个数据。"),
        ("data_incomplete", {"outlet": "DW001", "outlet_name_zh": "总排口", "outlet_name_en": "Main", "expected": 100,
                             "received": 96, "valid": 90, "tvr": 0.9},
         "DW001 总排口：应有 100 小时，收到 96 小时，有效 90 小时，传输有效率 90%"),
        ("cannot_be_green", {"rule": "tvr", "tvr": 0.8712, "least": 0.9}, "不得评绿：传输有效率 87.1%，低于 90%。"),
        ("veto", {"rule": "overdue_majors", "count": 2, "findings": ["ZG-1", "ZG-2"]},
         "直接评红：2 项重大问题逾期（ZG-1、ZG-2）。"),
        ("override", {"from": "green", "to": "yellow", "by": "王磊", "reason": "逾期"}, "王磊 由绿调为黄：逾期"),
        ("insufficient_data", {"rule": "connected_less_than_quarter", "connected_on": "2026-10-08"},
         "2026-10-08 联网，不足一个完整季度。"),
        ("reply_late", {"no": "WX-1", "replied_at": None, "reply_by": "2026-11-23T03:05:00+00:00"},
         "案卷 WX-1：答复时间 –，时限 11-23 11:05"),
        ("of_a_newer_service", {"count": 3}, "of_a_newer_service(count 3)"),
    ],
)  # fmt: skip
def test_explanations(code: str, params: dict[str, object], chinese: str) -> None:
    current_language.set("zh_CN")
    assert explain(code, params) == chinese
