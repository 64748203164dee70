"""What items hold: real and hostile entries in both layouts are told in bounded time and memory, without a trace."""

from __future__ import annotations

import gzip
import io
import json
import os
import resource
import struct
import time
import zipfile
import zlib
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cache.test_inventory import BUILT, KEY, WHEEL, write
from tests.helpers.artifacts import make_sdist, make_wheel, metadata_of
from tests.strategies import NOW
from wheelwarm.cache.contents import examine
from wheelwarm.cache.format import dumps, entry_path
from wheelwarm.cache.http import HttpCache
from wheelwarm.cache.inventory import Form, Item, take
from wheelwarm.entry_facts import Contents, Problem, Source
from wheelwarm.model import Kind, Layout, StoredResponse

if TYPE_CHECKING:
    from collections.abc import Iterator

URL = "https://files.example/demo-1.0-py3-none-any.whl"
ENTRY = f"http-v2/{entry_path(KEY)}"
DATED = {"Date": formatdate(NOW, usegmt=True)}


@pytest.fixture(params=list(Layout))
def layout(request: pytest.FixtureRequest) -> Layout:
    """Run a test with each of pip's two layouts."""
    return Layout(request.param)


def store(root: Path, layout: Layout, body: bytes, **headers: str) -> Item:
    """Store a body with headers as pip does, and return the one item that this makes."""
    cache = HttpCache(root, layout=layout, inherits_permissions=True)
    file = cache.new_body()
    file.write_bytes(body)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    cache.store(URL, StoredResponse(status=200, headers=DATED | sent), file)
    (item,) = take(root).items
    return item


def page(**extra: object) -> bytes:
    """Return a JSON index page."""
    return json.dumps({"meta": {"api-version": "1.1"}, "name": "Demo", "files": [], **extra}).encode()


def test_bodies_are_told_by_what_they_are(tmp_path: Path, layout: Layout) -> None:
    """A wheel, an sdist, a metadata file and an index page are known by their bytes, whatever the headers say."""
    wheel = make_wheel(tmp_path, "Demo", "1.0", requires_python=">=3.9")
    bodies = {
        wheel.read_bytes(): (Kind.WHEEL, "1.0", wheel.name),
        make_sdist(tmp_path, "demo", "2.0").read_bytes(): (Kind.SDIST, "2.0", "demo-2.0.tar.gz"),
        metadata_of(wheel): (Kind.METADATA, "1.0", None),
        page(): (Kind.INDEX_PAGE, None, None),
    }
    for number, (body, expected) in enumerate(bodies.items()):
        root = tmp_path / str(number)
        found = examine(root, store(root, layout, body, Content_Type="text/html"))
        assert (found.kind, found.version, found.filename) == expected
        assert (found.name, found.source, found.problem) == ("demo", Source.BODY, None)


def test_a_compressed_page_is_a_page(tmp_path: Path, layout: Layout) -> None:
    """A page is kept as it was sent: gzip and deflate are undone to look at it."""
    for encoding, body in {"gzip": gzip.compress(page()), "deflate": zlib.compress(page())}.items():
        root = tmp_path / encoding
        found = examine(root, store(root, layout, body, Content_Encoding=encoding))
        assert (found.kind, found.name) == (Kind.INDEX_PAGE, "demo")


def test_freshness_is_told_as_a_moment(tmp_path: Path, layout: Layout) -> None:
    """When the lifetime ends does not change with the clock; a validator is what a 304 can be asked by."""
    fresh = examine(tmp_path / "1", store(tmp_path / "1", layout, b"x", Cache_Control="max-age=60", ETag='"e"'))
    stale = examine(tmp_path / "2", store(tmp_path / "2", layout, b"x"))

    assert (fresh.expires, fresh.validator) == (NOW + 60, True)
    assert (stale.expires, stale.validator) == (0.0, False)


def test_half_a_body_is_truncated(tmp_path: Path, layout: Layout) -> None:
    """A body that is shorter than the server said is named as far as it tells, and marked."""
    body = metadata_of(make_wheel(tmp_path, "demo", "1.0"))
    found = examine(tmp_path / "c", store(tmp_path / "c", layout, body, Content_Length=str(len(body) + 1)))

    assert (found.problem, found.name) == (Problem.TRUNCATED, "demo")


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        (b"", Problem.UNREADABLE),
        (b"cc=4,garbage", Problem.UNREADABLE),
        (b"cc=4," + b"\xdd\xff\xff\xff\xff" * 10, Problem.UNREADABLE),
        (b"cc=4,\x81\xa8response\xdf\xff\xff\xff\xff", Problem.UNREADABLE),
        (b"cc=2," + zlib.compress(b"{}"), Problem.OLDER_FORMAT),
        (b"cc=0,whatever", Problem.OLDER_FORMAT),
        (b"cc=5,", Problem.UNREADABLE),
    ],
)
def test_metadata_that_is_none(tmp_path: Path, layout: Layout, metadata: bytes, problem: Problem) -> None:
    """Garbage, hostile lengths and the formats of old pips are told apart, and of no kind."""
    item = store(tmp_path, layout, b"body")
    (tmp_path / item.path).write_bytes(metadata)

    assert examine(tmp_path, item) == Contents(problem=problem)


def test_halves_are_of_no_kind(tmp_path: Path) -> None:
    """A body alone is named, so that it can be removed with its project, but no pip would use it."""
    body = make_wheel(tmp_path, "demo", "1.0").read_bytes()
    write(tmp_path / "c" / f"{ENTRY}.body", body)
    write(tmp_path / "c" / "http-v2" / entry_path("0" * 56), dumps(StoredResponse(status=200, headers={})))

    found = {item.form: examine(tmp_path / "c", item) for item in take(tmp_path / "c").items}

    assert (found[Form.BODY_ALONE].kind, found[Form.BODY_ALONE].name) == (Kind.OTHER, "demo")
    assert found[Form.METADATA_ALONE] == Contents()


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (b'{"url": "https://u:p@x.example/demo.zip", "archive_info": {}}', "https://****@x.example/demo.zip"),
        (b"{", None),
        (None, None),
    ],
)
def test_built_wheels_are_named_by_their_files(tmp_path: Path, origin: bytes | None, expected: str | None) -> None:
    """A wheel that pip built has its own name; the origin is told without credentials."""
    write(tmp_path / BUILT / WHEEL)
    if origin is not None:
        write(tmp_path / BUILT / "origin.json", origin)
    (item,) = take(tmp_path).items

    found = examine(tmp_path, item)

    assert (found.kind, found.name, found.version, found.filename) == (Kind.BUILT_WHEEL, "demo", "1.0", WHEEL)
    assert (found.tags, found.origin) == (("py3-none-any",), expected)


def test_a_look_is_no_use(tmp_path: Path, layout: Layout) -> None:
    """Looking leaves access times as they are, on systems that let one's own files be read so."""
    item = store(tmp_path, layout, make_wheel(tmp_path.parent, "demo", "1.0").read_bytes())
    for file in item.files:
        os.utime(tmp_path / file.path, ns=(1, file.mtime_ns))

    assert examine(tmp_path, item).name == "demo"

    if hasattr(os, "O_NOATIME"):
        assert {(tmp_path / file.path).stat().st_atime_ns for file in item.files} == {1}


def zip_bomb() -> bytes:
    """Return a wheel whose METADATA inflates to a gigabyte."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("demo-1.0.dist-info/METADATA", "w", force_zip64=True) as file,
    ):
        for _ in range(1 << 10):
            file.write(bytes(1 << 20))
    return buffer.getvalue()


def zip_of_many() -> bytes:
    """Return a zip archive that says it has four billion members in a directory of four gigabytes."""
    return b"PK\3\4" + bytes(100) + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0)


HOSTILE = {
    "zip bomb": zip_bomb,
    "absurd directory": zip_of_many,
    "gzip bomb": lambda: gzip.compress(bytes(1 << 28)),
    "gzip in gzip": lambda: gzip.compress(gzip.compress(bytes(1 << 26))),
    "brackets": lambda: b'{"files": ' + b"[" * (1 << 22),
    "anchors": lambda: b"<!doctype html>" + b"<a " * (1 << 20),
    "one long line": lambda: b"Metadata-Version: " + b"x" * (1 << 24),
    "headers": lambda: b"a:\n" * (1 << 20),
}


@contextmanager
def no_more_memory_than(size: int) -> Iterator[None]:
    """Let every allocation beyond `size` more bytes of address space fail, where the system tells how many it has."""
    if not Path("/proc/self/statm").exists():
        yield
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bodies_cost_little(tmp_path: Path, body: object) -> None:
    """Bombs, absurd directories and endless nesting are of no name, in seconds and little memory."""
    assert callable(body)
    item = store(tmp_path, Layout.HTTP_V2, body())
    begin = time.process_time()

    with no_more_memory_than(200 * 2**20):
        found = examine(tmp_path, item)

    assert (found.name, found.version) == (None, None)
    assert time.process_time() - begin < 20


def test_gigantic_files_are_not_read(tmp_path: Path, layout: Layout) -> None:
    """A terabyte of body, or of metadata, is told without reading it (a hole takes no disk)."""
    item = store(tmp_path, layout, b"PK\3\4")
    for file in item.files:
        with (tmp_path / file.path).open("r+b") as opened:
            opened.truncate(1 << 40)
    (item,) = take(tmp_path).items

    assert examine(tmp_path, item) == Contents(problem=Problem.UNREADABLE)


def test_a_pipe_in_a_file_s_place_is_not_waited_for(tmp_path: Path) -> None:
    """What turns into a pipe, a link or a folder after the walk is of no name, at once."""
    item = store(tmp_path, Layout.HTTP_V2, make_wheel(tmp_path.parent, "demo", "1.0").read_bytes())
    body = tmp_path / item.files[1].path
    os.mkfifo(body.with_name("pipe"))
    body.with_name("pipe").replace(body)
    assert examine(tmp_path, item).name is None
    body.unlink()
    body.symlink_to(tmp_path.parent / "demo-1.0-py3-none-any.whl")
    assert examine(tmp_path, item).name is None
    body.unlink()
    body.mkdir()
    assert examine(tmp_path, item).name is None


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not tell what is open")
def test_a_folder_in_a_file_s_place_leaves_nothing_open(tmp_path: Path) -> None:
    """Of folders named `origin.json` there may be more than a process may have open files."""
    wheel = write(tmp_path / BUILT / WHEEL)
    wheel.with_name("origin.json").mkdir()
    (item,) = take(tmp_path).items
    before = len(list(Path("/proc/self/fd").iterdir()))

    found = [examine(tmp_path, item) for _ in range(20)]

    assert {(one.name, one.origin) for one in found} == {("demo", None)}
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@settings(max_examples=200)
@given(
    st.sampled_from(Layout),
    st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda tail: b"cc=4," + tail)),
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=200).map(lambda tail: b"PK\3\4" + tail),
        st.binary(max_size=200).map(lambda tail: gzip.compress(tail)),
        st.text(max_size=200).map(str.encode),
    ),
    st.booleans(),
)
def test_nothing_makes_a_look_fail(layout: Layout, metadata: bytes, body: bytes, readable: bool) -> None:
    """Any bytes in both files end in some answer, in either layout, behind readable metadata or not."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        item = store(root, layout, body)
        if not readable:
            (root / item.path).write_bytes(metadata)
        found = examine(root, item)

    assert isinstance(found, Contents)
    assert readable or layout is Layout.HTTP or found.problem is not None or metadata.startswith(b"cc=4,")
