"""A set of wheels that a few requirements resolve to, as a larger application's are: many small, some of 5 to 20 MB.

The same number gives the same bytes each time. The graph is several levels deep, most pages list older versions that
nobody asks for, and some projects are asked for below their newest version.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

from tests.bench.synthetic import other_link
from tests.helpers.artifacts import make_wheel, metadata_of
from tests.helpers.index_pages import JSON_V1, Link, render

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

RECIPE = 1
"""Counts the changes of this module that make other wheels of the same number: a set made earlier is made anew."""

ROOTS = 10
USUAL = 164
# How many megabytes the largest tenth of a usual set have, the largest first; 136 MB together.
_LARGE = (20.0, 17.0, 15.0, 12.0, 10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 5.0, 4.0, 4.0, 3.5, 3.0, 3.0, 2.5, 2.0)
_MODULE = 'def answer() -> int:\n    """Return the answer."""\n    return 42\n' * 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """One wheel of the set; `needs` are the requirements in its metadata."""

    project: str
    version: str
    filename: str
    size: int
    sha256: str
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelSet:
    """A folder with `files/` (wheels and their `.metadata`) and `simple/` (index pages), and what is in it."""

    folder: Path
    roots: tuple[str, ...]
    wheels: tuple[Wheel, ...]

    @property
    def bytes(self) -> int:
        """All wheels together."""
        return sum(wheel.size for wheel in self.wheels)

    def paths(self) -> Iterator[Path]:
        """Yield the wheels' files, and those of the versions that nobody needs."""
        yield from sorted((self.folder / "files").glob("*.whl"))

    def pins(self, *, hashed: bool = True) -> str:
        """Return a requirements file that names each wheel's version, and its hash."""
        lines = [
            f"{wheel.project}=={wheel.version}" + (f" --hash=sha256:{wheel.sha256}" if hashed else "")
            for wheel in self.wheels
        ]
        return "\n".join([*lines, ""])

    def urls(self, files_url: str) -> list[str]:
        """Return where each wheel is, for files below `files_url`."""
        return [f"{files_url}{wheel.filename}" for wheel in self.wheels]

    def lock(self, files_url: str) -> str:
        """Return a lock file (PEP 751) of the set."""
        lines = ['lock-version = "1.0"', 'created-by = "wheelwarm-bench"', ""]
        for wheel, url in zip(self.wheels, self.urls(files_url), strict=True):
            entry = f'{{name = "{wheel.filename}", url = "{url}", size = {wheel.size}, '
            entry += f'hashes = {{sha256 = "{wheel.sha256}"}}}}'
            lines += ["[[packages]]", f'name = "{wheel.project}"', f'version = "{wheel.version}"']
            lines += [f"wheels = [{entry}]", ""]
        return "\n".join(lines)


def wheels_of(folder: Path, count: int) -> WheelSet:
    """Return a set of so many wheels below `folder`, made now unless it is there."""
    home = folder / f"wheels-{count}"
    made, recipe = home / "made.json", {"version": RECIPE, "count": count}
    if not made.exists() or json.loads(made.read_text())["recipe"] != recipe:
        shutil.rmtree(home, ignore_errors=True)
        # In a process of its own: what this one comes to take up would count as the peak of each that it starts.
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            wheels = pool.submit(_make, home, count).result()
        made.write_text(json.dumps({"recipe": recipe, "wheels": wheels}))
    wheels = json.loads(made.read_text())["wheels"]
    return WheelSet(
        folder=home,
        roots=tuple(f"{_name(number)}>=1" for number in range(_roots(count))),
        wheels=tuple(Wheel(**{**wheel, "needs": tuple(wheel["needs"])}) for wheel in wheels),
    )


def _make(home: Path, count: int) -> list[dict[str, object]]:
    return [asdict(wheel) for wheel in _Maker(home, count).make()]


class _Maker:
    """Writes the wheels of one set with their metadata, and the pages that list them."""

    def __init__(self, home: Path, count: int) -> None:
        self._home = home
        self._count = count
        self._random = random.Random(count)
        self._sizes = list(_sizes(count, self._random))
        self._needs = _graph(count, self._random)

    def make(self) -> Iterator[Wheel]:
        for folder in ("files", "simple"):
            (self._home / folder).mkdir(parents=True)
        for number in range(self._count):
            wheel = self._wheel(number, _version(number), self._sizes[number])
            # Where a major version is excluded by those who need the project, that version is there to be passed over.
            newer = [self._wheel(number, "3.0", 1000)] if _is_held_back(number) else []
            self._page(wheel.project, [wheel, *newer])
            yield wheel

    def _wheel(self, number: int, version: str, size: int) -> Wheel:
        name = _name(number)
        modules = min(300, 4 + size // 15_000)
        path = make_wheel(
            self._home / "files",
            name,
            version,
            requires=self._needs[number],
            requires_python=">=3.9",
            size=size,
            files={f"{name.replace('-', '_')}/part_{at}.py": _MODULE for at in range(modules)},
        )
        path.with_name(f"{path.name}.metadata").write_bytes(metadata_of(path))
        return Wheel(
            project=name,
            version=version,
            filename=path.name,
            size=path.stat().st_size,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            needs=self._needs[number],
        )

    def _page(self, project: str, wheels: Sequence[Wheel]) -> None:
        links = [other_link(project, at) for at in range(self._random.choice((5, 20, 40, 80, 160)))]
        links += [self._link(wheel) for wheel in wheels]
        (self._home / "simple" / f"{project}.json").write_bytes(render(project, links, content_type=JSON_V1))

    def _link(self, wheel: Wheel) -> Link:
        metadata = (self._home / "files" / f"{wheel.filename}.metadata").read_bytes()
        return Link(
            filename=wheel.filename,
            url=f"../../files/{wheel.filename}",
            size=wheel.size,
            sha256=wheel.sha256,
            requires_python=">=3.9",
            yanked=None,
            metadata_sha256=hashlib.sha256(metadata).hexdigest(),
        )


def _graph(count: int, rng: random.Random) -> list[tuple[str, ...]]:
    """Deal out who needs whom: each but the first ones is needed by one that stands before it, some by several."""
    roots = _roots(count)
    needs: list[set[int]] = [set() for _ in range(count)]
    for number in range(roots, count):
        # The nearer the number, the deeper the graph: six to nine levels at the usual size.
        for parent in {rng.randrange(number // 3, number) for _ in range(rng.choice((1, 1, 2, 3)))}:
            needs[parent].add(number)
    return [tuple(_lines(sorted(found))) for found in needs]


def _lines(numbers: Iterable[int]) -> Iterator[str]:
    for number in numbers:
        yield f"{_name(number)}{'>=1.0,<3' if _is_held_back(number) else '>=1.0'}"
        if number % 11 == 0:
            # As in many projects: for other systems, so that nobody asks for it here.
            yield f'{_name(number)}-win; sys_platform == "win32"'


def _sizes(count: int, rng: random.Random) -> Iterator[int]:
    """Yield the bytes of each wheel, in no order: 8 to 400 KB but for the largest tenth."""
    large = [int(megabytes * 1e6) for megabytes in _LARGE[: count // 9]] if count >= USUAL else []
    small = [int(math.exp(rng.uniform(math.log(8e3), math.log(4e5)))) for _ in range(count - len(large))]
    sizes = [*large, *small]
    rng.shuffle(sizes)
    yield from sizes


def _roots(count: int) -> int:
    return min(ROOTS, count)


def _is_held_back(number: int) -> bool:
    return number >= ROOTS and number % 9 == 0


def _name(number: int) -> str:
    return f"{('core', 'http', 'data', 'plot', 'sql', 'type', 'test', 'time', 'file', 'auth')[number % 10]}-{number}"


def _version(number: int) -> str:
    return f"{1 + number % 2}.{number % 7}.{number % 5}"
