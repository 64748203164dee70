"""The page of `doctor`, and the same as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from wheelwarm.health.diagnosis import Severity
from wheelwarm.render import count_text, path_text
from wheelwarm.render.plain import plain, size
from wheelwarm.render.sheet import stdout

if TYPE_CHECKING:
    from wheelwarm.doctor import DoctorReport
    from wheelwarm.health.diagnosis import Finding, Pip, Server

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.NOTE: "bold"}


def doctor_page(report: DoctorReport) -> None:
    """Print what was looked at in a few lines, then each finding with what mends it below."""
    _print("pips", [_pip_text(pip) for pip in report.seen.pips])
    if folder := report.seen.folder:
        _print("cache", [f"{path_text(folder.path)} ({', '.join(sorted(folder.sections)) or 'empty'})"])
        _print("disk", [f"{size(folder.free)} free of {size(folder.total)}"])
    _print("index", [f"{server.url} ({_judgement(server)})" for server in report.seen.servers])
    for finding in report.findings:
        _print_finding(finding)
    wrong = [finding for finding in report.findings if finding.severity is not Severity.NOTE]
    stdout().print(Text(f"\n{count_text(len(wrong), 'problem')} found" if wrong else "\nNothing is wrong."))


def _print(label: str, lines: list[str]) -> None:
    for number, line in enumerate(lines):
        stdout().print(Text(f"{'' if number else label:<7}{plain(line)}"), soft_wrap=True)


def _print_finding(finding: Finding) -> None:
    console = stdout()
    console.print()
    # Wrapped as prose; what is to be typed stays on one line, to be copied.
    console.print(Text.assemble((f"{finding.severity}: ", _STYLES[finding.severity]), plain(finding.message)))
    if finding.fix:
        console.print(Text(f"  {plain(finding.fix)}", style="cyan"), soft_wrap=True)


def _pip_text(pip: Pip) -> str:
    where = path_text(pip.cache_dir) if pip.use == "used" else f"cache {pip.use}"
    return f"{pip.version or '?'}  {path_text(pip.python)}  {where}"


def _judgement(server: Server) -> str:
    if not server.is_reachable:
        return "no answer"
    if not server.what:
        return "gives no page" if server.trouble else "plain http" if server.is_insecure else "not judged"
    return f"pip stores no {server.what}: {server.refusal}" if server.refusal else "pip stores what it sends"


def doctor_data(report: DoctorReport) -> dict[str, Any]:
    """Return `data` of `doctor --json`."""
    folder = report.seen.folder
    return {
        "healthy": report.healthy,
        "findings": [
            {"code": one.code, "severity": one.severity, "message": one.message, "fix": one.fix}
            for one in report.findings
        ],
        "pips": [
            {
                "python": pip.python,
                "pip": pip.version or None,
                "use": pip.use,
                "cache_dir": pip.cache_dir or None,
                "layout": pip.layout,
            }
            for pip in report.seen.pips
        ],
        "cache": {"path": folder.path, "sections": sorted(folder.sections), "free": folder.free, "total": folder.total}
        if folder
        else None,
        "indexes": [
            {
                "url": server.url,
                "reachable": server.is_reachable,
                "trouble": server.trouble or None,
                "not_stored": server.refusal or None,
            }
            for server in report.seen.servers
        ],
    }
