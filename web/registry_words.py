"""Names of the registry's fields, codes and refusals, in the reader's language."""

from collections.abc import Mapping
from typing import Any

from web.i18n import N_, gettext

TABLES: dict[str, dict[str, str]] = {
    "Part": {
        "permit": N_("Discharge permit"), "contact": N_("Contacts"), "analyser": N_("Analysers"),
        "operation": N_("Operation and maintenance"), "power_point": N_("Power-use points"), "video": N_("Video"),
        "change": N_("Changes told"),
    },
    "ContactRole": {
        "duty_24h": N_("24-hour duty"), "deputy": N_("Deputy"), "environment_manager": N_("Environmental manager"),
        "operator": N_("Operator of the station"), "other": N_("Other"),
    },
    "OperationMode": {"self": N_("Self-operation"), "contracted": N_("Contracted operation")},
    "PowerTarget": {"production": N_("Production"), "treatment": N_("Treatment facility")},
    "ChangeKind": {
        "device": N_("Main device"), "core_part": N_("Core part"), "sampling_point": N_("Sampling point"),
        "range": N_("Measuring range"), "parameter": N_("Parameter"), "other": N_("Other"),
    },
    "field": {
        "number": N_("Number"), "permit_class": N_("Management class"), "valid_from": N_("Valid from"),
        "valid_to": N_("Valid to"), "authority": N_("Authority"), "role": N_("Role"), "name": N_("Name"),
        "phone": N_("Phone"), "email": N_("E-mail"), "wechat": N_("WeChat"), "note": N_("Note"),
        "factor": N_("Factor"), "serial": N_("Serial number"), "maker": N_("Maker"), "model": N_("Model"),
        "principle": N_("Principle"), "range_low": N_("Range from"), "range_high": N_("Range to"), "unit": N_("Unit"),
        "detection_limit": N_("Detection limit"), "calibration_days": N_("Calibration every (days)"),
        "calibrated_on": N_("Last calibration"), "verification_days": N_("Verification every (days)"),
        "verified_on": N_("Last verification"), "installed_on": N_("Installed on"), "accepted_on": N_("Accepted on"),
        "registered_on": N_("Registered on"), "mode": N_("Mode"), "since": N_("From"), "until": N_("To"),
        "contractor": N_("Contractor"), "contract_no": N_("Contract number"), "signed_on": N_("Signed on"),
        "filed_on": N_("Filed on"), "code": N_("Code"), "name_zh": N_("Name in Chinese"),
        "name_en": N_("Name in English"), "target": N_("Watches"), "rated_kw": N_("Rated power (kW)"), "mn": N_("MN"),
        "url": N_("Address"), "changed_on": N_("Changed on"), "kind": N_("Kind"), "subject": N_("What was changed"),
        "before": N_("Before"), "after": N_("After"), "reason": N_("Reason"), "evidence": N_("Evidence"),
        "reacceptance_needed": N_("Re-acceptance needed"), "reaccepted_on": N_("Re-accepted on"),
        "range": N_("Measuring range"), "edition": N_("Edition of HJ 212"), "active": N_("In use"),
        "factors": N_("Factors"), "latitude": N_("Latitude"), "longitude": N_("Longitude"),
        "outlet_id": N_("Outlet"), "password": N_("Password"), "minute_interval": N_("Minute interval"),
    },
    "due": {
        "registration": N_("Registration of the device"), "filing": N_("Filing of the contract"),
        "calibration": N_("Calibration"),
        "verification": N_("Verification"), "permit_renewal": N_("End of the permit"),
        "contract_end": N_("End of the contract"),
    },
    "log": {
        "outlet": N_("Outlet"), "device": N_("Data logger"), "limit": N_("Limit"), "analyser": N_("Analyser"),
        "operation": N_("Operation and maintenance"), "power_point": N_("Power-use point"), "video": N_("Video"),
        "added": N_("registered"), "changed": N_("changed"), "ended": N_("ended"), "set": N_("set"),
    },
    "sheet": {
        "enterprises": N_("Enterprises"), "outlets": N_("Outlets with factors"), "devices": N_("Data loggers"),
        "limits": N_("Limits"), "permits": N_("Discharge permits"), "contacts": N_("Contacts"),
        "analysers": N_("Analysers"), "operations": N_("Operation and maintenance"),
        "power_points": N_("Power-use points"), "videos": N_("Video"), "changes": N_("Changes told"),
        "readings": N_("Readings"),
    },
    "TransferState": {
        "queued": N_("Waiting"), "running": N_("Running"), "done": N_("Done"), "failed": N_("Not done"),
        "cancelled": N_("Cancelled"),
    },
    "TransferDirection": {"import": N_("Import"), "export": N_("Export")},
    "mode": {"check": N_("Check"), "all": N_("All or nothing"), "good_rows": N_("Good rows only")},
    "effect": {
        "sets": N_("sets"), "replaces": N_("replaces"), "same": N_("same as now"),
        "not_verified": N_("not verified, left out"), "not_monitored": N_("not monitored here"),
        "wrong_unit": N_("unit does not fit"),
    },
}  # fmt: skip

REFUSALS: dict[str, str] = {
    "required": N_("This must be filled."), "not_a_number": N_("This is not a number: %(value)s"),
    "not_whole": N_("This is not a whole number: %(value)s"), "not_text": N_("Text is needed here."),
    "not_a_time": N_("This is not a time: %(value)s. Write it as 2026-03-01 08:00."),
    "not_a_date": N_("This is not a date: %(value)s. Write it as 2026-03-01."),
    "not_allowed": N_("This word is not allowed here: %(value)s"), "too_long": N_("The text is too long."),
    "formula": N_("Formulas are not taken. Paste the value."), "duplicate": N_("The same as line %(first)s."),
    "differs": N_("Differs from line %(first)s, which is of the same outlet."),
    "unknown_enterprise": N_("No enterprise has the code %(value)s."),
    "unknown_outlet": N_("The enterprise has no outlet %(value)s."),
    "unknown_factor": N_("This is not a factor: %(value)s"),
    "not_of_outlet": N_("The outlet does not monitor %(value)s."),
    "wrong_unit": N_("The unit %(value)s does not fit, %(unit)s is needed."),
    "future": N_("This lies in the future: %(value)s"), "too_old": N_("This lies before the year 2000."),
    "not_on_grid": N_("This time is not the beginning of a period: %(value)s"),
    "out_of_range": N_("%(value)s is outside the measuring range %(low)s to %(high)s %(unit)s."),
    "flag": N_("A flag is one character."), "elsewhere": N_("This MN belongs to another outlet."),
    "extra_cell": N_("There is a value without a column."),
    "bomb": N_("Unpacked, the file would be far too large. It was not read."),
    "too_many": N_("At most %(rows)s rows, %(columns)s columns and %(cells)s cells are taken."),
    "too_many_rows": N_("At most %(limit)s rows are taken at once."),
    "not_xlsx": N_("The file is not a workbook (.xlsx), or it is damaged."),
    "encrypted": N_("The file is protected with a password."), "not_text_file": N_("The file is not a text."),
    "encoding": N_("The encoding of the file is not known (%(encoding)s). Save it as UTF-8."),
    "csv": N_("The file is not a proper CSV, see line %(line)s."),
    "no_header": N_("The first line must name the columns."), "no_rows": N_("There is no row below the header."),
    "column_unknown": N_("No column is called %(column)s."),
    "column_twice": N_("The column %(column)s is there twice."),
    "column_missing": N_("The column %(column)s is missing."),
    "mixed": N_("Give the columns factor and value, or one column a factor, not both."),
    "rows_refused": N_("Some rows are refused, so nothing was imported."),
}  # fmt: skip


class _Known(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "–"


def refusal_text(code: str, message: str, values: Mapping[str, Any]) -> str:
    """Why a cell or a file was refused; in English where the reason is not one of ours."""
    known = REFUSALS.get("not_text_file" if code == "not_text" and "value" not in values else code)
    return gettext(known) % _Known(values) if known else message
