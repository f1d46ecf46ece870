"""The examples of the codec's README do what it prints under them."""

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from services.ingest.hj212 import codec

README = Path(codec.__file__).with_name("README.md")
EXAMPLE = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)


def test_examples() -> None:
    examples = EXAMPLE.findall(README.read_text("utf-8"))
    assert len(examples) == 3
    names: dict[str, object] = {}  # an example builds on the ones before it
    for code, expected in examples:
        out = StringIO()
        with redirect_stdout(out):
            exec(compile(code, str(README), "exec"), names)  # noqa: S102 - our own README
        assert out.getvalue() == expected


def test_every_module_and_every_code_is_named() -> None:
    text = README.read_text("utf-8")
    modules = {path.stem for path in README.parent.glob("*.py")} - {"__init__"}
    assert {name for name in modules if f"`{name}`" not in text} == set()
    assert {reason for reason in codec.RejectReason if f"`{reason}`" not in text} == set()
    assert {repair for repair in codec.Repair if f"`{repair}`" not in text} == set()
