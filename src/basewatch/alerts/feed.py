"""What a release brought, for machines: `report/changes.json` and an Atom feed beside it, which goes on from release to
release. Both are part of the release, and say what alerts say."""

from __future__ import annotations

import json
import re
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from basewatch import outside
from basewatch.alerts.events import CAVEAT, of_release, web_address
from basewatch.config import Alerts

JSON_FILE, ATOM_FILE = "changes.json", "changes.atom"
MOST_ENTRIES = 100  # of the feed, over releases
MOST_RELEASES = 20  # before this one that the feed looks into
_ATOM = "http://www.w3.org/2005/Atom"
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPACE = uuid.UUID("5b8f3c52-9a51-4c42-8f6b-51a1c5b9b0de")  # names of entries are made in it


def write(
    folder: Path,
    summary: Mapping[str, Any],
    changes: Iterable[Mapping[str, Any]],
    sentences: Sequence[str],
    settings: Alerts,
    before: Sequence[Path],
) -> None:
    """Write both files into a release's report folder.

    summary: the release's. changes: rows of `release_changes`. sentences: what is new, for people. before: folders of
    earlier releases, oldest first, whose entries the feed goes on with.
    """
    alerts = of_release(summary, settings)
    entries = [_of_release(summary, sentences), *(_of_alert(alert.values, alert.text, summary) for alert in alerts)]
    told = {
        **{name: summary[name] for name in ("release_id", "compared_with", "published_at", "as_of")},
        "entries": entries,
        "changes": [dict(row) for row in changes],
    }
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(told, indent=1, default=str, ensure_ascii=False)
    (folder / JSON_FILE).write_bytes(outside.without_secrets(text).encode("utf-8", "replace"))
    earlier = [entry for release in reversed(before[-MOST_RELEASES:]) for entry in _entries(release)]
    (folder / ATOM_FILE).write_bytes(_atom([*entries, *earlier], summary["published_at"]))


def _of_release(summary: Mapping[str, Any], sentences: Sequence[str]) -> dict[str, Any]:
    """The entry of the release itself."""
    lines = [outside.line(sentence) for sentence in sentences] or ["The first release: there is none to compare with."]
    return {
        "key": f"release:{summary['release_id']}",
        "kind": "release",
        "title": f"Release {summary['release_id']}, days up to {summary['as_of']}",
        "text": "\n".join([*lines, f"caveat: {CAVEAT}."]),
        "at": summary["published_at"],
        "url": None,
    }


def _of_alert(values: Mapping[str, Any], text: str, summary: Mapping[str, Any]) -> dict[str, Any]:
    return {**values, "text": text, "at": summary["published_at"]}


def _entries(release: Path) -> list[dict[str, Any]]:
    """The entries of an earlier release; none where it is of an earlier version, or not to be read."""
    try:
        values = json.loads((release / "report" / JSON_FILE).read_text(encoding="utf-8"))
        return [entry for entry in values["entries"] if {"key", "title", "text", "at"} <= set(entry)]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _atom(entries: Sequence[Mapping[str, Any]], updated: str) -> bytes:
    """The feed, newest first; the same key is told once, where it was told first."""
    first: dict[str, Mapping[str, Any]] = {}
    for entry in reversed(entries):
        first.setdefault(str(entry["key"]), entry)
    ET.register_namespace("", _ATOM)
    feed = ET.Element(f"{{{_ATOM}}}feed")
    _text(feed, "id", f"urn:uuid:{uuid.uuid5(_SPACE, 'feed')}")
    _text(feed, "title", "basewatch: what changed")
    _text(feed, "subtitle", f"{CAVEAT}.")
    _text(feed, "updated", updated)
    _text(ET.SubElement(feed, f"{{{_ATOM}}}author"), "name", "basewatch")
    for entry in list(reversed(first.values()))[:MOST_ENTRIES]:
        item = ET.SubElement(feed, f"{{{_ATOM}}}entry")
        name = uuid.uuid5(_SPACE, f"{entry['at']} {entry['key']}")  # another watch may tell the same at another time
        _text(item, "id", f"urn:uuid:{name}")
        _text(item, "title", str(entry["title"]))
        _text(item, "updated", str(entry["at"]))
        url = web_address(entry.get("url"))
        if url:
            ET.SubElement(item, f"{{{_ATOM}}}link", {"rel": "related", "href": _clean(url)})
        _text(item, "content", str(entry["text"])).set("type", "text")
    ET.indent(feed, " ")
    made: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return made


def _text(parent: ET.Element, name: str, text: str) -> ET.Element:
    element = ET.SubElement(parent, f"{{{_ATOM}}}{name}")
    element.text = _clean(text)
    return element


def _clean(text: str) -> str:
    """The text without secrets and without what no XML may hold."""
    return _NO_XML.sub("�", outside.without_secrets(text))
