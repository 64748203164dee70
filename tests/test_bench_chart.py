"""The chart and the table of the bench of filling say what was measured."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from tests.bench import fill
from tests.bench.chart import write_docs
from tests.bench.harness import Bench, Measured, Run

if TYPE_CHECKING:
    from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"


def measured(**seconds: float) -> Measured:
    """Return one run of each command, of so many seconds."""
    names = {"pip": fill.PIP_LOCK, "curl": fill.CURL, "own": fill.LOCK, "pins": fill.PINS}
    return Measured({names[name]: [Run(wall=wall, cpu=wall, peak=1)] for name, wall in seconds.items()})


def test_docs_are_written(tmp_path: Path) -> None:
    """The README's block between the marks holds what was measured, and the chart a bar for each figure."""
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n")
    bench = Bench(
        name="fill",
        measured={"locked: all that is named": measured(pip=16.0, curl=1.5, own=1.25, pins=2.0)},
        facts={"nginx": "1.22", "wheels": "164 wheels"},
    )

    write_docs(bench, {"pip": "26.3", "machine": "Linux, 2 cores"}, root=tmp_path)

    text = readme.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| pip download 16.00, curl, 16 at once 1.50, **wheelwarm prefetch 1.25** |" in text
    assert "| pins with hashes, nothing cached | **wheelwarm prefetch 2.00** |" in text
    assert "10 requirements" not in text
    assert "Linux, 2 cores: 164 wheels" in text
    assert "pip 26.3, nginx 1.22" in text
    drawing = ET.parse(tmp_path / "docs" / "bench.svg").getroot()
    widths = [float(bar.get("width", "0")) for bar in drawing.iter(f"{SVG}rect")]
    assert round(widths[0] / widths[2], 1) == 12.8
    assert [bar.get("class") for bar in drawing.iter(f"{SVG}rect")] == ["peer", "peer", "own", "own"]
