"""What a URL alone tells: the file behind it, whether pip would cache it, whether its host is trusted. Pure."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from wheelwarm import file_names
from wheelwarm.model import LOCAL, Artifact, Kind, Outcome, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SDIST_SUFFIXES = (".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".tar.Z", ".tar")
HASH_ALGORITHMS = ("sha512", "sha384", "sha256", "sha224", "sha1", "md5")
"""Those that pip knows in links, the strongest first."""

_HASH = rf"[#&]({'|'.join(HASH_ALGORITHMS)})=([^&]*)"
_SUBDIRECTORY = r"[#&]subdirectory=([^&]*)"
VCS_SCHEMES = ("git", "hg", "svn", "bzr")


def file_name(url: str) -> str:
    """Return the last part of a URL's path."""
    return unquote(posixpath.basename(urlsplit(url).path.rstrip("/")))


def without_credentials(url: str) -> str:
    """Return an http URL as pip asks for it, without the user information before the host."""
    if not url.startswith("http"):
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def fragment_hash(url: str) -> tuple[str, str] | None:
    """Find the (algorithm, digest) in a URL's fragment by the rule of pip >= 23.1: the first one it knows."""
    match = re.search(_HASH, url)
    return (match[1], match[2]) if match else None


def fragment_subdirectory(url: str) -> str | None:
    """Find the `subdirectory=` in a URL's fragment."""
    match = re.search(_SUBDIRECTORY, url)
    return match[1] if match else None


def is_artifact(url: str) -> bool:
    """Tell whether a URL is a wheel's or an sdist's."""
    return file_name(url).endswith((".whl", *SDIST_SUFFIXES))


def is_metadata(url: str) -> bool:
    """Tell whether a URL is an artifact's `.metadata` file (PEP 658)."""
    return url.endswith(".metadata") and is_artifact(url.removesuffix(".metadata"))


def page_project(url: str) -> str:
    """Return the project an index page is of, by the last part of its path (PEP 503), normalised."""
    from packaging.utils import canonicalize_name

    return canonicalize_name(file_name(url.rstrip("/")))


def page_at(url: str) -> Artifact:
    """Name an index page by its URL."""
    return Artifact(name=page_project(url), version="", filename="", kind=Kind.INDEX_PAGE, url=url)


def artifact_at(url: str) -> Artifact:
    """Name an artifact by its URL alone; hashes have to come from elsewhere."""
    return artifact_named(file_name(url), url)


def metadata_at(url: str) -> Artifact:
    """Name a `.metadata` file by its URL."""
    return metadata_named(file_name(url), url)


def artifact_named(filename: str, url: str, *, hashes: Mapping[str, str] | None = None) -> Artifact:
    """Name an artifact by its file name, which alone tells project and version; without them the version is empty."""
    kind = Kind.WHEEL if filename.endswith(".whl") else Kind.SDIST
    name, version = _parts(filename)
    return Artifact(name=name, version=version, filename=filename, kind=kind, url=url, hashes=hashes or {})


def metadata_named(filename: str, url: str, *, hashes: Mapping[str, str] | None = None) -> Artifact:
    """Name a `.metadata` file by its file name."""
    name, version = _parts(filename.removesuffix(".metadata"))
    return Artifact(name=name, version=version, filename=filename, kind=Kind.METADATA, url=url, hashes=hashes or {})


def tags_of(filename: str) -> tuple[str, ...]:
    """Return the tags in a wheel's file name, sorted; none for any other file."""
    wheel = file_names.of_wheel(filename)
    return wheel.tags if wheel else ()


def _parts(filename: str) -> tuple[str, str]:
    """Return project and version; the file name and an empty version where it tells neither."""
    if wheel := file_names.of_wheel(filename):
        return wheel.project, wheel.version
    return file_names.of_sdist(filename) or (filename, "")


def is_page(url: str) -> bool:
    """Tell whether a URL that pip asked for is an index page's: neither an artifact's nor a `.metadata` file's."""
    # How nearly all of them end, and a URL is taken apart in fifty times as long as this takes.
    if "?" not in url and "#" not in url and url.endswith(("/", ".whl", ".whl.metadata")):
        return url.endswith("/")
    return not is_artifact(url) and not is_metadata(url)


def named(url: str) -> Artifact:
    """Name the artifact or `.metadata` file at a URL."""
    return metadata_at(url) if is_metadata(url) else artifact_at(url)


def is_trusted(url: str, trusted_hosts: Sequence[str]) -> bool:
    """Tell whether `--trusted-host` names the URL's host: with any port, or with just this one."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    try:
        names = {host, f"{host}:{parts.port}", f"[{host}]", f"[{host}]:{parts.port}"}
    except ValueError:  # a port that is none, which no option can have named
        return False
    return any(trusted.lower() in names for trusted in trusted_hosts)


def verdict_of(url: str, trusted_hosts: Sequence[str]) -> Verdict | None:
    """Return what the URL alone decides: local, version control, plain http from a host that nobody vouched for."""
    if url.startswith("https:"):
        return None
    scheme = urlsplit(url).scheme.lower()
    if scheme == "file":
        return LOCAL
    if scheme.partition("+")[0] in VCS_SCHEMES:
        return Verdict(Outcome.UNCACHEABLE, Reason.VCS)
    if scheme == "http" and not is_trusted(url, trusted_hosts):
        return Verdict(Outcome.UNCACHEABLE, Reason.INSECURE_ORIGIN)
    return None
