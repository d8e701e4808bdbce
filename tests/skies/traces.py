"""What receivers have of one aircraft: a single case, or a recorded track.

Times are seconds since 1970, UTC; positions degrees; heights feet above the sea; speeds knots; rates feet a minute.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from skies.fields import Bools, Floats

ARRAYS = ("t", "latitude", "longitude", "baro", "geom", "speed", "track", "rate")


@dataclass(frozen=True)
class Trace:
    """One aircraft's positions: arrays of equal length, in the order of time.

    baro, geom: nan where the aircraft does not send them. ground: the aircraft's own word.
    """

    hex: str
    t: Floats
    latitude: Floats
    longitude: Floats
    baro: Floats
    geom: Floats
    speed: Floats
    track: Floats
    rate: Floats
    ground: Bools
    callsign: str = "TEST01"
    registration: str | None = "X-TEST"
    type_code: str | None = "A400"
    is_military: bool = True

    def of(self, chosen: Bools) -> Trace:
        """Some of the positions."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in (*ARRAYS, "ground")})


def together(*traces: Trace) -> Trace:
    """Traces of one aircraft as one, in the order of time."""
    arrays = {name: np.concatenate([getattr(trace, name) for trace in traces]) for name in (*ARRAYS, "ground")}
    order = np.argsort(arrays["t"], kind="stable")
    return replace(traces[0], **{name: values[order] for name, values in arrays.items()})
