"""Whether there is a network: a connection to each index's server, or to the proxy before it; nothing is sent."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wheelwarm.errors import OfflineError, WheelwarmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.targets.target import Target

PATIENCE_SECONDS = 3.0
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Reach:
    """The servers that a run depends on, as (host, port); none where everything is local."""

    servers: tuple[tuple[str, int], ...]

    @contextmanager
    def required(self) -> Iterator[None]:
        """Raise OfflineError at once while no server can be reached, and in place of an error that this explains."""
        self.check()
        try:
            yield
        except WheelwarmError:
            self.check()
            raise

    def check(self) -> None:
        """Raise OfflineError when there are servers and none can be reached."""
        if self.servers and not any(answers(server) for server in self.servers):
            hosts = ", ".join(dict.fromkeys(host for host, _ in self.servers))
            raise OfflineError(
                f"{hosts} cannot be reached, so nothing was done.",
                hint="Run it again with a network; --strict makes this an error.",
            )


def reach_of(requirements: RequirementSet, targets: Iterable[Target]) -> Reach:
    """Name the servers behind the indexes that the targets' pips are set to, and behind direct URLs."""
    servers = [
        server_of(url, proxy=target.setting("proxy")) for target in targets for url in urls_of(requirements, target)
    ]
    return Reach(tuple(dict.fromkeys(server for server in servers if server)))


def urls_of(requirements: RequirementSet, target: Target) -> Iterator[str]:
    """Yield where a target's pip would look: requirements that are URLs, files by URL, pages of links, indexes."""
    options = requirements.options
    yield from (*requirements.direct_urls, *requirements.remote_files, *options.find_links)
    if options.no_index or target.setting("no-index"):
        return
    yield options.index_url or target.setting("index-url") or target.index
    yield from (*options.extra_index_urls, *(target.setting("extra-index-url") or "").split())


def server_of(url: str, *, proxy: str | None = None) -> tuple[str, int] | None:
    """Return whom a connection for a URL goes to, the proxy where there is one; None for what is no http(s) URL."""
    from urllib.request import getproxies, proxy_bypass

    try:
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            return None
        proxies = getproxies()
        through = proxy or proxies.get(parts.scheme) or proxies.get("all")
        if through and not proxy_bypass(parts.hostname):
            parts = urlsplit(through if "://" in through else f"http://{through}")
        return (parts.hostname, parts.port or PORTS.get(parts.scheme, 80)) if parts.hostname else None
    except ValueError:
        return None


def answers(server: tuple[str, int]) -> bool:
    """Tell whether a server takes a connection within a few seconds."""
    import socket

    try:
        with socket.create_connection(server, timeout=PATIENCE_SECONDS):
            return True
    except (OSError, UnicodeError):
        return False
