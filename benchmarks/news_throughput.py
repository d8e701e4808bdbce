"""How fast texts are matched against all names of all bases: `python benchmarks/news_throughput.py`.

Makes texts of its own (seeded) in Latin, Cyrillic and Arabic script, one in fifty naming a base, and measures, in turn
and median of `--repeats`, folding alone, matching (folding included), and reading with claims; then matching with a
tenth of the names, since one pass over the text should cost about the same whatever their number.

    --texts N      texts (default 3000, about 1,200 characters each)
    --repeats N    measurements of each figure (default 5)
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from datetime import date
from statistics import median

from basewatch import config
from basewatch.news.matching import Matcher
from basewatch.news.reader import Article, Reader, midnight
from basewatch.news.text import key
from basewatch.reference import load

WORDS = {
    "en": "council budget bread price school road minister water report week people night market city winter cable",
    "ru": "совет бюджет хлеб цена школа дорога министр вода отчёт неделя люди ночь рынок город зима кабель",
    "ar": "مجلس ميزانية خبز سعر مدرسة طريق وزير ماء تقرير أسبوع ناس ليل سوق مدينة شتاء",
}
NAMED = {
    "en": "An Il-76 landed at Hmeimim air base on Sunday.",
    "ru": "Ил-76 прибыл на авиабазу Хмеймим в воскресенье.",
    "ar": "هبطت طائرة إليوشن-76 في قاعدة حميميم يوم الأحد.",
}


def texts(count: int) -> list[tuple[str, str]]:
    """(language, text), the same ones every time."""
    chance = random.Random(7)
    made = []
    for number in range(count):
        language = chance.choice(sorted(WORDS))
        words = WORDS[language].split()
        sentences = [" ".join(chance.choices(words, k=12)).capitalize() + "." for _ in range(16)]
        if number % 50 == 0:
            sentences[chance.randrange(16)] = NAMED[language]
        made.append((language, " ".join(sentences)))
    return made


def seconds(action: Callable[[], object], repeats: int) -> float:
    """Median CPU seconds of one run."""
    taken = []
    for _ in range(repeats):
        started = time.process_time()
        action()
        taken.append(time.process_time() - started)
    return median(taken)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=3000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    tables = load.tables(config.Settings())
    keywords = tables.rows["keywords"]
    names = [row for row in keywords if row.role == "name"]
    few = [row for row in names if row.base_id == "hmeimim"] + [row for row in keywords if row.role != "name"]
    reader = Reader(tables)
    small = Matcher(few, reader.rules.places, reader.rules.aircraft, reader.rules.pair, cue_words=12, pair_words=2)
    made = texts(options.texts)
    size = sum(len(text) for _, text in made) / 1e6
    at = midnight(date(2025, 10, 30))
    found = sum(bool(reader.bases_in(text, language)) for language, text in made)
    print(f"{len(made)} texts, {size:.1f} million characters, {found} of them name a base; {len(names)} names")
    fold = seconds(lambda: [key(text) for _, text in made], options.repeats)
    match = seconds(lambda: [reader.bases_in(text, language) for language, text in made], options.repeats)
    fewer = seconds(lambda: [small.bases_in(text, language) for language, text in made], options.repeats)
    named = [(language, text) for number, (language, text) in enumerate(made) if number % 50 == 0]
    read = seconds(
        lambda: [reader.read(Article(text, language=language, published_at=at)) for language, text in named],
        options.repeats,
    )
    print(f"folding alone      {size / fold:8.2f} million characters a second")
    print(
        f"matching, all names{size / match:8.2f} ({len(made) / match:.0f} texts a second; {match / fold:.1f} x folding)"
    )
    print(f"matching, one base {size / fewer:8.2f} ({match / fewer:.2f} x as long for all {len(names)} names)")
    print(f"reading with claims{len(named) / read:8.0f} articles a second")


if __name__ == "__main__":
    main()
