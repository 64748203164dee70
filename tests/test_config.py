"""The configuration file: found, read by type, refused where it says what nobody understands."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING

import pytest

from wheelwarm.config import Config, Inputs, TargetChoice, load
from wheelwarm.errors import InputError
from wheelwarm.targets.elsewhere import Elsewhere

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = """
jobs = 3
seed = "never"
cache-dir = "cache"
only-binary = ":all:"
no-binary = ["one", "two"]

[inputs]
requirements = ["flask", "./here", ".[dev]", "../beside"]
files = ["requirements/dev.txt", "https://example.org/r.txt", "/absolute.txt"]
constraints = "limits.txt"
build-constraints = "builds.txt"
scripts = ["tool.py"]
groups = ["test", "sub/pyproject.toml:docs"]
editables = ["."]

[[targets]]
python = "3.12"
[[targets]]
python = ".venv"
[[targets]]
platform = "manylinux2014_aarch64"
python-version = "3.10"
implementation = "cp"
abi = ["cp310", "abi3"]
[[targets]]
all-platforms = true

[seed-hosts]
"Packages.example.org" = "verified"

[prune]
older-than = "90d"
keep = "requirements.txt"
stale = true
legacy = false
"""


def written(folder: Path, text: str, name: str = "wheelwarm.toml") -> Path:
    """Write a configuration file and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_every_key_is_read(tmp_path: Path) -> None:
    """All that a file may say arrives by name and type, relative paths from the file's folder."""
    written(tmp_path, WHOLE)
    (tmp_path / ".venv").mkdir()

    assert load(tmp_path) == Config(
        path=tmp_path / "wheelwarm.toml",
        inputs=Inputs(
            requirements=("flask", f"{tmp_path}/here", f"{tmp_path}/.[dev]", f"{tmp_path}/../beside"),
            files=(str(tmp_path / "requirements/dev.txt"), "https://example.org/r.txt", "/absolute.txt"),
            constraints=(str(tmp_path / "limits.txt"),),
            build_constraints=(str(tmp_path / "builds.txt"),),
            scripts=(str(tmp_path / "tool.py"),),
            groups=(f"{tmp_path}/pyproject.toml:test", f"{tmp_path}/sub/pyproject.toml:docs"),
            editables=(str(tmp_path),),
        ),
        targets=(
            TargetChoice(python="3.12"),
            TargetChoice(python=str(tmp_path / ".venv")),
            TargetChoice(
                elsewhere=Elsewhere(
                    platforms=("manylinux2014_aarch64",),
                    python_version="3.10",
                    implementation="cp",
                    abis=("cp310", "abi3"),
                )
            ),
            TargetChoice(elsewhere=Elsewhere(everywhere=True)),
        ),
        options={
            "jobs": 3,
            "cache-dir": str(tmp_path / "cache"),
            "only-binary": [":all:"],
            "no-binary": ["one", "two"],
        },
        prune={"older-than": "90d", "keep": [str(tmp_path / "requirements.txt")], "stale": True, "legacy": False},
        seed="never",
        seed_hosts={"packages.example.org": "verified"},
    )


def test_the_nearest_file_upward_counts(tmp_path: Path) -> None:
    """From a folder upward the first file with our table counts; of two in one folder it is wheelwarm.toml."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    written(tmp_path, "[tool.wheelwarm]\njobs = 1\n", "pyproject.toml")
    written(tmp_path / "a", "[tool.other]\n", "pyproject.toml")
    assert load(inner).options == {"jobs": 1}

    written(tmp_path, "jobs = 2\n")
    assert load(inner).options == {"jobs": 2}

    written(tmp_path / "a", "[tool.wheelwarm]\n", "pyproject.toml")
    assert load(inner) == Config(path=tmp_path / "a" / "pyproject.toml")


def test_a_file_of_others_is_none_of_ours(tmp_path: Path) -> None:
    """A broken pyproject.toml that does not name wheelwarm stops nobody, nor does a folder of that name."""
    written(tmp_path, "this is [no TOML", "pyproject.toml")
    (tmp_path / "wheelwarm.toml").mkdir()

    assert load(tmp_path).path is None


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("job = 1", "unknown key 'job'", "Did you mean 'jobs'?"),
        ("qqq = 1", "unknown key 'qqq'", "Known are jobs, seed"),
        ("[inputs]\nfile = []", "unknown key 'inputs.file'", "'files'"),
        ("[[targets]]\n[[targets]]\npyhton = '3'", "unknown key 'targets[2].pyhton'", "'python'"),
        ("[prune]\nolder_than = '1d'", "unknown key 'prune.older_than'", "'older-than'"),
        ("jobs = '3'", "'jobs' is not a whole number from 1 to 64", ""),
        ("jobs = true", "'jobs' is not a whole number", ""),
        ("jobs = 0", "'jobs' is not a whole number", ""),
        ("seed = 'always'", '\'seed\' is not "verified" or "never"', ""),
        ("seed = ['never']", "'seed' is not", ""),
        ("cache-dir = 1", "'cache-dir' is not a string", ""),
        ("inputs = []", "'inputs' is not a table", ""),
        ("targets = {}", "'targets' is not an array of tables", ""),
        ("[inputs]\nfiles = [1]", "'inputs.files' is not a list of strings", ""),
        ("[prune]\nstale = 'yes'", "'prune.stale' is not true or false", ""),
        ("[seed-hosts]\n'a.example' = 'maybe'", "'seed-hosts.a.example' is not", ""),
        ("jobs =", "is no valid TOML", ""),
        ("files = ['r.txt']", "unknown key 'files'", "It is a key of [inputs]."),
        ("[inputs]\njobs = 1", "unknown key 'inputs.jobs'", "It stands above all tables."),
        ("[prune]\nolder-than = '90'", "'prune.older-than': '90' is no length of time: it has no unit", "Write 30d"),
        ("[prune]\nmax-size = 'huge'", "'prune.max-size': 'huge' is no size", "Write 500MB"),
        (
            "[seed-hosts]\n'https://u:secret@h/s' = 'never'",
            "'https://****@h/s' in 'seed-hosts' is no host",
            "name alone",
        ),
        ("[seed-hosts]\n'h:8080' = 'never'", "'h:8080' in 'seed-hosts' is no host", "without scheme, port and path"),
        ("[seed-hosts]\n'*.h' = 'never'", "'*.h' in 'seed-hosts' is no host", ""),
        ('cache-dir = "a\\u0000b"', "'cache-dir' has a NUL character in it", "Take it out."),
        ('[inputs]\nfiles = ["a\\u0000b"]', "'inputs.files' has a NUL character in it", ""),
        ('[[targets]]\npython = "a\\u0000b"', "'targets[1].python' has a NUL character in it", ""),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, message: str, hint: str) -> None:
    """An unknown key or a wrong type is an error that names the file and the key, and the nearest known name."""
    written(tmp_path, text)

    with pytest.raises(InputError) as caught:
        load(tmp_path)

    assert str(tmp_path / "wheelwarm.toml") in caught.value.message
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize("host", ["files.example.org", "localhost", "10.0.0.1", "::1", "2001:db8::1", "bücher.example"])
def test_hosts_are_names_and_addresses(tmp_path: Path, host: str) -> None:
    """A policy is for a host as URLs name it, IPv6 among them, in any case."""
    written(tmp_path, f'[seed-hosts]\n"{host.upper()}" = "never"\n')

    assert load(tmp_path).seed_hosts == {host: "never"}


def test_the_home_of_nobody_is_a_folder(tmp_path: Path) -> None:
    """`~user` of a user that the machine does not know is taken as it is written, as by pip and the shell."""
    written(tmp_path, '[inputs]\nfiles = ["~/r.txt", "~nosuchuser/r.txt"]\n')

    home, nobody = load(tmp_path).inputs.files
    assert home == os.path.expanduser("~/r.txt")  # noqa: PTH111
    assert nobody == f"{tmp_path}/~nosuchuser/r.txt"


@pytest.mark.parametrize("text", ["[tool]\nwheelwarm = 1\n", "[[tool.wheelwarm]]\n"])
def test_our_table_has_to_be_one(tmp_path: Path, text: str) -> None:
    """`tool.wheelwarm` that is no table is an error that shows how to write it."""
    written(tmp_path, text, "pyproject.toml")

    with pytest.raises(InputError, match="no table"):
        load(tmp_path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are an error of that file, not a traceback."""
    (tmp_path / "wheelwarm.toml").write_bytes(b"jobs = \xff")

    with pytest.raises(InputError, match=r"wheelwarm\.toml, line 1: not text"):
        load(tmp_path)


def test_the_documentation_has_every_key() -> None:
    """docs/configuration.md names each key of the whole example above."""
    from pathlib import Path

    page = (Path(__file__).parent.parent / "docs" / "configuration.md").read_text(encoding="utf-8")
    whole = tomllib.loads(WHOLE)
    tables = [whole, whole["inputs"], whole["targets"][2], whole["prune"]]

    assert [key for table in tables for key in table if f"`{key}`" not in page] == []
