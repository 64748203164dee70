"""Hypothesis strategies for what pip's cache is made of: URLs, dates, headers, stored responses."""

from __future__ import annotations

import string
from email.utils import format_datetime, formatdate

from hypothesis import strategies as st

from wheelwarm.model import StoredResponse

NOW = 1_800_000_000
"""The middle of the generated clocks and dates, in seconds since the epoch."""

instants = st.integers(NOW - 200_000, NOW + 200_000)
clocks = st.one_of(instants, st.floats(NOW - 200_000, NOW + 200_000))

_odd_dates = st.sampled_from(
    [
        "",
        "0",
        "-1",
        "Thu, 01 Dec 1994 16:00:00",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Fri, 15 Jan 2027 08:00:00 +0200",
        "Fri, 15 Jan 2027 08:00:00 -0730",
        "Fri, 32 Jan 2027 08:00:00 GMT",
        "Fri, 15 Jan 0000 08:00:00 GMT",
        "Fri, 15 Jan 99999 08:00:00 GMT",
        "15 Jan 2027",
        f"15 Jan 2027 {'9' * 400}:00:00",
        f"15 Jan 2027 08:{'9' * 200}:00",
        "now",
    ]
)
dates = st.one_of(
    instants.map(lambda instant: formatdate(instant, usegmt=True)),
    st.datetimes().map(format_datetime),
    _odd_dates,
    st.text(max_size=20),
)

_numbers = st.one_of(
    st.integers(-10, 300_000).map(str),
    st.sampled_from(["", " 60 ", "+60", "1_000", "6e3", "1.5", "'60'", "x", "٣٠٠", "9" * 400, "9" * 5000]),
)
_directives = st.one_of(
    st.sampled_from(
        ["no-store", "no-cache", "public", "must-revalidate", "immutable", "max-age", "Max-Age=60", " ", ""]
    ),
    st.tuples(st.sampled_from(["max-age", "s-maxage", "min-fresh", " max-age ", "max-stale"]), _numbers).map("=".join),
)
cache_controls = st.lists(_directives, max_size=3).map(",".join)

header_names = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=12)
header_values = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=30)
_varies = st.sampled_from(["*", "Accept", "accept", "Accept, Accept-Encoding", "Accept-Encoding,X-Absent", "", "x,*"])


def _any_case(name: str) -> st.SearchStrategy[str]:
    return st.sampled_from([name, name.lower(), name.upper()])


def _some_of(headers: dict[str, st.SearchStrategy[str]]) -> st.SearchStrategy[dict[str, str]]:
    """Return dictionaries with some of the headers, their names written in any case."""
    pairs = [st.none() | st.tuples(_any_case(name), values) for name, values in headers.items()]
    return st.tuples(*pairs).map(lambda chosen: dict(pair for pair in chosen if pair is not None))


response_headers = _some_of(
    {
        "Date": dates,
        "Expires": dates,
        "Cache-Control": cache_controls,
        "ETag": st.just('"e"'),
        "Last-Modified": dates,
        "Vary": _varies,
        "Content-Type": st.just("application/octet-stream"),
        "Transfer-Encoding": st.just("chunked"),
    }
)
request_headers = _some_of(
    {
        "Accept": st.sampled_from(["*/*", "text/html"]),
        "Accept-Encoding": st.sampled_from(["identity", "gzip, deflate"]),
        "Cache-Control": cache_controls.map(str.strip),  # requests refuses to send leading white space
    }
)
statuses = st.sampled_from([200, 203, 206, 300, 301, 302, 304, 308, 404])

varies = st.dictionaries(st.sampled_from(["Accept", "accept-encoding", "X-Absent", "*"]), st.none() | header_values)
stored_responses = st.builds(
    StoredResponse,
    status=st.sampled_from([200, 301, 308]) | st.integers(100, 599),
    headers=st.one_of(response_headers, st.dictionaries(header_names, header_values, max_size=5)),
    vary=varies,
    body=st.binary(max_size=50),
    version=st.sampled_from([10, 11, 20]),
    reason=st.sampled_from(["OK", "Not Modified", "None", ""]),
    decode_content=st.booleans(),
)

_path_text = st.text(st.sampled_from("aZ0-._~!$&'()*+,;=:@ %é/\\\"<>[]^|{}日"), max_size=12)
_escapes = st.sampled_from(["%7e", "%7E", "%2f", "%41", "%C3%A9", "%", "%zz", "..", ".", ""])
_segments = st.lists(_path_text | _escapes, max_size=5).map("/".join)
_hosts = st.sampled_from(["files.example", "Files.EXAMPLE", "127.0.0.1", "[::1]", "bücher.example", "a-b.c_d.example"])
_ports = st.sampled_from(["", ":", ":443", ":80", ":8080", ":0", ":00081"])
_credentials = st.sampled_from(["", "user@", "user:secret@", "u%40x:p%2F@", "user:@"])
urls = st.builds(
    "{}://{}{}{}{}{}{}".format,
    st.sampled_from(["https", "http", "HTTPS"]),
    _credentials,
    _hosts,
    _ports,
    st.one_of(st.just(""), _segments.map("/{}".format)),
    st.one_of(st.just(""), _segments.map("?{}".format)),
    st.one_of(st.just(""), _segments.map("#{}".format)),
)
