"""What pip printed when it gave up -> one sentence and a hint. Pure.

pip's exit code says only that it failed, so its words are read: on standard error, in its output, and in its log,
which alone tells why an index page was skipped. Wordings of pip 22.2 to 26.3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wheelwarm.errors import NoDistributionError, ResolveError
from wheelwarm.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable

SKIPPED = re.compile(r"Could not fetch URL (?P<url>\S+): (?P<why>.*?)(?: - skipping)?$", re.MULTILINE)
ABSENT = re.compile(r"404\b")
HOST = re.compile(r"://(?:[^/@]*@)?(?P<name>[^/:?#]+)")
NO_VERSION = re.compile(r"satisfies the requirement (?P<requirement>.+?) \(from versions: (?P<versions>.*?)\)")
CONFLICT = re.compile(r"^ERROR: (?P<sentence>Cannot install .* conflicting dependencies\.)", re.MULTILINE)
CAUSES = re.compile(r"The conflict is caused by:\n(?P<causes>(?:    .*\n?)+)")
HTTP_ERROR = re.compile(r"HTTP error (?P<status>\d{3}) while getting (?P<url>\S+)")
MISMATCH = re.compile(
    r"^ +(?P<what>\S.*?):\n +Expected (?P<algorithm>\w+) (?P<expected>[0-9a-f]+)\n"
    r"(?: +Expected.*\n)* +Got +(?P<got>[0-9a-f]+)",
    re.MULTILINE,
)
UNPINNED = re.compile(r"(?:Hashes are required in|In) --require-hashes mode, .*\n(?P<which>(?: {4}.*\n?)+)")
NO_SCHEME = re.compile(
    r"Location '(?P<url>[^']*)' is ignored: it is either a non-existing path or lacks a specific scheme"
)
NO_SOURCES = re.compile(r"No sources permitted for ([\w.-]+)")
OTHER_PYTHONS = re.compile(r"Ignored the following versions that require a different python version: (?P<versions>.*)")
# A direct URL without an answer. pip 26.2 and later draw a box; before, an exception names host and path apart.
UNFETCHED = re.compile(
    r"^\u00d7 .*(?:while fetching|Unable to fetch) (?P<url>\S+)\n(?:│.*\n)*╰─> (?P<why>.*)"
    r"|^[\w.]+: (?P<scheme>HTTPS?)ConnectionPool\(host='(?P<host>[^']*)', port=(?P<port>\d+)\): "
    r"Max retries exceeded with url: (?P<path>\S+) (?P<caused>\(Caused by .*\))$",
    re.MULTILINE,
)
# The words of the innermost exception: the last quoted text within all the brackets.
CAUSED_BY = re.compile(r"""\(Caused by .*?(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)")\)+$""")
SPEAKER = re.compile(r"^(?:connection error|There was a problem .*? certificate|<[^>]*>|HTTPS?Connection\w*\(.*?\)): ")
# What a build or a version control tool said last, before pip's own words about it.
CHILD_FAILED = re.compile(
    r"^(?P<last>.*)\n *error: subprocess-exited-with-error\n\s*\u00d7 (?P<step>.*) did not run successfully\.$",
    re.MULTILINE,
)
VCS_COMMAND = re.compile(r"(?P<tool>git|hg|svn|bzr) .*?(?P<url>[\w+]+://[^\s']+)")
COLLECTING = re.compile(r"^(?:Collecting|Processing) (?P<what>\S+)", re.MULTILINE)
# The missing archive of a requirement, an OSError or by its own name.
GONE = re.compile(
    r"Error: \[Errno 2\] No such file or directory: '(?P<path>[^'\n]+\.(?:whl|zip|tgz|tar(?:\.\w+)?))'$", re.MULTILINE
)
RAISED = re.compile(r"^Traceback .*\n(?: .*\n)+(?:\w+\.)*(?P<raised>\w.*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Words:
    """What one pip left: standard error, standard output, debug log."""

    err: str
    out: str = ""
    log: str = ""


def explain(words: Words) -> ResolveError:
    """Say in one sentence why pip failed, and what may help."""
    for reader in READERS:
        if error := reader(words):
            return error
    return ResolveError(f"pip failed: {first_error(words.err)}.", hint="Run pip itself to see more.")


def first_error(err: str) -> str:
    """Return the exception that pip ended by, else the first line it marked as an error, else its last words."""
    if raised := RAISED.findall(err):
        return redact(raised[-1].rstrip("."))
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    marked = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return redact((marked or lines[-1:] or ["it printed nothing"])[0].rstrip("."))


def hash_mismatch(words: Words) -> ResolveError | None:
    """Find a body that does not have the hash which the requirements or the index state."""
    if not (found := MISMATCH.search(words.err)):
        return None
    what = redact(found["what"].split("#")[0])
    return ResolveError(
        f"The hash of {what} does not match: expected {found['algorithm']} {found['expected']}, got {found['got']}.",
        hint="If the file was meant to change, update the hash in the requirements; otherwise do not trust it.",
    )


def hashes_missing(words: Words) -> ResolveError | None:
    """Find what lacks a hash: one requirement with a hash makes pip demand a pin and a hash of all."""
    if not (found := UNPINNED.search(words.err)):
        return None
    which = redact(found["which"].strip().splitlines()[0].split(" from ")[0].split(" --hash")[0])
    return ResolveError(
        f"With hashes in the requirements each one must be pinned and have a hash; {which} is not.",
        hint="Let a tool such as `pip-compile --generate-hashes` write the file.",
    )


def conflict(words: Words) -> ResolveError | None:
    """Find requirements that exclude each other."""
    if not (found := CONFLICT.search(words.err)):
        return None
    causes = CAUSES.search(words.out) or CAUSES.search(words.log)
    details = "; ".join(line.strip() for line in causes["causes"].splitlines()) if causes else ""
    sentence = found["sentence"].removesuffix(".") + (f": {details}." if details else ".")
    return ResolveError(redact(sentence), hint="Loosen one of the versions.")


def skipped_page(words: Words) -> ResolveError | None:
    """Find an index that could not be asked, which pip takes for one that has nothing."""
    if not (wanted := NO_VERSION.search(words.err)):
        return None
    project = project_of(wanted["requirement"])
    for found in NO_SCHEME.finditer(words.err):
        if f"/{project}/" in found["url"].lower():
            # With a scheme, so that a password is known for one.
            meant = redact(f"https://{found['url']}")
            return ResolveError(
                f"An index in pip's configuration has no scheme, and is no folder: {meant.removeprefix('https://')}.",
                hint="Write it with https:// before it, in PIP_INDEX_URL or pip.conf.",
            )
    for found in SKIPPED.finditer(words.log):
        if f"/{project}/" in found["url"].lower() + "/" and not ABSENT.match(found["why"]):
            return unreachable(found["url"], found["why"])
    return None


def project_of(requirement: str) -> str:
    """Return the normalised name that a requirement begins with."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement)[0]).lower()


def no_connection(words: Words) -> ResolveError | None:
    """Find a direct URL whose server gave no answer."""
    if not (found := UNFETCHED.search(words.err)):
        return None
    if found["url"]:
        return unreachable(found["url"], found["why"], who="The server")
    url = f"{found['scheme'].lower()}://{found['host']}:{found['port']}{found['path']}"
    return unreachable(url, found["caused"], who="The server")


def cause(why: str) -> str:
    """Take the reason out of what requests and urllib3 wrap around it."""
    why = why.split(" for url:")[0]
    if found := CAUSED_BY.search(why):
        why = found["single"] or found["double"]
    while (rest := SPEAKER.sub("", why)) != why:
        why = rest
    return redact(why.rstrip("."))


def unreachable(url: str, why: str, *, who: str = "The index") -> ResolveError:
    """Tell refusal, broken trust and silence apart."""
    url, why = redact(url), cause(why)
    host = HOST.search(url)
    # A host may be called ssl.example.org.
    said = re.sub(rf"\b{re.escape(host['name'])}\b", "", why, flags=re.IGNORECASE) if host else why
    if re.search(r"\b(401|403|407)\b", said):
        return ResolveError(
            f"{who} refused {url} ({why}).",
            hint="Give credentials as pip takes them: in the index URL, by netrc, or by keyring.",
        )
    if re.search(r"ssl|certificate", said, re.IGNORECASE):
        return ResolveError(
            f"TLS failed for {url}: {why}.", hint="Give the server's certificate authority by PIP_CERT or pip.conf."
        )
    return ResolveError(f"{who} cannot be reached at {url}: {why}.", hint="Check the network and the URL.")


def no_distribution(words: Words) -> ResolveError | None:
    """Find a project or a version that no index has."""
    if not (found := NO_VERSION.search(words.err)):
        return None
    requirement, versions = redact(found["requirement"]), found["versions"]
    if others := OTHER_PYTHONS.search(words.err):
        return NoDistributionError(
            f"No distribution for {requirement} was found that is for this Python.",
            hint=f"There is {others['versions'].split(';')[-1].strip()}: choose another Python, or an older version.",
        )
    if versions == "none" and any(
        project_of(name) == project_of(requirement) for name in NO_SOURCES.findall(words.log)
    ):
        return NoDistributionError(
            f"No wheel of {requirement} fits; there is an sdist, which --only-binary keeps from being built.",
            hint="Ask for a version that has a wheel for this Python and platform, or build one there.",
        )
    if versions == "none":
        return NoDistributionError(
            f"No distribution for {requirement} was found on the indexes that pip asked.",
            hint="Check the spelling, the index, and whether it has files for this Python.",
        )
    return NoDistributionError(
        f"No version satisfies {requirement}; the newest of those found is {versions.split(', ')[-1]}.",
        hint="Ask for a version that exists for this Python.",
    )


def http_error(words: Words) -> ResolveError | None:
    """Find a direct URL that the server does not serve."""
    if not (found := HTTP_ERROR.search(words.err) or HTTP_ERROR.search(words.log)):
        return None
    hint = (
        "Give credentials as pip takes them: in the URL, by netrc, or by keyring."
        if found["status"] in ("401", "403", "407")
        else "Check the URL; if an index page names it, the index is at fault."
    )
    return ResolveError(f"The server answered {found['status']} for {redact(found['url'])}.", hint=hint)


def child_failed(words: Words) -> ResolveError | None:
    """Find a build, or a version control tool, that failed."""
    if not (found := CHILD_FAILED.search(words.err)):
        return None
    said = found["last"].strip().removeprefix("fatal: ").rstrip(".") or "it printed nothing"
    if command := VCS_COMMAND.match(found["step"]):
        return ResolveError(
            redact(f"{command['tool']} cannot fetch {command['url']}: {said}."),
            hint="Check the URL and the network, and that the tool can log in there.",
        )
    # pip before 24 writes `name@ URL`, later ones `name @ URL`.
    project = [redact(what).rstrip("@") for what in COLLECTING.findall(words.out)][-1:] or ["a requirement"]
    return ResolveError(
        f"{project[0]} cannot be built: {redact(said)} ({found['step']}).",
        hint="Its build may need a compiler or system libraries; --only-binary :all: takes wheels only.",
    )


def gone(words: Words) -> ResolveError | None:
    """Find a requirement whose file is not there."""
    if not (found := GONE.search(words.err)):
        return None
    return ResolveError(
        f"There is no file {found['path']}.", hint="Paths count from the current folder, in requirements files too."
    )


READERS: tuple[Callable[[Words], ResolveError | None], ...] = (
    hash_mismatch,
    hashes_missing,
    conflict,
    skipped_page,
    no_distribution,
    http_error,
    no_connection,
    child_failed,
    gone,
)
