"""The test index, asked by a plain client: log, headers, conditions, ranges and faults are what they say."""

from __future__ import annotations

import gc
import hashlib
import socket
import ssl
import struct
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from urllib3.exceptions import HTTPError, ProtocolError

from tests.helpers import index_pages
from tests.helpers.artifacts import make_sdist, make_wheel, metadata_of
from tests.helpers.index import (
    ETAG_ONLY,
    LAST_MODIFIED_ONLY,
    NO_STORE,
    NONE,
    Fault,
    Index,
    failure,
    redirect,
    serve_index,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PIP_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"


@pytest.fixture
def client(index: Index) -> Iterator[urllib3.PoolManager]:
    """Give a client that trusts the index and tries everything just once."""
    with urllib3.PoolManager(ca_certs=str(index.ca_bundle), retries=False) as pool:
        yield pool


@pytest.fixture
def wheel(index: Index, tmp_path: Path) -> Path:
    """Serve demo 1.0, of some 100 kB, from the index."""
    path = make_wheel(tmp_path, "demo", "1.0", size=100_000)
    index.add(path)
    return path


def test_log_has_the_request_as_sent(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """The log has method, path, status, headers in lower case and the size of the body that left."""
    client.request("GET", index.file_url(wheel.name), headers={"X-Odd": "Yes"})
    client.request("HEAD", index.file_url(wheel.name))
    client.request("GET", f"{index.url}/nowhere")

    got, head, lost = index.requests
    assert (got.method, got.path, got.status) == ("GET", f"/files/{wheel.name}", 200)
    assert got.headers["x-odd"] == "Yes"
    assert got.bytes_sent == wheel.stat().st_size
    assert (head.method, head.bytes_sent) == ("HEAD", 0)
    assert lost.status == 404
    assert index.requested(suffix=".whl") == [got, head]
    index.clear()
    assert index.requests == []


def test_connections_are_kept_alive(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """Many requests go over one connection."""
    for _ in range(5):
        client.request("GET", index.file_url(wheel.name))

    pool = client.connection_from_url(index.url)
    assert isinstance(pool, urllib3.HTTPSConnectionPool)
    assert (pool.num_connections, pool.num_requests) == (1, 5)


def test_pypi_headers(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """Files are immutable, pages fresh for ten minutes and vary by what was accepted; both have an entity tag."""
    file = client.request("GET", index.file_url(wheel.name))
    page = client.request("GET", f"{index.simple_url}demo/", headers={"Accept": PIP_ACCEPT})

    assert file.headers["Cache-Control"] == "max-age=365000000, immutable, public"
    assert file.headers["Last-Modified"].endswith(" GMT")
    assert (page.headers["Cache-Control"], page.headers["Vary"]) == ("max-age=600, public", "Accept, Accept-Encoding")
    assert page.headers["Content-Type"] == index_pages.JSON_V1
    assert file.headers["ETag"] != page.headers["ETag"]


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (NONE, set()),
        (ETAG_ONLY, {"ETag"}),
        (LAST_MODIFIED_ONLY, {"Last-Modified"}),
        (NO_STORE, {"Cache-Control", "ETag"}),
        ({"Expires": "0", "ETag": "W/{etag}"}, {"Expires", "ETag"}),
    ],
)
def test_profiles_send_these_headers_and_no_other(profile: Any, expected: set[str], tmp_path: Path) -> None:
    """Beside the profile's headers there are just type, length and date, on files and pages."""
    with serve_index(profile=profile) as index, urllib3.PoolManager(ca_certs=str(index.ca_bundle)) as client:
        url = index.add(make_wheel(tmp_path, "demo", "1.0"))
        for address in (url, f"{url}.metadata", f"{index.simple_url}demo/"):
            response = client.request("GET", address)
            assert set(response.headers) == {"Content-Type", "Content-Length", "Date"} | expected


def test_headers_of_one_target(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """One target can have headers of its own, and None takes even the Date away."""
    index.set_headers("*.metadata", {"Cache-Control": "max-age=5", "Date": None})

    metadata = client.request("GET", f"{index.file_url(wheel.name)}.metadata")
    file = client.request("GET", index.file_url(wheel.name))

    assert metadata.headers["Cache-Control"] == "max-age=5"
    assert "Date" not in metadata.headers
    assert "immutable" in file.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("validator", "condition"), [("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since")]
)
def test_unchanged_is_304(
    index: Index, client: urllib3.PoolManager, wheel: Path, validator: str, condition: str
) -> None:
    """A validator that still holds is answered with 304 and no body; after `replace` it holds no more."""
    url = index.file_url(wheel.name)
    seen = client.request("GET", url).headers[validator]

    assert client.request("GET", url, headers={condition: seen}).status == 304

    other = make_wheel(wheel.parent, "demo", "1.0", size=5)
    index.replace(wheel.name, other)
    changed = client.request("GET", url, headers={condition: seen})
    assert (changed.status, changed.data) == (200, other.read_bytes())
    assert [request.bytes_sent for request in index.artifact_requests()][1] == 0


def test_replaced_file_has_its_new_hash_on_the_page(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """After `replace` the page lists the hash of the new bytes under the old URL."""
    other = make_wheel(wheel.parent, "demo", "1.0", requires=["more"])
    index.replace(wheel.name, other)

    (file,) = client.request("GET", f"{index.simple_url}demo/", headers={"Accept": PIP_ACCEPT}).json()["files"]

    assert file["url"] == index.file_url(wheel.name)
    assert file["hashes"] == {"sha256": hashlib.sha256(other.read_bytes()).hexdigest()}
    assert file["core-metadata"] == {"sha256": hashlib.sha256(metadata_of(other)).hexdigest()}


@pytest.mark.parametrize(
    ("asked", "part", "described"),
    [
        ("bytes=10-19", slice(10, 20), "bytes 10-19/{}"),
        ("bytes=100000-", slice(100000, None), "bytes 100000-{last}/{}"),
        ("bytes=-5", slice(-5, None), "bytes {tail}-{last}/{}"),
    ],
)
def test_ranges(
    index: Index, client: urllib3.PoolManager, wheel: Path, asked: str, part: slice, described: str
) -> None:
    """A range is answered with 206, that part and its place (RFC 9110, section 14)."""
    content = wheel.read_bytes()

    response = client.request("GET", index.file_url(wheel.name), headers={"Range": asked})

    total = len(content)
    assert (response.status, response.data) == (206, content[part])
    assert response.headers["Content-Range"] == described.format(total, last=total - 1, tail=total - 5)


def test_ranges_that_do_not_apply(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """If-Range with another entity tag and units that are not bytes give the whole; beyond the end gives 416."""
    url = index.file_url(wheel.name)
    etag = client.request("GET", url).headers["ETag"]

    statuses = [
        client.request("GET", url, headers=headers).status
        for headers in (
            {"Range": "bytes=0-9", "If-Range": etag},
            {"Range": "bytes=0-9", "If-Range": '"other"'},
            {"Range": "lines=0-9"},
            {"Range": "bytes=900000-"},
        )
    ]

    assert statuses == [206, 200, 200, 416]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, index_pages.HTML),
        ("*/*", index_pages.HTML),
        (PIP_ACCEPT, index_pages.JSON_V1),
        (f"{index_pages.HTML_V1}, {index_pages.HTML};q=0.2", index_pages.HTML_V1),
    ],
)
def test_pages_are_negotiated(
    index: Index, client: urllib3.PoolManager, wheel: Path, accept: str | None, content_type: str
) -> None:
    """A client gets the kind of page that it values most, plain HTML when it says nothing (PEP 691)."""
    response = client.request("GET", f"{index.simple_url}demo/", headers={"Accept": accept} if accept else {})

    assert response.headers["Content-Type"] == content_type


def test_page_without_hashes_and_metadata(client: urllib3.PoolManager, index: Index, tmp_path: Path) -> None:
    """A file can be listed without its hash and without a `.metadata` beside it."""
    url = index.add(make_wheel(tmp_path, "demo", "1.0"), hashes=False, metadata=False)

    page = client.request("GET", f"{index.simple_url}demo/").data.decode()

    assert "sha256" not in page
    assert client.request("GET", f"{url}.metadata").status == 404


def test_any_bytes_at_any_path(client: urllib3.PoolManager, index: Index, wheel: Path) -> None:
    """Other resources can be served, and stand in place of the index's own."""
    url = index.put("/requirements.txt", b"demo\n", content_type="text/plain")
    index.put("/simple/demo/", b"<garbage", content_type="text/html")

    assert client.request("GET", url).data == b"demo\n"
    assert client.request("GET", f"{index.simple_url}demo/").data == b"<garbage"


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_failures_last_as_long_as_asked(index: Index, client: urllib3.PoolManager, wheel: Path, status: int) -> None:
    """An injected status is answered so many times, and then all is well."""
    index.inject(wheel.name, failure(status, retry_after=7), times=2)

    responses = [client.request("GET", index.file_url(wheel.name)) for _ in range(3)]

    assert [response.status for response in responses] == [status, status, 200]
    assert responses[0].headers["Retry-After"] == "7"
    assert ("WWW-Authenticate" in responses[0].headers) == (status == 401)


def test_failures_for_ever_until_healed(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """Without a number a fault stays until it is taken back, and others are not touched."""
    index.inject("*.whl", failure(503), times=None)

    assert [client.request("GET", index.file_url(wheel.name)).status for _ in range(3)] == [503] * 3
    assert client.request("GET", f"{index.simple_url}demo/").status == 200

    index.heal()
    assert client.request("GET", index.file_url(wheel.name)).status == 200


def test_redirect(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """A redirection leads to where it says, and both requests are logged."""
    index.inject("/simple/demo/", redirect(302, f"/files/{wheel.name}"))

    response = client.request("GET", f"{index.simple_url}demo/", redirect=True, retries=1)

    assert response.data == wheel.read_bytes()
    assert [request.status for request in index.requests] == [302, 200]


def test_cut_connection(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """A connection cut within the body is an error to the client, and the log has what left."""
    index.inject(wheel.name, Fault(cut_after=1000))

    with pytest.raises(ProtocolError):
        client.request("GET", index.file_url(wheel.name))

    assert index.requests[0].bytes_sent == 1000


def test_hung_up_connection(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """A connection can be closed without any answer; the log has it with status 0."""
    index.inject(wheel.name, Fault(hang_up=True))

    with pytest.raises(HTTPError):
        client.request("GET", index.file_url(wheel.name))

    assert index.requests[0].status == 0


def test_wrong_and_short_bodies(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """A corrupt body is as long as the right one; a shortened one has a length that agrees with it."""
    content = wheel.read_bytes()
    index.inject(wheel.name, Fault(corrupt=True))
    index.inject(wheel.name, Fault(length=100))

    corrupt = client.request("GET", index.file_url(wheel.name))
    short = client.request("GET", index.file_url(wheel.name))

    assert (len(corrupt.data), corrupt.data == content) == (len(content), False)
    assert (short.data, short.headers["Content-Length"]) == (content[:100], "100")


def test_slow_answers(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """A delay comes before the answer, and a rate bounds how fast the body flows."""
    index.inject(wheel.name, Fault(delay=0.2))
    index.inject(wheel.name, Fault(bytes_per_second=400_000))

    took = []
    for _ in range(2):
        started = time.monotonic()
        client.request("GET", index.file_url(wheel.name))
        took.append(time.monotonic() - started)

    assert took[0] >= 0.2
    assert took[1] >= wheel.stat().st_size / 400_000 * 0.95


def test_whole_index_can_be_slow(tmp_path: Path) -> None:
    """Latency and rate of the whole index hold for every answer, in parallel for parallel clients."""
    with serve_index(latency=0.2) as index, urllib3.PoolManager(ca_certs=str(index.ca_bundle), maxsize=8) as client:
        url = index.add(make_wheel(tmp_path, "demo", "1.0"))
        threads = [threading.Thread(target=client.request, args=("GET", url)) for _ in range(8)]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - started

    assert 0.2 <= took < 1.2  # 1.6 in a row
    assert len(index.requests) == 8


def test_index_of_a_directory_over_plain_http(tmp_path: Path) -> None:
    """All artifacts of a directory are served, on request without TLS."""
    make_wheel(tmp_path, "demo", "1.0")
    make_sdist(tmp_path, "other", "1.0")

    with serve_index(tmp_path, tls=False) as index, urllib3.PoolManager() as client:
        statuses = [client.request("GET", f"{index.simple_url}{name}/").status for name in ("demo", "other", "third")]

    assert index.url.startswith("http://localhost:")
    assert statuses == [200, 200, 404]


def test_stopped_index_refuses_and_leaves_nothing(tmp_path: Path) -> None:
    """After `stop` the port refuses, idle and busy connections are closed, and no thread is left."""
    before = set(threading.enumerate())
    with serve_index() as index, urllib3.PoolManager(ca_certs=str(index.ca_bundle), retries=False) as client:
        url = index.add(make_wheel(tmp_path, "demo", "1.0"))
        client.request("GET", url)
        index.inject("*.whl", Fault(delay=60))
        # It may still be answered, or cut off: what counts is that it does not stay.
        busy = threading.Thread(target=_try_to_get, args=(client, url))
        busy.start()
        while len(index.requests) < 2:
            time.sleep(0.01)
        index.stop()
        busy.join(10)

        assert set(threading.enumerate()) == before
        with pytest.raises(HTTPError):
            client.request("GET", url)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", index.port), timeout=5)


def test_untrusting_and_silent_clients_do_no_harm(index: Index, client: urllib3.PoolManager, wheel: Path) -> None:
    """A client that does not trust the certificate, or never says anything, holds nobody up."""
    silent = socket.create_connection(("127.0.0.1", index.port))
    with silent, urllib3.PoolManager(retries=False) as stranger:
        with pytest.raises(HTTPError) as caught:
            stranger.request("GET", index.url)
        assert client.request("GET", index.file_url(wheel.name)).status == 200

    assert isinstance(caught.value.__cause__ or caught.value.args[0], ssl.SSLError)


def test_clients_that_are_gone_leave_no_socket_open(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that was reset before the index could shake hands is closed at this end too."""
    left_open: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda event: left_open.append(str(event.exc_value)))

    for _ in range(20):
        with socket.create_connection(("127.0.0.1", index.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    index.stop()
    gc.collect()

    assert left_open == []


def test_mistakes_within_the_index_come_out(tmp_path: Path) -> None:
    """What goes wrong in the index's own code fails the test, not only the request."""
    with pytest.raises(ExceptionGroup, match="test index failed"), serve_index(tls=False) as index:
        _break_and_ask(index)


def _try_to_get(client: urllib3.PoolManager, url: str) -> None:
    with suppress(HTTPError):
        client.request("GET", url)


def _fail_to_get(client: urllib3.PoolManager, url: str) -> None:
    with pytest.raises(HTTPError):
        client.request("GET", url)


def _break_and_ask(index: Index) -> None:
    index.put("/broken", None)  # type: ignore[arg-type]
    with urllib3.PoolManager(retries=False) as client:
        _fail_to_get(client, f"{index.url}/broken")
