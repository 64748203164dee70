"""Examples of each command, for `--help` and docs/commands.md: a line to type, and what it is for."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "prefetch": (
        ("wheelwarm prefetch -r requirements.txt", "what a project needs, for its own Python"),
        ("wheelwarm prefetch -r requirements.txt --lock pylock.toml", "and what installs with no network at all"),
        ("wheelwarm prefetch 'pyproject.toml[test]'", "what a project and an extra of it declare"),
        ("wheelwarm prefetch --script tool.py", "what a script says that it needs (PEP 723)"),
        ("wheelwarm prefetch 'flask[async]' --python 3.12", "one project with an extra, for another Python"),
        ("wheelwarm prefetch -r dev.txt --only-binary :all:", "wheels only: no code is run"),
        ("wheelwarm prefetch --group test --json | jq .data.after", "a dependency group, for a program"),
    ),
    "check": (
        ("wheelwarm check -r requirements.txt", "what pip would find, without network"),
        ("wheelwarm check -r requirements.txt || make warm", "exit code 1 when something is missing"),
        ("wheelwarm check --offline -r pylock.toml", "would an install succeed with the network down?"),
        ("wheelwarm check 'numpy>=2' --resolve", "let pip ask the index what it would take today"),
    ),
    "stats": (
        ("wheelwarm stats --top 30", "the thirty largest projects"),
        ("wheelwarm stats --html cache.html", "a page with a treemap and a table, to look at"),
        ("wheelwarm stats --json | jq .data.reclaimable", "what could go, for a program"),
    ),
    "list": (
        ("wheelwarm list numpy", "every file of a project"),
        ("wheelwarm list 'types-*' --kind wheel --sort size", "wheels of several, by size"),
        ("wheelwarm list torch --format paths | xargs -d '\\n' ls -l", "the files themselves"),
    ),
    "remove": (
        ("wheelwarm remove 'torch==2.*' --dry-run", "show what would go"),
        ("wheelwarm remove torch", "show it, ask, and remove it"),
        ("wheelwarm remove mypkg --yes", "without asking, as in a script"),
    ),
    "verify": (
        ("wheelwarm verify", "look at every entry; remove nothing"),
        ("wheelwarm verify --fix --quick", "what has changed since the last time, and mend it"),
    ),
    "export": (
        ("wheelwarm export wheelhouse -r requirements.txt", "for pip install --no-index --find-links wheelhouse"),
        ("wheelwarm export mirror -r requirements.txt --index", "for pip install --index-url file:///path/to/mirror"),
    ),
    "prune": (
        ("wheelwarm prune --older-than 30d --dry-run", "show what would go"),
        ("wheelwarm prune --older-than 90d --yes", "without asking, as from cron"),
        ("wheelwarm prune --keep requirements.txt --yes", "all but what a project needs, as in CI"),
    ),
    "doctor": (
        ("wheelwarm doctor", "look at everything, the indexes too"),
        ("wheelwarm doctor --offline --json | jq .data.findings", "for a program"),
    ),
    "init": (("wheelwarm init --stdout", "look at it first"),),
}


def epilog(command: str) -> str | None:
    """Return a command's examples as the end of its help; a paragraph for each, since older typers join lines."""
    if command not in EXAMPLES:
        return None
    lines = [f"$ {escaped(line)}\n[dim]  {meaning}[/dim]" for line, meaning in EXAMPLES[command]]
    return "\n\n".join(["[bold]Examples[/bold]", *lines])


def escaped(text: str) -> str:
    """Keep brackets from being read as markup, and backslashes from escaping."""
    return text.replace("[", r"\[")
