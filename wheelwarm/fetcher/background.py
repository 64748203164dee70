"""An event loop in a thread of its own, for callers that wait for nothing but the next result."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Addresses = list[tuple[Any, ...]]


class Job(Protocol):
    """What goes on in the event loop until it is over."""

    def cancel(self) -> None:
        """End it now; called in the event loop, more than once perhaps."""


class Loop(asyncio.SelectorEventLoop):
    """An event loop that asks for a host's addresses once, however many connections to it are made.

    Of as many questions at a time name servers may lose some, and the system asks again after five seconds.
    It watches sockets that it has not made, which Windows' usual loop does not.
    """

    def __init__(self) -> None:
        super().__init__()
        self._addresses: dict[object, asyncio.Future[Addresses]] = {}

    async def getaddrinfo(  # type: ignore[override]
        self, host: str | None, port: int | None, **options: int
    ) -> Addresses:
        """Return what `socket.getaddrinfo` tells; its error is told to all who wait, and then forgotten."""
        question = (host, port, *sorted(options.items()))
        if question not in self._addresses:
            asked = self._ask(partial(socket.getaddrinfo, host, port, **options))
            self._addresses[question] = asked
            asked.add_done_callback(partial(self._forget_failure, question))
        return await asyncio.shield(self._addresses[question])

    def _ask(self, question: Callable[[], Addresses]) -> asyncio.Future[Addresses]:
        """Ask in a thread for which no end of the program waits: a name server may be silent for long."""
        answer: asyncio.Future[Addresses] = self.create_future()

        def ask() -> None:
            try:
                tell = partial(answer.set_result, question())
            except Exception as exc:  # noqa: BLE001 - raised where the answer is awaited
                tell = partial(answer.set_exception, exc)
            with suppress(RuntimeError):  # nobody waits any longer, and the loop is closed
                self.call_soon_threadsafe(tell)

        threading.Thread(target=ask, name="look up", daemon=True).start()
        return answer

    def _forget_failure(self, question: object, answered: asyncio.Future[Addresses]) -> None:
        if answered.exception():
            del self._addresses[question]


class Background:
    """The thread and its loop; `at_last` is awaited before they end."""

    def __init__(self, at_last: Callable[[], Awaitable[None]]) -> None:
        self._at_last = at_last
        self._jobs: list[Job] = []
        self._is_cancelled = False
        self._loop = Loop()
        self._thread = threading.Thread(target=self._serve, name="fetch")
        self._thread.start()

    def begin(self, job: Job, begin: Callable[[], None]) -> None:
        """Have a job begin in the loop, unless all was cancelled."""
        self._loop.call_soon_threadsafe(self._begin, job, begin)

    def cancel(self, job: Job) -> None:
        """End one job, now or before it begins."""
        self._loop.call_soon_threadsafe(self._cancel, job)

    def cancel_all(self) -> None:
        """End every job now, and every later one as it begins."""
        self._is_cancelled = True
        for job in [*self._jobs]:
            self.cancel(job)

    def close(self) -> None:
        """End the thread, once it is idle."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _begin(self, job: Job, begin: Callable[[], None]) -> None:
        begin()
        self._jobs.append(job)
        if self._is_cancelled:
            job.cancel()

    def _cancel(self, job: Job) -> None:
        job.cancel()
        if job in self._jobs:
            self._jobs.remove(job)

    def _serve(self) -> None:
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._at_last())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._loop.close()
