"""What the documentation says is what the program does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from examples.picture import svg
from wheelwarm.cli import app
from wheelwarm.cli.commands import COMMANDS
from wheelwarm.cli.examples import EXAMPLES
from wheelwarm.cli.manual import manual

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINES = [line for command in EXAMPLES if command in COMMANDS for line, _ in EXAMPLES[command]]


def help_of(command: str) -> str:
    """Return a command's help with white space made even."""
    return " ".join(CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "300"}).stdout.split())


def test_the_reference_is_the_program_s() -> None:
    """docs/commands.md is what `make docs` would write."""
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") == manual(), "run `make docs`"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_examples(command: str) -> None:
    """Each command shows what to type, word for word, and no markup."""
    shown = help_of(command)

    assert command in EXAMPLES
    assert all(f"$ {' '.join(line.split())}" in shown for line, _ in EXAMPLES[command])
    assert "[dim]" not in shown


@pytest.mark.parametrize("line", LINES)
def test_every_example_is_one_that_the_program_takes(line: str) -> None:
    """The options of an example exist, and are used as they want it: with --help behind them nothing runs."""
    words = shlex.split(line.partition(" | ")[0].partition(" || ")[0])

    result = CliRunner().invoke(app, [*words[1:], "--help"])

    assert (words[0], result.exit_code) == ("wheelwarm", 0), result.stderr
    known = set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", help_of(words[1])))
    assert {word for word in words if word.startswith("-")} <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_of_a_page_exists(page: Path) -> None:
    """Whatever a page shows or says to type names commands and options that the program has."""
    text = re.sub(r"\n +\[", " [", page.read_text(encoding="utf-8"))  # usage that goes on in the next line
    typed = re.findall(r"\bwheelwarm ([a-z]+)((?: (?!wheelwarm |pip )[^\s`&|#]+)+)", text.replace("|VERSION", ""))

    for command, rest in typed:
        if options := set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", rest)):
            assert command in COMMANDS
            assert options <= set(re.findall(r"--[a-z][a-z-]*", help_of(command))), command


def test_the_readme_has_every_command() -> None:
    """The table of the README has a row for each command, which leads to its section of the guide."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[`(\w+)`\]\(docs/guide\.md#(\w+)\)", readme, re.MULTILINE)

    assert sorted(rows) == [(command, command) for command in sorted(COMMANDS)]


def test_the_picture_loads_nothing() -> None:
    """A picture has the text, in colour, and neither fonts nor anything else from elsewhere."""
    drawn = svg("$ wheelwarm check\n\x1b[32mhit\x1b[0m\n")

    for picture in (drawn, (ROOT / "docs" / "prefetch.svg").read_text(encoding="utf-8")):
        assert ">hit</text>" in picture
        assert "url(" not in picture.replace("url(#wheelwarm", "")
        assert "@font-face" not in picture


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_leads_nowhere(page: Path) -> None:
    """Every relative link of a page leads to a file."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []
