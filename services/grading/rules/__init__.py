"""The shipped rule versions: one YAML file each, read and checked when the process starts."""

from functools import cache
from pathlib import Path

import yaml
from pydantic import TypeAdapter

from services.grading.domain.rules import Rules

FOLDER = Path(__file__).parent


@cache
def rule_versions() -> tuple[Rules, ...]:
    """All versions, oldest first; raises `ValidationError` naming the field that is wrong."""
    read = TypeAdapter(Rules).validate_python
    versions = [read(yaml.safe_load(path.read_text(encoding="utf-8"))) for path in FOLDER.glob("*.yaml")]
    return tuple(sorted(versions, key=lambda rules: rules.valid_from))
