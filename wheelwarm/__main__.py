"""`python -m wheelwarm`, and the program of that name: the command line, in an interpreter set for one short run."""

import atexit
import gc


def main() -> None:
    """Run the command line, spared of searches for garbage: nearly all that a run makes stays until its end.

    That is a tenth of the time of a look at a large cache. So is, of a quick command's, the last search of an ending
    interpreter, for what the system takes back at once.
    """
    gc.set_threshold(1_000_000)
    atexit.register(gc.freeze)
    from wheelwarm import cli

    cli.main()


if __name__ == "__main__":
    main()
