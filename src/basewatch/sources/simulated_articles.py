"""Made-up articles for demonstrations: read like articles, under a source name that says what they are."""

from basewatch.sources.articles import check, decode, fetch, grain, taken_for

__all__ = ["check", "decode", "fetch", "grain", "taken_for"]
