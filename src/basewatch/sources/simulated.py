"""Made-up flight records for demonstrations: read like flight_files, under a source name that says what they are."""

from basewatch.sources.flight_files import check, decode, fetch, grain, taken_for

__all__ = ["check", "decode", "fetch", "grain", "taken_for"]
