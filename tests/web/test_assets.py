"""Vendored files, icons, templates, curves: what is shipped is what was checked."""

import hashlib
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from jinja2 import UndefinedError

from shared.contracts.ingest import ReadingKind
from tests.web.makers import COD, NOW, make_series, uid
from web.charts import Band, Chart, Window, around, chosen, flag_spans
from web.render import TEMPLATES, build_environment, icon
from web.static_files import icon_names, static, vendor

ROOT = Path(__file__).parent.parent.parent
LOCK = ROOT / "web" / "static" / "vendor" / "vendor.lock.json"
PAGES = sorted(TEMPLATES.rglob("*.html"))


def locked() -> dict[str, str]:
    packages = json.loads(LOCK.read_text("utf-8"))["packages"]
    return {path: digest for package in packages for path, digest in package["files"].items()}


def test_vendored_files_are_those_of_the_lock() -> None:
    assert {path: hashlib.sha256((ROOT / path).read_bytes()).hexdigest() for path in locked()} == locked()


def test_nothing_is_vendored_beside_the_lock() -> None:
    folder = LOCK.parent
    found = {path.relative_to(ROOT).as_posix() for path in folder.rglob("*") if path.is_file() and path != LOCK}
    assert found == {path for path in locked() if path.startswith("web/")}


def test_lock_names_licences_and_no_address() -> None:
    text = LOCK.read_text("utf-8")
    packages = json.loads(text)["packages"]

    assert {package["name"]: package["licence"] for package in packages} == {
        "htmx.org": "0BSD", "uplot": "MIT", "lucide-static": "ISC"
    }  # fmt: skip
    assert "://" not in text
    assert all(any(path.endswith("LICENSE") for path in package["files"]) for package in packages)


async def test_versioned_files_may_be_kept_forever(client: httpx.AsyncClient) -> None:
    script = await client.get(vendor("htmx.org", "htmx.min.js"))
    sheet = await client.get(static("css/tokens.css"))
    bare = await client.get("/static/css/tokens.css")

    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert sheet.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert bare.headers["cache-control"] == "public, max-age=300"


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(TEMPLATES)) for page in PAGES])
def test_template_compiles_is_small_and_asks_for_icons_that_exist(page: Path) -> None:
    text = page.read_text("utf-8")

    build_environment().get_template(page.relative_to(TEMPLATES).as_posix())

    assert text.count("\n") <= 200
    assert set(re.findall(r'icon\("([\w-]+)"', text)) - icon_names() == set()
    assert re.findall(r"hx-on|\bjs:|\sstyle=|<style|\son[a-z]+=", text) == []


def test_unknown_icon_is_an_error() -> None:
    with pytest.raises(KeyError, match="no icon 'nothing'"):
        icon("nothing")


def test_unknown_name_in_a_template_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        build_environment().from_string("{{ nothing }}").render()


def test_templates_escape() -> None:
    assert build_environment().from_string("{{ x }}").render(x="<b>") == "&lt;b&gt;"


def test_htmx_finds_no_syntax_of_its_older_version() -> None:
    command = [sys.executable, "tools/upgrade-check.py", "web/templates"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    found = [line for line in done.stdout.splitlines() if re.search(r"\.html:\d+", line)]
    # The checker takes htmx 4's own hx-disable for the one of htmx 2, and exits with 1 for it.
    findings = [line for line in found if "hx-disable" not in line]
    assert "Scanning" in done.stdout + done.stderr
    assert findings == []


def test_window_holds_the_episode_and_does_not_pass_now() -> None:
    window = around(NOW - timedelta(hours=9), NOW - timedelta(hours=2), NOW)

    assert window.until == NOW
    assert window.until - window.since == timedelta(days=1)
    assert around(NOW - timedelta(hours=2), NOW, NOW).until == NOW


def test_chosen_range_has_its_length() -> None:
    window = chosen("7d", NOW - timedelta(hours=9), NOW - timedelta(hours=2), NOW)

    assert window.until - window.since == timedelta(days=7)
    assert window.until == NOW
    assert chosen("1y", NOW, NOW, NOW) == around(NOW, NOW, NOW)


def make_chart(values: list[float | None], flags: dict[int, str] | None = None) -> Chart:
    start = datetime(2026, 11, 23, tzinfo=UTC)
    series = make_series(uid("outlet"), COD, ReadingKind.HOUR, start, start).model_copy(
        update={"v": values, "flags": flags or {}, "t0": int(start.timestamp()), "step": 3600}
    )
    window = Window(start, start + timedelta(hours=max(1, len(values) - 1)))
    return Chart(series, window, "COD", [Band(start, start + timedelta(hours=1), "bad")])


def test_curve_breaks_at_gaps() -> None:
    path = re.search(r'd="([^"]*)"', make_chart([10, 20, None, 30]).spark())

    assert path is not None
    assert path.group(1).count("M") == 2
    assert path.group(1).count("L") == 1


def test_curve_keeps_the_extremes_when_thinned() -> None:
    values: list[float | None] = [10.0] * 5000
    values[2500] = 90.0
    svg = make_chart(values).spark()
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", svg)]

    assert len(heights) < 250
    assert min(heights) < 3
    assert max(heights) > 20


def test_flags_join_to_spans() -> None:
    chart = make_chart([1, 1, 1, 1, 1], {1: "C", 2: "C", 3: "N", 4: "M"})
    t0 = chart.series.t0

    assert flag_spans(chart.series) == [(t0 + 3600, t0 + 3 * 3600), (t0 + 4 * 3600, t0 + 5 * 3600)]


def test_data_for_the_script_carry_limits_bands_and_words() -> None:
    data = make_chart([10, 20]).data()

    assert (data["step"], data["v"], data["label"], data["unit"]) == (3600, [10, 20], "COD", "mg/L")
    assert [limit["v"] for limit in data["limits"]] == [50]
    assert data["bands"][0]["kind"] == "bad"
    assert json.dumps(data)


def test_empty_curve_says_so() -> None:
    assert make_chart([None, None]).empty
    assert "COD" in make_chart([None]).said()
