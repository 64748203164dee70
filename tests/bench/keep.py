"""How long it takes to keep a cache in order.

`wheelwarm verify` against `sha256sum` of the same files; `wheelwarm prune` of two thirds of a cache against `find`
that deletes the same files and the folders that are empty then, and against `pip cache purge` of a cache that holds no
others.
"""

from __future__ import annotations

import base64
import hashlib
import os
import random
import shutil
import time
from typing import TYPE_CHECKING

from tests.bench.harness import Bench, Command, Goal, Measured, measure
from tests.bench.synthetic import cache_of
from tests.helpers.artifacts import make_wheel
from tests.helpers.stocks import Stock
from wheelwarm.ledger.ledger import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bench.harness import Setting

SHA256SUM, AUTHENTIC, READABLE, QUICK = "sha256sum", "verify, authentic", "verify, readable", "verify --quick"
PRUNE, FIND, PURGE = "prune --older-than 30d", "find -mtime +30 -delete", "pip cache purge"

_OLD_DAYS = 40
_HALF = 3 << 20
"""Bytes of each of a wheel's two large files: 164 wheels are 1 GB."""


def bench(setting: Setting) -> Bench:
    """Measure looks at large wheels (all, with stated hashes and without; quick), and the removal of old entries."""
    verified, pruned = _verify(setting), _prune(setting)
    goals = [
        Goal(name="verify / sha256sum", measured=verified.ratio(AUTHENTIC, SHA256SUM), limit=1.5),
        Goal(
            name="verify: peak MB",
            measured=max(verified.median(name, "peak") for name in (AUTHENTIC, READABLE)) / 1e6,
            limit=150,
        ),
        Goal(name="prune / find -delete", measured=pruned.ratio(PRUNE, FIND), limit=2.5),
        Goal(name="prune / pip cache purge of as many", measured=pruned.ratio(PRUNE, PURGE), limit=1),
    ]
    headings = (f"{setting.wheels} large wheels", f"two thirds of {setting.entries:,} entries")
    return Bench(name="keep", measured=dict(zip(headings, (verified, pruned), strict=True)), goals=goals)


def _prune(setting: Setting) -> Measured:
    whole = cache_of(setting.folder, setting.entries)
    copy = whole.with_name("pruned")
    sections = " ".join(f"{copy}/{name}" for name in ("http-v2", "wheels"))
    prune = setting.wheelwarm_command("prune", "--older-than", "30d", "--yes", "--cache-dir", str(copy))
    commands = [
        Command(
            name=FIND,
            argv=["sh", "-c", f"find {sections} -mindepth 1 -mtime +30 -delete"],
            prepare=lambda: _age(_copied(whole, copy)),
        ),
        Command(name=PRUNE, argv=prune, prepare=lambda: _age(_copied(whole, copy))),
        Command(
            name=PURGE,
            argv=setting.pip_command("cache", "purge", "--cache-dir", str(copy)),
            prepare=lambda: _drop_the_young(_copied(whole, copy)),
        ),
    ]
    try:
        return measure(commands, rounds=setting.rounds, home=setting.pip.home)
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def _copied(whole: Path, copy: Path) -> Path:
    """Make the copy anew, without a ledger: nobody has looked at it yet."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(whole, copy, ignore=shutil.ignore_patterns(FOLDER), symlinks=True)
    return copy


def _age(cache_dir: Path) -> None:
    """Let two thirds of the entries, both halves of each, be of forty days ago, and the others of now."""
    now = time.time()
    for path, is_old in _dealt(cache_dir):
        then = now - is_old * _OLD_DAYS * 86_400
        os.utime(path, (then, then))
    for folder, _, _ in os.walk(cache_dir, topdown=False):
        # As old as the youngest in it: nothing has been written there since.
        then = max((entry.stat().st_mtime for entry in os.scandir(folder)), default=now)
        os.utime(folder, (then, then))


def _drop_the_young(cache_dir: Path) -> None:
    """Leave the two thirds that would be old."""
    for path, is_old in _dealt(cache_dir):
        if not is_old:
            path.unlink()


def _dealt(cache_dir: Path) -> Iterator[tuple[Path, bool]]:
    """Return the files of pip's sections, and whether each is among the old; what belongs together has one lot."""
    entries: dict[str, bool] = {}
    for section in ("http-v2", "wheels"):
        for path in sorted((cache_dir / section).rglob("*")):
            if path.is_file():
                entry = str(path.parent if section == "wheels" else path.with_suffix(""))
                yield path, entries.setdefault(entry, len(entries) % 3 != 0)


def _verify(setting: Setting) -> Measured:
    stated = _cache_of(setting.folder, setting.wheels)
    alone = stated.with_name("no-pages")
    bodies = f"find {stated}/http-v2 -name '*.body' -size +64k -print0"
    commands = [
        Command(name=SHA256SUM, argv=["sh", "-c", f"{bodies} | xargs -0 -n 4 -P {os.cpu_count()} sha256sum"]),
        Command(name=AUTHENTIC, argv=_command(setting, stated), prepare=lambda: _forget(stated)),
        Command(name=QUICK, argv=[*_command(setting, stated), "--quick"]),
        Command(name=READABLE, argv=_command(setting, alone), prepare=lambda: _forget(alone)),
    ]
    return measure(commands, rounds=setting.rounds, home=setting.pip.home)


def _command(setting: Setting, cache_dir: Path) -> list[str]:
    return setting.wheelwarm_command("verify", "--cache-dir", str(cache_dir))


def _forget(cache_dir: Path) -> None:
    """Take the ledger away, so that the next look is a first one."""
    shutil.rmtree(cache_dir / FOLDER, ignore_errors=True)


def _cache_of(folder: Path, wheels: int) -> Path:
    """Return a cache of large wheels with their index pages, and beside it one without these; made once."""
    home = folder / f"large-wheels-{wheels}"
    if not (home / "made").exists():
        shutil.rmtree(home, ignore_errors=True)
        (home / "scratch").mkdir(parents=True)
        stated, alone = (Stock(home / name, home / "scratch") for name in ("pages", "no-pages"))
        for number in range(wheels):
            _store(stated, alone, f"large-{number}")
        (home / "made").touch()
    return home / "pages"


def _store(stated: Stock, alone: Stock, project: str) -> None:
    """Store a wheel of which half is as text, for which inflating takes its time, and half cannot be compressed."""
    text = base64.b64encode(random.Random(project).randbytes(_HALF))
    wheel = make_wheel(stated.scratch, project, "1.0", size=_HALF, files={f"{project}/text": text})
    body = wheel.read_bytes()
    for stock in (stated, alone):
        stock.store(f"https://files.example/packages/{wheel.name}", body)
    digest = hashlib.sha256(body).hexdigest()
    stated.page(project, wheel.name, more={"hashes": {"sha256": digest}})
    wheel.unlink()
