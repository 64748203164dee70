"""What real pips print when they give up becomes one sentence that names the thing, and a hint."""

from __future__ import annotations

import hashlib
import io
import socket
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_sdist, make_wheel
from tests.helpers.index import Fault, Index, failure, serve_index
from wheelwarm.targets.pip_errors import Words, explain, first_error

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.pips import PipEnvironment
    from wheelwarm.errors import ResolveError

WRONG = "0" * 64
PASSWORD = "s3cr3t"
ALWAYS = ("22.2", "26.3")
VERSIONS = [
    pytest.param(version, marks=() if version in ALWAYS else pytest.mark.pip_matrix)
    for version in ("22.2", "23.3.2", "24.3.1", "25.3", "26.2.1", "26.3")
]


@dataclass(frozen=True, slots=True)
class FailingPip:
    """A pip whose `install --dry-run` is to fail, run as the resolver runs it."""

    pip: PipEnvironment
    index: Index
    folder: Path

    def __call__(self, *arguments: str, **variables: str) -> ResolveError:
        """Return what is made of its words, having seen that no password is among them."""
        log = self.folder / "pip.log"
        process = self.pip.run(
            *("install", "--dry-run", "--ignore-installed", *arguments),
            cache_dir=self.folder / "cache",
            index=self.index,
            env={"PIP_RETRIES": "0", "PIP_LOG": str(log), "PIP_VERBOSE": "1", "PIP_PROGRESS_BAR": "off", **variables},
        )
        assert process.returncode != 0
        error = explain(Words(process.stderr, process.stdout, log.read_text() if log.exists() else ""))
        assert PASSWORD not in error.message + error.hint
        assert error.message.endswith(".")
        assert error.hint
        return error

    def requirements(self, *lines: str) -> str:
        """Write a requirements file and return its path."""
        path = self.folder / "requirements.txt"
        path.write_text("\n".join(lines))
        return str(path)

    def digest(self, stem: str) -> str:
        """Return the sha256 of a wheel that the index serves."""
        return hashlib.sha256((self.folder / f"{stem}-py3-none-any.whl").read_bytes()).hexdigest()


@pytest.fixture(params=VERSIONS)
def fail(request: pytest.FixtureRequest, pip_of: PipOf, index: Index, tmp_path: Path) -> FailingPip:
    """Serve demo 1.0 and 2.0, and app 1.0 that wants the older one."""
    index.add(make_wheel(tmp_path, "demo", "1.0"))
    index.add(make_wheel(tmp_path, "demo", "2.0"))
    index.add(make_wheel(tmp_path, "app", "1.0", requires=["demo<2"]))
    return FailingPip(pip_of(request.param), index, tmp_path)


@pytest.fixture
def closed_port() -> int:
    """Return a port of this machine on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_unknown_project(fail: FailingPip) -> None:
    """A project that no index has is named."""
    error = fail("nope")
    assert error.message == "No distribution for nope was found on the indexes that pip asked."
    assert "spelling" in error.hint


def test_index_without_scheme(fail: FailingPip) -> None:
    """An index that pip passes over with a warning is told, and not that it has no such project."""
    error = fail("nope", PIP_INDEX_URL=f"me:{PASSWORD}@index.test:8080/simple")
    assert error.message.endswith("has no scheme, and is no folder: ****@index.test:8080/simple/nope/.")
    assert "PIP_INDEX_URL" in error.hint


def test_unknown_dependency(fail: FailingPip, tmp_path: Path) -> None:
    """A dependency that no index has is named with what wants it."""
    fail.index.add(make_wheel(tmp_path, "root", "1.0", requires=["nope>=3"]))
    assert "nope>=3 (from root)" in fail("root").message


def test_unknown_version(fail: FailingPip) -> None:
    """A version that does not exist is told, with the newest that does."""
    assert fail("demo==9").message == "No version satisfies demo==9; the newest of those found is 2.0."


def test_other_python(fail: FailingPip, tmp_path: Path) -> None:
    """A project for other Pythons only is not taken for a misspelt one."""
    fail.index.add(make_wheel(tmp_path, "newer", "1.0", requires_python=">=4"))
    error = fail("newer")
    assert error.message == "No distribution for newer was found that is for this Python."
    assert "1.0 Requires-Python >=4" in error.hint


def test_conflict(fail: FailingPip) -> None:
    """Both sides of a conflict are named, and who wants them."""
    error = fail("demo==2.0", "app")
    assert error.message == (
        "Cannot install app==1.0 and demo==2.0 because these package versions have conflicting dependencies: "
        "The user requested demo==2.0; app 1.0 depends on demo<2."
    )


def test_closed_port(fail: FailingPip, closed_port: int) -> None:
    """An index on which nobody listens is not taken for one that lacks the project."""
    error = fail("demo", PIP_INDEX_URL=f"https://me:{PASSWORD}@localhost:{closed_port}/simple/")
    assert error.message.startswith(f"The index cannot be reached at https://****@localhost:{closed_port}/simple/demo/")
    assert "Connection refused" in error.message
    assert "object at 0x" not in error.message


def test_closed_port_behind_a_direct_url(fail: FailingPip, closed_port: int) -> None:
    """A direct URL without a server is named."""
    error = fail(f"demo @ https://me:{PASSWORD}@localhost:{closed_port}/demo-1.0-py3-none-any.whl")
    assert f"localhost:{closed_port}/demo-1.0-py3-none-any.whl: " in error.message
    assert "Connection refused" in error.message


def test_untrusted_certificate(fail: FailingPip) -> None:
    """An index whose authority is not trusted is a matter of TLS, and the hint says what to give."""
    error = fail("demo", PIP_CERT="")
    assert error.message.startswith(f"TLS failed for {fail.index.simple_url}demo/: [SSL: CERTIFICATE_VERIFY_FAILED]")
    assert "PIP_CERT" in error.hint


def test_untrusted_certificate_behind_a_direct_url(fail: FailingPip) -> None:
    """The same for a direct URL."""
    url = fail.index.file_url("demo-1.0-py3-none-any.whl")
    error = fail("--no-index", f"demo @ {url}", PIP_CERT="")
    assert error.message.startswith(f"TLS failed for {url}: [SSL: CERTIFICATE_VERIFY_FAILED]")


@pytest.mark.parametrize("status", [401, 403])
def test_refusing_index(fail: FailingPip, status: int) -> None:
    """An index that refuses is not taken for one that lacks the project; the hint is about credentials."""
    fail.index.inject("/simple/demo/", failure(status), times=None)
    error = fail("demo", PIP_INDEX_URL=fail.index.simple_url.replace("://", f"://me:{PASSWORD}@"))
    assert "The index refused https://****@localhost" in error.message
    assert f"({status} Client Error" in error.message
    assert "credentials" in error.hint


def test_a_number_in_a_name_is_no_status(fail: FailingPip) -> None:
    """What the server answers counts, and not what project, port and page are called."""
    fail.index.inject("/simple/demo-404/", failure(401), times=None)
    assert fail("demo-404").message.startswith("The index refused ")


def test_a_host_is_no_reason(fail: FailingPip) -> None:
    """A host that has TLS in its name, and is not found, is no failure of TLS."""
    message = fail("demo", PIP_INDEX_URL="https://ssl.invalid/simple/").message
    assert message.startswith("The index cannot be reached at https://ssl.invalid/simple/demo/: ")


def test_broken_index(fail: FailingPip) -> None:
    """An index that answers 500 is told as out of order."""
    fail.index.inject("/simple/demo/", failure(500), times=None)
    assert "too many 500 error responses" in fail("demo").message


def test_index_that_hangs_up(fail: FailingPip) -> None:
    """An index that closes the connection is told as such."""
    fail.index.inject("/simple/demo/", Fault(hang_up=True), times=None)
    assert "closed" in fail("demo").message


def test_silent_index(fail: FailingPip) -> None:
    """An index that does not answer in time is told as such, and for how long pip waited."""
    fail.index.inject("/simple/demo/", Fault(delay=5), times=None)
    error = fail("demo", PIP_DEFAULT_TIMEOUT="0.2")
    assert error.message.startswith(f"The index cannot be reached at {fail.index.simple_url}demo/: ")
    assert "0.2" in error.message


def test_missing_file(fail: FailingPip) -> None:
    """A direct URL that the server does not know is named with the status."""
    url = fail.index.url + "/files/none-1.0.tar.gz"
    assert fail(url).message == f"The server answered 404 for {url}."


def test_refused_file(fail: FailingPip) -> None:
    """A direct URL that the server refuses has a hint about credentials."""
    fail.index.inject("demo-1.0-py3-none-any.whl", failure(403), times=None)
    error = fail(f"demo @ {fail.index.file_url('demo-1.0-py3-none-any.whl')}")
    assert error.message.startswith("The server answered 403 for ")
    assert "credentials" in error.hint


def test_wrong_hash(fail: FailingPip) -> None:
    """A wrong hash names the file, the line that wants it, what was expected and what came."""
    path = fail.requirements(f"demo==1.0 --hash=sha256:{WRONG}")
    error = fail("-r", path)
    assert error.message.startswith("The hash of demo==1.0 from https://")
    assert f"{path} (line 1)) does not match: expected sha256 {WRONG}, got " in error.message


def test_several_wrong_hashes(fail: FailingPip) -> None:
    """Where several hashes are allowed, the first of them is told."""
    error = fail("-r", fail.requirements(f"demo==1.0 --hash=sha256:{WRONG} --hash=sha256:{'1' * 64}"))
    assert f"expected sha256 {WRONG}, got " in error.message


def test_missing_hash(fail: FailingPip) -> None:
    """With hashes in the file, the requirement that has none is named."""
    error = fail("-r", fail.requirements(f"demo==1.0 --hash=sha256:{fail.digest('demo-1.0')}", "app==1.0"))
    assert error.message == "With hashes in the requirements each one must be pinned and have a hash; app==1.0 is not."
    assert "--generate-hashes" in error.hint


def test_failing_build(fail: FailingPip, tmp_path: Path) -> None:
    """A build that fails is told by its project and the error in it, not by pip's words around it."""
    backend = "def prepare_metadata_for_build_wheel(directory, settings=None): raise RuntimeError('no compiler here')"
    fail.index.add(broken_sdist(tmp_path, "broken", backend))
    error = fail("broken")
    assert error.message.startswith("broken cannot be built: RuntimeError: no compiler here")
    assert "--only-binary" in error.hint


def test_missing_build_requirement(fail: FailingPip, tmp_path: Path) -> None:
    """A build requirement that no index has is named."""
    fail.index.add(make_sdist(tmp_path, "needy", "1.0", build_requires=["nope"]))
    assert fail("needy").message == "No distribution for nope was found on the indexes that pip asked."


def test_failing_clone(fail: FailingPip, closed_port: int) -> None:
    """A repository that cannot be fetched is named, with git's own reason."""
    error = fail(f"git+https://me:{PASSWORD}@localhost:{closed_port}/x.git")
    assert error.message.startswith(f"git cannot fetch https://****@localhost:{closed_port}/x.git: ")
    assert "Failed to connect" in error.message or "Couldn't connect" in error.message


def test_crashing_pip(fail: FailingPip) -> None:
    """Where pip itself breaks, the exception is told and not the word before its traceback."""
    error = fail(f"other @ {fail.index.file_url('demo-1.0-py3-none-any.whl')}")
    assert error.message.startswith("pip failed: ")
    assert "'demo'" in error.message


def test_bad_option(fail: FailingPip) -> None:
    """Where pip only says what it does not like, that is told."""
    assert fail("--frobnicate").message == "pip failed: no such option: --frobnicate."


def test_credentials_of_an_index_that_asks_for_others(fail: FailingPip, tmp_path: Path) -> None:
    """A wrong password does not appear in the message that it was refused."""
    with serve_index(auth=("me", "right")) as guarded:
        guarded.add(make_wheel(tmp_path, "demo", "1.0"))
        error = fail("demo", PIP_INDEX_URL=guarded.simple_url.replace("://", f"://me:{PASSWORD}@"))
    assert error.message.startswith("The index refused https://****@localhost:")


def test_silent_pip() -> None:
    """A pip that says nothing at all still makes a sentence."""
    assert explain(Words("")).message == "pip failed: it printed nothing."
    assert first_error("some words\n\n") == "some words"


def broken_sdist(folder: Path, name: str, backend: str) -> Path:
    """Write an sdist whose build backend is the given code."""
    path = folder / f"{name}-1.0.tar.gz"
    files = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n",
        "backend.py": backend,
    }
    with tarfile.open(path, "w:gz") as archive:
        for member, content in files.items():
            info = tarfile.TarInfo(f"{name}-1.0/{member}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content.encode()))
    return path


@pytest.mark.parametrize("version", VERSIONS)
def test_a_path_where_nothing_is(pip_of: PipOf, index: Index, tmp_path: Path, version: str) -> None:
    """A requirement that is a path is told with the whole of it."""
    error = FailingPip(pip_of(version), index, tmp_path)(f"{tmp_path}/gone/../gone-1.0.tar.gz")
    assert error.message == f"There is no file {tmp_path}/gone-1.0.tar.gz."
