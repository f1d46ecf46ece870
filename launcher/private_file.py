"""Files only we may read, replaced as a whole: a reader sees the old text or the new one, never half."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def write_private(path: Path, content: Any, *, durable: bool = True) -> None:
    """Write JSON with mode 0600; `durable` waits until it is on the disk."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False, indent=2)
            file.write("\n")
            file.flush()
            if durable:
                os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_private(path: Path) -> Any:
    """The JSON in a file, or None where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
