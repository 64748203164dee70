"""pip's own requirements parser as an oracle: one process of a real pip that answers one JSON line for each question.

Run as a script it is the process; imported it is the client.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType


class PipParser:
    """A pip that parses requirement files on request."""

    def __init__(self, python: str = sys.executable) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        self._process = subprocess.Popen(
            [python, "-W", "ignore", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**environ, "PIP_CONFIG_FILE": os.devnull},
            text=True,
        )

    def __enter__(self) -> PipParser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.communicate()

    def ready(self) -> bool:
        """Whether this Python has a pip that can be asked."""
        return "error" not in self._ask({"probe": True, "folder": "/"})

    def parse(
        self, file: str, *, folder: Path, environ: Mapping[str, str] | None = None, constraint: bool = False
    ) -> dict[str, Any]:
        """Return `requirements` and `options` as pip reads them in that current folder, or `error`."""
        return self._ask({"file": file, "folder": str(folder), "environ": environ or {}, "constraint": constraint})

    def arguments(self, words: list[str], *, folder: Path) -> dict[str, Any]:
        """Return the `options` and `requirements` that pip's `download` command takes from these words, or `error`."""
        return self._ask({"words": words, "folder": str(folder), "environ": {}})

    def lines(self, file: str, *, folder: Path, environ: Mapping[str, str] | None = None) -> list[list[Any]] | None:
        """Return pip's logical lines of a file with their numbers; None when it cannot decode it."""
        answer = self._ask({"lines": file, "folder": str(folder), "environ": environ or {}})
        lines: list[list[Any]] | None = answer.get("answer")
        return lines

    def redact(self, url: str) -> str:
        """Return pip's redaction of a URL."""
        return str(self._ask({"redact": url, "folder": "/", "environ": {}})["redacted"])

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(question), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextlib.contextmanager
def pip_parser() -> Iterator[PipParser]:
    """Give the pip of the tests' own Python, or skip."""
    # Not on top: the pip that runs this file has no pytest beside it.
    import pytest

    with PipParser() as parser:
        if not parser.ready():
            pytest.skip("no pip can be imported by the tests' Python")
        yield parser


def _requirement(parsed: Any) -> dict[str, Any]:
    from pip._internal.req.constructors import install_req_from_parsed_requirement

    made = install_req_from_parsed_requirement(parsed)
    return {
        "text": parsed.requirement,
        "editable": parsed.is_editable,
        "constraint": parsed.constraint,
        "line": int(parsed.comes_from.rpartition("line ")[2].rstrip(")")),
        "hashes": sorted(f"{name}:{digest}" for name, many in made.hash_options.items() for digest in many),
        "name": made.req and made.req.name,
        "specifier": made.req and str(made.req.specifier),
        "marker": made.markers and str(made.markers),
        "url": made.link and made.link.url,
    }


def _options(finder: Any, session: Any, options: Any) -> dict[str, Any]:
    control = getattr(finder, "release_control", None)
    return {
        "index_urls": list(finder.index_urls),
        "no_index": getattr(finder.search_scope, "no_index", None),
        "find_links": list(finder.find_links),
        "trusted_hosts": [f"{host}:{port}" if port else host for host, port in session.pip_trusted_origins],
        "prefer_binary": finder.prefer_binary,
        "no_binary": sorted(finder.format_control.no_binary),
        "only_binary": sorted(finder.format_control.only_binary),
        "all_releases": sorted(control.all_releases) if control else [],
        "only_final": sorted(control.only_final) if control else [],
        "require_hashes": bool(options.require_hashes),
    }


def _command(words: list[str]) -> tuple[Any, Any, Any, list[str]]:
    from pip._internal.cli import cmdoptions
    from pip._internal.commands import create_command

    command: Any = create_command("download")
    options, rest = command.parse_args(words)
    # Since pip 26.0; looked up by name, since mypy reads whatever pip is installed.
    if check_exclusive := getattr(cmdoptions, "check_release_control_exclusive", None):
        check_exclusive(options)
    session = command._build_session(options)
    finder = command._build_package_finder(options, session, target_python=cmdoptions.make_target_python(options))
    return options, session, finder, rest


def _parse(question: dict[str, Any]) -> dict[str, Any]:
    from pip._internal.req.req_file import parse_requirements

    options, session, finder, rest = _command(question.get("words", []))
    files = [(name, False) for name in options.requirements] + [(name, True) for name in options.constraints]
    if "file" in question:
        files = [(question["file"], question["constraint"])]
    requirements = [
        _requirement(parsed)
        for name, constraint in files
        for parsed in parse_requirements(name, session, finder, options, constraint)
    ]
    return {"requirements": requirements, "arguments": rest, "options": _options(finder, session, options)}


def _lines(file: str) -> dict[str, Any]:
    from pip._internal.network.session import PipSession
    from pip._internal.req.req_file import get_file_content, preprocess

    _, content = get_file_content(file, PipSession())
    return {"answer": list(preprocess(content))}


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    os.chdir(question["folder"])
    if "redact" in question:
        from pip._internal.utils.misc import redact_auth_from_url

        return {"redacted": redact_auth_from_url(question["redact"])}
    if "probe" in question:
        import pip._internal.req.req_file

        return {"pip": bool(pip._internal.req.req_file)}
    before = dict(os.environ)
    os.environ.update(question["environ"])
    try:
        return _lines(question["lines"]) if "lines" in question else _parse(question)
    finally:
        os.environ.clear()
        os.environ.update(before)


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            answer = _answer(json.loads(line))
        except (Exception, SystemExit) as exc:  # noqa: BLE001 - whatever pip raises is the answer
            answer = {"error": f"{type(exc).__name__}: {exc}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    import logging

    logging.disable()
    _serve()
