"""Lock files (PEP 751) that name files of an index."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import tomli_w
from packaging.utils import parse_sdist_filename, parse_wheel_filename

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def lock_text(files: Mapping[str, Path], **more: Any) -> str:
    """Return a lock of these files, by the URLs at which they are; `more` are keys of the top level."""
    packages: dict[str, dict[str, Any]] = {}
    for url, path in files.items():
        wheel = path.suffix == ".whl"
        name, version = (parse_wheel_filename(path.name) if wheel else parse_sdist_filename(path.name))[:2]
        package = packages.setdefault(name, {"name": name, "version": str(version)})
        hashes = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        file = {"name": path.name, "url": url, "size": path.stat().st_size, "hashes": hashes}
        if wheel:
            package.setdefault("wheels", []).append(file)
        else:
            package["sdist"] = file
    lock = {"lock-version": "1.0", "created-by": "the tests", **more, "packages": list(packages.values())}
    return tomli_w.dumps(lock)
