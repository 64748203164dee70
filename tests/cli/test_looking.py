"""stats, list and remove as people and programs use them: pages, pipes, JSON, prompts, exit codes."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from tests.cache.test_inventory import PLACES, write
from tests.functional.test_prefetch import publish
from tests.helpers.artifacts import make_wheel
from tests.helpers.program import Answer, Program
from tests.helpers.stocks import FILES, Stock
from wheelwarm.cli import app
from wheelwarm.ledger.ledger import Ledger
from wheelwarm.model import Kind, Layout, Run, Summary

if TYPE_CHECKING:
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment

ROW = {"name", "version", "filename", "kind", "section", "bytes", "last_used", "path"}
MORE = {"state", "sha256", "yanked", "origin", "named_by"}
COUNTS = {"entries", "files", "bytes", "allocated"}


@pytest.fixture
def stock(tmp_path: Path) -> Stock:
    """Return a cache with a little of everything."""
    (tmp_path / "scratch").mkdir()
    made = Stock(tmp_path / "cache", tmp_path / "scratch")
    made.wheel("demo", "1.0")
    made.wheel("demo", "1.1", tag="cp311-cp311-manylinux_2_17_x86_64")
    made.metadata("demo", "1.1")
    made.sdist("other", "2.0")
    made.built("other", "2.0")
    made.page("demo")
    return made


def run(stock: Stock, *arguments: str, width: int | None = 80, stdin: str | None = None) -> Answer:
    """Run wheelwarm on a cache, for an output of this width."""
    environ = {"COLUMNS": str(width) if width else None}
    result = CliRunner().invoke(app, [*arguments, "--cache-dir", str(stock.root)], env=environ, input=stdin)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Answer(result.exit_code, result.stdout, result.stderr)


def files(root: Path) -> set[str]:
    """Return every file below pip's sections."""
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and "wheelwarm" not in path.parts}


def test_the_page_fits_80_columns(stock: Stock) -> None:
    """Everything that is counted is on the page, and no line is longer than a terminal is wide."""
    stock.wheel("a-project-with-a-very-long-name-indeed-that-goes-on", "1.0")
    stock.store(f"{FILES}/demo-1.0-py3-none-any.whl", b"x", layout=Layout.HTTP, headers={})
    stock.store(f"{FILES}/twin", make_wheel(stock.scratch, "demo", "1.0").read_bytes())
    with Ledger(stock.root) as ledger:
        found = Summary(hits=3, misses=1)
        ledger.record_run(Run(started=time.time(), target="", found=found, bytes_downloaded=0, seconds=1.0))

    answer = run(stock, "stats")

    assert answer.code == 0
    assert max(map(len, answer.out.splitlines()[1:])) <= 80  # the first line is the path
    for words in (
        "Kinds", "built wheel", "Sections", "http-v2", "Projects", "Age", "last used", "Wheels by Python", "cp311",
        "Wheels by platform", "Linux x86_64", "Reclaimable", "legacy", "expired", "in all, each once",
        "Twice the same bytes", "Several versions", "Unidentified", "75 % hits (3 of 4) in 1 prefetch",
    ):  # fmt: skip
        assert words in answer.out
    assert answer.err == ""


def test_an_empty_cache_has_a_page_too(tmp_path: Path) -> None:
    """A cache directory that is not there yet is an empty cache."""
    stock = Stock(tmp_path / "none", tmp_path)
    answer = run(stock, "stats")

    assert answer.code == 0
    assert "0 entries in 0 files" in answer.out
    assert run(stock, "stats", "--json").data["projects"] == []
    assert run(stock, "list").out == ""
    assert not stock.root.exists()


def test_few_projects_and_none(stock: Stock) -> None:
    """`--top` says how many projects are named, and many platforms are summed up."""
    for number in range(9):
        stock.wheel("many", f"{number}.0", tag=f"cp3{number}-cp3{number}-linux_m{number}")

    assert "Projects (1 of 3)" in run(stock, "stats", "--top", "1").out
    page = run(stock, "stats", "--top", "0").out
    assert "Projects" not in page
    assert "5 others" in page


def test_bars_go_from_the_largest_down(stock: Stock) -> None:
    """Pythons and platforms stand in the order of the bars beside them, not of how many there are."""
    stock.store(f"{FILES}/big-1.0-cp39-cp39-win_amd64.whl", big_wheel(stock.scratch))

    lines = run(stock, "stats").out.splitlines()

    start = lines.index(next(line for line in lines if line.startswith("Wheels by Python")))
    assert [line.split()[0] for line in lines[start + 1 : start + 4]] == ["cp39", "py3", "cp311"]


def big_wheel(folder: Path) -> bytes:
    """Make a wheel larger than all others together."""
    return make_wheel(folder, "big", "1.0", tag="cp39-cp39-win_amd64", size=100_000).read_bytes()


def test_the_json_of_stats_keeps_its_contract(stock: Stock) -> None:
    """The key sets are fixed, and the sums are those of the parts."""
    data = run(stock, "stats", "--json").data

    assert data.keys() == {
        "cache_dir", "total", "folders", "sections", "kinds", "projects", "stored", "last_used", "pythons",
        "platforms", "duplicates", "unidentified", "unreadable_folders", "reclaimable", "runs",
    }  # fmt: skip
    assert data["sections"].keys() == {"http-v2", "http", "wheels", "other"}
    assert data["kinds"].keys() == {kind.value for kind in Kind}
    for group in ("sections", "kinds"):
        assert all(tally.keys() == COUNTS for tally in data[group].values())
        assert sum(tally["bytes"] for tally in data[group].values()) == data["total"]["bytes"]
    assert all(project.keys() == {"name", "versions", "entries", "bytes", "last_used"} for project in data["projects"])
    assert {project["name"]: project["versions"] for project in data["projects"]} == {
        "demo": ["1.1", "1.0"],
        "other": ["2.0"],
    }
    assert data["reclaimable"].keys() == {
        "legacy", "orphans", "broken", "expired", "yanked", "superseded", "total",
    }  # fmt: skip
    assert data["runs"].keys() == {
        "count", "hits", "stale", "misses", "uncacheable", "local", "hit_rate", "bytes_downloaded", "first", "last",
    }  # fmt: skip


def test_a_target_tells_of_other_pythons(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """Without --cache-dir the target's pip is asked where its cache is, and what it can use is known."""
    publish(index, tmp_path / "files")
    program = Program(modern_pip, index, cache_dir)
    program.run("prefetch", "lib")

    data = program.run("stats", "--json").data

    assert data["cache_dir"] == str(cache_dir)
    assert data["reclaimable"]["other_pythons"]["entries"] == 0
    assert (data["runs"]["count"], data["runs"]["hit_rate"]) == (1, 0.0)
    assert [row["name"] for row in program.run("list", "lib", "--json").data["entries"]] == ["lib"] * 3


def test_a_list_has_a_row_an_artifact(stock: Stock) -> None:
    """On 80 columns a row says what a wheel is for; where there is room, its file."""
    narrow, wide = run(stock, "list"), run(stock, "list", width=None)

    assert narrow.out.splitlines()[0].split() == ["name", "version", "kind", "size", "last", "used", "for"]
    assert len(narrow.out.splitlines()) == 1 + 6
    assert max(map(len, narrow.out.splitlines())) <= 80
    assert "cp311 Linux x86_64" in narrow.out
    assert "demo-1.1-cp311-cp311-manylinux_2_17_x86_64.whl" in wide.out
    assert narrow.err.startswith("6 entries, ")


def test_the_json_of_list_keeps_its_contract(stock: Stock) -> None:
    """Each row has the fixed keys; `--format json` is `--json`; the path is that of the body."""
    rows = run(stock, "list", "--json").data["entries"]

    assert run(stock, "list", "--format", "json").data["entries"] == rows
    assert all(row.keys() == ROW | MORE for row in rows)
    wheel = next(row for row in rows if row["kind"] == "wheel")
    with open(wheel["path"], "rb") as file:  # noqa: PTH123 -- the path as a script has it
        assert file.read(2) == b"PK"
    built = next(row for row in rows if row["kind"] == "built_wheel")
    assert built["origin"] == f"{FILES}/other-2.0.tar.gz"


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["demo", "--kind", "wheel"], ["demo 1.0", "demo 1.1"]),
        (["--kind", "sdist", "--kind", "built_wheel"], ["other 2.0", "other 2.0"]),
        (["DEMO==1.0"], ["demo 1.0"]),
        (["other-*.tar.gz"], ["other 2.0"]),
        (["nothing"], []),
    ],
)
def test_patterns_and_kinds(stock: Stock, arguments: list[str], names: list[str]) -> None:
    """What is asked for is listed, and nothing else; nothing found is no failure."""
    answer = run(stock, "list", *arguments, "--json")

    assert answer.code == 0
    assert [f"{row['name']} {row['version']}" for row in answer.data["entries"]] == names


@pytest.mark.parametrize("command", ["stats", "list"])
def test_any_output_will_do(stock: Stock, tmp_path: Path, command: str) -> None:
    """Where the output has but ASCII, what it lacks is written as an escape, a long name is cut and columns agree."""
    stock.wheel("a-project-with-a-very-long-name-indeed-that-goes-on", "1.0")
    root = stock.root.rename(tmp_path / "dépôt")
    environ = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "80"}
    line = [sys.executable, "-m", "wheelwarm", command, "--cache-dir", str(root)]

    done = subprocess.run(line, capture_output=True, text=True, env=environ, check=True)

    assert "a-project-with-a-v" in done.stdout
    assert "\\u2026" not in done.stdout
    assert ("d\\xe9p\\xf4t" in done.stdout) == (command == "stats")


def test_paths_can_be_piped(stock: Stock) -> None:
    """One path a line, as it is; one with a line break would be two, so it is left out and counted."""
    write(stock.root / "http-v2" / "evil\nname")
    write(stock.root / "http-v2" / os.fsdecode(b"\xff.txt"))
    command = [sys.executable, "-m", "wheelwarm", "list", "--kind", "other", "--format", "paths"]

    done = subprocess.run([*command, "--cache-dir", str(stock.root)], capture_output=True, check=True)

    assert os.fsencode(stock.root) + b"/http-v2/\xff.txt" in done.stdout.splitlines()
    assert b"evil" not in done.stdout
    assert b"1 path with a line break" in done.stderr
    paths = run(stock, "list", "demo", "--format", "paths", "--kind", "wheel").out.split()
    assert [path.endswith(".body") for path in paths] == [True, True]


def test_a_reader_that_has_seen_enough_is_no_error(stock: Stock) -> None:
    """`wheelwarm list | head` ends quietly."""
    for number in range(30):
        stock.built("many", f"{number}.0")
    command = f"{sys.executable} -m wheelwarm list --cache-dir {stock.root} | head -n 1"

    done = subprocess.run(command, shell=True, capture_output=True, check=True)

    assert done.stderr.decode().replace("36 entries", "").count("rror") == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize(
    "arguments",
    [
        *(["stats"], ["stats", "--json"], ["list"], ["list", "--format", "paths"]),
        *(["remove", "nothing", "--yes", "--json"], ["prune", "--keep", "nowhere.txt", "--dry-run", "--json"]),
    ],
)
def test_an_answer_without_a_place_is_an_error(stock: Stock, arguments: list[str]) -> None:
    """Where the output cannot be written, as on a full disk, that is one sentence and exit code 3."""
    command = [sys.executable, "-m", "wheelwarm", *arguments, "--cache-dir", str(stock.root)]

    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert done.returncode == 3
    assert done.stderr.splitlines()[0] == "error: Standard output cannot be written: No space left on device."
    assert "Traceback" not in done.stderr


def test_what_is_said_of_an_answer_comes_after_it(stock: Stock) -> None:
    """Where both go to one log, as on a build server, the count stands below the rows that it counts."""
    command = [sys.executable, "-m", "wheelwarm", "list", "--cache-dir", str(stock.root)]

    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)

    assert done.stdout.splitlines()[-1].startswith("6 entries, ")


@pytest.mark.parametrize("command", ["stats", "list", "list --json", "list --format paths"])
def test_an_answer_that_nobody_wants_is_no_error(stock: Stock, command: str) -> None:
    """With standard output closed a command does its work and says nothing."""
    line = f"{sys.executable} -m wheelwarm {command} --cache-dir {stock.root} >&-"

    done = subprocess.run(line, shell=True, stderr=subprocess.PIPE, text=True, check=False)

    assert (done.returncode, "Traceback" in done.stderr) == (0, False)


def in_terminal(arguments: list[str], typed: bytes) -> tuple[int, bytes]:
    """Run wheelwarm with a terminal for all its streams, type when it asks, and return exit code and screen.

    Python's readline may miss a Ctrl-C that comes right after the question: as a person would, this types it again.
    """
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover -- another program
        os.execv(sys.executable, [sys.executable, "-m", "wheelwarm", *arguments])
    screen, part, has_typed = b"", b"", False
    try:
        while True:
            is_still = not select.select([terminal], [], [], 5)[0]
            if not is_still and not (part := os.read(terminal, 1 << 16)):
                break
            screen += b"" if is_still else part
            if b"[y/N]" in screen and (is_still or not has_typed):
                os.write(terminal, typed)
                has_typed = True
    except OSError:  # the other end is closed
        pass
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), screen


@pytest.mark.parametrize(
    ("typed", "code", "left"), [(b"y\n", 0, 0), (b"n\n", 1, 4), (b"\n", 1, 4), (b"\4", 1, 4), (b"\3", 130, 4)]
)
def test_remove_asks_on_a_terminal(stock: Stock, typed: bytes, code: int, left: int) -> None:
    """The plan is shown and a person asked; anything but yes removes nothing, which is exit code 1, Ctrl-C 130."""
    arguments = ["remove", "demo", "--cache-dir", str(stock.root)]

    found, screen = in_terminal(arguments, typed)

    assert found == code
    assert b"4 entries (8 files) to remove" in screen
    assert b"Remove 8 files?" in screen
    assert len(run(stock, "list", "demo", "--json").data["entries"]) == left


def test_json_asks_nothing(stock: Stock) -> None:
    """A plan that is printed at the end alone cannot be agreed to: --json needs --yes or --dry-run, even there."""
    before = files(stock.root)
    for command in (["remove", "demo"], ["prune", "--older-than", "0s"]):
        found, screen = in_terminal([*command, "--json", "--cache-dir", str(stock.root)], b"y\n")
        assert (found, files(stock.root)) == (2, before)
        assert b"--dry-run" in screen


def test_remove_without_a_terminal_needs_yes(stock: Stock) -> None:
    """A script that forgets --yes gets a usage error, and nothing is removed."""
    before = files(stock.root)

    answer = run(stock, "remove", "demo", stdin="y\n")

    assert (answer.code, answer.out) == (2, "")
    assert "--yes" in answer.err
    assert files(stock.root) == before


def test_remove_takes_just_what_matches(stock: Stock) -> None:
    """All of a project goes, of every kind; the rest stays byte for byte."""
    others = {path for path in files(stock.root) if path.startswith("wheels/")}

    answer = run(stock, "remove", "Demo", "--yes")

    assert answer.code == 0
    assert "4 entries (8 files) removed" in answer.out
    assert {row["name"] for row in run(stock, "list", "--json").data["entries"]} == {"other"}
    assert others <= files(stock.root)


def test_the_json_of_remove_keeps_its_contract(stock: Stock) -> None:
    """What was planned and what has gone are told in the same words."""
    amounts = {"entries", "files", "bytes"}

    dry = run(stock, "remove", "other", "--dry-run", "--json")
    done = run(stock, "remove", "other", "--yes", "--json")

    for answer in (dry, done):
        assert (answer.code, answer.envelope["status"]) == (0, "ok")
        assert answer.data.keys() == {"cache_dir", "planned", "removed", "dry_run", "entries"}
        assert answer.data["planned"].keys() == answer.data["removed"].keys() == amounts
        assert all(row.keys() == ROW | MORE for row in answer.data["entries"])
    assert (dry.data["dry_run"], dry.data["removed"]["files"]) == (True, 0)
    assert done.data["removed"] == done.data["planned"] == dry.data["planned"]
    assert done.data["planned"]["files"] == 2 + 2


def test_nothing_that_matches_is_a_no(stock: Stock) -> None:
    """Exit code 1, a sentence for people, status partial for programs."""
    people, programs = run(stock, "remove", "nothing", "--yes"), run(stock, "remove", "nothing", "--yes", "--json")

    assert (people.code, people.out) == (1, "")
    assert "Nothing in the cache matches" in people.err
    assert (programs.code, programs.envelope["status"], programs.data["planned"]["files"]) == (1, "partial", 0)


@pytest.mark.parametrize("command", ["remove", "list"])
@pytest.mark.parametrize("pattern", ["", " ", "=="])
def test_an_empty_pattern_is_a_usage_error(stock: Stock, command: str, pattern: str) -> None:
    """Never everything by accident, as when a shell variable is empty."""
    before = files(stock.root)

    answer = run(stock, command, pattern, *(["--yes"] if command == "remove" else []))

    assert answer.code == 2
    assert files(stock.root) == before


@pytest.mark.parametrize("arguments", [["stats"], ["list", "demo"], ["remove", "demo", "--yes"]])
def test_what_was_not_seen_is_told(stock: Stock, arguments: list[str]) -> None:
    """A folder that cannot be looked into is named on standard error, so that nobody takes the rest for all."""
    here = os.getcwd()  # noqa: PTH109 -- the test stands where no path leads
    os.chdir(stock.root / "http-v2")
    try:
        for _ in range(30):
            os.mkdir("d" * 200)  # noqa: PTH102 -- as above
            os.chdir("d" * 200)
    finally:
        os.chdir(here)

    answer = run(stock, *arguments)

    assert answer.code == 0
    assert answer.err.count("warning: the folder http-v2/ddd") == 1
    shutil.rmtree(stock.root)


@pytest.mark.parametrize("command", [["stats"], ["list"], ["remove", "demo", "--yes"], ["prune", "--legacy", "--yes"]])
def test_an_empty_directory_is_a_usage_error(command: list[str]) -> None:
    """Never the current directory by accident, as when a shell variable is empty."""
    result = CliRunner().invoke(app, [*command, "--cache-dir", ""])

    assert (result.exit_code, result.stdout) == (2, "")
    assert "empty name" in result.stderr


@pytest.mark.parametrize("command", [["stats"], ["list"], ["verify"]])
def test_a_directory_that_is_not_there_is_said(tmp_path: Path, command: list[str]) -> None:
    """A cache that is to come is empty, and so is one whose name was misspelt: the answer comes with a warning."""
    result = CliRunner().invoke(app, [*command, "--cache-dir", str(tmp_path / "cahce")])

    assert result.exit_code == 0
    assert "0 entries" in result.output
    assert f"warning: There is no cache directory {tmp_path / 'cahce'}.\n" in result.stderr
    assert not any(tmp_path.iterdir())


def test_versions_that_cannot_be_read_are_a_usage_error(stock: Stock) -> None:
    """What a pattern says of versions is checked before anything is looked at."""
    answer = run(stock, "list", "demo>=x")

    assert (answer.code, answer.out) == (2, "")
    assert "names no versions" in answer.err
    assert run(stock, "list", "demo>1", "--kind", "wheel", "--json").data["entries"][0]["version"] == "1.1"


def test_a_file_in_the_cache_s_place(tmp_path: Path) -> None:
    """A cache directory that is none is an error with a hint, in JSON too."""
    stock = Stock(write(tmp_path / "file"), tmp_path)

    people, programs = run(stock, "stats"), run(stock, "list", "--json")

    assert (people.code, people.out) == (3, "")
    assert "hint: " in people.err
    assert (programs.code, programs.envelope["errors"][0]["code"]) == (3, "cache")


HOSTILE = ["\x1b]0;title\x07", "\u202egnp", os.fsdecode(b"\xff\xfe"), "[red]markup[/red]", "two\nlines", "\x9b31m"]


def test_hostile_names_are_escaped(stock: Stock) -> None:
    """Control sequences in file names, of strangers and of built wheels, reach no terminal, and JSON names them."""
    for name in HOSTILE:
        write(stock.root / "http-v2" / name)
        write(stock.root / "selfcheck" / name / "x")
    folder = stock.built("evil", "1.0").parent
    write(folder / f"evil-1.0-py3-none-{HOSTILE[0]}.whl", b"x" * 10**6)

    for arguments in (["stats"], ["list"], ["list", "--kind", "other"], ["remove", "evil", "--yes"]):
        for width in (80, None):
            answer = run(stock, *arguments, width=width)
            for text in (answer.out, answer.err):
                assert all(one.isprintable() for line in text.split("\n") for one in line), arguments

    names = {row["path"].rpartition("http-v2/")[2] for row in run(stock, "stats", "--json").data["unidentified"]}
    assert names >= set(HOSTILE)


def test_everything_strange_is_counted(stock: Stock) -> None:
    """Whatever stands anywhere below the cache, stats and list end well, and name it in JSON."""
    for place in PLACES:
        write(stock.root / place, b"garbage")
    os.mkfifo(stock.root / "http-v2" / "pipe")
    (stock.root / "http-v2" / "link").symlink_to("/")
    (stock.root / "wheels" / "loop").symlink_to(".")

    data = run(stock, "stats", "--json").data

    states = {row["state"] for row in data["unidentified"]}
    assert states >= {"unreadable", "metadata without body", "body without metadata", "temporary", "foreign"}
    listed: list[dict[str, Any]] = run(stock, "list", "--kind", "other", "--json").data["entries"]
    assert len(listed) == data["kinds"]["other"]["entries"]
    json.dumps(listed)


def test_stats_writes_a_page(stock: Stock, tmp_path: Path) -> None:
    """With --html the page goes to the file, and standard output stays empty unless JSON is asked for too."""
    page = tmp_path / "page.html"

    answer = run(stock, "stats", "--html", str(page))
    both = run(stock, "stats", "--html", str(page), "--json")

    assert (answer.code, answer.out) == (0, "")
    assert "page.html written" in answer.err
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert json.loads(both.out)["command"] == "stats"
