"""Looking at a machine's pips, at the cache directory and its disk, and at the indexes, for `doctor`."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wheelwarm import urls
from wheelwarm.cache import freshness
from wheelwarm.cache.inventory import Section
from wheelwarm.errors import CacheDisabledError, CacheOwnerError, FetchError, FormatError, TargetError
from wheelwarm.fetcher import Download, Fetcher
from wheelwarm.health.diagnosis import Folder, Pip, Server, Use
from wheelwarm.health.reach import answers, server_of
from wheelwarm.indexes.index_page import content_type_of, parse
from wheelwarm.redaction import redact
from wheelwarm.resolution.pages import decode
from wheelwarm.targets.network import network_of, only_pip_can
from wheelwarm.targets.probing import default_pythons, probe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wheelwarm.fetcher import Fetched
    from wheelwarm.targets.target import Target

SECTIONS = frozenset({Section.HTTP.value, Section.HTTP_V2.value, Section.WHEELS.value})
# Every index that has any wheels is likely to have this one.
ASKED_PROJECT = "pip"
TIMEOUT_SECONDS = 10.0
ABSENT = 404
_VERSIONED = re.compile(r"python3\.\d+(?:\.exe)?")


def pythons(environ: Mapping[str, str], cwd: Path) -> list[str]:
    """Name the Pythons that people here may mean, all versions on PATH among them, each once."""
    on_path = [path for folder in environ.get("PATH", "").split(os.pathsep) for path in _versioned(folder)]
    found: dict[Path, str] = {}
    meant = [python for python in default_pythons(environ, cwd) if str(python) != sys.executable]
    for python in (*meant, *on_path):
        # `python3` and `python3.12` of one folder are one Python; those of two environments are not.
        found.setdefault(python.parent.resolve() if _is_environment(python) else python.resolve(), str(python))
    return list(found.values())


def pips(wanted: str | None, environ: Mapping[str, str], cwd: Path) -> tuple[list[Pip], Target | None]:
    """Ask the wanted Python for its pip, then the others here; the first as a target too, where it has a cache.

    Raises TargetError for a wanted Python that cannot be driven.
    """
    first, target = _ask(wanted, environ, cwd)
    with ThreadPoolExecutor(4, thread_name_prefix="ask") as pool:
        others = pool.map(lambda python: _ask_another(python, environ, cwd), pythons(environ, cwd))
    seen: dict[tuple[str, str], Pip] = {}
    for pip in (first, *others):
        if pip is not None:
            seen.setdefault((str(Path(pip.python).parent.resolve()), pip.version), pip)
    return list(seen.values()), target


def folder(path: Path) -> Folder:
    """Look at the cache directory, or at the nearest folder above where it is not made yet."""
    existing = next(one for one in (path, *path.parents) if one.is_dir())
    usage = shutil.disk_usage(existing)
    here = Folder(path=str(path), user=_user(), free=usage.free, total=usage.total)
    if existing != path:
        return replace(here, is_made=False, is_writable=not path.exists() and os.access(existing, os.W_OK))
    return replace(
        here,
        is_writable=os.access(path, os.W_OK),
        sections=frozenset(section for section in SECTIONS if (path / section).is_dir()),
        foreign=_foreign(path),
        writable_by_all=_is_writable_by_all(path),
    )


def other_caches(used: Sequence[Pip], environ: Mapping[str, str]) -> tuple[str, ...]:
    """Name caches of pip's in the places where pips of other versions, systems or users keep one."""
    homes = [Path(environ.get("HOME") or environ.get("USERPROFILE") or Path.home())]
    if environ.get("SUDO_USER"):
        with suppress(RuntimeError):  # a user whom this machine does not know
            homes.append(Path(f"~{environ['SUDO_USER']}").expanduser())
    places = [home / way for home in homes for way in (".cache/pip", "Library/Caches/pip")]
    places += [Path(environ[name]) / "pip" for name in ("XDG_CACHE_HOME",) if environ.get(name)]
    places += [Path(environ[name]) / "pip" / "Cache" for name in ("LOCALAPPDATA",) if environ.get(name)]
    known = {Path(pip.cache_dir).resolve() for pip in used if pip.cache_dir}
    found = {place.resolve(): str(place) for place in places if any((place / one).is_dir() for one in SECTIONS)}
    return tuple(text for place, text in found.items() if place not in known)


def servers(target: Target, environ: Mapping[str, str], *, now: float) -> Iterator[Server]:
    """Ask each index that the target's pip is set to for one page and one small file."""
    configured = (target.setting("index-url") or target.index, target.setting("extra-index-url") or "")
    trusted = tuple((target.setting("trusted-host") or "").split())
    network = network_of(target, environ=environ, trusted_hosts=trusted, jobs=1)
    network = replace(network, retries=0, timeout=min(network.timeout, TIMEOUT_SECONDS))
    for url in " ".join(configured).split():
        if (where := server_of(url, proxy=target.setting("proxy"))) is None:
            continue
        peer = f"{where[0]}:{where[1]}"
        server = Server(url=redact(url), host=urlsplit(url).hostname or "", peer=peer, is_reachable=answers(where))
        if not server.is_reachable or only_pip_can(url, network):
            yield server
        elif url.startswith("http://") and not urls.is_trusted(url, trusted):
            yield replace(server, is_insecure=True)
        else:
            with Fetcher(network) as fetcher, tempfile.TemporaryDirectory(prefix="wheelwarm-") as scratch:
                yield _judged(server, url, target, fetcher, Path(scratch), now)


def _ask(python: str | None, environ: Mapping[str, str], cwd: Path) -> tuple[Pip, Target | None]:
    """Return what a Python's pip does with its cache; raises TargetError for one that cannot be driven."""
    name = python or str(next(iter(default_pythons(environ, cwd)), ""))
    try:
        target = probe(python, environ=environ, cwd=cwd)
    except CacheDisabledError:
        return Pip(python=name, use=Use.DISABLED, by_variable="PIP_NO_CACHE_DIR" in environ), None
    except CacheOwnerError as error:
        return Pip(python=name, use=Use.NOT_OWNED, cache_dir=error.path), None
    layout = target.traits.layout
    return Pip(python=str(target.python), version=target.pip, cache_dir=str(target.cache_dir), layout=layout), target


def _ask_another(python: str, environ: Mapping[str, str], cwd: Path) -> Pip | None:
    """Do the same for a Python that only lies about: a version manager's shim may refuse, and that is no finding."""
    with suppress(TargetError):
        return _ask(python, environ, cwd)[0]
    return None


def _versioned(place: str) -> list[Path]:
    try:
        with os.scandir(place or os.curdir) as found:
            return sorted(Path(one.path) for one in found if _VERSIONED.fullmatch(one.name))
    except OSError:
        return []


def _is_environment(python: Path) -> bool:
    return (python.parent.parent / "pyvenv.cfg").is_file()


def _user() -> str:
    """Name the user in a form that chown takes."""
    if os.name != "posix":
        return os.environ.get("USERNAME", "")
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _foreign(root: Path) -> int:
    """Count the files and folders of other users; -1 where files have no such owner."""
    if os.name != "posix":
        return -1
    me, count = os.geteuid(), 0
    for place, folders, files in os.walk(root):
        for name in (*folders, *files):
            try:
                count += os.lstat(f"{place}/{name}").st_uid != me
            except OSError:
                continue
    return count


def _is_writable_by_all(path: Path) -> bool:
    if os.name != "posix":
        return False
    places = [path, *(path / section for section in SECTIONS)]
    return any(place.is_dir() and bool(place.stat().st_mode & stat.S_IWOTH) for place in places)


def _judged(server: Server, url: str, target: Target, fetcher: Fetcher, scratch: Path, now: float) -> Server:
    """Judge a page first, then the smallest file it leads to: a `.metadata` file comes with the headers of wheels."""
    headers = {name: value for name, value in target.traits.page_headers.items() if value}
    page_url = f"{url.rstrip('/')}/{ASKED_PROJECT}/"
    page = _fetched(Download(name="page", url=page_url, headers=headers), fetcher, scratch / "page")
    if isinstance(page, FetchError):
        # Many an index has no such project, and is none the worse.
        return server if page.status == ABSENT else replace(server, trouble=page.message, remedy=page.hint)
    server = replace(server, ahead=_ahead(page.headers, now))
    metadata = _metadata_url(page)
    headers = {name: value for name, value in target.traits.metadata_headers.items() if value}
    file = _fetched(Download(name="file", url=metadata, headers=headers), fetcher, scratch / "f") if metadata else None
    judged, what = (page, "index page") if file is None or isinstance(file, FetchError) else (file, "file")
    refusal = freshness.storable(judged.status, judged.headers, headers)
    return replace(server, what=what, refusal=refusal.value if refusal else "")


def _metadata_url(page: Fetched) -> str | None:
    """Return the last `.metadata` file that a page offers; None where it offers none, or is no page."""
    try:
        body = decode(page.path.read_bytes(), freshness.lowered(page.headers).get("content-encoding", ""))
        links = parse(body, content_type_of(body), page.url).links
    except (FormatError, zlib.error):
        return None
    return next((link.metadata_url for link in reversed(links) if link.core_metadata is not None), None)


def _fetched(download: Download, fetcher: Fetcher, body: Path) -> Fetched | FetchError:
    try:
        return fetcher.fetch(download, body)
    except FetchError as error:
        return error


def _ahead(headers: Mapping[str, str], now: float) -> float | None:
    """Return by how many seconds our clock is ahead; a response from a cache on the way says how old it is (Age)."""
    told = freshness.lowered(headers)
    age = told.get("age", "")
    try:
        date = parsedate_to_datetime(told["date"]).timestamp()
    except (KeyError, ValueError):
        return None
    return now - date - (int(age) if age.isascii() and age.isdigit() else 0)
