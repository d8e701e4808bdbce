"""What tells copies of one story from stories of their own: title keys, signatures and the source a text credits."""

from __future__ import annotations

import re

from basewatch.news.rules import Language, Rules
from basewatch.news.text import UNSPACED, key

_TAIL = re.compile(r"\s+(?:[|·•»]|-{1,2}|::)\s+[^|·•»-]{2,40}$")
_NOT_WORD = re.compile(r"\W+")
_MIN_TITLE = 12
_NEAR = 60  # characters between a source's name and the word that credits it


def title_key(title: str | None, rules: Rules) -> str | None:
    """The form in which copies' titles are equal: folded, without labels, the outlet's name at the end, or marks.

    None for titles of fewer than 12 characters, which tell too little ("Syria", "World news").
    """
    if not title:
        return None
    folded = rules.title_labels.sub("", key(title).replace("\n", " ").strip())
    bare = _TAIL.sub("", folded)
    words = _NOT_WORD.sub(" ", bare if len(bare) >= _MIN_TITLE else folded).strip()
    long_enough = len(words) >= _MIN_TITLE or len(UNSPACED.findall(words)) >= _MIN_TITLE // 2
    return words if long_enough else None


def origin(rules: Rules, language: Language | None, title: str, body: str, domain: str | None) -> str | None:
    """The outlet or agency that a folded text credits for its story, None where it credits none.

    In the title it stands after a dash, a bar or a colon, or before a colon; in the text a word of crediting stands
    within 60 characters before or after it in one sentence. The earliest wins; an agency's own site credits itself.
    A name alone (a photograph's credit, say) is not enough.
    """
    if domain in rules.domains:
        return rules.domains[domain]
    for name, pattern in rules.origins:
        for match in pattern.finditer(title):
            before, after = title[: match.start()].rstrip(), title[match.end() :].lstrip()
            if (not after and before.endswith(("-", "|", ":", "("))) or (after.startswith(":") and not before):
                return name
    if language is None:
        return None
    credited: list[tuple[int, str]] = []
    for text, offset in ((title, 0), (body, len(title))):
        for name, pattern in rules.origins:
            for match in pattern.finditer(text):
                if _credited(language, text, match.start(), match.end()):
                    credited.append((offset + match.start(), name))
                    break
    return min(credited)[1] if credited else None


def _credited(language: Language, text: str, start: int, end: int) -> bool:
    before, after = text[max(0, start - _NEAR) : start], text[end : end + _NEAR]
    before = re.split(r"[.!?\n]\s", before)[-1].rsplit("\n", 1)[-1]
    after = re.split(r"[.!?]\s|\n", after)[0]
    return language.credit_before.search(before) is not None or language.credit_after.search(after) is not None


def data_origin(rules: Rules, folded: str) -> str | None:
    """The service whose records the text rests on (Flightradar24, Maxar), the first named; None where none is."""
    services = [(match.start(), name) for name, pattern in rules.data_origins if (match := pattern.search(folded))]
    return min(services)[1] if services else None
