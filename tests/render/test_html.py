"""The page of `stats --html`: names are data, sums are sums, and a real browser draws it without any network."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis.strategies import text

from tests.helpers.stocks import Stock
from wheelwarm.errors import InputError
from wheelwarm.holdings.reclaim import Reader
from wheelwarm.ledger.ledger import Ledger
from wheelwarm.model import Run, Silent, Summary
from wheelwarm.render.html import page, script, write_page
from wheelwarm.stats import StatsReport, stats

if TYPE_CHECKING:
    from pathlib import Path

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium here: apt-get install chromium")
HOSTILE = "<img src=x onerror=document.title='taken'>"


@pytest.fixture
def stock(tmp_path: Path) -> Stock:
    """Return a cache of more projects and versions than the treemap has places for, and a run."""
    (tmp_path / "scratch").mkdir()
    made = Stock(tmp_path / "cache", tmp_path / "scratch")
    for number in range(90):
        made.wheel(f"demo{number}" if number else "all", "1.0")
    for number in range(9):
        made.wheel("many", f"{number}.0")
    with Ledger(made.root) as ledger:
        ledger.record_run(
            Run(started=1.7e9, target="cpython", found=Summary(3, 1, 2, 0, 0), bytes_downloaded=9, seconds=1.0)
        )
    return made


def report(stock: Stock) -> StatsReport:
    """Count a cache."""
    return stats(stock.root, reader=Reader(), observer=Silent())


def data_of(text: str) -> dict[str, Any]:
    """Return the data in a page."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_the_parts_of_the_treemap_sum_up(stock: Stock) -> None:
    """Each box is as large as what is in it, the rest of the projects and versions included; all is the total."""
    found = report(stock)

    (treemap,) = data_of(page(found))["figures"]["treemap"]

    boxes = dict(zip(treemap["ids"], treemap["values"], strict=True))
    inside: dict[str, int] = {}
    for parent, value in zip(treemap["parents"], treemap["values"], strict=True):
        inside[parent] = inside.get(parent, 0) + value
    assert boxes["/"] == found.total.bytes
    assert treemap["parents"].count("") == 1
    assert all(boxes[parent] == value for parent, value in inside.items() if parent)
    assert len(boxes) == len(treemap["ids"])
    assert any("more projects" in label for label in treemap["labels"])
    assert any("more versions" in label for label in treemap["labels"])


def test_every_entry_has_a_row(stock: Stock) -> None:
    """The table holds all that stats counts, and the charts the runs."""
    found = report(stock)

    data = data_of(page(found))

    assert len(data["rows"]) == found.total.entries
    assert sum(row[3] for row in data["rows"]) == found.total.bytes
    assert [trace["y"] for trace in data["figures"]["runs"]] == [[3], [1], [2], [0]]


@given(text())
def test_data_ends_no_script(anything: str) -> None:
    """Whatever a name holds, its JSON opens and closes no element, and is read back as it was."""
    written = script([anything, "</script>"])

    assert "<" not in written
    assert json.loads(written) == [anything, "</script>"]


def test_a_page_names_what_is_missing(stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without plotly there is one sentence, and what installs the extra where wheelwarm itself is."""
    monkeypatch.setitem(sys.modules, "plotly", None)

    with pytest.raises(InputError, match="plotly") as caught:
        page(report(stock))

    assert caught.value.hint == f"{sys.executable} -m pip install 'wheelwarm[html]'"


def test_a_file_that_cannot_be_written_is_left_as_it_is(stock: Stock, tmp_path: Path) -> None:
    """A folder in the file's place, or none around it, is one clear sentence, and no temporary file stays."""
    taken = tmp_path / "taken"
    taken.mkdir()

    for path in (taken, tmp_path / "nowhere" / "page.html"):
        with pytest.raises(InputError, match="cannot be written"):
            write_page(report(stock), path)

    assert sorted(one.name for one in tmp_path.iterdir()) == ["cache", "scratch", "taken"]


@needs_browser
def test_a_browser_draws_it(stock: Stock, tmp_path: Path) -> None:
    """Charts and table are there without any network, and a name with markup in it stays a name."""
    (stock.root / "http-v2" / HOSTILE).write_bytes(b"stray")
    path = tmp_path / "page.html"
    size = write_page(report(stock), path)

    drawn = browse(path, tmp_path)

    assert path.stat().st_size == size
    assert re.search(r'data-ready="\d+"', drawn)
    assert "<title>pip's cache</title>" in drawn
    assert drawn.count('class="slice') > 90
    rows = re.findall(r"<td>(.*?)</td>", drawn)
    assert "demo7" in rows
    assert f"http-v2/{HOSTILE}" in map(html.unescape, rows)


@needs_browser
@pytest.mark.parametrize("theme", [(), ("--blink-settings=preferredColorScheme=0",)], ids=["light", "dark"])
def test_every_box_can_be_read(stock: Stock, tmp_path: Path, theme: tuple[str, ...]) -> None:
    """Text in a box is drawn in a colour that differs from the box's as WCAG asks (AA, 4.5 to 1), light and dark."""
    path = tmp_path / "page.html"
    write_page(report(stock), path)

    drawn = browse(path, tmp_path, *theme)

    colours = set(re.findall(r"fill: rgb\(([\d, ]+)\); fill-opacity: 1; stroke.*?fill: rgb\(([\d, ]+)\)", drawn))
    boxes = {pair for pair in colours if pair[1] == "255, 255, 255"}
    assert f'data-theme="{"dark" if theme else "light"}"' in drawn
    assert len(boxes) >= 6
    assert {pair for pair in boxes if contrast(*pair) < 4.5} == set()


@needs_browser
def test_a_box_that_is_opened_shows_the_way_back(stock: Stock, tmp_path: Path) -> None:
    """A click on a project shows its versions, and above them, inside the picture, a bar that leads back to all."""
    path = tmp_path / "page.html"
    click = "new MouseEvent('click', { bubbles: true })"
    script = f"setTimeout(() => document.querySelectorAll('g.slice path')[1].dispatchEvent({click}), 500)"
    # A browser on a virtual clock may draw no more frames before it is done: the movement has timers instead.
    frames = "<script>window.requestAnimationFrame = draw => setTimeout(() => draw(performance.now()), 16)</script>"
    text = page(report(stock)).replace("<head>", f"<head>{frames}", 1)
    path.write_text(text.replace("root.dataset.ready =", f"{script}; root.dataset.ready ="))

    bar = re.search(r'class="pathbar.*?<path class="surface" d="M[\d.]+,([-\d.]+)', browse(path, tmp_path))

    assert bar
    assert float(bar[1]) >= 0


@needs_browser
def test_an_empty_cache_is_said_to_be_empty(tmp_path: Path) -> None:
    """Where there is nothing to draw there are words, no axis from minus one byte to one."""
    (tmp_path / "cache").mkdir()
    path = tmp_path / "page.html"
    write_page(report(Stock(tmp_path / "cache", tmp_path)), path)

    drawn = browse(path, tmp_path)

    assert drawn.count(">Nothing is in this cache yet.<") == 2
    assert ">No prefetch has run on this cache yet.<" in drawn


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (`red, green, blue`) by WCAG 2.1, from 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour by WCAG 2.1."""
    shares = [int(part) / 255 for part in colour.split(",")]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def browse(path: Path, scratch: Path, *options: str) -> str:
    """Return what a browser without network made of a page, as HTML."""
    command = [
        str(BROWSER),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={scratch / 'browser'}",
        "--virtual-time-budget=20000",
        *options,
        "--dump-dom",
        path.as_uri(),
    ]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8", timeout=120).stdout
