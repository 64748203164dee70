"""RequirementSet + Target -> Resolution: pip decides what the requirements mean, and its report is read here.

`pip install --dry-run --ignore-installed --report` names the chosen files; pip's own log names every URL that it
looked up in its cache on the way: index pages, `.metadata`, and the build requirements that no report lists.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wheelwarm.errors import HashMismatchError, NoDistributionError, ResolveError
from wheelwarm.inputs import lockfile
from wheelwarm.model import Artifact, Kind, Observer, Resolution
from wheelwarm.resolution.question import check_target, spool
from wheelwarm.targets.pip_errors import MISMATCH, Words, explain
from wheelwarm.urls import file_name, fragment_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from wheelwarm.inputs.requirements import RequirementSet
    from wheelwarm.targets.target import Completed, Target

# CacheControl's own debug line, the same in every pip since 10; the URL in it is the one behind the cache key.
LOOKED_UP = re.compile(r'Looking up "([^"\s]+)" in the cache')
# "Installing build dependencies: started", and "backend dependencies" for those that a backend asks for itself.
BUILD_STAGE = re.compile(r"Installing (?:build|backend) dependencies: (started|finished)")
OWN_MARKERS = (
    "Or it is needed on this machine only: pip judges markers as for the Python that runs it, --resolver uv as for the "
    "one elsewhere."
)


def resolve(
    requirements: RequirementSet,
    target: Target,
    *,
    environ: Mapping[str, str],
    scratch: Path,
    now: float,
    observer: Observer,
    refresh: bool = True,
) -> Resolution:
    """Take what locks hold, and let the target's pip resolve the rest, from fresh index pages.

    Without `refresh` a pip that may take pages from its cache does so, for whom somebody has just asked for them.
    Writes pip's report, its log and its temporary files below `scratch`; pip itself writes to the cache meanwhile.
    Raises HashMismatchError and other ResolveErrors, in pip's words.
    """
    check_target(requirements, target)
    locked = lockfile.resolution(requirements.locks, target, requirements.options, now=now)
    if requirements.only_locks:
        return locked
    if requirements.locks:
        requirements = requirements.beside_locks(lockfile.pins(locked))
    resolved = _ask_pip(
        requirements, target, environ=environ, scratch=scratch, now=now, observer=observer, refresh=refresh
    )
    return lockfile.joined(locked, resolved)


def _ask_pip(
    requirements: RequirementSet,
    target: Target,
    *,
    environ: Mapping[str, str],
    scratch: Path,
    now: float,
    observer: Observer,
    refresh: bool,
) -> Resolution:
    report, log = scratch / "report.json", scratch / "pip.log"
    arguments = ["install", "--dry-run", "--ignore-installed", "--report", str(report)]
    if refresh and target.traits.refresh_package:
        # pip 26.2 would else choose from index pages that may be ten minutes old.
        arguments += ["--refresh-package", ":all:"]
    if target.elsewhere:
        # pip 22.2 asks for --target beside these even for a dry run; nothing is written there.
        arguments += [*target.elsewhere.arguments(), "--target", str(scratch / "elsewhere")]
    completed = target.run_pip(
        [*arguments, *requirements.pip_arguments(spool(requirements, scratch))],
        # Nothing gets installed, so a wish never to install outside a virtual environment does not apply.
        # pip takes no --user beside --target.
        environ={**environ, "PIP_REQUIRE_VIRTUALENV": "0", **({"PIP_USER": "0"} if target.elsewhere else {})},
        log=log,
        scratch=scratch,
        on_line=lambda line: announce(line, observer),
    )
    try:
        return read_result(completed, report, log, requirements, now)
    except NoDistributionError as error:
        if target.elsewhere.arguments():
            raise NoDistributionError(error.message, hint=f"{error.hint} {OWN_MARKERS}") from error
        raise


def announce(line: str, observer: Observer) -> None:
    """Tell how far pip's resolver is."""
    words = line.split()
    if words[:1] == ["Collecting"] and len(words) > 1:
        # A URL by its file alone: pip 22.2 prints the credentials in it.
        what = file_name(words[1]) if "://" in words[1] else words[1].partition("@")[0]
        observer.phase(f"resolving {what}")


def read_result(completed: Completed, report: Path, log: Path, requirements: RequirementSet, now: float) -> Resolution:
    """Turn what pip left behind into a resolution or an error."""
    asked = read_log(log)
    if completed.code != 0 or not report.exists():
        raise failure(completed, log, asked.urls)
    items = json.loads(report.read_text(encoding="utf-8")).get("install", [])
    fragments = dict(url_fragments(items, requirements))
    return Resolution(
        artifacts=tuple(artifact(item, fragments) for item in items),
        asked=asked.urls,
        build_requests=asked.by_builds,
        made=now,
    )


def failure(completed: Completed, log: Path, asked: tuple[str, ...]) -> ResolveError:
    """Explain a pip that failed; a hash mismatch carries what is needed to look for a spoilt entry."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    error = explain(Words(completed.err, completed.out, text))
    if found := MISMATCH.search(completed.err):
        return HashMismatchError(error.message, hint=error.hint, got=found["got"], asked=asked)
    return error


@dataclass(frozen=True, slots=True)
class Asked:
    """The URLs that pip, and the pips it started, looked up in their cache: in order, each once.

    `by_builds` are those looked up only while build requirements were installed.
    """

    urls: tuple[str, ...] = ()
    by_builds: tuple[str, ...] = ()


def read_log(log: Path) -> Asked:
    """Read a debug log of pip, to which the pips that it started for builds have written too."""
    if not log.exists():
        return Asked()
    urls: dict[str, bool] = {}
    building = False
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if found := LOOKED_UP.search(line):
                urls[found[1]] = building and urls.get(found[1], True)
            elif found := BUILD_STAGE.search(line):
                building = found[1] == "started"
    return Asked(tuple(urls), tuple(url for url, by_build in urls.items() if by_build))


def artifact(item: Mapping[str, Any], fragments: Mapping[str, str]) -> Artifact:
    """Read one entry of the installation report (https://pip.pypa.io/en/stable/reference/installation-report/)."""
    info = item["download_info"]
    url, hashes = str(info["url"]), archive_hashes(info.get("archive_info", {}))
    if "vcs_info" in info:
        url = f"{info['vcs_info']['vcs']}+{url}@{info['vcs_info']['commit_id']}"
    filename = file_name(url)
    direct = bool(item.get("is_direct"))
    return Artifact(
        name=str(item["metadata"]["name"]),
        version=str(item["metadata"]["version"]),
        filename=filename,
        kind=Kind.WHEEL if filename.endswith(".whl") else Kind.SDIST,
        url=url,
        hashes=hashes,
        link_hash=fragment_hash(f"#{fragments.get(bare(url), '')}") if direct else next(iter(hashes.items()), None),
        subdirectory=info.get("subdirectory"),
        direct=direct,
    )


def archive_hashes(info: Mapping[str, Any]) -> dict[str, str]:
    """Read the hashes of an `archive_info`; before pip 23.0 it had one, as `hash`: `sha256=...`."""
    if hashes := info.get("hashes"):
        return {str(name): str(value) for name, value in hashes.items()}
    algorithm, equals, digest = str(info.get("hash") or "").partition("=")
    return {algorithm: digest} if equals else {}


def url_fragments(items: Iterable[Mapping[str, Any]], requirements: RequirementSet) -> Iterator[tuple[str, str]]:
    """Yield direct URLs with their fragments: from the input, and from `name @ URL` among the dependencies."""
    dependencies = (str(text) for item in items for text in item["metadata"].get("requires_dist", ()))
    from_dependencies = (text.split(";")[0].partition("@")[2].strip() for text in dependencies if "@" in text)
    for url in (*requirements.direct_urls, *from_dependencies):
        yield bare(url), url.partition("#")[2]


def bare(url: str) -> str:
    """Return a URL as pip's report has it: without fragment and credentials."""
    return re.sub(r"^(\w[\w+.-]*://)[^/@]*@", r"\1", url.partition("#")[0])
