"""doctor: each situation is made for real, found, and told with what to type."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.artifacts import make_wheel
from tests.helpers.index import NONE, failure, serve_index
from tests.helpers.pips import pip_environment
from tests.helpers.program import Answer, Program
from wheelwarm.health.diagnosis import Examination, Folder, Pip, Server, Severity, Use, findings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import PipOf
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment

root_only = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give files away")
NOBODY = 65534


@pytest.fixture
def machine(modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path) -> Program:
    """Return a machine that has one pip, one index with PyPI's headers, and a cache."""
    index.add(make_wheel(tmp_path, "pip", "99.0"))
    (cache_dir / "http-v2").mkdir(parents=True)
    return Program(modern_pip, index, cache_dir)


def examine(machine: Program, *arguments: str, **variables: str | None) -> Answer:
    """Run doctor where PATH leads to the machine's pip alone."""
    return machine.run("doctor", *arguments, **{"PATH": str(machine.pip.python.parent), **variables})


def found(machine: Program, *arguments: str, **variables: str | None) -> dict[str, dict[str, Any]]:
    """Return the findings by code, after a look at what every answer must hold."""
    answer = examine(machine, *arguments, "--json", **variables)
    said = {finding["code"]: finding for finding in answer.data["findings"]}
    assert all(finding["fix"] and finding["message"].endswith((".", "…")) for finding in said.values())
    wrong = [finding for finding in said.values() if finding["severity"] != "note"]
    assert (answer.code, answer.envelope["status"]) == ((1, "partial") if wrong else (0, "ok"))
    return said


def test_a_machine_in_order(machine: Program) -> None:
    """Where all is well the page says so and names what it looked at; exit code 0."""
    answer = examine(machine)

    assert answer.code == 0
    assert "Nothing is wrong." in answer.out
    assert machine.index.simple_url in answer.out
    assert f"{machine.cache_dir} (http-v2)" in answer.out


def test_the_json_keeps_its_contract(machine: Program) -> None:
    """The key sets of the document, its findings and its parts."""
    data = examine(machine, "--json", PIP_NO_CACHE_DIR="1").data

    assert set(data) == {"healthy", "findings", "pips", "cache", "indexes"}
    assert set(data["findings"][0]) == {"code", "severity", "message", "fix"}
    assert set(data["pips"][0]) == {"python", "pip", "use", "cache_dir", "layout"}
    data = examine(machine, "--json").data
    assert set(data["cache"]) == {"path", "sections", "free", "total"}
    assert set(data["indexes"][0]) == {"url", "reachable", "trouble", "not_stored"}


def test_a_cache_that_is_switched_off(machine: Program) -> None:
    """PIP_NO_CACHE_DIR is an error with the command that takes it back."""
    finding = found(machine, PIP_NO_CACHE_DIR="1")["cache-disabled"]

    assert finding["severity"] == "error"
    assert finding["fix"] == "unset PIP_NO_CACHE_DIR"


@pytest.mark.skipif(os.name != "posix", reason="the command is for a POSIX shell")
def test_a_cache_that_a_file_switches_off(machine: Program, tmp_path: Path) -> None:
    """`no-cache-dir` in pip's configuration is an error; the command takes it out there."""
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nno-cache-dir = true\n")
    finding = found(machine, PIP_CONFIG_FILE=str(config))["cache-disabled"]

    environ = {**machine.pip.environ(cache_dir=None), "PIP_CONFIG_FILE": str(config)}
    subprocess.run(finding["fix"], shell=True, check=True, env=environ)

    assert found(machine, PIP_CONFIG_FILE=str(config)) == {}


@root_only
def test_a_cache_of_another_user(machine: Program) -> None:
    """For root pip tests the owner; the command to mend it names the cache, and works."""
    os.chown(machine.cache_dir, NOBODY, NOBODY)
    finding = found(machine)["cache-not-owned"]
    assert finding["severity"] == "error"

    subprocess.run(finding["fix"].removeprefix("sudo "), shell=True, check=True)

    assert found(machine) == {}


@root_only
def test_a_cache_that_cannot_be_made(machine: Program, tmp_path: Path) -> None:
    """Where the cache is not there and may not be made, the command makes it, and the user's own."""
    closed = tmp_path / "closed"
    closed.mkdir()
    os.chown(closed, NOBODY, NOBODY)
    at = replace(machine, cache_dir=closed / "pip")

    subprocess.run(found(at)["cache-not-owned"]["fix"].removeprefix("sudo "), shell=True, check=True)

    assert found(at) == {}


@root_only
def test_a_cache_of_the_user_behind_sudo(machine: Program) -> None:
    """Under sudo without -H the cache is the user's own and must stay so: sudo -H is the way."""
    os.chown(machine.cache_dir, NOBODY, NOBODY)

    assert "sudo -H" in found(machine, SUDO_USER="somebody")["cache-not-owned"]["fix"]


@root_only
def test_files_of_another_user(machine: Program) -> None:
    """One file that root left in a user's cache is counted; the command mends it."""
    stray = machine.cache_dir / "http-v2" / "stray"
    stray.touch()
    os.chown(stray, NOBODY, NOBODY)
    finding = found(machine)["foreign-files"]
    assert finding["message"].startswith("1 file is")

    subprocess.run(finding["fix"].removeprefix("sudo "), shell=True, check=True)

    assert found(machine) == {}


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_a_cache_that_everybody_may_write(machine: Program) -> None:
    """Each pip trusts its cache, so nobody else may write there; the command mends it."""
    (machine.cache_dir / "http-v2").chmod(0o777)
    finding = found(machine)["writable-by-all"]

    subprocess.run(finding["fix"], shell=True, check=True)

    assert found(machine) == {}


def test_pips_of_both_layouts(machine: Program, pip_of: PipOf) -> None:
    """An old pip beside a new one downloads all again for itself; the command warms for both at once."""
    old = pip_of("23.2.1").python
    path = os.pathsep.join([str(machine.pip.python.parent), str(old.parent)])

    finding = found(machine, PATH=path, VIRTUAL_ENV=str(old.parent.parent))["both-layouts"]

    assert "23.2.1" in finding["message"]
    assert finding["fix"].startswith("wheelwarm prefetch -r requirements.txt --python")
    assert str(old.parent) in finding["fix"]
    assert str(machine.pip.python.parent) in finding["fix"]


def test_a_section_that_no_pip_reads(machine: Program) -> None:
    """`http/` is of no use to the one pip here; the command would remove what is in it."""
    entry = machine.cache_dir.joinpath("http", *"abcde", "abcde" + "f" * 51)
    entry.parent.mkdir(parents=True)
    entry.write_bytes(b"old")
    finding = found(machine)["legacy-section"]
    assert finding["severity"] == "note"

    assert machine.run(*shlex.split(finding["fix"])[1:], "--yes").code == 0

    assert not entry.exists()


def test_pips_with_a_cache_each(machine: Program, tmp_path: Path) -> None:
    """Two Pythons whose pips are set to two caches; the command sets one like the other."""
    other = pip_environment(tmp_path / "other", "26.3")
    (other.python.parent.parent / ("pip.ini" if os.name == "nt" else "pip.conf")).write_text(
        f"[global]\ncache-dir = {tmp_path / 'elsewhere'}\n"
    )
    base = {"PIP_CACHE_DIR": None, "PIP_CONFIG_FILE": None, "XDG_CACHE_HOME": str(tmp_path)}

    said = found(machine, "--offline", **base, VIRTUAL_ENV=str(other.python.parent.parent))

    assert str(tmp_path / "elsewhere") in said["several-caches"]["message"]
    assert "config set global.cache-dir" in said["several-caches"]["fix"]


def test_a_cache_that_nobody_uses(machine: Program, tmp_path: Path) -> None:
    """A cache in a place where other versions of pip keep theirs is named."""
    (tmp_path / "xdg" / "pip" / "http-v2").mkdir(parents=True)

    finding = found(machine, XDG_CACHE_HOME=str(tmp_path / "xdg"))["other-cache"]

    assert str(tmp_path / "xdg" / "pip") in finding["fix"]


def test_an_index_without_caching_headers(machine: Program, tmp_path: Path) -> None:
    """What pip would never store is a note, since prefetch stores it all the same."""
    with serve_index(profile=NONE) as bare:
        bare.add(make_wheel(tmp_path, "pip", "99.0"))
        finding = found(replace(machine, index=bare))["index-not-cached"]

    assert (finding["severity"], "no caching headers" in finding["message"]) == ("note", True)
    assert finding["fix"].startswith("wheelwarm prefetch")


def test_an_index_without_the_project_that_is_asked_for(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path
) -> None:
    """An index that has nothing to show cannot be judged, and is not."""
    assert found(Program(modern_pip, index, tmp_path / "cache")) == {}


def test_an_index_that_is_no_index(machine: Program) -> None:
    """A server that answers with something else is judged by the headers of that."""
    machine.index.put("/simple/pip/", b"welcome", content_type="text/plain")

    assert "index-unreachable" not in found(machine)


def test_an_index_that_is_down(machine: Program) -> None:
    """Nobody listens: a warning, without a long wait. With --offline nobody is asked."""
    machine.index.stop()

    assert found(machine)["index-unreachable"]["severity"] == "warning"
    assert found(machine, "--offline") == {}


def test_an_index_that_nobody_certifies(machine: Program) -> None:
    """A server whose certificate is not trusted gives pip nothing, so it is a warning that says what to give."""
    machine.index.put("/simple/pip/", b"never seen")

    finding = found(machine, PIP_CERT=None)["index-fails"]

    assert finding["severity"] == "warning"
    assert finding["message"].startswith(f"TLS failed for {machine.index.simple_url}pip/")
    assert "PIP_CERT" in finding["fix"]
    assert f"{machine.index.simple_url} (gives no page)" in examine(machine, PIP_CERT=None).out


@pytest.mark.parametrize("status", [401, 500])
def test_an_index_that_refuses(machine: Program, status: int) -> None:
    """An index that answers with an error is a warning; of credentials in its URL nothing is said."""
    machine.index.inject("/simple/pip/", failure(status), times=None)
    url = machine.index.simple_url.replace("://", "://me:secret@")

    finding = found(machine, PIP_INDEX_URL=url)["index-fails"]

    assert f"answered {status}" in finding["message"]
    assert "secret" not in str(finding)


def test_a_proxy_that_is_down(machine: Program) -> None:
    """Where the proxy takes no connection, the message names the proxy."""
    finding = found(machine, PIP_PROXY="http://localhost:9")["index-unreachable"]

    assert "localhost:9 takes no connection" in finding["message"]


def test_an_index_without_tls(machine: Program) -> None:
    """Nothing is cached by pip from plain http, unless the host is trusted."""
    with serve_index(tls=False) as plain:
        at = replace(machine, index=plain)
        assert "trusted-host" in found(at)["index-insecure"]["fix"]
        assert "index-insecure" not in found(at, PIP_TRUSTED_HOST=plain.simple_url.split("/")[2])


@pytest.mark.parametrize(("seconds", "way"), [(-7200, "ahead of"), (7200, "behind")])
def test_a_clock_that_is_wrong(machine: Program, seconds: int, way: str) -> None:
    """The server's own time shows a clock that is hours off."""
    machine.index.set_headers("/simple/pip/", {"Date": formatdate(time.time() + seconds, usegmt=True)})

    finding = found(machine)["clock"]

    assert f"120 minutes {way}" in finding["message"]


def test_a_page_that_a_cache_has_kept(machine: Program) -> None:
    """A response that is two hours old by its own word tells of no wrong clock."""
    date = formatdate(time.time() - 7200, usegmt=True)
    machine.index.set_headers("/simple/pip/", {"Date": date, "Age": "7200"})

    assert "clock" not in found(machine)


def test_a_date_that_is_none(machine: Program) -> None:
    """A server that tells no time says nothing about our clock."""
    machine.index.set_headers("/simple/pip/", {"Date": "soon"})

    assert "clock" not in found(machine)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of four megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(command, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_takes_nothing(machine: Program, small_disk: Path) -> None:
    """On a read-only file system root's pip uses its cache, since it owns it, and stores nothing: an error."""
    at = replace(machine, cache_dir=small_disk / "cache")
    (at.cache_dir / "http-v2").mkdir(parents=True)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

    finding = found(at)["cache-read-only"]

    assert (finding["severity"], str(at.cache_dir) in finding["message"]) == ("error", True)
    assert "config set global.cache-dir" in finding["fix"]


def test_a_file_in_the_place_of_a_cache(machine: Program, tmp_path: Path) -> None:
    """Where a file stands pip can keep nothing."""
    (tmp_path / "taken").touch()

    assert "cache-read-only" in found(replace(machine, cache_dir=tmp_path / "taken"))


def test_a_disk_that_is_nearly_full(machine: Program, small_disk: Path) -> None:
    """Less than a twentieth free is a warning, with the command that trims; a disk with room is none."""
    at = replace(machine, cache_dir=small_disk / "cache")
    assert found(at) == {}
    (small_disk / "big").write_bytes(bytes(4_000_000))
    assert "config set global.cache-dir" in found(at)["disk-nearly-full"]["fix"]

    (at.cache_dir / "http-v2").mkdir(parents=True)
    fix = shlex.split(found(at)["disk-nearly-full"]["fix"])

    assert fix[:2] == ["wheelwarm", "prune"]
    assert machine.run(*fix[1:], "--dry-run").code == 0


def test_a_python_that_is_not_there_is_an_error(machine: Program) -> None:
    """A Python that was named and cannot be asked: exit code 3 with a hint."""
    missing = replace(machine, pip=replace(machine.pip, python=machine.cache_dir / "no-python"))

    answer = missing.run("doctor")

    assert answer.code == 3
    assert "--python" in answer.err


def test_a_large_disk_is_full_when_ten_gigabytes_are_left() -> None:
    """A twentieth of a large disk is much: ten gigabytes are room enough."""
    folder = Folder(path="/c", user="u", free=11 * 10**9, total=10**12)
    seen = Examination(pips=(Pip(python="python"),), folder=folder)

    assert findings(seen) == ()
    assert [one.code for one in findings(replace(seen, folder=replace(folder, free=9 * 10**9)))] == ["disk-nearly-full"]


def test_the_worst_comes_first() -> None:
    """Errors stand before warnings, warnings before notes."""
    seen = Examination(
        pips=(Pip(python="python", cache_dir="/c", use=Use.NOT_OWNED),),
        servers=(Server(url="https://a/", host="a", peer="a:443", is_reachable=False),),
        others=("/other",),
    )

    assert [one.severity for one in findings(seen)] == [Severity.ERROR, Severity.WARNING, Severity.NOTE]


def test_one_server_s_clock_alone_proves_nothing() -> None:
    """Where two servers disagree, the wrong clock may be theirs."""
    right = Server(url="https://a/", host="a", peer="a:443", is_reachable=True, ahead=1.0)
    wrong = replace(right, ahead=9000.0)

    assert findings(Examination(pips=(Pip(python="python"),), servers=(right, wrong))) == ()


@pytest.mark.parametrize(
    ("system", "user", "owner", "clock"),
    [
        ("linux", "me", "sudo chown -R me '/a cache'", "sudo timedatectl set-ntp true"),
        ("linux", "root", "chown -R root '/a cache'", "timedatectl set-ntp true"),
        ("darwin", "me", "sudo chown -R me '/a cache'", "sudo sntp -sS time.apple.com"),
        ("win32", "me", 'icacls "/a cache" /grant me:(OI)(CI)F /T', "w32tm /resync"),
    ],
)
def test_each_system_has_commands_of_its_own(system: str, user: str, owner: str, clock: str) -> None:
    """What mends a finding is typed otherwise on each system, and without sudo by root."""
    seen = Examination(
        pips=(Pip(python="python", cache_dir="/a cache", use=Use.NOT_OWNED),),
        folder=Folder(path="/a cache", user=user, free=1, total=1),
        servers=(Server(url="https://a/", host="a", peer="a:443", is_reachable=True, ahead=9000.0),),
        system=system,
    )

    fixes = {finding.code: finding.fix for finding in findings(seen)}

    assert fixes == {"cache-not-owned": owner, "clock": clock}


def test_a_variable_is_unset_as_the_system_does_it() -> None:
    """What switches the cache off by a variable is taken back in the shell of the system."""
    seen = Examination(pips=(Pip(python="python", use=Use.DISABLED, by_variable=True),), system="win32")

    assert [finding.fix for finding in findings(seen)] == ["set PIP_NO_CACHE_DIR="]
