"""The ledger keeps what it is told over real SQLite files, and whatever happens to them is a warning at most."""

from __future__ import annotations

import math
import os
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wheelwarm.cache.format import key
from wheelwarm.entry_facts import Contents, Problem, Source
from wheelwarm.ledger import ledger as ledger_module
from wheelwarm.ledger.ledger import Ledger
from wheelwarm.ledger.rows import dump, load
from wheelwarm.model import Artifact, Kind, Reason, Resolution, Run, Summary

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
HASHES = st.dictionaries(st.sampled_from(["sha256", "md5"]), st.from_regex("[0-9a-f]{1,8}", fullmatch=True))
ARTIFACTS = st.builds(
    Artifact,
    name=TEXT,
    version=TEXT,
    filename=TEXT,
    kind=st.sampled_from(Kind),
    url=TEXT,
    hashes=HASHES,
    size=st.none() | st.integers(0, 2**40),
    link_hash=st.none() | st.tuples(TEXT, TEXT),
    subdirectory=st.none() | TEXT,
    direct=st.booleans(),
)
MANY = st.lists(ARTIFACTS, max_size=3).map(tuple)
URLS = st.lists(TEXT, max_size=3).map(tuple)
RESOLUTIONS = st.builds(
    Resolution,
    artifacts=MANY,
    supporting=MANY,
    asked=URLS,
    build_requests=URLS,
    made=st.floats(0, 2**33),
    source=st.just("pip"),
)
SOME = Resolution(artifacts=(), asked=("https://example.org/simple/demo/",), made=1.0)

# Writes a resolution a hundred times while others do the same.
WRITER = """
import sys
from pathlib import Path
from wheelwarm.ledger.ledger import Ledger
from wheelwarm.model import Resolution
for number in range(20):
    with Ledger(Path(sys.argv[1])) as ledger:
        ledger.remember(f"{sys.argv[2]} {number}", "target", Resolution(artifacts=(), made=float(number)))
        ledger.note_refusal("https://example.org/x", "no-store")
    print(*ledger.warnings)
"""
# Holds the write lock until its standard input ends.
LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for locks but a moment."""
    monkeypatch.setattr(ledger_module, "BUSY_SECONDS", 0.05)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(RESOLUTIONS)
def test_resolutions_come_back(resolution: Resolution) -> None:
    """What is remembered is recalled after closing, but for who resolved it."""
    with tempfile.TemporaryDirectory() as folder:
        with Ledger(Path(folder)) as ledger:
            ledger.remember("input", "target", resolution)
        with Ledger(Path(folder)) as again:
            recalled = again.recall("input", "target")

    assert recalled == replace(resolution, source="ledger")
    assert ledger.warnings == again.warnings == []


@given(ARTIFACTS)
def test_artifacts_come_back(artifact: Artifact) -> None:
    """Reading what was written for an artifact gives the same artifact."""
    assert load(dump(artifact)) == artifact


def test_the_last_resolution_of_an_input_and_target_counts(cache_dir: Path) -> None:
    """A second resolution takes the place of the first; other inputs and other targets have their own."""
    with Ledger(cache_dir) as ledger:
        ledger.remember("one", "target", SOME)
        ledger.remember("one", "target", replace(SOME, made=3.0))
        ledger.remember("two", "target", replace(SOME, made=2.0))
        ledger.remember("one", "elsewhere", replace(SOME, made=9.0))

        recalled = ledger.recall("one", "target")
        assert recalled is not None
        assert recalled.made == 3.0
        assert [one.made for one in ledger.recall_all("target")] == [3.0, 2.0]
        assert ledger.recall("three", "target") is None


def test_refusals_are_kept_and_forgotten(cache_dir: Path) -> None:
    """The server's word on storing is there until it says otherwise."""
    with Ledger(cache_dir) as ledger:
        ledger.note_refusal("https://example.org/x", Reason.NO_STORE)
    with Ledger(cache_dir) as ledger:
        assert ledger.refusal_of("https://example.org/x") == Reason.NO_STORE
        ledger.note_refusal("https://example.org/x", None)
        assert ledger.refusal_of("https://example.org/x") is None


def test_digests_are_of_the_same_file(cache_dir: Path) -> None:
    """A digest is given again while size, time and inode are the same, in this run and in the next."""
    body = cache_dir / "body"
    with Ledger(cache_dir) as ledger:
        body.write_bytes(b"content")
        ledger.learn_digest(body, body.stat(), "abc")
        assert ledger.digest_of(body, body.stat()) == "abc"
    with Ledger(cache_dir) as ledger:
        assert ledger.digest_of(body, body.stat()) == "abc"
        assert ledger.digest_of(cache_dir / "other", body.stat()) is None


@pytest.mark.parametrize("change", ["size", "time", "inode"])
def test_digests_are_not_of_a_changed_file(cache_dir: Path, change: str) -> None:
    """A file of another size, time or inode is not the one whose digest was computed."""
    body = cache_dir / "body"
    with Ledger(cache_dir) as ledger:
        body.write_bytes(b"content")
        os.utime(body, ns=(10**18, 10**18))
        ledger.learn_digest(body, body.stat(), "abc")
    if change == "size":
        body.write_bytes(b"contents")
        os.utime(body, ns=(10**18, 10**18))
    elif change == "time":
        os.utime(body, ns=(10**18, 10**18 + 1000))
    else:
        (cache_dir / "new").write_bytes(b"CONTENT")
        os.utime(cache_dir / "new", ns=(10**18, 10**18))
        (cache_dir / "new").replace(body)
    with Ledger(cache_dir) as ledger:
        assert ledger.digest_of(body, body.stat()) is None


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_corrupt_ledger_is_set_aside(cache_dir: Path, content: bytes) -> None:
    """What is no database is kept under another name, with a warning, and a new ledger serves."""
    path = ledger_of(cache_dir)
    path.write_bytes(content)
    with Ledger(cache_dir) as ledger:
        ledger.remember("input", "target", SOME)
        assert ledger.recall("input", "target") is not None
        assert "set aside" in ledger.warnings[0]
    assert path.with_suffix(".unusable").read_bytes() == content


@pytest.mark.parametrize("reads", [True, False])
def test_a_ledger_damaged_further_inside_is_set_aside(cache_dir: Path, reads: bool) -> None:
    """Pages spoilt behind a sound first one are found when they are read or written: one warning, and a new ledger."""
    with Ledger(cache_dir) as ledger:
        for number in range(200):
            ledger.note_refusal(f"https://example.org/{number}", "no-store")
    content = bytearray(ledger.path.read_bytes())
    content[4096:] = b"\xab" * len(content[4096:])
    ledger.path.write_bytes(content)

    with Ledger(cache_dir) as damaged:
        assert not reads or damaged.refusal_of("https://example.org/1") is None
        damaged.note_refusal("https://example.org/2", "no-store")
        damaged.note_refusal("https://example.org/3", "no-store")
        assert ["set aside" in warning for warning in damaged.warnings] == [True]
    with Ledger(cache_dir) as again:
        assert again.refusal_of("https://example.org/3") == "no-store"
        assert again.warnings == []


def test_an_empty_file_becomes_a_ledger(cache_dir: Path) -> None:
    """A file that another process has just made, or a crash has left, is filled without a word."""
    ledger_of(cache_dir).touch()
    with Ledger(cache_dir) as ledger:
        ledger.remember("input", "target", SOME)
        assert ledger.recall("input", "target") is not None
    assert ledger.warnings == []


def test_a_newer_ledger_is_set_aside(cache_dir: Path) -> None:
    """A schema of a later wheelwarm is not touched but set aside whole."""
    with sqlite3.connect(ledger_of(cache_dir)) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with Ledger(cache_dir) as ledger:
        assert ledger.recall("input", "target") is None
        assert "version 99" in ledger.warnings[0]
    aside = ledger_of(cache_dir).with_suffix(".unusable")
    with sqlite3.connect(aside) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (99,)
    connection.close()


def test_a_ledger_that_cannot_be_set_aside(cache_dir: Path) -> None:
    """Where even that fails, there is a warning and no memory."""
    path = ledger_of(cache_dir)
    path.write_bytes(b"nonsense" * 1000)
    path.with_suffix(".unusable").mkdir()
    (path.with_suffix(".unusable") / "full").touch()
    with Ledger(cache_dir) as ledger:
        ledger.remember("input", "target", SOME)
        assert ledger.recall("input", "target") is None
        assert len(ledger.warnings) == 1


def test_a_damaged_table_is_a_warning(cache_dir: Path) -> None:
    """A database without our tables gives warnings for reading and writing, and no exception."""
    with sqlite3.connect(ledger_of(cache_dir)) as connection:
        connection.execute(f"PRAGMA user_version = {ledger_module.SCHEMA_VERSION}")
    connection.close()
    with Ledger(cache_dir) as ledger:
        ledger.remember("input", "target", SOME)
        assert ledger.recall("input", "target") is None
        assert ["written" in warning for warning in ledger.warnings] == [True, False]


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"artifacts": [{}]}', '{"artifacts": 1}'])
def test_an_unreadable_memory_is_a_warning(cache_dir: Path, content: str) -> None:
    """A row that holds something else is passed over."""
    with Ledger(cache_dir) as ledger:
        ledger.remember("input", "target", SOME)
    with sqlite3.connect(ledger_of(cache_dir)) as connection:
        connection.execute("UPDATE resolution SET content = ?", (content,))
    connection.close()
    with Ledger(cache_dir) as ledger:
        assert ledger.recall("input", "target") is None
        assert ledger.recall_all("target") == []
        assert len(ledger.warnings) == 2


@pytest.mark.usefixtures("impatient")
def test_a_ledger_locked_by_another_process_is_a_warning(cache_dir: Path) -> None:
    """While another process holds the lock nothing is kept, nothing raised, and the file stays where it is."""
    with Ledger(cache_dir) as ledger:
        ledger.remember("input", "target", SOME)
        body = cache_dir / "body"
        body.touch()
        ledger.learn_digest(body, body.stat(), "abc")
        with subprocess.Popen(
            [sys.executable, "-c", LOCKER, str(ledger.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as locker:
            assert locker.stdout is not None
            assert locker.stdout.readline() == b"locked\n"
            with Ledger(cache_dir) as other:
                assert other.recall("input", "target") is None
            assert ledger.recall("input", "target") is None
            ledger.close()
            locker.communicate()

    assert "locked" in other.warnings[0]
    assert all("locked" in warning for warning in ledger.warnings)
    with Ledger(cache_dir) as again:
        assert again.recall("input", "target") is not None


def test_a_folder_that_cannot_be_made_is_a_warning(tmp_path: Path) -> None:
    """A cache directory that is a file, as one that may not be written, leaves a ledger without memory."""
    (tmp_path / "cache").touch()
    with Ledger(tmp_path / "cache") as ledger:
        ledger.remember("input", "target", SOME)
        ledger.note_refusal("https://example.org/x", None)
        assert ledger.recall("input", "target") is None
    assert len(ledger.warnings) == 1


@pytest.mark.parametrize("link", ["", ledger_module.FILE])
def test_no_link_is_followed(tmp_path: Path, link: str) -> None:
    """A link in the place of the folder or the file leads to no ledger elsewhere, and is a warning."""
    outside = tmp_path / "outside"
    outside.mkdir()
    place = tmp_path / "cache" / ledger_module.FOLDER / link
    place.parent.mkdir(parents=True)
    place.symlink_to(outside / link)
    with Ledger(tmp_path / "cache") as ledger:
        ledger.remember("input", "target", SOME)
    assert "symbolic link" in ledger.warnings[0]
    assert list(outside.iterdir()) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_a_warning(cache_dir: Path) -> None:
    """Where the folder may not be written to, nothing is kept and nothing raised."""
    folder = ledger_of(cache_dir).parent
    folder.chmod(0o500)
    try:
        with Ledger(cache_dir) as ledger:
            ledger.remember("input", "target", SOME)
        assert len(ledger.warnings) == 1
    finally:
        folder.chmod(0o700)


def test_a_full_disk_is_a_warning(cache_dir: Path) -> None:
    """A disk without room for a row keeps the ledger as it was; a page limit stands for the disk."""
    with Ledger(cache_dir) as ledger:
        ledger.remember("input", "target", SOME)
        assert ledger._connection is not None
        ledger._connection.execute("PRAGMA max_page_count = 1")
        ledger.remember("large", "target", replace(SOME, asked=("x" * 1_000_000,)))
        assert "full" in ledger.warnings[0]
        assert ledger.recall("input", "target") is not None
        ledger.note_refusal("https://example.org/x", "no-store")
        assert ledger.refusal_of("https://example.org/x") == "no-store"


def test_several_processes_write_at_once(cache_dir: Path) -> None:
    """Processes that open the ledger at the same moment, the first among them making it, all keep their rows."""
    with_package = {**os.environ, "PYTHONPATH": str(Path(ledger_module.__file__).parents[2])}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(cache_dir), name], stdout=subprocess.PIPE, text=True, env=with_package
        )
        for name in "abcd"
    ]
    assert [writer.communicate()[0].strip() for writer in writers] == [""] * 4
    assert [writer.returncode for writer in writers] == [0] * 4
    with Ledger(cache_dir) as ledger:
        assert len(ledger.recall_all("target")) == 4 * 20


def ledger_of(cache_dir: Path) -> Path:
    """Make the ledger's folder and return the ledger's path."""
    path = cache_dir / ledger_module.FOLDER / ledger_module.FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


CONTENTS = st.builds(
    Contents,
    kind=st.sampled_from(Kind),
    name=st.none() | TEXT,
    version=st.none() | TEXT,
    filename=st.none() | TEXT,
    tags=st.lists(st.sampled_from(["py3-none-any", "cp311-cp311-linux_x86_64"]), max_size=2, unique=True).map(tuple),
    requires_python=st.none() | TEXT,
    sha256=st.none() | TEXT,
    yanked=st.booleans(),
    source=st.none() | st.sampled_from(Source),
    problem=st.none() | st.sampled_from(Problem),
    expires=st.none() | st.floats(0, 2**33) | st.just(math.inf),
    validator=st.booleans(),
    origin=st.none() | TEXT,
)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(st.dictionaries(TEXT, st.tuples(TEXT, CONTENTS), max_size=4))
def test_contents_come_back(learnt: dict[str, tuple[str, Contents]]) -> None:
    """What entries are is remembered with their marks, until they are gone."""
    with tempfile.TemporaryDirectory() as folder:
        with Ledger(Path(folder)) as ledger:
            ledger.learn_contents((path, mark, what) for path, (mark, what) in learnt.items())
        with Ledger(Path(folder)) as again:
            assert again.contents() == learnt
            again.learn_contents((), gone=list(learnt)[:1])
            assert again.contents().keys() == set(list(learnt)[1:])
    assert ledger.warnings == again.warnings == []


def test_half_characters_are_left_out(cache_dir: Path) -> None:
    """What SQLite cannot hold is passed over, and the rest is kept."""
    half = Artifact(name="\ud800", version="", filename="", kind=Kind.WHEEL, url="https://example.org/x")
    with Ledger(cache_dir) as ledger:
        ledger.learn_contents([("half", "1", Contents(name="\ud800")), ("whole", "2", Contents(name="demo"))])
        ledger.learn_urls([half, replace(half, name="demo"), replace(half, url="file:///x")])
        assert ledger.contents().keys() == {"whole"}
        assert [one.name for one in ledger.urls().values()] == ["demo"]
    assert ledger.warnings == []


def test_urls_are_kept_by_their_keys(cache_dir: Path) -> None:
    """A URL is found by the key that pip's cache has for it, its credentials dropped, its hash kept."""
    url = "https://user:secret@Example.org/a/../demo-1.0.tar.gz#sha256=00"
    demo = Artifact(
        name="Demo", version="1.0", filename="demo-1.0.tar.gz", kind=Kind.SDIST, url=url, hashes={"sha256": "ab"}
    )
    with Ledger(cache_dir) as ledger:
        ledger.learn_urls([demo])
        (known,) = ledger.urls().items()
    stripped = "https://example.org/demo-1.0.tar.gz"
    assert known == (key(stripped), replace(demo, name="demo", url=stripped))


def test_runs_come_back_in_their_order(cache_dir: Path) -> None:
    """Every run is kept, the oldest first."""
    run = Run(started=1.0, target="t", found=Summary(1, 2, 3, 4, 5), bytes_downloaded=6, seconds=7.5)
    runs = [run, run._replace(started=2.0)]
    with Ledger(cache_dir) as ledger:
        for run in reversed(runs):
            ledger.record_run(run)
        assert ledger.runs() == runs


def test_use_is_forgotten_with_its_entry(cache_dir: Path) -> None:
    """The last time counts, and goes with the entry."""
    with Ledger(cache_dir) as ledger:
        ledger.note_use([cache_dir / "a", cache_dir / "b"], 1.0)
        ledger.note_use([cache_dir / "a"], 2.0)
        assert ledger.uses() == {"a": 2.0, "b": 1.0}
        ledger.learn_contents((), gone=["a"])
        assert ledger.uses() == {"b": 1.0}


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE entry SET kind = 'nonsense'",
        "UPDATE entry SET name = x'00'",
        "UPDATE url SET filename = x'00'",
        "UPDATE entry SET expires = 'never'",
        "UPDATE url SET kind = ''",
        "UPDATE run SET hits = 'many'",
        "UPDATE use SET used = 'often'",
        "UPDATE resolution SET made = 'lately'",
        "DROP TABLE use",
    ],
)
def test_rows_that_hold_something_else_are_a_warning(cache_dir: Path, damage: str) -> None:
    """A damaged row is passed over, with one warning, and is none of the answer."""
    with Ledger(cache_dir) as ledger:
        ledger.learn_contents([("a", "1", Contents())])
        ledger.learn_urls([Artifact(name="a", version="1", filename="a", kind=Kind.WHEEL, url="https://example.org/")])
        ledger.record_run(Run(started=1.0, target="", found=Summary(), bytes_downloaded=0, seconds=0.0))
        ledger.note_use([cache_dir / "a"], 1.0)
        ledger.remember("input", "target", SOME)
    with sqlite3.connect(ledger_of(cache_dir)) as connection:
        connection.execute(damage)
    connection.close()
    with Ledger(cache_dir) as ledger:
        answers = [ledger.contents(), ledger.urls(), ledger.runs(), ledger.uses(), ledger.recall_all("target")]
        assert len(ledger.warnings) == 1
    assert [bool(answer) for answer in answers].count(True) == 4
