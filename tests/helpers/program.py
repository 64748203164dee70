"""Runs wheelwarm as a user does, in this process, and hands back what it said."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typer.testing import CliRunner

from wheelwarm.cli import app

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.index import Index
    from tests.helpers.pips import PipEnvironment


@dataclass(frozen=True, slots=True)
class Answer:
    """One finished run: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def envelope(self) -> dict[str, Any]:
        """The JSON document of `--json`."""
        return dict(json.loads(self.out))

    @property
    def data(self) -> dict[str, Any]:
        """Its `data`."""
        return dict(self.envelope["data"])

    def outcomes(self, moment: str = "before") -> dict[str, tuple[str, str | None]]:
        """Return outcome and reason by file name, those found before or left after."""
        return {row["filename"]: (row[moment]["outcome"], row[moment]["reason"]) for row in self.data["artifacts"]}

    def actions(self) -> dict[str, str]:
        """Return what was done, by file name."""
        return {row["filename"]: row["action"] for row in self.data["artifacts"]}


@dataclass(frozen=True, slots=True)
class Program:
    """wheelwarm for one pip, index and cache."""

    pip: PipEnvironment
    index: Index
    cache_dir: Path

    def run(self, *arguments: str, **variables: str | None) -> Answer:
        """Run a command with `--python` and pip's environment; `variables` are added to that."""
        environ = {**self.pip.environ(cache_dir=self.cache_dir, index=self.index), **variables}
        result = CliRunner().invoke(app, [*arguments, "--python", str(self.pip.python)], env=environ)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)
