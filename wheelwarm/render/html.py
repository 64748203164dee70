"""The page of `stats --html`: one file that needs no network, drawn by plotly, which is an extra. The only user of it.

Names come from the cache and may be hostile: in the page they are data, never markup.
"""

from __future__ import annotations

import json
import sys
from importlib import resources
from typing import TYPE_CHECKING, Any

from wheelwarm import outfile
from wheelwarm.errors import InputError
from wheelwarm.holdings.tallies import Span, Tally, grouped
from wheelwarm.render import count_text
from wheelwarm.render.cache import KIND_WORDS
from wheelwarm.render.plain import moment, plain, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from wheelwarm.holdings.naming import Holding
    from wheelwarm.model import Run
    from wheelwarm.stats import StatsReport

# What a browser still draws at once, and an eye still tells apart.
_PROJECTS, _VERSIONS, _RUNS = 80, 6, 200
_REST = "\N{HORIZONTAL ELLIPSIS}"
_ALL = "/"  # no project has this name


def write_page(report: StatsReport, path: Path) -> int:
    """Write the page to a file, in place of what is there, and return its size in bytes.

    Raises InputError when plotly is missing or the file cannot be written.
    """
    content = page(report).encode("utf-8", "backslashreplace")
    outfile.write(path, content)
    return len(content)


def page(report: StatsReport) -> str:
    """Return the page as text; InputError when plotly is missing."""
    try:
        from plotly import graph_objects
        from plotly.offline import get_plotlyjs
    except ImportError as exc:
        hint = f"{sys.executable} -m pip install 'wheelwarm[html]'"
        raise InputError("--html needs plotly, which is not installed.", hint=hint) from exc
    figures = {
        "treemap": graph_objects.Figure(graph_objects.Treemap(**_treemap(report.holdings))),
        "used": graph_objects.Figure([graph_objects.Bar(**bars) for bars in _ages(report)]),
        "runs": graph_objects.Figure([graph_objects.Bar(**bars) for bars in _hits(report.runs)]),
    }
    data = {
        "figures": {name: figure.to_plotly_json()["data"] for name, figure in figures.items()},
        "rows": [_row(holding) for holding in report.holdings],
    }
    template = resources.files("wheelwarm.render").joinpath("page.html").read_text(encoding="utf-8")
    parts = {"@HEAD@": _markup(_head(report)), "@DATA@": script(data), "@PLOTLY@": get_plotlyjs()}
    for name, part in parts.items():
        template = template.replace(name, part)
    return template


def script(data: object) -> str:
    """Write JSON that ends no script element, whatever is in it."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _markup(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _label(text: str) -> str:
    """Write text for plotly, which takes some tags in a label as markup."""
    return _markup(plain(text))


def _head(report: StatsReport) -> str:
    total, folders = report.total, report.folders
    on_disk = size(total.allocated + folders.allocated)
    entries = count_text(total.entries, "entry", "entries")
    return f"{plain(str(report.cache_dir))}: {entries}, {size(total.bytes)}, {on_disk} on disk"


def _row(holding: Holding) -> list[object]:
    contents = holding.contents
    return [
        plain(contents.name or ""),
        plain(contents.version or ""),
        holding.oddity or KIND_WORDS[contents.kind],
        holding.item.bytes,
        moment(holding.last_used) or "",
        plain(contents.filename or holding.item.path),
    ]


def _treemap(holdings: Iterable[Holding]) -> dict[str, Any]:
    """Return project -> version as plotly's lists; what is small goes together, and all sums are those of the parts."""
    groups = grouped(holdings, lambda one: one.contents.name or "without a name")
    nodes = [(_ALL, "all", "", Tally.of(one for members in groups.values() for one in members))]
    for project, members in _largest(groups, _PROJECTS, "projects"):
        nodes.append((project, project, _ALL, Tally.of(members)))
        if project.startswith(_REST):
            continue  # versions of different projects have nothing in common
        versions = grouped(members, lambda one: one.contents.version or "index page, others")
        nodes += [
            (f"{project}/{version}", version, project, Tally.of(of_version))
            for version, of_version in _largest(versions, _VERSIONS, "versions")
        ]
    return {
        "ids": [node[0] for node in nodes],
        "labels": [_label(node[1]) for node in nodes],
        "parents": [node[2] for node in nodes],
        "values": [node[3].bytes for node in nodes],
        "text": [f"{size(node[3].bytes)}, {count_text(node[3].entries, 'entry', 'entries')}" for node in nodes],
        "branchvalues": "total",
        "hovertemplate": "%{label}<br>%{text}<extra></extra>",
        "textinfo": "label+text",
    }


def _largest(groups: dict[str, list[Holding]], limit: int, what: str) -> list[tuple[str, list[Holding]]]:
    ranked = sorted(groups.items(), key=lambda pair: -sum(one.item.bytes for one in pair[1]))
    rest = [one for _, members in ranked[limit:] for one in members]
    return ranked[:limit] + ([(f"{_REST} {len(ranked) - limit:,} more {what}", rest)] if rest else [])


def _ages(report: StatsReport) -> list[dict[str, Any]]:
    labels = [span.value if span is Span.OLDER else f"< {span.value}" for span in Span]
    return [
        {
            "name": name,
            "x": labels,
            "y": [tallies[span].bytes for span in Span],
            "customdata": [
                f"{size(tallies[span].bytes)}, {count_text(tallies[span].entries, 'entry', 'entries')}" for span in Span
            ],
            "hovertemplate": f"{name} %{{x}}<br>%{{customdata}}<extra></extra>",
        }
        for name, tallies in (("last used", report.last_used), ("stored", report.ages))
    ]


def _hits(runs: Sequence[Run]) -> list[dict[str, Any]]:
    shown = runs[-_RUNS:]
    times = [moment(run.started) for run in shown]
    counts = {
        "hits": [run.found.hits for run in shown],
        "stale": [run.found.stale for run in shown],
        "misses": [run.found.misses for run in shown],
        "uncacheable": [run.found.uncacheable for run in shown],
    }
    return [
        {"name": name, "x": times, "y": values, "hovertemplate": f"%{{x}}<br>%{{y}} {name}<extra></extra>"}
        for name, values in counts.items()
    ]
