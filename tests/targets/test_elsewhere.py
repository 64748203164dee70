"""Tags and markers of a machine that is elsewhere: pip's own `debug` is the judge of the tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.helpers.shelves import target_of
from wheelwarm.errors import InputError
from wheelwarm.parts import located
from wheelwarm.targets.elsewhere import Elsewhere, platform_markers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.pips import PipEnvironment

MACHINES = [
    Elsewhere(platforms=("manylinux2014_x86_64",), python_version="3.9"),
    Elsewhere(platforms=("manylinux_2_28_aarch64", "manylinux2014_aarch64", "manylinux2010_i686")),
    Elsewhere(platforms=("macosx_11_0_arm64",), python_version="312"),
    Elsewhere(platforms=("win_amd64",), python_version="3.7.3"),
    Elsewhere(platforms=("linux_x86_64",), python_version="3.10", implementation="pp"),
    Elsewhere(platforms=("musllinux_1_2_x86_64",), implementation="py", python_version="3"),
    Elsewhere(platforms=("ios_13_0_arm64_iphoneos",), python_version="3.13"),
    Elsewhere(platforms=("android_24_arm64_v8a",), python_version="3.14"),
    Elsewhere(python_version="3.13", abis=("cp313t", "none")),
    Elsewhere(python_version="3"),
    Elsewhere(implementation="py"),
]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: " ".join(machine.arguments()))
def test_the_tags_are_those_that_pip_computes(modern_pip: PipEnvironment, cache_dir: Path, machine: Elsewhere) -> None:
    """For the same options pip prints the same tags in the same order."""
    shown = modern_pip.run("debug", "--verbose", *machine.arguments(), cache_dir=cache_dir, check=True).stdout
    listed = shown[shown.index("Compatible tags") :].splitlines()[1:]

    tags = located(target_of(modern_pip, cache_dir), machine).tags

    assert list(dict.fromkeys(line.strip() for line in listed if line.startswith("  "))) == list(tags)


@pytest.mark.parametrize(
    ("platform", "markers"),
    [
        ("win_amd64", ("win32", "nt", "Windows", "AMD64")),
        ("win32", ("win32", "nt", "Windows", "x86")),
        ("manylinux_2_28_aarch64", ("linux", "posix", "Linux", "aarch64")),
        ("musllinux_1_2_x86_64", ("linux", "posix", "Linux", "x86_64")),
        ("macosx_11_0_arm64", ("darwin", "posix", "Darwin", "arm64")),
        ("macosx_10_9_universal2", ("darwin", "posix", "Darwin", "arm64")),
    ],
)
def test_a_platform_tells_its_markers(platform: str, markers: tuple[str, ...]) -> None:
    """The names of platforms stand for the variables that environment markers ask for there."""
    found = platform_markers([platform])

    assert markers == tuple(found[name] for name in ("sys_platform", "os_name", "platform_system", "platform_machine"))


def test_an_unknown_platform_tells_nothing() -> None:
    """A name that is no platform we know leaves the markers as they are here."""
    assert platform_markers(["any"]) == {}


def test_python_and_implementation_are_markers_too() -> None:
    """`--python-version` and `--implementation` change just their own variables."""
    here = {"python_version": "3.11", "python_full_version": "3.11.7", "sys_platform": "linux"}

    there = Elsewhere(python_version="3.8", implementation="pp").environment(here)

    assert there == {
        "python_version": "3.8",
        "python_full_version": "3.8.0",
        "implementation_version": "3.8.0",
        "implementation_name": "pypy",
        "platform_python_implementation": "PyPy",
        "sys_platform": "linux",
    }


def test_nothing_said_is_this_machine(modern_pip: PipEnvironment, cache_dir: Path) -> None:
    """Without any of the options a target stays what it is, and keeps its identity."""
    target = target_of(modern_pip, cache_dir)

    assert located(target, Elsewhere()) is target
    assert located(target, MACHINES[0]).identity != target.identity


@pytest.mark.parametrize("text", ["latest", "3.x", "", "3.8.1.2", "-3"])
def test_what_is_no_version_is_refused(text: str) -> None:
    """A version that pip could not read is an error that shows one it can."""
    with pytest.raises(InputError, match="no Python version"):
        Elsewhere(python_version=text).release()
