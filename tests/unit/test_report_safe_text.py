"""Outside text made safe to show."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from basewatch.report import safe_text
from unit.page_reader import Reader


@pytest.mark.parametrize(
    ("address", "is_link"),
    [
        ("https://example.org/a?b=1&c=2", True),
        ("HTTP://EXAMPLE.ORG", True),
        ("https://пример.рф/страница", True),
        ("javascript:alert(1)", False),
        ("java\nscript:alert(1)", False),
        ("data:text/html,x", False),
        ("ftp://example.org/x", False),
        ("//example.org/x", False),
        ("https://", False),
        ("https://example.org@evil.example/", False),
        ("https://example.org/\u202egpj.exe", False),
        ('https://example.org/"onmouseover="x', False),
        ("https://[::1", False),
        ("../../etc/passwd", False),
        ("", False),
        (None, False),
    ],
)
def test_only_plain_web_addresses_become_links(address: str | None, is_link: bool) -> None:
    shown = safe_text.link(address)
    assert ("<a " in shown) is is_link
    assert ("<a " in safe_text.link(address, "label")) is is_link


@given(st.text())
def test_shown_text_is_inert_in_text_and_in_attributes(value: str) -> None:
    out = safe_text.escaped(value)
    assert not set(out) & set("<>\"'")
    assert Reader(f'<p title="{out}">{out}</p>').faults == []
    assert not re.search(r"[\u0000-\u001f\u202a-\u202e\u2066-\u2069]", out)


def test_spelling_marks_of_other_scripts_stay() -> None:
    assert safe_text.visible("می\u200cروند") == "می\u200cروند"
    assert safe_text.visible("a\u2067b\u0007\nc") == "a⟨U+2067⟩b⟨U+0007⟩ c"


def test_values_are_shown_in_one_form() -> None:
    assert safe_text.shown(None) == "–"
    assert safe_text.shown(True) == "yes"
    assert safe_text.shown(0.123456) == "0.123"
    assert safe_text.shown(12345.6) == "12346"
    assert safe_text.shown(["a", "b\u202e"]) == "a, b⟨U+202E⟩"
    assert safe_text.probability(None) == "–"
    assert safe_text.probability(0.00001) == "< 0.0001"
    assert safe_text.probability(0.0) == "< 0.0001"
    assert safe_text.probability(0.00312) == "0.0031"
    assert safe_text.percent(0.833) == "83 %"
    assert safe_text.dated("a 2025-10-29 <b>") == 'a <span class="d">2025-10-29</span> &lt;b&gt;'


def test_a_command_in_running_text_is_shown_as_one_and_nothing_else_is() -> None:
    assert safe_text.dated("see `basewatch gaps --fleet ru_mil`.") == "see <code>basewatch gaps --fleet ru_mil</code>."
    assert "<b>" not in safe_text.dated("`basewatch <b>x</b>`") and "<code>" not in safe_text.dated("`rm -rf`")
