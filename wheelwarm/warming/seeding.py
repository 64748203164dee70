"""When to store what the server's headers keep pip from storing or reusing. Pure."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from wheelwarm import urls

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wheelwarm.model import Artifact


class Seed(StrEnum):
    """Whether to store a body although the server's headers do not let pip store or reuse it."""

    VERIFIED = "verified"
    """If its hash was checked against the index's or the requirement's."""
    NEVER = "never"


class SeedPolicy(NamedTuple):
    """What holds in general, and what for single hosts: those of the file, and of the index pages that list it.

    `indexes` are the hosts of each project's pages; where hosts differ, `never` counts.
    """

    general: Seed = Seed.VERIFIED
    hosts: Mapping[str, Seed] = MappingProxyType({})
    indexes: Mapping[str, frozenset[str]] = MappingProxyType({})

    def of(self, artifact: Artifact) -> Seed:
        """Return what holds for a file."""
        if not self.hosts:
            return self.general
        from packaging.utils import canonicalize_name

        hosts = {host_of(artifact.url), *self.indexes.get(canonicalize_name(artifact.name), ())}
        said = {self.hosts[host] for host in hosts if host in self.hosts}
        return Seed.NEVER if Seed.NEVER in said else Seed.VERIFIED if said else self.general

    def knowing(self, asked: Iterable[str]) -> SeedPolicy:
        """Return the same policy with the index pages known that pip asked for."""
        indexes: dict[str, set[str]] = {}
        for url in asked if self.hosts else ():
            if urls.is_page(url):
                indexes.setdefault(urls.page_project(url), set()).add(host_of(url))
        return self._replace(indexes={name: frozenset(hosts) for name, hosts in indexes.items()})


def host_of(url: str) -> str:
    """Return a URL's host in lower case, without its port."""
    return urlsplit(url).hostname or ""
