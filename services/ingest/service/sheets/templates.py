"""Templates of the sheets people fill."""

from services.ingest.domain.sheets.columns import columns
from services.ingest.domain.sheets.writing import template_csv, template_xlsx
from shared.errors import NotFoundError


class UnknownSheetError(NotFoundError):
    """No sheet of this name."""

    code = "sheet_unknown"


def template(sheet: str, ending: str, language: str) -> tuple[bytes, str]:
    """The file and its name."""
    if sheet not in columns():
        raise UnknownSheetError(f"no sheet is called {sheet}", sheet=sheet, sheets=sorted(columns()))
    shape = columns()[sheet]
    content = template_xlsx(sheet, shape, language) if ending == "xlsx" else template_csv(shape, language)
    return content, f"{sheet}-template.{ending}"
