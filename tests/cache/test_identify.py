"""Identities: real bodies are called what their files were called, hostile ones are OTHER, and soon."""

from __future__ import annotations

import gzip
import io
import json
import time
import tracemalloc
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name

from tests.cache.test_archive import end64, tar_of, zip_of
from tests.helpers.artifacts import make_sdist, make_wheel, metadata_of
from tests.helpers.index_pages import HTML, JSON_V1, Link, render
from tests.helpers.pips import fetch_pip
from wheelwarm.cache.identify import INFLATED_LIMIT, OTHER, Identity, identify
from wheelwarm.model import Kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

METADATA = b"Metadata-Version: 2.1\nName: Demo.Pkg\nVersion: 1.0\nRequires-Python: >=3.8\n\nName: not this\n"
SECONDS = 10.0
MEMORY = 1 << 23


def of(body: bytes, *, content_encoding: str = "") -> Identity:
    """Identify bytes."""
    return identify(io.BytesIO(body), len(body), content_encoding=content_encoding)


def wheel_of(stem: str, wheel: str, *, metadata: bytes = METADATA) -> bytes:
    """Write a wheel of nothing but its two files of metadata."""
    return zip_of({f"{stem}.dist-info/METADATA": metadata, f"{stem}.dist-info/WHEEL": wheel.encode()})


@pytest.mark.parametrize(
    ("name", "version", "tag"),
    [
        ("demo", "1.0", "py3-none-any"),
        ("demo-pkg", "2!1.0rc1+cpu.1", "py2.py3-none-any"),
        ("demo", "1.0", "cp311-abi3-manylinux2014_x86_64.manylinux_2_17_x86_64"),
        ("demo", "1.0", "cp310.cp311-cp310.cp311-macosx_10_9_universal2"),
    ],
)
def test_wheel(name: str, version: str, tag: str, tmp_path: Path) -> None:
    """A wheel is called what its file was called, with the tags of that name."""
    path = make_wheel(tmp_path, name, version, tag=tag, requires_python=">=3.8", size=100_000)

    assert of(path.read_bytes()) == Identity(
        kind=Kind.WHEEL,
        name=canonicalize_name(name),
        version=version,
        filename=path.name,
        tags=tuple(sorted(map(str, parse_tag(tag)))),
        requires_python=">=3.8",
    )


def test_real_wheel() -> None:
    """The wheel of a released pip is called what PyPI calls it."""
    path = fetch_pip("26.3")

    with path.open("rb") as stream:
        identity = identify(stream, path.stat().st_size)

    assert (identity.kind, identity.filename) == (Kind.WHEEL, path.name)


@pytest.mark.parametrize(
    ("stem", "wheel", "filename"),
    [
        ("Demo.Pkg-1.0", "Tag: py3-none-any\n", "Demo.Pkg-1.0-py3-none-any.whl"),
        ("demo_pkg-1.0.0", "Tag: py3-none-any\n", "demo_pkg-1.0-py3-none-any.whl"),
        ("other-1.0", "Tag: py3-none-any\n", "demo_pkg-1.0-py3-none-any.whl"),
        ("demo_pkg-1.0", "Build: 2b\nTag: py3-none-any\n", "demo_pkg-1.0-2b-py3-none-any.whl"),
        ("demo_pkg-1.0", "Build: ../2\nTag: py3-none-any\n", "demo_pkg-1.0-py3-none-any.whl"),
        ("demo_pkg-1.0", "Tag: py3-none-any\r\nTag: py2-none-any\r\n", "demo_pkg-1.0-py2.py3-none-any.whl"),
        ("demo_pkg-1.0", "Tag: py3-none-b.a\n", "demo_pkg-1.0-py3-none-b.a.whl"),
        ("demo_pkg-1.0", "Tag: py3-none-a\nTag: py2-abi3-a\n", None),
        ("demo_pkg-1.0", "Tag: py3-none-a/../b\n", None),
        ("demo_pkg-1.0", "", None),
    ],
)
def test_wheel_file_name(stem: str, wheel: str, filename: str | None) -> None:
    """The file name takes the folder's spelling where it agrees, the build tag, and the tags in PEP 425's order."""
    identity = of(wheel_of(stem, wheel))

    assert (identity.kind, identity.name, identity.filename) == (Kind.WHEEL, "demo-pkg", filename)


def test_wheel_without_its_wheel_file() -> None:
    """A wheel that lost its WHEEL file still has a name."""
    identity = of(zip_of({"demo_pkg-1.0.dist-info/METADATA": METADATA}))

    assert (identity.kind, identity.name, identity.version) == (Kind.WHEEL, "demo-pkg", "1.0")


@pytest.mark.parametrize("requires_python", [None, ">=3.8"])
def test_sdist(requires_python: str | None, tmp_path: Path) -> None:
    """An sdist is called what its file was called."""
    path = make_sdist(tmp_path, "Demo-Pkg", "1.0", requires_python=requires_python)

    assert of(path.read_bytes()) == Identity(
        kind=Kind.SDIST, name="demo-pkg", version="1.0", filename=path.name, requires_python=requires_python
    )


@pytest.mark.parametrize(
    ("members", "filename"),
    [
        ({"Demo.Pkg-1.0/PKG-INFO": METADATA}, "Demo.Pkg-1.0"),
        ({"./demo_pkg-1.0/PKG-INFO": METADATA}, "demo_pkg-1.0"),
        ({"src/PKG-INFO": METADATA}, "demo_pkg-1.0"),
        ({"d-2/pyproject.toml": b"x", "d-2/x.egg-info/PKG-INFO": b"", "d-2/PKG-INFO": METADATA}, "demo_pkg-1.0"),
        ({"demo-2.0/setup.py": b"", "demo-2.0/sub/PKG-INFO": METADATA}, "demo-2.0"),
        ({"demo-main/pyproject.toml": b""}, None),
        ({"d\x1b[31m-2.0/pyproject.toml": b""}, None),
    ],
)
@pytest.mark.parametrize("suffix", [".tar.gz", ".zip"])
def test_sdist_file_name(members: dict[str, bytes], filename: str | None, suffix: str) -> None:
    """The file name takes the folder's spelling where PKG-INFO agrees; without PKG-INFO the folder has to do."""
    identity = of(zip_of(members) if suffix == ".zip" else gzip.compress(tar_of(members)))

    assert identity.kind is Kind.SDIST
    assert identity.filename == (f"{filename}{suffix}" if filename else None)


def test_sdist_too_large_to_read() -> None:
    """Where PKG-INFO lies beyond the limit the folder's name has to do."""
    members = {"demo-1.0/setup.py": b"", "demo-1.0/data": b"\0" * INFLATED_LIMIT, "demo-1.0/PKG-INFO": METADATA}

    identity = of(gzip.compress(tar_of(members), compresslevel=1))

    assert (identity.kind, identity.filename) == (Kind.SDIST, "demo-1.0.tar.gz")


def test_metadata(tmp_path: Path) -> None:
    """The `.metadata` file of a wheel is core metadata; a file name cannot be known from it."""
    body = metadata_of(make_wheel(tmp_path, "Demo-Pkg", "1.0.0", requires_python=">=3.8"))

    assert of(body) == Identity(kind=Kind.METADATA, name="demo-pkg", version="1.0.0", requires_python=">=3.8")


def test_legacy_version() -> None:
    """A version from before PEP 440 is kept as it is."""
    assert of(b"Metadata-Version: 1.0\nName: pytz\nVersion: 2004d-x\n").version == "2004d-x"


LINKS = [
    Link(
        filename=f"demo-{number}.zip",
        url=f"https://h/demo-{number}.zip",
        size=1,
        sha256="a" * 64,
        requires_python=None,
        yanked=None,
        metadata_sha256=None,
    )
    for number in range(9)
]
ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": lambda body: zlib.compress(body, wbits=-15),
}


@pytest.mark.parametrize("content_type", [HTML, JSON_V1])
@pytest.mark.parametrize("content_encoding", ENCODINGS)
def test_index_page(content_type: str, content_encoding: str) -> None:
    """An index page names its project, in both formats and under each encoding that pip accepts."""
    body = ENCODINGS[content_encoding](render("Demo.Pkg", LINKS, content_type=content_type))

    assert of(body, content_encoding=content_encoding) == Identity(kind=Kind.INDEX_PAGE, name="demo-pkg")


def test_compressed_body_without_the_header() -> None:
    """A gzip body shows itself, and a header that says gzip over a plain one misleads nobody."""
    page = render("demo", LINKS, content_type=JSON_V1)

    assert of(gzip.compress(page)).name == "demo"
    assert of(page, content_encoding="gzip").name == "demo"
    assert of(page, content_encoding="deflate") == OTHER


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ({"meta": {"name": "inner"}, "files": [{"name": "inner"}], "name": "demo"}, "demo"),
        ({"name": "demo", "files": [{"name": "inner", "x": '\\"}]'}], "meta": {}}, "demo"),
        ({"name": "d\u00e9mo", "files": []}, None),
        ({"name": "a/b", "files": []}, None),
        ({"name": None, "files": ["demo"]}, None),
        ({"meta": {"api-version": "1.0"}, "projects": [{"name": "demo"}]}, None),
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_json_page(page: object, name: str | None, indent: int | None) -> None:
    """The name is the page's own, wherever it stands, and not one that stands further inside."""
    assert of(json.dumps(page, indent=indent).encode()) == Identity(kind=Kind.INDEX_PAGE, name=name)


@pytest.mark.parametrize("ending", ["}", "", "}}", ', "versions": [' + "0, " * 300_000 + "0]}"])
def test_json_page_that_is_broken_or_huge(ending: str) -> None:
    """A page that was cut off, or is too large to be built in memory, still tells its name."""
    page = f'{{"files": [{{"name": "inner", "x": ["{{"]}}], "meta": {{}}, "name": "Demo"{ending}'

    assert of(page.encode()) == Identity(kind=Kind.INDEX_PAGE, name="demo")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<!DOCTYPE html><html><body><a href='demo-1.0.zip'>demo</a>", Kind.INDEX_PAGE),
        (b"<html><title>Links for demo</title></html>", Kind.INDEX_PAGE),
        (b"<html><body>Service unavailable", Kind.OTHER),
        (b'{"message": "not found"}', Kind.OTHER),
        (b'{"files": []}', Kind.OTHER),
    ],
)
def test_what_is_a_page(body: bytes, kind: Kind) -> None:
    """A page has links, or the keys of PEP 691; other HTML and JSON is OTHER."""
    assert of(body).kind is kind


def test_body_inside_a_file() -> None:
    """Only the stretch from the stream's position counts, as in pip's older layout where more stands around it."""
    body = wheel_of("demo_pkg-1.0", "Tag: py3-none-any")
    stream = io.BytesIO(b"cc=4," + body + b"trailer")
    stream.seek(5)

    assert identify(stream, len(body)).filename == "demo_pkg-1.0-py3-none-any.whl"


def test_unreadable() -> None:
    """A stream that fails is OTHER."""

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    assert identify(Failing(), 100) == OTHER


def lying_metadata(name: str, version: str = "1.0") -> bytes:
    """Write core metadata of an odd name."""
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()


@pytest.mark.parametrize(
    "metadata",
    [
        lying_metadata("../../etc/passwd"),
        lying_metadata("demo\x1b[31m"),
        lying_metadata("demo\u202e"),
        lying_metadata("x" * 200),
        lying_metadata(""),
        lying_metadata("demo", "1.0/../../x"),
        lying_metadata("demo", "1\x07"),
        b"Metadata-Version: 2.1\nName: demo\n\nVersion: 1.0\n",
        b"Name: demo\nVersion: 1.0\n",
    ],
)
def test_names_that_could_do_harm(metadata: bytes) -> None:
    """A name or a version that is none is not repeated, whatever it stands in."""
    assert of(metadata) == OTHER
    assert of(wheel_of("demo-1.0", "Tag: py3-none-any", metadata=metadata)) == OTHER
    assert of(gzip.compress(tar_of({"demo-1.0/PKG-INFO": metadata}))) == OTHER


def test_requires_python_that_could_do_harm() -> None:
    """What is no specifier by its characters is left out."""
    assert of(b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Python: \x1b[2J\n").requires_python is None


@pytest.mark.parametrize("folder", ["demo-1.0.dist-info", f"demo-{'1' * 5000}.dist-info"])
def test_a_wheel_by_its_metadata_whatever_its_folder_says(folder: str) -> None:
    """A folder whose version has more digits than Python reads is no reason to fail."""
    identity = of(zip_of({f"{folder}/METADATA": METADATA, f"{folder}/WHEEL": b"Tag: py3-none-any"}))

    assert (identity.name, identity.filename) == ("demo-pkg", "demo_pkg-1.0-py3-none-any.whl")


def many_members() -> bytes:
    """Write an archive of more members than any wheel has."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("demo-1.0.dist-info/METADATA", METADATA)
    one = buffer.getvalue()
    central = one[one.index(b"PK\1\2") : one.index(b"PK\5\6")]
    local, count = one[: one.index(b"PK\1\2")], 1_000_000
    return (
        local
        + central * count
        + end64(count=count, size=len(central) * count, offset=len(local), at=len(local) + len(central) * count)
    )


HOSTILE: dict[str, Callable[[], bytes]] = {
    "nothing": bytes,
    "zip: a million members": many_members,
    "zip: bomb as METADATA": lambda: wheel_of("demo-1.0", "", metadata=b"\0" * (1 << 26)),
    "zip: bomb as WHEEL": lambda: wheel_of("demo-1.0", "Tag: a.b-c.d-e.f\n" * 1_000_000, metadata=b""),
    "zip: two dist-info": lambda: zip_of({"a-1.dist-info/METADATA": METADATA, "b-1.dist-info/METADATA": METADATA}),
    "zip: truncated": lambda: wheel_of("demo-1.0", "Tag: py3-none-any")[:-30],
    "zip: an egg": lambda: zip_of({"EGG-INFO/PKG-INFO": METADATA}),
    "zip: a version of many digits": lambda: zip_of({f"demo-{'1' * 5000}/PKG-INFO": b""}),
    "zip: no project": lambda: zip_of({"readme.txt": b""}),
    "gzip: bomb": lambda: gzip.compress(b"\0" * (INFLATED_LIMIT * 2)),
    "gzip: truncated": lambda: gzip.compress(tar_of({"demo-1.0/PKG-INFO": METADATA}))[:40],
    "gzip: broken": lambda: b"\x1f\x8b" + b"x" * 100,
    "tar: bomb": lambda: gzip.compress(tar_of({"a/b": b"\0" * (INFLATED_LIMIT * 2)})),
    "tar: only headers": lambda: gzip.compress(tar_of({"a/b": b""})[:512] * (INFLATED_LIMIT // 512 + 1), 1),
    "tar: no project": lambda: gzip.compress(tar_of({"a/b": b""})),
    "json: deep": lambda: b'{"files":' + b"[" * 5_000_000,
    "json: string that never ends": lambda: b'{"files": "' + b'\\"' * 5_000_000,
    "json: spaces": lambda: (b'{"files"' + b" " * 10_000) * 500,
    "html: open tags": lambda: b"<html>" + b"<title>" * 1_000_000,
    "headers without end": lambda: b"A: b\n" * 5_000_000,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bodies(body: Callable[[], bytes]) -> None:
    """What is made to exhaust a reader is OTHER, after no long time."""
    made = body()
    begin = time.process_time()

    identity = of(made)

    assert identity == OTHER
    assert time.process_time() - begin < SECONDS


@pytest.mark.parametrize("case", ["gzip: bomb", "tar: bomb", "zip: bomb as METADATA", "zip: a million members"])
def test_bombs_take_little_memory(case: str) -> None:
    """What inflates, or claims, to be large is not held in memory."""
    made = HOSTILE[case]()
    tracemalloc.start()
    try:
        of(made)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < MEMORY


def test_tags_without_end() -> None:
    """Tags that unfold into millions are cut short, and give no file name."""
    line = "Tag: " + "-".join(".".join(f"{column}{number}" for number in range(12)) for column in "abc")

    identity = of(wheel_of("demo_pkg-1.0", line + "\n" + line.replace("a1", "z1")))

    assert len(identity.tags) == 1000
    assert identity.filename is None


SAMPLES = [
    wheel_of("demo_pkg-1.0", "Tag: py3-none-any"),
    gzip.compress(tar_of({"demo-1.0/PKG-INFO": METADATA}), mtime=0),
    zip_of({"demo-1.0/PKG-INFO": METADATA}),
    METADATA,
    render("demo", LINKS, content_type=JSON_V1),
    gzip.compress(render("demo", LINKS, content_type=HTML), mtime=0),
]


@settings(max_examples=300)
@given(
    sample=st.sampled_from(SAMPLES),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=9)), max_size=4),
    keep=st.floats(0, 1),
    claimed=st.sampled_from([0, -1, 1, 1000, 2**62]),
    content_encoding=st.sampled_from(["", "gzip", "deflate", "br"]),
)
def test_spoilt_bodies_never_raise(
    sample: bytes, changes: list[tuple[float, bytes]], keep: float, claimed: int, content_encoding: str
) -> None:
    """A body that was changed, cut, or whose size is wrong has some identity, and its names are clean."""
    spoilt = bytearray(sample[: int(len(sample) * max(keep, 0.5))])
    for place, patch in changes:
        at = int(place * len(spoilt))
        spoilt[at : at + len(patch)] = patch

    identity = identify(io.BytesIO(spoilt), max(0, len(spoilt) + claimed), content_encoding=content_encoding)

    for text in (identity.name, identity.version, identity.filename, identity.requires_python, *identity.tags):
        assert text is None or (text.isascii() and text.isprintable() and "/" not in text)


@given(body=st.binary(max_size=200), head=st.sampled_from([b"", b"PK\3\4", b"\x1f\x8b\x08\0", b"{", b"<html>", b"A: "]))
def test_any_bytes_never_raise(body: bytes, head: bytes) -> None:
    """Bytes of any kind have an identity."""
    assert of(head + body).kind in Kind
