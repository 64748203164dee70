"""The program as the system starts it: what arrives, and what it ends with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wheelwarm import __version__

COMMAND = (sys.executable, "-m", "wheelwarm")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["stats"], 0, id="done"),
        pytest.param(["remove", "nothing-like-it", "--yes"], 1, id="no"),
        pytest.param(["stats", "--nonsense"], 2, id="usage"),
        pytest.param(["verify", "--python", "nowhere"], 3, id="could not"),
    ],
)
def test_the_exit_code_is_the_commands(tmp_path: Path, arguments: list[str], code: int) -> None:
    """However a run ends, its code reaches whoever started it, and no traceback."""
    cache = tmp_path / "cache"
    (cache / "http-v2").mkdir(parents=True)
    option = [] if "--nonsense" in arguments or "--python" in arguments else ["--cache-dir", str(cache)]
    done = subprocess.run([*COMMAND, *arguments, *option], check=False, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_all_that_was_printed_arrives(tmp_path: Path) -> None:
    """The end of the process waits for what is still to be written, in a file as in a pipe."""
    piped = subprocess.run([*COMMAND, "prefetch", "--help"], check=True, capture_output=True, text=True).stdout
    with (tmp_path / "out").open("w+") as file:
        subprocess.run([*COMMAND, "prefetch", "--help"], check=True, stdout=file)
        file.seek(0)
        assert file.read() == piped
    assert len(piped) > 1000
    assert subprocess.run([*COMMAND, "--version"], check=True, capture_output=True, text=True).stdout == (
        f"wheelwarm {__version__}\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is a device of Linux")
@pytest.mark.parametrize("arguments", [["--version"], ["stats", "--help"], ["stats"]])
def test_what_cannot_be_written_is_no_success(tmp_path: Path, arguments: list[str]) -> None:
    """An answer that did not get where it was to go is one sentence, of help and version too."""
    variables = {**os.environ, "PIP_CACHE_DIR": str(tmp_path), "WHEELWARM_CACHE_DIR": str(tmp_path)}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *arguments], check=False, stdout=full, stderr=subprocess.PIPE, text=True, env=variables
        )
    assert done.returncode == 3
    assert done.stderr == "error: Standard output cannot be written: No space left on device.\n"


@pytest.mark.skipif(os.name == "nt", reason="a shell closes it")
def test_nobody_need_listen() -> None:
    """With standard output closed from the start a run ends as well as any."""
    done = subprocess.run(
        [*COMMAND, "--version"],
        check=False,
        stderr=subprocess.PIPE,
        text=True,
        close_fds=True,
        preexec_fn=lambda: os.close(1),
    )
    assert (done.returncode, done.stderr) == (0, "")
