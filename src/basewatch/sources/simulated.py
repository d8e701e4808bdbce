"""Made-up flight records for demonstrations: read like flight_files, under a source name that says what they are."""

from basewatch.sources.flight_files import decode, fetch, grain

__all__ = ["decode", "fetch", "grain"]
