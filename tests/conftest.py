"""The world of every test: no configuration of the machine's, an index on loopback, a cache of its own, real pips."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import signal
from typing import TYPE_CHECKING, Protocol

import hypothesis
import pytest

from tests.helpers.index import NONE, Index, serve_index
from tests.helpers.pips import PIP_MATRIX, PipEnvironment, isolated_environ, pip_environment, pip_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A shell that starts the tests in its background has them ignore Ctrl-C, and every process they start with them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Programs that the tests start are to write as a user's do: without it an answer waits in a buffer.
os.environ.pop("PYTHONUNBUFFERED", None)

# Shared machines stall; a slow example is no failure.
hypothesis.settings.register_profile("wheelwarm", deadline=None)
hypothesis.settings.load_profile("wheelwarm")


class PipOf(Protocol):
    """What `pip_of` gives."""

    def __call__(self, version: str | None) -> PipEnvironment:
        """Return the session's environment with that pip (None: without any)."""


# What takes longest: whole programs (nox, pre-commit), killed processes, installs without network, benches.
SLOW_MODULES = ("test_recipes", "test_hooks", "test_killed", "test_beside_pips", "test_check_offline", "test_bench")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to `make test-slow` what judges an older pip, and what takes longest."""
    for item in items:
        params = getattr(item, "callspec", None)
        version = params.params.get("version", PIP_MATRIX[-1]) if params else PIP_MATRIX[-1]
        by_older_pip = version != PIP_MATRIX[-1] and "pip_of" in getattr(item, "fixturenames", ())
        if by_older_pip or item.path.stem in SLOW_MODULES:
            item.add_marker(pytest.mark.slow)


def pytest_report_header() -> list[str]:
    """Say which Python runs and which pips are at hand: a failure is often one pip's alone."""
    wheels = sorted(path.name.split("-")[1] for path in pip_store().glob("pip-*.whl"))
    return [
        f"wheelwarm: Python {platform.python_version()}, pip {importlib.metadata.version('pip')}",
        f"pips fetched: {', '.join(wheels) or 'none yet'}",
    ]


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Take the machine's configuration away from every test, and give it a home of its own."""
    wanted = isolated_environ(os.environ, home=tmp_path_factory.mktemp("home"))
    for name in set(os.environ) - set(wanted):
        monkeypatch.delenv(name)
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def index() -> Iterator[Index]:
    """Run an empty TLS index with PyPI's headers."""
    with serve_index() as running:
        yield running


@pytest.fixture
def bare_index() -> Iterator[Index]:
    """Run an empty TLS index that sends no caching header at all, as many registries do."""
    with serve_index(profile=NONE) as running:
        yield running


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    """Name a cache directory that nobody has made yet."""
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def pip_of(tmp_path_factory: pytest.TempPathFactory) -> PipOf:
    """Environments by pip version, each made once a session: install with `--target`, never into them."""
    base = tmp_path_factory.mktemp("pips")
    made: dict[str | None, PipEnvironment] = {}

    def environment(version: str | None) -> PipEnvironment:
        if version not in made:
            made[version] = pip_environment(base, version)
        return made[version]

    return environment


@pytest.fixture(scope="session")
def modern_pip(pip_of: PipOf) -> PipEnvironment:
    """Return the newest pip of the matrix."""
    return pip_of(PIP_MATRIX[-1])
