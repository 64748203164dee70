"""Index pages: what wheelwarm reads from a page is what pip reads from it."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.version import Version

from tests.helpers.pip_links import PipLinks
from wheelwarm.errors import FormatError
from wheelwarm.indexes.index_page import (
    HTML,
    JSON,
    Link,
    content_type_of,
    parse,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import PipOf

PAGE = "https://index.example/simple/demo/"
SHA256 = "a" * 64
MD5 = "b" * 32

HTML_PAGES = {
    "as PyPI writes it": f"""<!DOCTYPE html>
<html>
  <head>
    <meta name="pypi:repository-version" content="1.3">
    <title>Links for demo</title>
  </head>
  <body>
    <h1>Links for demo</h1>
    <a href="https://files.example/aa/demo-1.0.tar.gz#sha256={SHA256}" data-requires-python="&gt;=3.8" >demo</a><br />
    <a href="https://files.example/aa/demo-1.0-py3-none-any.whl#sha256={SHA256}"
       data-dist-info-metadata="sha256={MD5}" data-core-metadata="sha256={SHA256}">demo-1.0-py3-none-any.whl</a><br />
  </body>
</html>
<!--SERIAL 1-->""",
    "relative": '<a href="../../files/demo-1.0.zip">x</a><a href="demo-2.0.zip">x</a><a href="/demo-3.0.zip">x</a>',
    "relative oddities": '<a href="./demo-1.zip">x</a><a href="a/../demo-2.zip">x</a><a href="//h/demo-3.zip">x</a>'
    '<a href="?f=demo-4.zip">x</a><a href="a//demo-5.zip">x</a><a href="../../../../demo-6.zip">x</a>',
    "base": '<base href="https://mirror.example/x/"><a href="demo-1.0.zip">x</a><base href="https://late.example/">',
    "base without href": '<base target="x"><base href="https://b.example/"><a href="demo-1.0.zip">x</a>',
    "upper case": '<A HREF="demo-1.0.zip" DATA-YANKED="bad">x</A>',
    "unquoted": f"<a href=demo-1.0.zip#md5={MD5} data-yanked>x</a><a href='demo-2.0.zip' data-yanked=''>x</a>",
    "comments and scripts": '<!-- <a href="hidden-1.zip">x</a> --><script>"<a href=hidden-2.zip>"</script>'
    '<a href="demo-1.0.zip">x</a>',
    "entities": '<a href="demo-1.0.zip?a=1&amp;b=2" data-requires-python="&gt;=3, &lt;4">x</a>'
    '<a href="demo-2.0.zip" data-requires-python="&#62;=3">x</a><a href="demo&copy-3.0.zip">x</a>',
    "quoting": '<a href="demo 1.0.zip">x</a><a href="demo%201.1.zip">x</a><a href="demo-1.2+cpu.zip">x</a>'
    '<a href="a%2fdemo-1.3.zip">x</a><a href="https://u:p@h.example/demo@1.4.zip">x</a><a href="démo-1.5.zip">x</a>'
    '<a href="https://h.example/demo%2b1.zip">x</a><a href="https://h.example/~x/demo-1.zip#egg=demo&amp;x">x</a>',
    "metadata": "".join(
        f'<a href="demo-{number}.whl" {attributes}>x</a>'
        for number, attributes in enumerate(
            [
                'data-core-metadata="true"',
                'data-core-metadata="nonsense"',
                'data-core-metadata="blake3=aa"',
                f'data-core-metadata="true" data-dist-info-metadata="sha256={SHA256}"',
                f'data-dist-info-metadata="sha512={SHA256}"',
                'data-core-metadata=""',
            ]
        )
    ),
    "fragments": "".join(
        f'<a href="demo-{number}.zip#{fragment}">x</a>'
        for number, fragment in enumerate(
            [f"sha256={SHA256}", f"md5={MD5}&amp;sha256={SHA256}", "sha256=", "blake3=aa", "egg=x&amp;sha1=0f", "a"]
        )
    ),
    "no files": '<a>x</a><a href="">x</a><a href="#top">x</a><a name="x">x</a><a href="https://files.example/">x</a>',
    "twice the same attribute": '<a href="demo-1.0.zip" href="demo-2.0.zip">x</a>',
    "unfinished": '<a href="demo-1.0.zip">x</a><a href="demo-2.0.zip"',
    "empty": "",
}

JSON_FILES: dict[str, dict[str, Any]] = {
    "plain": {"filename": "demo-1.0.zip", "url": "https://files.example/demo-1.0.zip", "hashes": {"sha256": SHA256}},
    "full": {
        "url": "../../demo-1.0.zip",
        "hashes": {"sha256": SHA256},
        "requires-python": ">=3.8",
        "yanked": "it was bad",
        "core-metadata": {"sha256": SHA256},
        "dist-info-metadata": {"md5": MD5},
        "size": 12,
        "upload-time": "2024-01-01T00:00:00.000000Z",
    },
    "yanked without a reason": {"url": "demo-1.0.zip", "yanked": True, "hashes": {}},
    "yanked by an empty reason": {"url": "demo-1.0.zip", "yanked": "", "hashes": {}},
    "two hashes": {"url": "demo-1.0.zip", "hashes": {"md5": MD5, "sha256": SHA256}},
    "unknown hash first": {"url": "demo-1.0.zip", "hashes": {"blake2b": "cc", "sha256": SHA256}},
    "fragment beside hashes": {"url": f"demo-1.0.zip#md5={MD5}", "hashes": {"sha256": SHA256}},
    "fragment beside the same hash": {"url": f"demo-1.0.zip#sha256={MD5}", "hashes": {"md5": MD5, "sha256": SHA256}},
    "no hashes": {"url": "demo-1.0.zip"},
    "metadata offered": {"url": "demo-1.0.zip", "hashes": {}, "core-metadata": True},
    "metadata refused": {"url": "demo-1.0.zip", "hashes": {}, "core-metadata": False, "dist-info-metadata": True},
    "metadata with unknown hash": {"url": "demo-1.0.zip", "hashes": {}, "core-metadata": {"blake2b": "cc"}},
    "empty requires-python": {"url": "demo-1.0.zip", "hashes": {}, "requires-python": ""},
    "null url": {"url": None, "hashes": {}},
    "no url": {"filename": "demo-1.0.zip"},
}


@pytest.fixture(scope="module")
def pip() -> Iterator[PipLinks]:
    """Run the pip of this environment as the oracle."""
    with PipLinks() as running:
        yield running


def described(link: Link) -> dict[str, Any]:
    """Say a link in the words of the oracle."""
    return {
        "filename": link.filename,
        "url": link.url,
        "hash": list(link.hash_in_key) if link.hash_in_key else None,
        "requires_python": link.requires_python,
        "yanked": link.yanked,
        "core_metadata": link.core_metadata,
        "metadata_url": None if link.core_metadata is None else link.metadata_url,
    }


def json_page(*files: object) -> bytes:
    """Write a page of PEP 691 with these files."""
    return json.dumps({"meta": {"api-version": "1.1"}, "name": "demo", "files": files}).encode()


def assert_like_pip(pip: PipLinks, body: bytes, content_type: str) -> None:
    """Compare the links of a page with those that pip takes from it."""
    links = parse(body, content_type, PAGE).links

    assert [described(link) for link in links] == pip.parse(body, content_type, PAGE)


@pytest.mark.parametrize("page", HTML_PAGES.values(), ids=HTML_PAGES)
def test_html_like_pip(page: str, pip: PipLinks) -> None:
    """An HTML page gives the links that pip takes from it, however it is written."""
    assert_like_pip(pip, page.encode(), "text/html; charset=utf-8")


@pytest.mark.parametrize("entry", JSON_FILES.values(), ids=JSON_FILES)
def test_json_like_pip(entry: dict[str, Any], pip: PipLinks) -> None:
    """A JSON page gives the links that pip takes from it."""
    assert_like_pip(pip, json_page(entry), JSON)


def test_charset(pip: PipLinks) -> None:
    """The charset of the header decodes an HTML page, as in pip."""
    assert_like_pip(pip, '<a href="démo-1.0.zip">x</a>'.encode("latin-1"), "text/html; charset=ISO-8859-1")


@pytest.mark.parametrize("charset", ["none-such", "idna", "undefined", "zlib", "a\0b"])
def test_a_charset_that_reads_no_page(charset: str) -> None:
    """A charset that Python does not know, or whose codec fails, is UTF-8."""
    (link,) = parse('<a href="https://h.example/dé-1.zip">x</a>'.encode(), f"text/html; charset={charset}", PAGE).links

    assert link.filename == "dé-1.zip"


hrefs = st.one_of(
    st.text(alphabet="abz019-._~/#?=&%@+ ;:é", max_size=30),
    st.sampled_from(
        ["", "https://h.example/", "HTTP://H.example:80/a/", "../", "/", "//h.example/", "file:///srv/"]
    ).flatmap(lambda start: st.text(alphabet="ab1-._/%2Ff@", max_size=12).map(lambda rest: f"{start}{rest}demo-1.zip")),
)
attribute_values = st.text(alphabet="a1<>=&; \"'.sh256", max_size=12)
attributes = st.dictionaries(
    st.sampled_from(["data-yanked", "data-requires-python", "data-core-metadata", "data-dist-info-metadata", "rel"]),
    attribute_values,
)


def is_sound(href: str) -> bool:
    """Whether pip makes a usable link of it: not `mailto:` and its like, no authority over which it stops."""
    scheme, colon, rest = href.partition(":")
    if colon and "/" not in scheme:
        return rest.startswith("//") and not set("[]@") & set(rest)
    return not href.startswith("//") or not set(":[]@") & set(href)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(anchors=st.lists(st.tuples(hrefs.filter(is_sound), attributes), max_size=4), quote=st.sampled_from("\"'"))
def test_generated_html_like_pip(anchors: list[tuple[str, dict[str, str]]], quote: str, pip: PipLinks) -> None:
    """Whatever the links and attributes of a well-formed page, they are read as pip reads them."""
    page = "<!DOCTYPE html>\n<html><body>" + "\n".join(
        "<a "
        + " ".join(f"{key}={quote}{escape(value)}{quote}" for key, value in [("href", href), *others.items()])
        + ">"
        for href, others in anchors
    )
    assert_like_pip(pip, page.encode(), HTML)


SOUP = [
    *("<a ", "<A\n", 'href="demo-1.zip"', " href='x.zip'", ">", "/>", "<br>", "<!--", "-->", "<", "&gt;", "&", '"'),
    *("<base href='https://b.example/'>", "<script>", "</script>", "<title>", "</title>", "<?x", "<!doctype html>"),
]


@settings(max_examples=200, deadline=None)
@given(soup=st.lists(st.sampled_from(SOUP), max_size=12))
def test_soup_like_pip(soup: list[str], pip: PipLinks) -> None:
    """Markup of any kind gives the links that pip's parser finds in it."""
    assert_like_pip(pip, "".join(soup).encode(), HTML)


# What Python's own parser fails on, and its like.
TRAPS = [
    b"<![x[",
    b"<![",
    b"]]>",
    b"<!--",
    b"-->",
    b"<!",
    b"<?",
    b'<a href="&#%s;">' % (b"9" * 5000),
    b"<a href=x-1.zip>",
]


@settings(max_examples=200)
@given(
    body=st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(TRAPS), max_size=6).map(b"".join)),
    content_type=st.sampled_from([HTML, JSON, "text/html; charset=none-such", "text/html; charset=idna", "x/y", ""]),
)
def test_never_breaks(body: bytes, content_type: str) -> None:
    """Any bytes are either a page or a FormatError."""
    try:
        links = parse(body, content_type, PAGE).links
    except FormatError:
        return
    assert all(link.url.partition(":")[0] for link in links)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
JSON_KEYS = ["url", "hashes", "yanked", "size", "upload-time", "requires-python", "core-metadata", "dist-info-metadata"]


@given(entry=json_values | st.dictionaries(st.sampled_from(JSON_KEYS), json_values))
def test_broken_entries_are_skipped(entry: Any) -> None:
    """An entry that is not what PEP 691 says costs no other its place."""
    links = parse(json_page(entry, JSON_FILES["plain"]), JSON, PAGE).links

    assert links[-1].filename == "demo-1.0.zip"


@pytest.mark.parametrize("href", ["http://[broken/demo-1.0.zip", "https://files.example/..", "mailto:demo-1.0.zip"])
def test_links_without_a_file_are_skipped(href: str) -> None:
    """A URL that cannot be split, or names no file, is left out."""
    assert parse(json_page({"url": href, "hashes": {}}), JSON, PAGE).links == ()


def test_details_of_pep_700() -> None:
    """The size and the upload time of PEP 700 come along, and a size that is no number does not."""
    full, odd = parse(json_page(JSON_FILES["full"], {**JSON_FILES["plain"], "size": True}), JSON, PAGE).links

    assert (full.size, full.upload_time) == (12, "2024-01-01T00:00:00.000000Z")
    assert (odd.size, odd.upload_time) == (None, None)


@pytest.mark.parametrize(
    ("body", "content_type", "name"),
    [
        (json_page(), JSON, "demo"),
        (b'{"files": [], "name": 3}', JSON, None),
        (HTML_PAGES["as PyPI writes it"].encode(), HTML, "demo"),
        (b"<html><title>Index of /demo</title>", HTML, None),
    ],
)
def test_name(body: bytes, content_type: str, name: str | None) -> None:
    """The project's name is that of the JSON page, or of PyPI's title."""
    assert parse(body, content_type, PAGE).name == name


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (b"<html>", "application/octet-stream", "content type is application/octet-stream"),
        (b"<html>", "", "content type is missing"),
        (b"<html><![x[", HTML, "broken HTML"),
        (b'<html><a href="&#%s;">' % (b"9" * 5000), HTML, "broken HTML"),
        (b"{", JSON, "broken JSON"),
        (b"\xff{}", JSON, "broken JSON"),
        (b"[" * 100_000, JSON, "broken JSON"),
        (b"[]", JSON, "without a list of files"),
        (b'{"files": {}}', JSON, "without a list of files"),
    ],
)
def test_no_page(body: bytes, content_type: str, message: str) -> None:
    """A body that is no index page raises FormatError, which says why."""
    with pytest.raises(FormatError, match=message):
        parse(body, content_type, PAGE)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (json_page(), JSON),
        (b"\xef\xbb\xbf\n {}", JSON),
        (HTML_PAGES["as PyPI writes it"].encode(), HTML),
        (b"<a href='x'>x</a>", HTML),
        (b"PK\3\4", ""),
        (b"", ""),
    ],
)
def test_content_type_of(body: bytes, content_type: str) -> None:
    """The first bytes tell JSON from HTML, and both from anything else."""
    assert content_type_of(body) == content_type


@pytest.mark.parametrize("content_type", [HTML, JSON])
def test_wanted_links(content_type: str) -> None:
    """Links can be picked by what the page writes as their URL; those picked are read as in the whole page."""
    anchors = [f'<a href="demo-{version}.zip">x</a>' for version in ("1.0", "2.0")]
    files = [{"filename": "x", "url": f"demo-{version}.zip", "hashes": {}} for version in ("1.0", "2.0")]
    body = json_page(*files, {"filename": "x"}) if content_type == JSON else "".join(["<a>x</a>", *anchors]).encode()

    picked = parse(body, content_type, PAGE, wanted=lambda url: "2.0" in url).links

    assert [link.filename for link in picked] == ["demo-2.0.zip"]
    assert picked == parse(body, content_type, PAGE).links[1:]


def test_links_of_other_hashes_are_passed_over() -> None:
    """With digests, a file of which a JSON page states another hash is no link; one without a hash is."""
    other = "b" * 64
    files = [
        {"url": "demo-1.zip", "hashes": {"sha256": "A" * 64, "md5": 1}},
        {"url": "demo-2.zip", "hashes": {"sha256": other}},
        {"url": f"demo-3.zip#sha256={'a' * 64}", "hashes": {"md5": other}},
        {"url": "demo-4.zip", "hashes": {}},
        {"url": "demo-5.zip"},
    ]

    picked = parse(json_page(*files), JSON, PAGE, digests=frozenset(["a" * 64])).links

    assert [link.filename for link in picked] == ["demo-1.zip", "demo-3.zip", "demo-4.zip", "demo-5.zip"]


@pytest.mark.parametrize("version", ["22.2", "22.3.1", "23.2.1", "24.3.1", "26.3"])
def test_hash_in_key_of_each_pip(version: str, pip_of: PipOf) -> None:
    """Each pip puts the hash into a wheel's key that `hash_in_key_of` tells for its version.

    Left out: an index that contradicts itself, where pip 22.2 believed `hashes` and later ones the fragment.
    """
    body = json_page(*(entry for case, entry in JSON_FILES.items() if case != "fragment beside the same hash"))
    ours = [link.hash_in_key_of(Version(version)) for link in parse(body, JSON, PAGE).links]
    with PipLinks(pip_of(version).python) as pip:
        theirs = [link["hash"] for link in pip.parse(body, JSON, PAGE)]

    assert [list(found) if found else None for found in ours] == theirs
