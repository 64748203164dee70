"""What an examination of pip's cache means: findings, each with the command that mends it. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from wheelwarm.model import Layout

if TYPE_CHECKING:
    from collections.abc import Iterator

CLOCK_SECONDS = 300
FULL_SHARE, FULL_BYTES = 0.05, 10 * 1000**3
SET_CLOCK = {"win32": "w32tm /resync", "darwin": "sntp -sS time.apple.com"}
"""By `sys.platform`; everywhere else systemd's."""


class Severity(StrEnum):
    """How bad a finding is; a note alone is nothing wrong."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found; `fix` is what to type, or to do where no command can."""

    code: str
    severity: Severity
    message: str
    fix: str


class Use(StrEnum):
    """Whether a pip uses a cache."""

    USED = "used"
    DISABLED = "disabled"
    NOT_OWNED = "not owned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pip:
    """One pip that people here may run; `by_variable` tells that PIP_NO_CACHE_DIR switches its cache off."""

    python: str
    version: str = ""
    use: Use = Use.USED
    by_variable: bool = False
    cache_dir: str = ""
    layout: Layout | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """The cache directory as the file system has it; `foreign` counts files of other users, -1 where nobody can tell.

    `free` and `total` are the bytes of the file system that holds it, or will.
    """

    path: str
    user: str
    free: int
    total: int
    is_made: bool = True
    is_writable: bool = True
    sections: frozenset[str] = frozenset()
    foreign: int = -1
    writable_by_all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What an index answered. `refusal` is why pip would not store `what`, empty when it would.

    `peer` is whom the connection goes to: the proxy where there is one. `trouble` and `remedy` are of a page that did
    not come. `ahead` is by how many seconds our clock is ahead of the server's, None where it told no time.
    """

    url: str
    host: str
    peer: str
    is_reachable: bool
    is_insecure: bool = False
    trouble: str = ""
    remedy: str = ""
    what: str = ""
    refusal: str = ""
    ahead: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """All that was looked at. The first pip is the one that `pip` stands for here; `system` is `sys.platform`."""

    pips: tuple[Pip, ...]
    folder: Folder | None = None
    servers: tuple[Server, ...] = ()
    others: tuple[str, ...] = ()
    sudo_user: str = ""
    system: str = "linux"

    def word(self, text: str) -> str:
        """Write a word so that a shell of this system takes it as one."""
        if self.system == "win32":
            return f'"{text}"' if " " in text else text
        return shlex.quote(text)

    def by_root(self, command: str) -> str:
        """Write a command that only root may run."""
        is_root = self.folder is not None and self.folder.user == "root"
        return command if is_root or self.system == "win32" else f"sudo {command}"


def findings(seen: Examination) -> tuple[Finding, ...]:
    """Say what is wrong, the worst first."""
    rules = (of_use, of_pips, of_folder, of_disk, of_others, of_servers, of_clock)
    found = [finding for rule in rules for finding in rule(seen)]
    return tuple(sorted(found, key=lambda one: list(Severity).index(one.severity)))


def of_use(seen: Examination) -> Iterator[Finding]:
    """Whether the first pip uses a cache at all."""
    pip = seen.pips[0]
    if pip.use is Use.DISABLED:
        message = f"The cache of pip ({pip.python}) is switched off, so every install downloads everything."
        fix = switched_on(seen, pip)
        yield Finding(code="cache-disabled", severity=Severity.ERROR, message=message, fix=fix)
    if pip.use is Use.NOT_OWNED:
        message = f"pip does not use {pip.cache_dir}: it is not owned or not writable by the current user."
        fix = "sudo -H pip …" if seen.sudo_user else given(seen, pip.cache_dir)
        yield Finding(code="cache-not-owned", severity=Severity.ERROR, message=message, fix=fix)


def switched_on(seen: Examination, pip: Pip) -> str:
    """Return the command that takes back what switches a pip's cache off."""
    if not pip.by_variable:
        return f"{seen.word(pip.python)} -m pip config unset global.no-cache-dir"
    return "set PIP_NO_CACHE_DIR=" if seen.system == "win32" else "unset PIP_NO_CACHE_DIR"


def given(seen: Examination, path: str) -> str:
    """Return the command that makes a folder and what is in it the user's own."""
    user = seen.folder.user if seen.folder else "$(id -un)"
    if seen.system == "win32":
        return f"icacls {seen.word(path)} /grant {seen.word(f'{user}:(OI)(CI)F')} /T"
    if seen.folder and not seen.folder.is_made:
        return seen.by_root(f"install -d -o {user} {seen.word(path)}")
    return seen.by_root(f"chown -R {user} {seen.word(path)}")


def of_pips(seen: Examination) -> Iterator[Finding]:
    """Whether the pips here share one cache and one layout of it."""
    used = [pip for pip in seen.pips if pip.use is Use.USED]
    roots = dict.fromkeys(pip.cache_dir for pip in used)
    if len(roots) > 1:
        message = f"The pips here use {len(roots)} caches, so one does not profit from the other: {', '.join(roots)}."
        fix = f"{seen.word(used[-1].python)} -m pip config set global.cache-dir {seen.word(used[0].cache_dir)}"
        yield Finding(code="several-caches", severity=Severity.WARNING, message=message, fix=fix)
    old = [pip for pip in used if pip.layout is Layout.HTTP]
    new = [pip for pip in used if pip not in old]
    if old and new:
        places = f"pip {old[0].version} keeps its downloads in http/, pip {new[0].version} in http-v2/"
        message = f"{places}: each downloads for itself."
        both = f"--python {seen.word(old[0].python)} --python {seen.word(new[0].python)}"
        fix = f"wheelwarm prefetch -r requirements.txt {both}"
        yield Finding(code="both-layouts", severity=Severity.NOTE, message=message, fix=fix)
    if not old and seen.folder and "http" in seen.folder.sections:
        message = "The section http/ is left from a pip before 23.3, and no pip found here reads it."
        fix = f"wheelwarm prune --legacy --cache-dir {seen.word(seen.folder.path)}"
        yield Finding(code="legacy-section", severity=Severity.NOTE, message=message, fix=fix)


def of_folder(seen: Examination) -> Iterator[Finding]:
    """Whose the files are, and who else may write there."""
    if (folder := seen.folder) is None:
        return
    if not folder.is_writable and seen.pips[0].use is Use.USED:
        message = f"{folder.path} cannot be written, so pip stores nothing there and says nothing about it."
        fix = f"{seen.word(seen.pips[0].python)} -m pip config set global.cache-dir DIR"
        yield Finding(code="cache-read-only", severity=Severity.ERROR, message=message, fix=fix)
    if folder.foreign > 0:
        files = "1 file is" if folder.foreign == 1 else f"{folder.foreign:,} files are"
        message = f"{files} owned by another user: pip cannot replace what it cannot write."
        fix = given(seen, folder.path)
        yield Finding(code="foreign-files", severity=Severity.WARNING, message=message, fix=fix)
    if folder.writable_by_all:
        message = f"Everybody on this machine may write to {folder.path}, and pip trusts what it finds there."
        fix = f"chmod -R o-w {seen.word(folder.path)}"
        yield Finding(code="writable-by-all", severity=Severity.WARNING, message=message, fix=fix)


def of_disk(seen: Examination) -> Iterator[Finding]:
    """Whether there is room for more."""
    folder = seen.folder
    if folder is None or not folder.total or folder.free >= min(FULL_SHARE * folder.total, FULL_BYTES):
        return
    message = f"The disk below {folder.path} is nearly full: {folder.free / 1000**2:,.0f} MB are free."
    fix = f"wheelwarm prune --older-than 30d --stale --orphans --cache-dir {seen.word(folder.path)}"
    if not folder.is_made:
        fix = f"{seen.word(seen.pips[0].python)} -m pip config set global.cache-dir DIR"
    yield Finding(code="disk-nearly-full", severity=Severity.WARNING, message=message, fix=fix)


def of_others(seen: Examination) -> Iterator[Finding]:
    """Which other caches of pip's lie about: another user's, or where another version or variable puts it."""
    for root in seen.others:
        message = f"{root} is a cache of pip's, too, and no pip found here uses it."
        fix = f"wheelwarm stats --cache-dir {seen.word(root)}"
        yield Finding(code="other-cache", severity=Severity.NOTE, message=message, fix=fix)


def of_servers(seen: Examination) -> Iterator[Finding]:
    """Whether each index can be reached, answers, is secure, and lets pip cache what it sends."""
    ask = f"{seen.word(seen.pips[0].python)} -m pip config debug"
    for server in seen.servers:
        if not server.is_reachable:
            message = f"The index {server.url} cannot be reached: {server.peer} takes no connection."
            yield Finding(code="index-unreachable", severity=Severity.WARNING, message=message, fix=ask)
        elif server.trouble:
            fix = server.remedy or ask
            yield Finding(code="index-fails", severity=Severity.WARNING, message=server.trouble, fix=fix)
        elif server.is_insecure:
            message = f"pip caches nothing from {server.url}: it is plain http, and its host is not trusted."
            fix = f"{seen.word(seen.pips[0].python)} -m pip config set global.trusted-host {seen.word(server.host)}"
            yield Finding(code="index-insecure", severity=Severity.WARNING, message=message, fix=fix)
        elif server.refusal:
            message = f"pip stores no {server.what} from {server.url}: {server.refusal}."
            fix = "wheelwarm prefetch -r requirements.txt"
            yield Finding(code="index-not-cached", severity=Severity.NOTE, message=message, fix=fix)


def of_clock(seen: Examination) -> Iterator[Finding]:
    """Whether our clock agrees with the servers': freshness is a matter of time."""
    told = [server for server in seen.servers if server.ahead is not None]
    wrong = [server.ahead for server in told if server.ahead is not None and abs(server.ahead) > CLOCK_SECONDS]
    if wrong and len(wrong) == len(told):
        way = "ahead of" if wrong[0] > 0 else "behind"
        message = f"The clock is {abs(wrong[0]) / 60:,.0f} minutes {way} the index's, so entries expire at wrong times."
        fix = seen.by_root(SET_CLOCK.get(seen.system, "timedatectl set-ntp true"))
        yield Finding(code="clock", severity=Severity.WARNING, message=message, fix=fix)
