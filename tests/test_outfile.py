"""Files of the user's own are there whole, or as they were."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from wheelwarm import outfile
from wheelwarm.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def mode(path: Path) -> int:
    """Return a file's permissions."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    """It is what the umask makes of any new file, and the only file in its folder."""
    outfile.write(tmp_path / "new", b"content")
    (tmp_path / "usual").touch()

    assert (tmp_path / "new").read_bytes() == b"content"
    assert mode(tmp_path / "new") == mode(tmp_path / "usual")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "usual"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_permissions_are_those_of_the_model(tmp_path: Path) -> None:
    """With a file to be like, the new content has that file's permissions."""
    (tmp_path / "file").write_bytes(b"before")
    (tmp_path / "file").chmod(0o640)

    outfile.write(tmp_path / "file", b"after", like=tmp_path / "file")

    assert ((tmp_path / "file").read_bytes(), mode(tmp_path / "file")) == (b"after", 0o640)


def test_behind_a_link_the_linked_file_is_written(tmp_path: Path) -> None:
    """A symbolic link stays one."""
    (tmp_path / "real").write_bytes(b"before")
    (tmp_path / "link").symlink_to("real")

    outfile.write(tmp_path / "link", b"after")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"after"


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """No folder, or a folder of that name: one sentence with the path, and no temporary file."""
    (tmp_path / "taken" / "inside").mkdir(parents=True)

    with pytest.raises(InputError, match="cannot be written") as missing:
        outfile.write(tmp_path / "missing" / "file", b"content")
    with pytest.raises(InputError, match="cannot be written"):
        outfile.write(tmp_path / "taken", b"content")

    assert str(tmp_path / "missing" / "file") in str(missing.value)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
