"""Text as it is compared: folding across scripts, tokens, sentences, language, addresses and signatures."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import numpy

from basewatch import yaml_text

SCRIPT_RANGES = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_SPACED_SCRIPT = re.compile(f"(?<=[{SCRIPT_RANGES}])[ \u3000·・]+(?=[{SCRIPT_RANGES}])")
UNSPACED = re.compile(f"[{SCRIPT_RANGES}\u0e00-\u0e7f]")


def _table() -> dict[int, str | int | None]:
    """One character to one folded form, applied after NFKC and case folding."""
    table: dict[int, str | int | None] = {}
    for first, last in ((0xC0, 0x24F), (0x1E00, 0x1EFF), (0x370, 0x3FF), (0x1F00, 0x1FFF)):  # Latin and Greek
        for point in range(first, last + 1):
            base = "".join(c for c in unicodedata.normalize("NFD", chr(point)) if not unicodedata.combining(c))
            if base != chr(point):
                table[point] = base
    marks = [(0x300, 0x36F), (0x591, 0x5BD), (0x5BF, 0x5C7), (0x64B, 0x65F), (0x6D6, 0x6DC), (0x6DF, 0x6ED)]
    marks += [(0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x2069), (0xFE00, 0xFE0F)]
    for first, last in marks:
        table.update(dict.fromkeys(range(first, last + 1)))
    table.update(dict.fromkeys([0xAD, 0x640, 0x670, 0x93C, 0xFEFF]))
    table.update(str.maketrans("ıłøđħðəґё", "ilodhdeге"))
    table.update({ord("æ"): "ae", ord("œ"): "oe", ord("þ"): "th"})
    table.update(str.maketrans("أإآٱىیکةەۀھ", "ااااييكهههه"))
    table.update(str.maketrans("’‘ʼʹʻʿʾ`´׳‛′", "'" * 12))
    table.update(str.maketrans("“”„‟«»״″〝〞「」『』《》", '"' * 16))
    table.update(str.maketrans("‐‑‒–—―−־", "-" * 8))
    for zero in (0x660, 0x6F0, 0x966):  # Arabic, Persian and Devanagari digits
        table.update({zero + digit: str(digit) for digit in range(10)})
    return table


_FOLD = _table()


def key(text: str) -> str:
    """The form in which texts and names are compared, whatever their script.

    NFKC, case folding (Turkish dotless i becomes i), Latin and Greek accents, Arabic and Hebrew points, tatweel and
    invisible characters removed, Arabic letter variants unified, quotes, apostrophes and dashes unified, digits of
    every script made ASCII, spaces between CJK, kana and Hangul characters removed. Line ends are kept.
    """
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_FOLD)
    if UNSPACED.search(folded):
        folded = _SPACED_SCRIPT.sub("", folded)
    return folded


_LINE_END = re.compile(  # the sign first, so that a page is searched for it and not looked at letter by letter
    r"(?:[-\u2010](?<=[^\W\d_].)(?![-\u2010])|\u00ad(?<=[^\W\d_].))[\u200b-\u200d\ufeff]*[ \t]*\r?\n[ \t]*(?=[^\W_])"
)
_MARK = "\u2027"  # the sign by which dictionaries show where a word may be broken
_LAST_LETTERS, _FIRST_LETTERS = re.compile(r"[^\W\d_]+\Z"), re.compile(r"[^\W_]+")
_LONGEST_WORD = 64  # letters; what is longer is no word


def mark_line_ends(content: str) -> str:
    """The text with words that are broken at a line's end joined, and a mark (U+2027) where the hyphen stood.

    Only a reader who knows names can tell whether the hyphen is part of the word (`rejoin`).
    """
    return _LINE_END.sub(lambda match: "" if match[0][0] == "\u00ad" else _MARK, content)


def rejoin(content: str, names: frozenset[str]) -> str:
    """The text without the marks of `mark_line_ends`: broken words whole, compounds with their hyphen.

    `names`: folded words that are whole by themselves. "Hmei-mim" becomes "Hmeimim"; "Hmeimim-based", "six-month" and
    "Il-76" keep the hyphen, since their first part is such a word or a figure follows.
    """
    first, *others = content.split(_MARK)
    parts = [first]
    for part in others:
        before = _LAST_LETTERS.search(parts[-1], max(0, len(parts[-1]) - _LONGEST_WORD))
        after = _FIRST_LETTERS.match(part)
        is_whole = before is not None and after is not None and _is_one_word(before[0], after[0], names)
        parts += [part] if is_whole else ["-", part]
    return "".join(parts)


def _is_one_word(first: str, second: str, names: frozenset[str]) -> bool:
    if key(first + second) in names:
        return True
    is_compound = second[0].isdigit() or (second[0].isupper() and not first.isupper()) or key(first) in names
    return not is_compound


_WORD = re.compile(r"\w+")


def tokens_between(text: str, first: int, last: int) -> float:
    """How many words lie in `text[first:last]`; in scripts without spaces two characters count as a word."""
    part = text[first:last]
    unspaced = len(UNSPACED.findall(part))
    if not unspaced:
        return len(_WORD.findall(part))
    return len(_WORD.findall(UNSPACED.sub(" ", part))) + unspaced / 2


# A full stop ends a sentence only before a capital, a quote or the end: "Oct. 15" and "RA-85563." are told apart by
# what follows; abbreviations and initials are known, since a capital may follow those too.
_STOP = re.compile(r"[.!?…]+[\"'»”’)\]]*(?=\s+[\"'«“„‘(\[]*[^\W\d_a-zа-яіїєґ]|\s+\d|\s*$)|[。！？؟۔।]+[”」』]*|\n+")
_DAY_NUMBER = re.compile(r"\b\d{1,2}\.$")


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order; line ends end a sentence too."""
    parts: list[str] = []
    start = 0
    for stop in _STOP.finditer(text):
        part = text[start : stop.end()]
        ends_line = "\n" in stop.group()
        if not ends_line and stop.group() == "." and (_abbreviation().search(part) or _DAY_NUMBER.search(part)):
            continue
        if part.strip():
            parts.append(part.strip())
        start = stop.end()
    if text[start:].strip():
        parts.append(text[start:].strip())
    return parts


_KANA = re.compile("[\u3040-\u30ff]")
_CYRILLIC = re.compile("[а-яѐ-џґ]", re.IGNORECASE)
_CODE = re.compile(r"^([a-z]{2,3})(?:[-_][A-Za-z0-9-]+)?$")


@cache
def languages() -> dict[str, Any]:
    """What is known of languages: sql/reference/languages.yml."""
    return load_yaml("languages.yml")


def load_yaml(name: str) -> dict[str, Any]:
    """A shipped YAML file of sql/reference/, read by the C parser where it is at hand."""
    content = files("basewatch.sql.reference").joinpath(name).read_text(encoding="utf-8")
    values: dict[str, Any] = yaml_text.parse(content)
    return values


@cache
def _abbreviation() -> re.Pattern[str]:
    alternatives = "|".join(re.escape(word) for word in languages()["abbreviations"])
    return re.compile(rf"(?:\b(?:{alternatives})|\b[^\W\d_])\.$")


def language_code(name: str | None) -> str | None:
    """The two-letter code of a language given as `en-US`, `eng`, `English` or the like; None where it says nothing."""
    if not name:
        return None
    lowered = name.strip().lower()
    named: str | None = languages()["names"].get(lowered)
    match = _CODE.match(lowered)
    if named is not None or match is None:
        return named
    code: str | None = languages()["codes"].get(match.group(1))
    return code or (match.group(1) if len(match.group(1)) == 2 else None)


def language_of(text: str) -> str | None:
    """The two-letter code of the language a text is written in, None where there are too few letters to tell.

    Letters that only one neighbour has (Ukrainian, Belarusian, Serbian, Russian, Persian) decide before statistics.
    """
    sample = text[:4000]
    letters = sum(map(str.isalpha, sample))
    if letters < 12 and not UNSPACED.search(sample):
        return None
    if _KANA.search(sample):
        return "ja"
    lower = sample.lower()
    if len(_CYRILLIC.findall(lower)) > letters / 2:
        counts = {code: sum(map(lower.count, own)) for code, own in languages()["letters"].items()}
        best = max(counts, key=lambda code: counts[code])
        if counts["be"] * 4 > counts["uk"]:  # Belarusian has the Ukrainian letter and one of its own
            best = "be" if counts["be"] else best
        if counts[best] >= 2:
            return str(best)
    import py3langid  # loads its model on first use: not for those who only match names

    code: str = py3langid.classify(sample)[0]
    return code[:2] if len(code) == 2 else None


_TRACKING = re.compile(
    r"^(?:utm_\w+|fbclid|gclid|yclid|mc_\w+|ref|refsrc|referrer|source|from|amp|outputType|_ga|igshid|cmpid|ocid|"
    r"smid|share\w*|__\w+)$",
    re.IGNORECASE,
)


def canonical_url(url: str | None) -> str | None:
    """The address under which copies of one page are one: https, lower-case host without www. and m., no fragment,
    tracking parameters, AMP suffix, default port or trailing slash. None where it is no http address."""
    if not url:
        return None
    try:
        parts = urlsplit(url.strip().rstrip(".,;)>"))
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or "." not in host:
        return None
    host = re.sub(r"^(?:www\d?|m|mobile|amp)\.(?=.+\.)", "", host)
    if port not in (None, 80, 443):
        host = f"{host}:{port}"
    path = re.sub(r"/{2,}", "/", parts.path)
    path = re.sub(r"(?:/amp(?:\.html)?|\.amp|/index\.(?:html?|php))?/*$", "", path) or "/"
    query = urlencode(sorted((k, v) for k, v in parse_qsl(parts.query) if not _TRACKING.match(k)))
    return urlunsplit(("https", host, path, query, ""))


def domain_of(url: str | None) -> str | None:
    """The host of a canonical address, None without one."""
    canonical = canonical_url(url)
    return urlsplit(canonical).hostname if canonical else None


def article_id(url: str | None, text: str) -> str:
    """20 hex digits: of the canonical address, else of the folded text (reference rule: address, else body)."""
    canonical = canonical_url(url)
    basis = canonical if canonical else " ".join(_WORD.findall(key(text)))
    return hashlib.sha256(basis.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def simhash(text: str, width: int = 3) -> int | None:
    """A signed 64-bit signature in which near-equal texts differ in few bits, from runs of `width` words.

    None below eight words: too little to tell copies from chance. In scripts without spaces runs of characters serve.
    """
    folded = key(text)
    unspaced = UNSPACED.findall(folded)
    words = unspaced if len(unspaced) > len(folded) / 3 else _WORD.findall(folded)
    if len(words) < 8:
        return None
    shingles = {" ".join(words[index : index + width]) for index in range(len(words) - width + 1)}
    hashes = b"".join(
        hashlib.blake2b(shingle.encode("utf-8", "surrogatepass"), digest_size=8).digest() for shingle in shingles
    )
    bits = numpy.unpackbits(numpy.frombuffer(hashes, dtype=numpy.uint8).reshape(-1, 8), axis=1)
    majority = numpy.packbits(bits.sum(axis=0) * 2 > len(shingles))
    return int.from_bytes(majority.tobytes(), "big", signed=True)
