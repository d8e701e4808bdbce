"""Which aircraft are watched, as archives and polled answers alike are asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from basewatch.geo import Bools
from basewatch.readsb.traces import Head
from basewatch.reference import watchlist
from basewatch.reference.watchlist import Watch


def are_listed(watch: Watch, heads: Sequence[Head]) -> Bools:
    """One a head: whether the aircraft's address or registration alone makes it watched."""
    return np.array([watchlist.is_listed(watch, head.icao.lower(), head.r or "") for head in heads], np.bool_)


def is_watched(watch: Watch, head: Head, callsigns: set[str]) -> bool:
    """Whether the aircraft belongs to a watched fleet by its head or by a callsign that it flew under."""
    is_military = bool((head.dbFlags or 0) & 1)
    return watchlist.is_watched(watch, head.icao.lower(), head.r or "", head.t or "", is_military, callsigns)
