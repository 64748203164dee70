"""prune as people and programs use it: plans, prompts, JSON, exit codes, and what it refuses."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.cache.test_inventory import unreadable_below, write
from tests.cli.test_looking import MORE, ROW, files, in_terminal, run, stock
from tests.helpers.stocks import Stock
from wheelwarm.holdings.retention import Why

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["stock"]

DAY = 86400.0
AMOUNT = {"entries", "files", "bytes"}


def age(stock: Stock, *paths: Path, days: float) -> None:
    """Make entries look as if they had been written, and last read, so many days ago."""
    when = time.time() - days * DAY
    for path in paths or [path for path in stock.root.rglob("*") if path.is_file()]:
        for one in (path, path.with_name(f"{path.name}.body")):
            if one.exists():
                os.utime(one, (when, when))


def test_a_dry_run_shows_what_a_real_run_removes(stock: Stock) -> None:
    """The same entries, causes and sums, and the dry run touches no file."""
    age(stock, days=40)
    stock.wheel("fresh", "1.0")
    before = files(stock.root)

    planned = run(stock, "prune", "--older-than", "30d", "--dry-run", "--json").data
    assert files(stock.root) == before
    done = run(stock, "prune", "--older-than", "30d", "--yes", "--json").data

    assert planned["removed"] == dict.fromkeys(AMOUNT, 0)
    assert done["removed"] == done["planned"]
    assert done["freed"]["removed"] == done["freed"]["planned"] == planned["freed"]["planned"]
    for key in ("entries", "causes", "planned", "kept", "bytes_before", "bytes_after", "empty_folders"):
        assert planned[key] == done[key]
    gone = {path for path in before - files(stock.root) if not path.endswith((".body", "origin.json"))}
    assert len(gone) == done["planned"]["entries"] == len(done["entries"]) == 6
    assert done["bytes_after"] == sum((stock.root / path).stat().st_size for path in files(stock.root))


def test_the_json_of_prune_keeps_its_contract(stock: Stock) -> None:
    """The key sets are fixed, and the causes add up to the whole."""
    age(stock, days=40)

    data = run(stock, "prune", "--older-than", "30d", "--index-pages", "--dry-run", "--json").data

    assert data.keys() == {
        "cache_dir", "planned", "removed", "freed", "changed", "dry_run", "causes", "kept", "bytes_before",
        "bytes_after",
        "empty_folders", "entries",
    }  # fmt: skip
    assert data["planned"].keys() == data["removed"].keys() == AMOUNT
    assert all(amount.keys() == AMOUNT | {"freed"} for amount in data["causes"].values())
    assert data["causes"].keys() == {why.value for why in Why}
    for figure in ("entries", "files", "bytes"):
        assert sum(amount[figure] for amount in data["causes"].values()) == data["planned"][figure]
    assert data["causes"]["index_pages"]["entries"] == 1
    assert all(row.keys() == ROW | MORE | {"cause"} for row in data["entries"])


def test_the_plan_fits_80_columns(stock: Stock) -> None:
    """A dry run lists each entry with its cause, then the sums; a real run the sums alone."""
    age(stock, days=40)

    listed = run(stock, "prune", "--older-than", "4w", "--max-size", "0B", "--dry-run")
    done = run(stock, "prune", "--older-than", "4w", "--index-pages", "--yes")

    assert max(map(len, listed.out.splitlines())) <= 80
    assert "6 entries" in listed.out
    assert "40 days" in listed.out
    assert [line.split()[0] for line in done.out.splitlines()] == ["cause", "index", "unused", "in", "6", "6"]
    assert files(stock.root) == set()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "never means everything"),
        (["--no-atime"], "never means everything"),
        (["--older-than", "30"], "no unit"),
        (["--max-size", "2"], "no unit"),
        (["--older-than", "3m"], "months"),
    ],
)
@pytest.mark.parametrize("agreed", [("--yes",), ()])
def test_a_usage_error_removes_nothing(stock: Stock, arguments: list[str], words: str, agreed: tuple[str, ...]) -> None:
    """No selector, and an amount that could be meant twice: exit code 2, with what to type, before --yes is missed."""
    before = files(stock.root)

    answer = run(stock, "prune", *arguments, *agreed, width=200)

    assert (answer.code, files(stock.root)) == (2, before)
    assert words in answer.err


def test_without_a_terminal_it_does_not_ask(stock: Stock) -> None:
    """A script has to say --yes."""
    answer = run(stock, "prune", "--older-than", "0s")
    assert answer.code == 2
    assert "--yes" in answer.err


def test_nothing_to_remove_is_no_error(stock: Stock) -> None:
    """A cron job on a tidy cache ends with 0."""
    answer = run(stock, "prune", "--older-than", "30d", "--yes")
    assert (answer.code, answer.out.split()[0]) == (0, "0")


def test_a_folder_that_is_no_cache_is_refused(stock: Stock, tmp_path: Path) -> None:
    """A directory without pip's folders, one that is missing, a file: exit code 3, and nothing is made there."""
    write(tmp_path / "project" / "pyproject.toml")
    for folder in (tmp_path / "project", tmp_path / "missing", tmp_path / "project" / "pyproject.toml"):
        answer = run(type(stock)(folder, tmp_path), "prune", "--older-than", "0s", "--yes")
        assert (answer.code, answer.out) == (3, "")
        assert str(folder.name) in answer.err
    assert [path.name for path in (tmp_path / "project").iterdir()] == ["pyproject.toml"]


def test_leftovers_go_when_they_are_old(stock: Stock) -> None:
    """Halves and temporary files of yesterday's crash go, and today's of a running pip stay."""
    half = stock.wheel("half", "1.0")
    half.with_name(f"{half.name}.body").unlink()
    old = write(half.with_name("x.tmp"))
    age(stock, half, old, days=2)
    young = [write(half.with_name("y.tmp")), write(stock.built("demo", "3.0").parent / "tmpab" / "demo.whl")]
    before = files(stock.root)

    done = run(stock, "prune", "--orphans", "--yes", "--json").data

    assert done["removed"]["entries"] == 2
    assert before - files(stock.root) == {str(one.relative_to(stock.root)) for one in (half, old)}
    assert all(path.exists() for path in young)


def test_a_name_that_is_no_text_goes_too(stock: Stock) -> None:
    """A leftover whose name is not UTF-8 is shown, removed and forgotten like any other."""
    odd = stock.root / "http-v2" / os.fsdecode(b"\xff.tmp")
    try:
        write(odd)
    except OSError:
        pytest.skip("this file system has only names that are text")
    age(stock, odd, days=2)

    shown = run(stock, "prune", "--orphans", "--dry-run")
    done = run(stock, "prune", "--orphans", "--yes", "--json")

    assert "udcff" in shown.out
    assert (done.code, done.data["removed"]["entries"], odd.exists()) == (0, 1, False)


@pytest.mark.parametrize("command", [["prune", "--older-than", "0s"], ["remove", "demo"]])
def test_folders_that_cannot_be_read_are_named(stock: Stock, command: list[str]) -> None:
    """What stands there is in no plan, and who prunes has to know that the rest is not all."""
    with unreadable_below(stock.root / "http-v2"):
        answer = run(stock, *command, "--dry-run")

    assert answer.code == 0
    assert answer.err.startswith("warning: the folder http-v2/ddd")
    assert " cannot be read\n" in answer.err


def test_access_times_prove_use(stock: Stock) -> None:
    """An entry read since it came here was used then, whatever its age; --no-atime takes that away."""
    path = stock.wheel("used", "1.0")
    old, soon = time.time() - 40 * DAY, time.time() + 60
    for one in (path, path.with_name(f"{path.name}.body")):
        os.utime(one, (soon, old))

    def planned(*arguments: str) -> int:
        data = run(stock, "prune", "--older-than", "30d", *arguments, "--dry-run", "--json").data
        return int(data["planned"]["entries"])

    assert planned() == 0
    assert planned("--no-atime") == 1


def test_other_hard_links_are_told_of(stock: Stock) -> None:
    """What another name still holds is not promised to the disk."""
    path = stock.wheel("linked", "1.0")
    os.link(path.with_name(f"{path.name}.body"), stock.root.parent / "export.whl")
    age(stock, path, days=40)

    answer = run(stock, "prune", "--older-than", "30d", "--dry-run")

    assert "other hard links" in answer.err
    assert "--max-size" not in answer.err
    data = run(stock, "prune", "--older-than", "30d", "--dry-run", "--json").data
    assert data["freed"]["planned"] == path.stat().st_blocks * 512


def test_a_size_that_cannot_be_kept_to_is_told(stock: Stock) -> None:
    """Temporary files of a running pip count, and stay."""
    write(stock.root / "http-v2" / "x.tmp", b"x" * 5000)

    answer = run(stock, "prune", "--max-size", "1kB", "--yes")

    assert answer.code == 0
    assert "5.0 kB stay, more than --max-size" in answer.err


@pytest.mark.parametrize(("typed", "left"), [(b"n\n", 1), (b"y\n", 0)])
def test_on_a_terminal_it_asks(tmp_path: Path, typed: bytes, left: int) -> None:
    """The plan, a question, and the answer counts; a no is no failure."""
    (tmp_path / "scratch").mkdir()
    stock = Stock(tmp_path / "cache", tmp_path / "scratch")
    stock.wheel("demo", "1.0")

    code, screen = in_terminal(["prune", "--older-than", "0s", "--cache-dir", str(stock.root)], typed)

    assert code == 0
    assert b"Remove 2 files?" in screen
    assert len(files(stock.root)) == 2 * left


def test_the_question_has_the_right_number(tmp_path: Path) -> None:
    """One leftover is one file, and where only empty folders are to go, they are what is asked about."""
    (tmp_path / "scratch").mkdir()
    stock = Stock(tmp_path / "cache", tmp_path / "scratch")
    age(stock, write(stock.root / "http-v2" / "a" / "x.tmp"), days=2)
    arguments = ["prune", "--orphans", "--cache-dir", str(stock.root)]

    assert b"Remove 1 file?" in in_terminal(arguments, b"y\n")[1]
    for folder in ("b", "c"):
        (stock.root / "http-v2" / folder).mkdir()
        os.utime(stock.root / "http-v2" / folder, (1, 1))
    screen = in_terminal(arguments, b"y\n")[1]
    assert b"Remove 2 empty folders?" in screen
    assert list((stock.root / "http-v2").iterdir()) == []
