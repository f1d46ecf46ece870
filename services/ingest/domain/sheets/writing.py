"""Sheets written: XLSX and CSV that read back as what they were, and that no spreadsheet program runs."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]

from services.ingest.domain.sheets.columns import Column, word_of, words
from shared.clock import PARK_ZONE

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "'")
BOM = "\ufeff"
WORKBOOK: dict[str, Any] = {
    "constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
    "nan_inf_to_errors": False,
}  # fmt: skip
"""A text that begins with = stays a text."""
YES = {"zh": ("否", "是"), "en": ("no", "yes")}
HEAD = {"bold": True, "bg_color": "#E8EEF5", "border": 1, "border_color": "#C5D0DC"}


def shown(value: Any, column: str, language: str) -> str | float | int:
    """A value as a cell shows it: dates as ISO, times in Beijing time, codes in words where the language has some."""
    if isinstance(value, bool):
        return YES[language][value]
    value = value.value if isinstance(value, Enum) else value
    if isinstance(value, datetime):
        return value.astimezone(PARK_ZONE).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str) and language == "zh" and column in words() and value in words()[column].values():
        return word_of(column, value)
    return value if isinstance(value, int | float) else str(value or "")


def guarded(cell: str | float) -> str | float:
    """A text that a spreadsheet program would run, made harmless by a quote before it; our import takes it off."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(DANGEROUS) else cell


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str | float]]) -> int:
    """UTF-8 with a mark, as Excel wants it; how many rows."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(BOM)
        writer = csv.writer(file)
        writer.writerow(header)
        for row in rows:
            writer.writerow([guarded(cell) for cell in row])
            count += 1
    return count


def _told_apart(cell: str) -> str:
    """Our import refuses texts that begin with = and takes one quote off; so those get one."""
    return f"'{cell}" if cell.startswith("=") or (cell.startswith("'") and cell[1:].startswith(DANGEROUS)) else cell


def write_xlsx(path: Path | io.BytesIO, name: str, header: Sequence[str], rows: Iterable[Sequence[str | float]]) -> int:
    """One sheet, its header fixed; how many rows."""
    count = 0
    with xlsxwriter.Workbook(str(path) if isinstance(path, Path) else path, WORKBOOK) as book:
        sheet = book.add_worksheet(name[:31])
        _head(book, sheet, header)
        for count, row in enumerate(rows, 1):
            for place, cell in enumerate(row):
                if isinstance(cell, str):
                    if cell:
                        sheet.write_string(count, place, _told_apart(cell))
                else:
                    sheet.write_number(count, place, cell)
    return count


def _head(book: Any, sheet: Any, header: Sequence[str]) -> None:
    bold = book.add_format(HEAD)
    for place, title in enumerate(header):
        sheet.set_column(place, place, max(12, min(30, len(title) * 2 + 2)))
    sheet.freeze_panes(1, 0)
    for place, title in enumerate(header):
        sheet.write_string(0, place, title, bold)


def template_xlsx(sheet_name: str, columns: Sequence[Column], language: str) -> bytes:
    """An empty sheet with its columns, and a second one that explains them."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {**WORKBOOK, "in_memory": True, "constant_memory": False}) as book:
        _head(book, book.add_worksheet(sheet_name[:31]), [column.name(language) for column in columns])
        notes = book.add_worksheet("说明" if language == "zh" else "Notes")
        titles = ("列", "必填", "可填内容") if language == "zh" else ("Column", "Required", "Allowed words")
        _head(book, notes, titles)
        for line, column in enumerate(columns, 1):
            notes.write_string(line, 0, f"{column.zh} / {column.en}")
            notes.write_string(line, 1, YES[language][column.required])
            codes = sorted(set(words().get(column.field, {}).values()))
            said = [f"{word_of(column.field, code)} ({code})" if language == "zh" else code for code in codes]
            notes.write_string(line, 2, "、".join(said) if language == "zh" else ", ".join(said))
    return out.getvalue()


def template_csv(columns: Sequence[Column], language: str) -> bytes:
    """The header alone."""
    out = io.StringIO(newline="")
    csv.writer(out).writerow([column.name(language) for column in columns])
    return (BOM + out.getvalue()).encode("utf-8")
