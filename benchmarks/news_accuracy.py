"""How well news texts are read: `python benchmarks/news_accuracy.py`.

Prints base recall on the labelled pages (tests/samples/news/labelled.jsonl: names as spelled in 182 pages of 22
languages) overall, by language and by way of presenting the names, what is named on pages that name none, and the
share of written cases (names, claims, copies) that come out right. `--misses` lists every miss. `--write` writes the
counts by base into sql/reference/reading_accuracy.csv, of which the table `accuracy` is made.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from basewatch.news.reader import Article, midnight
from news_samples import around, cases, labelled, reader, score

TABLE = Path(__file__).resolve().parents[1] / "sql" / "reference" / "reading_accuracy.csv"


def names_alone(page: dict[str, Any]) -> str:
    """The names of a page in one line, nothing around them: harder than any text."""
    return "; ".join(page["mention_forms"])


def written_names() -> tuple[int, int]:
    """(right, all) of the written sentences."""
    listed = cases("matching.yml")
    right = sum(sorted(reader().bases_in(content, language)) == sorted(bases) for language, content, bases in listed)
    return right, len(listed)


def written_claims() -> dict[str, Counter[str]]:
    """Right, wrongly claimed, missed, of the pauses, resumptions and flights of the written articles, by sort."""
    found: dict[str, Counter[str]] = {sort: Counter() for sort in ("pause", "resumption", "flight")}
    for case in cases("claims.yml"):
        at = midnight(case["published"]) if case.get("published") else None
        reading = reader().read(Article(case["text"], language=case["language"], published_at=at))
        pauses = [mention.claimed_pause_days or True for mention in reading.mentions if mention.reports_pause]
        said = {("pause", pauses[0])} if pauses else set()
        said |= {("resumption",)} if any(mention.reports_resumption for mention in reading.mentions) else set()
        said |= {
            ("flight", c.base_id, c.type_code, c.claimed_count, c.claimed_from, c.claimed_to, c.verb_strength)
            for c in reading.claims
            if c.claim == "flight"
        }
        wanted = {("pause", case["pause"])} if case.get("pause") else set()
        wanted |= {("resumption",)} if case.get("resumes") else set()
        wanted |= {("flight", *flight) for flight in case.get("flights", [])}
        for what, ones in (("right", said & wanted), ("wrongly claimed", said - wanted), ("missed", wanted - said)):
            for sort, *_ in ones:
                found[sort][what] += 1
    return found


def counts() -> str:
    """The shipped table: cases, found and wrong by base and sort of case."""
    rows: list[tuple[str, str, str, int, int, int]] = []
    for evidence, text_of in (("text", around), ("names_alone", names_alone)):
        wanted: Counter[str] = Counter(base_id for page in labelled() for base_id in page["bases"])
        result = score(text_of)
        missed: Counter[str] = Counter(base_id for _, base_id, _ in result.misses)
        wrong: Counter[str] = Counter(base_id for _, base_id, _ in result.wrongly_named)
        rows += [
            ("news_base", base_id, evidence, wanted[base_id], wanted[base_id] - missed[base_id], wrong[base_id])
            for base_id in {*wanted, *wrong}
        ]
        rows.append(("news_base", "all", evidence, result.wanted, result.found, len(result.wrongly_named)))
    for claim, found in written_claims().items():
        rows.append(("claim", "all", claim, found["right"] + found["missed"], found["right"], found["wrongly claimed"]))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("subject", "base_id", "evidence", "hidden", "found", "wrong"))
    writer.writerows(sorted(rows))
    return text.getvalue()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--misses", action="store_true", help="list every miss")
    parser.add_argument("--write", action="store_true", help="write sql/reference/reading_accuracy.csv")
    options = parser.parse_args()
    if options.write:
        TABLE.write_text(counts(), encoding="utf-8")
    for label, text_of in (("names with text around them", around), ("names alone", names_alone)):
        result = score(text_of)
        print(f"{label}: base recall {result.found}/{result.wanted} = {result.found / result.wanted:.3f}")
        print(f"  wrongly named on pages that name none: {len(result.wrongly_named)}")
        if options.misses:
            for miss in [*result.misses, *(("wrongly", *rest) for rest in result.wrongly_named)]:
                print("  ", *miss)
    missed = Counter(language for language, *_ in score().misses)
    pages = Counter(page["language"] for page in labelled())
    print("misses by language:", {language: missed[language] for language in pages if missed[language]} or "none")
    right, listed = written_names()
    print(
        f"written sentences: {right}/{listed} right, {sum(not bases for *_, bases in cases('matching.yml'))} name none"
    )
    claims = sum(written_claims().values(), Counter())
    print(
        "written claims:",
        {what: claims[what] for what in ("right", "wrongly claimed", "missed")},
        f"in {len(cases('claims.yml'))} articles",
    )
    print(f"written pairs of copies: {len(cases('copies.yml'))}, held by tests/unit/test_news_stories.py")


if __name__ == "__main__":
    main()
