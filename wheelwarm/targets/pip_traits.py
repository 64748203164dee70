"""What a given pip version does with its cache, pure: measured on real pips, which the tests ask again.

Compared by release, so that a pre-release of a version counts as that version.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from wheelwarm.model import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping

_COMMON: Mapping[str, str | None] = {"Connection": "keep-alive"}
_FILE = MappingProxyType({**_COMMON, "Accept": "*/*", "Accept-Encoding": "identity"})
_PAGE_ACCEPT = (
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"  # PEP 691
)


class PipTraits(NamedTuple):
    """The facts of one pip version that wheelwarm depends on."""

    release: tuple[int, ...]

    @property
    def supported(self) -> bool:
        """Whether it can tell what it would install (`--report`, 22.2)."""
        return self._since(22, 2)

    @property
    def layout(self) -> Layout:
        """The section of the cache that it reads and writes."""
        return Layout.HTTP_V2 if self._since(23, 3) else Layout.HTTP

    @property
    def always_takes_built_wheels(self) -> bool:
        """Whether it takes a locally built wheel also where hashes are checked, and under `--no-binary` (23.1)."""
        return self._since(23, 1)

    @property
    def inherits_permissions(self) -> bool:
        """Whether cached files get the read and write bits of the section's folder."""
        return self._since(25, 0)

    @property
    def dry_run_fetches_bodies(self) -> bool:
        """Whether `install --dry-run` downloads wheels although the index has their core metadata."""
        return not self._since(25, 3)

    @property
    def trusts_system(self) -> bool:
        """Whether, on Python 3.10 and later, what the system trusts counts beside a bundle that is named."""
        return self._since(24, 2)

    @property
    def groups(self) -> bool:
        """Whether it has `--group` (PEP 735)."""
        return self._since(25, 1)

    @property
    def build_constraints(self) -> bool:
        """Whether it has `--build-constraint`."""
        return self._since(25, 3)

    @property
    def reads_pylock(self) -> bool:
        """Whether `-r` takes a pylock.toml (PEP 751)."""
        return self._since(26, 1)

    @property
    def serves_fresh_pages(self) -> bool:
        """Whether an index page is used without a request while it is fresh."""
        return self._since(26, 2)

    @property
    def refresh_package(self) -> bool:
        """Whether it has `--refresh-package`."""
        return self._since(26, 2)

    @property
    def file_headers(self) -> Mapping[str, str | None]:
        """The headers of a request for a wheel or sdist that a Vary can reasonably name."""
        return _FILE

    @property
    def metadata_headers(self) -> Mapping[str, str | None]:
        """The headers of a request for a `.metadata` file."""
        return _FILE

    @property
    def page_headers(self) -> Mapping[str, str | None]:
        """The headers of a request for an index page.

        Accept-Encoding is None, unknown, before 26.1.2: there it tells of the interpreter's brotli and zstd.
        """
        encoding = "gzip, deflate" if self._since(26, 1, 2) else None
        headers = {**_COMMON, "Accept": _PAGE_ACCEPT, "Accept-Encoding": encoding}
        if not self.serves_fresh_pages:
            headers["Cache-Control"] = "max-age=0"
        return MappingProxyType(headers)

    def _since(self, *release: int) -> bool:
        return (*self.release, 0, 0) >= release


def traits(version: str) -> PipTraits:
    """Return the traits of a pip version, of what is none those of no supported one.

    Its release is read here: packaging's Version takes as long to load as all that is asked of it.
    """
    found = re.match(r"\d+(?:\.\d+)*", version, re.ASCII)
    return PipTraits(tuple(map(int, found[0].split("."))) if found else ())
