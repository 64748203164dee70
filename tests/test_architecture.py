"""The shape of the house, read off the syntax trees: who may import whom, and one door to each outside thing."""

from __future__ import annotations

import ast
import graphlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

import wheelwarm
from wheelwarm import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(wheelwarm.__file__).parent
MODULES = {
    ".".join(("wheelwarm", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}

# From the top down: a module imports from its own layer or from those below it.
LAYERS = (
    {"cli", "__main__"},
    {"render"},
    {"prefetch", "check", "stats", "prune", "verify", "export", "share", "doctor", "starting_file"},
    {"parts", "warming", "offline", "health"},
    {"resolution"},
    {"shelf", "wheelhouse"},
    {"fetcher"},
    {"inputs", "targets", "holdings", "config"},
    {"ledger", "removal", "outfile"},
    {"cache"},
    {"indexes", "urls", "file_names", "redaction", "amounts", "local_files"},
    {"entry_facts"},
    {"model"},
    {"errors", ""},
)
OPERATIONS = ("prefetch", "check", "stats", "prune", "verify", "export", "share", "doctor", "starting_file")
DOORS = {
    "tomli_w": ("starting_file", "inputs.locking"),
    "typer": ("cli",),
    "rich": ("render",),
    "plotly": ("render.html",),
    "subprocess": ("targets.target",),
    "sqlite3": ("ledger",),
    "h11": ("fetcher",),
    "asyncio": ("fetcher",),
    "truststore": ("fetcher",),
    "msgpack": ("cache.format",),
    "obstore": ("share",),
}
PURE = (
    "model",
    "entry_facts",
    "errors",
    "redaction",
    "urls",
    "file_names",
    "amounts",
    "cache.format",
    "cache.identify",
    "cache.archive",
    "cache.freshness",
    "cache.integrity",
    "health.diagnosis",
    "indexes.index_page",
    "indexes.simple_pages",
    "inputs.index_options",
    "offline.offline",
    "targets.elsewhere",
    "targets.pip_errors",
    "targets.pip_traits",
    "warming.seeding",
)
IMPURE_IMPORTS = {
    "os",
    "time",
    "subprocess",
    "socket",
    "sqlite3",
    "shutil",
    "tempfile",
    "urllib.request",
    "pathlib.Path",
}


def imports(path: Path, *, at_run_time: bool = False) -> Iterator[str]:
    """Yield the dotted names a module imports; `at_run_time` leaves out what only type checkers see."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {id(inner) for node in ast.walk(tree) if is_type_checking(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if at_run_time and id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_type_checking(node: ast.AST) -> bool:
    """Tell whether a node is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def short(module: str) -> str:
    """Return a module's name without the package's."""
    return module.removeprefix("wheelwarm").removeprefix(".")


def own_module(name: str) -> str:
    """Return which of our modules an imported name is, or is in."""
    while name not in MODULES:
        name = name.rpartition(".")[0]
    return short(name)


def layer(module: str) -> int:
    """Return the layer of one of our modules, by its first part."""
    part = module.partition(".")[0]
    found = [number for number, names in enumerate(LAYERS) if part in names]
    assert found, f"{module} has no place in LAYERS"
    return found[0]


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downwards(module: str) -> None:
    """No module imports, while it runs, from a layer above its own."""
    own = short(module)
    upward = [
        name
        for name in imports(MODULES[module], at_run_time=True)
        if name.startswith("wheelwarm.") and layer(own_module(name)) < layer(own)
    ]
    assert upward == []


@pytest.mark.parametrize("place", [str, lambda module: module.partition(".")[0]], ids=["modules", "packages"])
def test_there_is_no_circle(place: Callable[[str], str]) -> None:
    """Modules can be put in an order in which each imports earlier ones only, and so can the folders they stand in."""
    graph: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        names = [name for name in imports(path, at_run_time=True) if name.startswith("wheelwarm.")]
        graph.setdefault(place(short(module)), set()).update(place(own_module(name)) for name in names)
    graphlib.TopologicalSorter({own: others - {own} for own, others in graph.items()}).prepare()


@pytest.mark.parametrize("module", MODULES)
def test_operations_do_not_import_each_other(module: str) -> None:
    """Each command's operation stands on its own."""
    own = short(module)
    others = {f"wheelwarm.{name}" for name in OPERATIONS if name != own}
    if own in OPERATIONS:
        assert [name for name in imports(MODULES[module]) if name.startswith(tuple(others))] == []


@pytest.mark.parametrize("module", MODULES)
def test_one_door_to_each_outside_thing(module: str) -> None:
    """A library with a door is imported by the modules of that door alone, pip by none."""
    own = short(module)
    for name in imports(MODULES[module]):
        top = name.partition(".")[0]
        assert top != "pip"
        if top in DOORS:
            assert own.startswith(DOORS[top]), f"{own} imports {name}"


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_touch_nothing(module: str) -> None:
    """The vocabulary and the rules know no clock, no environment and no file system."""
    found = set(imports(MODULES[f"wheelwarm.{module}"], at_run_time=True))
    assert {name for name in found if name in IMPURE_IMPORTS or name.partition(".")[0] in IMPURE_IMPORTS} == set()


@pytest.mark.parametrize("module", MODULES)
def test_every_module_can_be_imported_alone(module: str) -> None:
    """No module needs another to be imported first, and none warns."""
    if module.endswith(("__main__", "_probe")):
        pytest.skip("a script")
    subprocess.run([sys.executable, "-W", "error", "-c", f"import {module}"], check=True)


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_short(module: str) -> None:
    """No module has more than 400 lines, and there is none for odds and ends."""
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= 400
    assert module.rpartition(".")[2] not in {"utils", "util", "helpers", "common", "misc"}


@pytest.mark.parametrize("module", MODULES)
def test_every_error_says_what_to_do_next(module: str) -> None:
    """Whatever ends a run is raised with a hint; cache.format's errors about URLs end none."""
    ends = {one for one in vars(errors) if one.endswith("Error")} - {"FetchError", "FormatError", "ExcessError"}
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    calls = [call for call in ast.walk(tree) if isinstance(call, ast.Call) and ast.unparse(call.func) in ends]

    bare = [ast.unparse(call) for call in calls if not any(word.arg == "hint" for word in call.keywords)]

    assert module == "wheelwarm.cache.format" or bare == []


def test_help_starts_without_the_operations() -> None:
    """`--help` imports no HTTP library, no database and no requirement parser."""
    heavy = (
        "asyncio",
        "h11",
        "sqlite3",
        "packaging.requirements",
        "wheelwarm.fetcher",
        "wheelwarm.inputs.requirements",
    )
    # What measures coverage may have imported some of them already.
    script = (
        "import sys; before = set(sys.modules); import wheelwarm.cli; "
        f"print([name for name in {heavy!r} if name in sys.modules and name not in before])"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_the_dependencies_are_those_of_the_design() -> None:
    """At run time wheelwarm needs what the design names, and nothing else."""
    wanted = [Requirement(text) for text in importlib.metadata.requires("wheelwarm") or ()]
    names = {one.name.lower() for one in wanted if not (one.marker and "extra" in str(one.marker))}
    assert names == {"h11", "msgpack", "packaging", "pip", "tomli-w", "truststore", "typer"}
