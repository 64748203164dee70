"""pip's cache format, pure: URL -> key -> path, and the bytes of an entry <-> StoredResponse.

The keys and the bytes are CacheControl's (0.12.11 in pip 22.2, 0.14.4 in pip 26.3). The only user of msgpack.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urljoin

from wheelwarm.errors import FormatError, InputError
from wheelwarm.model import StoredResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

MAX_EMBEDDED_BODY = 2**32 - 1
"""Bytes of body that the `http` layout can hold: the length of msgpack's bin 32, and pip's own packer stops there."""

HEAD_SIZE = 32
"""Bytes from the start of an `http` entry in which `embedded_body` finds where the body is."""

_VERSION = b"cc=4,"
_KEY = re.compile(r"[0-9a-f]{56}")

# urllib3's reading of RFC 3986: a backslash ends the authority, too.
_ABSOLUTE_URL = r"(?is)(https?)://([^\\/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?"
# What nearly every URL is; normalising leaves it as it is, and takes twenty times as long as this match to do so.
_HOST = r"[a-z0-9][a-z0-9.-]*(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?"
_NORMAL = re.compile(rf"https?://{_HOST}(?:/[A-Za-z0-9_~+-][A-Za-z0-9_~+.-]*)+/?")
_PLAIN = rf"(https?://{_HOST}(?:/[A-Za-z0-9_~-][A-Za-z0-9_~.-]*+)++)(?:#|$)"
_HOST_AND_PORT = r"(?i)(\[[0-9a-f:.%]+\]|[^\[\]:]+)(?::0*([0-9]{0,5}))?"
_ESCAPE = re.compile("%([0-9a-fA-F]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PATH = _UNRESERVED | frozenset(b"!$&'()*+,;=:@/")
_QUERY = _PATH | frozenset(b"?")

# The body is the first value that CacheControl packs; `response` has six members, seven with the `strict` of 0.12.
_BODY_FIRST = re.compile(rb"cc=4,[\x81-\x8f]\xa8response[\x81-\x8f]\xa4body([\xc4-\xc6])", re.DOTALL)
_BIN_LENGTHS = {b"\xc4": 1, b"\xc5": 2, b"\xc6": 4}
_MEMBER_TYPES = {"status": int, "body": bytes, "version": int, "reason": str, "decode_content": bool}
_TYPES = list(_MEMBER_TYPES.values())
_RESPONSE_MEMBERS = frozenset({*_MEMBER_TYPES, "headers", "strict"})

_STRINGS: frozenset[type] = frozenset({str})
_STRINGS_AND_NONE: frozenset[type] = frozenset({str, type(None)})

_Map: TypeAlias = "dict[str, object]"


@lru_cache(maxsize=4096)
def normalise(url: str) -> str:
    """Return the URL that pip asks CacheControl for: without credentials and fragment, encoded as `requests` does.

    Raises InputError unless it is an absolute http or https URL.
    """
    if _NORMAL.fullmatch(url):
        return url
    match = re.fullmatch(_ABSOLUTE_URL, url.lstrip())
    if match is None:
        raise InputError("a URL that begins with neither http:// nor https:// has no place in pip's cache")
    scheme, authority, path, query = match.groups(default="")
    path = _unescape_unreserved(_encode(_remove_dot_segments(path), _PATH))
    if not path.startswith("/"):
        path = f"/{path}"
    query = _unescape_unreserved(_encode(query, _QUERY))
    return f"{scheme.lower()}://{_normalise_authority(authority)}{path}{f'?{query}' if query else ''}"


def key(url: str) -> str:
    """Return the cache key of a URL: the sha224, in hex, of what `normalise` makes of it."""
    return hashlib.sha224(normalise(url).encode()).hexdigest()


def among(keys: Container[str]) -> Callable[[str], bool | None]:
    """Return what tells whether the key of a file's URL, or of the `.metadata` beside it, is one of these.

    Quick, for all the links of all pages: it says None, and nothing, of a URL that is not a plain one, which is what
    neither `normalise` nor pip's quoting of links would change. A fragment does not count.
    """
    plain = re.compile(_PLAIN)

    def is_among(url: str) -> bool | None:
        match = plain.match(url)
        if match is None:
            return None
        hashed = hashlib.sha224(match[1].encode())
        if hashed.hexdigest() in keys:
            return True
        hashed.update(b".metadata")
        return hashed.hexdigest() in keys

    return is_among


def entry_path(key: str) -> PurePosixPath:
    """Return where below the section folder the entry of a key is: five folders of one hex digit, then the key.

    Raises FormatError when `key` is no cache key, so that no path out of the section can be made.
    """
    return PurePosixPath(*check_key(key)[:5], key)


def check_key(key: str) -> str:
    """Return a key as it is; FormatError when it is none."""
    if not is_key(key):
        raise FormatError(f"{key!r} is not a key of pip's cache")
    return key


def is_key(name: str) -> bool:
    """Tell whether a file name is a cache key, 56 lower-case hex digits."""
    return _KEY.fullmatch(name) is not None


def redirect_target(url: str, location: str) -> str:
    """Return the absolute URL a Location header names; it is UTF-8 that came in as Latin-1 (requests does the same)."""
    with suppress(UnicodeError):
        location = location.encode("latin-1").decode()
    return urljoin(normalise(url), location)


def vary(headers: Mapping[str, str], request_headers: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return what CacheControl records of a request: for each header that the response's Vary names, its value."""
    named = {name.lower(): value for name, value in headers.items()}.get("vary")
    if named is None:
        return {}
    sent = {name.lower(): value for name, value in request_headers.items()}
    return {name.strip(): sent.get(name.strip().lower()) for name in named.split(",")}


def dumps(stored: StoredResponse) -> bytes:
    """Return the bytes that CacheControl 0.14 writes for a response."""
    head, tail = frame(stored, body_size=len(stored.body))
    return b"".join((head, stored.body, tail))


def frame(stored: StoredResponse, *, body_size: int) -> tuple[bytes, bytes]:
    """Return what stands before and after a body of `body_size` bytes in an entry of the `http` layout.

    Raises FormatError beyond `MAX_EMBEDDED_BODY`.
    """
    import msgpack  # type: ignore[import-untyped]  # it ships neither stubs nor a py.typed marker

    response = {
        "headers": dict(stored.headers),
        "status": stored.status,
        "version": stored.version,
        "reason": stored.reason,
        "decode_content": stored.decode_content,
    }
    packer = msgpack.Packer(use_bin_type=True, autoreset=True)
    # `body` is packed by hand, so that a body of gigabytes need not be in memory: a map of six members begins with it.
    head = [_VERSION, b"\x82", packer.pack("response"), b"\x86", packer.pack("body"), _bin_header(body_size)]
    tail = [packer.pack(part) for pair in response.items() for part in pair]
    return b"".join(head), b"".join((*tail, packer.pack("vary"), packer.pack(dict(stored.vary))))


def embedded_body(head: bytes) -> tuple[int, int] | None:
    """Return offset and length in bytes of the body in an `http` entry, from its first `HEAD_SIZE` bytes.

    None when the body is not the first member: then only `loads` of the whole entry can tell.
    """
    match = _BODY_FIRST.match(head)
    if match is None:
        return None
    start = match.end() + _BIN_LENGTHS[match[1]]
    if start > len(head):
        return None
    return start, int.from_bytes(head[match.end() : start], "big")


def without_body(head: bytes, tail: bytes) -> bytes:
    """Return an entry with an empty body, from what `embedded_body` found to stand before and after its body."""
    match = _BODY_FIRST.match(head)
    if match is None:
        raise FormatError("the entry does not begin with its body")
    return b"".join((head[: match.start(1)], _bin_header(0), tail))


def loads(data: bytes) -> StoredResponse:
    """Read an entry's bytes; FormatError, and no other error, on anything that CacheControl would not have written.

    Memory stays within a small multiple of `len(data)`, whatever lengths the bytes declare.
    """
    if not data.startswith(_VERSION):
        raise FormatError("the entry does not begin with cc=4")
    entry = _as_map(_unpack(data[len(_VERSION) :]), "the entry")
    response = _as_map(entry.get("response"), "response")
    if unknown := response.keys() - _RESPONSE_MEMBERS:
        # CacheControl passes them on as keyword arguments, and pip ends with a TypeError.
        raise FormatError(f"response has the unknown member {min(unknown)!r}")
    members: dict[str, Any] = {name: response.get(name) for name in _MEMBER_TYPES}
    if list(map(type, members.values())) != _TYPES:
        name = next(name for name, kind in _MEMBER_TYPES.items() if type(members[name]) is not kind)
        raise FormatError(f"{name} is not of type {_MEMBER_TYPES[name].__name__}")
    return StoredResponse(
        headers=_of(_STRINGS, response.get("headers"), "headers"),
        vary=_of(_STRINGS_AND_NONE, entry.get("vary", {}), "vary"),
        **members,
    )


def _unpack(packed: bytes) -> object:
    import msgpack

    try:
        # pip writes no arrays and no extension types. Nested arrays are what could make msgpack allocate far more than
        # it is given: each reserves room for the length it declares.
        return msgpack.unpackb(packed, raw=False, max_array_len=0, max_ext_len=0)
    except (ValueError, TypeError, msgpack.UnpackException) as exc:
        raise FormatError(f"the entry is not msgpack: {type(exc).__name__}") from exc


def _bin_header(size: int) -> bytes:
    if size > MAX_EMBEDDED_BODY:
        raise FormatError(f"a body of {size} bytes does not fit into one entry of the http layout")
    marker, width = next(item for item in _BIN_LENGTHS.items() if size < 1 << 8 * item[1])
    return marker + size.to_bytes(width, "big")


def _as_map(value: object, what: str) -> _Map:
    if not isinstance(value, dict) or not _STRINGS.issuperset(map(type, value)):
        raise FormatError(f"{what} is not a map of names")
    return value


def _of(types: frozenset[type], value: object, what: str) -> Any:
    """Return a map of names whose values have one of these types."""
    named = _as_map(value, what)
    if not types.issuperset(map(type, named.values())):
        name = next(name for name, one in named.items() if type(one) not in types)
        raise FormatError(f"{name} is not a string")
    return named


def _normalise_authority(authority: str) -> str:
    """Drop the credentials and an empty or zero port; keep a default port, as CacheControl does."""
    match = re.fullmatch(_HOST_AND_PORT, authority.rpartition("@")[2])
    if match is None or int(match[2] or 0) > 65535:
        raise InputError("a URL without a valid host and port has no place in pip's cache")
    host, port = match[1].lower(), int(match[2] or 0)
    if not host.isascii():
        try:
            # pip's own copy of `idna` knows the newer IDNA 2008; the two differ in four letters.
            host = host.encode("idna").decode()
        except UnicodeError as exc:
            raise InputError(f"{host} is not a valid host name") from exc
    return f"{host}:{port}" if port else host


def _remove_dot_segments(path: str) -> str:
    """RFC 3986, 5.2.4, as urllib3 reads it."""
    output: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del output[-1:]
        elif segment != ".":
            output.append(segment)
    if path.startswith("/") and (not output or output[0]):
        output.insert(0, "")
    if path.endswith(("/.", "/..")):
        output.append("")
    return "/".join(output)


def _encode(component: str, allowed: frozenset[int]) -> str:
    """Percent-encode what is not allowed; a `%` is taken for an escape only when every one in the component is."""
    component, escapes = _ESCAPE.subn(lambda match: match[0].upper(), component)
    octets = component.encode("utf-8", "surrogatepass")
    if escapes == octets.count(b"%"):
        allowed |= frozenset(b"%")
    return "".join(chr(octet) if octet in allowed else f"%{octet:02X}" for octet in octets)


def _unescape_unreserved(component: str) -> str:
    """Decode the escapes of characters that need none (`%7E`), which requests does after removing dot segments."""

    def unescape(match: re.Match[str]) -> str:
        octet = int(match[1], 16)
        return chr(octet) if octet in _UNRESERVED else match[0]

    return _ESCAPE.sub(unescape, component)
