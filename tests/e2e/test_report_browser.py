"""The report in a real browser: nothing runs, nothing is fetched, nothing sticks out on a phone, and it is drawn."""

from __future__ import annotations

import html
import json
import re
import struct
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from basewatch.report import write
from browser import CHROMIUM, browse
from unit import report_fixture

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}: the page was not looked at"),
]

# Runs inside a frame of a given width, beside the page; the page's own policy forbids it scripts, so that the test
# takes the policy out of its copy. That also shows that escaping alone keeps hostile text from acting.
PROBE = """
window.acted = 0; window.alert = () => { window.acted += 1 };
addEventListener('load', () => {
  const root = document.documentElement;
  const wide = [...document.querySelectorAll('main *, header *, nav *, footer *')].filter(element =>
    !element.closest('.scroll') && element.getBoundingClientRect().right > innerWidth + 1);
  const charts = [...document.querySelectorAll('svg.chart')];
  const style = element => getComputedStyle(element);
  parent.postMessage({
    acted: window.acted,
    scripts: document.scripts.length,
    fetched: performance.getEntriesByType('resource').map(entry => entry.name),
    inner: innerWidth, scroll: root.scrollWidth,
    wide: wide.slice(0, 5).map(element => element.outerHTML.slice(0, 120)),
    charts: charts.map(chart => chart.getBoundingClientRect().height),
    patterned: ['.unknown', '.gap.ambiguous', '.obs.blind', '.obs.missing', '.obs.unmeasured'].map(
      kind => style(document.querySelector('svg.chart ' + kind)).fill),
    latest: [...document.querySelectorAll('.scroll.latest')].map(part =>
      Math.abs(part.querySelector('svg').getBoundingClientRect().right - part.getBoundingClientRect().right) < 2),
    twin: style(document.querySelector('.twin')).display,
    overlaps: charts.map(chart => {
      const boxes = [...chart.querySelectorAll('text.value')].map(text => text.getBoundingClientRect());
      return boxes.filter((a, n) => boxes.some((b, m) => m > n && a.left < b.right - 1 && b.left < a.right - 1
        && a.top < b.bottom - 3 && b.top < a.bottom - 3)).length;
    }),
    text: document.body.innerText,
  }, '*');
});
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    database = report_fixture.full(folder / "basewatch.duckdb")
    index = write.report(database, folder / "report", bases=[], fleet="ru_mil", gate_page="../quality/gates.html")
    return index.parent / "bases" / "hmeimim.html"


def probe(page: Path, tmp_path: Path, width: int) -> dict[str, Any]:
    """The page's measures at a width in CSS pixels, taken by a script beside it."""
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
    copy, removed = policy.subn(f"<script>{PROBE}</script>", page.read_text(encoding="utf-8"))
    assert removed == 1
    harness = tmp_path / "harness.html"
    harness.write_text(
        "<!DOCTYPE html><meta charset=utf-8><pre id=out></pre><script>addEventListener('message', event => {"
        "document.getElementById('out').textContent = JSON.stringify(event.data)})</script>"
        f'<iframe style="width:{width}px;height:1200px;border:0" srcdoc="{html.escape(copy)}"></iframe>',
        encoding="utf-8",
    )
    dom = browse(tmp_path / f"profile-{width}", f"--window-size={width + 60},1300", "--dump-dom", harness.as_uri())
    found = re.search(r'<pre id="out">(.*?)</pre>', dom, re.DOTALL)
    assert found and found[1], "the page did not load"
    measures: dict[str, Any] = json.loads(html.unescape(found[1]))
    return measures


def pixels(png: Path) -> tuple[int, int, Counter[bytes]]:
    """Width, height and how often each colour occurs, of an 8-bit RGB or RGBA image that is not interlaced."""
    content = png.read_bytes()
    width, height, _, kind = struct.unpack(">IIBB", content[16:26])
    size = {2: 3, 6: 4}[kind]
    data, at = b"", 8
    while at < len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        if content[at + 4 : at + 8] == b"IDAT":
            data += content[at + 8 : at + 8 + length]
        at += length + 12
    raw, stride = zlib.decompress(data), width * size
    colours: Counter[bytes] = Counter()
    above = bytearray(stride)
    for row in range(height):
        start = row * (stride + 1)
        line = bytearray(raw[start + 1 : start + 1 + stride])
        _unfilter(raw[start], line, above, size)
        colours.update(bytes(line[n : n + 3]) for n in range(0, stride, size * 4))
        above = line
    return width, height, colours


def _unfilter(kind: int, line: bytearray, above: bytearray, size: int) -> None:
    """Undoes one of PNG's five row filters in place."""
    for n in range(len(line)):
        left = line[n - size] if n >= size else 0
        corner = above[n - size] if n >= size else 0
        if kind == 1:
            line[n] = (line[n] + left) & 255
        elif kind == 2:
            line[n] = (line[n] + above[n]) & 255
        elif kind == 3:
            line[n] = (line[n] + (left + above[n]) // 2) & 255
        elif kind == 4:
            guess = left + above[n] - corner
            ways = [
                (abs(guess - left), 0, left),
                (abs(guess - above[n]), 1, above[n]),
                (abs(guess - corner), 2, corner),
            ]
            line[n] = (line[n] + min(ways)[2]) & 255


@pytest.mark.parametrize(("width", "is_phone"), [(360, True), (1280, False)])
def test_nothing_acts_nothing_is_fetched_and_nothing_sticks_out(
    page: Path, tmp_path: Path, width: int, is_phone: bool
) -> None:
    seen = probe(page, tmp_path, width)
    assert seen["acted"] == 0
    assert seen["scripts"] == 2  # the page's own, and the probe
    assert seen["fetched"] == []
    assert seen["inner"] == width
    assert seen["wide"] == []
    assert seen["scroll"] <= width
    assert len(seen["charts"]) == 3
    assert all(height > 150 for height in seen["charts"])
    assert all("url(" in fill for fill in seen["patterned"])
    assert (seen["twin"] != "none") is is_phone
    if is_phone:
        assert seen["latest"] == [True, True, True]
    assert seen["overlaps"] == [0, 0, 0]
    assert "Silence in the data is not silence on the ground." in seen["text"]
    assert "<script>alert(1)</script>" in seen["text"]


@pytest.mark.parametrize(("scheme", "ground", "bar"), [(1, "ffffff", "2a6099"), (0, "11161d", "74aee6")])
def test_it_is_drawn_in_light_and_dark(page: Path, tmp_path: Path, scheme: int, ground: str, bar: str) -> None:
    shot = tmp_path / "shot.png"
    browse(
        tmp_path / "profile",
        "--window-size=900,2000",
        f"--blink-settings=preferredColorScheme={scheme}",
        f"--screenshot={shot}",
        page.as_uri(),
    )
    width, height, colours = pixels(shot)
    assert (width, height) == (900, 2000)
    assert colours.most_common(1)[0][0].hex() == ground
    assert colours[bytes.fromhex(bar)] > 500


def test_it_prints_with_its_tables_open(page: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "page.pdf"
    browse(tmp_path / "profile", f"--print-to-pdf={sheet}", page.as_uri())
    content = sheet.read_bytes()
    assert content.startswith(b"%PDF-")
    folded = page.with_name("folded.html")
    folded.write_text(
        re.sub(r"details::details-content \{[^}]*\}", "", page.read_text(encoding="utf-8")), encoding="utf-8"
    )
    shut = tmp_path / "folded.pdf"
    browse(tmp_path / "profile-2", f"--print-to-pdf={shut}", folded.as_uri())
    assert content.count(b"/Type /Page\n") > shut.read_bytes().count(b"/Type /Page\n") > 2
