"""A citation as a page for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from basewatch.findings.finding import Evidence
from basewatch.findings.permitted import Cited
from basewatch.reference.source_terms import Terms
from basewatch.report.safe_text import escaped, link

STYLE = (
    "body { font: 1rem/1.5 sans-serif; max-width: 72rem; margin: 1rem auto; padding: 0 1rem; overflow-wrap: anywhere } "
    "svg { max-width: 100%; height: auto; }"
)


def page(about: Mapping[str, Any], cited: Cited, used: Iterable[Terms], drawing: str | None) -> str:
    """The page as text: it loads nothing, every text in it is escaped, and only web addresses are links."""
    release = about["release"]
    parts = [
        f"<h1>{escaped(about['sort'])} {escaped(about['id'])}</h1>",
        f"<blockquote>{escaped(about['sentence'])}</blockquote>",
        _listed("Corrected", map(escaped, about["corrections"])),
        *([drawing] if drawing else []),
        _listed("What the release says", map(escaped, about["sentences"])),
        _listed("Evidence", (_evidence_line(one) for one in cited.evidence)),
        _listed("Rows", _row_lines(cited)),
        f"<p>{cited.reduced} of the rows are given by id and hash alone: the terms of their source forbid passing them "
        f"on. {cited.expired} are left out: the terms of their source for that day have ended.</p>",
        f"<h2>Method</h2><p>{escaped(about['method'])}</p>",
        _listed("Thresholds", _threshold_lines(about["thresholds"])),
        _listed("Licences", (f"{escaped(one.title)}: {escaped(one.licence)} {link(one.licence_url, 'terms')} "
                             f"{escaped(one.attribution)}" for one in used)),
        _listed("Release", (f"{escaped(name)}: {escaped(str(value))}" for name, value in release.items())),
    ]  # fmt: skip
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escaped(about['id'])}</title><style>{STYLE}</style></head><body>"
    )
    return head + "\n".join(parts) + "</body></html>\n"


def _row_lines(cited: Cited) -> list[str]:
    return [f"<code>rows/{escaped(table)}.csv</code>, {len(rows)}" for table, rows in cited.rows.items() if rows]


def _threshold_lines(thresholds: Mapping[str, Any] | None) -> list[str]:
    if thresholds is None:
        return ["The thresholds have changed since this release; it names the hash of its own."]
    return [f"<code>{escaped(name)}</code>: {escaped(str(value))}" for name, value in thresholds.items()]


def _evidence_line(one: Evidence) -> str:
    where = f"{one.place} of {one.file}" if one.place and one.file else one.file
    told = [escaped(part) for part in (one.quoted, one.source, where, one.note) if part]
    hashed = [f"SHA-256 of the file {escaped(one.sha256)}"] if one.sha256 else []
    opened = [str(link(one.url))] if one.url else []
    return ", ".join([*told, *hashed, *opened])


def _listed(heading: str, items: Iterable[str | Markup]) -> str:
    lines = "".join(f"<li>{item}</li>" for item in items)
    return f"<h2>{heading}</h2><ul>{lines}</ul>" if lines else ""
