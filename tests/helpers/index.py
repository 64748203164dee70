"""A package index on loopback that behaves as PyPI does, or as badly as a test asks for, and logs what it was asked.

It owns what is served, with which headers and faults; the sockets are http_server's, the pages index_pages'.
"""

from __future__ import annotations

import atexit
import base64
import ssl
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.utils import formatdate
from fnmatch import fnmatchcase
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

import trustme
from packaging.metadata import parse_email
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

from tests.helpers.artifacts import metadata_of
from tests.helpers.conditional import conditional
from tests.helpers.http_server import Reply, Request, Server
from tests.helpers.index_content import (
    CHALLENGE,
    ETAG_ONLY,
    LAST_MODIFIED_ONLY,
    NO_STORE,
    NONE,
    PYPI,
    Fault,
    File,
    Headers,
    Profile,
    Resource,
    failure,
    redirect,
)
from tests.helpers.index_pages import negotiate, render

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "ETAG_ONLY",
    "LAST_MODIFIED_ONLY",
    "NONE",
    "NO_STORE",
    "PYPI",
    "Fault",
    "Headers",
    "Index",
    "Profile",
    "Request",
    "failure",
    "redirect",
    "serve_index",
]

_FILES = "/files/"
_SIMPLE = "/simple/"
_METADATA = ".metadata"


class Index:
    """A running index. A *target* is a path (`/simple/demo/`), a file name, or a pattern of either (`*.metadata`)."""

    def __init__(self, settings: _Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._files: dict[str, File] = {}
        self._resources: dict[str, Resource] = {}
        self._headers: list[tuple[str, Headers]] = []
        self._faults: list[_Pending] = []
        self._server = Server(self, tls=_tls().context_for(settings) if settings.tls else None)
        self.host = "localhost"
        self.port = self._server.port
        self.ca_bundle = _tls().ca_bundle
        self.client_certificate = _tls().client_certificate

    @property
    def url(self) -> str:
        """The index's address without a slash at its end, without credentials."""
        return f"{'https' if self._settings.tls else 'http'}://{self.host}:{self.port}"

    @property
    def simple_url(self) -> str:
        """What pip takes as `--index-url`, without credentials."""
        return f"{self.url}/simple/"

    @property
    def credentialed_url(self) -> str:
        """The same with the user name and password that the index asks for."""
        user, password = self._settings.auth or ("", "")
        return self.simple_url.replace("://", f"://{quote(user, safe='')}:{quote(password, safe='')}@")

    def add(
        self,
        path: Path,
        *,
        project: str | None = None,
        requires_python: str | None = None,
        yanked: str | None = None,
        hashes: bool | None = None,
        metadata: bool | None = None,
    ) -> str:
        """Serve a wheel or sdist, list it on its project's page, and return its URL.

        `requires_python` is a wheel's own unless given; `yanked` the reason, maybe empty; `hashes` and `metadata` say
        whether the page has the sha256 and the file a `.metadata` beside it, by default as the whole index does.
        """
        core = _metadata_of(path)
        self._store(
            File(
                filename=path.name,
                project=canonicalize_name(project) if project else _project_of(path.name),
                content=Resource(path.read_bytes()),
                metadata=Resource(core) if core and _or_default(metadata, self._settings.metadata) else None,
                requires_python=requires_python or _requires_python(core),
                yanked=yanked,
                hashed=_or_default(hashes, self._settings.hashes),
            )
        )
        return self.file_url(path.name)

    def replace(self, filename: str, path: Path) -> None:
        """Serve the bytes of another file at the same URL; the page lists their hash. Last-Modified moves by a day."""
        self._store(self._files[filename].replaced(path.read_bytes(), _metadata_of(path)))

    def put(self, path: str, body: bytes, *, content_type: str = "application/octet-stream") -> str:
        """Serve any bytes at a path of one's own choice, in place of what may stand there, and return the URL."""
        self._resources[path] = Resource(body, content_type)
        return self.url + quote(path)

    def set_headers(self, target: str, headers: Headers) -> None:
        """Serve a target with just these headers in place of the profile's; the last call that matches counts."""
        self._headers.insert(0, (target, headers))

    def inject(self, target: str, fault: Fault, *, times: int | None = 1) -> None:
        """Spoil the next `times` answers for a target, or all (None). One fault a request, the first injected first."""
        with self._lock:
            self._faults.append(_Pending(target, fault, times))

    def heal(self) -> None:
        """Take back every fault."""
        with self._lock:
            self._faults.clear()

    def file_url(self, filename: str) -> str:
        """Return the URL of an artifact."""
        return f"{self.url}{_FILES}{quote(filename)}"

    @property
    def requests(self) -> list[Request]:
        """Every request since the start or the last `clear`, in order."""
        return self._server.log.snapshot()

    def clear(self) -> None:
        """Forget the requests so far."""
        self._server.log.clear()

    def requested(self, *, suffix: str) -> list[Request]:
        """Return the requests whose path, unquoted and without its query, ends so."""
        return [request for request in self.requests if _plain(request.path).endswith(suffix)]

    def artifact_requests(self) -> list[Request]:
        """Return the requests for wheels and sdists, those answered with 304 and errors among them."""
        return [request for request in self.requests if _is_file(request.path) and not _is_metadata(request.path)]

    def metadata_requests(self) -> list[Request]:
        """Return the requests for `.metadata` files."""
        return [request for request in self.requests if _is_file(request.path) and _is_metadata(request.path)]

    def page_requests(self) -> list[Request]:
        """Return the requests for index pages."""
        return [request for request in self.requests if _plain(request.path).startswith(_SIMPLE)]

    def stop(self) -> None:
        """Take the index down: connections are closed, new ones refused."""
        self._server.stop()

    def check(self) -> None:
        """Raise what went wrong inside the index itself, if anything did."""
        if self._server.unexpected:
            raise ExceptionGroup("the test index failed", self._server.unexpected)

    def reply(self, method: str, path: str, headers: Mapping[str, str]) -> Reply:
        """Answer one request: for the server, not for tests."""
        plain = _plain(path)
        fault = self._take_fault(plain)
        reply = self._answer(plain, headers) if fault.status is None else _error(fault.status, fault.headers)
        pace = self._settings
        return fault.spoil(replace(reply, delay=pace.latency, bytes_per_second=pace.bytes_per_second))

    def _store(self, file: File) -> None:
        self._files[file.filename] = file

    def _take_fault(self, path: str) -> Fault:
        with self._lock:
            for pending in self._faults:
                if pending.times != 0 and _matches(path, pending.target):
                    pending.times = None if pending.times is None else pending.times - 1
                    return pending.fault
        return Fault()

    def _answer(self, path: str, request_headers: Mapping[str, str]) -> Reply:
        if not self._may_enter(request_headers.get("authorization")):
            return _error(HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": CHALLENGE})
        resource = self._resource(path, request_headers.get("accept"))
        if resource is None:
            return _error(HTTPStatus.NOT_FOUND, {})
        headers = resource.headers(self._headers_for(path))
        return conditional(Reply(status=HTTPStatus.OK, headers=headers, body=resource.body), request_headers)

    def _may_enter(self, authorization: str | None) -> bool:
        if self._settings.auth is None:
            return True
        expected = base64.b64encode(":".join(self._settings.auth).encode()).decode()
        return authorization == f"Basic {expected}"

    def _resource(self, path: str, accept: str | None) -> Resource | None:
        if path in self._resources:
            return self._resources[path]
        if path.startswith(_FILES):
            return self._file_resource(path.removeprefix(_FILES))
        if path.startswith(_SIMPLE) and path.endswith("/"):
            return self._page_resource(path.removeprefix(_SIMPLE).rstrip("/"), accept)
        return None

    def _file_resource(self, name: str) -> Resource | None:
        file = self._files.get(name.removesuffix(_METADATA))
        if file is None:
            return None
        return file.metadata if name.endswith(_METADATA) else file.content

    def _page_resource(self, project: str, accept: str | None) -> Resource | None:
        links = [
            file.link(self.file_url(file.filename)) for file in list(self._files.values()) if file.project == project
        ]
        content_type = self._settings.pages or negotiate(accept)
        return Resource(render(project, links, content_type=content_type), content_type) if links else None

    def _headers_for(self, path: str) -> Headers:
        for target, headers in self._headers:
            if _matches(path, target):
                return headers
        profile = self._settings.profile
        return profile.pages if path.startswith(_SIMPLE) else profile.files


@contextmanager
def serve_index(
    directory: Path | None = None,
    *,
    tls: bool = True,
    profile: Profile | Headers = PYPI,
    pages: str | None = None,
    hashes: bool = True,
    metadata: bool = True,
    auth: tuple[str, str] | None = None,
    client_certificates: bool = False,
    latency: float = 0.0,
    bytes_per_second: float | None = None,
) -> Iterator[Index]:
    """Run an index that serves the wheels and sdists of `directory`, if given, until the block ends.

    `profile`: the headers of the whole index; `pages`: one content type (of index_pages), whatever Accept says;
    `auth`: user name and password to ask for; `client_certificates`: talk to nobody without one;
    `latency` in seconds before each answer, `bytes_per_second` a connection.
    """
    settings = _Settings(
        tls=tls,
        profile=profile if isinstance(profile, Profile) else Profile(profile, profile),
        pages=pages,
        hashes=hashes,
        metadata=metadata,
        auth=auth,
        client_certificates=client_certificates,
        latency=latency,
        bytes_per_second=bytes_per_second,
    )
    index = Index(settings)
    try:
        for path in sorted(directory.iterdir()) if directory else ():
            index.add(path)
        yield index
    finally:
        index.stop()
    index.check()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    tls: bool
    profile: Profile
    pages: str | None
    hashes: bool
    metadata: bool
    auth: tuple[str, str] | None
    client_certificates: bool
    latency: float
    bytes_per_second: float | None


@dataclass(slots=True)
class _Pending:
    target: str
    fault: Fault
    times: int | None


@dataclass(frozen=True, slots=True)
class _Tls:
    context: ssl.SSLContext
    strict: ssl.SSLContext
    ca_bundle: Path
    client_certificate: Path

    def context_for(self, settings: _Settings) -> ssl.SSLContext:
        return self.strict if settings.client_certificates else self.context


def server_context() -> ssl.SSLContext:
    """Return what another server on loopback needs to be trusted as the index is, by the same bundle."""
    return _tls().context


@cache
def _tls() -> _Tls:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    context, strict = (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for _ in range(2))
    for one in (context, strict):
        issued.configure_cert(one)
    strict.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(strict)
    directory = tempfile.TemporaryDirectory(prefix="wheelwarm-tests-")
    atexit.register(directory.cleanup)
    bundle = Path(directory.name) / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    client = Path(directory.name) / "client.pem"
    authority.issue_cert("client@example.org").private_key_and_cert_chain_pem.write_to_path(str(client))
    return _Tls(context, strict, bundle, client)


def _error(status: int, headers: Mapping[str, str]) -> Reply:
    fixed = {"Content-Type": "text/plain", "Date": formatdate(usegmt=True)}
    return Reply(status=status, headers={**fixed, **headers}, body=f"{status}\n".encode())


def _or_default(value: bool | None, default: bool) -> bool:
    return default if value is None else value


def _project_of(filename: str) -> str:
    if filename.endswith(".whl"):
        return parse_wheel_filename(filename)[0]
    return parse_sdist_filename(filename)[0]


def _metadata_of(path: Path) -> bytes | None:
    return metadata_of(path) if path.suffix == ".whl" else None


def _requires_python(metadata: bytes | None) -> str | None:
    return parse_email(metadata)[0].get("requires_python") if metadata else None


def _plain(path: str) -> str:
    return unquote(urlsplit(path).path)


def _is_file(path: str) -> bool:
    return _plain(path).startswith(_FILES)


def _is_metadata(path: str) -> bool:
    return _plain(path).endswith(_METADATA)


def _matches(path: str, target: str) -> bool:
    return fnmatchcase(path, target if target.startswith("/") else f"*/{target}")
