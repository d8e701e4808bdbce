"""The forms in which article files come: plain text and Markdown, HTML, and mail (also pages saved as one mail).

Each gives title, body, address, language, and the times that it states for itself, as they are written.
"""

from __future__ import annotations

import copy
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from html import unescape
from itertools import islice
from pathlib import PurePath
from typing import Any

from basewatch.news import encodings, stamps, text

TEXT_ENDINGS = (".txt", ".md", ".markdown", ".text")
HTML_ENDINGS = (".html", ".htm", ".xhtml")
MAIL_ENDINGS = (".eml",)
SAVED_PAGE_ENDINGS = (".mht", ".mhtml")
ENDINGS = TEXT_ENDINGS + HTML_ENDINGS + MAIL_ENDINGS + SAVED_PAGE_ENDINGS
# What stands beside saved pages and is no text: pictures, styles, scripts, fonts, sound and film.
NO_DATA_ENDINGS = frozenset(
    f".{ending}"
    for endings in (
        "png jpg jpeg gif svg webp avif bmp ico tif tiff css js mjs map download woff woff2 ttf otf eot",
        "mp3 mp4 m4a webm ogg wav mov avi tmp lock db ini",
    )
    for ending in endings.split()
)
_OPENING_LINES = 8  # filled lines below the title in which a date may stand by itself
_LONGEST_TITLE = 300


@dataclass(frozen=True)
class Form:
    """One file, read. `stated`: times that its metadata give, as written, the surest first; `opening`: its first lines.

    tag: the language or region that the file states for itself, which decides how numbers are ordered.
    """

    title: str | None
    body: str
    url: str | None = None
    language: str | None = None
    tag: str | None = None
    stated: tuple[str, ...] = ()
    opening: tuple[str, ...] = ()


def read(data: bytes, name: str, latest: date) -> Form:
    """One file by its name's ending. `latest`: no page is dated later. Raises ValueError where it is no article."""
    ending = PurePath(name).suffix.lower()
    if ending not in ENDINGS:
        raise ValueError(
            f"{f'no reader for {ending} files' if ending else 'a name without an ending'}: save it as text, Markdown, "
            "HTML or mail (.eml)"
        )
    if ending in MAIL_ENDINGS + SAVED_PAGE_ENDINGS:
        return _mail(data, latest, is_saved_page=ending in SAVED_PAGE_ENDINGS)
    if ending in HTML_ENDINGS:
        return _html(_html_text(data), latest)
    content = encodings.decode(data)
    if re.match(r"\s*(?:<!doctype html|<html\b)", content, re.IGNORECASE):
        return _html(content, latest)
    return _plain(content)


# ---- plain text and Markdown

_ADDRESS = re.compile(
    r"(?im)^[ \t>*_#-]*(?:original|source)?[ \t]*ur[li][ \t]*:[ \t*_]*\n?"
    r"\s*(?:<|\[[^\]\n]*\]\()?(https?://[^\s>)\]]+)[>).,;]*[ \t]*$"
)
_LAST_ADDRESS = re.compile(r"\n[ \t]*(?:<|\[[^\]\n]*\]\()?(https?://[^\s>)\]]+)[>).,;]*\s*\Z")
_KEY = re.compile(
    r"^[ \t>*_\u200e\u200f]*([^\W\d_][^\W\d_ ]*(?: [^\W\d_]+){0,2})[*_]{0,2}[ \t]*[:：][*_]{0,2}[ \t]*(\S.*)$"
)
_IMAGE = re.compile(r"!\[[^\]\n]*\]\([^)\n]*\)")
_LINK = re.compile(r"\[([^\]\n]*)\]\([^)\n]*\)")
_MARKS = re.compile(
    r"(?<!\w)(?:\*\*|__|[*_`])(?=\S)|(?<=\S)(?:\*\*|__|[*_`])(?!\w)|^[ \t]*(?:#{1,6}|>|[-*+])[ \t]+", re.MULTILINE
)


def _plain(content: str) -> Form:
    """A plain or Markdown article: title, `Key: value` lines above or below it, body, address line."""
    url = None
    for pattern in (_ADDRESS, _LAST_ADDRESS):
        matches = list(pattern.finditer(content))
        if matches:
            url = matches[-1].group(1).rstrip(".,;)")
            content = content[: matches[-1].start()] + "\n" + content[matches[-1].end() :]
            break
    content = _LINK.sub(r"\1", _IMAGE.sub("", content))
    keys, lines = _keys(content.lstrip("\ufeff").split("\n"))
    filled = [index for index, line in enumerate(lines) if line.strip()]
    title: str | None = keys.get("title")
    if filled and title is None:
        at = next((index for index in filled[:5] if lines[index].startswith("# ")), filled[0])
        title = _MARKS.sub("", lines[at]).strip()
        if len(title) > _LONGEST_TITLE:
            title = None
        else:
            lines = lines[:at] + lines[at + 1 :] if at != filled[0] else lines[at + 1 :]
    below, lines = _keys(lines)
    keys = {**below, **keys}
    address = keys.get("url", "")
    return Form(
        title=keys.get("title", title),
        body=_paragraphs(text.mark_line_ends("\n".join(lines))),
        url=url or (address if address.startswith(("http://", "https://")) else None),
        language=keys.get("language"),
        tag=keys.get("language"),
        stated=(keys["date"],) if "date" in keys else (),
        opening=_opening(lines),
    )


@cache
def _labels() -> dict[str, str]:
    """What a `Key: value` line calls its value, folded, and what that is."""
    return {text.key(word): name for name, words in text.languages()["labels"].items() for word in words}


def _keys(lines: list[str]) -> tuple[dict[str, str], list[str]]:
    """The `Key: value` lines that lead, and the lines after. Blank lines and a fence (`---`) fall away."""
    keys: dict[str, str] = {}
    at = used = 0
    while at < len(lines):
        line = lines[at].strip()
        match = _KEY.match(lines[at])
        name = _labels().get(text.key(match[1]).strip()) if match else None
        if match and name:
            keys.setdefault(name, match[2].strip().strip("\"'*_ "))
            used = at + 1
        elif line == "---" and (at == 0 or keys):
            used = at + 1
        elif line:
            break
        at += 1
    return keys, lines[used:] if keys else lines


_COPYRIGHT = re.compile(r"©|\(c\)|copyright", re.IGNORECASE)
# What tells a reader the day on which the page was loaded, in place of that of publication.
_OF_THE_READER = re.compile(
    r"\W*(?:(?:it(?:'s| is) )?(?:today|now)\b|current (?:date|time)|сегодня|сейчас|текущ|heute\b|aujourd|hoy\b|oggi\b"
    r"|bug[uü]n\b|сьогодні|اليوم|امروز|今日|今天)|.*(?:\bweather\b|погода|°)",
    re.IGNORECASE,
)


def _opening(lines: list[str]) -> tuple[str, ...]:
    filled = (_MARKS.sub("", line).strip() for line in lines if line.strip() and not _COPYRIGHT.search(line))
    return tuple(islice((line for line in filled if not _OF_THE_READER.match(line)), _OPENING_LINES))


def _paragraphs(body: str) -> str:
    """The body with soft line breaks joined: a blank line, a heading or a list item ends a paragraph."""
    blocks = re.split(r"\n[ \t]*\n+|\n(?=[ \t]*(?:#{1,6}|[-*+])[ \t])", body)
    joined = (" ".join(line.strip() for line in block.split("\n")) for block in blocks if block.strip())
    return "\n".join(_MARKS.sub("", block).strip() for block in joined)


# ---- HTML

_CHARSET = re.compile(
    rb"""(?:<meta[^>]{0,200}?charset|<\?xml[^>]{0,100}?encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE
)
_META = (
    "article:published_time", "og:published_time", "og:article:published_time", "datepublished", "article:published",
    "pubdate", "publishdate", "publish_date", "publish-date", "publication_date", "parsely-pub-date", "sailthru.date",
    "cxenseparse:recs:publishtime", "dc.date.issued", "dcterms.issued", "dc.date", "dcterms.date", "dcterms.created",
    "dc.date.created", "citation_publication_date", "citation_date", "date",
)  # fmt: skip
_NO_DAY_OF_READER = {"h1", "h2", "h3", "h4", "h5", "h6", "title", "script", "style"}
_NO_TEXT = {"script", "style", "footer", "noscript", "template"}
_OF_OTHERS = {"aside", "nav", "footer"}  # parts of a page that are not of its article
_NAMES_OF_OTHERS = re.compile(
    r"comment|disqus|related|recommend|sidebar|masthead|top-?bar|site-?header|weather|current-?date|today|most-|popular"
    r"|trending|ticker|teaser|read-?(?:more|also|next)|also-?read|more-(?:news|stories)|latest",
    re.IGNORECASE,
)
_TYPES_OF_OTHERS = ("comment", "usercomments", "itemlist", "review", "answer")  # of schema.org, in lower case


def _html_text(data: bytes, charset: str | None = None) -> str:
    declared = _CHARSET.search(data[:4096])
    return encodings.decode(data, charset, declared.group(1).decode("ascii") if declared else None)


def _html(page: str, latest: date) -> Form:
    """A page's main text and metadata. Raises ValueError where no article can be made out."""
    import trafilatura  # seconds to import; only for those who have HTML files
    from lxml import etree, html

    page = re.sub(r"^\s*<\?xml[^>]*\?>", "", page)
    try:
        tree = html.document_fromstring(page)
    except etree.ParserError:  # nothing but a heading, or nothing at all
        raise ValueError("no article text could be made out in the page") from None
    document = trafilatura.bare_extraction(
        text.mark_line_ends(page),
        with_metadata=True,
        include_comments=False,
        favor_recall=True,
        date_extraction_params={"extensive_search": False, "original_date": True, "max_date": latest.isoformat()},
    )
    if document is None:
        raise ValueError("no article text could be made out in the page")
    values = document.as_dict() if hasattr(document, "as_dict") else dict(document)
    body = unicodedata.normalize("NFC", values.get("text") or "")
    tag = (tree.get("lang") or tree.get("{http://www.w3.org/XML/1998/namespace}lang") or "").strip() or None
    written = text.language_of(body)  # pages declare the language of their template, texts are written in their own
    own, others = _own_part(tree)
    return Form(
        title=(values.get("title") or "").strip() or None,
        body=body,
        url=values.get("url"),
        language=written or tag,
        tag=tag,
        stated=tuple(_stated(tree, own)) or _shown(own, tag, latest),
        opening=_opening([line for line in body.split("\n") if " ".join(line.split()) not in others]),
    )


def _own_part(tree: Any) -> tuple[Any, str]:
    """A copy of a page without what is not of its article, and the text of what was left out.

    Where the page marks its article, what follows it and other articles (cards, comments) are left out too.
    """
    own = copy.deepcopy(tree)
    heading = next(own.iter("h1"), None)
    marked = list(own.iter("article"))
    with_heading = [each for each in marked if heading is not None and heading in each.iter("h1")]
    article = max(with_heading or marked, key=lambda each: len("".join(each.itertext())), default=None)
    kept = {own, *own.iter("html", "head", "body")}
    for element in (article, heading):
        if element is not None:
            kept |= {element, *element.iterancestors()}
    of_article = set(article.iter()) if article is not None else set()
    around = {article, *article.iterancestors()} if article is not None else set()
    is_behind = False
    left_out = []
    for element in own.iter():
        # right behind the article, or behind one of the elements around it
        is_behind = is_behind or (element is not article and element.getprevious() in around)
        if not isinstance(element.tag, str):
            continue
        is_of_others = element.tag in _OF_OTHERS and element not in kept
        is_masthead = (
            element.tag == "header"
            and element not in of_article
            and article not in element.iter("article")
            and not _is_below(element, {"main"})
        )
        is_outside = article is not None and element not in of_article and (is_behind or element.tag == "time")
        is_other_article = element.tag == "article" and element not in kept
        if (
            is_of_others
            or is_masthead
            or (element not in kept and (is_outside or is_other_article or _is_named_for_others(element)))
        ):
            left_out.append(element)
    texts = []
    for element in left_out:
        if element.getparent() is not None and element is not own:
            texts.append(" ".join(" ".join(element.itertext()).split()))
            element.drop_tree()
    remaining = " ".join(" ".join(own.itertext()).split())
    return own, "\n".join(each for each in texts if each not in remaining)


def _is_named_for_others(element: Any) -> bool:
    """Whether a class, an id or a type says that a part is of others, or its text is the day of the reader."""
    names = f"{element.get('class') or ''} {element.get('id') or ''}".split()
    kind = (element.get("itemtype") or "").rstrip("/").rpartition("/")[2].lower()
    if any(_NAMES_OF_OTHERS.match(name) for name in names) or kind in _TYPES_OF_OTHERS:
        return True
    if element.tag in _NO_DAY_OF_READER:
        return False
    shown = " ".join(_all_text(element).split())
    return len(shown) <= 120 and any(map(str.isdigit, shown)) and bool(_OF_THE_READER.match(shown))


def _stated(tree: Any, own: Any) -> Iterator[str]:
    """The times of publication that a page's metadata state, the surest first. `own`: the page's own part."""
    nodes = []
    for script in tree.iter("script"):
        if "ld+json" in (script.get("type") or "").lower():
            try:
                nodes += list(_dated_nodes(json.loads(script.text or "")))
            except (ValueError, RecursionError):
                continue
    yield from _of_page(nodes, tree)
    of_name: dict[str, str] = {}
    for element in own.iter("meta", "time", "span", "abbr", "p", "div"):
        name = element.get("property") or element.get("name") or element.get("itemprop") or ""
        value = element.get("content") or element.get("datetime") or ""
        if name and value.strip():
            of_name.setdefault(name.strip().lower(), value.strip())
    for name in _META:
        if name in of_name:
            yield of_name[name]
    for element in own.iter("time"):
        if (element.get("datetime") or "").strip() and not _is_below(element, _NO_TEXT):
            yield element.get("datetime").strip()


# Properties of schema.org under which other works than the page's own stand.
_OTHER_WORKS = frozenset(
    word
    for words in (
        "itemListElement comment comments review reviews mentions citation hasPart isPartOf image video audio",
        "associatedMedia publisher author about subjectOf isBasedOn relatedLink significantLink suggestedAnswer",
        "acceptedAnswer",
    )
    for word in words.split()
)


def _dated_nodes(values: Any) -> Iterator[dict[str, Any]]:
    """The objects of a page's JSON-LD that state a time of publication and could be the page's own work."""
    if isinstance(values, list):
        for each in values:
            yield from _dated_nodes(each)
    elif isinstance(values, dict):
        kinds = values.get("@type")
        kinds = [str(kind).lower() for kind in (kinds if isinstance(kinds, list) else [kinds])]
        if any(kind in _TYPES_OF_OTHERS for kind in kinds):
            return
        if isinstance(values.get("datePublished"), str):
            yield values
        for name, each in values.items():
            if isinstance(each, list | dict) and name not in _OTHER_WORKS:
                yield from _dated_nodes(each)


def _of_page(nodes: list[dict[str, Any]], tree: Any) -> Iterator[str]:
    """The times of the objects whose headline or address is the page's; else those of objects that state neither.

    Where several of the latter state several times, none is the page's for sure.
    """
    titles, addresses = _titles(tree), _addresses(tree)
    sure, unsure = [], []
    for node in nodes:
        headlines = [_folded(str(node[name])) for name in ("headline", "name") if isinstance(node.get(name), str)]
        own = [address for name in ("url", "@id", "mainEntityOfPage") if (address := _address(node.get(name)))]
        is_same = any(_is_same_title(headline, title) for headline in headlines for title in titles)
        if is_same or set(own) & addresses:
            sure.append(node["datePublished"])
        elif not (headlines and titles) and not (own and addresses):
            unsure.append(node["datePublished"])
    yield from sure or (unsure if len(set(unsure)) == 1 else [])


def _titles(tree: Any) -> set[str]:
    """The titles under which a page stands, folded."""
    titles = [" ".join(element.itertext()) for element in tree.iter("h1", "title")]
    titles += [
        element.get("content") or ""
        for element in tree.iter("meta")
        if (element.get("property") or element.get("name") or "").lower() in ("og:title", "twitter:title")
    ]
    return {folded for title in titles if (folded := _folded(title))}


def _folded(title: str) -> str:
    return " ".join(re.findall(r"\w+", text.key(unescape(title))))


def _is_same_title(one: str, other: str) -> bool:
    """Whether a title is another, or the other with the outlet's name behind it, or cut short."""
    shorter, longer = sorted((one, other), key=len)
    return shorter == longer or (len(shorter) >= 12 and longer.startswith(shorter))


def _addresses(tree: Any) -> set[str]:
    """The addresses that a page states for itself."""
    stated = [element.get("href") for element in tree.iter("link") if (element.get("rel") or "").lower() == "canonical"]
    stated += [element.get("content") for element in tree.iter("meta") if element.get("property") == "og:url"]
    return {address for each in stated if (address := _address(each))}


def _address(value: Any) -> str | None:
    """An address of JSON-LD, or of the object that stands for it, without its fragment; None where it is none."""
    if isinstance(value, dict):
        value = value.get("@id") or value.get("url")
    return text.canonical_url(value.partition("#")[0]) if isinstance(value, str) else None


def _is_below(element: Any, tags: set[str]) -> bool:
    return element.tag in tags or any(parent.tag in tags for parent in element.iterancestors())


def _shown(tree: Any, tag: str | None, latest: date) -> tuple[str, ...]:
    """The time of publication that a page shows its readers, as it is written there; none where it shows none.

    htmldate finds the day. It is believed only where a text of the page states it whole: a copyright year is not, nor a
    day that was made up from parts.
    """
    import htmldate

    written = htmldate.find_date(
        tree, extensive_search=False, original_date=True, outputformat="%Y-%m-%d", max_date=latest.isoformat()
    )
    if written is None:
        return ()
    day = date.fromisoformat(written)
    fitting = []
    for shown in _short_texts(tree):
        stamp = stamps.read_part(shown, tag)
        if day in stamp.days:
            fitting.append(stamp)
    fitting.sort(key=lambda stamp: ("exact", "zone_assumed", "day", "ambiguous").index(stamp.kind))
    return (fitting[0].stated,) if fitting else ()


def _short_texts(tree: Any) -> Iterator[str]:
    """The texts of a page that could be a date by themselves, outside of its footer and of what names a copyright."""
    for element in tree.iter():
        if not isinstance(element.tag, str) or _is_below(element, _NO_TEXT):
            continue
        whole = " ".join(element.itertext()) if len(element) < 4 else ""
        for shown in dict.fromkeys((whole, element.text or "", element.tail or "", element.get("title") or "")):
            shown = " ".join(shown.split())
            is_of_others = _COPYRIGHT.search(shown) or _OF_THE_READER.match(shown)
            if 6 <= len(shown) <= 120 and any(map(str.isdigit, shown)) and not is_of_others:
                yield shown


def _all_text(element: Any) -> str:
    """The text of a small element with all below it; nothing for a large one."""
    parts: list[str] = []
    length = 0
    for part in element.itertext():
        length += len(part)
        if length > 400:
            return ""
        parts.append(part)
    return " ".join(parts)


# ---- mail


def _mail(data: bytes, latest: date, *, is_saved_page: bool) -> Form:
    """A mail: its subject, day and text, or its page where it has no text.

    A page that a browser saved as a mail (MHTML) carries the time of saving as its `Date`: that is no publication. Nor
    is the time at which a mail was forwarded: it has the time of the mail inside it, or none.
    """
    message = message_from_bytes(data, policy=policy.default)
    if not isinstance(message, EmailMessage) or not (
        message.keys() and (message.get("Subject") or message.get("From"))
    ):
        raise ValueError("no mail: it has no header")
    order = ("html", "plain") if is_saved_page else ("plain", "html")
    part = _body(message, order)
    if part is None:
        raise ValueError("the mail holds no text")
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    charset = part.get_content_charset()
    subject = _header(message, "Subject")
    tag = _header(message, "Content-Language")
    address = _header(message, "Snapshot-Content-Location") or _header(message, "Content-Location")
    if part.get_content_subtype() == "html":
        form = _html(_html_text(content, charset), latest)
        form = replace(form, title=subject or form.title)
    else:
        form = replace(_plain(f"{subject or '-'}\n\n{encodings.decode(content, charset)}"), title=subject)
    if address and address.startswith(("http://", "https://")):
        form = replace(form, url=form.url or address)
    sent = _raw_date(message)
    letter = encodings.decode(content, charset)
    if part.get_content_subtype() == "html":
        letter = unescape(re.sub(r"<[^<>]*>", "", _LINE_TAG.sub("\n", letter)))
    if not is_saved_page and _is_forwarded(message, subject or "", letter):
        opening = tuple(line for line in form.opening if not _sent_line(line))
        return replace(form, stated=_inner_times(message, letter), opening=opening, tag=tag or form.tag)
    stated = form.stated if is_saved_page or not sent else (sent,)
    return replace(form, stated=stated, tag=tag or form.tag)


_LINE_TAG = re.compile(r"<\s*(?:br|/?p|/?div|/?tr|/?li|/?h\d|/?blockquote)\b[^>]*>", re.IGNORECASE)
_FORWARDING = re.compile(
    r"(?:\s*(?:re|aw|ответ|отв|на)\s*:)*\s*\[?\s*(?:fwd?|пересл\w*|перес\w*|wg|tr|rv|enc|i|vb|doorst|pd|ilt|fs)\s*:",
    re.IGNORECASE,
)
_FORWARDED = re.compile(
    r"(?im)^[\s>*-]*(?:begin forwarded message|forwarded message|(?:начало )?переадресованно\w* (?:сообщени|письм)\w*"
    r"|пересылаемо\w* (?:сообщени|письм)\w*|пересланно\w* (?:сообщени|письм)\w*|weitergeleitete nachricht"
    r"|message transféré|mensaje reenviado|messaggio inoltrato|i?letilen (?:mesaj|ileti))\b[^\n]*$"
)
_SENT = ("sent", "отправлено", "gesendet", "envoye", "enviado", "inviato")


def _is_forwarded(message: EmailMessage, subject: str, letter: str) -> bool:
    return bool(_FORWARDING.match(subject) or _FORWARDED.search(letter)) or _attached(message) is not None


def _attached(message: EmailMessage) -> EmailMessage | None:
    """The mail that is attached to a mail, the innermost."""
    inner = [each for each in message.walk() if each is not message and each.get_content_type() == "message/rfc822"]
    held = inner[-1].get_payload(0) if inner and inner[-1].is_multipart() else None
    return held if isinstance(held, EmailMessage) else None


def _inner_times(message: EmailMessage, letter: str) -> tuple[str, ...]:
    """The time of the mail inside a forwarded one, as written; none where it states none, or several that differ."""
    attached = _attached(message)
    if attached is not None:
        sent = _raw_date(attached)
        return (sent,) if sent else ()
    marks = list(_FORWARDED.finditer(letter))
    times = [sent for line in letter[marks[-1].end() if marks else 0 :].splitlines() if (sent := _sent_line(line))]
    return tuple(times[:1]) if marks or len(set(times)) == 1 else ()


def _sent_line(line: str) -> str | None:
    """What a line such as `Date: …` or `> Sent: …` states, in any language; None for another line."""
    match = _KEY.match(line)
    name = text.key(match[1]).strip() if match else ""
    return match[2].strip("* \t") if match and (name in _SENT or _labels().get(name) == "date") else None


def _body(message: EmailMessage, order: tuple[str, ...]) -> EmailMessage | None:
    """The part to read; of a saved page the first of a kind, since its root is no alternative of anything."""
    part = message.get_body(preferencelist=order)
    if isinstance(part, EmailMessage):
        return part
    parts = [
        each for each in message.walk() if isinstance(each, EmailMessage) and each.get_content_maintype() == "text"
    ]
    return next((each for kind in order for each in parts if each.get_content_subtype() == kind), None)


def _raw_date(message: EmailMessage) -> str | None:
    """The time of sending as it is written: the library's own reading takes a zone that it does not know for none."""
    raw = next((str(value) for name, value in message.raw_items() if name.lower() == "date"), "")
    return " ".join(raw.split()) or None


def _header(message: EmailMessage, name: str) -> str | None:
    """A header as text. A raw one that declares no encoding is read like a text of unknown encoding."""
    try:
        value = str(message.get(name) or "").strip()
    except (ValueError, IndexError, AttributeError):  # the parser of addresses and dates trips over hostile headers
        value = next((str(raw).strip() for key, raw in message.raw_items() if key.lower() == name.lower()), "")
    if any("\udc80" <= character <= "\udcff" for character in value):
        value = encodings.decode(value.encode("utf-8", "surrogateescape"))
    return value or None
