"""The parallel lane against real servers: what arrives, what is healed, what fails and what is left behind."""

from __future__ import annotations

import hashlib
import shutil
import socketserver
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from tests.helpers.index import Fault, Index, failure, redirect, serve_index
from tests.helpers.listening import listening
from wheelwarm.errors import CacheError, FetchError
from wheelwarm.fetcher import Download, Fetched, Fetcher
from wheelwarm.targets.network import Network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

BODY = bytes(range(256)) * 2000
CLOSED_PORT = 9  # discard: nobody listens there


@pytest.fixture
def url(index: Index) -> str:
    """Serve half a megabyte."""
    return index.put("/files/body.bin", BODY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make the folder that bodies are fetched into."""
    made = tmp_path / "bodies"
    made.mkdir()
    return made


def network(index: Index, **options: Any) -> Network:
    """Trust the index's authority, and give up soon."""
    return Network(**{"ca_bundle": str(index.ca_bundle), "retries": 1, "timeout": 5.0, **options})


def download(url: str, **options: Any) -> Download:
    """Ask for a URL by its last part."""
    return Download(name=url.rpartition("/")[2], url=url, **options)


def fetch(net: Network, url: str, folder: Path, **options: Any) -> Fetched:
    """Fetch one file."""
    with Fetcher(net) as fetcher:
        return fetcher.fetch(download(url), folder / "body", **options)


def fetch_all(fetcher: Fetcher, urls: Iterable[str], folder: Path) -> dict[str, Fetched | FetchError]:
    """Fetch several files, and return what came by URL."""
    downloads = [download(url) for url in urls]
    return {one.url: result for one, result in fetcher.fetch_all(downloads, new_body=bodies(folder))}


def refused(net: Network, url: str, folder: Path) -> FetchError:
    """Fetch one file in vain, and see that nothing is left of it."""
    with pytest.raises(FetchError) as caught:
        fetch(net, url, folder)
    assert not list(folder.iterdir())
    return caught.value


def bodies(folder: Path) -> Callable[[], Path]:
    """Return what makes an empty file for each body."""
    numbers = iter(range(1000))

    def new_body() -> Path:
        path = folder / f"body-{next(numbers)}"
        path.touch()
        return path

    return new_body


@contextmanager
def raw_server(answer: bytes) -> Iterator[str]:
    """Answer every connection on loopback with just these bytes, and close it."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(answer)

    with listening(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        yield f"http://127.0.0.1:{port}/body.bin"


def test_a_body_comes_with_its_hashes_and_headers(index: Index, url: str, folder: Path) -> None:
    """The file is the body; both hashes were computed over it, and the response is described as pip would store it."""
    begun: list[tuple[str, int | None]] = []
    amounts: list[int] = []
    with Fetcher(network(index)) as fetcher:
        fetched = fetcher.fetch(
            download(url, algorithm="sha512"),
            folder / "body",
            on_begin=lambda name, size: begun.append((name, size)),
            on_bytes=lambda _name, amount: amounts.append(amount),
        )
    assert fetched.path.read_bytes() == BODY
    assert fetched.digests == {
        "sha256": hashlib.sha256(BODY).hexdigest(),
        "sha512": hashlib.sha512(BODY).hexdigest(),
    }
    assert (fetched.status, fetched.reason, fetched.version, fetched.size) == (200, "OK", 11, len(BODY))
    assert (fetched.redirected, fetched.url) == (False, url)
    assert fetched.headers["ETag"]
    assert begun == [("body.bin", len(BODY))]
    assert len(amounts) > 1
    assert sum(amounts) == len(BODY)


def test_the_headers_asked_for_are_sent(index: Index, url: str, folder: Path) -> None:
    """The server sees pip's headers, so that a stored Vary is true."""
    with Fetcher(network(index)) as fetcher:
        fetcher.fetch(download(url, headers={"Accept": "*/*", "Accept-Encoding": "identity"}), folder / "body")
    (request,) = index.requests
    assert request.headers["accept"] == "*/*"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["user-agent"].startswith("wheelwarm/")


def test_a_304_has_no_body(index: Index, url: str, folder: Path) -> None:
    """A conditional request that the server agrees with is an answer, not a failure."""
    etag = fetch(network(index), url, folder).headers["ETag"]
    with Fetcher(network(index)) as fetcher:
        fetched = fetcher.fetch(download(url, headers={"If-None-Match": etag}), folder / "body")
    assert (fetched.status, fetched.size, fetched.path.read_bytes()) == (304, 0, b"")


def test_files_come_side_by_side_over_few_connections(folder: Path) -> None:
    """Eight files that are each a third of a second late come in much less than the sum."""
    with serve_index(latency=0.3) as index, Fetcher(network(index, jobs=4)) as fetcher:
        urls = [index.put(f"/files/{number}.bin", BODY) for number in range(8)]
        started = time.monotonic()
        results = fetch_all(fetcher, urls, folder)
        assert time.monotonic() - started < 1.6
        assert set(results) == set(urls)
        assert all(isinstance(result, Fetched) and result.path.read_bytes() == BODY for result in results.values())
    assert len(list(folder.iterdir())) == 8


def test_one_failure_leaves_the_others_alone(index: Index, url: str, folder: Path) -> None:
    """A file that is not there costs nothing but itself, not even the connection's next file."""
    missing = [f"{index.url}/files/missing-{number}.bin" for number in range(3)]
    with Fetcher(network(index, jobs=1)) as fetcher:
        results = fetch_all(fetcher, [*missing, url], folder)
    assert [str(results[one]) for one in missing] == [f"The server answered 404 for {one}." for one in missing]
    assert [path.read_bytes() for path in folder.iterdir()] == [BODY]
    assert len(index.requests) == 4


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("relative", [True, False])
def test_redirects_are_followed(index: Index, url: str, folder: Path, status: int, relative: bool) -> None:
    """An absolute or relative redirect leads to the body, and the answer says that there was one."""
    location = "../files/body.bin" if relative else url
    index.inject("/moved/body.bin", redirect(status, location))
    fetched = fetch(network(index), f"{index.url}/moved/body.bin", folder)
    assert fetched.path.read_bytes() == BODY
    assert (fetched.redirected, fetched.url) == (True, url)


def test_a_redirect_may_lead_to_another_host(index: Index, url: str, folder: Path) -> None:
    """Files may live on another host than the index, as PyPI's do."""
    with serve_index() as other:
        other.inject("/files/body.bin", redirect(302, url))
        fetched = fetch(network(index), f"{other.url}/files/body.bin", folder)
    assert fetched.path.read_bytes() == BODY


def test_a_circle_of_redirects_ends(index: Index, folder: Path) -> None:
    """A URL that leads to itself is given up."""
    index.inject("/files/round.bin", redirect(302, "/files/round.bin"), times=None)
    error = refused(network(index), f"{index.url}/files/round.bin", folder)
    assert error.message == f"{index.url}/files/round.bin cannot be fetched: it redirects more than 30 times."


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://localhost/x",
        "https://localhost:99999/x",
        "https://[",
        "https://[::zz]/x",
        "https://[::::]/x",
    ],
)
def test_a_redirect_to_anything_but_http_is_refused(index: Index, folder: Path, location: str) -> None:
    """A server cannot make us read a local file, or speak another protocol."""
    index.inject("/files/body.bin", redirect(302, location))
    error = refused(network(index), f"{index.url}/files/body.bin", folder)
    assert error.message.startswith(f"{index.url}/files/body.bin cannot be fetched: ")
    assert len(index.requests) == 1


@pytest.mark.parametrize("url", ["ftp://localhost/x", "https://[", "https://[::::]/x", "https://localhost:99999/x"])
def test_what_is_no_url_of_http_is_refused(folder: Path, url: str) -> None:
    """It costs a sentence, wherever it came from."""
    assert refused(Network(), url, folder).message.startswith(f"{url} cannot be fetched: ")


def test_trust_is_each_hosts_own(index: Index, folder: Path) -> None:
    """`--trusted-host` for the host that redirects vouches for no other, as pip has an adapter for each."""
    with serve_index() as trusted:
        target = index.put("/files/body.bin", BODY)
        trusted.inject("/files/body.bin", redirect(302, target), times=None)
        net = Network(trusted_hosts=(f"localhost:{trusted.port}",), retries=0)
        error = refused(net, f"{trusted.url}/files/body.bin", folder)
    assert error.message.startswith("TLS failed")
    assert not index.requests


def test_a_connection_cut_in_mid_file_starts_it_over(index: Index, url: str, folder: Path) -> None:
    """A body that breaks off once comes whole the second time, and is counted once."""
    index.inject("body.bin", Fault(cut_after=1000))
    fetched = fetch(network(index), url, folder)
    assert fetched.path.read_bytes() == BODY
    assert (fetched.size, fetched.digests["sha256"]) == (len(BODY), hashlib.sha256(BODY).hexdigest())


def test_a_connection_cut_every_time_is_an_error(index: Index, url: str, folder: Path) -> None:
    """After as many tries as pip makes the file is given up, and nothing is left of it."""
    index.inject("body.bin", Fault(cut_after=1000), times=None)
    error = refused(network(index), url, folder)
    # The second try asked for the rest, and got a thousand bytes of that.
    rest = len(BODY) - 1000
    assert error.message == f"{url} cannot be fetched: the connection ended after 1000 of {rest} bytes."
    assert not error.pip_may
    assert len(index.requests) == 2


def test_a_server_that_hangs_up_is_asked_again(index: Index, url: str, folder: Path) -> None:
    """A connection closed without an answer is tried once more; closed again it is an error."""
    index.inject("body.bin", Fault(hang_up=True))
    assert fetch(network(index), url, folder).path.read_bytes() == BODY
    (folder / "body").unlink()
    index.inject("body.bin", Fault(hang_up=True), times=None)
    assert "the server closed the connection without an answer" in refused(network(index), url, folder).message


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_trouble_of_the_server_is_waited_out(index: Index, url: str, folder: Path, status: int) -> None:
    """A status that means "not now" is asked again; when it stays it is the error."""
    index.inject("body.bin", failure(status))
    assert fetch(network(index), url, folder).path.read_bytes() == BODY
    (folder / "body").unlink()
    index.inject("body.bin", failure(status), times=None)
    error = refused(network(index), url, folder)
    assert error.message == f"The server answered {status} for {url}."
    assert not error.pip_may


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_respected(index: Index, url: str, folder: Path, status: int) -> None:
    """A server that says when to come back is not asked before."""
    index.inject("body.bin", failure(status, retry_after=1))
    started = time.monotonic()
    assert fetch(network(index), url, folder).path.read_bytes() == BODY
    assert time.monotonic() - started >= 1


def test_a_retry_after_that_is_none_costs_only_the_usual_pause(index: Index, url: str, folder: Path) -> None:
    """A Retry-After that is neither seconds nor a date is passed over."""
    index.inject("body.bin", Fault(status=503, headers={"Retry-After": "soon"}))
    assert fetch(network(index), url, folder).path.read_bytes() == BODY


@pytest.mark.parametrize(("status", "pip_may"), [(401, True), (403, True), (407, True), (404, False), (410, False)])
def test_what_only_credentials_can_have_is_pips(
    index: Index, url: str, folder: Path, status: int, pip_may: bool
) -> None:
    """A refusal goes on to pip, which has netrc and keyring; a file that is not there does not."""
    index.inject("body.bin", failure(status))
    error = refused(network(index), url, folder)
    assert (error.message, error.pip_may) == (f"The server answered {status} for {url}.", pip_may)
    assert bool(error.hint) == pip_may
    assert len(index.requests) == 1


def test_credentials_never_show_in_an_error(index: Index, folder: Path) -> None:
    """Neither a password nor a user name, which may be a token, is in any message."""
    with serve_index(auth=("user", "secret")) as private:
        for credentials in ("user:wrong", "wrong"):
            url = private.url.replace("://", f"://{credentials}@")
            for path in ("/files/x.bin", "/simple/x/"):
                error = refused(network(private), f"{url}{path}", folder)
                assert error.message == f"The server answered 401 for https://****@localhost:{private.port}{path}."
    error = refused(network(index, retries=0), f"https://u:secret@localhost:{CLOSED_PORT}/x", folder)
    assert error.message.startswith(f"https://****@localhost:{CLOSED_PORT}/x cannot be fetched: ")
    assert "secret" not in error.message + error.hint


def test_an_unknown_authority_is_left_to_pip(index: Index, url: str, folder: Path) -> None:
    """A certificate that the system does not trust may be trusted by pip, whose settings can be odder than ours."""
    error = refused(Network(retries=3), url, folder)
    assert error.message.startswith(f"TLS failed for {url}: ")
    assert "CERTIFICATE_VERIFY_FAILED" in error.message
    assert error.pip_may
    assert not index.requests


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the system itself verifies there")
def test_what_the_system_trusts_is_read_once(
    index: Index, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run trusts whom it trusted at first: reading all authorities for each connection takes longer than that."""
    stranger = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    stranger.issue_cert("localhost").configure_cert(context)
    authorities = folder / "system.pem"
    shutil.copy(index.ca_bundle, authorities)
    monkeypatch.setenv("SSL_CERT_FILE", str(authorities))

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError), context.wrap_socket(self.request, server_side=True) as served:
                served.recv(1)
                served.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with (
        listening(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port,
        Fetcher(Network(retries=0, timeout=5.0)) as fetcher,
    ):
        fetched = fetch_all(fetcher, [url], folder)[url]
        stranger.cert_pem.write_to_path(str(authorities))
        other = fetch_all(fetcher, [elsewhere := f"https://localhost:{port}/x"], folder)[elsewhere]

    assert isinstance(fetched, Fetched)
    assert isinstance(other, FetchError)
    assert other.message.startswith(f"TLS failed for {elsewhere}: ")


@pytest.mark.parametrize("form", ["localhost", "localhost:{port}"])
def test_a_trusted_host_needs_no_authority(index: Index, url: str, folder: Path, form: str) -> None:
    """`--trusted-host` turns verification off for that host."""
    net = Network(trusted_hosts=(form.format(port=index.port),))
    assert fetch(net, url, folder).path.read_bytes() == BODY


@pytest.mark.skipif(not shutil.which("openssl"), reason="names in a folder of certificates are openssl's hashes")
def test_a_folder_of_certificates_is_a_bundle(index: Index, url: str, folder: Path, tmp_path: Path) -> None:
    """`--cert` may name a folder prepared by c_rehash."""
    command = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(index.ca_bundle)]
    name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    shutil.copy(index.ca_bundle, tmp_path / f"{name}.0")
    assert fetch(network(index, ca_bundle=str(tmp_path)), url, folder).path.read_bytes() == BODY


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_bundle_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    """A bundle that is missing or holds no certificate is said so before anything is asked."""
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_bytes(content)
    with pytest.raises(FetchError) as caught:
        Fetcher(Network(ca_bundle=str(bundle))).fetch(Download(name="x", url="https://localhost/x"), tmp_path / "x")
    assert caught.value.message.startswith(f"The certificate bundle {bundle} cannot be read: ")
    assert "PIP_CERT" in caught.value.hint


def test_a_silent_server_is_given_up(index: Index, url: str, folder: Path) -> None:
    """A server that takes the request and says nothing costs the timeout, not for ever."""
    index.inject("body.bin", Fault(delay=5), times=None)
    error = refused(network(index, timeout=0.2, retries=0), url, folder)
    assert error.message == f"{url} cannot be fetched: the server said nothing for 0.2 seconds."


def test_a_port_where_nobody_listens_is_an_error(index: Index, folder: Path) -> None:
    """The error says what failed, without the names of anybody's objects."""
    url = f"https://localhost:{CLOSED_PORT}/x.whl"
    error = refused(network(index, retries=0), url, folder)
    assert error.message == f"{url} cannot be fetched: no connection can be made: Connection refused."
    assert error.hint == "Check the network and try again."


def test_the_last_try_has_no_pause_behind_it(index: Index, folder: Path) -> None:
    """A host that cannot be reached is given up after the tries, with the pauses between them alone."""
    started = time.monotonic()
    refused(network(index, retries=1), f"https://localhost:{CLOSED_PORT}/x.whl", folder)
    assert 0.2 < time.monotonic() - started < 0.5


@pytest.mark.parametrize("head", ["Transfer-Encoding: chunked", "Connection: close"])
def test_bodies_without_a_length_come_whole(folder: Path, head: str) -> None:
    """Chunked, or ended by the connection alone: the body is there and its size was not announced."""
    chunked = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n" if "chunked" in head else b"hello world"
    begun: list[int | None] = []
    with raw_server(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + chunked) as url:
        fetched = fetch(Network(retries=0), url, folder, on_begin=lambda _name, size: begun.append(size))
    assert fetched.path.read_bytes() == b"hello world"
    assert begun == [None]


def test_chunks_that_break_off_are_an_error(folder: Path) -> None:
    """A chunked body without its end is not taken for the whole."""
    with raw_server(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n wo") as url:
        assert "in the middle of its answer" in refused(Network(retries=0), url, folder).message


def test_a_content_length_too_long_is_a_broken_body(folder: Path) -> None:
    """A server that promises more than it sends has not sent the file."""
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhello") as url:
        assert "the connection ended after 5 of 20 bytes" in refused(Network(retries=0), url, folder).message


def test_a_content_length_too_short_ends_the_body(folder: Path) -> None:
    """What comes after the length is not the body; the hash will tell that it is not the file."""
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello world") as url:
        assert fetch(Network(retries=0), url, folder).path.read_bytes() == b"hello"


@pytest.mark.parametrize("length", ["many", "²", "-1"])
def test_a_content_length_that_is_none_is_left_to_pip(folder: Path, length: str) -> None:
    """What a length that is no number means is not for us to guess (RFC 9112, 6.3); pip may take it all the same."""
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    with raw_server(head.encode("latin-1") + b"hello") as url:
        error = refused(Network(retries=0), url, folder)
    assert error.message == f"{url} cannot be fetched: its answer is no HTTP: bad Content-Length."
    assert error.pip_may


def test_no_http_at_all_is_an_error(folder: Path) -> None:
    """A port where something else answers gives one sentence."""
    with raw_server(b"SSH-2.0-OpenSSH_9.2\r\n") as url:
        assert refused(Network(retries=0), url, folder).message.startswith(f"{url} cannot be fetched: ")


@contextmanager
def cancelled_after(fetcher: Fetcher, seconds: float) -> Iterator[None]:
    """Cancel from another thread after so many seconds; what is inside must end within one more."""
    timer = threading.Timer(seconds, fetcher.cancel)
    timer.start()
    started = time.monotonic()
    try:
        yield
    finally:
        timer.join()
        assert time.monotonic() - started < seconds + 1


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(bytes_per_second=2000), id="slow bytes"),
        pytest.param(Fault(delay=10), id="silence"),
        pytest.param(failure(503, retry_after=30), id="retry later"),
    ],
)
def test_cancelling_ends_every_transfer_at_once(folder: Path, tls: bool, fault: Fault) -> None:
    """Whatever a transfer waits for, cancelling ends it within a second and leaves neither file nor thread."""
    before = threading.active_count()
    with serve_index(tls=tls) as index:
        index.inject("*.bin", fault, times=None)
        wanted = [index.put(f"/files/{number}.bin", BODY) for number in range(6)]
        with Fetcher(network(index, jobs=3, timeout=30.0, retries=5)) as fetcher, cancelled_after(fetcher, 0.4):
            results = fetch_all(fetcher, wanted, folder)
    assert {str(result) for result in results.values()} == {"The transfer was interrupted."}
    assert len(results) == len(wanted)
    assert not list(folder.iterdir())
    assert threading.active_count() == before


def test_leaving_early_leaves_nothing(index: Index, url: str, folder: Path) -> None:
    """A caller that stops at the first file gets rid of all others: running, waiting, and done but unseen."""
    slow = [download(index.put(f"/files/{number}.slow", BODY)) for number in range(4)]
    index.inject("*.slow", Fault(bytes_per_second=2000), times=None)
    quick = [download(index.put(f"/files/{number}.bin", BODY)) for number in range(3)]
    with Fetcher(network(index, jobs=4)) as fetcher:
        results = fetcher.fetch_all([*quick, *slow], new_body=bodies(folder))
        _, first = next(results)
        time.sleep(0.2)
        started = time.monotonic()
        del results
        assert time.monotonic() - started < 1
    assert isinstance(first, Fetched)
    assert list(folder.iterdir()) == [first.path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is a device of Linux")
def test_a_full_disk_is_the_caches_trouble(index: Index, url: str, folder: Path) -> None:
    """A disk without room ends everything with one error that says what to do, and leaves nothing."""
    (folder / "body").symlink_to("/dev/full")
    with Fetcher(network(index)) as fetcher, pytest.raises(CacheError) as caught:
        list(fetcher.fetch_all([download(url)], new_body=lambda: folder / "body"))
    assert caught.value.message == f"body.bin cannot be written to {folder}: No space left on device."
    assert "Make room" in caught.value.hint
    assert not list(folder.iterdir())


def test_a_cache_that_takes_no_file_ends_everything(index: Index, url: str, folder: Path) -> None:
    """When not even an empty file can be made, that error is told and no body is left."""
    new_body = bodies(folder)

    def failing() -> Path:
        if list(folder.iterdir()):
            raise CacheError("The cache cannot be written.")
        return new_body()

    with Fetcher(network(index, jobs=1)) as fetcher, pytest.raises(CacheError):
        list(fetcher.fetch_all([download(url), download(url)], new_body=failing))
