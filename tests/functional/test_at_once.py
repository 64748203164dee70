"""Several wheelwarms fill one cache at the same time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

from tests.helpers.artifacts import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment

RUNS = 4
PROJECTS = [f"project-{number}" for number in range(12)]


def start(pip: PipEnvironment, index: Index, cache_dir: Path) -> subprocess.Popen[str]:
    """Start one prefetch of all projects."""
    return subprocess.Popen(
        [sys.executable, "-m", "wheelwarm", "prefetch", *PROJECTS, "--python", str(pip.python), "--json"],
        env=pip.environ(cache_dir=cache_dir, index=index),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_each_ends_with_everything_there(
    modern_pip: PipEnvironment, index: Index, tmp_path: Path, cache_dir: Path
) -> None:
    """None fails, none asks for a file twice, nothing unfinished stays, and pip then asks for no file."""
    for project in PROJECTS:
        index.add(make_wheel(tmp_path, project, "1.0", size=300_000))

    runs = [start(modern_pip, index, cache_dir) for _ in range(RUNS)]
    answers = [run.communicate(timeout=120) for run in runs]

    assert [run.returncode for run in runs] == [0] * RUNS, answers
    for out, err in answers:
        assert err == ""
        assert {row["after"]["outcome"] for row in json.loads(out)["data"]["artifacts"]} == {"hit"}
    asked = Counter(request.path for request in index.artifact_requests())
    assert max(asked.values()) <= RUNS
    assert not [path for path in cache_dir.glob("http-v2/*") if path.is_file()]
    index.clear()
    modern_pip.run("download", *PROJECTS, "--dest", str(tmp_path / "to"), cache_dir=cache_dir, index=index, check=True)
    assert not index.artifact_requests()
    assert not index.metadata_requests()
