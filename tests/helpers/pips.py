"""Real pips in real virtual environments, and the environment variables under which a test may run them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.helpers.index import Index

PIP_MATRIX = (
    "22.2",
    "22.3.1",
    "23.2.1",
    "23.3.2",
    "24.3.1",
    "25.0.1",
    "25.2",
    "25.3",
    "26.0.1",
    "26.1.2",
    "26.2.1",
    "26.3",
)
"""The first pip with `--report` to the newest, with both sides of each change that matters to the cache."""

# Taken before any test isolates itself: fetching pip is the one thing that uses the machine's own configuration.
_MACHINE = dict(os.environ)
_FOREIGN_NAMES = frozenset(
    {
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "VIRTUAL_ENV",
        "NO_COLOR",
        "FORCE_COLOR",
        "PYTHONDONTWRITEBYTECODE",  # or each run of a pip would compile it anew: 1 to 2 seconds
        "PYTHONHOME",
        "PYTHONPATH",
        "PYTHONWARNINGS",
    }
)
# tox and others say more where they take themselves to run in CI; what a user sees at home is what our pages show.
_CI_NAMES = frozenset(
    {"BUILDKITE", "BUILD_ID", "CI", "CIRCLECI", "CIRRUS_CI", "CODEBUILD_BUILD_ID", "GITHUB_ACTIONS", "GITLAB_CI"}
    | {"HEROKU_TEST_RUN_ID", "TEAMCITY_VERSION", "TF_BUILD", "TRAVIS"}
)
_TIMEOUT = 300.0


@dataclass(frozen=True, slots=True)
class PipEnvironment:
    """A virtual environment: its interpreter, the version of the pip in it (None: none), a home folder for its runs."""

    python: Path
    version: str | None
    home: Path

    def run(
        self,
        *args: str,
        cache_dir: Path | None,
        index: Index | None = None,
        env: Mapping[str, str] | None = None,
        check: bool = False,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `python -m pip` with `args`, knowing of no index but the given one and of no configuration.

        Without an index the default one is an empty folder, so that nothing reaches the network. `env` has the last
        word. With `check` a failure raises CalledProcessError that carries pip's output as notes.
        """
        process = subprocess.run(
            [self.python, "-m", "pip", *args],
            env={**self.environ(cache_dir=cache_dir, index=index), **(env or {})},
            cwd=cwd,
            check=False,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT,
        )
        if check:
            _raise_for_failure(process)
        return process

    def environ(self, *, cache_dir: Path | None, index: Index | None = None) -> dict[str, str]:
        """Return the environment variables of such a run, for programs that start this pip themselves."""
        variables = isolated_environ(os.environ, home=self.home)
        variables["PIP_INDEX_URL"] = index.simple_url if index else (self.home / "no-index").as_uri()
        if index:
            variables["PIP_CERT"] = str(index.ca_bundle)
        if cache_dir:
            variables["PIP_CACHE_DIR"] = str(cache_dir)
        return variables


def isolated_environ(environ: Mapping[str, str], *, home: Path) -> dict[str, str]:
    """Return `environ` without what would change pip's behaviour or our own, and with `home` as the home folder."""
    kept = {name: value for name, value in environ.items() if not _is_foreign(name)}
    return {
        **kept,
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "COLUMNS": "80",
        "TERM": "dumb",
    }


def machine_environ() -> dict[str, str]:
    """Return the machine's own variables, for what must reach the network by the machine's settings."""
    return dict(_MACHINE)


def pip_environment(base: Path, version: str | None, python: Path | None = None) -> PipEnvironment:
    """Make a virtual environment of `python` below `base`, with that pip or, for None, with none.

    Unless one is named, the Python is the one that runs the tests, or where that pip does not work on it, the newest
    other on which it does: pip 22.2 works on none after 3.11.
    Skips the test when the pip cannot be had, or works on no Python here. Call it once for one base and version.
    """
    wheel = fetch_pip(version) if version else None
    if wheel is None or python:
        return _environment(base, version, wheel, python or Path(sys.executable))
    for one in (Path(sys.executable), *reversed(list(interpreters().values()))):
        environment = _environment(base, version, wheel, one)
        if environment.run("list", cache_dir=None).returncode == 0:
            return environment
    pytest.skip(f"pip {version} works on no Python of this machine")


def _environment(base: Path, version: str | None, wheel: Path | None, python: Path) -> PipEnvironment:
    base.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"pip-{version}-" if version else "no-pip-", dir=base))
    subprocess.run(
        [python, "-m", "venv", "--without-pip", folder],
        env=isolated_environ(os.environ, home=folder),
        check=True,
        timeout=_TIMEOUT,
    )
    environment = PipEnvironment(_interpreter_in(folder), version, folder / "home")
    environment.home.mkdir()
    if wheel:
        _unpack(wheel, _site_packages(environment.python))
    return environment


def fetch_pip(version: str) -> Path:
    """Return the wheel of that pip, from the machine's user folder or else by the machine's own pip and settings."""
    wheel = pip_store() / f"pip-{version}-py3-none-any.whl"
    if wheel.exists():
        return wheel
    try:
        wheel.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=wheel.parent) as folder:
            _download_pip(version, folder)
            # Several workers may come here at once: the last one wins, and all have the same bytes.
            (Path(folder) / wheel.name).replace(wheel)
    except OSError as error:
        pytest.skip(f"pip {version} cannot be had here: {error}")
    return wheel


def pip_store() -> Path:
    """Return the folder of the fetched pips, which outlives the test session."""
    home = Path(_MACHINE.get("XDG_CACHE_HOME") or _machine_home() / ".cache")
    return home / "wheelwarm-tests" / "pips"


@cache
def interpreters() -> Mapping[str, Path]:
    """Return the other Python versions of this machine that start, by `3.X`; empty when there is none."""
    found: dict[str, Path] = {}
    for python in _candidates():
        version = _version_of(python)
        if version and version.startswith("3.") and version != "{}.{}".format(*sys.version_info):
            found.setdefault(version, python)
    return dict(sorted(found.items(), key=lambda item: int(item[0].removeprefix("3."))))


def _download_pip(version: str, folder: str) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, f"pip=={version}"],
        env=_MACHINE,
        check=False,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=_TIMEOUT,
    )
    if process.returncode:
        reason = process.stderr.strip().splitlines()[-1:] or ["pip download failed"]
        pytest.skip(f"pip {version} cannot be had here: {reason[0]}")


def _is_foreign(name: str) -> bool:
    upper = name.upper()
    foreign = upper.startswith(("PIP_", "WHEELWARM_", "UV_")) or upper.endswith("_PROXY")
    return foreign or upper in _FOREIGN_NAMES | _CI_NAMES


def _raise_for_failure(process: subprocess.CompletedProcess[str]) -> None:
    try:
        process.check_returncode()
    except subprocess.CalledProcessError as error:
        error.add_note(process.stdout)
        error.add_note(process.stderr)
        raise


def _interpreter_in(folder: Path) -> Path:
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def _site_packages(python: Path) -> Path:
    command = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    return Path(subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT).stdout.strip())


def _unpack(wheel: Path, site_packages: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site_packages)


def _machine_home() -> Path:
    return Path(_MACHINE.get("HOME") or _MACHINE.get("USERPROFILE") or os.devnull)


def _candidates() -> Iterator[Path]:
    yield from sorted(_machine_home().glob(".pyenv/versions/3.*/bin/python"))
    for minor in range(7, 20):
        found = shutil.which(f"python3.{minor}", path=_MACHINE.get("PATH"))
        if found:
            yield Path(found)


def _version_of(python: Path) -> str | None:
    command = [str(python), "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        process = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_TIMEOUT)
    except OSError:
        return None
    return process.stdout.strip() if process.returncode == 0 else None
