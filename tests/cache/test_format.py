"""The format against its owners: requests and CacheControl for keys, CacheControl's Serializer for bytes."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgpack  # type: ignore[import-untyped]
import pytest
import requests
from cachecontrol.caches.file_cache import SeparateBodyFileCache
from cachecontrol.controller import CacheController
from cachecontrol.serialize import Serializer
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3 import HTTPResponse

from tests import strategies
from wheelwarm.cache import format as cache_format
from wheelwarm.errors import FormatError, InputError
from wheelwarm.model import StoredResponse

URL = "https://files.example/a.whl"


def prepared(url: str, headers: dict[str, str] | None = None) -> requests.PreparedRequest:
    """Return the request that requests makes for a URL."""
    return requests.Request("GET", url, headers=headers or {}).prepare()


def asked_for(url: str) -> str:
    """Return what pip asks CacheControl for: fragment off, prepared by requests, credentials off, CacheControl's."""
    sent = prepared(urlunsplit(urlsplit(url)._replace(fragment=""))).url or ""
    parts = urlsplit(sent)
    return CacheController.cache_url(urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])))


def written_by_cachecontrol(stored: StoredResponse, request: requests.PreparedRequest) -> bytes:
    """Return the entry that CacheControl's Serializer makes of the same response."""
    response = HTTPResponse(
        body=b"",
        headers=dict(stored.headers),
        status=stored.status,
        version=stored.version,
        reason=stored.reason,
        decode_content=stored.decode_content,
        preload_content=False,
    )
    return Serializer().dumps(request, response, stored.body)


@given(strategies.urls)
@example("https://files.example")
@example("https://files.example?q")
@example("https://files.example/a/../../b/./c/.")
@example("https://files.example/%7Ea/%2e%2E/b%")
@example("https://files.example\\a")
@example("HTTPS://User:Pass@Files.Example:0443/A?B#C")
def test_normalise_is_what_pip_asks_for(url: str) -> None:
    """The URL behind a key is the one that requests prepares and CacheControl normalises, without credentials."""
    assert cache_format.normalise(url) == asked_for(url)


@given(st.from_regex(r"https?://[a-z0-9][a-z0-9.-]{0,9}(/[\w~+.@%:-]{1,5}){0,3}/?", fullmatch=True))
def test_normalise_nearly_plain_urls(url: str) -> None:
    """URLs like those of all index servers, where dots and escapes decide whether there is anything to normalise."""
    assert cache_format.normalise(url) == asked_for(url)


@given(st.from_regex(r"https?://[a-z0-9][a-z0-9.-]{0,9}(/[\w~+.@%#?:-]{0,5}){0,3}/?", fullmatch=True))
def test_among_keys(url: str) -> None:
    """A plain URL is found by its own key and by that of its `.metadata`, as pip's requests have them."""
    bare = url.partition("#")[0]
    keys = [SeparateBodyFileCache.encode(asked_for(one)) for one in (bare, f"{bare}.metadata")]

    answers = [cache_format.among(known)(url) for known in (keys[:1], keys[1:], [])]

    assert answers in ([True, True, False], [None] * 3)


def test_which_urls_are_plain() -> None:
    """The links that index servers write are plain, and those that pip quotes anew are not."""
    is_among = cache_format.among([])

    assert is_among("https://files.example/packages/ab/a_b-1.0-py3-none-any.whl#sha256=00") is False
    assert is_among("https://files.example/a-1.0+cpu.whl") is None
    assert is_among("../../a-1.0.zip") is None


@given(strategies.urls)
def test_key_ignores_fragment_and_credentials(url: str) -> None:
    """Neither a `#sha256=` nor a password changes the key."""
    bare = asked_for(url)
    assert cache_format.key(url) == cache_format.key(f"{bare}#sha256=00") == SeparateBodyFileCache.encode(bare)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "files.example/a",
        "file:///a",
        "https:///a",
        "https://u:secret@h:99999/",
        "https://u:secret@[/",
        "https://a..é/",
    ],
)
def test_normalise_refuses_what_no_cache_holds(url: str) -> None:
    """A URL that pip could not fetch over HTTP is an input error, and its credentials stay out of the message."""
    with pytest.raises(InputError) as caught:
        cache_format.normalise(url)
    assert "secret" not in caught.value.message


def test_entry_path_is_cachecontrols() -> None:
    """Five folders of one digit, then the key, as CacheControl's own file cache names it."""
    cache = object.__new__(SeparateBodyFileCache)  # to make one properly takes filelock, which pip does without
    cache.directory = "section"
    assert str("section" / cache_format.entry_path(cache_format.key(URL))) == cache._fn(URL)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 56, "a" * 55, "a" * 57, "a" * 56 + "\n"])
def test_entry_path_refuses_other_names(name: str) -> None:
    """Only a key makes a path, so that none leads out of the section."""
    with pytest.raises(FormatError):
        cache_format.entry_path(name)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b?c=d", "https://files.example/b?c=d"),
        ("b", "https://files.example/b"),
        ("https://other.example/b", "https://other.example/b"),
        ("//other.example/b", "https://other.example/b"),
        ("/é".encode().decode("latin-1"), "https://files.example/é"),
    ],
)
def test_redirect_target_is_what_requests_follows(location: str, target: str) -> None:
    """A Location is joined to the URL; UTF-8 octets in it are read as such."""
    response = requests.Response()
    response.status_code = 301
    response.headers["location"] = location
    followed = requests.Session().get_redirect_target(response)
    assert followed is not None
    assert cache_format.key(cache_format.redirect_target(URL, location)) == cache_format.key(target)
    assert followed in target


@given(strategies.stored_responses, strategies.request_headers)
def test_dumps_writes_cachecontrols_bytes(stored: StoredResponse, sent: dict[str, str]) -> None:
    """What is written equals CacheControl's own entry, byte for byte, with the same record of Vary."""
    stored = stored._replace(vary=cache_format.vary(stored.headers, sent))
    assert cache_format.dumps(stored) == written_by_cachecontrol(stored, prepared(URL, sent))


@given(strategies.stored_responses, strategies.request_headers)
def test_cachecontrol_reads_what_is_dumped(stored: StoredResponse, sent: dict[str, str]) -> None:
    """CacheControl loads our bytes to the same response for the request that they were stored for."""
    stored = stored._replace(vary=cache_format.vary(stored.headers, sent))
    loaded = Serializer().loads(prepared(URL, sent), cache_format.dumps(stored))
    if "*" in stored.vary:
        assert loaded is None
        return
    assert loaded is not None
    headers = {name.lower(): value for name, value in stored.headers.items()}
    if headers.get("transfer-encoding") == "chunked":
        del headers["transfer-encoding"]
    assert {name.lower(): value for name, value in loaded.headers.items()} == headers
    assert (loaded.status, loaded.version, loaded.reason) == (stored.status, stored.version, stored.reason)
    assert loaded.read(decode_content=False) == stored.body


@given(strategies.stored_responses)
def test_loads_reads_what_cachecontrol_writes(stored: StoredResponse) -> None:
    """An entry of CacheControl comes back with every member."""
    # urllib3 joins headers that differ in case only.
    distinct = {name.lower(): (name, value) for name, value in stored.headers.items() if name.lower() != "vary"}
    stored = stored._replace(headers=dict(distinct.values()), vary={})
    assert cache_format.loads(written_by_cachecontrol(stored, prepared(URL))) == stored


@given(strategies.stored_responses)
def test_loads_reverses_dumps(stored: StoredResponse) -> None:
    """Nothing is lost on the way to the bytes and back."""
    assert cache_format.loads(cache_format.dumps(stored)) == stored


def test_loads_accepts_the_strict_of_old_pips() -> None:
    """CacheControl 0.12 (pip 22.2 to 23.2) writes one more member, which its readers drop."""
    entry = msgpack.unpackb(cache_format.dumps(StoredResponse(status=200, headers={}))[5:])
    entry["response"]["strict"] = 0
    assert cache_format.loads(b"cc=4," + msgpack.packb(entry)).status == 200


@given(strategies.stored_responses, st.data())
def test_loads_survives_damage(stored: StoredResponse, data: st.DataObject) -> None:
    """A cut or changed entry is read or refused; there is no third way."""
    entry = bytearray(cache_format.dumps(stored))
    position = data.draw(st.integers(0, len(entry) - 1))
    entry[position : position + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=6))
    with suppress(FormatError):
        cache_format.loads(bytes(entry[: data.draw(st.integers(0, len(entry)))]))


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 600) | st.text(max_size=5) | st.binary(max_size=5) | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(0, 3), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(["response", "vary", "x"]), _values),
    st.dictionaries(
        st.sampled_from(sorted(["body", "headers", "status", "version", "reason", "decode_content", "strict", "x"])),
        _values,
    ),
)
def test_what_loads_accepts_cachecontrol_accepts(entry: dict[str, Any], members: dict[str, Any]) -> None:
    """Of wrongly typed entries, none is accepted on which CacheControl fails or which it ignores."""
    data = b"cc=4," + msgpack.packb({"response": members} | entry)
    try:
        stored = cache_format.loads(data)
    except FormatError:
        return
    sent = {name: value for name, value in stored.vary.items() if value is not None}
    assert Serializer().loads(prepared(URL, sent), data) is not None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"cc=4,",
        b"cc=2,\x78\x9c",
        b"cc=5,\x80",
        b"\x80",
        b"cc=4,\x80\x80",
        b"cc=4,\xc6\xff\xff\xff\xff",
        b"cc=4,\xdf\xff\xff\xff\xff",
        b"cc=4," + b"\x81\xa1a" * 100_000,
        b"cc=4," + b"\x91" * 100_000,
        b"cc=4," + (b"\xdd\x00\x0f\xff\xff" * 200).ljust(1 << 20, b"\xc0"),
        b"cc=4,\xd6\xff\x00\x00\x00\x00",
        b"cc=4,\xc7\x04\x05abcd",
        b"cc=4,\x81\x01\x02",
        b"cc=4,\xa1\xff",
    ],
    ids=lambda data: repr(data[:14]),
)
def test_loads_refuses_hostile_bytes(data: bytes) -> None:
    """Other versions, huge declared lengths, deep nesting and extension types are refused."""
    with pytest.raises(FormatError):
        cache_format.loads(data)


@given(strategies.stored_responses, st.sampled_from([0, 1, 255, 256, 65535, 65536, 70000]))
def test_a_body_can_be_written_and_found_without_holding_it(stored: StoredResponse, size: int) -> None:
    """The frame around a body makes CacheControl's bytes, and the head of an entry tells where its body is."""
    stored = stored._replace(body=bytes(size))
    head, tail = cache_format.frame(stored, body_size=size)
    entry = head + stored.body + tail
    assert cache_format.loads(entry) == stored
    assert cache_format.embedded_body(entry[: cache_format.HEAD_SIZE]) == (len(head), size)
    assert cache_format.loads(cache_format.without_body(head, tail)) == stored._replace(body=b"")


@pytest.mark.parametrize(
    "head", [b"", b"cc=4,", b"cc=4,\x82\xa8response\x86\xa6status", b"cc=4,\x82\xa8response\x86\xa4body\xc6\x00"]
)
def test_a_body_in_another_place_is_not_guessed(head: bytes) -> None:
    """An entry that does not begin with its body is left to the full reader."""
    assert cache_format.embedded_body(head) is None


def test_an_entry_that_does_not_begin_with_its_body_cannot_be_cut() -> None:
    """Cutting the body out needs the head that `embedded_body` knew."""
    with pytest.raises(FormatError):
        cache_format.without_body(b"cc=4,", b"")


def test_a_body_beyond_bin_32_is_refused() -> None:
    """Msgpack has no length for 4 GiB, so the layout with the body inside cannot hold it."""
    stored = StoredResponse(status=200, headers={})
    head, _ = cache_format.frame(stored, body_size=2**32 - 1)
    assert cache_format.embedded_body(head) == (len(head), 2**32 - 1)
    with pytest.raises(FormatError):
        cache_format.frame(stored, body_size=2**32)


def test_key_is_sha224() -> None:
    """The key of a plain URL is its sha224 in hex, which is where pip looks."""
    assert cache_format.key(URL) == hashlib.sha224(URL.encode()).hexdigest()
