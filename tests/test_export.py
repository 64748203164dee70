"""What `export` takes for whom, and what it refuses; that pip then installs is tests/functional's to show."""

from __future__ import annotations

import shlex
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_sdist, make_wheel
from tests.helpers.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index


@pytest.fixture
def program(pip_of: PipOf, index: Index, cache_dir: Path) -> Program:
    """Run wheelwarm for the newest pip."""
    return Program(pip_of("26.3"), index, cache_dir)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return a folder for wheels and sdists."""
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


def test_a_folder_within_the_cache_is_refused(program: Program, cache_dir: Path, tmp_path: Path) -> None:
    """Nothing but pip's own belongs there, by whichever way one gets in."""
    (tmp_path / "way").symlink_to(cache_dir)
    for folder in (cache_dir, cache_dir / "http-v2" / "house", tmp_path / "way" / "house"):
        answer = program.run("export", str(folder), "demo==1.0")
        assert (answer.code, "is within pip's cache" in answer.err) == (3, True)
        assert not (cache_dir / "http-v2").exists()


def test_a_file_is_no_folder(program: Program, tmp_path: Path) -> None:
    """One sentence, and the file stays."""
    (tmp_path / "house").write_text("mine")

    answer = program.run("export", str(tmp_path / "house"), "demo==1.0")

    assert (answer.code, "is no directory" in answer.err) == (3, True)
    assert (tmp_path / "house").read_text() == "mine"


def test_a_mode_that_there_is_not(program: Program, tmp_path: Path) -> None:
    """Wrong usage, with the right words."""
    answer = program.run("export", str(tmp_path / "house"), "demo==1.0", "--link-mode", "symlink")

    assert (answer.code, "'symlink'" in answer.err) == (2, True)


def test_what_nobody_knows_is_an_error(program: Program, tmp_path: Path) -> None:
    """Without network only pins and an earlier run can tell; the hint says what to type."""
    answer = program.run("export", str(tmp_path / "house"), "demo")

    assert (answer.code, "wheelwarm prefetch" in answer.err) == (3, True)
    assert not (tmp_path / "house").exists()


def test_local_files_go_along_and_folders_stay(program: Program, files: Path, tmp_path: Path) -> None:
    """A wheel of a local folder is copied, since the wheelhouse may travel; a project's folder pip reads in place."""
    wheel = make_wheel(files, "demo", "1.0")
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "mine"\nversion = "1"\n[build-system]\nrequires = []\nbuild-backend = "backend"\n'
        'backend-path = ["."]\n'
    )
    (project / "backend.py").write_text(
        "import pathlib\n"
        "def prepare_metadata_for_build_wheel(folder, config_settings=None):\n"
        "    path = pathlib.Path(folder, 'mine-1.dist-info')\n"
        "    path.mkdir()\n"
        "    (path / 'METADATA').write_text('Metadata-Version: 2.1\\nName: mine\\nVersion: 1\\n')\n"
        "    return path.name\n"
    )
    asked = ("demo", str(project), "--find-links", str(files))
    assert program.run("check", "--resolve", *asked).code == 0

    answer = program.run("export", str(tmp_path / "house"), *asked, "--json")

    assert answer.code == 0, answer.err
    rows = {row["name"]: (row["done"], row["by_url"]) for row in answer.data["files"]}
    assert rows["mine"] == ("in_place", False)
    assert rows["demo"][0] in ("copied", "reflinked")
    assert (tmp_path / "house" / wheel.name).read_bytes() == wheel.read_bytes()
    wheel.unlink()
    missing = program.run("export", str(tmp_path / "empty"), *asked, "--json")
    assert [row["reason"] for row in missing.data["files"] if row["name"] == "demo"] == ["absent"]


def test_a_requirement_by_url_is_pointed_out(program: Program, index: Index, files: Path, tmp_path: Path) -> None:
    """The file is there, but pip goes to the URL all the same: the person has to know."""
    url = index.add(make_wheel(files, "demo", "1.0"))
    asked = f"demo @ {url}"
    program.run("prefetch", asked)

    answer = program.run("export", str(tmp_path / "house"), asked)

    assert (answer.code, "Required by URL" in answer.err, "demo" in answer.err) == (0, True, True)
    assert "--find-links" in answer.err
    (row,) = program.run("export", str(tmp_path / "house"), asked, "--json").data["files"]
    assert (row["done"], row["by_url"]) == ("kept", True)


def test_what_a_lock_holds_is_installed_by_name(program: Program, index: Index, files: Path, tmp_path: Path) -> None:
    """For a lock, which leads pip to URLs, the answer names a command for the folder that works without network."""
    index.add(make_wheel(files, "demo", "1.0"))
    lock = str(tmp_path / "pylock.toml")
    program.run("prefetch", "demo", "--lock", lock)

    answer = program.run("export", str(tmp_path / "house"), "-r", lock, "--index")

    pip, *words = shlex.split(answer.err.splitlines()[-2])
    by_index = shlex.split(answer.err.splitlines()[-1])
    assert (pip, words[-1]) == ("pip", "demo==1.0")
    assert by_index == ["pip", "install", "--index-url", (tmp_path / "house").as_uri(), "demo==1.0"]
    assert "Required by URL" not in answer.err
    index.stop()
    done = program.pip.run(*words, "--target", str(tmp_path / "to"), cache_dir=tmp_path / "other")
    assert done.returncode == 0, done.stderr


def test_a_folder_without_a_name_is_a_mistake(
    program: Program, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty name, as of a variable that is not set, is an error of usage; the current folder stays as it is."""
    monkeypatch.chdir(tmp_path)

    answer = program.run("export", "", str(make_wheel(files, "demo", "1.0")))

    assert (answer.code, list(tmp_path.glob("*.whl"))) == (2, [])
    assert "the folder has no name" in answer.err


def test_an_sdist_that_was_never_built_goes_with_its_tools(
    program: Program, index: Index, files: Path, tmp_path: Path, cache_dir: Path
) -> None:
    """Where the built wheel is gone from the cache, the sdist and its build requirements stand in."""
    index.add(make_wheel(files, "helper", "3.0"))
    index.add(make_sdist(files, "tool", "0.5", build_requires=["helper"]))
    program.run("prefetch", "tool")
    (built,) = (cache_dir / "wheels").rglob("*.whl")
    built.unlink()

    answer = program.run("export", str(tmp_path / "house"), "tool", "--json")

    assert answer.code == 0, answer.err
    assert {row["filename"] for row in answer.data["files"]} == {"tool-0.5.tar.gz", "helper-3.0-py3-none-any.whl"}


def test_plain_http_and_unknown_urls_are_missing_for_a_reason(program: Program, tmp_path: Path) -> None:
    """What pip cannot have in its cache the wheelhouse cannot have either."""
    asked = "demo @ http://files.example/demo-1.0-py3-none-any.whl"

    answer = program.run("export", str(tmp_path / "house"), asked, "--json")

    rows = [(row["done"], row["reason"]) for row in answer.data.get("files", ())]
    assert (answer.code, rows) == (1, [("missing", "insecure origin")])


def test_the_json_of_export_keeps_its_contract(program: Program, index: Index, files: Path, tmp_path: Path) -> None:
    """The key sets are fixed, and standard error stays empty."""
    index.add(make_wheel(files, "demo", "1.0"))
    program.run("prefetch", "demo")

    answer = program.run("export", str(tmp_path / "house"), "demo", "--json")

    assert answer.err == ""
    assert answer.data.keys() == {
        "target", "directory", "files", "summary", "index", "resolution", "seconds", "config", "found_input",
    }  # fmt: skip
    assert answer.data["summary"].keys() == {"copied", "reflinked", "hardlinked", "kept", "in_place", "missing"}
    assert answer.data["files"][0].keys() == {
        "name", "version", "filename", "kind", "url", "size", "sha256", "done", "reason", "by_url",
    }  # fmt: skip
    assert (answer.data["index"], answer.data["resolution"].keys()) == (None, {"source", "made"})


def test_the_page_fits_a_terminal(
    program: Program, index: Index, files: Path, tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 80 columns the file's name gives way; sums and advice follow, the missing are counted."""
    monkeypatch.setenv("COLUMNS", "80")
    name = "a_project_with_a_rather_long_name"
    index.add(make_wheel(files, name, "1.0", tag="py2.py3-none-any"))
    index.add(make_wheel(files, "demo", "1.0", requires=[name]))
    program.run("prefetch", "demo")
    house = tmp_path / "a house"

    whole = program.run("export", str(house), "demo", "--index")
    shutil.rmtree(cache_dir / "http-v2")
    lacking = program.run("export", str(house), "demo")

    assert max(map(len, whole.out.splitlines()[:3])) <= 80
    assert f"{name}-1.0" not in whole.out
    assert "index pages: 2 projects" in whole.out
    assert f"--find-links '{house}'" in whole.err
    assert lacking.code == 1
    assert "missing (absent)" in lacking.out
    assert "2 missing" in lacking.out
    assert "--find-links" not in lacking.err
