"""The pages' templates: they escape everything, show what is invisible, and fail on a name that does not exist."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import jinja2
from markupsafe import Markup

from basewatch.report import base_data, countries, months_chart, safe_text, sentences, timeline


def render(name: str, values: dict[str, Any]) -> str:
    """A page of the template of this name."""
    return _environment().get_template(name).render(values)


def relative(page: str | None) -> str | None:
    """A link from a page to a neighbouring file; anything with a scheme, a host or a root is refused."""
    if page is None:
        return None
    parts = urlsplit(page)
    if parts.scheme or parts.netloc or page.startswith(("/", "\\")) or safe_text.visible(page) != page:
        raise ValueError(f"gate_page must be a relative path, not {page!r}")
    return page


def _file(name: str) -> str:
    return files("basewatch.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_file),
        autoescape=True,
        finalize=safe_text.shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "dated": safe_text.dated,
        "p": safe_text.probability,
        "percent": safe_text.percent,
        "link": safe_text.link,
        "shortened": safe_text.shortened,
        "web_address": safe_text.web_address,
    }
    environment.tests["made_up"] = base_data.is_made_up
    script = _file("page.js")
    environment.globals |= {
        "sentences": sentences,
        "country": countries.country,
        "is_unknown": months_chart.is_unknown,
        "is_lower_bound": months_chart.is_lower_bound,
        "is_made_up": base_data.is_made_up,
        "runs_max": timeline.RUNS_MAX,
        "style": Markup(_file("style.css")),  # noqa: S704  the project's own file
        "script": Markup(script),  # noqa: S704  the project's own file
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    return environment
