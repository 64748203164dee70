"""Bad input, bad servers, bad disks: one sentence that names the thing, a hint, the right exit code, nothing left."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tests.helpers.artifacts import make_wheel
from tests.helpers.index import Fault, Index, failure, serve_index
from tests.helpers.program import Answer, Program
from wheelwarm.cli import app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.pips import PipEnvironment

PASSWORD = "s3cr3t"
NOT_ROOT = pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read and write everywhere")
AS_ROOT = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give files away")

# Starts wheelwarm where no file may grow over the given number of bytes, as on a disk that is full.
LIMITED = (
    "import resource, sys; limit = int(sys.argv.pop(1)); resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)); "
    "from wheelwarm.cli import main; main()"
)


@pytest.fixture(autouse=True)
def _nothing_left(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """See to it that no run leaves a temporary file, in the cache or outside."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    yield
    assert list(temporary.iterdir()) == []
    assert list((tmp_path / "cache").rglob("*.tmp")) == []


class Impatient(Program):
    """wheelwarm with an index whose URL has a password in it, and little patience."""

    def run(self, *arguments: str, **variables: str | None) -> Answer:
        """Run a command; its output never has the password, nor a traceback."""
        url = self.index.simple_url.replace("://", f"://me:{PASSWORD}@")
        settings = {"PIP_INDEX_URL": url, "PIP_RETRIES": "0", "PIP_DEFAULT_TIMEOUT": "5"}
        answer = super().run(*arguments, **settings | variables)
        assert PASSWORD not in answer.out + answer.err
        assert "Traceback" not in answer.out + answer.err
        return answer

    def refusal(self, *arguments: str, command: str = "prefetch", **variables: str | None) -> dict[str, str]:
        """Run a command that cannot be carried out, and return its one error, the same on both streams."""
        answer = self.run(command, "--json", *arguments, **variables)
        assert answer.code == 3
        assert (answer.envelope["status"], answer.envelope["command"]) == ("error", command)
        (error,) = answer.envelope["errors"]
        assert f"error: {error['message']}\nhint: {error['hint']}\n" in answer.err
        assert answer.err.count("error: ") == 1
        assert re.fullmatch(r"\S.*[.:]", error["message"])
        assert error["hint"]
        return dict(error)

    def partly(self, *arguments: str, **variables: str | None) -> Answer:
        """Run a prefetch that ends with something still missing, and said why."""
        answer = self.run("prefetch", "--json", *arguments, **variables)
        assert (answer.code, answer.envelope["status"]) == (1, "partial")
        for error in answer.envelope["errors"]:
            assert error["code"] == "fetch"
            assert f"failed: {error['message']}\n" in answer.err
        return answer


@pytest.fixture
def program(modern_pip: PipEnvironment, index: Index, cache_dir: Path, tmp_path: Path) -> Impatient:
    """Serve app 1.0, which needs lib below 2, and lib 1.0 and 2.0."""
    publish(index, tmp_path)
    return Impatient(modern_pip, index, cache_dir)


def publish(index: Index, folder: Path) -> None:
    """Publish app 1.0, which needs lib below 2, and lib 1.0 and 2.0."""
    index.add(make_wheel(folder, "app", "1.0", requires=["lib<2"], size=900_000))
    index.add(make_wheel(folder, "lib", "1.0", size=50_000))
    index.add(make_wheel(folder, "lib", "2.0"))


def requirements(tmp_path: Path, content: str | bytes) -> str:
    """Write a requirements file and return its path."""
    path = tmp_path / "requirements.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def test_an_unknown_project(program: Impatient) -> None:
    """A project that the index lacks is named."""
    error = program.refusal("no-such-project")
    assert error["code"] == "resolve"
    assert "no-such-project" in error["message"]


def test_conflicting_requirements(program: Impatient) -> None:
    """What excludes each other is named on both sides."""
    error = program.refusal("app", "lib==2.0")
    assert error["code"] == "resolve"
    assert "app 1.0 depends on lib<2" in error["message"]
    assert "lib==2.0" in error["message"]


def test_a_missing_file(program: Impatient, tmp_path: Path) -> None:
    """A requirements file that is not there is named, and the one that was meant is guessed."""
    requirements(tmp_path, "app\n")
    error = program.refusal("-r", str(tmp_path / "requirement.txt"))
    assert error["code"] == "input"
    assert str(tmp_path / "requirement.txt") in error["message"]
    assert "requirements.txt" in error["hint"]


def test_a_folder_in_place_of_a_file(program: Impatient, tmp_path: Path) -> None:
    """A folder behind -r is told as one."""
    error = program.refusal("-r", str(tmp_path))
    assert error["code"] == "input"
    assert f"{tmp_path} is a folder" in error["message"]


@NOT_ROOT
def test_an_unreadable_file(program: Impatient, tmp_path: Path) -> None:
    """A file that may not be read is named."""
    path = requirements(tmp_path, "app\n")
    os.chmod(path, 0)  # noqa: PTH101
    error = program.refusal("-r", path)
    assert error["code"] == "input"
    assert path in error["message"]


@pytest.mark.parametrize("content", [b"app\n\x00\x01\x02", b"\xff\xfe\x00"])
def test_a_file_that_is_no_text(program: Impatient, tmp_path: Path, content: bytes) -> None:
    """Bytes that are no text are told with their line."""
    path = requirements(tmp_path, content)
    error = program.refusal("-r", path)
    assert error["code"] == "input"
    assert f"{path}, line " in error["message"]


def test_a_bad_option_in_a_file(program: Impatient, tmp_path: Path) -> None:
    """An option that no requirements file may hold is told with its line."""
    path = requirements(tmp_path, "app\n--frobnicate\n")
    error = program.refusal("-r", path)
    assert error["code"] == "input"
    assert f"{path}, line 2" in error["message"]
    assert "--frobnicate" in error["message"]


def test_a_requirement_that_is_none(program: Impatient) -> None:
    """What is no requirement is told as it was written, and as it was meant."""
    error = program.refusal("app=1.0")
    assert error["code"] == "input"
    assert "'app=1.0'" in error["message"]
    assert "app==1.0" in error["hint"]


HASHES = f'hashes = {{sha256 = "{"0" * 64}"}}'
WHEEL = "lib-1.0-py3-none-any.whl"


def locked(file: str, *, version: str = "1.0") -> str:
    """Return a lock of one package with this file."""
    head = f'lock-version = "{version}"\ncreated-by = "somebody"\n'
    return f'{head}[[packages]]\nname = "lib"\nversion = "1.0"\n{file}\n'


LOCKS: dict[str, tuple[str | bytes, str]] = {
    "a later version": (locked("", version="2.0"), "has a lock-version that is not known"),
    "no version": (locked("", version="one"), "Invalid version: 'one' in 'lock-version'"),
    "no hashes": (locked(f'wheels = [{{url = "https://h/{WHEEL}"}}]'), "'packages[0].wheels[0].hashes'"),
    "empty hashes": (locked(f'wheels = [{{url = "https://h/{WHEEL}", hashes = {{}}}}]'), "At least one hash"),
    "a wheel's name climbs": (locked(f'wheels = [{{name = "../{WHEEL}", path = "x", {HASHES}}}]'), f"'../{WHEEL}'"),
    "a wheel's URL climbs": (locked(f'wheels = [{{url = "https://h/..%2f{WHEEL}", {HASHES}}}]'), f"'../{WHEEL}'"),
    "an sdist's name climbs": (
        locked(f'sdist = {{name = "../lib-1.0.tar.gz", url = "https://h/lib-1.0.tar.gz", {HASHES}}}'),
        "Name in '../lib-1.0.tar.gz' is not consistent",
    ),
    "a path to nothing": (
        locked(f'wheels = [{{path = "../gone/{WHEEL}", {HASHES}}}]'),
        f"/gone/{WHEEL}, where nothing is",
    ),
    "no scheme": (locked(f'wheels = [{{url = "h/{WHEEL}", {HASHES}}}]'), "has a URL that is none: h/"),
    "no host": (locked(f'wheels = [{{url = "https:///{WHEEL}", {HASHES}}}]'), "has a URL that is none: https:///"),
    "a hash of no kind": (
        locked(f'wheels = [{{url = "https://h/{WHEEL}", hashes = {{klingon = "0"}}}}]'),
        "packages[0] (lib) has a hash by 'klingon', which nobody can check",
    ),
    "a broken URL": (
        locked(f'wheels = [{{url = "https://[h/{WHEEL}", {HASHES}}}]'),
        "Invalid IPv6 URL in 'packages[0]'",
    ),
    "a NUL byte": (b'a = 1\nb = "\0"\n', "(at line 2, column 6)"),
    "another encoding": ("a = 1\n# ü\n".encode("latin-1"), ", line 2: the file is not UTF-8"),
    "a wide encoding": (locked("").encode("utf-16"), ", line 1: the file is not UTF-8"),
    "too deep": ("a = " + "[" * 5000, "is nested too deeply"),
}


@pytest.mark.parametrize("command", ["prefetch", "check"])
@pytest.mark.parametrize("mistake", LOCKS)
def test_a_bad_lock(program: Impatient, tmp_path: Path, mistake: str, command: str) -> None:
    """A lock that cannot be used is told with its name and the place in it, before anything is asked for."""
    content, expected = LOCKS[mistake]
    path = tmp_path / "pylock.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    error = program.refusal("-r", str(path), command=command)
    assert error["code"] == "input"
    assert error["message"].startswith(str(path))
    assert expected in error["message"]
    assert program.index.requests == []


LINES = {
    "a URL without scheme": ("app @ example.com/app-1.0.tar.gz", "the URL has no scheme", "https://example.com/app"),
    "a path in a URL's place": ("app @ ./app", "the URL has no scheme", "Write file:///"),
    "an unknown scheme": ("app @ htp://h/app-1.0.tar.gz", "nothing is fetched by 'htp:'", "https:"),
    "an unknown scheme alone": ("htp://h/app-1.0.tar.gz", "nothing is fetched by 'htp:'", "https:"),
    "a broken URL": ("https://[h/app-1.0.tar.gz", "Invalid IPv6 URL", "NAME @ URL"),
    "an index without scheme": ("-i example.com/simple", "no URL of an index", "Write https://example.com/simple."),
    "an extra index without scheme": (
        f"--extra-index-url me:{PASSWORD}@example.com:8080/simple",
        "'****@example.com:8080/simple' is no URL of an index",
        "Write https://****@example.com:8080/simple.",
    ),
    "a megabyte": ("x" * 1_000_000 + "=1", f"'{'x' * 199}…'", "Write x"),
    "an option of a megabyte": ("--" + "x" * 1_000_000, "no such option: --xxx", "options"),
    "a marker without end": ("app ; " + "(" * 5000, "its marker is nested too deeply", "parentheses"),
    "a circle": ("-r requirements.txt", "the file includes itself", "Take one -r or -c out."),
    "a circle of constraints": ("-c requirements.txt", "the file includes itself", "Take one -r or -c out."),
    "a NUL byte": ("app\0", "not text", "UTF-8"),
    "a bad hash": ("app==1.0 --hash=md5:00", "--hash takes one of sha256", "options"),
}


@pytest.mark.parametrize("mistake", LINES)
def test_a_bad_line(program: Impatient, tmp_path: Path, mistake: str) -> None:
    """Each mistake is told with file and line, though ten thousand good lines stand before it."""
    line, expected, hint = LINES[mistake]
    path = requirements(tmp_path, "lib==1.0\n" * 10_000 + line + "\n")
    error = program.refusal("-r", path)
    assert error["code"] == "input"
    assert len(error["message"] + error["hint"]) < 1000
    assert error["message"].startswith(f"{path}, line 10001: ")
    assert expected in error["message"]
    assert hint in error["hint"]
    assert program.index.requests == []


@pytest.mark.parametrize("option", ["-r", "-c", "--build-constraint"])
@pytest.mark.parametrize("content", [b"lib\nlib\0\n", "lib\n# ü\n".encode("latin-1")])
def test_bytes_that_are_no_text(program: Impatient, tmp_path: Path, option: str, content: bytes) -> None:
    """Wherever a file is given, NUL bytes and other encodings are told with the line."""
    path = requirements(tmp_path, content)
    error = program.refusal("app", option, path)
    assert error["message"] == f"{path}, line 2: not text."


@pytest.mark.parametrize("line", ["app @ example.com/app-1.0.tar.gz", "app @ htp://h/app-1.0.tar.gz"])
def test_a_bad_requirement_wherever_it_stands(program: Impatient, tmp_path: Path, line: str) -> None:
    """The command line, a project, a group and a script are read by the same rules."""
    project, script = tmp_path / "pyproject.toml", tmp_path / "tool.py"
    project.write_text(f'[project]\ndependencies = ["{line}"]\n[dependency-groups]\nbad = ["{line}"]\n')
    script.write_text(f'# /// script\n# dependencies = ["{line}"]\n# ///\n')
    for words in ([line], ["-r", str(project)], ["--group", f"{project}:bad"], ["--script", str(script)]):
        assert program.refusal(*words)["code"] == "input"
    assert program.index.requests == []


def test_too_many_files(program: Impatient, tmp_path: Path) -> None:
    """A chain of files that nobody means ends with the line that goes too far."""
    for number in range(1000):
        (tmp_path / f"{number}.txt").write_text(f"-r {number + 1}.txt\n")
    error = program.refusal("-r", str(tmp_path / "0.txt"))
    assert error["message"] == f"{tmp_path / '100.txt'}, line 1: more than 100 files include one another."


def test_files_that_double(program: Impatient, tmp_path: Path) -> None:
    """Files that include two others each are refused, not read for ever."""
    for number in range(60):
        (tmp_path / f"{number}.txt").write_text(f"-r {number + 1}.txt\n-r {number + 1}.txt\n")
    (tmp_path / "60.txt").write_text("app\n")
    error = program.refusal("-r", str(tmp_path / "0.txt"))
    assert re.fullmatch(r".*\.txt, line [12]: more than 10,000 files are included\.", error["message"])


def test_a_group_for_a_pip_that_has_none(pip_of: PipOf, index: Index, cache_dir: Path, tmp_path: Path) -> None:
    """Dependency groups came with pip 25.1: an earlier one is named, not quoted."""
    project = tmp_path / "pyproject.toml"
    project.write_text('[dependency-groups]\ntest = ["app"]\n')
    for command in ("prefetch", "check"):
        error = Impatient(pip_of("23.2.1"), index, cache_dir).refusal("--group", f"{project}:test", command=command)
        assert error["message"] == "pip 23.2.1 has no --group."


@pytest.mark.parametrize("option", ["-r", "-c", "--build-constraint", "-e"])
def test_an_empty_name(program: Impatient, option: str) -> None:
    """A name that a script's empty variable left is an error, and not the current folder's."""
    assert program.refusal("app", option, "")["code"] == "input"


def test_too_many_extras_and_groups(program: Impatient, tmp_path: Path) -> None:
    """Extras and groups that refer to one another a thousand times are refused, not followed till Python gives up."""
    path = tmp_path / "pyproject.toml"
    extras = "".join(f'e{number} = ["p[e{number + 1}]"]\n' for number in range(1000))
    groups = "".join(f'g{number} = [{{include-group = "g{number + 1}"}}]\n' for number in range(2000))
    path.write_text(
        f'[project]\nname = "p"\n[project.optional-dependencies]\n{extras}e1000 = []\n'
        f"[dependency-groups]\n{groups}g2000 = []\n"
    )
    assert "extras refer to one another" in program.refusal(f"{path}[e0]")["message"]
    assert "it is nested too deeply" in program.refusal("--group", f"{path}:g0")["message"]


def test_what_pip_would_take_for_an_option(program: Impatient, tmp_path: Path) -> None:
    """A marker that would come to pip as an option of a file is refused."""
    path = tmp_path / "pyproject.toml"
    path.write_text("[project]\ndependencies = [\"app ; platform_version == 'x -r /etc/hostname'\"]\n")
    error = program.refusal(str(path))
    assert error["message"].startswith(f"{path}, line 2: ")
    assert "cannot be handed to pip in a file" in error["message"]


def test_an_unreachable_index(program: Impatient) -> None:
    """An index that is down is named."""
    program.index.stop()
    error = program.refusal("app")
    assert error["code"] == "resolve"
    assert f"localhost:{program.index.port}/simple/app/" in error["message"]
    assert "Connection refused" in error["message"]


def test_an_untrusted_certificate(program: Impatient) -> None:
    """An index whose authority is unknown is told as a matter of TLS."""
    error = program.refusal("app", PIP_CERT="")
    assert error["code"] == "resolve"
    assert "CERTIFICATE_VERIFY_FAILED" in error["message"]
    assert "PIP_CERT" in error["hint"]


def test_a_missing_certificate_bundle(program: Impatient, tmp_path: Path) -> None:
    """A bundle that is not there is named, before anything is asked."""
    error = program.refusal("app", PIP_CERT=str(tmp_path / "missing.pem"))
    assert str(tmp_path / "missing.pem") in error["message"]
    assert program.index.requests == []


def test_an_index_that_refuses(modern_pip: PipEnvironment, cache_dir: Path, tmp_path: Path) -> None:
    """An index that answers 401 to these credentials is named without them."""
    with serve_index(auth=("me", "right")) as guarded:
        publish(guarded, tmp_path)
        error = Impatient(modern_pip, guarded, cache_dir).refusal("app")
    assert error["code"] == "resolve"
    assert error["message"].startswith(f"The index refused https://****@localhost:{guarded.port}/simple/app/ (401")
    assert "credentials" in error["hint"]


def test_one_missing_file(program: Impatient) -> None:
    """A file that the server lost is told; the others are warmed all the same."""
    program.index.inject("lib-1.0*.whl", failure(404), times=None)
    answer = program.partly("app")
    assert answer.actions() == {"app-1.0-py3-none-any.whl": "downloaded", "lib-1.0-py3-none-any.whl": "failed"}
    assert answer.outcomes("after") == {
        "app-1.0-py3-none-any.whl": ("hit", None),
        "lib-1.0-py3-none-any.whl": ("miss", "absent"),
    }
    (error,) = answer.envelope["errors"]
    assert error["message"] == f"The server answered 404 for {program.index.file_url('lib-1.0-py3-none-any.whl')}."


def test_a_wrong_hash_in_the_requirements(program: Impatient, tmp_path: Path) -> None:
    """A hash that no file has is told, with what came instead."""
    path = requirements(tmp_path, f"lib==1.0 --hash=sha256:{'0' * 64}\n")
    error = program.refusal("-r", path)
    assert error["code"] == "hash_mismatch"
    assert f"{path} (line 1)" in error["message"]
    assert f"expected sha256 {'0' * 64}, got " in error["message"]


def test_a_spoilt_file(program: Impatient) -> None:
    """A body that has not the hash of its index page is not stored."""
    program.index.inject("app-1.0*.whl", Fault(corrupt=True), times=None)
    answer = program.partly("app")
    assert answer.outcomes("after")["app-1.0-py3-none-any.whl"] == ("miss", "absent")
    assert answer.outcomes("after")["lib-1.0-py3-none-any.whl"] == ("hit", None)
    assert f"The hash of {program.index.file_url('app-1.0-py3-none-any.whl')} does not match" in answer.err


def test_a_spoilt_file_that_an_old_pip_meets_itself(
    pip_of: PipOf, index: Index, cache_dir: Path, tmp_path: Path
) -> None:
    """A pip that reads wheels to resolve stores the spoilt body first and then gives up: it does not stay there."""
    publish(index, tmp_path)
    index.inject("lib-1.0*.whl", Fault(corrupt=True), times=None)
    program = Impatient(pip_of("23.2.1"), index, cache_dir)

    error = program.refusal("lib==1.0")
    index.heal()

    assert error["code"] == "hash_mismatch"
    assert program.run("prefetch", "--json", "lib==1.0").outcomes() == {
        "lib-1.0-py3-none-any.whl": ("miss", "absent"),
    }


def test_a_connection_cut_once(program: Impatient) -> None:
    """A connection that breaks in mid-file is tried again, and nobody needs to know."""
    program.index.inject("app-1.0*.whl", Fault(cut_after=400_000), times=1)
    answer = program.run("prefetch", "--json", "app", PIP_RETRIES="1")
    assert (answer.code, answer.envelope["errors"]) == (0, [])
    assert answer.outcomes("after")["app-1.0-py3-none-any.whl"] == ("hit", None)


def test_a_connection_cut_for_ever(program: Impatient) -> None:
    """A connection that always breaks is given up, and nothing of the file stays."""
    program.index.inject("app-1.0*.whl", Fault(cut_after=400_000), times=None)
    answer = program.partly("app", PIP_RETRIES="1")
    assert answer.outcomes("after")["app-1.0-py3-none-any.whl"] == ("miss", "absent")
    assert f"{program.index.file_url('app-1.0-py3-none-any.whl')} cannot be fetched: " in answer.err


@pytest.mark.parametrize("command", ["prefetch", "check"])
def test_a_disabled_cache(program: Impatient, command: str) -> None:
    """With PIP_NO_CACHE_DIR there is no cache to warm."""
    error = program.refusal("app", command=command, PIP_NO_CACHE_DIR="1")
    assert error["code"] == "cache"
    assert "PIP_NO_CACHE_DIR" in error["hint"]


@AS_ROOT
def test_a_cache_of_another_user(program: Impatient) -> None:
    """A cache that pip would not use is not filled."""
    program.cache_dir.mkdir()
    os.chown(program.cache_dir, 12345, 12345)
    error = program.refusal("app")
    assert error["code"] == "cache"
    assert str(program.cache_dir) in error["message"]
    assert list(program.cache_dir.iterdir()) == []


@NOT_ROOT
def test_a_cache_that_may_not_be_written_to(program: Impatient) -> None:
    """A read-only cache is one that pip does not use either."""
    program.cache_dir.mkdir(mode=0o500)
    error = program.refusal("app")
    assert error["code"] == "cache"
    assert str(program.cache_dir) in error["message"]


def test_a_full_disk(program: Impatient) -> None:
    """A disk without room for a wheel is told with the cache on it, and no part of the wheel stays."""
    with small_disk(program.cache_dir, kilobytes=600):
        error = program.refusal("app")
        assert error["code"] == "cache"
        assert "No space left on device" in error["message"]
        assert str(program.cache_dir) in error["message"]
        assert list(program.cache_dir.rglob("*.tmp")) == []
        assert list((program.cache_dir / "http-v2").glob("wheelwarm*")) == []


@pytest.mark.skipif(os.name != "posix", reason="limits of file sizes are POSIX")
def test_a_file_over_the_limit(program: Impatient) -> None:
    """A wheel that the system does not let grow is told likewise; this way needs no disk of its own."""
    environ = program.pip.environ(cache_dir=program.cache_dir, index=program.index)
    words = ("prefetch", "app", "--python", str(program.pip.python))
    process = subprocess.run(
        [sys.executable, "-c", LIMITED, "600000", *words], env=environ, capture_output=True, text=True, check=False
    )
    assert process.returncode == 3
    assert re.search(rf"^error: .*{program.cache_dir}.*File too large", process.stderr, re.MULTILINE)
    assert "hint: " in process.stderr
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize("command", ["prefetch", "check"])
def test_a_target_that_is_no_python(index: Index, cache_dir: Path, tmp_path: Path, command: str) -> None:
    """A file that is no Python is named."""
    path = tmp_path / "notes.txt"
    path.write_text("not a program")
    result = CliRunner().invoke(app, [command, "app", "--python", str(path)])
    assert result.exit_code == 3
    assert result.stderr.startswith(f"error: {path} cannot be started: Permission denied.\nhint: ")


@pytest.mark.parametrize(
    "words",
    [
        ("prefetch", "--frobnicate", "app"),
        ("prefetch", "app", "--seed", "sometimes"),
        ("prefetch", "app", "--jobs", "0"),
        ("prefetch", "app", "--jobs", "many"),
        ("prefetch", "-r"),
        ("frobnicate",),
    ],
)
def test_usage_errors(words: tuple[str, ...]) -> None:
    """What the command line itself does not understand ends with 2 and names the word."""
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert next(word for word in reversed(words) if word.startswith(("-", "frob"))) in result.stderr


@contextmanager
def small_disk(folder: Path, *, kilobytes: int) -> Iterator[None]:
    """Make a folder a disk of its own, of that size; skips where that may not be."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(command, check=False).returncode:
        pytest.skip("a disk can be mounted by root on Linux only")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(
    "words",
    [
        ("check", "./{}"),
        ("check", "app", "--python", "{}"),
        ("stats", "--cache-dir", "{}"),
        ("export", "{}", "app==1.0"),
        ("prefetch", "app", "--lock", "{}.txt"),
    ],
)
def test_a_name_that_is_too_long(words: tuple[str, ...]) -> None:
    """What the system refuses is told in its words, wherever a name is given, in JSON too."""
    result = CliRunner().invoke(app, [word.format("x" * 1000) for word in words])
    as_json = CliRunner().invoke(app, [*(word.format("x" * 1000) for word in words), "--json"])
    assert (result.exit_code, as_json.exit_code) == (3, 3)
    assert result.stderr.startswith("error: ")
    assert "File name too long" in result.stderr
    assert len(result.stderr) < 1500
    assert "File name too long" in json.loads(as_json.stdout)["errors"][0]["message"]
