"""The bench of filling as a chart and a table for people: docs/bench.svg, and the README between its marks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from tests.bench import fill

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.bench.harness import Bench, Measured

BEGIN, END = "<!-- bench -->", "<!-- /bench -->"
# For each heading the part of the bench, and what is shown of it.
_GROUPS = {
    "a lock file, nothing cached": ("locked", (fill.PIP_LOCK, fill.UV_SYNC, fill.CURL, fill.LOCK)),
    "pins with hashes, nothing cached": ("locked", (fill.PIP_PINS, fill.UV_PINS, fill.PINS)),
    "10 requirements, nothing cached": ("unpinned", (fill.PIP_OPEN, fill.UV_INSTALL, fill.OPEN, fill.OPEN_UV)),
    "the same, all cached": ("warm", (fill.PIP_OPEN, fill.NOTHING, fill.CHECK)),
    "installing it into a new environment": ("install", (fill.INSTALL, fill.INSTALL_WARM)),
}
_LABELS, _BARS, _LINE = 210, 380, 22
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.head { font-weight: 600 }
.peer { fill: #8c959f }
.own { fill: #0969da }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .peer { fill: #6e7681 }
  .own { fill: #58a6ff }
}
"""


def write_docs(bench: Bench, versions: Mapping[str, str], *, root: Path) -> None:
    """Write the chart, and the table into the README of the repository at `root`."""
    groups = list(_groups(bench))
    (root / "docs").mkdir(exist_ok=True)
    (root / "docs" / "bench.svg").write_text(svg(groups), encoding="utf-8")
    readme = root / "README.md"
    text = readme.read_text(encoding="utf-8")
    block = f"{BEGIN}\n{table(groups, {**versions, **bench.facts})}{END}"
    readme.write_text(re.sub(f"{BEGIN}.*?{END}", lambda _: block, text, flags=re.DOTALL), encoding="utf-8")


Group = tuple[str, "Sequence[tuple[str, float]]"]


def _groups(bench: Bench) -> Iterator[Group]:
    """Yield the headings with the medians, in seconds, of what was measured under each."""
    measured: dict[str, Measured] = {heading.partition(":")[0]: one for heading, one in bench.measured.items()}
    for heading, (part, names) in _GROUPS.items():
        runs = measured.get(part)
        if runs and (shown := [name for name in names if name in runs.runs]):
            yield heading, [(name, runs.median(name, "wall")) for name in shown]


def table(groups: Sequence[Group], facts: Mapping[str, str]) -> str:
    """Return the figures and the conditions as Markdown."""
    lines = ["| work | seconds |", "|---|---|"]
    for heading, bars in groups:
        figures = ", ".join(_emphasized(name, f"{_word(name)} {seconds:.2f}") for name, seconds in bars)
        lines.append(f"| {heading} | {figures} |")
    count, _, amount = facts["wheels"].partition(", ")
    conditions = ", ".join(f"{name} {value}" for name, value in facts.items() if name not in {"machine", "wheels"})
    lines += [
        "",
        f"Medians of wall time in one run of `make bench` on {facts['machine']}: {count} wheels, {amount}, from",
        f"nginx over TLS, each response 30 ms late, each connection 20 MB/s. {conditions}.",
        "uv also unpacks; curl only writes files.",
        "",
    ]
    return "\n".join(lines)


def svg(groups: Sequence[Group]) -> str:
    """Draw a bar a figure, each group on a scale of its own; for light and dark pages."""
    body, at = [], 8
    for heading, bars in groups:
        longest = max((seconds for _, seconds in bars), default=1.0)
        body.append(f'<text class="head" x="8" y="{at + 14}">{escape(heading)}, seconds</text>')
        at += _LINE
        for name, seconds in bars:
            width = max(2.0, _BARS * seconds / longest)
            kind = "own" if _is_own(name) else "peer"
            body += [
                f'<text x="8" y="{at + 14}">{escape(_word(name))}</text>',
                f'<rect class="{kind}" x="{_LABELS}" y="{at + 3}" width="{width:.1f}" height="14" rx="2"/>',
                f'<text x="{_LABELS + width + 6:.1f}" y="{at + 14}">{seconds:.2f}</text>',
            ]
            at += _LINE
        at += _LINE // 2
    size = f'width="{_LABELS + _BARS + 60}" height="{at}" viewBox="0 0 {_LABELS + _BARS + 60} {at}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    title = "<title>How long filling pip's cache takes</title>"
    return "\n".join([head, title, f"<style>{_STYLE}</style>", *body, "</svg>", ""])


def _is_own(name: str) -> bool:
    return name.startswith(("prefetch", "check")) or name == fill.INSTALL_WARM


def _word(name: str) -> str:
    """Name a bar; what its requirements are stands above it."""
    if name == fill.INSTALL_WARM:
        return "after wheelwarm prefetch"
    said = re.sub(", (unpinned|pins|lock)", "", name)
    return f"wheelwarm {said}" if _is_own(name) else said


def _emphasized(name: str, text: str) -> str:
    return f"**{text}**" if _is_own(name) else text
