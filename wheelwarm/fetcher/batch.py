"""Many files at once: a few transfers side by side, the largest file first, parts of large files among them."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from wheelwarm.errors import FetchError
from wheelwarm.fetcher import parts
from wheelwarm.fetcher.answers import interrupted
from wheelwarm.fetcher.transfer import Piece

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from pathlib import Path

    from wheelwarm.fetcher.background import Background
    from wheelwarm.fetcher.connections import Connections
    from wheelwarm.fetcher.files import Download, Fetched
    from wheelwarm.fetcher.transfer import Watcher

    Task = Callable[[], Awaitable[Fetched | None]]

LONG_TO_COPY = 4 * 2**20
T = TypeVar("T")


class Batch(Generic[T]):
    """The files of one `fetch_each`; everything but `results` happens in the event loop.

    `new_body` makes the temporary file that a body is written to; `then` is called with what came, and what it returns
    is the result.
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
        self._jobs = connections.network.jobs
        self._waiting: list[tuple[int, int, Download, Task]] = []
        self._numbers = itertools.count()
        self._workers: set[asyncio.Task[None]] = set()
        self._open: dict[int, Download] = {}
        self._results: SimpleQueue[tuple[Download, Path | None, T | None, BaseException | None]] = SimpleQueue()
        self._bodies: set[Path] = set()
        self._over = threading.Event()

    def results(
        self, downloads: Sequence[Download], background: Background
    ) -> Iterator[tuple[Download, T | FetchError]]:
        """Yield each file as it is done, failed ones with their error; bodies that are not yielded are removed."""
        try:
            background.begin(self, partial(self._begin, downloads))
            for _ in downloads:
                download, body, result, error = self._results.get()
                if error is not None and not isinstance(error, FetchError):
                    raise error
                if error is None and body is not None:
                    self._bodies.discard(body)
                yield download, error or cast("T", result)
        finally:
            background.cancel(self)
            self._over.wait()
            for body in self._bodies:
                body.unlink(missing_ok=True)

    def cancel(self) -> None:
        """End every transfer now; what has no result yet was interrupted."""
        self._waiting.clear()
        for worker in self._workers:
            worker.cancel()
        if not self._workers:
            self._end()

    def _begin(self, downloads: Sequence[Download]) -> None:
        self._open = {id(download): download for download in downloads}
        for download in downloads:
            self._add(download.size or 0, download, partial(self._fetch, download))

    def _add(self, size: int, download: Download, task: Task) -> None:
        """Have one more task done, by a worker that takes the largest of those that wait then."""
        heapq.heappush(self._waiting, (-size, next(self._numbers), download, task))
        if len(self._workers) < self._jobs:
            worker = asyncio.get_running_loop().create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._leave)

    async def _work(self) -> None:
        while self._waiting:
            *_, download, task = heapq.heappop(self._waiting)
            try:
                if (fetched := await task()) is not None:
                    self._put(download, fetched.path, await self._finished(download, fetched))
            except asyncio.CancelledError:
                raise
            except BaseException as exc:  # noqa: BLE001 - raised again, or yielded, where the results are awaited
                self._put(download, error=exc)

    async def _finished(self, download: Download, fetched: Fetched) -> T:
        """Do what is to be done then: beside the other transfers if the body may be copied for it, which takes time."""
        if fetched.size > LONG_TO_COPY:
            return await asyncio.to_thread(self._then, download, fetched)
        return self._then(download, fetched)

    def _leave(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if not self._workers:
            self._end()

    def _end(self) -> None:
        for download in [*self._open.values()]:
            self._put(download, error=interrupted())
        self._over.set()

    def _put(
        self,
        download: Download,
        body: Path | None = None,
        result: T | None = None,
        *,
        error: BaseException | None = None,
    ) -> None:
        self._open.pop(id(download), None)
        self._results.put((download, body, result, error))

    async def _fetch(self, download: Download) -> Fetched | None:
        """Fetch a file whole, or its first part and have the others fetched too."""
        body = self._new_body()
        self._bodies.add(body)
        if parts.suits(download, jobs=self._jobs):
            add = partial(self._add, download.size or 0, download)
            return await parts.Parted(self._connections, download, body, self._watcher, add=add).begin()
        piece = Piece(self._connections, download, body, self._watcher)
        await piece.fetch()
        return piece.fetched()
