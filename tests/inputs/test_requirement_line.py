"""A requirement string is a requirement, a path or a URL, as pip takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement

from tests.helpers.pip_parser import PipParser, pip_parser
from wheelwarm.errors import InputError
from wheelwarm.inputs.requirement_line import PLAIN, RequirementLine, parse, parse_editable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHA = "a" * 64
TEXTS = [
    "foo",
    "Foo.Bar_baz [a, b] >= 1.0, != 1.5",
    "foo===1.0+weird",
    "foo (==1.0)",
    "foo==1.0;python_version<'3' or extra == 'x'",
    "foo==1.0 ;",
    "foo~=1.0.*",
    "foo==1.*",
    "foo=1.0",
    "foo==",
    "foo bar",
    "foo==1.0; nonsense",
    "-foo",
    "foo @ https://u:p@h/foo-1.0.zip",
    "foo@https://h/foo-1.0.zip#sha256=" + SHA,
    "foo[x] @ git+ssh://git@h/r@v1 ; os_name == 'posix'",
    "foo @ file:///x/foo-1.0-py3-none-any.whl",
    "foo @ ./dist/foo-1.0-py3-none-any.whl",
    "https://u:p@h/foo-1.0.tar.gz#egg=foo",
    "https://h/a;b.zip; python_version > '3'",
    "https://h/a.zip ; nonsense",
    "HTTPS://h/foo-1.0-py3-none-any.whl",
    "https://[h/a.zip",
    "git+https://h/r.git@main#egg=foo&subdirectory=x",
    "git://h/r.git",
    "ftp://h/a.zip",
    "svn+svn://h/r#egg=foo",
    "git@h:org/r.git",
    "./project",
    "./project[extra] ; python_version > '3'",
    "project/",
    "project",
    "sub dir/project two",
    ".",
    "./empty",
    "./missing",
    "../missing/x.zip",
    "./dist/foo-1.0-py3-none-any.whl",
    "./dist/foo-1.0-py3-none-any.whl[extra]",
    "gone-1.0-py3-none-any.whl",
    "dist/x.tar.lzma",
    "foo.zip",
    ".zip",
    "x.zip/",
    "requirements.txt",
    "~/x",
]
LONG = "foo @ https://h/" + "x" * 40 + "?at=https://u:secret@h ; " + "(" * 5000
FORMS = "Write NAME, NAME==VERSION, NAME @ URL, or a path."
EDITABLES = [
    ".",
    "./project[a,b]",
    "project",
    "./empty",
    "missing",
    "foo",
    "file:///x/project#egg=foo",
    "git+https://h/r.git#egg=foo",
    "git+https://h/r.git",
    "git:h/r#egg=foo",
    "https://h/x.zip#egg=foo",
    "foo @ git+https://h/r.git ; python_version > '3'",
    "foo @ https://h/x.zip",
    "https://[h/x",
]


@pytest.fixture(scope="module")
def parser() -> Iterator[PipParser]:
    """Give the tests' own pip."""
    with pip_parser() as parser:
        yield parser


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a current folder with projects, artifacts and an empty folder in it."""
    for name in ("project", "sub dir/project two", "dist", "empty"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("pyproject.toml", "project/pyproject.toml", "sub dir/project two/setup.py", "requirements.txt"):
        (tmp_path / name).touch()
    for name in ("dist/foo-1.0-py3-none-any.whl", "dist/x.tar.lzma"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def as_pip(text: str, *, editable: bool = False) -> dict[str, Any] | None:
    """Read a text and say it as the oracle does; None for an error."""
    try:
        parts = (parse_editable if editable else parse)(text)
    except InputError:
        return None
    requirement = RequirementLine(text=text, parsed=parts.parsed, plain=parts.plain).requirement
    return {
        "name": requirement and requirement.name,
        "specifier": requirement and str(requirement.specifier),
        "marker": parts.marker and str(parts.marker),
        "url": parts.url,
    }


@given(text=st.from_regex(PLAIN, fullmatch=True))
def test_what_is_plain_is_a_requirement(text: str) -> None:
    """What is not parsed at once is a name with versions for packaging too: nothing it would refuse, and no URL."""
    parts = parse(text)

    assert Requirement(text).url is None
    assert parts.plain or parts.url  # `a.zip` is a path
    assert RequirementLine(text=text, plain=parts.plain, url=parts.url).by_name is parts.plain


def pip_reads(parser: PipParser, folder: Path, line: str) -> dict[str, Any] | None:
    """Let pip read a file of one line; None for an error."""
    (folder / "oracle.txt").write_text(line + "\n")
    answer = parser.parse("oracle.txt", folder=folder)
    if "error" in answer:
        return None
    (read,) = answer["requirements"]
    return {key: read[key] for key in ("name", "specifier", "marker", "url")}


def agree(ours: dict[str, Any] | None, pips: dict[str, Any] | None) -> bool:
    """Whether both mean the same; the name that pip takes from a file name or a fragment is not ours to know."""
    if ours is None or pips is None:
        return ours == pips
    if ours["name"] is None:
        return bool(ours["url"] == pips["url"] and ours["marker"] == pips["marker"])
    return ours == pips


@pytest.mark.parametrize("text", [text for text in TEXTS if not text.startswith("-")])
def test_reads_a_requirement_as_pip(parser: PipParser, folder: Path, text: str) -> None:
    """Requirement, URL and marker are those of pip, and so are the refusals."""
    ours, pips = as_pip(text), pip_reads(parser, folder, text)
    assert agree(ours, pips), (ours, pips)


@pytest.mark.parametrize("text", EDITABLES)
def test_reads_an_editable_as_pip(parser: PipParser, folder: Path, text: str) -> None:
    """What `-e` takes and what it refuses is pip's."""
    ours, pips = as_pip(text, editable=True), pip_reads(parser, folder, f'-e "{text}"')
    assert agree(ours, pips), (ours, pips)


def is_one_line(text: str) -> bool:
    """Whether a file of this text has something on its only line but a comment; `//` is nobody's path."""
    return bool(text.strip()) and not text.startswith("#") and " #" not in text and "//" not in text.partition(":")[0]


PIECES = st.sampled_from(
    ["foo", "Foo-B", "[x]", "==", "1.0", ".*", ">=2", ",", ";", "; ", " ", "os_name == 'a'", "@", "="]
)
URL_PIECES = st.sampled_from(
    ["https://h/", "./", "project", "git+", "#egg=foo&x=", "#sha256=0", ".zip", ".tar", ".gz", "file:", "/", ":"]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES | URL_PIECES, min_size=1, max_size=6).map("".join).filter(is_one_line))
def test_reads_anything_as_pip(parser: PipParser, folder: Path, text: str) -> None:
    """Whatever is put together, both accept the same and mean the same by it."""
    ours, pips = as_pip(text.strip()), pip_reads(parser, folder, text)
    assert agree(ours, pips), (ours, pips)


@pytest.mark.parametrize(
    ("text", "pin"),
    [
        ("Foo.Bar[x]==1.0 ; os_name == 'nt'", ("foo-bar", "1.0")),
        ("foo === 1.0-odd", ("foo", "1.0-odd")),
        ("foo==1.*", None),
        ("foo>=1,==1.0", None),
        ("foo", None),
        ("foo @ https://h/foo-1.0.zip", None),
        ("./project", None),
    ],
)
def test_only_one_exact_version_is_a_pin(folder: Path, text: str, pin: tuple[str, str] | None) -> None:
    """A pin is one `==` or `===` without wildcard, whatever extras and markers stand beside it."""
    parts = parse(text)
    assert RequirementLine(text=text, parsed=parts.parsed, plain=parts.plain, url=parts.url).pin == pin


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("./project", "project"),
        ("sub dir/project two", "sub dir/project two"),
        ("foo @ file:///a%20b/c.whl#sha256=0", "/a b/c.whl"),
        ("foo @ https://h/c.whl", None),
        ("foo", None),
    ],
)
def test_local_requirements_have_a_path(folder: Path, text: str, path: str | None) -> None:
    """Paths and `file:` URLs are local, and tell where they lead."""
    parts = parse(text)
    line = RequirementLine(text=text, parsed=parts.parsed, plain=parts.plain, url=parts.url)
    assert line.path == (folder / path if path else None)
    assert line.local == (path is not None)


@pytest.mark.parametrize(
    ("text", "reason", "hint"),
    [
        ("foo=1.0", "Expected semicolon", "Write foo==1.0."),
        ("./missing", "Expected package name", "It looks like a path, but there is no such file or folder."),
        ("./requirements.txt", "Expected package name", FORMS),
        ("./empty", "the folder has neither pyproject.toml nor setup.py", "Name the project's own folder."),
        ("foo==1; nonsense", "Expected a marker operator", FORMS),
        ("foo==1=2", "Expected", FORMS),
    ],
)
def test_refuses_with_a_reason(folder: Path, text: str, reason: str, hint: str) -> None:
    """An invalid requirement is quoted with the place, the reason and what to write instead."""
    with pytest.raises(InputError) as caught:
        parse(text, place="r.txt, line 3")
    assert caught.value.message.startswith(f"r.txt, line 3: invalid requirement '{text}': ")
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    "text", ["foo @@ https://u:secret@h/x", "https://u:secret@[h/x", "foo=https://u:secret@h/", LONG]
)
def test_refuses_without_credentials(folder: Path, text: str) -> None:
    """Neither message nor hint shows a password."""
    with pytest.raises(InputError) as caught:
        parse(text)
    assert caught.value.message.startswith("Invalid requirement ")
    assert "secret" not in caught.value.message + caught.value.hint
