"""Many files at once: a few threads, the largest file first, parts of large files among them."""

from __future__ import annotations

import heapq
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from wheelwarm.errors import FetchError
from wheelwarm.fetcher import parts
from wheelwarm.fetcher.transfer import Piece

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from wheelwarm.fetcher.connections import Connections
    from wheelwarm.fetcher.files import Download, Fetched
    from wheelwarm.fetcher.transfer import Watcher

    Task = Callable[[], Fetched | None]

T = TypeVar("T")


class Batch(Generic[T]):
    """The files of one `fetch_all`.

    `new_body` makes the temporary file that a body is written to; `then` is called with what came, in the thread that
    fetched it, and what it returns is the result.
    """

    def __init__(
        self,
        connections: Connections,
        watcher: Watcher,
        *,
        new_body: Callable[[], Path],
        then: Callable[[Download, Fetched], T],
    ) -> None:
        self._connections = connections
        self._watcher = watcher
        self._new_body = new_body
        self._then = then
        self._pool = ThreadPoolExecutor(connections.network.jobs, thread_name_prefix="fetch")
        self._waiting: list[tuple[int, int, Download, Task]] = []
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._results: SimpleQueue[tuple[Download, Path | None, T | None, BaseException | None]] = SimpleQueue()
        self._bodies: set[Path] = set()

    def results(self, downloads: Sequence[Download]) -> Iterator[tuple[Download, T | FetchError]]:
        """Yield each file as it is done, failed ones with their error; bodies that are not yielded are removed."""
        try:
            for download in downloads:
                self._add(download.size or 0, download, partial(self._fetch, download))
            for _ in downloads:
                download, body, result, error = self._results.get()
                if error is not None and not isinstance(error, FetchError):
                    raise error
                if error is None and body is not None:
                    self._bodies.discard(body)
                yield download, error or cast("T", result)
        except BaseException:
            self._connections.cancel()
            raise
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)
            for body in self._bodies:
                body.unlink(missing_ok=True)

    def _add(self, size: int, download: Download, task: Task) -> None:
        """Have one more task done, by a thread that takes the largest of those that wait then."""
        with self._lock:
            heapq.heappush(self._waiting, (-size, next(self._numbers), download, task))
        self._pool.submit(self._work)

    def _work(self) -> None:
        with self._lock:
            *_, download, task = heapq.heappop(self._waiting)
        try:
            if (fetched := task()) is not None:
                self._results.put((download, fetched.path, self._then(download, fetched), None))
        except BaseException as exc:  # noqa: BLE001 - it is raised again, or yielded, where the results are awaited
            self._results.put((download, None, None, exc))

    def _fetch(self, download: Download) -> Fetched | None:
        """Fetch a file whole, or its first part and have the others fetched too."""
        body = self._new_body()
        self._bodies.add(body)
        in_parts = parts.suits(download, jobs=self._connections.network.jobs)
        size = download.size or 0
        end = parts.ends_of(size)[0] if in_parts else None
        lead = Piece(self._connections, download, body, self._watcher, end=end)
        lead.fetch()
        if lead.end is None:
            return lead.fetched()
        parted = parts.Parted(self._connections, download, body, self._watcher, lead=lead, size=size)
        for start, end in parted.spans:
            self._add(size, download, partial(parted.fetch, start, end))
        return None
