"""Whether there is a network: whom a run depends on, and what happens when nobody answers."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.functional.test_prefetch import publish
from tests.helpers.program import Program
from wheelwarm.errors import FetchError, OfflineError
from wheelwarm.health.reach import Reach, server_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment


@pytest.fixture
def closed() -> tuple[str, int]:
    """Return a port on loopback where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return ("127.0.0.1", int(free.getsockname()[1]))


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://example.org/simple", ("example.org", 443)),
        ("http://user:secret@example.org:8080/simple", ("example.org", 8080)),
        ("file:///srv/wheels", None),
        ("git+ssh://example.org/x", None),
        ("https://", None),
        ("https://[broken/", None),
    ],
)
def test_the_server_of_a_url(url: str, server: tuple[str, int] | None) -> None:
    """Host and port, the scheme's own where none is given; nobody for what needs no HTTP."""
    assert server_of(url) == server


@pytest.mark.parametrize("proxy", ["http://proxy.example:3128", "proxy.example:3128"])
def test_a_proxy_stands_before_every_server(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a proxy, pip's or the environment's, that one must be reached."""
    assert server_of("https://example.org/", proxy=proxy) == ("proxy.example", 3128)
    monkeypatch.setenv("https_proxy", proxy)
    assert server_of("https://example.org/") == ("proxy.example", 3128)


def test_one_server_that_answers_is_a_network(index: Index, closed: tuple[str, int]) -> None:
    """One index down is that index's fault, and other errors stay what they are."""
    server = server_of(index.url)
    assert server

    with pytest.raises(FetchError), Reach((closed, server)).required():
        raise FetchError("Something else.")


def test_nothing_to_reach_is_no_lack_of_network() -> None:
    """Local folders need no server."""
    Reach(()).check()


def test_an_error_without_network_is_the_network_s(index: Index) -> None:
    """A network that goes away in mid-run explains what failed."""
    server = server_of(index.url)
    assert server
    with pytest.raises(OfflineError, match=r"cannot be reached"):
        cut_off(index, Reach((server,)))


def cut_off(index: Index, reach: Reach) -> None:
    """Lose the network in the middle of something."""
    with reach.required():
        index.stop()
        raise FetchError("A transfer was cut.")


@pytest.mark.parametrize(("flag", "code", "begins"), [("--offline-ok", 0, "note: "), ("--strict", 3, "error: ")])
def test_a_prefetch_without_network(
    modern_pip: PipEnvironment, index: Index, cache_dir: Path, flag: str, code: int, begins: str
) -> None:
    """`--offline-ok` makes it a note that names the host and what to do; `--strict`, given last, an error."""
    index.stop()
    program = Program(modern_pip, index, cache_dir)

    answer = program.run("prefetch", "app", "--offline-ok", flag, PIP_RETRIES="0")

    assert (answer.code, answer.out) == (code, "")
    assert answer.err.startswith(begins)


def test_no_network_in_json(modern_pip: PipEnvironment, index: Index, cache_dir: Path) -> None:
    """A program that reads the answer sees why nothing was done."""
    index.stop()

    answer = Program(modern_pip, index, cache_dir).run("prefetch", "app", "--offline-ok", "--json")

    assert (answer.code, answer.envelope["status"]) == (0, "partial")
    assert [error["code"] for error in answer.envelope["errors"]] == ["offline"]


def test_offline_ok_changes_nothing_where_a_network_is(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """With the index there everything is done, and an unknown project is still an error."""
    publish(index, tmp_path / "files")
    program = Program(modern_pip, index, cache_dir)

    assert program.run("prefetch", "app", "--offline-ok").code == 0
    assert program.run("check", "app").code == 0
    assert program.run("prefetch", "no-such-project", "--offline-ok").code == 3
