"""pip's own links and wheel cache as an oracle: one process of a real pip that answers one JSON line for each question.

Run as a script it is the process; imported it is the client.
"""

from __future__ import annotations

import base64
import json
import os
import posixpath
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType


class PipLinks:
    """A pip that reads index pages and looks into its wheel cache on request."""

    def __init__(self, python: Path | str = sys.executable) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        self._process = subprocess.Popen(
            [python, "-W", "ignore", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**environ, "PIP_CONFIG_FILE": os.devnull},
            text=True,
        )

    def __enter__(self) -> PipLinks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.communicate()

    def parse(self, body: bytes, content_type: str, url: str) -> list[dict[str, Any]]:
        """Return the links of an index page that have a file name, in pip's words."""
        page = base64.b64encode(body).decode("ascii")
        links: list[dict[str, Any]] = self._ask("parse", page=page, content_type=content_type, url=url)
        return links

    def wheel_folder(self, url: str, cache_dir: Path) -> str:
        """Return the folder for the wheels of a link that may have a fragment."""
        return str(self._ask("wheel_folder", url=url, cache_dir=str(cache_dir)))

    def wheel(self, url: str, cache_dir: Path, project: str, tags: Sequence[str]) -> str | None:
        """Return the file name of the built wheel that pip would take for a link, None if it would build."""
        name: str | None = self._ask("wheel", url=url, cache_dir=str(cache_dir), project=project, tags=list(tags))
        return name

    def keeps(self, url: str) -> bool:
        """Whether pip keeps what it builds from the archive at `url`."""
        return bool(self._ask("keeps", url=url))

    def interpreter(self) -> dict[str, str]:
        """Return `interpreter_name` and `interpreter_version` as they stand in a key."""
        words: dict[str, str] = self._ask("interpreter")
        return words

    def _ask(self, question: str, **arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([question, arguments]), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["answer"]


def _parse(page: str, content_type: str, url: str) -> list[dict[str, Any]]:
    from email.message import Message

    from pip._internal.index.collector import IndexContent, parse_links

    header = Message()
    header["content-type"] = content_type
    charset = header.get_param("charset")
    content = IndexContent(base64.b64decode(page), content_type, charset and str(charset), url, False)
    return [_link(link) for link in parse_links(content) if posixpath.basename(link.path.rstrip("/"))]


def _link(link: Any) -> dict[str, Any]:
    described = {
        "filename": posixpath.basename(link.path.rstrip("/")),
        "url": link.url_without_fragment,
        "hash": [link.hash_name, link.hash] if link.hash_name else None,
        "requires_python": link.requires_python,
        "yanked": link.is_yanked,
    }
    if hasattr(link, "metadata_file_data"):
        offer = link.metadata_file_data
        described["core_metadata"] = None if offer is None else offer.hashes or {}
        described["metadata_url"] = link.metadata_link().url if offer else None
    return described


def _wheel_cache(cache_dir: str) -> Any:
    import inspect

    from pip._internal.cache import SimpleWheelCache

    # pip < 23.1 asked for the --only-binary choices, too.
    if len(inspect.signature(SimpleWheelCache).parameters) == 1:
        return SimpleWheelCache(cache_dir)
    from pip._internal.models.format_control import FormatControl

    return SimpleWheelCache(cache_dir, FormatControl())  # type: ignore[call-arg]


def _wheel_folder(url: str, cache_dir: str) -> str:
    from pip._internal.models.link import Link

    return str(_wheel_cache(cache_dir).get_path_for_link(Link(url)))


def _wheel(url: str, cache_dir: str, project: str, tags: list[str]) -> str | None:
    from pip._internal.models.link import Link
    from pip._vendor.packaging.tags import Tag

    link = Link(url)
    found = _wheel_cache(cache_dir).get(link, project, [Tag(*tag.split("-")) for tag in tags])
    return None if found is link else str(found.filename)


def _keeps(url: str) -> bool:
    from pip._internal.models.link import Link
    from pip._internal.wheel_builder import _contains_egg_info

    return _contains_egg_info(Link(url).splitext()[0])


def _interpreter() -> dict[str, str]:
    from pip._vendor.packaging import tags

    return {"interpreter_name": tags.interpreter_name(), "interpreter_version": tags.interpreter_version()}


def _serve() -> None:
    questions = {
        "parse": _parse,
        "wheel_folder": _wheel_folder,
        "wheel": _wheel,
        "keeps": _keeps,
        "interpreter": _interpreter,
    }
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        question, arguments = json.loads(line)
        try:
            answer = {"answer": questions[question](**arguments)}  # type: ignore[operator]
        except Exception as exc:  # noqa: BLE001 - whatever pip raises is the answer
            answer = {"error": f"{type(exc).__name__}: {exc}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    import logging

    logging.disable()
    # The folder of this script would hide modules of pip's.
    del sys.path[0]
    _serve()
