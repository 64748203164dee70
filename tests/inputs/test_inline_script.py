"""What scripts declare about themselves is read as PEP 723 says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wheelwarm.errors import InputError
from wheelwarm.inputs.inline_script import read_script
from wheelwarm.inputs.requirements import read

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """\
#!/usr/bin/env python
# /// script
# requires-python = ">=3.9"
# dependencies = [
#   "app>=1",  # needed
#
#   "lib ; python_version < '4'",
# ]
# [tool.other]
# key = 1
# ///
import app
# /// other
# not = our business
# ///
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a script."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tool.py").write_text(SCRIPT)
    return tmp_path


@pytest.mark.parametrize(
    "data",
    [
        SCRIPT.encode(),
        b"\xef\xbb\xbf" + SCRIPT.encode(),
        SCRIPT.replace("\n", "\r\n").encode(),
        SCRIPT.replace("#!/usr/bin/env python", "# coding: latin-1").replace("import app", "'\xe9'").encode("latin-1"),
        SCRIPT.removesuffix("\n").encode(),
    ],
    ids=["plain", "mark", "crlf", "latin-1", "no last line end"],
)
def test_reads_the_block(here: Path, data: bytes) -> None:
    """Whatever the encoding and the line ends, the requirements are there with their lines in the script."""
    (here / "tool.py").write_bytes(data)
    found = read_script("tool.py")
    assert [(line, str(one)) for line, one in found.requirements] == [
        (5, "app>=1"),
        (7, 'lib; python_version < "4"'),
    ]
    assert str(found.pythons) == ">=3.9"


def test_is_an_input_beside_others(here: Path) -> None:
    """Pip gets what the script needs as a file; the Pythons are known to the set."""
    found = read(["more"], scripts=["tool.py"], environ={})
    (name,) = found.spooled
    assert found.pip_arguments({name: here / "copy"}) == ["-r", str(here / "copy"), "more"]
    assert found.spooled[name] == b'app>=1\nlib; python_version < "4"\n'
    assert [str(path) for path, _ in found.pythons] == ["tool.py"]


def test_a_script_may_need_nothing(here: Path) -> None:
    """A block without dependencies is one all the same."""
    (here / "tool.py").write_text("# /// script\n#\n# ///\n")
    found = read_script("tool.py")
    assert (found.requirements, str(found.pythons)) == ((), "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("print()\n", "tool.py does not say what it needs: it has no script block (PEP 723)."),
        ("\n# /// script\n# dependencies = []\n", "tool.py, line 2: the script block has no end."),
        ("# /// script\n#dependencies = []\n# ///\n", "tool.py, line 1: the script block has no end."),
        (SCRIPT + SCRIPT, "tool.py, line 17: a second script block."),
        ("#\n# /// script\n# x = \n# y = 1\n# ///\n", "tool.py has no valid TOML: Invalid value (at line 3, column "),
        ("# /// script\n# dependencies = 1\n# ///\n", "tool.py: dependencies is no list of strings."),
        ('# /// script\n# dependencies = ["a=1"]\n# ///\n', "tool.py, line 2: invalid requirement 'a=1': "),
        ("# /// script\n# requires-python = 3\n# ///\n", "tool.py, line 2: requires-python '3' is no set"),
        (b"# coding: nonsense\n", "tool.py declares an encoding that Python does not know."),
        (b"x = 1\ny = '\xff'\n", "tool.py, line 2: not text."),
        (b"x = 1\ny = 2\nz = '\xff'\n", "tool.py, line 3: not text."),
        (b"x = 1\n\0\n", "tool.py, line 2: not text."),
    ],
)
def test_names_what_is_wrong(here: Path, text: str | bytes, message: str) -> None:
    """Each mistake is one sentence with the file and the line in it, and a hint."""
    (here / "tool.py").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as caught:
        read_script("tool.py")
    assert caught.value.message.startswith(message)
    assert caught.value.hint


def test_names_a_script_that_is_not_there(here: Path) -> None:
    """A missing file is told as one."""
    with pytest.raises(InputError, match=r"^The script no\.py does not exist\.$"):
        read_script("no.py")
