"""How fast an empty cache is filled, and what a full one costs: `wheelwarm prefetch` against pip, uv and curl.

All in one run on one index, of which each response is 30 ms late and each connection has 20 MB/s.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import nginx, prototype
from tests.bench.harness import Bench, Command, Goal, Measured, MissingError, measure
from tests.bench.wheelset import USUAL, wheels_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tests.bench.harness import Setting
    from tests.bench.wheelset import WheelSet

PIP_LOCK, PIP_PINS, PIP_OPEN = "pip download, lock", "pip download, pins", "pip download, unpinned"
UV_SYNC, UV_PINS, UV_INSTALL = "uv pip sync, lock", "uv pip sync, pins", "uv pip install, unpinned"
CURL, PROTOTYPE, PROTOTYPE_PAGES = "curl, 16 at once", "prototype", "prototype, pages too"
LOCK, PINS, OPEN, OPEN_UV = "prefetch, lock", "prefetch, pins", "prefetch, unpinned", "prefetch, unpinned, uv"
NOTHING, NOTHING_LOCK, CHECK, CHECK_LOCK = "prefetch again", "prefetch again, lock", "check", "check, lock"
IMPORTS = "import typer, rich"
INSTALL, INSTALL_WARM = "pip install", "pip install after prefetch"
LARGE = "prefetch, one of 2 GB"
LARGE_BYTES = 2 * 10**9
_LARGE_NAME = "large-1.0-py3-none-any.whl"


def bench(setting: Setting) -> Bench:
    """Measure all parts, or those of the setting. MissingError for a peer that is not installed."""
    wheels = wheels_of(setting.folder, setting.wheels)
    with _origin(setting, wheels) as served, tempfile.TemporaryDirectory(dir=setting.folder) as folder:
        world = _World(setting=setting, wheels=wheels, served=served, folder=Path(folder))
        parts = {name: part(world) for name, part in PARTS.items() if name in (setting.parts or PARTS)}
    return Bench(
        name="fill",
        measured={f"{name}: {_HEADINGS[name]}": measured for name, (measured, _) in parts.items()},
        goals=[goal for _, goals in parts.values() for goal in goals],
        facts={
            "nginx": served.server,
            "curl": _curl_version(),
            "wheels": f"{len(wheels.wheels)}, {wheels.bytes} bytes",
        },
    )


@contextmanager
def _origin(setting: Setting, wheels: WheelSet) -> Iterator[nginx.Served]:
    """Serve the wheels by nginx; a set too small to measure anything by the tests' own index server."""
    if setting.wheels < USUAL:
        with _own_index(wheels) as served:
            yield served
        return
    missing = [(name, how) for name, how in _PEERS.items() if program(name) is None]
    if lacks := nginx.missing():
        missing.append((lacks, nginx.HOW_TO_GET))
    if missing:
        raise MissingError("".join(f"{name} is not installed: {how}\n" for name, how in missing))
    with nginx.serve(wheels.folder) as served:
        yield served


@contextmanager
def _own_index(wheels: WheelSet) -> Iterator[nginx.Served]:
    from tests.helpers.index import serve_index

    with serve_index() as index:
        for path in wheels.paths():
            index.add(path)
        large = wheels.folder / "large" / _LARGE_NAME
        _make_large(large, 10_000)
        index.put(f"/large/{_LARGE_NAME}", large.read_bytes())
        yield nginx.Served(
            simple_url=index.simple_url,
            files_url=f"{index.url}/files/",
            large_url=f"{index.url}/large/",
            ca_bundle=index.ca_bundle,
            server="the tests' own",
        )


@dataclass(frozen=True, kw_only=True)
class _World:
    """One run of the bench: what is fetched, from where, and a folder that ends with it."""

    setting: Setting
    wheels: WheelSet
    served: nginx.Served
    folder: Path

    @cached_property
    def requirements(self) -> Path:
        return self._write("requirements.txt", "\n".join([*self.wheels.roots, ""]))

    @cached_property
    def pins(self) -> Path:
        return self._write("pins.txt", self.wheels.pins())

    @cached_property
    def lock(self) -> Path:
        return self._write("pylock.toml", self.wheels.lock(self.served.files_url))

    @cached_property
    def curl_list(self) -> Path:
        urls = self.wheels.urls(self.served.files_url)
        lines = [f'url = "{url}"\noutput = "{url.rpartition("/")[2]}"\n' for url in urls]
        return self._write("curl.txt", "".join(lines))

    @cached_property
    def hash_list(self) -> Path:
        urls = self.wheels.urls(self.served.files_url)
        lines = [f"{wheel.sha256} {url}\n" for wheel, url in zip(self.wheels.wheels, urls, strict=True)]
        return self._write("hashes.txt", "".join(lines))

    @cached_property
    def page_list(self) -> Path:
        """What pins have to fetch: the page of each before its file."""
        pages = [f"- {self.served.simple_url}{wheel.project}/\n" for wheel in self.wheels.wheels]
        return self._write("pages.txt", "".join([*pages, self.hash_list.read_text()]))

    @property
    def cache(self) -> Path:
        """The cache of pip and wheelwarm."""
        return self.folder / "cache"

    @property
    def to(self) -> Path:
        """Where files or installed projects go."""
        return self.folder / "to"

    def pip_download(self, name: str, file: Path, *options: str, cold: bool = True) -> Command:
        argv = self.setting.pip_command("download", "-d", str(self.to), "-r", str(file), *options)
        return self.command(name, argv, cold=cold)

    def wheelwarm(self, name: str, *arguments: str, cold: bool = True) -> Command:
        argv = self.setting.wheelwarm_command(*arguments, "--python", str(self.setting.pip.python))
        return self.command(name, argv, cold=cold)

    def uv(self, name: str, *arguments: str) -> Command:
        python = str(self.setting.pip.python)
        argv = [program("uv") or "uv", "pip", *arguments, "--no-config", "--target", str(self.to), "--python", python]
        return self.command(name, argv, cold=True)

    def curl(self) -> Command:
        options = ["--parallel", "--parallel-max", "16", "--silent", "--show-error", "--fail", "--create-dirs"]
        argv = ["curl", *options, "--cacert", str(self.served.ca_bundle), "--output-dir", str(self.to)]
        return self.command(CURL, [*argv, "--config", str(self.curl_list)], cold=True)

    def prototype(self, name: str, listing: Path) -> Command:
        return self.command(name, [sys.executable, prototype.__file__, str(listing), str(self.cache)], cold=True)

    def command(self, name: str, argv: Sequence[str], *, cold: bool) -> Command:
        """Return a command that starts without its output, a cold one without any cache too."""
        return Command(name=name, argv=argv, prepare=lambda: self.empty(cold=cold), environ=self.environ)

    def empty(self, *, cold: bool) -> None:
        """Take away what an earlier command left, the caches of pip and uv too if it is to be cold."""
        for folder in (self.to, *((self.cache, self.folder / "uv") if cold else ())):
            if folder.exists():
                self._set_aside(folder)

    def _set_aside(self, folder: Path) -> None:
        """Move a folder away and empty its files.

        For minutes ext4 makes no new file in the place of a removed one; a cache that never was, as a cold one is to
        be, costs nobody the search for another place.
        """
        aside = Path(tempfile.mkdtemp(prefix="aside-", dir=self.folder)) / folder.name
        folder.rename(aside)
        for path in aside.rglob("*"):
            # What uv has installed and what it has cached are one file under two names.
            if path.is_file() and not path.is_symlink() and path.stat().st_nlink == 1:
                os.truncate(path, 0)

    def fill(self, commands: Sequence[Command]) -> None:
        """Run commands before what is measured."""
        measure(commands, rounds=1, home=self.setting.pip.home)

    def measure(self, commands: Iterable[Command]) -> Measured:
        """Measure these, without peers that a machine which only tests the bench lacks."""
        there = [command for command in commands if program(command.argv[0])]
        return measure(there, rounds=self.setting.rounds, home=self.setting.pip.home)

    @property
    def environ(self) -> Mapping[str, str]:
        """What tells each peer about the index, the cache and whom to trust."""
        return {
            "PIP_INDEX_URL": self.served.simple_url,
            "PIP_CERT": str(self.served.ca_bundle),
            "PIP_CACHE_DIR": str(self.cache),
            "UV_INDEX_URL": self.served.simple_url,
            "UV_CACHE_DIR": str(self.folder / "uv"),
            "SSL_CERT_FILE": str(self.served.ca_bundle),
        }

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path


Part = tuple[Measured, "Sequence[Goal]"]


def _locked(world: _World) -> Part:
    """Every file is named with its hash: nothing to resolve, only to fetch."""
    commands = [
        world.pip_download(PIP_LOCK, world.lock),
        world.pip_download(PIP_PINS, world.pins, "--no-deps"),
        world.uv(UV_SYNC, "sync", str(world.lock)),
        world.uv(UV_PINS, "sync", str(world.pins)),
        world.curl(),
        world.prototype(PROTOTYPE, world.hash_list),
        world.prototype(PROTOTYPE_PAGES, world.page_list),
        world.wheelwarm(PINS, "prefetch", "-r", str(world.pins)),
        *([world.wheelwarm(LOCK, "prefetch", "-r", str(world.lock))] if _reads_locks(world) else []),
    ]
    measured = world.measure(commands)
    return measured, [
        goal
        for name, by_uv, same_bytes in ((LOCK, UV_SYNC, PROTOTYPE), (PINS, UV_PINS, PROTOTYPE_PAGES))
        if name in measured.runs
        for goal in (
            *_goals(measured, name, {PIP_LOCK: 1 / 6, by_uv: 0.6, CURL: 1.3}),
            Goal(name=f"{name} / {same_bytes}, CPU", measured=measured.ratio(name, same_bytes, "cpu"), limit=1.5),
        )
    ]


def _goals(measured: Measured, name: str, limits: Mapping[str, float]) -> Iterator[Goal]:
    """Yield the goals of one command against peers, those that were measured."""
    for peer, limit in limits.items():
        if {name, peer} <= measured.runs.keys():
            yield Goal(name=f"{name} / {peer}", measured=measured.ratio(name, peer), limit=limit)


def _unpinned(world: _World) -> Part:
    """Ten requirements resolve to all: a resolver reads pages and metadata first."""
    requirements = str(world.requirements)
    commands = [
        world.pip_download(PIP_OPEN, world.requirements),
        world.uv(UV_INSTALL, "install", "-r", requirements),
        world.wheelwarm(OPEN, "prefetch", "-r", requirements),
    ]
    if _has_resolver(world):
        commands.append(world.wheelwarm(OPEN_UV, "prefetch", "--resolver", "uv", "-r", requirements))
    measured = world.measure(commands)
    goals = [*_goals(measured, OPEN, {PIP_OPEN: 1 / 4}), *_goals(measured, OPEN_UV, {PIP_OPEN: 1 / 9})]
    return measured, goals


def _reads_locks(world: _World) -> bool:
    """Tell whether this wheelwarm reads lock files."""
    elsewhere = str(world.folder / "other")
    argv = world.setting.wheelwarm_command("check", "-r", str(world.lock), "--cache-dir", elsewhere)
    return subprocess.run(argv, check=False, capture_output=True).returncode != 3


def _has_resolver(world: _World) -> bool:
    """Tell whether this wheelwarm can let uv resolve."""
    argv = world.setting.wheelwarm_command("prefetch", "--help")
    return "--resolver" in subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def _warm(world: _World) -> Part:
    """Everything is there, and nothing has changed."""
    requirements, lock, reads_locks = str(world.requirements), str(world.lock), _reads_locks(world)
    world.fill(
        [
            world.wheelwarm("prefetch", "prefetch", "-r", requirements),
            world.pip_download("pip download", world.requirements, cold=False),
            *([world.wheelwarm("prefetch lock", "prefetch", "-r", lock, cold=False)] if reads_locks else []),
        ]
    )
    commands = [
        world.pip_download(PIP_OPEN, world.requirements, cold=False),
        world.wheelwarm(NOTHING, "prefetch", "-r", requirements, cold=False),
        world.wheelwarm(CHECK, "check", "-r", requirements, cold=False),
        world.pip_download(PIP_LOCK, world.lock, cold=False),
        Command(name=IMPORTS, argv=[sys.executable, "-c", IMPORTS]),
    ]
    if reads_locks:
        commands += [
            world.wheelwarm(NOTHING_LOCK, "prefetch", "-r", lock, cold=False),
            world.wheelwarm(CHECK_LOCK, "check", "-r", lock, cold=False),
        ]
    measured = world.measure(commands)
    goals = [
        *_goals(measured, NOTHING, {PIP_OPEN: 1 / 20, IMPORTS: 2}),
        *_goals(measured, CHECK, {PIP_OPEN: 1 / 20, IMPORTS: 2}),
        *_goals(measured, NOTHING_LOCK, {PIP_LOCK: 1 / 8, IMPORTS: 2}),
        *_goals(measured, CHECK_LOCK, {PIP_LOCK: 1 / 8, IMPORTS: 2}),
    ]
    return measured, goals


def _install(world: _World) -> Part:
    """Installing into a fresh environment, with an empty cache and after a prefetch."""
    warm = world.folder / "warm"
    requirements = str(world.requirements)
    world.fill([world.wheelwarm("prefetch", "prefetch", "-r", requirements, "--cache-dir", str(warm))])
    python = world.to / "bin" / "python"

    def prepare() -> None:
        world.empty(cold=True)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", world.to], check=True)

    argv = world.setting.pip_command("--python", str(python), "install", "--no-compile", "-r", requirements)
    commands = [
        Command(name=INSTALL, argv=argv, prepare=prepare, environ=world.environ),
        Command(name=INSTALL_WARM, argv=[*argv, "--cache-dir", str(warm)], prepare=prepare, environ=world.environ),
    ]
    measured = world.measure(commands)
    return measured, list(_goals(measured, INSTALL_WARM, {INSTALL: 1}))


def _memory(world: _World) -> Part:
    """One file of 2 GB, at the full speed of the machine."""
    if not _reads_locks(world):
        return Measured({}), []
    path = world.wheels.folder / "large" / _LARGE_NAME
    _make_large(path, LARGE_BYTES if world.setting.wheels >= USUAL else path.stat().st_size)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    url = f"{world.served.large_url}{_LARGE_NAME}"
    lock = world.folder / "pylock.large.toml"
    lock.write_text(
        'lock-version = "1.0"\ncreated-by = "wheelwarm-bench"\n[[packages]]\nname = "large"\nversion = "1.0"\n'
        f'wheels = [{{url = "{url}", size = {path.stat().st_size}, hashes = {{sha256 = "{digest}"}}}}]\n'
    )
    measured = world.measure([world.wheelwarm(LARGE, "prefetch", "-r", str(lock))])
    world.empty(cold=True)
    return measured, [Goal(name=f"peak MB, {LARGE}", measured=measured.median(LARGE, "peak") / 1e6, limit=120)]


def _make_large(path: Path, size: int) -> None:
    """Make a file of zeros, which takes no room on most disks."""
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)


def program(name: str) -> str | None:
    """Find a program on PATH, or beside the Python that runs this."""
    return shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))


def _curl_version() -> str:
    if program("curl") is None:
        return "none"
    said = subprocess.run(["curl", "--version"], check=True, capture_output=True, text=True).stdout
    return said.split()[1]


PARTS: Mapping[str, Callable[[_World], Part]] = {
    "locked": _locked,
    "unpinned": _unpinned,
    "warm": _warm,
    "install": _install,
    "memory": _memory,
}
_HEADINGS = {name: (part.__doc__ or "").rstrip(".") for name, part in PARTS.items()}
_PEERS = {"curl": "apt-get install curl", "uv": "pip install uv"}
