"""A machine that is elsewhere, as `--platform`, `--python-version`, `--implementation` and `--abi` name it. Pure.

The tags are those that pip computes from the same options (pip/_internal/utils/compatibility_tags.py), by the same
library; the markers are those that the machine itself will see, as far as a platform's name tells them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from wheelwarm.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from packaging.tags import Tag

# Texts, which `re` compiles when they are first used: nearly every run is for the machine that it runs on.
_APPLE = r"(?P<system>macosx|ios)_(?P<major>\d+)_(?P<minor>\d+)_(?P<arch>.+)"
_ANDROID = r"android_(?P<level>\d+)_(?P<abi>.+)"
_LINUX = r"(?:manylinux(?:1|2010|2014|_\d+_\d+)|musllinux_\d+_\d+|linux)_(?P<machine>.+)"
_WINDOWS = {"win32": "x86", "win_amd64": "AMD64", "win_arm64": "ARM64"}
_OLDER_MANYLINUX = {"manylinux2014": ("manylinux2010", "manylinux1"), "manylinux2010": ("manylinux1",)}
_IMPLEMENTATIONS = {"cp": ("cpython", "CPython"), "pp": ("pypy", "PyPy")}
_VERSION = r"\d{1,3}(\.\d+){0,2}"


class Elsewhere(NamedTuple):
    """What was said of the machine, in pip's words; what was not is as for the Python whose pip is asked."""

    platforms: tuple[str, ...] = ()
    python_version: str | None = None
    implementation: str | None = None
    abis: tuple[str, ...] = ()
    everywhere: bool = False
    """Every machine that a lock has files for."""

    def __bool__(self) -> bool:
        """Tell whether anything was said at all."""
        return self.everywhere or bool(self.arguments())

    def words(self) -> list[str]:
        """Return the flags as they were typed, ours among them."""
        return [*self.arguments(), *(["--all-platforms"] if self.everywhere else [])]

    def arguments(self) -> list[str]:
        """Return pip's flags."""
        return [
            *(word for platform in self.platforms for word in ("--platform", platform)),
            *(["--python-version", self.python_version] if self.python_version else []),
            *(["--implementation", self.implementation] if self.implementation else []),
            *(word for abi in self.abis for word in ("--abi", abi)),
        ]

    def release(self) -> tuple[int, ...] | None:
        """Return the Python version as pip reads it: `3.12`, `3.12.1`, `3`, and `312` for 3.12; None if not given.

        Raises InputError for anything else.
        """
        if self.python_version is None:
            return None
        if not re.fullmatch(_VERSION, self.python_version):
            raise InputError(
                f"'{self.python_version}' is no Python version.", hint="Write it as in --python-version 3.12."
            )
        parts = self.python_version.split(".")
        if len(parts) == 1 and len(parts[0]) > 1:
            parts = [parts[0][0], parts[0][1:]]
        return tuple(int(part) for part in parts)

    def tags(self, interpreter: str, version: str, abi: str) -> tuple[str, ...]:
        """Return the tags of its wheels, the best first.

        What was not said is taken from a Python: its name as in tags (`cp`), its version (`3.11`) and its own ABI.
        """
        from packaging.tags import compatible_tags, cpython_tags, generic_tags

        implementation = self.implementation or interpreter
        release = (self.release() or tuple(int(part) for part in version.split(".")))[:2]
        digits = "".join(str(part) for part in release)
        platforms = list(expanded(self.platforms)) or None
        abis = list(self.abis) or default_abis(implementation, release, abi=abi, given=self.python_version is not None)
        own: Iterator[Tag] = (
            cpython_tags(release, abis, platforms)
            if implementation == "cp"
            else generic_tags(f"{implementation}{digits}", abis, platforms)
        )
        common = compatible_tags(release, f"{implementation}{digits}", platforms)
        return tuple(dict.fromkeys(str(tag) for tag in (*own, *common)))

    def environment(self, own: Mapping[str, str]) -> dict[str, str]:
        """Return the marker variables there, those of a Python here where nothing else is known."""
        return {**own, **self._of_python(), **platform_markers(self.platforms)}

    def _of_python(self) -> dict[str, str]:
        variables = {}
        if release := self.release():
            full = ".".join(str(part) for part in (*release, 0, 0)[:3])
            variables = {"python_version": ".".join(full.split(".")[:2]), "python_full_version": full}
            variables["implementation_version"] = full
        if names := _IMPLEMENTATIONS.get(self.implementation or ""):
            variables |= {"implementation_name": names[0], "platform_python_implementation": names[1]}
        return variables


def default_abis(implementation: str, release: Sequence[int], *, abi: str, given: bool) -> list[str]:
    """Return the ABIs of an ordinary build, as pip supposes them; `abi` is that of the Python that runs pip.

    Only of CPython, and only if a version is `given`, pip knows how its ABI is called: with an `m` before 3.8.
    """
    if implementation != "cp" or not given:
        return [abi]
    digits = "".join(str(part) for part in release)
    return [f"cp{digits}m" if tuple(release) < (3, 8) else f"cp{digits}"] if len(release) > 1 else []


def expanded(platforms: Sequence[str]) -> Iterator[str]:
    """Yield the platforms whose wheels run there, by pip's rules: a later manylinux takes the older ones too."""
    yield from dict.fromkeys(name for platform in platforms for name in _expanded(platform))


def _expanded(platform: str) -> Iterator[str]:
    from packaging.tags import android_platforms, ios_platforms, mac_platforms

    if apple := re.match(_APPLE, platform):
        version = int(apple["major"]), int(apple["minor"])
        yield from (mac_platforms if apple["system"] == "macosx" else ios_platforms)(version, apple["arch"])
        return
    if android := re.fullmatch(_ANDROID, platform):
        yield from android_platforms(int(android["level"]), android["abi"])
        return
    yield platform
    generation, _, machine = platform.partition("_")
    older = _OLDER_MANYLINUX.get(generation, ())
    # PEP 571 and 599; there never was a manylinux1 but for Intel's processors.
    if generation == "manylinux2010" or machine in ("i686", "x86_64"):
        yield from (f"{name}_{machine}" for name in older)


def platform_markers(platforms: Sequence[str]) -> dict[str, str]:
    """Return the marker variables (PEP 508) that the first platform's name tells."""
    name = platforms[0] if platforms else ""
    if name in _WINDOWS:
        return _system("win32", "nt", "Windows", _WINDOWS[name])
    if linux := re.fullmatch(_LINUX, name):
        return _system("linux", "posix", "Linux", linux["machine"])
    if (apple := re.fullmatch(_APPLE, name)) and apple["system"] == "macosx":
        # A universal2 wheel does not tell the processor; most Macs of today have Apple's.
        machine = "arm64" if apple["arch"] == "universal2" else apple["arch"]
        return _system("darwin", "posix", "Darwin", machine)
    return {}


def _system(sys_platform: str, os_name: str, system: str, machine: str) -> dict[str, str]:
    return {
        "sys_platform": sys_platform,
        "os_name": os_name,
        "platform_system": system,
        "platform_machine": machine,
        "platform_release": "",
        "platform_version": "",
    }
