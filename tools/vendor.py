"""Vendor the portal's browser files from npm: fetch, check, copy, write the lock.

Run by a person after editing `tools/vendor.toml`: `python tools/vendor.py`. Needs `npm`. Nothing at run
time or in CI fetches anything: the result is committed, and a test recomputes every sha256 of the lock.
The lock holds no registry address, so that it is the same wherever the package came from.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "tools" / "vendor.toml"
VENDOR = ROOT / "web" / "static" / "vendor"
LOCK = VENDOR / "vendor.lock.json"
SVG = "http://www.w3.org/2000/svg"


class VendorError(Exception):
    """The package is not what the configuration says."""


def fetch(package: dict[str, Any], folder: Path) -> Path:
    """Get the tarball through npm and compare its sha512 with the pinned one."""
    spec = f"{package['name']}@{package['version']}"
    done = subprocess.run(
        ["npm", "pack", "--silent", "--pack-destination", str(folder), spec],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    tarball = folder / done.stdout.strip().splitlines()[-1]
    digest = "sha512-" + base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if digest != package["integrity"]:
        raise VendorError(f"{spec}: integrity is {digest}, expected {package['integrity']}")
    return tarball


def member(archive: tarfile.TarFile, path: str) -> bytes:
    """Bytes of one file of a package."""
    found = archive.extractfile(f"package/{path}")
    if found is None:
        raise VendorError(f"{path} is not a file")
    return found.read()


def sprite(archive: tarfile.TarFile, names: list[str]) -> bytes:
    """One SVG with a symbol for each icon; stroke and fill are left to the page's CSS."""
    ET.register_namespace("", SVG)
    root = ET.Element(f"{{{SVG}}}svg")
    for name in sorted(names):
        icon = ET.fromstring(member(archive, f"icons/{name}.svg"))  # noqa: S314 - its package was checked
        symbol = ET.SubElement(root, f"{{{SVG}}}symbol", {"id": name, "viewBox": icon.attrib["viewBox"]})
        for shape in icon:
            shape.tail = None
            symbol.append(shape)
        symbol.tail = "\n"
    return ET.tostring(root, encoding="utf-8") + b"\n"


def destination(package: dict[str, Any], target: str) -> Path:
    """Where a file goes: `/x` from the root of the tree, else into the package's vendor folder."""
    if target.startswith("/"):
        return ROOT / target[1:]
    return VENDOR / f"{package['name']}-{package['version']}" / target


def install(package: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Copy what is asked for and return the package's entry of the lock."""
    written: dict[str, str] = {}
    with tarfile.open(fetch(package, folder)) as archive:
        contents = {target: member(archive, source) for source, target in package["files"].items()}
        if package.get("icons"):
            contents["icons.svg"] = sprite(archive, package["icons"])
    for target, content in contents.items():
        path = destination(package, target)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        written[path.relative_to(ROOT).as_posix()] = hashlib.sha256(content).hexdigest()
    keys = ("name", "version", "licence", "integrity")
    return {**{key: package[key] for key in keys}, "files": dict(sorted(written.items()))}


def main() -> int:
    packages = tomllib.loads(CONFIG.read_text("utf-8"))["package"]
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        entries = [install(package, Path(folder)) for package in packages]
    LOCK.write_text(json.dumps({"packages": entries}, indent=2) + "\n", "utf-8")
    for entry in entries:
        print(f"{entry['name']} {entry['version']}: {len(entry['files'])} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
