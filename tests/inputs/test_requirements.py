"""A RequirementSet says what pip would read, knows the same input again, and hands pip the original."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers.pip_parser import PipParser, pip_parser
from tests.inputs.test_index_options import as_pip as options_as_pip
from wheelwarm.errors import InputError
from wheelwarm.inputs.index_options import IndexOptions
from wheelwarm.inputs.requirements import RequirementSet, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SHA = "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def parser() -> Iterator[PipParser]:
    """Give the tests' own pip."""
    with pip_parser() as parser:
        yield parser


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a current folder with a project in it."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "pyproject.toml").write_text("[dependency-groups]\ntest = ['six==1.0']\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read_file(text: str, *, environ: Mapping[str, str] | None = None, **more: Any) -> RequirementSet:
    """Read a requirements file by way of standard input."""
    return read(requirement_files=["-"], environ=environ or {}, stdin=text.encode, **more)


FILES = {
    "a locked file": f"foo==1.0 \\\n  --hash=sha256:{SHA} \\\n  --hash=sha512:{SHA}{SHA}\nbar==2 --hash sha256:{SHA}\n",
    "indexes": "--extra-index-url https://a/s\n-i https://b/s\n--extra-index-url https://c/s --trusted-host c\nfoo\n",
    "no index": "-i https://b/s\n--no-index --extra-index-url https://a/s\n--extra-index-url https://c/s\n",
    "links": "-f links -f other\n--find-links https://h/f\n-f nowhere\n--prefer-binary --require-hashes\n",
    "formats": "a --no-binary a\n--only-binary :all: --no-binary b,C_x\n--only-binary b\n-r more.txt --no-binary q\n",
    "releases": "--pre\n--only-final a,b --all-releases b\n",
    "ignored": "foo --pre -i https://ignored/s\n--hash=sha256:00\n--use-feature fast-deps\n",
    "paths": "./project[x]\n-e project\nfoo @ file:///x/y.whl ; os_name == 'posix'\n",
    "variables": "${NAME}==1 --hash=sha256:${SHA}\n-i https://${TOKEN}@h/s\nfoo==${UNSET}1\n",
    "build options": "foo --config-settings a=b\n-e ./project -C x=y\n",
    "odd": "\ufefffoo\nbar # c\n  baz  \n\tqux\n#\n\\\nlast",
    "wrong": "foo\nbar=1\n",
    "wrong option": "foo --nope\n",
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("constraint", [False, True])
def test_reads_files_as_pip(parser: PipParser, folder: Path, name: str, constraint: bool) -> None:
    """Lines and options are those of pip's own parser, or both refuse the file."""
    environ = {"NAME": "named", "SHA": SHA, "TOKEN": "u:p"}
    (folder / "links").mkdir()
    (folder / "more.txt").write_text("--no-binary more\nmore\n")
    (folder / "in").mkdir()
    for file in ("r.txt", "in/r.txt"):
        (folder / file).write_text(FILES[name].replace("more.txt", str(folder / "more.txt")))
        answer = parser.parse(file, folder=folder, environ=environ, constraint=constraint)
        assert _read_as_pip(file, environ=environ, constraint=constraint) == answer or (
            "error" in answer and _read_as_pip(file, environ=environ, constraint=constraint) is None
        )


LINES = [
    *(
        "foo",
        "Foo.Bar[a,b]>=1,<2  # c",
        "foo ~= 1.0 ; python_version > '3'",
        "foo @ https://u:p@h/f-1.0.tar.gz",
        "foo=1",
    ),
    *("foo==${NAME}", "./project[x]", "-e project", "--editable=./project", "'foo'", "foo==1 \\", "foo\\", "# c \\"),
    *(f"foo==1 --hash=sha256:{SHA}", f"  --hash sha512:{SHA}{SHA}", f"FOO --hash=sha256:{SHA.upper()}", "foo -C k=v"),
    *(
        "-i https://b/s",
        "--index-url=https://c/s/ --pre",
        "--extra-index-url https://d/s",
        "--extra-index https://u:p@e/s",
    ),
    *("--no-index", "-f links", "-f nowhere --find-links links", "--trusted-host=h:80", "--require-hashes", "-q", "-i"),
    *(
        "--no-binary :all:",
        "foo --no-binary foo,bar",
        "--only-binary=foo",
        "--only-binary :none:",
        "--use-feature fast-deps",
    ),
    *(
        "-r more.txt",
        "-cmore.txt --pre",
        "-r 'in c/x.txt' # c",
        "-r in\\ c/x.txt -r more.txt",
        "foo -r more.txt",
        "--nope",
    ),
    *("", "\t# c", "\x0c", "- r", "==1", "foo;", "${A}", "\ufefffoo", "é==1", "foo\x1fbar", "foo -e project", "--"),
]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from(["\n", "\r\n", "\r", "\u2028", "\n\n"])), max_size=6))
def test_reads_any_file_as_pip(parser: PipParser, folder: Path, lines: list[tuple[str, str]]) -> None:
    """Whatever odd lines stand in whatever order, files they include among them, both read the same or both refuse."""
    environ = {"NAME": "9", "A": "a b"}
    for name in ("links", "in c"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "more.txt").write_text("more\n--no-binary more\n-i https://more/s\n")
    (folder / "in c" / "x.txt").write_text("x\n-f ../links\n-c ../more.txt\n")
    (folder / "r.txt").write_bytes("".join(line + end for line, end in lines).encode())

    ours, pips = (
        _read_as_pip("r.txt", environ=environ, constraint=False),
        parser.parse("r.txt", folder=folder, environ=environ),
    )

    assert ours == pips or (ours is None and "error" in pips)


def _read_as_pip(file: str, *, environ: Mapping[str, str], constraint: bool) -> dict[str, Any] | None:
    files: dict[str, Any] = (
        {"constraint_files": [file], "arguments": [" "]} if constraint else {"requirement_files": [file]}
    )
    try:
        found = read(environ=environ, **files)
    except InputError:
        return None
    lines = [
        {
            "text": line.text,
            "editable": line.editable,
            "constraint": line.constraint,
            "line": line.line,
            "hashes": sorted(line.hashes),
            "name": line.requirement and line.requirement.name,
            "specifier": line.requirement and str(line.requirement.specifier),
            "marker": line.marker and str(line.marker),
            "url": line.url,
        }
        for line in found.lines
    ]
    return {"requirements": lines, "arguments": [], "options": options_as_pip(found.options)}


def test_reads_all_sources_in_the_order_of_pip(folder: Path) -> None:
    """Constraints, arguments, groups, editables, files: the last index URL stands."""
    (folder / "c.txt").write_text("foo<2\n-i https://c/s\n")
    (folder / "r.txt").write_text("baz\n-i https://r/s\n")
    found = read(
        ["foo", " ", "bar==1"],
        constraint_files=["c.txt"],
        requirement_files=["r.txt"],
        groups=["project/pyproject.toml:test"],
        editables=["./project"],
        options=IndexOptions(index_url="https://given/s", no_binary=("foo",)),
        environ={},
    )
    texts = [line.text for line in found.lines]
    assert texts == ["foo<2", "foo", "bar==1", "six==1.0", "./project", "baz"]
    assert [str(line.source) for line in found.lines if line.source] == ["c.txt", "project/pyproject.toml", "r.txt"]
    assert found.options.index_url == "https://r/s"
    assert found.index_arguments() == ["--index-url", "https://r/s", "--no-binary", "foo"]
    assert found.direct_urls == ((folder / "project").as_uri(),)


def test_hands_pip_the_original(parser: PipParser, folder: Path) -> None:
    """Pip gets the flags and files that were given, read by itself, and a copy of what can be read once."""
    (folder / "c.txt").write_text("foo<2\n")
    (folder / "copy.txt").write_text("spooled\n-i https://r/s\n")
    options = IndexOptions(extra_index_urls=("https://x/s",), only_binary=(":all:",))
    found = read(
        ["foo"],
        constraint_files=["c.txt"],
        requirement_files=["-"],
        options=options,
        environ={},
        stdin=lambda: b"spooled",
    )
    words = found.pip_arguments({"-": folder / "copy.txt"})
    answer = parser.arguments(words, folder=folder)
    assert answer["arguments"] == ["foo"]
    assert {line["text"] for line in answer["requirements"]} == {"foo<2", "spooled"}
    assert answer["options"]["index_urls"] == ["https://r/s"]
    assert answer["options"]["only_binary"] == [":all:"]
    assert found.pip_arguments()[-3:] == ["-r", "-", "foo"]


@pytest.mark.parametrize(
    ("text", "pinned"),
    [
        ("a==1\nb @ https://h/b.zip\n-c c.txt", True),
        ("a==1\nb", False),
        ("a==1\n-r https://h/r.txt", False),
        ("# nothing", False),
    ],
)
def test_knows_when_all_is_pinned(folder: Path, text: str, pinned: bool) -> None:
    """Constraints may be open, requirements not, and an unread file may hold anything."""
    (folder / "c.txt").write_text("a<2\n")
    assert read_file(text).fully_pinned is pinned


SAME = [
    ("a==1\nb", "# c\na==1 # c\n\n  b"),
    ("a==1 --hash=sha256:0", "a==1 \\\n  --hash=sha256:0"),
    ("-i https://u:old@h/s\na", "-i https://u:new@h/s\na"),
    ("a\n-r one.txt", "a\n-r in/two.txt"),
    ("a\nincluded", "a\n-r one.txt"),
]
OTHER = [
    ("a", "a==1"),
    ("a", "-c c.txt\na"),
    ("a\nb", "b\na"),
    ("a", "a\n--pre"),
    ("a==1", "a==1 --hash=sha256:0"),
    ("a", "-r https://h/r.txt\na"),
    ("-i https://h/s\na", "-i https://g/s\na"),
    ("./project", "-e ./project"),
]


@pytest.mark.parametrize(("one", "two", "same"), [(*pair, True) for pair in SAME] + [(*pair, False) for pair in OTHER])
def test_digest_tells_inputs_apart(folder: Path, one: str, two: str, same: bool) -> None:
    """Layout, places and renewed credentials do not count; whatever may change the resolution does."""
    (folder / "in").mkdir()
    for file in ("one.txt", "in/two.txt"):
        (folder / file).write_text("included\n")
    (folder / "c.txt").write_text("a\n")
    assert (read_file(one).digest == read_file(two).digest) is same


def test_digest_covers_what_stands_outside_the_file(folder: Path) -> None:
    """Variables, options, arguments and the build files of local projects change the digest, other files do not."""
    text = "${NAME}==1\n./project\n"
    first = read_file(text, environ={"NAME": "a"}).digest
    assert read_file(text, environ={"NAME": "a", "OTHER": "b"}).digest == first
    changes = [
        read_file(text, environ={"NAME": "b"}).digest,
        read_file(text, environ={"NAME": "a"}, options=IndexOptions(pre=True)).digest,
        read_file(text, environ={"NAME": "a"}, arguments=["more"]).digest,
    ]
    (folder / "project" / "README").write_text("more")
    assert read_file(text, environ={"NAME": "a"}).digest == first
    (folder / "project" / "setup.py").write_text("# more")
    changes.append(read_file(text, environ={"NAME": "a"}).digest)
    assert len({first, *changes}) == 5


def test_digest_covers_local_artifacts(folder: Path) -> None:
    """Another file of the same name is another input, and a missing one is pip's to report."""
    digests = {read(["./x.zip"], environ={}).digest}
    for text in ("one", "two"):
        (folder / "x.zip").write_text(text)
        digests.add(read(["./x.zip"], environ={}).digest)
    assert len(digests) == 3


def test_refuses_nothing() -> None:
    """Without requirements there is nothing to do, and constraints alone are none."""
    with pytest.raises(InputError) as caught:
        read(constraint_files=["c.txt"], environ={})
    assert caught.value.hint.endswith("wheelwarm prefetch -r requirements.txt")


@pytest.mark.parametrize(("name", "flag"), [("requirements.txt", "-r"), ("dev.in", "-r"), ("discord.py", "--script")])
def test_refuses_a_file_given_without_its_flag(folder: Path, name: str, flag: str) -> None:
    """A well-formed name that is a file's is most likely a forgotten flag; where no file is, it is a project's."""
    assert len(read([name], environ={}).lines) == 1
    (folder / name).touch()
    with pytest.raises(InputError) as caught:
        read([name], environ={})
    assert caught.value.hint == f"To read it: {flag} {name}"


def test_a_lock_needs_no_flag(folder: Path) -> None:
    """As a pyproject.toml does not: no project has such a name."""
    (folder / "pylock.toml").write_text('lock-version = "1.0"\ncreated-by = "x"\npackages = []\n')
    found = read(["pylock.toml"], environ={})
    assert (len(found.locks), found.arguments, found.only_locks) == (1, (), True)


def test_names_the_line_of_an_invalid_requirement(folder: Path) -> None:
    """The message leads with file and line."""
    (folder / "r.txt").write_text("# top\nfoo=1.0\n")
    with pytest.raises(InputError) as caught:
        read(requirement_files=["r.txt"], environ={})
    assert caught.value.message.startswith("r.txt, line 2: invalid requirement 'foo=1.0': ")
    assert caught.value.hint == "Write foo==1.0."
    with pytest.raises(InputError, match="standard input, line 1: a constraint cannot be editable"):
        read(["a"], constraint_files=["-"], environ={}, stdin=lambda: b"-e ./project")


def test_reads_a_long_file_quickly() -> None:
    """Ten thousand locked requirements are a matter of a second, not of a coffee."""
    line = "project-{0}=={0}.0 ; python_version >= '3.8' \\\n    --hash=sha256:{1} \\\n    --hash=sha256:{1}\n"
    text = "".join(line.format(number, SHA) for number in range(10_000))
    before = time.process_time()
    assert len(read_file(text).lines) == 10_000
    assert time.process_time() - before < 5
