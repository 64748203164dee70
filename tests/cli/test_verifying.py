"""verify as people and programs use it: the table, the sums, JSON, exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.test_looking import run
from tests.test_verify import body, cut, listed, stock

if TYPE_CHECKING:
    from tests.helpers.stocks import Stock

__all__ = ["stock"]

AMOUNT = {"entries", "files", "bytes"}


@pytest.fixture
def spoilt(stock: Stock) -> Stock:
    """Return a cache with one truncated wheel among sound ones."""
    listed(stock, body(stock.wheel("demo", "1.0")))
    tag = "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"
    cut(stock.wheel("demo", "1.1", tag=tag))
    stock.page("demo", f"demo-1.1-{tag}.whl", url="https://index.example/demo/", more={"hashes": {}})
    return stock


@pytest.mark.parametrize("width", [80, 150])
def test_the_table(spoilt: Stock, width: int) -> None:
    """Each problem has its line with the reason and the file, within the width; then the sums; exit code 1."""
    answer = run(spoilt, "verify", width=width)

    head, row, sums = answer.out.splitlines()
    assert head.split() == (
        ["problem", "size", "file"] if width == 80 else ["problem", "name", "version", "kind", "size", "file"]
    )
    assert row.startswith("broken archive  ")
    assert "demo-1.1-cp311-cp311-" in row
    assert max(len(head), len(row)) <= width
    assert sums.startswith("4 entries checked (")
    assert sums.endswith("): 1 authentic, 2 readable, 1 problem")
    assert answer.code == 1
    assert "`wheelwarm verify --fix` removes just these" in answer.err


def test_fix(spoilt: Stock) -> None:
    """`--fix` shows the problem, removes it without asking, says so, and all is well: exit code 0, now and after."""
    answer = run(spoilt, "verify", "--fix")

    assert answer.out.splitlines()[1].startswith("broken archive")
    assert answer.out.splitlines()[-1].startswith("1 entry (2 files) removed, ")
    assert (answer.code, answer.err) == (0, "")
    after = run(spoilt, "verify", "--quick")
    assert after.code == 0
    assert after.out == "0 entries checked (0 B), 3 unchanged: 1 authentic, 2 readable\n"


def test_a_cache_without_problems(stock: Stock) -> None:
    """One line, and exit code 0; there is nothing to remove either."""
    stock.wheel("demo", "1.0")

    for arguments in (("verify",), ("verify", "--fix")):
        answer = run(stock, *arguments)
        assert (answer.code, answer.err, len(answer.out.splitlines())) == (0, "", 1)


def test_what_is_being_written_is_told(stock: Stock) -> None:
    """Half an entry that is on its way is no problem, but it is said that it was left alone."""
    body(stock.wheel("demo", "1.0")).unlink()

    answer = run(stock, "verify")

    assert answer.code == 0
    assert answer.err == "1 entry left alone: being written just now\n"


def test_the_json_keeps_its_contract(spoilt: Stock) -> None:
    """The key sets are those that the guide names; standard error stays empty but for the hint."""
    answer = run(spoilt, "verify", "--json")

    assert set(answer.data) == {
        "cache_dir", "checked", "unchanged", "busy", "bytes", "authentic", "readable", "problems", "planned", "removed",
    }  # fmt: skip
    assert (answer.code, answer.envelope["command"], answer.envelope["status"]) == (1, "verify", "partial")
    assert set(answer.data["planned"]) == set(answer.data["removed"]) == AMOUNT
    (problem,) = answer.data["problems"]
    assert set(problem) == {"path", "filename", "reason"}
    assert problem["path"].endswith(".body")
    assert (answer.data["planned"]["entries"], answer.data["removed"]["entries"], answer.err) == (1, 0, "")

    fixed = run(spoilt, "verify", "--fix", "--json")
    assert (fixed.code, fixed.envelope["status"]) == (0, "ok")
    assert fixed.data["removed"] == fixed.data["planned"] == answer.data["planned"]
    assert len(fixed.data["problems"]) == 1


def test_a_nameless_problem_shows_its_path(stock: Stock) -> None:
    """Where nothing tells a file's name, the path below the cache stands in its place, controls escaped."""
    path = stock.store("https://files.example/x", b"x")
    path.write_bytes(b"garbage")

    answer = run(stock, "verify", width=None)

    assert path.relative_to(stock.root).as_posix() in answer.out
