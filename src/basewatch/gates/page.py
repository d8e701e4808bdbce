"""The gate page: one HTML file that says which rule a candidate broke, in which rows, and why that matters."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined

if TYPE_CHECKING:
    from basewatch.gates.check import GateResult

CELL = 200  # characters of one value that are shown; the whole value stands in the quarantined rows


def text(value: Any) -> str:
    """A value as a reader sees it: times in ISO form with their zone, lists with commas, null as `null`."""
    if value is None:
        return "null"
    if isinstance(value, datetime):
        shown = (value.astimezone(UTC) if value.tzinfo else value).isoformat(sep=" ").replace("+00:00", "Z")
    elif isinstance(value, bool):
        shown = "true" if value else "false"
    elif isinstance(value, float):
        shown = f"{value:.6g}"
    elif isinstance(value, list | tuple):
        shown = f"[{', '.join(text(item) for item in value)}]"
    else:
        shown = str(value)
    return shown if len(shown) <= CELL else f"{shown[: CELL - 1]}…"


def render(result: GateResult) -> str:
    """The page as HTML. Every outside value is escaped; it loads nothing, runs nothing and works without colour."""
    checks = sorted(
        result.results.to_pylist(),
        key=lambda row: (row["table_name"], row["success"], row["gate"] != "schema", row["check_name"]),
    )
    failures = sorted(
        result.failures, key=lambda failure: (failure.severity != "critical", failure.table, failure.rule)
    )
    shown = [
        {
            "number": number,
            "failure": failure,
            "columns": _columns(failure.columns, failure.rows),
            "parameters": {name: text(value) for name, value in sorted(failure.parameters.items())},
        }
        for number, failure in enumerate(failures, start=1)
    ]
    tables = sorted({row["table_name"] for row in checks})
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["shown"] = text
    return environment.from_string(_TEMPLATE).render(
        result=result,
        failures=shown,
        tables=[(table, [row for row in checks if row["table_name"] == table]) for table in tables],
        critical=len(result.refusals),
        warnings=len(result.failures) - len(result.refusals),
        total=len(checks),
    )


def _columns(telling: Iterable[str], rows: list[dict[str, Any]]) -> list[str]:
    """The columns to show: the key and those the rule names, or all where neither is in the rows."""
    present = list(rows[0]) if rows else []
    return [name for name in telling if name in present] or present


_TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>basewatch gates: {{ "passed" if result.passed else "refused" }}, run {{ result.run_id }}</title>
<style>
:root { color-scheme: light dark; --line: #8888; --soft: #8882; --bad: #b00020; --warn: #7a4b00; --good: #0b6b2e; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a95; --warn: #ffc46b; --good: #7fd99a; } }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 70rem; margin: 0 auto; padding: 1rem; }
h1, h2, h3 { line-height: 1.2; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--soft); padding: .75rem; }
table { border-collapse: collapse; }
caption { text-align: left; padding: .25rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); }
td { overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
.verdict { font-weight: bold; border-left: .4rem solid; padding-left: .75rem; }
.refused, .critical { color: var(--bad); }
.warning { color: var(--warn); }
.passed { color: var(--good); }
.skip { position: absolute; left: -999rem; }
.skip:focus { position: static; }
article { border-top: 1px solid var(--line); margin-top: 1.5rem; }
summary { cursor: pointer; padding: .25rem 0; }
</style>
</head>
<body>
<a class="skip" href="#main">Skip to the verdict</a>
<header>
<h1>Gates</h1>
<p>Run <code>{{ result.run_id }}</code>, data up to {{ result.as_of }}, checked at {{ result.checked_at | shown }}.</p>
</header>
<main id="main">
<section aria-labelledby="verdict">
<h2 id="verdict">Verdict</h2>
{% if result.passed %}
<p class="verdict passed">Passed: no critical check failed{% if warnings %}, {{ warnings }} gave a
warning{% endif %}.</p>
{% else %}
<p class="verdict refused">Refused: {{ critical }} critical {{ "check" if critical == 1 else "checks" }} failed, so
nothing was published and the release before stays in place.</p>
{% endif %}
<p>{{ total }} checks on {{ tables | length }} tables: {{ total - critical - warnings }} passed, {{ critical }} critical
failed, {{ warnings }} {{ "warning" if warnings == 1 else "warnings" }}.</p>
</section>
{% if failures %}
<section aria-labelledby="failures">
<h2 id="failures">What failed</h2>
<ul>
{% for entry in failures %}
<li><a href="#failure-{{ entry.number }}">{{ entry.failure.table }}: {{ entry.failure.rule }}</a>
({{ entry.failure.severity }}): {{ entry.failure.observed }}</li>
{% endfor %}
</ul>
{% for entry in failures %}
{% set failure = entry.failure %}
<article id="failure-{{ entry.number }}" aria-labelledby="title-{{ entry.number }}">
<h3 id="title-{{ entry.number }}">{{ failure.table }}: <code>{{ failure.rule }}</code>
<span class="{{ failure.severity }}">({{ failure.severity }})</span></h3>
<p><strong>Why it matters:</strong> {{ failure.why }}</p>
<p><strong>Found:</strong> {{ failure.observed }}.</p>
{% if failure.rows %}
<div class="wide" role="region" aria-label="Rows that break {{ failure.table }} {{ failure.rule }}" tabindex="0">
<table>
<caption>{% if failure.count and failure.count > failure.rows | length %}The first {{ failure.rows | length }} of
{{ failure.count }} rows{% else %}The rows{% endif %} that break the rule</caption>
<thead><tr>{% for name in entry.columns %}<th scope="col">{{ name }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in failure.rows %}
<tr>{% for name in entry.columns %}<td>{{ row[name] | shown }}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
</table>
</div>
{% endif %}
{% if failure.query %}
<details><summary>The query that gives these rows</summary>
<pre>{{ failure.query }}</pre>
{% if entry.parameters %}
<p>with {% for name, value in entry.parameters.items() %}
<code>${{ name }} = {{ value }}</code>{{ ", " if not loop.last }}
{% endfor %}</p>
{% endif %}
</details>
{% endif %}
</article>
{% endfor %}
</section>
{% endif %}
<section aria-labelledby="checks">
<h2 id="checks">Every check</h2>
{% for table, rows in tables %}
<details>
<summary>{{ table }}: {{ rows | selectattr("success") | list | length }} of {{ rows | length }} passed</summary>
<div class="wide" role="region" aria-label="Checks of {{ table }}" tabindex="0">
<table>
<caption>Checks of {{ table }}</caption>
<thead><tr><th scope="col">check</th><th scope="col">result</th><th scope="col">severity</th>
<th scope="col">observed</th><th scope="col">why</th></tr></thead>
<tbody>
{% for row in rows %}
<tr><th scope="row"><code>{{ row.check_name }}</code></th>
<td class="{{ "passed" if row.success else row.severity }}">{{ "passed" if row.success else "failed" }}</td>
<td>{{ row.severity }}</td><td>{{ row.observed }}</td><td>{{ row.why }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
</details>
{% endfor %}
</section>
</main>
</body>
</html>
"""
