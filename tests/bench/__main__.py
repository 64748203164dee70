"""The benches' command line: measure, print tables, write the figures as JSON.

Exit code 1 when a goal is missed, 2 when a program to compare with is not installed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.bench import chart, fill, keep, see
from tests.bench.harness import MissingError, Setting, data, newest_pip, table, versions
from tests.bench.wheelset import USUAL
from tests.helpers.pips import pip_store

BENCHES = {"see": see.bench, "fill": fill.bench, "keep": keep.bench}


def main() -> int:
    """Run the named benches, all without a name."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="wheelwarm-bench-") as scratch:
        setting = Setting(
            folder=options.folder,
            pip=newest_pip(Path(scratch)),
            rounds=options.rounds,
            entries=options.entries,
            large=options.large,
            wheels=options.wheels,
            parts=options.part,
        )
        found = versions(setting.pip)
        _say(", ".join(f"{name} {version}" for name, version in found.items()) + "\n")
        try:
            benches = [BENCHES[name](setting) for name in options.names or BENCHES]
        except MissingError as error:
            sys.stderr.write(f"{error}\n")
            return 2
    for one in benches:
        _say(f"\n{table(one)}")
    figures = {"versions": found, "benches": {one.name: data(one) for one in benches}}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(figures, indent=1) + "\n")
    _say(f"\nAll figures: {options.json}\n")
    for one in benches:
        if options.docs and one.name == "fill":
            chart.write_docs(one, found, root=options.docs)
    return 0 if all(goal.met for one in benches for goal in one.goals) else 1


def _options() -> argparse.Namespace:
    folder = pip_store().parent / "bench"
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure wheelwarm against pip.")
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"which bench: {', '.join(BENCHES)}; default all")
    parser.add_argument("--rounds", type=int, default=5, help="how often each command runs")
    parser.add_argument("--entries", type=int, default=25_000, help="entries of the usual cache")
    parser.add_argument("--large", type=int, default=250_000, help="entries of the large cache")
    parser.add_argument("--wheels", type=int, default=USUAL, help="wheels of the bench of filling")
    parser.add_argument("--part", action="append", default=[], choices=fill.PARTS, help="only this part of fill")
    parser.add_argument("--folder", type=Path, default=folder, help="where caches are kept between runs")
    parser.add_argument("--docs", type=Path, metavar="ROOT", help="write README table and docs/bench.svg of fill there")
    parser.add_argument("--json", type=Path, default=folder / "figures.json", help="the file for all figures")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHES):
        parser.error(f"no such bench: {', '.join(sorted(unknown))}")
    return options


def _say(text: str) -> None:
    sys.stdout.write(text)


if __name__ == "__main__":
    sys.exit(main())
