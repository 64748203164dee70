"""The command line itself: help, exit codes, JSON contract, documentation, interrupts."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

import wheelwarm
from tests.functional.test_prefetch import publish
from tests.helpers.index import Fault
from tests.helpers.program import Program
from tests.helpers.uv_world import needs_uv
from tests.targets.test_pip_errors import broken_sdist
from tests.targets.test_target import is_running
from wheelwarm.cli import app
from wheelwarm.cli.commands import COMMANDS
from wheelwarm.warming.filling import PIPS_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment

GUIDE = (Path(__file__).parent.parent / "docs" / "guide.md").read_text(encoding="utf-8")
WARMING = ("prefetch", "check")

ENVELOPE = {"wheelwarm", "command", "status", "data", "errors"}
ARTIFACT = {"name", "version", "filename", "kind", "url", "size", "sha256", "before"}
COUNTS = {"hits", "stale", "misses", "uncacheable", "local"}


def test_the_version_is_the_package_s() -> None:
    """`--version` prints the version that the package has."""
    assert CliRunner().invoke(app, ["--version"]).stdout == f"wheelwarm {wheelwarm.__version__}\n"


def test_no_command_shows_the_help() -> None:
    """Without a command the help is shown, and that is a usage error."""
    result = CliRunner().invoke(app, [])

    assert "Commands" in result.stdout + result.stderr
    assert result.exit_code == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_a_place_in_the_guide(command: str) -> None:
    """Each command explains itself in 80 columns, and the guide has a section for it."""
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "80"})

    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert re.search(rf"^## .*\b{command}\b", GUIDE, re.MULTILINE)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_shows_no_types(command: str) -> None:
    """A name of ours stands for each value, and nothing behind a flag, which takes none."""
    shown = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"}).stdout

    assert [line for line in shown.splitlines() if re.search(r"<(bool|str|int|path|list)", line)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_the_guide_names_only_options_that_exist(command: str) -> None:
    """Every `--option` in a command's section of the guide is one that the command, or pip, has."""
    section = re.search(rf"^## [^\n]*\b{command}\b.*?(?=^## |\Z)", GUIDE, re.MULTILINE | re.DOTALL)
    assert section
    known = set(re.findall(r"--[a-z-]+", CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).stdout))
    of_pip = {"--hash", "--report", "--dry-run", "--upgrade"}

    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", section[0])) - known - of_pip == set()


@pytest.mark.parametrize("command", WARMING)
@pytest.mark.parametrize(
    "arguments", [["--no-such-option"], ["x", "--python"], ["x", "--only-binary"]], ids=["unknown", "python", "binary"]
)
def test_wrong_usage_exits_with_2(command: str, arguments: list[str]) -> None:
    """An unknown option, or one without its value, is a usage error."""
    assert CliRunner().invoke(app, [command, *arguments]).exit_code == 2


def test_an_unknown_seed_policy_is_a_usage_error(modern_pip: PipEnvironment, index: Index, cache_dir: Path) -> None:
    """`--seed` takes the policies it names."""
    answer = Program(modern_pip, index, cache_dir).run("prefetch", "x", "--seed", "always")

    assert answer.code == 2
    assert "verified" in answer.err


def keys(data: dict[str, Any]) -> set[str]:
    """Return a document's keys."""
    return set(data)


def test_the_json_of_prefetch_keeps_its_contract(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """The key sets are those that the guide names; standard error stays empty."""
    publish(index, tmp_path / "files")

    answer = Program(modern_pip, index, cache_dir).run("prefetch", "app", "tool", "--json")

    assert keys(answer.envelope) == ENVELOPE
    assert (answer.envelope["wheelwarm"], answer.envelope["command"]) == (1, "prefetch")
    assert keys(answer.data) == {
        "target", "artifacts", "summary", "after", "metadata", "bytes_downloaded", "seconds", "dry_run", "lock",
        "resolution", "resolver", "unneeded", "config", "found_input",
    }  # fmt: skip
    assert keys(answer.data["target"]) == {"python", "version", "pip", "cache_dir"}
    for artifact in answer.data["artifacts"]:
        assert keys(artifact) == ARTIFACT | {"action", "after", "lane"}
        assert keys(artifact["before"]) == keys(artifact["after"]) == {"outcome", "reason"}
    assert keys(answer.data["summary"]) == keys(answer.data["after"]) == COUNTS
    assert answer.err == ""


@needs_uv
def test_the_json_of_prefetch_names_the_resolver(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """Who was to resolve is who did, and the risk is named on standard error."""
    publish(index, tmp_path / "files")
    program = Program(modern_pip, index, cache_dir)

    by_uv = program.run("prefetch", "app", "--resolver", "uv", "--json")
    by_pip = program.run("prefetch", "app", "--json")

    told = [(one.data["resolver"], one.data["resolution"]["source"]) for one in (by_uv, by_pip)]
    assert told == [("uv", "uv"), ("pip", "pip")]
    assert "pip may choose otherwise" in by_uv.err


def test_the_json_of_check_keeps_its_contract(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """`check` has neither action nor after; it says where the resolution is from."""
    publish(index, tmp_path / "files")
    program = Program(modern_pip, index, cache_dir)
    program.run("prefetch", "app")

    answer = program.run("check", "app", "--json")

    assert keys(answer.data) == {
        "target", "artifacts", "summary", "metadata", "resolution", "seconds", "config", "found_input",
    }  # fmt: skip
    assert keys(answer.data["resolution"]) == {"source", "made"}
    assert all(keys(artifact) == ARTIFACT for artifact in answer.data["artifacts"])


def test_errors_are_json_too(modern_pip: PipEnvironment, index: Index, cache_dir: Path) -> None:
    """With `--json` an error is an envelope with code, message and hint, beside the sentence on standard error."""
    answer = Program(modern_pip, index, cache_dir).run("prefetch", "no-such-project", "--json")

    assert (answer.code, answer.envelope["status"], answer.data) == (3, "error", {})
    assert [keys(error) for error in answer.envelope["errors"]] == [{"code", "message", "hint"}]
    assert "no-such-project" in answer.envelope["errors"][0]["message"]
    assert answer.err.startswith("error: ")


def test_a_failed_file_is_told_and_the_rest_is_warm(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """One file that cannot be had: exit code 1, status partial, its error; all others are hits."""
    publish(index, tmp_path / "files")
    index.inject("/files/app-1.0-py3-none-any.whl", Fault(status=404), times=None)

    answer = Program(modern_pip, index, cache_dir).run("prefetch", "app", "--json")

    assert (answer.code, answer.envelope["status"]) == (1, "partial")
    assert answer.outcomes("after") == {
        "app-1.0-py3-none-any.whl": ("miss", "absent"),
        "lib-2.0-py3-none-any.whl": ("hit", None),
    }
    assert "404" in answer.envelope["errors"][0]["message"]


def test_the_module_runs(modern_pip: PipEnvironment) -> None:
    """`python -m wheelwarm` is the same program."""
    done = subprocess.run([sys.executable, "-m", "wheelwarm", "--version"], check=True, capture_output=True, text=True)

    assert done.stdout.startswith("wheelwarm ")


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing_behind(
    modern_pip: PipEnvironment,
    index: Index,
    tmp_path: Path,
    cache_dir: Path,
    number: signal.Signals,
    code: int,
) -> None:
    """Ctrl-C in the middle of a transfer ends at once with 130, without temporary files or processes."""
    publish(index, tmp_path / "files")
    (tmp_path / "tmp").mkdir()
    index.inject("app-1.0-py3-none-any.whl", Fault(bytes_per_second=1000), times=None)
    environ = {**modern_pip.environ(cache_dir=cache_dir, index=index), "TMPDIR": str(tmp_path / "tmp")}
    command = [sys.executable, "-m", "wheelwarm", "prefetch", "app", "--python", str(modern_pip.python)]
    ends_at_once(command, environ, number, code, when=lambda: bool(index.requested(suffix="/app-1.0-py3-none-any.whl")))
    assert not list(cache_dir.rglob("*.tmp"))
    assert not list((tmp_path / "tmp").iterdir())


SLOW_BUILD = """
import os, pathlib, time
def prepare_metadata_for_build_wheel(directory, settings=None):
    info = pathlib.Path(directory, "{name}-1.0.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\\n")
    return info.name
def build_wheel(directory, settings=None, metadata=None):
    pathlib.Path(os.environ["BUILDS"], "{name}").write_text(str(os.getpid()))
    time.sleep(60)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_every_build(
    modern_pip: PipEnvironment,
    index: Index,
    tmp_path: Path,
    cache_dir: Path,
    number: signal.Signals,
    code: int,
) -> None:
    """Ctrl-C ends all that is built side by side, at once, and those that would come next are not begun."""
    builds = tmp_path / "builds"
    builds.mkdir()
    (tmp_path / "tmp").mkdir()
    names = [f"slow{letter}" for letter in "abcdef"]
    for name in names:
        index.add(broken_sdist(tmp_path, name, SLOW_BUILD.format(name=name)))
    environ = {
        **modern_pip.environ(cache_dir=cache_dir, index=index),
        "BUILDS": str(builds),
        "TMPDIR": str(tmp_path / "tmp"),
    }
    command = [sys.executable, "-m", "wheelwarm", "prefetch", *names, "--python", str(modern_pip.python)]
    under_way = min(2, PIPS_AT_ONCE)
    ends_at_once(command, environ, number, code, when=lambda: len(list(builds.iterdir())) >= under_way)
    assert not any(is_running(int(path.read_text() or "0")) for path in builds.iterdir())
    assert not list((tmp_path / "tmp").iterdir())


def ends_at_once(
    command: list[str], environ: dict[str, str], number: signal.Signals, code: int, *, when: Callable[[], bool]
) -> None:
    """Start a program, send it a signal as soon as it is time, and see that it ends with this code and no traceback."""
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_until(when)
        started = time.monotonic()
        process.send_signal(number)
        _, err = process.communicate(timeout=50)

    assert (process.returncode, b"Traceback" in err) == (code, False)
    assert time.monotonic() - started < 10


def wait_until(condition: Any, seconds: float = 60) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_a_closed_pipe_is_no_error(modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """A reader that goes away, as `head` does, ends wheelwarm quietly."""
    publish(index, tmp_path / "files")
    environ = modern_pip.environ(cache_dir=cache_dir, index=index)
    command = [sys.executable, "-m", "wheelwarm", "prefetch", "app", "--json", "--python", str(modern_pip.python)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        err = process.stderr.read()

    assert err == b""


def test_output_in_a_pipe_is_not_cut(modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path) -> None:
    """Where no terminal is, file names and reasons are written in full, without escape sequences."""
    publish(index, tmp_path / "files")

    answer = Program(modern_pip, index, cache_dir).run("prefetch", "app", COLUMNS=None)

    assert "app-1.0-py3-none-any.whl" in answer.out
    assert "miss (absent)" in answer.out
    assert "\x1b" not in answer.out + answer.err


def test_json_is_one_document(modern_pip: PipEnvironment, index: Index, cache_dir: Path) -> None:
    """Whatever happens, standard output of `--json` is one JSON document and nothing else."""
    answer = Program(modern_pip, index, cache_dir).run("check", "no-such-project", "--json")

    assert json.loads(answer.out)["command"] == "check"
