"""Connections as pip would make them: proxies, client certificates, credentials, pauses for a whole host."""

from __future__ import annotations

import socket
import sys
import threading
import time
from contextlib import ExitStack, suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.index import Index, failure, redirect, serve_index, server_context
from tests.helpers.listening import listening
from tests.helpers.proxies import serve_proxy
from wheelwarm.errors import FetchError
from wheelwarm.fetcher import Download, Fetched, Fetcher, connections, transfer
from wheelwarm.targets.network import Network

if TYPE_CHECKING:
    from pathlib import Path

BODY = bytes(range(256)) * 100
AUTH = ("user", "s3cret:")


def network(index: Index, **options: Any) -> Network:
    """Trust the index's authority, and give up soon."""
    return Network(**{"ca_bundle": str(index.ca_bundle), "retries": 0, "timeout": 5.0, **options})


def fetch(net: Network, url: str, folder: Path) -> Fetched:
    """Fetch one file."""
    with Fetcher(net) as fetcher:
        return fetcher.fetch(Download(name="body.bin", url=url), folder / "body")


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("auth", ["", "user:secret"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_carries_every_request(tmp_path: Path, tls: bool, auth: str, scheme: str) -> None:
    """`--proxy` goes for http and https alike, with the password in its URL; server and proxy are still verified."""
    context = server_context() if scheme == "https" else None
    with serve_index(tls=tls) as index, serve_proxy(auth, context=context) as proxy:
        url = index.put("/files/body.bin", BODY)
        net = network(index, proxy=proxy.credentialed_url if auth else proxy.url)
        assert fetch(net, url, tmp_path).path.read_bytes() == BODY
        if context:
            with pytest.raises(FetchError, match="TLS failed"):
                fetch(Network(proxy=net.proxy, retries=0), url, tmp_path)
    place = f"localhost:{index.port}"
    (line,) = proxy.asked
    assert line.startswith(f"CONNECT {place} " if tls else f"GET http://{place}/files/body.bin ")


def test_a_proxy_that_refuses_is_left_to_pip(index: Index, tmp_path: Path) -> None:
    """Without the password that a proxy asks for the error shows no credentials; plain http tells it by status."""
    with serve_index(tls=False) as plain, serve_proxy("user:secret") as proxy:
        url = plain.put("/files/body.bin", BODY)
        wrong = proxy.url.replace("://", "://user:wrong@")
        with pytest.raises(FetchError) as caught:
            fetch(network(plain, proxy=wrong), url, tmp_path)
        assert (caught.value.message, caught.value.pip_may) == (f"The server answered 407 for {url}.", True)
        with pytest.raises(FetchError) as caught:
            fetch(network(index, proxy=wrong), f"{index.url}/x", tmp_path)
        assert "wrong" not in caught.value.message + caught.value.hint
    assert proxy.asked == []


def test_an_indexs_credentials_open_its_files(tmp_path: Path) -> None:
    """Credentials of an index URL are sent at once to its host, as pip sends them."""
    with serve_index(auth=AUTH) as index:
        url = index.put("/files/body.bin", BODY)
        net = network(index, index_urls=(index.credentialed_url,))
        assert fetch(net, url, tmp_path).path.read_bytes() == BODY
        assert [request.status for request in index.requests] == [200]


def test_credentials_stay_with_their_host(index: Index, tmp_path: Path) -> None:
    """A redirect to another host does not carry them along."""
    with serve_index(auth=AUTH) as private:
        url = private.put("/files/body.bin", BODY)
        private.inject("/files/body.bin", redirect(302, index.put("/files/body.bin", BODY)))
        net = network(index, index_urls=(private.credentialed_url,))
        assert fetch(net, url, tmp_path).path.read_bytes() == BODY
        assert "authorization" in private.requests[0].headers
    assert "authorization" not in index.requests[0].headers


def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    """A server that asks for a certificate gets that of `--client-cert`, and none without."""
    with serve_index(client_certificates=True) as index:
        url = index.put("/files/body.bin", BODY)
        net = network(index, client_cert=str(index.client_certificate))
        assert fetch(net, url, tmp_path).path.read_bytes() == BODY
        with pytest.raises(FetchError):
            fetch(network(index), url, tmp_path)


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_client_certificate_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    """A file that is missing or holds no certificate is said so before anything is asked."""
    path = tmp_path / "me.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FetchError) as caught:
        Fetcher(Network(client_cert=str(path))).fetch(Download(name="x", url="https://localhost/x"), tmp_path / "x")
    assert caught.value.message.startswith(f"The client certificate {path} cannot be used: ")
    assert "--client-cert" in caught.value.hint


def test_a_host_that_asks_to_wait_is_left_alone_by_all(index: Index, tmp_path: Path) -> None:
    """One Retry-After holds every thread's requests to that host."""
    urls = [index.put(f"/files/{number}.bin", BODY) for number in range(4)]
    index.inject("/files/0.bin", failure(429, retry_after=1))
    numbers = iter(range(9))
    with Fetcher(network(index, jobs=1, retries=1)) as fetcher:
        downloads = [Download(name=url, url=url, size=9 - at) for at, url in enumerate(urls)]
        started = time.monotonic()
        results = list(fetcher.fetch_all(downloads, new_body=lambda: tmp_path / str(next(numbers))))
        assert time.monotonic() - started >= 1
    assert all(isinstance(result, Fetched) for _, result in results)


def test_a_host_that_asks_to_wait_for_hours_is_asked_sooner(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pause has an end, here after half a second, and once it is over nobody waits again."""
    monkeypatch.setattr(connections, "LONGEST_PAUSE_SECONDS", 0.5)
    monkeypatch.setattr(transfer, "LONGEST_PAUSE_SECONDS", 0.5)
    urls = [index.put(f"/files/{number}.bin", BODY) for number in range(8)]
    index.inject("/files/0.bin", failure(429, retry_after=3600))
    with Fetcher(network(index, retries=1)) as fetcher:
        started = time.monotonic()
        for url in urls:
            fetcher.fetch(Download(name=url, url=url), tmp_path / "body")
        assert 0.5 <= time.monotonic() - started < 3


def test_a_tunnel_that_leads_nowhere_ends(tmp_path: Path) -> None:
    """A proxy that agrees and then hands nothing on costs the timeout, and no thread waits for it any longer."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            self.rfile.read()

    ended: list[FetchError] = []

    def run(net: Network) -> None:
        try:
            fetch(net, "https://localhost/x", tmp_path)
        except FetchError as error:
            ended.append(error)

    with listening(ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        net = Network(proxy=f"http://127.0.0.1:{port}", retries=0, timeout=0.5)
        # What hangs here is to fail this test, and not to hold all others up.
        thread = threading.Thread(target=run, args=(net,), daemon=True)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
    assert ended[0].message == "https://localhost/x cannot be fetched: connecting took longer than 0.5 seconds."


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere loopback has one address, or a full queue refuses")
def test_an_address_that_does_not_answer_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a host's addresses the next is tried soon, as where IPv6 leads nowhere."""
    really_resolve = socket.getaddrinfo
    with serve_index(tls=False) as index, ExitStack() as open_:
        silent = open_.enter_context(socket.socket())
        silent.bind(("127.0.0.2", index.port))
        silent.listen(0)
        for _ in range(3):  # a queue that is full lets no more connections in
            waiting = open_.enter_context(socket.socket())
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(("127.0.0.2", index.port))

        def resolve(host: str, port: int, *args: Any, **options: Any) -> Any:
            addresses = ("127.0.0.2", "127.0.0.1") if host == "localhost" else (host,)
            return [found for address in addresses for found in really_resolve(address, port, *args, **options)]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        url = index.put("/files/body.bin", BODY)
        started = time.monotonic()
        assert fetch(network(index, timeout=20.0), url, tmp_path).path.read_bytes() == BODY
        assert time.monotonic() - started < 10


def test_a_host_is_looked_up_once(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many connections are made, the name server has one question to answer; one that fails is asked again."""
    really_resolve = socket.getaddrinfo
    asked: list[str] = []

    def resolve(host: str, port: int, *args: Any, **options: Any) -> Any:
        asked.append(host)
        if len(asked) == 1:
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        return really_resolve(host, port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    downloads = [Download(name=str(at), url=index.put(f"/files/{at}.bin", BODY)) for at in range(8)]
    numbers = iter(range(9))
    with Fetcher(network(index, retries=1, jobs=8)) as fetcher:
        results = list(fetcher.fetch_all(downloads, new_body=lambda: tmp_path / str(next(numbers))))

    assert all(isinstance(result, Fetched) for _, result in results)
    assert asked == ["localhost"] * 2


def test_a_silent_name_server_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run ends at its timeout, or at once by Ctrl-C, while the system still waits for an answer."""
    answers = threading.Event()

    def resolve(*_args: Any, **_options: Any) -> Any:
        answers.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    started = time.monotonic()
    try:
        with pytest.raises(FetchError, match=r"connecting took longer than 0\.5 seconds"):
            fetch(Network(retries=0, timeout=0.5), "https://silent.example/x", tmp_path)
        assert time.monotonic() - started < 10
    finally:
        answers.set()
