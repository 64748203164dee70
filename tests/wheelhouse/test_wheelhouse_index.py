"""Index pages of a wheelhouse are about the files that stand there, and about nothing else."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.artifacts import make_sdist, make_wheel, metadata_of
from wheelwarm.errors import InputError
from wheelwarm.wheelhouse.wheelhouse import Wheelhouse
from wheelwarm.wheelhouse.wheelhouse_index import HTML, JSON, core_metadata, write_pages

if TYPE_CHECKING:
    from pathlib import Path


def page(folder: Path, project: str) -> dict[str, dict[str, Any]]:
    """Read a project's files off its JSON page, by their names."""
    return {one["filename"]: one for one in json.loads((folder / project / JSON).read_text())["files"]}


def test_all_that_stands_there_is_offered(tmp_path: Path) -> None:
    """Wheels and sdists of all projects, with their hash and size; other files, folders and links are not."""
    wheel = make_wheel(tmp_path, "Demo_x", "1.0", requires_python=">=3.8")
    sdist = make_sdist(tmp_path, "demo-x", "2.0", requires_python=">=3.9")
    make_wheel(tmp_path, "other", "1.0")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "archive.zip").write_bytes(b"PK")
    (tmp_path / "folder-1.0.tar.gz").mkdir()
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()

    projects = write_pages(Wheelhouse(tmp_path), known={wheel.name: digest})

    assert projects == ("demo-x", "other")
    found = page(tmp_path, "demo-x")
    assert found.keys() == {wheel.name, sdist.name}
    for path, python in ((wheel, ">=3.8"), (sdist, ">=3.9")):
        assert found[path.name]["hashes"] == {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        assert (found[path.name]["size"], found[path.name]["requires-python"]) == (path.stat().st_size, python)
    metadata = metadata_of(wheel)
    assert wheel.with_name(f"{wheel.name}.metadata").read_bytes() == metadata
    assert found[wheel.name]["core-metadata"] == {"sha256": hashlib.sha256(metadata).hexdigest()}
    assert "core-metadata" not in found[sdist.name]
    assert wheel.name in (tmp_path / "demo-x" / HTML).read_text()
    assert json.loads((tmp_path / JSON).read_text())["projects"] == [{"name": "demo-x"}, {"name": "other"}]
    assert "archive" not in (tmp_path / HTML).read_text()


@pytest.mark.parametrize("name", [HTML, f"demo/{HTML}"])
def test_no_page_of_somebody_else_is_replaced(tmp_path: Path, name: str) -> None:
    """In the folder of a website its pages stay as they are, and no page is written beside them; ours are renewed."""
    make_wheel(tmp_path, "demo", "1.0")
    other = tmp_path / name
    other.parent.mkdir(exist_ok=True)
    other.write_bytes(b"<html>mine \xff</html>")

    with pytest.raises(InputError, match="is no index page"):
        write_pages(Wheelhouse(tmp_path), known={})

    assert (other.read_bytes(), len(list(tmp_path.rglob("index.*")))) == (b"<html>mine \xff</html>", 1)
    other.unlink()
    assert write_pages(Wheelhouse(tmp_path), known={}) == write_pages(Wheelhouse(tmp_path), known={}) == ("demo",)


def test_a_wheel_without_one_metadata_has_none_beside_it() -> None:
    """What is no archive, has no METADATA or two of them, gets no `.metadata` file."""
    for members in ({}, {"a.dist-info/METADATA": b"Name: a\n", "b.dist-info/METADATA": b"Name: b\n"}):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        assert core_metadata(buffer, _rewound(buffer)) is None
    garbage = io.BytesIO(b"PK\3\4 no archive")
    assert core_metadata(garbage, _rewound(garbage)) is None


def _rewound(buffer: io.BytesIO) -> int:
    buffer.seek(0)
    return len(buffer.getvalue())
