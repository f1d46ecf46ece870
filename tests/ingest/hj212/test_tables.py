import pytest

from services.ingest.hj212.codec import Role, expected_answer, parse_segment, role_of, tables


def test_sizes_of_the_printed_tables() -> None:
    by_medium = {
        medium: sum(1 for factor in tables.factors().values() if factor.medium == medium)
        for medium in ("water", "gas", "noise")
    }

    assert by_medium == {"water": 63, "gas": 121, "noise": 12}
    assert len(tables.systems()) == 22
    assert len(tables.field_information()) == 38 + 4  # the 2025 edition adds four
    assert len(tables.process_factors()) == 143


def test_rows() -> None:
    assert tables.factors()["w01018"] == ("w01018", "化学需氧量", "COD (CODCr)", "water", "mg/L", "kg", "N5.1", "011")
    assert tables.factors()["w20111"][4:6] == ("µg/L", "g")
    assert tables.factors_2005()["020"][4:] == ("mg/L", "N2.3", "w20111")
    assert tables.systems()["32"].zh == "地表水体环境污染源"
    assert tables.flags()["D"].en == "instrument fault"
    assert tables.return_codes()["qn_rtn"][1]["zh"] == "准备执行请求"
    assert tables.return_codes()["exe_rtn"][100]["en"] == "no data"
    assert tables.commands()["9015"].answer == "9013"
    assert tables.process_factors()["e701xx"]["also"]["zh"] == "加药量"


def test_every_name_is_given_in_both_languages() -> None:
    tables.warm()
    for table in (tables.factors(), tables.factors_2005(), tables.systems(), tables.commands(), tables.flags()):
        assert [row.code for row in table.values() if not (row.zh and row.en)] == []


def test_any_code_can_be_described() -> None:
    found = {
        code: tables.describe(code) for code in ("w01018", "011", "e30102", "g11901", "i33313", "i13004", "x1", "")
    }
    assert {code: row.zh for code, row in found.items() if row} == {
        "w01018": "化学需氧量", "011": "化学需氧量（CODcr）", "e30102": "污水提升泵", "g11901": "脱硫率",
        "i33313": "炉膛内上部焚烧温度",
        "i13004": "消解温度",
    }  # fmt: skip
    assert tables.describe("e30102") == ("污水提升泵", "sewage lift pump current", "A")


def test_codes_of_both_editions_point_at_each_other() -> None:
    assert [
        old.code for old in tables.factors_2005().values() if old.code_2017 and old.code_2017 not in tables.factors()
    ] == []
    assert [
        factor.code
        for factor in tables.factors().values()
        if factor.code_2005 and tables.factors_2005()[factor.code_2005].code_2017 != factor.code
    ] == []


# (CN, Flag, data area, role, answer)
ROLES = [
    ("2011", 5, "DataTime=20240601085800;w01018-Rtd=1", Role.UPLOAD, "9014"),
    ("2011", 4, "DataTime=20240601085800;w01018-Rtd=1", Role.UPLOAD, None),
    ("2011", 5, "", Role.REQUEST, "9014"),
    ("2051", 5, "BeginTime=1,EndTime=2", Role.REQUEST, "9014"),
    ("2021", 5, "DataTime=20240601085800;SB1-RS=1", Role.UPLOAD, "9014"),
    ("1013", 5, "PolId=w01018", Role.NOTIFY, "9013"),
    ("9015", 9, "", Role.HEARTBEAT, "9013"),
    ("9021", 5, "", Role.HEARTBEAT, "9014"),
    ("9021", 4, "", Role.HEARTBEAT, None),
    ("3060", 5, "DataTime=20240601085800;x-y=1", Role.UPLOAD, "9014"),  # known, foreign
    ("1014", 9, "SKCreateTime=20240601085800", Role.UPLOAD, "9013"),
    ("1014", 9, "SKCreateTime=20240601085800,NewSK=0123456789abcdef", Role.REQUEST, "9013"),
    ("1001", 9, "i23005-Info=A", Role.UPLOAD, "9013"),
    ("1001", 3, "WarnTime=5", Role.REQUEST, "9013"),
    ("9011", 5, "QnRtn=1", Role.ANSWER, None),
    ("9012", 5, "ExeRtn=1", Role.ANSWER, None),
    ("9013", 5, "", Role.ANSWER, None),
    ("9014", 5, "", Role.ANSWER, None),
    ("1062", 5, "RtdInterval=30", Role.REQUEST, None),
    ("2012", 5, "", Role.NOTIFY, None),
    ("3999", 5, "DataTime=20240601085800", Role.UNKNOWN, "9014"),
    ("3999", 4, "DataTime=20240601085800", Role.UNKNOWN, None),
]


@pytest.mark.parametrize(("cn", "flag", "cp", "role", "answer"), ROLES)
def test_roles_and_answers(cn: str, flag: int, cp: str, role: Role, answer: str | None) -> None:
    packet = parse_segment(f"QN=20240601085857223;ST=32;CN={cn};PW=1;MN=M1;Flag={flag};CP=&&{cp}&&".encode())

    assert role_of(packet) is role
    assert expected_answer(packet) == answer


def test_every_row_of_every_table_has_both_names() -> None:
    rows: list[tuple[str, str, str]] = []
    rows += [(row.code, row.zh, row.en) for row in tables.factors().values()]
    rows += [(row.code, row.zh, row.en) for row in tables.factors_2005().values()]
    rows += [(row.code, row.zh, row.en) for row in tables.commands().values()]
    rows += [(row.code, row.zh, row.en) for row in tables.systems().values()]
    rows += [(row.code, row.zh, row.en) for row in tables.flags().values()]
    for table in (tables.process_factors(), tables.field_information()):
        rows += [(code, row["zh"], row.get("en", "")) for code, row in table.items()]
        rows += [(code, row["also"]["zh"], row["also"].get("en", "")) for code, row in table.items() if "also" in row]
    for name in ("fields.yaml", "suffixes.yaml"):
        rows += [(code, row["zh"], row.get("en", "")) for code, row in tables.read_table(name).items()]

    assert [row for row in rows if not row[1].strip() or not row[2].strip()] == []
    assert [row for row in rows if not row[2].isascii() and not set(row[2]) & set("转态密封剂除物器")] == []
