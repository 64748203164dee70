"""The real pre-commit runs our hooks at real commits and checkouts; the index's log says what came of it."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pre_commit.clientlib import load_manifest  # type: ignore[import-untyped]

from tests.functional.test_prefetch import publish
from tests.helpers.artifacts import make_wheel
from tests.helpers.hooks import ROOT, Checkout, config, install, publish_hooks, with_named_python

if TYPE_CHECKING:
    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment

MANIFEST = ROOT / ".pre-commit-hooks.yaml"
HOOKS = {hook["id"]: hook for hook in load_manifest(str(MANIFEST))}

pytestmark = [
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not here"),
    pytest.mark.skipif(os.name != "posix", reason="symbolic links stand for environments"),
]


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Publish the hooks, and let pre-commit make their environment: the one thing here that needs a network."""
    base = tmp_path_factory.mktemp("hooks")
    made = publish_hooks(base / "wheelwarm")
    user = Checkout(base / "user", {"PRE_COMMIT_HOME": str(base / "home")})
    user.folder.mkdir()
    user = replace(user, environ={**made.environ, **user.environ})
    user.run("git", "init", "--quiet")
    (user.folder / ".pre-commit-config.yaml").write_text(config(made, *HOOKS))
    user.run("git", "add", "--all")
    install(user)
    return replace(made, environ=user.environ)


@pytest.fixture
def project(hooks: Checkout, modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path) -> Checkout:
    """Return a project with requirements, its Python in `.venv`, and the hooks installed in its repository."""
    publish(index, tmp_path / "files")
    environ = modern_pip.environ(cache_dir=cache_dir, index=index)
    environ |= {"PRE_COMMIT_HOME": hooks.environ["PRE_COMMIT_HOME"], "PIP_RETRIES": "0"}
    made = Checkout(tmp_path / "project", with_named_python(environ))
    made.folder.mkdir()
    made.run("git", "init", "--quiet")
    (made.folder / ".gitignore").write_text(".venv\n")
    (made.folder / ".venv").symlink_to(modern_pip.python.parent.parent)
    (made.folder / "requirements.txt").write_text("app==1.0\nlib==2.0\n")
    take(made, hooks, "wheelwarm-check", "wheelwarm-prefetch")
    made.pre_commit("install", *(word for stage in ("pre-commit", "post-checkout") for word in ("-t", stage)))
    return made


def take(project: Checkout, hooks: Checkout, *ids: str, args: dict[str, str] | None = None) -> None:
    """Let the project use these hooks."""
    (project.folder / ".pre-commit-config.yaml").write_text(config(hooks, *ids, args=args))
    project.run("git", "add", "--all")


def test_a_commit_is_checked_and_a_checkout_warms(project: Checkout, index: Index) -> None:
    """A commit tells without network what is not in the cache; a checkout fetches it, no more; the commit passes."""
    project.run("git", "commit", "--quiet", "--no-verify", "--message", "Begin")
    (project.folder / "requirements.txt").write_text("app==1.0\nlib==2.0  # needed by app\n")
    refused = project.commit("Pin", code=1)
    assert "miss (" in refused, refused
    assert not index.requests

    said = project.run("git", "checkout", "--quiet", "-b", "warm")
    assert "warm pip's cache" in said
    assert "is pip's cache warm?" not in said
    assert {Path(request.path).name for request in index.artifact_requests()} == {
        "app-1.0-py3-none-any.whl",
        "lib-2.0-py3-none-any.whl",
    }
    index.clear()
    project.commit("Pin")
    assert not index.requests


def test_a_merge_and_a_rewrite_warm_too(project: Checkout, cache_dir: Path) -> None:
    """What comes with a merge, or with a commit that takes another's place, is fetched as after a checkout."""
    project.pre_commit("install", *(word for stage in ("post-merge", "post-rewrite") for word in ("-t", stage)))
    project.run("git", "commit", "--quiet", "--no-verify", "--message", "Begin")
    project.run("git", "checkout", "--quiet", "-b", "other")
    project.run("git", "commit", "--quiet", "--no-verify", "--allow-empty", "--message", "Go on")
    project.run("git", "checkout", "--quiet", "-")
    amend = ("commit", "--quiet", "--no-verify", "--allow-empty", "--amend", "--message", "Go on otherwise")

    for command in (("merge", "--quiet", "other"), amend):
        shutil.rmtree(cache_dir)
        assert "warm pip's cache" in project.run("git", *command)
        assert len(list(cache_dir.glob("http-v2/*/*/*/*/*/*.body"))) >= 2


def test_the_cache_is_trimmed_by_hand_alone(project: Checkout, hooks: Checkout, cache_dir: Path) -> None:
    """No commit and no checkout prunes; the manual stage does, with the project's own args in place of ours."""
    take(project, hooks, "wheelwarm-prefetch", "wheelwarm-prune", args={"wheelwarm-prune": "[--older-than, 0s]"})
    project.commit("Begin")
    project.run("git", "checkout", "--quiet", "-b", "other")
    assert list(cache_dir.glob("http-v2/*/*/*/*/*/*.body")) != []

    assert "Passed" in project.pre_commit("run", "--hook-stage", "manual", "wheelwarm-prune")

    assert list(cache_dir.glob("http-v2/*/*/*/*/*/*.body")) == []


def test_the_hooks_act_for_the_project_s_python(project: Checkout, modern_pip: PipEnvironment) -> None:
    """`./.venv` is found behind the environment that pre-commit puts before everything."""
    said = project.pre_commit("run", "--hook-stage", "manual", "--verbose", "wheelwarm-prefetch")

    assert re.search(rf"target: Python \S+ \(.*\.venv/bin/python\), pip {modern_pip.version}\b", said)


def test_without_a_folder_of_its_own_the_user_s_path_tells(project: Checkout, modern_pip: PipEnvironment) -> None:
    """An active environment's Python is the first on PATH behind the hook's own."""
    (project.folder / ".venv").unlink()
    path = os.pathsep.join([str(modern_pip.python.parent), project.environ["PATH"]])

    said = project.pre_commit("run", "--hook-stage", "manual", "--verbose", "wheelwarm-prefetch", PATH=path)

    assert f"({modern_pip.python})" in said.replace("python3)", "python)")


def test_args_name_another_python(project: Checkout, hooks: Checkout, pip_of: object, index: Index) -> None:
    """`args` has the last word; a Python that is not there is one sentence."""
    take(project, hooks, "wheelwarm-prefetch", args={"wheelwarm-prefetch": "[app, --python, /no/such/python]"})

    said = project.pre_commit("run", "--hook-stage", "manual", "wheelwarm-prefetch", code=1)

    assert "/no/such/python" in said
    assert not index.requests


def test_no_network_does_not_stand_in_the_way(project: Checkout, hooks: Checkout, index: Index) -> None:
    """A checkout without network succeeds; with `--strict` among the args the hook fails."""
    index.stop()
    project.run("git", "commit", "--quiet", "--no-verify", "--message", "Begin")

    project.run("git", "checkout", "--quiet", "-b", "one")

    args = {"wheelwarm-prefetch": "[-r, requirements.txt, --strict]"}
    take(project, hooks, "wheelwarm-prefetch", args=args)
    project.run("git", "commit", "--quiet", "--no-verify", "--message", "Be strict")
    assert "error: " in project.run("git", "checkout", "--quiet", "-b", "two", code=1)


def test_a_commit_of_other_files_runs_no_check(project: Checkout) -> None:
    """Only a change of requirements is worth a look."""
    project.run("git", "commit", "--quiet", "--no-verify", "--message", "Begin")
    (project.folder / "app.py").write_text("")

    assert "Skipped" in project.commit("Add code")


@pytest.mark.parametrize(
    ("path", "is_matched"),
    [
        ("requirements.txt", True),
        ("dev-requirements.in", True),
        ("requirements/test.txt", True),
        ("services/api/pyproject.toml", True),
        ("pylock.ci.toml", True),
        ("constraints.txt", True),
        ("requirements.txt.orig", False),
        ("docs/requirements.md", False),
        ("mypyproject.toml", False),
        ("poetry.lock", False),
    ],
)
def test_the_files_that_call_for_a_check(path: str, is_matched: bool) -> None:
    """The pattern is anchored at both ends."""
    assert bool(re.search(HOOKS["wheelwarm-check"]["files"], path)) is is_matched


def test_try_repo(hooks: Checkout, modern_pip: PipEnvironment, tmp_path: Path) -> None:
    """`pre-commit try-repo` works as its documentation says: here for a file that needs no network."""
    project = Checkout(tmp_path / "tried", {**hooks.environ, "PIP_CACHE_DIR": str(tmp_path / "cache")})
    project.folder.mkdir()
    project.run("git", "init", "--quiet")
    wheel = make_wheel(tmp_path, "demo", "1.0")
    (project.folder / "requirements.txt").write_text(f"{wheel}\n")
    (project.folder / ".venv").symlink_to(modern_pip.python.parent.parent)
    project.run("git", "add", "requirements.txt")

    said = project.pre_commit("try-repo", str(hooks.folder), "wheelwarm-check", "--all-files", "--verbose")

    assert "1 local" in said
    assert "Passed" in said
