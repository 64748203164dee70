"""RequirementSet + Target -> Resolution by `uv pip compile`: fast, and not always what pip would choose.

uv writes a lock (PEP 751), which is read like any other. It tells files and hashes; which pages and `.metadata` files
pip will ask for follows from the indexes, and is completed from their pages.
"""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from wheelwarm import urls
from wheelwarm.errors import InputError, ResolveError
from wheelwarm.inputs import lockfile
from wheelwarm.redaction import redact
from wheelwarm.resolution.question import check_target, spool
from wheelwarm.resolution.resolver import bare
from wheelwarm.resolution.uv_options import KEPT_OF_UV, indexes, question, settled
from wheelwarm.shelf.lookup import trusted_hosts_of
from wheelwarm.targets.network import network_of
from wheelwarm.targets.target import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.model import Artifact, Observer, Resolution
    from wheelwarm.resolution.uv_options import Question
    from wheelwarm.targets.target import Target

# What uv draws before its words, and the names of their parts.
_BEFORE_WORDS = re.compile(r"^[\s\u00d7│├╰─▶]*(?:error: |cause: |Caused by: )?")
_STARTS = re.compile(r"^(?:error: |\s*cause: |\s*Caused by: |\s*[\u00d7├╰])")
_NO_FAILURE = re.compile(r"^(?:warning: |Using |Resolved |Building |Built |Updating |Updated )|^\s*$")
_MOST_WORDS = 600


def resolve_by_uv(
    requirements: RequirementSet,
    target: Target,
    *,
    environ: Mapping[str, str],
    scratch: Path,
    now: float,
    observer: Observer,
) -> Resolution:
    """Take what locks hold, and let uv resolve the rest, from fresh index pages.

    Raises InputError where uv is not installed, or has no like of what was asked for; ResolveError in uv's words.
    """
    check_target(requirements, target)
    locked = lockfile.resolution(requirements.locks, target, requirements.options, now=now)
    if requirements.only_locks:
        return locked
    uv = find_uv(environ)
    network = network_of(target, environ=environ, trusted_hosts=trusted_hosts_of(requirements, target), jobs=1)
    asked = question(requirements, target, network)
    asked = replace(asked, constraints=asked.constraints + lockfile.pins(locked))
    observer.phase("resolving by uv")
    lock = _compile(uv, asked, requirements, target, environ=environ, scratch=scratch)
    return lockfile.joined(locked, _resolution(lock, requirements, target, now=now))


def find_uv(environ: Mapping[str, str]) -> str:
    """Return the uv beside our own Python, else that on PATH."""
    beside = shutil.which("uv", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("uv", path=environ.get("PATH", ""))
    if found is None:
        raise InputError(
            "uv is not installed here.", hint=f"Install it: {sys.executable} -m pip install 'wheelwarm[uv]'"
        )
    return found


def _compile(
    uv: str,
    asked: Question,
    requirements: RequirementSet,
    target: Target,
    *,
    environ: Mapping[str, str],
    scratch: Path,
) -> Path:
    """Let uv write a lock, and return its path."""
    lock = scratch / "pylock.toml"
    copies = spool(requirements, scratch)
    for_builds = [str(copies.get(name, name)) for name in requirements.build_constraint_files]
    files = [
        str(_file(scratch / "requirements.txt", asked.requirements)),
        *_flags("--constraints", [str(_file(scratch / "constraints.txt", asked.constraints))]),
        *_flags("--constraints", asked.constraint_files),
        *_flags("--build-constraints", [*for_builds, *asked.build_constraint_files]),
    ]
    fixed = ["--format", "pylock.toml", "--output-file", str(lock), "--index-strategy", "unsafe-best-match"]
    # What [tool.uv] of a project says, pip does not know; pages in uv's cache may be older than pip would take.
    fixed += ["--no-config", "--no-sources", "--no-header", "--refresh", "--python", str(target.python)]
    completed = run([uv, "pip", "compile", *files, *fixed, *asked.arguments], environ=_environ(environ, asked, scratch))
    if completed.code != 0 or not lock.exists():
        raise explain(completed.err)
    return lock


def _environ(environ: Mapping[str, str], asked: Question, scratch: Path) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if not name.startswith("UV_") or name in KEPT_OF_UV}
    own = {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "NO_COLOR": "1", "TMPDIR": str(scratch)}
    found = {**kept, **asked.variables, **own}
    if Path(found.get("SSL_CERT_FILE", "")).is_dir() and "SSL_CERT_FILE" in asked.variables:
        # requests takes a folder of authorities for a bundle too.
        found["SSL_CERT_DIR"] = found.pop("SSL_CERT_FILE")
    return found


def _file(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def _flags(flag: str, values: list[str] | tuple[str, ...]) -> list[str]:
    return [word for value in values for word in (flag, value)]


def _resolution(path: Path, requirements: RequirementSet, target: Target, *, now: float) -> Resolution:
    """Read what uv wrote, and name the index pages that pip will ask for to come to the same."""
    try:
        locked = lockfile.resolution(lockfile.read([str(path)]), target, requirements.options, now=now)
    except ResolveError as exc:
        words = exc.message.replace(str(path), "what uv resolved")
        raise ResolveError(f"For this target {words}", hint="Let pip resolve: --resolver pip.") from exc
    fragments = {urls.without_credentials(bare(url)): url.partition("#")[2] for url in requirements.direct_urls}
    artifacts = tuple(_as_pip_asks(one, fragments) for one in locked.artifacts)
    return replace(locked, artifacts=artifacts, asked=tuple(_pages(artifacts, requirements, target)), source="uv")


def _as_pip_asks(artifact: Artifact, fragments: Mapping[str, str]) -> Artifact:
    """Tell what an index page leads pip to from what a URL in the input does, whose fragment uv leaves out."""
    fragment = fragments.get(artifact.url)
    if fragment is not None:
        stated = urls.fragment_hash(f"#{fragment}")
        return replace(artifact, link_hash=stated, hashes=dict([stated]) if stated else artifact.hashes)
    if not artifact.url.startswith(("http:", "https:")):
        return artifact
    return replace(artifact, direct=False, link_hash=next(iter(artifact.hashes.items()), None))


def _pages(artifacts: tuple[Artifact, ...], requirements: RequirementSet, target: Target) -> Iterator[str]:
    """Yield the pages that pip will ask every index for."""
    options = settled(requirements.options, target)
    for index in map(urls.without_credentials, indexes(options, target)):
        for artifact in artifacts:
            if not artifact.direct and index.startswith("http"):
                yield f"{index.rstrip('/')}/{canonicalize_name(artifact.name)}/"


def explain(err: str) -> ResolveError:
    """Say in uv's own first words why it failed."""
    parts: list[str] = []
    for line in err.splitlines():
        if not parts and _NO_FAILURE.search(line):
            continue
        if not line.strip() or "hint:" in line:
            break
        words = _BEFORE_WORDS.sub("", line).strip()
        if _STARTS.search(line) or not parts:
            parts.append(words.rstrip(".:"))
        else:
            parts[-1] += f" {words}"
    words = ": ".join(dict.fromkeys([*parts[:2], *parts[-1:]])) or "it printed nothing"
    words = words if len(words) <= _MOST_WORDS else f"{words[:_MOST_WORDS]}…"
    return ResolveError(redact(f"uv failed: {words.rstrip('.')}."), hint="pip may know better: --resolver pip.")
