"""Caches made without a pip or a server: entries as wheelwarm stores what it fetched, wheels where pip builds them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING

from tests.helpers.artifacts import make_sdist, make_wheel, metadata_of
from wheelwarm.cache import wheels
from wheelwarm.cache.format import entry_path, key
from wheelwarm.cache.http import HttpCache
from wheelwarm.holdings.naming import Holding, Holdings, look
from wheelwarm.ledger.ledger import Ledger
from wheelwarm.model import Layout, Silent, StoredResponse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILES = "https://files.example/packages"
PYPI = "https://pypi.org/simple"


@dataclass(frozen=True, slots=True)
class Stock:
    """A cache below `root`, and a folder for what is put into it."""

    root: Path
    scratch: Path

    def store(
        self,
        url: str,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        layout: Layout = Layout.HTTP_V2,
        when: float | None = None,
    ) -> Path:
        """Store a body under a URL, fresh for ever unless `headers` say otherwise; return its metadata's path."""
        cache = HttpCache(self.root, layout=layout, inherits_permissions=True)
        file = cache.new_body()
        file.write_bytes(body)
        sent = {"Date": formatdate(usegmt=True), "Cache-Control": "max-age=365000000"} if headers is None else headers
        cache.store(url, StoredResponse(status=200, headers=dict(sent)), file)
        path = cache.section / entry_path(key(url))
        if when is not None:
            for one in (path, path.with_name(f"{path.name}.body")):
                if one.exists():
                    os.utime(one, (when, when))
        return path

    def wheel(self, name: str, version: str, *, tag: str = "py3-none-any", when: float | None = None) -> Path:
        """Store a wheel, and return its metadata's path."""
        wheel = make_wheel(self.scratch, name, version, tag=tag)
        return self.store(f"{FILES}/{wheel.name}", wheel.read_bytes(), when=when)

    def metadata(self, name: str, version: str) -> Path:
        """Store the `.metadata` file of a wheel."""
        wheel = make_wheel(self.scratch, name, version)
        return self.store(f"{FILES}/{wheel.name}.metadata", metadata_of(wheel))

    def sdist(self, name: str, version: str) -> Path:
        """Store an sdist."""
        sdist = make_sdist(self.scratch, name, version)
        return self.store(f"{FILES}/{sdist.name}", sdist.read_bytes())

    def page(self, name: str, *files: str, url: str | None = None, more: Mapping[str, object] | None = None) -> Path:
        """Store a JSON index page that lists these file names, each with `more` about it."""
        about = {"hashes": {"sha256": "ab" * 32}, **(more or {})}
        listed = [{"filename": one, "url": f"{FILES}/{one}", **about} for one in files]
        body = json.dumps({"meta": {"api-version": "1.1"}, "name": name, "files": listed})
        return self.store(url or f"{PYPI}/{name}/", body.encode())

    def built(self, name: str, version: str, *, tag: str = "py3-none-any") -> Path:
        """Put a locally built wheel with its origin there, and return its path."""
        url = f"{FILES}/{name}-{version}.tar.gz"
        built_key = wheels.wheel_key(
            url, hash=None, subdirectory=None, interpreter_name="cp", interpreter_version="311"
        )
        folder = wheels.directory(self.root, built_key)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / wheels.ORIGIN).write_text(json.dumps({"url": url, "archive_info": {}}))
        return make_wheel(folder, name, version, tag=tag)

    def look(self) -> Holdings:
        """Look through it, with its ledger."""
        with Ledger(self.root) as ledger:
            return look(self.root, ledger, observer=Silent())

    def holdings(self) -> dict[str, Holding]:
        """Return everything but the ledger by its path below the cache directory."""
        return {one.item.path: one for one in self.look().all if not one.item.path.startswith("wheelwarm/")}
