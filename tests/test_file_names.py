"""File names are read as packaging reads them, and what is made to exhaust that reader is none."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

from wheelwarm.file_names import NAME_LIMIT, columns_of, of_sdist, of_wheel, version_of

MANY_DIGITS = "1" * 5000
"""More than Python turns into a number."""

MANY_TAGS = "-".join(".".join(f"{column}{number}" for number in range(60)) for column in "abc")
STEMS = st.from_regex(r"[a-z]{1,5}(_[a-z]{1,5})?-[0-9]{1,3}(\.[0-9]{1,3})?", fullmatch=True)
TAGS = st.from_regex(r"py[23](\.py3)?-none-(any|win32\.linux_x86_64)", fullmatch=True)


@given(STEMS, st.sampled_from(["", "-1", "-2b"]), TAGS)
def test_wheels_are_read_as_packaging_reads_them(stem: str, build: str, tag: str) -> None:
    """Project, version, build number and tags are those that packaging finds."""
    filename = f"{stem}{build}-{tag}.whl"
    project, version, number, tags = parse_wheel_filename(filename)

    assert of_wheel(filename) == (project, str(version), number, tuple(sorted(map(str, tags))))


@given(STEMS, st.sampled_from(["", "-1", "-2b"]), TAGS)
def test_columns_say_the_same_unread(stem: str, build: str, tag: str) -> None:
    """Project and version are found without the tags, as the name has them; an sdist's are read."""
    project, version = columns_of(f"{stem}{build}-{tag}.whl") or ("", "")

    assert f"{project}-{version}" == stem
    assert columns_of(f"{stem}.zip") == of_sdist(f"{stem}.zip")
    assert [columns_of(name) for name in ("demo.whl", "demo-1.0.whl", "demo.zip")] == [None] * 3


@given(STEMS, st.sampled_from([".tar.gz", ".zip"]))
def test_sdists_are_read_as_packaging_reads_them(stem: str, suffix: str) -> None:
    """Project and version are those that packaging finds."""
    project, version = parse_sdist_filename(stem + suffix)

    assert of_sdist(stem + suffix) == (project, str(version))


@pytest.mark.parametrize(
    "filename",
    [
        "demo.whl",
        "demo-1.0.tar.bz2",
        f"demo-{MANY_DIGITS}-py3-none-any.whl",
        f"demo-{MANY_DIGITS}.tar.gz",
        f"demo-1.0-{MANY_TAGS}.whl",
        f"demo-1.0-{'.'.join('abcdefghijk')}-{'.'.join('abcdefghijk')}-{'.'.join('abcdefghijk')}.whl",
        f"{'d' * NAME_LIMIT}-1.0-py3-none-any.whl",
    ],
)
def test_what_no_file_is_called(filename: str) -> None:
    """A name in another form, or one with more digits or tags than any has, is none, at once."""
    begin = time.process_time()

    assert of_wheel(filename) is None
    assert of_sdist(filename) is None
    assert time.process_time() - begin < 1


def test_versions_are_read_or_none() -> None:
    """A version is packaging's; nothing, other text and endless digits are none."""
    assert version_of("1.0.post1") == Version("1.0.post1")
    assert [version_of(text) for text in (None, "", "odd", MANY_DIGITS)] == [None] * 4
