"""Large files in parts, and cuts that are resumed: what is asked for, and that only the right bytes come out."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.index import PYPI, Fault, Index, failure
from wheelwarm.fetcher import Download, Fetched, Fetcher
from wheelwarm.fetcher.parts import MOST_PARTS, PART, ends_of
from wheelwarm.targets.network import Network

if TYPE_CHECKING:
    from pathlib import Path

    from wheelwarm.errors import FetchError

SIZE = 2 * PART + 123_456
BODY = random.Random("parts").randbytes(SIZE)
SHA256 = hashlib.sha256(BODY).hexdigest()
RANGES = ["bytes=0-4194303", "bytes=4194304-8388607", f"bytes=8388608-{SIZE - 1}"]


@pytest.fixture
def wanted(index: Index) -> Download:
    """Serve a file of three parts."""
    url = index.put("/files/body.bin", BODY)
    return Download(name="body.bin", url=url, size=SIZE, digest=SHA256)


def fetch(index: Index, download: Download, folder: Path, **options: Any) -> Fetched | FetchError:
    """Fetch one file as several are, and see that nothing else is left."""
    net = Network(**{"ca_bundle": str(index.ca_bundle), "retries": 1, "timeout": 5.0, "jobs": 3, **options})
    with Fetcher(net) as fetcher:
        ((_, result),) = fetcher.fetch_all([download], new_body=lambda: folder / "body")
    assert (folder / "body").exists() == isinstance(result, Fetched)
    return result


def asked(index: Index) -> list[str | None]:
    """Return the ranges that were asked for, in order."""
    return [request.headers.get("range") for request in index.requests]


def check(result: Fetched | FetchError) -> Fetched:
    """See that it is the file."""
    assert isinstance(result, Fetched), result
    assert result.path.read_bytes() == BODY
    assert (result.status, result.size, result.digests) == (200, SIZE, {"sha256": SHA256})
    return result


def test_a_large_file_comes_in_parts(index: Index, wanted: Download, tmp_path: Path) -> None:
    """Each part is asked for by itself, the later ones of the first one's ETag; the answer is that to one request."""
    amounts: list[int] = []
    begun: list[tuple[str, int | None]] = []
    with Fetcher(Network(ca_bundle=str(index.ca_bundle), jobs=3)) as fetcher:
        ((_, result),) = fetcher.fetch_all(
            [wanted],
            new_body=lambda: tmp_path / "body",
            on_begin=lambda name, size: begun.append((name, size)),
            on_bytes=lambda _name, amount: amounts.append(amount),
        )
    fetched = check(result)
    assert sorted(map(str, asked(index))) == sorted(RANGES)
    etags = {request.headers.get("if-range") for request in index.requests}
    assert etags == {None, fetched.headers["ETag"]}
    assert "Content-Range" not in fetched.headers
    assert fetched.headers["Cache-Control"] == PYPI.files["Cache-Control"]
    assert begun == [("body.bin", SIZE)]
    assert sum(amounts) == SIZE


@pytest.mark.parametrize(
    "change",
    [
        {"digest": None},
        {"size": None},
        {"size": 2 * PART - 1},
        {"headers": {"If-None-Match": '"x"'}},
    ],
)
def test_what_is_asked_for_in_one_piece(index: Index, wanted: Download, tmp_path: Path, change: dict[str, Any]) -> None:
    """A file of unknown hash or size, a small one, and a conditional request are not divided."""
    check(fetch(index, wanted._replace(**change), tmp_path))
    assert asked(index) == [None]


def test_one_connection_is_not_divided(index: Index, wanted: Download, tmp_path: Path) -> None:
    """With --jobs 1 parts would only cost requests."""
    check(fetch(index, wanted, tmp_path, jobs=1))
    assert asked(index) == [None]


def test_a_server_without_ranges_sends_the_whole_at_once(index: Index, wanted: Download, tmp_path: Path) -> None:
    """A 200 to the first part's request is the file, and there is no second request."""
    index.inject("body.bin", Fault(status=200))
    index.put("/files/body.bin", b"")
    result = fetch(index, wanted, tmp_path)
    assert isinstance(result, Fetched)
    assert asked(index) == RANGES[:1]
    assert result.path.read_bytes() == b"200\n"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({**PYPI.files, "ETag": None}, id="none"),
        pytest.param({**PYPI.files, "ETag": 'W/"weak"'}, id="weak"),
    ],
)
def test_without_a_strong_etag_the_whole_is_asked_for(
    index: Index, wanted: Download, tmp_path: Path, headers: Any
) -> None:
    """Nothing would vouch for the parts being of one file."""
    index.set_headers("body.bin", headers)
    check(fetch(index, wanted, tmp_path))
    assert asked(index) == [RANGES[0], None]


def test_another_size_than_the_index_states_is_no_reason_to_divide(
    index: Index, wanted: Download, tmp_path: Path
) -> None:
    """The whole is asked for then, and its hash will tell."""
    check(fetch(index, wanted._replace(size=SIZE + 1), tmp_path))
    assert asked(index) == [RANGES[0], None]


@pytest.mark.parametrize("status", [412, 416])
def test_a_refused_part_brings_the_whole(index: Index, wanted: Download, tmp_path: Path, status: int) -> None:
    """A server that will not give a part gives the file."""
    index.inject("body.bin", failure(status))
    check(fetch(index, wanted, tmp_path))
    assert asked(index) == [RANGES[0], None]


def test_a_file_that_changes_on_the_way_is_fetched_anew(index: Index, wanted: Download, tmp_path: Path) -> None:
    """Later parts of another ETag come as the whole; what counts is a body with the right hash."""
    old = bytes(SIZE)
    index.put("/files/body.bin", old)

    def change(_name: str, _amount: int) -> None:
        index.put("/files/body.bin", BODY)

    with Fetcher(Network(ca_bundle=str(index.ca_bundle), jobs=2, retries=0)) as fetcher:
        ((_, result),) = fetcher.fetch_all([wanted], new_body=lambda: tmp_path / "body", on_bytes=change)
    check(result)
    assert asked(index)[-1] is None


def test_parts_that_do_not_make_up_the_file_bring_the_whole(index: Index, wanted: Download, tmp_path: Path) -> None:
    """A part with wrong bytes is found by the hash of all, and the file comes once more in one piece."""
    index.inject("body.bin", Fault(corrupt=True))
    check(fetch(index, wanted, tmp_path))
    assert asked(index)[-1] is None
    assert len(index.requests) == len(RANGES) + 1


def test_a_part_that_cannot_be_had_is_the_files_error(index: Index, wanted: Download, tmp_path: Path) -> None:
    """When one part fails for good the file fails once, and nothing is left of it."""

    def refuse(_name: str, _amount: int) -> None:
        index.inject("body.bin", failure(404), times=None)

    with Fetcher(Network(ca_bundle=str(index.ca_bundle), jobs=2, retries=0)) as fetcher:
        ((_, result),) = fetcher.fetch_all([wanted], new_body=lambda: tmp_path / "body", on_bytes=refuse)
    assert str(result) == f"The server answered 404 for {wanted.url}."
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_cut_is_resumed_where_it_was(index: Index, wanted: Download, tmp_path: Path, jobs: int) -> None:
    """The rest of a file, or of a part, is asked for with the ETag of what has come; nothing comes twice."""
    index.inject("body.bin", Fault(cut_after=1_000_000))
    check(fetch(index, wanted, tmp_path, jobs=jobs))
    (again,) = [one for one in index.requests if (one.headers.get("range") or "").startswith("bytes=1000000-")]
    assert again.headers["if-range"].startswith('"')
    assert sum(request.bytes_sent for request in index.requests) == SIZE


def test_a_cut_of_a_file_that_has_changed_starts_over(index: Index, wanted: Download, tmp_path: Path) -> None:
    """What came before the cut is of another file then, and is not joined to what comes after."""
    index.put("/files/body.bin", bytes(SIZE))
    index.inject("body.bin", Fault(cut_after=1_000_000))

    def change(_name: str, _amount: int) -> None:
        index.put("/files/body.bin", BODY)

    with Fetcher(Network(ca_bundle=str(index.ca_bundle), jobs=1, retries=1)) as fetcher:
        ((_, result),) = fetcher.fetch_all([wanted], new_body=lambda: tmp_path / "body", on_bytes=change)
    check(result)


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_a_cut_without_a_strong_etag_starts_over(
    index: Index, wanted: Download, tmp_path: Path, etag: str | None
) -> None:
    """Without a validator that vouches for the bytes nothing is joined."""
    index.set_headers("body.bin", {**PYPI.files, "ETag": etag})
    index.inject("body.bin", Fault(cut_after=1_000_000))
    check(fetch(index, wanted, tmp_path, jobs=1))
    assert asked(index) == [None, None]


@given(st.integers(1, 10**10))
def test_parts_cover_a_file(size: int) -> None:
    """The parts of any size are few, not small, and end where the file does."""
    ends = ends_of(size)
    assert ends == sorted(set(ends))
    assert ends[-1] == size
    assert len(ends) <= MOST_PARTS
    assert all(end - start >= PART for start, end in zip([0, *ends], ends[:-1], strict=False))
