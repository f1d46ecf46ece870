"""Files that mean harm or are broken: refused with a reason, quickly and in little memory."""

import resource

import pytest

from services.ingest.domain.sheets.csvtext import read_csv
from services.ingest.domain.sheets.table import FORMULA, MAX_CELLS, RefusedFileError
from services.ingest.domain.sheets.workbook import read_xlsx
from services.ingest.service.transfers.runner import Runner
from shared.contracts.ingest.transfers import TransferState
from tests.ingest.conftest import Ingest
from tests.ingest.sheets import bring_in, make_csv, make_xlsx, sheet_xml, with_sheet

CELL = b'<c r="A1"><v>1</v></c>'
FAR_AWAY = b'<row r="1">' + CELL + b'</row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'


def ten_million_cells() -> bytes:
    row = b"<row>" + b"<c><v>1</v></c>" * 100 + b"</row>"
    return with_sheet(sheet_xml(row * 100_000))


BOMBS = {
    "zeros": (lambda: with_sheet(sheet_xml(b"<row/>" + b" " * 300_000_000)), "bomb"),
    "zeros that lie of their size": (lambda: with_sheet(sheet_xml(b" " * 300_000_000), lie=True), "bomb"),
    "zeros in another part": (lambda: with_sheet(extra=("xl/media/x.bin", b"\0" * 250_000_000)), "bomb"),
    "ten million cells": (ten_million_cells, None),
    "one cell far away": (lambda: with_sheet(sheet_xml(FAR_AWAY)), "too_many"),
    "a document type": (lambda: with_sheet(b'<!DOCTYPE x [<!ENTITY a "b">]>' + sheet_xml(CELL)), "not_xlsx"),
    "not a ZIP": (lambda: b"PK\x03\x04 and then nothing", "not_xlsx"),
    "a ZIP of nothing": (lambda: with_sheet(b""), "not_xlsx"),
    "cut in half": (lambda: make_xlsx(["a"], [1])[:900], "not_xlsx"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_and_broken_workbooks_are_refused_in_little_memory(name: str) -> None:
    make, reason = BOMBS[name]
    content = make()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(RefusedFileError) as caught:
        read_xlsx(content)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert caught.value.reason == reason if reason else caught.value.reason in {"bomb", "too_many"}
    assert grown < 100_000  # KB


def test_formulas_are_seen_whatever_value_they_show() -> None:
    table = read_xlsx(make_xlsx(["a", "b"], ["x", None], formulas={"B2": "=1+41"}))
    assert table.lines[0].cells == ["x", FORMULA]


@pytest.mark.parametrize(
    ("encoding", "told"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8 (BOM)"), ("gb18030", "gb18030"), ("gbk", "gb18030"),
     ("utf-16", "utf-16 (BOM)")],
)  # fmt: skip
def test_encodings_are_found_and_told(encoding: str, told: str) -> None:
    table = read_csv(make_csv(["企业编码", "企业名称"], ["E1", "恒泽精细化工有限公司"], encoding=encoding))
    assert (table.header, table.facts) == (["企业编码", "企业名称"], {"encoding": told})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a,b\r\n1,\x002\r\n", "not_text"),
        ("企業コード,名称\r\nE1,ひらがなカタカナ漢字\r\n".encode("shift_jis"), "encoding"),
        ("код,имя\r\nE1,предприятие\r\n".encode("cp1251"), "encoding"),
        (b"\xff\xfea", "encoding"),
        (b'a,b\r\n"1,2\r\n', "csv"),
        (b"", "no_header"),
        (b"\r\n,,\r\n", "no_header"),
        (b"a,b\r\n", "no_rows"),
        (b",".join([b"a"] * 400) + b"\r\n1\r\n", "too_many"),
        (b"a,b,c,d,e,f\r\n" + b"1,2,3,4,5,6\r\n" * (MAX_CELLS // 6 + 1), "too_many"),
    ],
)
def test_texts_that_are_no_table_are_refused(content: bytes, reason: str) -> None:
    with pytest.raises(RefusedFileError) as caught:
        read_csv(content)
    assert caught.value.reason == reason


def test_quoted_newlines_keep_the_cell_and_delimiters_are_guessed() -> None:
    assert read_csv(b'a;b\n"one\ntwo";"x;y"\n').lines[0].cells == ["one\ntwo", "x;y"]


async def test_a_hostile_file_ends_its_job_only(ingest: Ingest, runner: Runner) -> None:
    content = with_sheet(sheet_xml(b" " * 300_000_000), lie=True)
    job = await bring_in(ingest.client, runner, "enterprises", content, name="a.xlsx")
    assert (job.state, job.result["reason"]) == (TransferState.FAILED, "bomb")
    rows = [
        ["企业编码", "企业名称", "行业", "地址"], ["E1", "=HYPERLINK()", "paper", ""],
        ["=1+1", "名", "paper", ""], ["E3", "名", "paper", "x" * 5000],
    ]  # fmt: skip
    refused = await bring_in(ingest.client, runner, "enterprises", make_csv(*rows))
    assert [(item.line, item.column, item.code) for item in refused.errors] == [
        (2, "企业名称", "formula"), (3, "企业编码", "formula"), (4, "地址", "too_long"),
    ]  # fmt: skip
    formulas = make_xlsx(rows[0], ["E1", "名", "paper", None], formulas={"D2": "=1+1"})
    job = await bring_in(ingest.client, runner, "enterprises", formulas, name="a.xlsx")
    assert [(item.line, item.column, item.code) for item in job.errors] == [(2, "地址", "formula")]


@pytest.fixture
def runner(ingest: Ingest) -> Runner:
    found: Runner = ingest.app.state.transfers
    return found
