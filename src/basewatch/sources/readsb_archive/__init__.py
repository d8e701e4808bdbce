"""Daily trace archives as readsb writes them: decoded by `local`, brought over the network by `remote`."""

from basewatch.sources.readsb_archive.local import CODE, GRAIN, decode, fetch

__all__ = ["CODE", "GRAIN", "decode", "fetch"]
