"""One index that uv and pip resolve against, so that what the one says can be held against the other."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_sdist, make_wheel
from wheelwarm.inputs.requirements import read
from wheelwarm.model import Silent
from wheelwarm.parts import located
from wheelwarm.resolution.resolver import resolve
from wheelwarm.resolution.uv_resolver import resolve_by_uv
from wheelwarm.targets.elsewhere import Elsewhere
from wheelwarm.targets.probing import probe

if TYPE_CHECKING:
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment
    from wheelwarm.model import Artifact, Resolution

UV = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv") or ""
NOW = 1_800_000_000.0
needs_uv = pytest.mark.skipif(not UV, reason="uv is not installed: pip install 'wheelwarm[uv]'")


class UvWorld:
    """One index that uv and pip resolve against, each time with a scratch folder of its own."""

    def __init__(self, pip: PipEnvironment, index: Index, folder: Path) -> None:
        self.pip, self.index, self.folder = pip, index, folder
        self.environ = pip.environ(cache_dir=folder / "cache", index=index) | {"PIP_RETRIES": "0"}
        self.elsewhere = Elsewhere()
        self._runs = 0

    def uv(self, *arguments: str, **options: object) -> Resolution:
        """Let uv resolve; `options` are those of `requirements.read`, and `variables` those of the environment."""
        return self._by(resolve_by_uv, arguments, options)

    def by_pip(self, *arguments: str, **options: object) -> Resolution:
        """Let pip resolve the same."""
        return self._by(resolve, arguments, options)

    def _by(self, resolver: object, arguments: tuple[str, ...], options: dict[str, object]) -> Resolution:
        self._runs += 1
        scratch = self.folder / f"scratch {self._runs}"
        scratch.mkdir()
        environ = {**self.environ, **dict(options.pop("variables", {}))}  # type: ignore[call-overload]
        target = located(probe(str(self.pip.python), environ=environ, cwd=self.folder), self.elsewhere)
        wanted = read(arguments, environ=environ, **options)  # type: ignore[arg-type]
        found: Resolution = resolver(  # type: ignore[operator]
            wanted, target, environ=environ, scratch=scratch, now=NOW, observer=Silent()
        )
        return found

    def wheel(self, name: str, version: str = "1.0", **facts: object) -> Path:
        """Publish a wheel."""
        path = make_wheel(self.folder, name, version, **facts)  # type: ignore[arg-type]
        self.index.add(path)
        return path

    def sdist(self, name: str, version: str = "1.0", **facts: object) -> Path:
        """Publish an sdist."""
        path = make_sdist(self.folder, name, version, **facts)  # type: ignore[arg-type]
        self.index.add(path)
        return path


def files(resolution: Resolution) -> dict[str, object]:
    """Return all that pip's cache and reports depend on, by file name."""
    return {
        one.filename: (one.kind, one.url, dict(one.hashes), one.link_hash, one.direct, one.version)
        for one in resolution.artifacts
    }


def by_name(resolution: Resolution) -> dict[str, Artifact]:
    """Return the artifacts by project."""
    return {one.name: one for one in resolution.artifacts}
