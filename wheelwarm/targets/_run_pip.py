"""Runs the pip of the Python that runs this, as the `pip` script does; it must start on every Python that pip does.

Usage: python _run_pip.py PIP_ARGUMENT...
"""

import gc
import logging
import runpy
import sys
from pathlib import Path
from typing import Any

# The debug log tells which URLs pip looked up. With them come lines for each link of each index page, which take a
# quarter of the time of a pip that resolves; what is read of them is that an sdist was not permitted.
FINDER = "pip._internal.index.package_finder"
UNREAD = ("Found link", "Skipping link")
READ = "No sources permitted"
# The links live until pip ends; to look through them for garbage at every 700th new object takes a fourteenth.
COLLECT_AT = 50000


class FinderLogger(logging.Logger):
    """A logger without the lines that nobody reads; it has the level between INFO and DEBUG that pip's own have."""

    def debug(self, message: str, *arguments: object, **options: Any) -> None:  # type: ignore[override]
        """Log it if it is read."""
        if not message.startswith(UNREAD) or str(*arguments[:1]).startswith(READ):
            super().debug(message, *arguments, **options)

    def verbose(self, message: str, *arguments: object, **options: Any) -> None:
        """Log below INFO."""
        self.log(15, message, *arguments, **options)


def hush(name: str) -> None:
    """Have a logger of pip's leave out what nobody reads; pip takes the logger that is there."""
    usual = logging.getLoggerClass()
    logging.setLoggerClass(FinderLogger)
    logging.getLogger(name)
    logging.setLoggerClass(usual)


def main() -> None:
    """Run pip.

    The current folder, which `python -m` puts first on the path, may hold a `types.py`, and this file's holds modules
    of ours: neither is to hide the target's.
    """
    here = Path(__file__).resolve().parent
    sys.path[:] = [path for path in sys.path if path and Path(path).resolve() != here]
    hush(FINDER)
    gc.set_threshold(COLLECT_AT)
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
