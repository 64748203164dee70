"""`python -m wheelwarm`, and the program of that name: the command line, in an interpreter set for one short run."""

import gc
import os
import sys


def main() -> None:
    """Run the command line, spared of searches for garbage, and of being taken apart at its end.

    Nearly all that a run makes stays until then, and what is left of it the system takes back at once: that is a tenth
    of the time of a look at a large cache, and of a quick command's.
    """
    gc.set_threshold(1_000_000)
    from wheelwarm import cli

    try:
        cli.main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            leave(end.code or 0)
        raise


def leave(code: int) -> None:
    """End the process now, once what was printed is written; return where it cannot be, for the interpreter to say."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream:  # None where whoever started us has closed it, as by `>&-`
                stream.flush()
    except OSError:
        return
    os._exit(code)


if __name__ == "__main__":
    main()
