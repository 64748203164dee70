"""Files are found, followed and refused as pip would, with an error that says where and what to do."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from tests.helpers.pip_parser import PipParser, pip_parser
from wheelwarm.errors import InputError
from wheelwarm.inputs.requirement_file import FileReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@pytest.fixture(scope="module")
def parser() -> Iterator[PipParser]:
    """Give the tests' own pip."""
    with pip_parser() as parser:
        yield parser


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files by name, with the folders above them."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def requirements(name: str, *, stdin: bytes = b"", constraint: bool = False) -> list[tuple[str, int, bool]]:
    """Return text, number and constraint flag of each requirement that a file leads to."""
    reader = FileReader(environ={}, stdin=lambda: stdin)
    lines = reader.lines(name, constraint=constraint)
    return [(line.parsed.requirement, line.number, line.constraint) for line in lines if line.parsed.requirement]


def refusal(name: str, *, constraint: bool = False) -> tuple[str, str]:
    """Return message and hint of the error that a file leads to."""
    with pytest.raises(InputError) as caught:
        requirements(name, constraint=constraint)
    return caught.value.message, caught.value.hint


@pytest.mark.parametrize("constraint", [False, True])
def test_follows_includes_as_pip_does(parser: PipParser, folder: Path, constraint: bool) -> None:
    """Includes count from the file that has them, twice if named twice, and decide themselves what is a constraint."""
    write(
        folder,
        {
            "r.txt": "a\n-r in/b.txt -r never.txt\n-c in/c.txt\n-r in/b.txt -c in/c.txt\nd -r never.txt\n",
            "in/b.txt": "b\n-r ../e.txt\n-c c.txt --pre\n",
            "in/c.txt": f"c<2\n-r file://{folder}/e.txt\n-r {folder}/e.txt\n",
            "e.txt": "\n\ne\n",
        },
    )
    answer = parser.parse("r.txt", folder=folder, constraint=constraint)
    expected = [(line["text"], line["line"], line["constraint"]) for line in answer["requirements"]]
    assert requirements("r.txt", constraint=constraint) == expected


@pytest.mark.parametrize(
    ("files", "circle"),
    [
        ({"r.txt": "-r r.txt"}, ["r.txt", "r.txt"]),
        ({"r.txt": "-c in/b.txt", "in/b.txt": "a\n-r ../r.txt"}, ["r.txt", "in/b.txt", "r.txt"]),
        ({"r.txt": "-r b.txt", "b.txt": "-r c.txt", "c.txt": "-r b.txt"}, ["b.txt", "c.txt", "b.txt"]),
    ],
)
def test_shows_the_circle(parser: PipParser, folder: Path, files: dict[str, str], circle: list[str]) -> None:
    """A file that includes itself is an error, in pip too, and the message shows the way round."""
    write(folder, files)
    assert "recursively" in parser.parse("r.txt", folder=folder)["error"]
    message, hint = refusal("r.txt")
    assert message.endswith(": the file includes itself: " + " -> ".join(str(folder / name) for name in circle) + ".")
    assert hint == "Take one -r or -c out."


def test_suggests_the_nearest_name(folder: Path) -> None:
    """A file that is not there is named, with the one that was probably meant."""
    write(folder, {"requirements.txt": "a", "deps/dev.txt": "-c constraint.txt", "deps/constraints.txt": ""})
    assert refusal("requirement.txt") == (
        "The requirements file requirement.txt does not exist.",
        "Did you mean requirements.txt?",
    )
    assert refusal("deps/dev.txt") == (
        f"The constraints file {folder}/deps/constraint.txt does not exist (included by deps/dev.txt, line 1).",
        f"Did you mean {folder}/deps/constraints.txt?",
    )
    assert refusal("zzz.txt", constraint=True) == (
        "The constraints file zzz.txt does not exist.",
        "Check the name, and the folder that you are in.",
    )
    assert refusal("none/r.txt")[1] == "There is no folder none."


def test_refuses_a_folder(folder: Path) -> None:
    """A folder given as a file is probably meant as a project."""
    write(folder, {"app/pyproject.toml": ""})
    assert refusal("app") == (
        "app is a folder, not a requirements file.",
        "For the project in it: wheelwarm prefetch app/",
    )


@pytest.mark.parametrize("name", ["/", ".", "..", ""])
def test_refuses_folders_without_a_name(folder: Path, name: str) -> None:
    """What names no file at all, as an empty variable of a shell, is told as a folder."""
    assert "is a folder, not a requirements file" in refusal(name)[0]


def test_refuses_what_cannot_be_opened(folder: Path) -> None:
    """Any other trouble is told in the system's words."""
    (folder / "loop.txt").symlink_to("loop.txt")
    assert refusal("loop.txt") == (
        "The requirements file loop.txt cannot be read: Too many levels of symbolic links.",
        "",
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_refuses_what_must_not_be_read(folder: Path) -> None:
    """A file that this user may not read is named."""
    write(folder, {"r.txt": "a"})
    (folder / "r.txt").chmod(0)
    assert refusal("r.txt") == (
        "The requirements file r.txt cannot be read: Permission denied.",
        "Make the file readable for this user.",
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("uv.lock", "Export it first: uv export --format pylock.toml -o pylock.toml"),
        ("uv.lock[extra]", "Export it first: uv export --format pylock.toml -o pylock.toml"),
        ("sub/poetry.lock", "sub && poetry export -f requirements.txt -o requirements.txt"),
        ("pdm.lock", "pdm export -f pylock -o pylock.toml"),
        ("Pipfile.lock", "pipenv requirements --hash > requirements.txt"),
        ("pyproject.toml", "Give it by itself: -r"),
        ("setup.py", "name the folder: ./"),
        ("setup.cfg", "name the folder: ./"),
        ("environment.yml", "under `pip:`"),
        ("environment.yaml", "under `pip:`"),
        ("tool.py", "To read what it needs: --script"),
        ("pylock.toml", "Give it by itself: -r"),
        ("pylock.dev.toml", "Give it by itself: -r"),
        ("pylock.toml[extra]", "Give it by itself: -r"),
    ],
)
def test_refuses_other_formats_by_name(folder: Path, name: str, hint: str) -> None:
    """A lock or a project file is recognised, and the hint says what to do with it."""
    write(folder, {"r.txt": f"-r {name}"})
    assert hint in refusal(name)[1]
    assert hint in refusal("r.txt")[1]
    assert refusal("r.txt")[0].endswith(" (included by r.txt, line 1).")


def test_names_the_line_of_a_bad_option(folder: Path) -> None:
    """An unknown option is an error with its place, without credentials."""
    write(folder, {"r.txt": "# top\n\n--extra-index https://u:secret@h/s --nonsense=https://u:secret@h\n"})
    assert refusal("r.txt")[0] == "r.txt, line 3: no such option: --nonsense."
    write(folder, {"r.txt": "--hash 'https://u:secret@h\n"})
    assert "secret" not in refusal("r.txt")[0]


def test_reads_standard_input_as_a_file_of_the_current_folder(parser: PipParser, folder: Path) -> None:
    """Includes of standard input count from the current folder, and a copy of it means the same in any other."""
    write(folder, {"more me.txt": "b\n", "sub/c.txt": "c\n"})
    text = f"a \\\n ==1\n# hm\n-r 'more me.txt'\n-c sub/c.txt\n-r {folder}/sub/c.txt\n--pre\nd\n".encode()
    reader = FileReader(environ={}, stdin=lambda: text)
    lines = [line for _ in range(2) for line in reader.lines("-", constraint=False)]
    assert [line.place for line in lines][:3] == [
        "standard input, line 1",
        "standard input, line 4",
        f"{folder}/more me.txt, line 1",
    ]
    (folder / "sub" / "copy.txt").write_bytes(reader.spooled["-"])
    answer = parser.parse("copy.txt", folder=folder / "sub")
    read = [(line["text"], line["line"], line["constraint"]) for line in answer["requirements"]]
    assert read == requirements("-", stdin=text) != []


def test_keeps_standard_input_as_it_is_where_it_can(folder: Path) -> None:
    """Without relative includes the copy is the very bytes, encoding and all."""
    write(folder, {"b.txt": "b"})
    text = f"# coding: latin-1\na # caf\xe9\n-r {folder}/b.txt\n".encode("latin-1")
    reader = FileReader(environ={}, stdin=lambda: text)
    assert len(list(reader.lines("-", constraint=False))) == 3
    assert reader.spooled == {"-": text}


def test_refuses_standard_input_where_there_is_none(folder: Path) -> None:
    """A caller without standard input gets an error, not a wait."""
    with pytest.raises(InputError) as caught:
        list(FileReader(environ={}, stdin=None).lines("-", constraint=False))
    assert caught.value.message == "Standard input cannot be read here."


def test_spools_pipes(folder: Path) -> None:
    """What can be read only once, as `-r <(…)` in a shell, is kept for pip."""
    os.mkfifo(folder / "pipe")
    writer = threading.Thread(target=(folder / "pipe").write_text, args=("a\n",))
    writer.start()
    reader = FileReader(environ={}, stdin=None)
    first = [line.parsed.requirement for line in reader.lines("pipe", constraint=False)]
    writer.join()
    again = [line.parsed.requirement for line in reader.lines("pipe", constraint=False)]
    assert first == again == ["a"]
    assert reader.spooled == {"pipe": b"a\n"}


def test_remembers_remote_files(folder: Path) -> None:
    """Files behind a URL are not fetched, but their addresses are known."""
    write(folder, {"r.txt": "a\n-r https://h/x.txt\n"})
    reader = FileReader(environ={}, stdin=None)
    assert len(list(reader.lines("r.txt", constraint=False))) == 2
    assert list(reader.lines("HTTP://h/y.txt", constraint=True)) == []
    assert reader.remote_files == ["https://h/x.txt", "HTTP://h/y.txt"]
