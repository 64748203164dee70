"""Completion as the shells ask for it: by variables, and by the script that they are given."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.helpers.stocks import Stock
from wheelwarm.cli.completing import likely_caches
from wheelwarm.ledger.ledger import FILE, FOLDER
from wheelwarm.ledger.names import names, versions

if TYPE_CHECKING:
    from collections.abc import Mapping

AS_INSTALLED = "import sys; sys.argv[0] = 'wheelwarm'; from wheelwarm.cli import main; main()"
"""The program under the name by which shells know it."""


@pytest.fixture
def stock(tmp_path: Path) -> Stock:
    """Return a cache that was looked at once, so that its ledger has the names."""
    (tmp_path / "scratch").mkdir()
    made = Stock(tmp_path / "cache", tmp_path / "scratch")
    made.wheel("flask", "3.0")
    made.wheel("flask", "3.1")
    made.wheel("flit-core", "3.9")
    made.wheel("numpy", "2.0")
    made.look()
    return made


def ask(shell: str, words: str, cache_dir: Path) -> list[str]:
    """Ask as the shell's script does, and return the suggestions."""
    how: Mapping[str, Mapping[str, str]] = {
        "bash": {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": words},
        "fish": {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }
    environ = {**os.environ, **how[shell], "_WHEELWARM_COMPLETE": f"complete_{shell}", "PIP_CACHE_DIR": str(cache_dir)}
    done = subprocess.run(
        [sys.executable, "-c", AS_INSTALLED], env=environ, check=False, capture_output=True, text=True
    )
    assert done.stderr == ""
    return [word.strip('"') for word in done.stdout.replace("_arguments '*: :((", "").replace("))'", "").split()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("command", ["list", "remove"])
def test_project_names_are_completed(stock: Stock, shell: str, command: str) -> None:
    """`wheelwarm remove fl<TAB>` suggests the projects in the cache that begin so, and no others."""
    assert ask(shell, f"wheelwarm {command} fl", stock.root) == ["flask", "flit-core"]


def test_versions_are_completed_behind_the_name(stock: Stock) -> None:
    """Behind `==` stand the versions that are there."""
    assert ask("bash", "wheelwarm remove Flask==", stock.root) == ["Flask==3.0", "Flask==3.1"]


def test_a_named_cache_is_the_one_that_is_asked(stock: Stock, tmp_path: Path) -> None:
    """`--cache-dir`, typed before, beats pip's own place."""
    words = f"wheelwarm list --cache-dir {stock.root} num"

    assert ask("bash", words, tmp_path / "none") == ["numpy"]


def test_without_a_ledger_nothing_happens(tmp_path: Path) -> None:
    """A completion makes no folder and no file, and says nothing."""
    assert ask("bash", "wheelwarm list f", tmp_path / "cache") == []
    assert not (tmp_path / "cache").exists()


def test_a_ledger_that_is_none_is_passed_over(tmp_path: Path) -> None:
    """Garbage, and a symbolic link to somewhere else, are no ledgers."""
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / FILE).write_bytes(b"garbage" * 1000)
    assert names(tmp_path) == []
    (tmp_path / "other" / FOLDER).mkdir(parents=True)
    (tmp_path / "other" / FOLDER / FILE).symlink_to(tmp_path / FOLDER / FILE)
    assert versions(tmp_path / "other", "x") == []


def complete(shell: str, script: str, stock: Stock, folder: Path) -> list[str]:
    """Let a real shell read what `--show-completion` prints, as `source.txt`, and run a script; return its words."""
    if shutil.which(shell) is None or os.name != "posix":
        pytest.skip(f"{shell} is not here")
    program = folder / "bin" / "wheelwarm"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{AS_INSTALLED}" "$@"\n')
    program.chmod(0o755)
    environ = {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    environ |= {"PIP_CACHE_DIR": str(stock.root), "PYTHONPATH": str(Path(__file__).parents[2])}
    source = {**environ, "_WHEELWARM_COMPLETE": f"source_{shell}"}
    with (folder / "source.txt").open("w") as file:
        subprocess.run([program], env=source, check=True, stdout=file)
    done = subprocess.run([shell, "-c", script], env=environ, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.split()


def test_bash_takes_the_script(stock: Stock, tmp_path: Path) -> None:
    """A real bash completes the word."""
    script = (
        ". ./source.txt; COMP_WORDS=(wheelwarm list num); COMP_CWORD=2; "
        "$(complete -p wheelwarm | sed -E 's/.*-F ([^ ]+).*/\\1/') wheelwarm num list; echo \"${COMPREPLY[@]}\""
    )

    assert complete("bash", script, stock, tmp_path) == ["numpy"]


def test_fish_takes_the_script(stock: Stock, tmp_path: Path) -> None:
    """A real fish completes a name, and the versions behind it."""
    script = "source source.txt; complete -C 'wheelwarm remove fl'; complete -C 'wheelwarm remove flask=='"

    assert complete("fish", script, stock, tmp_path) == ["flask", "flit-core", "flask==3.0", "flask==3.1"]


def test_zsh_takes_the_script(stock: Stock, tmp_path: Path) -> None:
    """A real zsh hands the names to the function of its own that shows and inserts them."""
    script = (
        'compdef() { :; }; _arguments() { print -r -- "$1"; }; '
        ". ./source.txt; words=(wheelwarm list fl); CURRENT=3; _wheelwarm_completion"
    )

    assert complete("zsh", script, stock, tmp_path) == ["*:", ':(("flask"', '"flit-core"))']


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {"PIP_CACHE_DIR": "/c"}, ["/c"]),
        ("linux", {"XDG_CACHE_HOME": "/x"}, ["/x/pip"]),
        ("darwin", {"XDG_CACHE_HOME": "/x"}, ["HOME/Library/Caches/pip", "/x/pip"]),
        ("win32", {"LOCALAPPDATA": "/l"}, ["/l/pip/Cache"]),
        ("win32", {}, ["HOME/AppData/Local/pip/Cache"]),
    ],
)
def test_where_the_cache_most_likely_is(
    platform: str, environ: dict[str, str], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each system has its place; newer pips on macOS heed XDG_CACHE_HOME, older ones do not."""
    monkeypatch.setattr(sys, "platform", platform)

    assert [one.as_posix() for one in likely_caches(environ)] == [
        way.replace("HOME", Path.home().as_posix(), 1) if way.startswith("HOME") else way for way in expected
    ]
