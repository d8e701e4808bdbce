"""Texts as they are compared: folding, sentences, languages, addresses, signatures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from basewatch.news import text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HIMEYMİM Hımeymim", "himeymim himeymim"),  # Turkish dotted and dotless i
        ("قَاعِدَة حـميميم", "قاعده حميميم"),  # points and tatweel
        ("أإآا ى ة ک ی", "اااا ي ه ك ي"),
        ("Ёлка и\u0306 й ї", "елка й й ї"),  # letters of their own stay
        ("Sévaré Ménaka Łódź", "sevare menaka lodz"),
        ("“Hmeimim” – l’aéroport", '"hmeimim" - l\'aeroport'),
        ("٢٦ ۲۶ २६", "26 26 26"),
        ("헤미 민", "헤미민"),
        ("巴西勒·阿萨德", "巴西勒阿萨德"),
        ("Ｈｍｅｉｍｉｍ", "hmeimim"),
        ("Hm\u200beim\u00adim\u202e", "hmeimim"),
        ("Χμεϊμίμ", "χμειμιμ"),
    ],
)
def test_what_is_folded_together(one: str, other: str) -> None:
    assert text.key(one) == other


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60))
def test_line_ends_survive_folding(content: str) -> None:
    """Words are looked for within a line, so that no line may run into the next."""
    assert text.key(content).count("\n") == content.count("\n")


def test_sentences_end_at_stops_and_lines_but_not_at_abbreviations() -> None:
    content = "Putin met him on Oct. 15 in Moscow. Gen. Smith said no. «Да». Ил-76 сел\nНовая строка в 2025 г. Москва"
    assert text.sentences(content) == [
        "Putin met him on Oct. 15 in Moscow.",
        "Gen. Smith said no.",
        "«Да».",
        "Ил-76 сел",
        "Новая строка в 2025 г. Москва",
    ]
    assert text.sentences("Am 24. Oktober landete sie. Danach flog sie.") == [
        "Am 24. Oktober landete sie.",
        "Danach flog sie.",
    ]
    assert text.sentences("运输机降落。随后起飞。") == ["运输机降落。", "随后起飞。"]


@pytest.mark.parametrize(
    ("content", "language"),
    [
        ("Польоти на авіабазу відновлено після піврічної паузи", "uk"),
        ("Полёты на авиабазу были возобновлены, чтобы вывезти технику", "ru"),
        ("Пожари у Латакији и Тартусу гасе ватрогасци из Љубовије", "sr"),
        ("フメイミム空軍基地に着陸した", "ja"),
        ("The transports landed at the base on Sunday", "en"),
        ("استأنفت روسيا رحلاتها العسكرية إلى قاعدة حميميم", "ar"),
        ("T-4", None),
    ],
)
def test_language_is_read_from_the_text(content: str, language: str | None) -> None:
    assert text.language_of(content) == language


@pytest.mark.parametrize(
    ("given_name", "code"),
    [("en-US", "en"), ("ENG", "en"), ("Russian", "ru"), ("zh_Hant", "zh"), ("?", None), ("", None)],
)
def test_language_codes(given_name: str, code: str | None) -> None:
    assert text.language_code(given_name) == code


@pytest.mark.parametrize(
    "address",
    [
        "https://www.example.org/2025/10/30/flights/",
        "http://example.org/2025/10/30/flights?utm_source=x&fbclid=1",
        "https://m.example.org:443/2025/10/30/flights/amp#top",
        "HTTPS://EXAMPLE.org//2025/10/30/flights/index.html",
    ],
)
def test_one_page_has_one_canonical_address(address: str) -> None:
    assert text.canonical_url(address) == "https://example.org/2025/10/30/flights"


@pytest.mark.parametrize("address", ["javascript:alert(1)", "ftp://example.org/x", "https://", "no address", "", None])
def test_what_is_no_address(address: str | None) -> None:
    assert text.canonical_url(address) is None


def test_query_that_tells_pages_apart_stays() -> None:
    assert text.canonical_url("https://example.org/?p=1") != text.canonical_url("https://example.org/?p=2")


def test_near_copies_have_near_signatures() -> None:
    words = [f"word{number}" for number in range(900)]
    one, other = text.simhash(" ".join(words)), text.simhash(" ".join([*words[:899], "changed"]))
    unlike = text.simhash(" ".join(reversed(words)))
    assert one is not None and other is not None and unlike is not None
    assert bin((one ^ other) & (2**64 - 1)).count("1") <= 3
    assert bin((one ^ unlike) & (2**64 - 1)).count("1") > 10
    assert text.simhash("too few words") is None
