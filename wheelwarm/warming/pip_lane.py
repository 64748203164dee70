"""The target's pip for one artifact at a time: what the parallel lane cannot fetch, and every build."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wheelwarm.errors import FetchError
from wheelwarm.targets.target import Running

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wheelwarm.model import Artifact
    from wheelwarm.targets.target import Completed, Target

# What would add artifacts of its own to each run.
NOT_FOR_ONE_ARTIFACT = ("PIP_REQUIREMENT", "PIP_EDITABLE", "PIP_GROUP")


class PipLane:
    """One target's pip with the index options of a run."""

    def __init__(
        self,
        target: Target,
        *,
        index_arguments: Sequence[str],
        build_arguments: Sequence[str] = (),
        environ: Mapping[str, str],
        scratch: Path,
    ) -> None:
        self._target = target
        self._options = [*build_arguments, *options_file(index_arguments, scratch)]
        kept = {name: value for name, value in environ.items() if name not in NOT_FOR_ONE_ARTIFACT}
        # Nothing gets installed, so a wish never to install outside a virtual environment does not apply.
        self._environ = kept | {"PIP_REQUIRE_VIRTUALENV": "0"}
        self._scratch = scratch
        self._running = Running()

    def stop(self) -> None:
        """End every pip that runs in whatever thread, for good."""
        self._running.stop()

    def run(self, command: str, folder_option: str, artifact: Artifact) -> PipRun:
        """Run `pip download` or `pip wheel` for one artifact by its URL, exactly as pip's wheel cache keys it."""
        folder = Path(tempfile.mkdtemp(dir=self._scratch))
        log = folder / "pip.log"
        arguments = [command, "--no-deps", folder_option, str(folder), *self._target.elsewhere.arguments()]
        completed = self._target.run_pip(
            [*arguments, *self._options, direct_requirement(artifact)],
            environ=self._environ,
            scratch=self._scratch,
            log=log,
            among=self._running,
        )
        return PipRun(completed=completed, folder=folder, log=log)


class PipRun(NamedTuple):
    """One pip command for one artifact: how it ended and what it left in its folder."""

    completed: Completed
    folder: Path
    log: Path

    @property
    def asked(self) -> tuple[str, ...]:
        """Every URL that this pip looked up in its cache."""
        from wheelwarm.resolution.resolver import read_log

        return read_log(self.log).urls

    def log_text(self) -> str:
        """Pip's debug log."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def error(self) -> FetchError:
        """Say in one sentence what pip said in many."""
        from wheelwarm.targets.pip_errors import Words, explain

        error = explain(Words(self.completed.err, self.completed.out, self.log_text()))
        return FetchError(error.message, hint=error.hint)


def options_file(arguments: Sequence[str], scratch: Path) -> list[str]:
    """Hand pip its index options in a file: URLs may hold credentials, and everybody can read a command line."""
    if not arguments:
        return []
    path = scratch / "options.txt"
    starts = [at for at, word in enumerate(arguments) if word.startswith("--")]
    lines = [shlex.join(arguments[start:end]) for start, end in zip(starts, [*starts[1:], None], strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return ["--requirement", str(path)]


def direct_requirement(artifact: Artifact) -> str:
    """Write `name @ URL#hash`, with just the fragment that pip will see later: it is part of the wheel cache's key."""
    fragment = []
    if artifact.link_hash:
        fragment.append("=".join(artifact.link_hash))
    if artifact.subdirectory:
        fragment.append(f"subdirectory={artifact.subdirectory}")
    return f"{artifact.name} @ {artifact.url}" + (f"#{'&'.join(fragment)}" if fragment else "")
