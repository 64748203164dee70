"""Bytes become logical lines, and logical lines requirements and options, exactly as in pip."""

from __future__ import annotations

import codecs
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers.pip_parser import PipParser, pip_parser
from wheelwarm.errors import InputError
from wheelwarm.inputs.requirement_text import decode, expand, logical_lines, parse_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ENVIRON = {"A": "one", "B_2": "${A} # two", "EMPTY": "", "é": "no"}
PIECES = st.sampled_from(
    ["foo==1", " ", "\t", "#", " # c", "\\", "\\\n", "\\\\\n", "\n", "\r\n", "\x0c", "\u2028", "\xa0", "\x1f", "é"]
) | st.sampled_from(["${A}", "${B_2}", "${b}", "${EMPTY}", "${UNSET}", "$A", "${A", "-r", "--hash=sha256:0", "'"])
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=25).map("".join)
MARKS = [codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE]
DECLARATIONS = [
    b"# -*- coding: latin-1 -*-\n",
    b"\n# vim: set fileencoding=cp1252 :\n",
    b"\n\n# coding: latin-1\n",
    b" # coding: latin-1\n",
    b"# coding=utf-16\n",
    b"# coding: ascii\n",
    b"# coding: hex\n",
    b"# coding: nonsense\n",
    b"",
]
EXAMPLES = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def parser() -> Iterator[PipParser]:
    """Give the tests' own pip."""
    with pip_parser() as parser:
        yield parser


def lines_of(data: bytes, environ: Mapping[str, str]) -> list[list[object]] | None:
    """Read lines as the package does; None for what is not text."""
    try:
        text = decode(data, source="r.txt")
    except InputError:
        return None
    return [[number, expand(line, environ)] for number, line in logical_lines(text)]


@EXAMPLES
@given(TEXTS)
def test_logical_lines_are_those_of_pip(parser: PipParser, tmp_path: Path, text: str) -> None:
    """Continuations, comments, odd line ends, numbers and variables come out as pip's."""
    data = text.replace("\0", "").encode("utf-8", "replace")
    (tmp_path / "r.txt").write_bytes(data)
    expected = parser.lines("r.txt", folder=tmp_path, environ={**ENVIRON})
    assert lines_of(data, ENVIRON) == expected


@EXAMPLES
@given(
    st.sampled_from([*MARKS, *DECLARATIONS]),
    st.binary(max_size=12) | TEXTS.map(lambda text: text.encode("utf-8", "replace")),
)
def test_encodings_are_those_of_pip(parser: PipParser, tmp_path: Path, head: bytes, body: bytes) -> None:
    """Byte order marks, declared encodings and UTF-8 decide as in pip, in this order."""
    data = head + body
    (tmp_path / "r.txt").write_bytes(data)
    expected = parser.lines("r.txt", folder=tmp_path)
    read = lines_of(data, {})
    # pip takes NUL for text, and stumbles over it later.
    if read is not None or b"\0" not in data:
        assert read == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a\nb\0c\n", "r.txt, line 2: not text."),
        (b"\x89PNG\r\n\x1a\n\0", "r.txt, line 1: not text."),
        (b"# coding: ascii\n\n\xe9", "r.txt, line 3: not text."),
        (b"# coding: undefined\n", "r.txt, line 1: not text."),
        (b"# coding: klingon\n", "r.txt declares an encoding that Python does not know: unknown encoding: klingon."),
    ],
)
def test_what_is_no_text_is_named(data: bytes, message: str) -> None:
    """The error names the file and, where it can be known, the line."""
    with pytest.raises(InputError) as caught:
        decode(data, source="r.txt")
    assert caught.value.message == message


@pytest.mark.parametrize(
    "text", ["--no-such", "-i", "--hash=md5:00", "--hash", "--no-binary -x", "'", "--pre=1", "--no"]
)
def test_refuses_the_options_that_pip_refuses(parser: PipParser, tmp_path: Path, text: str) -> None:
    """Unknown and ambiguous options, missing values, weak hashes and open quotes have a reason each."""
    options = f"-f x {text}"
    (tmp_path / "r.txt").write_text(options)
    assert "error" in parser.parse("r.txt", folder=tmp_path)
    with pytest.raises(ValueError, match=r"\w"):
        parse_line(options)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("foo --hash=sha256:ab --hash=sha512:cd", (("--hash", "sha256:ab"), ("--hash", "sha512:cd"))),
        ("foo --hash sha256:ab", (("--hash", "sha256:ab"),)),
        ("-fhere -i 'a b'", (("--find-links", "here"), ("--index-url", "a b"))),
        ("--extra=u", (("--extra-index-url", "u"),)),
        ("--pre x --no-index", (("--pre", ""), ("--no-index", ""))),
        ("foo bar", ()),
    ],
)
def test_options_come_in_order_by_their_long_names(text: str, options: tuple[tuple[str, str], ...]) -> None:
    """Short names, abbreviations, quotes and stray words are as optparse, and so pip, has them."""
    assert parse_line(text).options == options


def test_falls_back_to_the_locale(parser: PipParser, tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are in the locale's encoding, or are no text in pip either."""
    data = b"caf\xe9\n"
    (tmp_path / "r.txt").write_bytes(data)
    assert lines_of(data, {}) == parser.lines(
        "r.txt", folder=tmp_path, environ={"LC_ALL": os.environ.get("LC_ALL", "")}
    )
