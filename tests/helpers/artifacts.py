"""Wheels and sdists of any name and requirement, byte for byte the same each time, that every pip from 22.2 installs.

A made sdist builds without a network of its own: its backend lies in the tree and hands out a wheel that it carries.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import random
import tarfile
import zipfile
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_ZIP_TIME = (2020, 1, 1, 0, 0, 0)
_TAR_TIME = 1577836800

_BACKEND = '''\
"""The build backend of a made sdist; runs on every Python 3."""
import os
import shutil
import zipfile

{imports}
WHEEL = {wheel!r}
ERROR = {error!r}
CARRIED = os.path.join(os.path.dirname(os.path.abspath(__file__)), WHEEL)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    if ERROR:
        raise RuntimeError(ERROR)
    shutil.copyfile(CARRIED, os.path.join(wheel_directory, WHEEL))
    return WHEEL


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    with zipfile.ZipFile(CARRIED) as archive:
        members = [name for name in archive.namelist() if ".dist-info/" in name]
        archive.extractall(metadata_directory, members)
    return members[0].split("/")[0]
'''


def unpack(sdist: Path, folder: Path) -> None:
    """Unpack an sdist that was made here; Python 3.12 wants a filter to be named, 3.11.2 does not know any."""
    with tarfile.open(sdist) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder)


def make_wheel(
    directory: Path,
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    requires_python: str | None = None,
    extras: Mapping[str, Sequence[str]] | None = None,
    size: int = 0,
    tag: str = "py3-none-any",
    files: Mapping[str, bytes | str] | None = None,
) -> Path:
    """Write a valid wheel into `directory` and return its path.

    It holds one importable package of the project's name (underscores for hyphens). `size` adds so many bytes that do
    not compress; `files` adds members by their path in the archive.
    """
    path = directory / f"{_escaped(name)}-{version}-{tag}.whl"
    metadata = _core_metadata(name, version, requires=requires, requires_python=requires_python, extras=extras or {})
    path.write_bytes(_wheel_bytes(name, version, tag=tag, metadata=metadata, size=size, files=files or {}))
    return path


def make_sdist(
    directory: Path,
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    build_requires: Iterable[str] = (),
    requires_python: str | None = None,
    tag: str = "py3-none-any",
    error: str = "",
) -> Path:
    """Write an sdist into `directory` and return its path; `tag` is that of the wheel which it builds.

    Every hook imports the packages of `build_requires`, so a build proves that they were installed. With an `error` the
    metadata can still be had, but building the wheel raises it.
    """
    stem = f"{_escaped(name)}-{version}"
    wheel = f"{stem}-{tag}.whl"
    metadata = _core_metadata(name, version, requires=requires, requires_python=requires_python, extras={})
    build_requires = tuple(build_requires)
    members = {
        "PKG-INFO": metadata,
        "pyproject.toml": _pyproject(name, version, build_requires).encode(),
        "backend/in_tree.py": _backend(wheel, build_requires, error=error).encode(),
        f"backend/{wheel}": _wheel_bytes(name, version, tag=tag, metadata=metadata, size=0, files={}),
    }
    path = directory / f"{stem}.tar.gz"
    path.write_bytes(_tar_gz_bytes({f"{stem}/{member}": content for member, content in members.items()}))
    return path


def unpack_sdist(sdist: Path, folder: Path) -> Path:
    """Unpack an sdist below `folder`, and return the folder of its project."""
    with tarfile.open(sdist) as archive:
        # Python 3.12 warns where nothing is said (PEP 706), and 3.11.3 knows no such word.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder)
    return folder / sdist.name.removesuffix(".tar.gz")


def metadata_of(wheel: Path) -> bytes:
    """Return the METADATA file of a wheel: what an index serves beside it as `.metadata` (PEP 658)."""
    with zipfile.ZipFile(wheel) as archive:
        (member,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return archive.read(member)


def _escaped(name: str) -> str:
    return canonicalize_name(name).replace("-", "_")


def _core_metadata(
    name: str,
    version: str,
    *,
    requires: Iterable[str],
    requires_python: str | None,
    extras: Mapping[str, Sequence[str]],
) -> bytes:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", f"Summary: {name}, made for a test"]
    if requires_python is not None:
        lines.append(f"Requires-Python: {requires_python}")
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    for extra, requirements in extras.items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f"Requires-Dist: {_only_with_extra(requirement, extra)}" for requirement in requirements]
    return ("\n".join(lines) + "\n").encode()


def _only_with_extra(requirement: str, extra: str) -> str:
    plain, _, marker = requirement.partition(";")
    condition = f'extra == "{extra}"'
    return f"{plain.strip()}; ({marker.strip()}) and {condition}" if marker else f"{plain.strip()}; {condition}"


def _wheel_bytes(
    name: str, version: str, *, tag: str, metadata: bytes, size: int, files: Mapping[str, bytes | str]
) -> bytes:
    package = _escaped(name)
    dist_info = f"{package}-{version}.dist-info"
    members = {f"{package}/__init__.py": f'__version__ = "{version}"\n'.encode()}
    if size:
        members[f"{package}/ballast.bin"] = random.Random(f"{name} {version}").randbytes(size)
    members |= {path: content.encode() if isinstance(content, str) else content for path, content in files.items()}
    members[f"{dist_info}/METADATA"] = metadata
    members[f"{dist_info}/WHEEL"] = _wheel_file(tag)
    members[f"{dist_info}/RECORD"] = _record(members, f"{dist_info}/RECORD")
    return _zip_bytes(members)


def _wheel_file(tag: str) -> bytes:
    purelib = "true" if tag.endswith("-none-any") else "false"
    lines = ["Wheel-Version: 1.0", "Generator: wheelwarm-tests", f"Root-Is-Purelib: {purelib}"]
    lines += [f"Tag: {single}" for single in sorted(map(str, parse_tag(tag)))]
    return ("\n".join(lines) + "\n").encode()


def _record(members: Mapping[str, bytes], own_path: str) -> bytes:
    lines = []
    for path, content in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(content)}")
    return "\n".join([*lines, f"{own_path},,", ""]).encode()


def _zip_bytes(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in members.items():
            info = zipfile.ZipInfo(path, _ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o100644 << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def _tar_gz_bytes(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=_TAR_TIME) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, content in members.items():
            info = tarfile.TarInfo(path)
            info.size, info.mtime, info.mode = len(content), _TAR_TIME, 0o644
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _pyproject(name: str, version: str, build_requires: Sequence[str]) -> str:
    requirements = ", ".join(f"'{requirement}'" for requirement in build_requires)
    return (
        f"[build-system]\nrequires = [{requirements}]\nbuild-backend = 'in_tree'\nbackend-path = ['backend']\n\n"
        f"[project]\nname = '{name}'\nversion = '{version}'\n"
    )


def _backend(wheel: str, build_requires: Sequence[str], *, error: str) -> str:
    imports = "".join(f"import {_escaped(Requirement(requirement).name)}\n" for requirement in build_requires)
    return _BACKEND.format(imports=imports, wheel=wheel, error=error)
