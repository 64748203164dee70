"""How long it takes to keep a cache in order: `wheelwarm verify` against `sha256sum` of the same files."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import shutil
from typing import TYPE_CHECKING

from tests.bench.harness import Bench, Command, Goal, Measured, measure
from tests.helpers.artifacts import make_wheel
from tests.helpers.stocks import Stock
from wheelwarm.ledger import FOLDER

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bench.harness import Setting

SHA256SUM, AUTHENTIC, READABLE, QUICK = "sha256sum", "verify, authentic", "verify, readable", "verify --quick"

_HALF = 3 << 20
"""Bytes of each of a wheel's two large files: 164 wheels are 1 GB."""


def bench(setting: Setting) -> Bench:
    """Measure a whole look at large wheels whose hashes are stated, at the same without, and a quick one."""
    measured = _verify(setting)
    goals = [
        Goal(name="verify / sha256sum", measured=measured.ratio(AUTHENTIC, SHA256SUM), limit=1.5),
        Goal(
            name="verify: peak MB",
            measured=max(measured.median(name, "peak") for name in (AUTHENTIC, READABLE)) / 1e6,
            limit=150,
        ),
    ]
    return Bench(name="keep", measured={f"{setting.wheels} large wheels": measured}, goals=goals)


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
