"""What uv is told is what pip would have been told; what it has no like of is refused. The real uv and pip judge."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.helpers.artifacts import make_sdist, make_wheel, unpack_sdist
from tests.helpers.index import serve_index
from tests.helpers.uv_world import UvWorld, by_name, files, needs_uv
from wheelwarm.errors import InputError, ResolveError
from wheelwarm.inputs.index_options import IndexOptions
from wheelwarm.targets.elsewhere import Elsewhere

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment


@pytest.fixture
def world(modern_pip: PipEnvironment, index: Index, tmp_path: Path) -> UvWorld:
    """Return the newest pip's world."""
    return UvWorld(modern_pip, index, tmp_path)


@needs_uv
class TestOptions:
    """What pip and uv both have is translated, whether it is typed, in a file, or in pip's configuration."""

    def test_constraints_files_and_variables(self, world: UvWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nested files, constraints of every kind and variables count; paths are as pip counts them."""
        for name in ("a", "b", "c"):
            for version in ("1.0", "2.0", "3.0"):
                world.wheel(name, version)
        monkeypatch.chdir(world.folder)
        (world.folder / "sub").mkdir()
        Path("sub/more.txt").write_text("b\n-c ../limits.txt\n")
        Path("limits.txt").write_text("b<2\n")
        Path("of-pip.txt").write_text("c<3\n")
        Path("requirements.txt").write_text("a ${LIMIT}\n-r sub/more.txt\nc # the third\n")
        variables = {"LIMIT": "<3", "PIP_CONSTRAINT": str(world.folder / "of-pip.txt")}

        both = [ask(requirement_files=("requirements.txt",), variables=variables) for ask in (world.uv, world.by_pip)]

        assert files(both[0]) == files(both[1])
        assert {one.name: one.version for one in both[0].artifacts} == {"a": "2.0", "b": "1.0", "c": "2.0"}

    @pytest.mark.parametrize(
        ("options", "variables"),
        [
            (IndexOptions(pre=True), {}),
            (IndexOptions(), {"PIP_PRE": "1"}),
            (IndexOptions(no_binary=("lib",)), {}),
            (IndexOptions(), {"PIP_NO_BINARY": "lib"}),
            (IndexOptions(only_binary=(":all:",)), {}),
            (IndexOptions(only_binary=("lib",)), {"PIP_NO_BINARY": "lib"}),
        ],
        ids=str,
    )
    def test_choices(self, world: UvWorld, options: IndexOptions, variables: Mapping[str, str]) -> None:
        """`--pre`, `--no-binary` and `--only-binary` lead both to the same file."""
        world.wheel("lib", "1.0")
        world.sdist("lib", "1.0")
        world.sdist("lib", "1.1")
        world.wheel("lib", "2.0rc1")
        world.sdist("lib", "2.0rc1")
        both = [ask("lib", options=options, variables=variables) for ask in (world.uv, world.by_pip)]
        assert files(both[0]) == files(both[1])

    @pytest.mark.parametrize("configured", [False, True])
    def test_folders_of_files(self, world: UvWorld, configured: bool) -> None:
        """`--find-links` with `--no-index` asks no index at all; both count in pip's configuration too."""
        shelf = world.folder / "my shelf" if not configured else world.folder / "shelf"
        shelf.mkdir()
        wheel = make_wheel(shelf, "lib", "1.0")
        options = IndexOptions(no_index=True, find_links=(str(shelf),))
        found = (
            world.uv("lib", variables={"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(shelf)})
            if configured
            else world.uv("lib", options=options)
        )
        assert [one.url for one in found.artifacts] == [wheel.as_uri()]
        assert (found.asked, world.index.requests) == ((), [])

    @pytest.mark.parametrize("configured", [False, True])
    def test_several_indexes(self, world: UvWorld, configured: bool) -> None:
        """The best version of all indexes counts, as for pip; of equal ones that of the index named last."""
        world.wheel("lib", "1.0")
        world.wheel("same", "1.0")
        with serve_index() as other:
            folder = world.folder / "other"
            folder.mkdir()
            other.add(make_wheel(folder, "lib", "2.0"))
            other.add(make_wheel(folder, "same", "1.0", size=10))
            options = IndexOptions() if configured else IndexOptions(extra_index_urls=(other.simple_url,))
            variables = {"PIP_EXTRA_INDEX_URL": other.simple_url} if configured else {}
            both = [ask("lib", "same", options=options, variables=variables) for ask in (world.uv, world.by_pip)]
        assert files(both[0]) == files(both[1])
        assert by_name(both[0])["lib"].version == "2.0"

    def test_projects_and_groups(self, world: UvWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        """Folders, editable ones with extras, pyproject.toml and its groups are resolved; `tool.uv` is not read."""
        for name in ("dep", "extra", "grouped", "hidden"):
            world.wheel(name)
        folder = world.folder / "my project"
        unpack_sdist(make_sdist(world.folder, "proj", "1.0", requires=["dep"]), world.folder).rename(folder)
        declared = (
            "\noptional-dependencies = {more = ['extra']}\ndependencies = ['dep']\n"
            "[dependency-groups]\ntest = ['grouped']\n[tool.uv]\nconstraint-dependencies = ['dep<1']\n"
            "[tool.uv.sources]\ndep = {path = '/nowhere'}\n"
        )
        with (folder / "pyproject.toml").open("a") as file:
            file.write(declared)
        monkeypatch.chdir(folder)

        editable = world.uv(editables=(f"{folder}[more]",))
        plain = world.uv("./", "grouped")
        by_file = world.uv("pyproject.toml[more]", groups=("pyproject.toml:test",))

        assert set(by_name(editable)) == {"proj", "dep", "extra"}
        assert by_name(editable)["proj"].url == folder.as_uri()
        assert set(by_name(plain)) == {"proj", "dep", "grouped"}
        assert set(by_name(by_file)) == {"dep", "extra", "grouped"}

    @pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
    def test_repositories(self, world: UvWorld) -> None:
        """A repository is named by its commit, as pip names it."""
        folder = world.folder / "repository"
        unpack_sdist(make_sdist(world.folder, "demo", "1.0"), folder)
        git = ("git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org")
        for command in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "all")):
            subprocess.run([*git, *command], check=True)
        wanted = f"git+{folder.as_uri()}#subdirectory=demo-1.0"
        by_uv, by_pip = (by_name(ask(wanted))["demo"] for ask in (world.uv, world.by_pip))
        assert (by_uv.url, by_uv.subdirectory, by_uv.direct) == (by_pip.url, by_pip.subdirectory, True)

    def test_build_constraints(self, world: UvWorld) -> None:
        """What bounds builds bounds those of uv: a build requirement that is bound away fails."""
        world.wheel("helper", "1.0")
        world.sdist("tool", build_requires=["helper"])
        limits = world.folder / "limits.txt"
        limits.write_text("helper<1\n")
        # With its metadata static, uv builds nothing; a dynamic version makes it.
        folder = unpack_sdist(world.folder / "tool-1.0.tar.gz", world.folder / "dynamic")
        project = folder / "pyproject.toml"
        project.write_text(project.read_text().partition("[project]")[0])
        (folder / "PKG-INFO").unlink()

        assert "tool" in by_name(world.uv(str(folder)))
        with pytest.raises(ResolveError, match="helper"):
            world.uv(str(folder), build_constraint_files=(str(limits),))

    @pytest.mark.parametrize(
        ("platform", "tag"),
        [
            ("win_amd64", "cp312-cp312-win_amd64"),
            ("manylinux2014_aarch64", "cp312-cp312-manylinux2014_aarch64"),
            ("manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_28_x86_64"),
            ("musllinux_1_2_x86_64", "cp312-cp312-musllinux_1_2_x86_64"),
            ("macosx_14_0_arm64", "cp312-cp312-macosx_14_0_arm64"),
        ],
    )
    def test_machines_elsewhere(self, world: UvWorld, platform: str, tag: str) -> None:
        """A platform that uv knows gets its own wheel, and what markers ask for there."""
        for one in (tag, "cp312-cp312-win32"):
            world.wheel("lib", tag=one, requires=["wine; sys_platform == 'win32'"])
        world.wheel("wine")
        world.elsewhere = Elsewhere(platforms=(platform,), python_version="3.12")
        found = world.uv("lib", options=IndexOptions(only_binary=(":all:",)))
        assert by_name(found)["lib"].filename == f"lib-1.0-{tag}.whl"
        assert ("wine" in by_name(found)) == platform.startswith("win")

    @pytest.mark.parametrize(
        ("elsewhere", "words"),
        [
            (Elsewhere(platforms=("linux_armv6l",)), "--platform linux_armv6l"),
            (Elsewhere(platforms=("win32", "win_amd64")), "more than one --platform"),
            (Elsewhere(implementation="pp"), "--implementation pp"),
            (Elsewhere(abis=("cp312",), python_version="3.12"), "--abi cp312"),
        ],
        ids=str,
    )
    def test_machines_that_uv_does_not_know(self, world: UvWorld, elsewhere: Elsewhere, words: str) -> None:
        """Each is refused by name."""
        world.elsewhere = elsewhere
        with pytest.raises(InputError, match=f"uv cannot honour {words}") as caught:
            world.uv("lib", options=IndexOptions(only_binary=(":all:",)))
        assert caught.value.hint == "Let pip resolve: --resolver pip."

    @pytest.mark.parametrize(
        ("options", "variables", "words"),
        [
            (IndexOptions(prefer_binary=True), {}, "--prefer-binary"),
            (IndexOptions(require_hashes=True), {}, "--hash"),
            (IndexOptions(only_final=("lib",)), {}, "--only-final"),
            (IndexOptions(all_releases=("lib",)), {}, "--all-releases"),
            (IndexOptions(only_binary=(":all:",), no_binary=("lib",)), {}, "exceptions from"),
            (IndexOptions(), {"PIP_PREFER_BINARY": "1"}, "'prefer-binary' in pip's configuration"),
            (IndexOptions(), {"PIP_REQUIREMENT": "more.txt"}, "'requirement' in pip's configuration"),
            (IndexOptions(), {"PIP_KEYRING_PROVIDER": "import"}, "'keyring-provider = import'"),
        ],
        ids=str,
    )
    def test_what_only_pip_has(
        self, world: UvWorld, options: IndexOptions, variables: Mapping[str, str], words: str
    ) -> None:
        """An option that uv cannot honour is refused by name, and never left out."""
        world.wheel("lib")
        with pytest.raises(InputError) as caught:
            world.uv("lib", options=options, variables=variables)
        assert words in caught.value.message
        assert caught.value.hint == "Let pip resolve: --resolver pip."

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("lib --hash=sha256:" + "0" * 64, "--hash"),
            ("lib --config-settings a=b", "--config-settings"),
            ("-e git+https://example.org/lib.git#egg=lib", "an editable repository"),
            ("-r https://user:word@example.org/more.txt", "https://example.org/more.txt"),
        ],
    )
    def test_lines_that_only_pip_takes(self, world: UvWorld, line: str, words: str) -> None:
        """So is what a line of a requirements file says."""
        file = world.folder / "requirements.txt"
        file.write_text(f"{line}\n")
        with pytest.raises(InputError) as caught:
            world.uv(requirement_files=(str(file),))
        assert words in caught.value.message
        assert "word" not in caught.value.message.replace(words, "")
