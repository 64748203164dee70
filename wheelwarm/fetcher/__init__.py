"""Parallel HTTP to temporary files, hashed on the way. The only HTTP client.

One thread does it all, in an event loop: a second one that decrypts or hashes would only wait for Python's lock, which
changes hands at every 16 kB of TLS.

It asks as pip asks (the same URL, the same headers that a Vary can name) and trusts as pip trusts; what pip alone can
do with keyrings and odd proxies it leaves to pip, by a FetchError with `pip_may`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from wheelwarm.errors import FetchError
from wheelwarm.fetcher.files import Download, Fetched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from wheelwarm.fetcher.background import Background
    from wheelwarm.fetcher.connections import Connections
    from wheelwarm.targets.network import Network

__all__ = ["Download", "Fetched", "Fetcher"]

T = TypeVar("T")


class _Told(NamedTuple):
    """The watcher made of two functions."""

    begin: Callable[[str, int | None], None]
    advance: Callable[[str, int], None]


class Fetcher:
    """A pool of connections for one run; use it as a context manager.

    The HTTP client and the authorities to trust are loaded for the first file: most runs have nothing to fetch.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self._connections: Connections | None = None
        self._background: Background | None = None
        self._cancelled = False

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *exc_info: object) -> None:
        background, self._background = self._background, None
        if background is not None:
            background.close()

    def cancel(self) -> None:
        """End every transfer now, for good."""
        self._cancelled = True
        if self._background is not None:
            self._background.cancel_all()

    def fetch_all(
        self,
        downloads: Sequence[Download],
        *,
        new_body: Callable[[], Path],
        on_begin: Callable[[str, int | None], None] = lambda _name, _size: None,
        on_bytes: Callable[[str, int], None] = lambda _name, _amount: None,
    ) -> Iterator[tuple[Download, Fetched | FetchError]]:
        """Fetch several at once, the largest first, and yield each as it is done, failed ones with their error.

        `new_body` makes the temporary file a body is written to; it is removed again unless the body is yielded.
        """
        kept = self.fetch_each(
            downloads, new_body=new_body, then=lambda _download, fetched: fetched, on_begin=on_begin, on_bytes=on_bytes
        )
        yield from kept

    def fetch_each(
        self,
        downloads: Sequence[Download],
        *,
        new_body: Callable[[], Path],
        then: Callable[[Download, Fetched], T],
        on_begin: Callable[[str, int | None], None] = lambda _name, _size: None,
        on_bytes: Callable[[str, int], None] = lambda _name, _amount: None,
    ) -> Iterator[tuple[Download, T | FetchError]]:
        """Fetch several at once, and yield what `then` makes of each, beside the other transfers.

        `then` has the body to itself, and may be called in any thread. What else than a FetchError it raises ends
        everything.
        """
        from wheelwarm.fetcher.batch import Batch

        if not downloads:
            return
        connections, background = self._started()
        watcher = _Told(on_begin, on_bytes)
        yield from Batch(connections, watcher, new_body=new_body, then=then).results(downloads, background)

    def fetch(
        self,
        download: Download,
        body: Path,
        *,
        on_begin: Callable[[str, int | None], None] = lambda _name, _size: None,
        on_bytes: Callable[[str, int], None] = lambda _name, _amount: None,
    ) -> Fetched:
        """Fetch one file into `body`; whatever may pass, a cut in mid-file too, is tried again as often as pip retries.

        Raises FetchError, and CacheError when the disk is full; `body` is gone then.
        """
        wanted = self.fetch_all([download], new_body=lambda: body, on_begin=on_begin, on_bytes=on_bytes)
        ((_, result),) = wanted
        if isinstance(result, FetchError):
            raise result
        return result

    def _started(self) -> tuple[Connections, Background]:
        from wheelwarm.fetcher.background import Background
        from wheelwarm.fetcher.connections import Connections

        if self._connections is None or self._background is None:
            self._connections = Connections(self.network)
            self._background = Background(at_last=self._connections.close)
            if self._cancelled:
                self._background.cancel_all()
        return self._connections, self._background
