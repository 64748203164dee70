"""What a pyproject.toml declares is read as a build of the project would put it into its metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wheelwarm.errors import InputError
from wheelwarm.inputs.project_file import read_project
from wheelwarm.inputs.requirements import read

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """\
[project]
name = "My.Project"
requires-python = ">=3.9"
dependencies = [
  "app>=1",
  "lib ; python_version < '4'",
]

[project.optional-dependencies]
Web_UI = ["web==2", "my-project[fast] ; os_name == 'posix'"]
fast = ["quick @ https://h/quick-1.0.tar.gz ; python_version > '3'"]
all = ["my_project[web-ui,fast]", "MY.PROJECT[all]", "my-project"]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a project."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    return tmp_path


def refusal(text: str | bytes, folder: Path, name: str = "pyproject.toml") -> tuple[str, str]:
    """Return message and hint of the error that a project file leads to."""
    (folder / "pyproject.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as caught:
        read_project(name)
    return caught.value.message, caught.value.hint


def test_reads_dependencies_with_their_lines(here: Path) -> None:
    """The dependencies stand where they stand, and the project says for which Pythons it is."""
    found = read_project("pyproject.toml")
    assert [(line, str(one)) for line, one in found.requirements] == [
        (5, "app>=1"),
        (6, 'lib; python_version < "4"'),
    ]
    assert str(found.pythons) == ">=3.9"


@pytest.mark.parametrize(
    ("extras", "expected"),
    [
        ("fast", ['quick @ https://h/quick-1.0.tar.gz ; python_version > "3"']),
        (
            "web.ui",
            ["web==2", 'quick @ https://h/quick-1.0.tar.gz ; python_version > "3" and os_name == "posix"'],
        ),
        (
            "all, fast",
            [
                'quick @ https://h/quick-1.0.tar.gz ; python_version > "3"',
                "web==2",
                'quick @ https://h/quick-1.0.tar.gz ; python_version > "3" and os_name == "posix"',
            ],
        ),
    ],
)
def test_extras_may_refer_to_the_project_itself(here: Path, extras: str, expected: list[str]) -> None:
    """An extra stands for its requirements, those of other extras among them under both markers, round or not."""
    found = read_project(f"pyproject.toml[{extras}]")
    assert [str(one) for _, one in found.requirements[2:]] == expected


def test_is_an_input_beside_others(here: Path) -> None:
    """Named by -r or alone, it is a file for pip to read as a copy, and the same input wherever it stands."""
    by_option = read(["more"], requirement_files=["pyproject.toml[fast]"], environ={})
    alone = read(["more", "./pyproject.toml[fast]"], environ={})

    assert by_option.pip_arguments({"pyproject.toml[fast]": here / "copy"})[-3:] == ["-r", str(here / "copy"), "more"]
    assert [line.text for line in by_option.lines][:2] == ["more", "app>=1"]
    assert by_option.spooled["pyproject.toml[fast]"].startswith(b"app>=1\nlib;")
    assert by_option.digest == alone.digest


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[project", "pyproject.toml has no valid TOML: Expected", "See https://toml.io."),
        ("[tool.x]\n", "pyproject.toml has no [project] table.", "wheelwarm prefetch ./[x]"),
        ('[project]\nname = "a"\n', "pyproject.toml has no extra 'x'.", "It has: none."),
        ("[project.optional-dependencies]\ny = []\n", "pyproject.toml has no extra 'x'.", "It has: y."),
        (
            '[project]\ndynamic = ["version", "dependencies"]\n',
            "pyproject.toml leaves its dependencies to the build (dynamic).",
            "Name the project, whose build then tells: wheelwarm prefetch ./[x]",
        ),
        (
            '[project]\ndynamic = ["optional-dependencies"]\n',
            "pyproject.toml leaves its optional-dependencies to the build (dynamic).",
            "wheelwarm prefetch ./[x]",
        ),
        ('[project]\ndependencies = "a"\n', "pyproject.toml: dependencies is no list of strings.", '["flask'),
        ("[project]\noptional-dependencies = 1\n", "pyproject.toml: optional-dependencies is no table.", "Write ["),
        ("[project.optional-dependencies]\nx = [1]\n", "pyproject.toml: x is no list of strings.", "Write it as"),
        (
            '[project]\ndependencies = [\n  "good",\n  "bad=1",\n]\n',
            "pyproject.toml, line 4: invalid requirement 'bad=1': ",
            "Only NAME",
        ),
        (
            '[project]\nrequires-python = "three"\noptional-dependencies.x = []\n',
            "pyproject.toml, line 2: requires-python 'three' is no set of versions.",
            "Write it as",
        ),
        (b"[project]\nname = '\xff'\n", "pyproject.toml, line 2: not text.", "UTF-8"),
        (b"[project]\n\nname = '\0'\n", "pyproject.toml, line 3: not text.", "NUL"),
    ],
)
def test_names_what_is_wrong(here: Path, text: str | bytes, message: str, hint: str) -> None:
    """Each mistake is one sentence with the file, the line where there is one, and what to do."""
    found = refusal(text, here, "pyproject.toml[x]")
    assert found[0].startswith(message)
    assert hint in found[1]


def test_dynamic_extras_do_not_matter_unless_asked_for(here: Path) -> None:
    """What a build would tell of extras is no obstacle to reading the dependencies."""
    (here / "pyproject.toml").write_text('[project]\ndynamic = ["optional-dependencies"]\ndependencies = ["a"]\n')
    assert len(read_project("pyproject.toml").requirements) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no/pyproject.toml", "The project file no/pyproject.toml does not exist."),
        ("folder/pyproject.toml", "folder/pyproject.toml is a folder."),
        ("pyproject.toml/pyproject.toml", "The project file pyproject.toml/pyproject.toml cannot be read: Not a dir"),
    ],
)
def test_names_the_file_that_cannot_be_read(here: Path, name: str, message: str) -> None:
    """A file that is not there, or is none, is told."""
    (here / "folder" / "pyproject.toml").mkdir(parents=True)
    with pytest.raises(InputError) as caught:
        read_project(name)
    assert caught.value.message.startswith(message)
    assert caught.value.hint


def test_an_extra_may_be_large(here: Path) -> None:
    """Extras that each refer to two others do not make the reading take for ever."""
    tables = "".join(f'e{at} = ["p[e{at + 1}]", "p[e{at + 1}]"]\n' for at in range(30))
    (here / "pyproject.toml").write_text(
        f'[project]\nname = "p"\n[project.optional-dependencies]\n{tables}e30 = ["a"]\n'
    )
    assert [str(one) for _, one in read_project("pyproject.toml[e0]").requirements] == ["a"]


@pytest.mark.parametrize("before", range(50, 60))
def test_refuses_without_credentials(here: Path, before: int) -> None:
    """However long the requirement is that cannot be read, no part of a password is shown."""
    text = f"foo @@ https://h/{'x' * before} https://u:secret@h/"
    message, _ = refusal(f'[project]\ndependencies = ["{text}"]\n', here)
    assert "sec" not in message
