"""Write docs/prefetch.svg: what `wheelwarm prefetch` prints on a terminal of 80 columns. Called by `make picture`.

It runs for real: a new home, a new environment with the newest pip, the machine's index, a cold cache.
"""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

REQUIREMENTS = ("docopt==0.6.2", "flask", "requests>=2.31")
COMMAND = ("prefetch", "-r", "requirements.txt")
COLUMNS = 80


def main(file: str) -> None:
    """Run the command and write the picture."""
    with tempfile.TemporaryDirectory() as home:
        said = run(Path(home)).replace(home, "~")
    Path(file).write_text(svg(f"$ wheelwarm {' '.join(COMMAND)}\n{said}"), encoding="utf-8")


def run(home: Path) -> str:
    """Return what the command prints on a terminal, colours included; progress goes elsewhere."""
    environ = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PIP_FIND_LINKS"}}
    environ |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "TERM": "xterm-256color"}
    # The terminal's own size counts, not what this program was started with.
    environ.pop("COLUMNS", None)
    (home / "requirements.txt").write_text("\n".join(REQUIREMENTS) + "\n", encoding="utf-8")
    subprocess.run([sys.executable, "-m", "venv", home / ".venv"], check=True)
    pip = [home / ".venv" / "bin" / "python", "-m", "pip", "--no-cache-dir", "install", "--quiet", "--upgrade", "pip"]
    subprocess.run(pip, env=environ, check=True)
    return on_a_terminal([sys.executable, "-m", "wheelwarm", *COMMAND], environ=environ, folder=home)


def on_a_terminal(command: list[str], *, environ: dict[str, str], folder: Path) -> str:
    """Return what a command writes to a terminal as its standard output."""
    # Only here: other systems have no terminals of this kind, and the rest of this file is tested there too.
    import fcntl
    import pty
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    with subprocess.Popen(command, cwd=folder, env=environ, stdout=theirs, stderr=subprocess.DEVNULL) as process:
        os.close(theirs)
        said = b"".join(iter(lambda: read(ours), b""))
    os.close(ours)
    if process.returncode:
        raise SystemExit(f"{command} ended with exit code {process.returncode}")
    return said.decode().replace("\r\n", "\n")


def read(terminal: int) -> bytes:
    """Return the next bytes; none when everybody has left the terminal, which Linux calls an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def svg(text: str) -> str:
    """Draw a terminal with this text; a picture in a README loads no fonts from elsewhere."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, color_system="truecolor", force_terminal=True)
        console.print(Text.from_ansi(text))
    drawn = console.export_svg(title="wheelwarm", unique_id="wheelwarm")
    plain = re.sub(r"@font-face \{.*?\}\n", "", drawn, flags=re.DOTALL)
    return "\n".join(line.rstrip() for line in plain.replace("Fira Code", "ui-monospace").splitlines()) + "\n"


if __name__ == "__main__":
    main(sys.argv[1])
