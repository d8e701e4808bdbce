"""Which traces are of watched aircraft, as archives and polled answers alike are asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from basewatch.geo import Bools
from basewatch.readsb.traces import Parsed
from basewatch.reference import watchlist
from basewatch.reference.watchlist import Watch


def are_listed(watch: Watch, traces: Sequence[Parsed]) -> Bools:
    """One a trace: whether the aircraft's address or registration alone makes it watched."""
    return np.array(
        [watchlist.is_listed(watch, trace.head.icao.lower(), trace.head.r or "") for trace in traces], np.bool_
    )


def is_watched(watch: Watch, trace: Parsed) -> bool:
    """Whether the aircraft belongs to a watched fleet by its head or by a callsign that it flew under."""
    head = trace.head
    is_military = bool((head.dbFlags or 0) & 1)
    return watchlist.is_watched(watch, head.icao.lower(), head.r or "", head.t or "", is_military, trace.callsigns)
