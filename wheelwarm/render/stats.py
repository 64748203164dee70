"""The page of `stats`: one grid for all its tables, made for 80 columns, and the same as JSON."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.text import Text

from wheelwarm.holdings.reclaim import Cause
from wheelwarm.holdings.tallies import Span, Tally
from wheelwarm.model import Summary
from wheelwarm.render import count_text, path_text
from wheelwarm.render.cache import KIND_WORDS, holding_data
from wheelwarm.render.plain import ago, bar, cut, moment, plain, size, write
from wheelwarm.render.sheet import stdout

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wheelwarm.holdings.tallies import ProjectTally
    from wheelwarm.model import Run
    from wheelwarm.stats import StatsReport

_LABEL, _COUNT, _SIZE, _BAR = 26, 9, 11, 30
_ROWS = 6  # of Pythons and platforms
_CAUSES = {
    Cause.LEGACY: ("legacy", "only pips before 23.3 read it"),
    Cause.ORPHAN: ("orphans", "halves and leftovers"),
    Cause.BROKEN: ("broken", "unreadable or cut"),
    Cause.EXPIRED: ("expired", "pip drops it when next asked"),
    Cause.YANKED: ("yanked", "withdrawn from the index"),
    Cause.SUPERSEDED: ("superseded", "a newer version is here"),
    Cause.OTHER_PYTHONS: ("for other Pythons", "not for this one"),
}


def stats_page(report: StatsReport, *, top: int) -> None:
    """Print the whole page; `top` is how many projects it names."""
    _print_head(report)
    _print_bars("Kinds", {KIND_WORDS[kind]: tally for kind, tally in report.kinds.items()})
    _print_bars("Sections", {section.value: tally for section, tally in report.sections.items()})
    if report.projects and top:
        _print_projects(report.projects, top)
    if any(tally.entries for tally in report.ages.values()):
        _print_ages(report)
    _print_bars("Wheels by Python", _largest(report.pythons))
    _print_bars("Wheels by platform", _largest(report.platforms))
    _print_reclaimable(report)
    _print_facts(report)


def _print_head(report: StatsReport) -> None:
    total, folders = report.total, report.folders
    stdout().print(Text(path_text(report.cache_dir), style="bold"), soft_wrap=True)
    on_disk = size(total.allocated + folders.allocated)
    write(f"{count_text(total.entries, 'entry', 'entries')} in {count_text(total.files, 'file')}: ")
    write(f"{size(total.bytes)}, {on_disk} on disk with {count_text(folders.entries, 'folder')}\n")


def _print_title(title: str, *heads: str) -> None:
    write("\n")
    cells = "".join(f"{head:>{width}}" for head, width in zip(heads, (_COUNT, _SIZE), strict=False))
    rest = "".join(f"  {head}" for head in heads[2:])
    stdout().print(Text(f"{title:<{_LABEL}}{cells}{rest}", style="bold"), soft_wrap=True)


def _print_bars(title: str, tallies: Mapping[str, Tally]) -> None:
    """Print a line and a bar for each that there is any of; the longest bar is the largest size."""
    shown = {label: tally for label, tally in tallies.items() if tally.entries}
    if not shown:
        return
    _print_title(title, "entries", "size")
    longest = max(tally.bytes for tally in shown.values())
    for label, tally in shown.items():
        _print_line(label, tally, rest=_bar(tally.bytes, longest, _BAR))


def _print_line(label: str, tally: Tally, *, rest: Text | None = None) -> None:
    line = Text(f"{cut(plain(label), _LABEL - 1):<{_LABEL}}{tally.entries:>{_COUNT},}{size(tally.bytes):>{_SIZE}}")
    stdout().print(line.append("  ").append(rest) if rest else line, soft_wrap=True)


def _bar(amount: int, longest: int, width: int) -> Text:
    return Text(bar(amount / longest if longest else 0.0, width), style="cyan")


def _print_projects(projects: tuple[ProjectTally, ...], top: int) -> None:
    now, longest = time.time(), projects[0].tally.bytes
    title = f"Projects ({top} of {len(projects):,})" if top < len(projects) else "Projects"
    _print_title(title, "entries", "size", " versions  last used")
    for project in projects[:top]:
        cells = Text(f"{len(project.versions):>9,}  {ago(now - project.last_used):>9}  ")
        _print_line(project.name, project.tally, rest=cells.append(_bar(project.tally.bytes, longest, _BAR - 22)))


def _print_ages(report: StatsReport) -> None:
    """Print when things were stored beside when they were last used."""
    write("\n")
    stdout().print(Text(f"{'Age':<9}{'stored':>21}{'':15}{'last used':>21}", style="bold"), soft_wrap=True)
    longest = max(tally.bytes for tallies in (report.ages, report.last_used) for tally in tallies.values())
    for span in Span:
        line = Text(f"{span.value if span is Span.OLDER else f'< {span.value}':<9}")
        for tally in (report.ages[span], report.last_used[span]):
            drawn = bar(tally.bytes / longest if longest else 0.0, 12)
            line.append(f"{tally.entries:>10,}{size(tally.bytes):>11}  ").append(f"{drawn:<13}", style="cyan")
        line.rstrip()
        stdout().print(line, soft_wrap=True)


def _largest(tallies: Mapping[str, Tally]) -> dict[str, Tally]:
    """Keep the largest, as the bars show them, and sum up the rest."""
    ranked = sorted(tallies.items(), key=lambda pair: (-pair[1].bytes, pair[0]))
    rest = [tally for _, tally in ranked[_ROWS:]]
    others = {f"{len(rest)} others": Tally.sum(rest)} if rest else {}
    return dict(ranked[:_ROWS]) | others


def _print_reclaimable(report: StatsReport) -> None:
    shown = {cause: tally for cause, tally in report.reclaimable.items() if tally.entries}
    if not shown:
        return
    _print_title("Reclaimable", "entries", "size")
    for cause, tally in shown.items():
        label, why = _CAUSES[cause]
        _print_line(label, tally, rest=Text(why, style="dim"))
    if len(shown) > 1:
        _print_line("in all, each once", report.reclaimable_total)


def _print_facts(report: StatsReport) -> None:
    """Print what takes a line each."""
    several = sum(len(project.versions) > 1 for project in report.projects)
    facts = [
        ("Several versions", f"{several} of {count_text(len(report.projects), 'project')}" if several else ""),
        ("Twice the same bytes", _duplicates_text(report)),
        ("Unidentified", _unidentified_text(report)),
        ("Past runs", _runs_text(report.runs)),
    ]
    shown = [(label, text) for label, text in facts if text]
    if shown:
        write("\n")
    for label, text in shown:
        stdout().print(Text.assemble((f"{label:<{_LABEL}}", "bold"), text), soft_wrap=True)


def _duplicates_text(report: StatsReport) -> str:
    duplicates = report.duplicates
    if not duplicates.groups:
        return ""
    return f"{count_text(duplicates.groups, 'artifact')}, {size(duplicates.bytes)} more than needed"


def _unidentified_text(report: StatsReport) -> str:
    if not report.unidentified:
        return ""
    total = Tally.of(report.unidentified)
    return f"{count_text(total.entries, 'item')}, {size(total.bytes)}: see --json"


def _runs_text(runs: tuple[Run, ...]) -> str:
    """Say how often pip would have been served: only our own runs can be counted, pip keeps no record of hits."""
    found = found_by(runs)
    asked = found.hits + found.stale + found.misses + found.uncacheable
    if not asked:
        return ""
    prefetches = count_text(len(runs), "prefetch", "prefetches")
    return f"{100 * found.hits // asked} % hits ({found.hits:,} of {asked:,}) in {prefetches}"


def found_by(runs: Iterable[Run]) -> Summary:
    """Sum up what runs found."""
    found = [run.found for run in runs]
    return Summary(
        sum(one.hits for one in found),
        sum(one.stale for one in found),
        sum(one.misses for one in found),
        sum(one.uncacheable for one in found),
        sum(one.local for one in found),
    )


def stats_data(report: StatsReport) -> dict[str, Any]:
    """Return `data` of `stats --json`; `allocated` is what the disk gives, `bytes` what the files hold."""
    return {
        "cache_dir": str(report.cache_dir),
        "total": tally_data(report.total),
        "folders": {
            "entries": report.folders.entries,
            "bytes": report.folders.bytes,
            "allocated": report.folders.allocated,
        },
        "sections": {section.value: tally_data(tally) for section, tally in report.sections.items()},
        "kinds": {kind.value: tally_data(tally) for kind, tally in report.kinds.items()},
        "projects": [_project_data(project) for project in report.projects],
        "stored": {span.value: tally_data(tally) for span, tally in report.ages.items()},
        "last_used": {span.value: tally_data(tally) for span, tally in report.last_used.items()},
        "pythons": {label: tally_data(tally) for label, tally in report.pythons.items()},
        "platforms": {label: tally_data(tally) for label, tally in report.platforms.items()},
        "duplicates": {
            "groups": report.duplicates.groups,
            "entries": report.duplicates.entries,
            "bytes": report.duplicates.bytes,
        },
        "unidentified": [holding_data(report.cache_dir, holding) for holding in report.unidentified],
        "unreadable_folders": list(report.unreadable_folders),
        "reclaimable": {
            **{cause.value: tally_data(tally) for cause, tally in report.reclaimable.items()},
            "total": tally_data(report.reclaimable_total),
        },
        "runs": _runs_data(report.runs),
    }


def tally_data(tally: Tally) -> dict[str, int]:
    """Return a count for JSON."""
    return {"entries": tally.entries, "files": tally.files, "bytes": tally.bytes, "allocated": tally.allocated}


def _project_data(project: ProjectTally) -> dict[str, Any]:
    return {
        "name": project.name,
        "versions": list(project.versions),
        "entries": project.tally.entries,
        "bytes": project.tally.bytes,
        "last_used": moment(project.last_used),
    }


def _runs_data(runs: tuple[Run, ...]) -> dict[str, Any]:
    found = found_by(runs)
    asked = found.hits + found.stale + found.misses + found.uncacheable
    return {
        "count": len(runs),
        "hits": found.hits,
        "stale": found.stale,
        "misses": found.misses,
        "uncacheable": found.uncacheable,
        "local": found.local,
        "hit_rate": round(found.hits / asked, 4) if asked else None,
        "bytes_downloaded": sum(run.bytes_downloaded for run in runs),
        "first": moment(runs[0].started) if runs else None,
        "last": moment(runs[-1].started) if runs else None,
    }
