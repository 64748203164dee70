"""An older ledger is brought up to date with what it knew, whatever it holds."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from wheelwarm.cache.format import key
from wheelwarm.entry_facts import Sound
from wheelwarm.ledger import schema as ledger_schema
from wheelwarm.ledger.ledger import FILE, FOLDER, Ledger
from wheelwarm.ledger.rows import dump
from wheelwarm.model import Artifact, Kind, Resolution

if TYPE_CHECKING:
    from pathlib import Path

DEMO = Artifact(
    name="demo",
    version="1.0",
    filename="demo-1.0-py3-none-any.whl",
    kind=Kind.WHEEL,
    url="https://example.org/demo-1.0-py3-none-any.whl",
    hashes={"sha256": "ab"},
)

# The tables of version 1 as it made them.
VERSION_1 = """
CREATE TABLE resolution (
    input TEXT NOT NULL, target TEXT NOT NULL, made REAL NOT NULL, content TEXT NOT NULL, PRIMARY KEY (input, target)
);
CREATE TABLE body (
    path TEXT NOT NULL PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL,
    sha256 TEXT NOT NULL
);
CREATE TABLE refusal (url TEXT NOT NULL PRIMARY KEY, reason TEXT NOT NULL);
PRAGMA user_version = 1;
"""


def version_1(cache_dir: Path, *contents: str) -> Path:
    """Make a ledger of version 1 that remembers resolutions with these contents."""
    path = cache_dir / FOLDER / FILE
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1)
        rows = [(str(number), "target", 1.0, content) for number, content in enumerate(contents)]
        connection.executemany("INSERT INTO resolution VALUES (?, ?, ?, ?)", rows)
        connection.execute("INSERT INTO refusal VALUES ('https://example.org/x', 'no-store')")
        connection.commit()
    return path


def resolution(*artifacts: Artifact) -> str:
    """Return a resolution as version 1 kept it."""
    return json.dumps(
        {"asked": [], "build_requests": [], "artifacts": [dump(one) for one in artifacts], "supporting": []}
    )


def test_what_version_1_knew_is_kept(cache_dir: Path) -> None:
    """Resolutions and refusals stay, and the URLs in them name entries from now on."""
    version_1(cache_dir, resolution(DEMO))
    with Ledger(cache_dir) as ledger:
        assert ledger.recall("0", "target") == Resolution(artifacts=(DEMO,), made=1.0, source="ledger")
        assert ledger.refusal_of("https://example.org/x") == "no-store"
        assert ledger.urls() == {key(DEMO.url): DEMO}
        assert (ledger.contents(), ledger.runs(), ledger.uses()) == ({}, [], {})
    assert ledger.warnings == []


@pytest.mark.parametrize("content", ["{", "[]", "5", '{"artifacts": [{}], "supporting": []}', '{"artifacts": 1}'])
def test_what_cannot_be_read_is_passed_over(cache_dir: Path, content: str) -> None:
    """A damaged memory does not keep the rest from being brought over."""
    odd = Artifact(name="odd", version="", filename="", kind=Kind.SDIST, url="https://no host/")
    local = Artifact(name="local", version="", filename="", kind=Kind.SDIST, url="file:///local-1.tar.gz")
    version_1(cache_dir, content, resolution(odd), resolution(local, DEMO))
    with Ledger(cache_dir) as ledger:
        assert ledger.urls().keys() >= {key(DEMO.url)}
        assert "local" not in {one.name for one in ledger.urls().values()}


def test_a_version_1_without_its_tables(cache_dir: Path) -> None:
    """Tables that are not there have nothing to bring over; the new ones are made."""
    path = version_1(cache_dir)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE resolution")
        connection.commit()
    with Ledger(cache_dir) as ledger:
        ledger.learn_urls([DEMO])
        assert len(ledger.urls()) == 1


def test_a_version_2_gets_what_is_new(cache_dir: Path) -> None:
    """A ledger of version 2 keeps what it holds, and remembers from now on what verify found sound."""
    sound = {"http-v2/x": Sound("1:2:3 4:5:6", "ab" * 32, authentic=True)}
    with Ledger(cache_dir) as ledger:
        ledger.learn_urls([DEMO])
    with closing(sqlite3.connect(cache_dir / FOLDER / FILE)) as connection:
        connection.executescript("DROP TABLE sound; DROP TABLE look; PRAGMA user_version = 2")
        connection.commit()
    with Ledger(cache_dir) as ledger:
        ledger.learn_sound(sound)
        assert (len(ledger.urls()), ledger.sound(), ledger.warnings) == (1, sound, [])
        ledger.learn_sound({}, gone=sound)
        assert ledger.sound() == {}


def test_the_schema_is_made_once(cache_dir: Path) -> None:
    """Two that open a new ledger at the same moment find one schema: the second waits, and makes nothing."""
    (cache_dir / FOLDER).mkdir(parents=True)
    with closing(sqlite3.connect(cache_dir / FOLDER / FILE, isolation_level=None)) as first:
        with closing(sqlite3.connect(cache_dir / FOLDER / FILE, isolation_level=None)) as second:
            ledger_schema.prepare(first)
            ledger_schema.prepare(second)
        tables = {name for (name,) in first.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert first.execute("PRAGMA user_version").fetchone() == (ledger_schema.SCHEMA_VERSION,)
    assert tables == {"resolution", "body", "refusal", "entry", "url", "use", "run", "sound", "look"}
