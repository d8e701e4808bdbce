"""How people call whoever brought the records: `Flightradar24`, `adsb.lol`, and never the code of a source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from basewatch.report.listing import Row

# Files of one's own and archives hold the records of somebody else, whose name their evidence tells.
OF_OTHERS = ("flight_files", "readsb_archive", "readsb_live")
PREFIXES = {"flightradar24": "Flightradar24", "opensky": "OpenSky Network"}
NETWORKS = {"adsblol": "adsb.lol"}  # as a folder of its answers is called
_TRACE = re.compile(r"trace \S+ \S+ \((.+)\)")


class Providers:
    """Names of sources as people know them.

    named: rows of the reference table `sources`. told_by: rows of source, prefix and network, as evidence tells them.
    """

    def __init__(self, named: Iterable[Mapping[str, Any]], told_by: Iterable[Row] = ()) -> None:
        self._names = {str(row["source"]): str(row.get("provider") or row["title"]) for row in named}
        self._told: dict[str, set[str]] = {}
        for row in told_by:
            name = _named(row)
            if name and row["source"] in OF_OTHERS:
                self._told.setdefault(row["source"], set()).add(name)

    def name(self, source: str) -> str:
        """One source's name, with those whose records it holds where evidence tells them."""
        return " and ".join(sorted(self._told[source])) if source in self._told else self._names.get(source, source)

    def names(self, sources: Iterable[str]) -> list[str]:
        """The names of several sources, each once."""
        return list(dict.fromkeys(self.name(source) for source in sources))

    def of_base(self, told_by: Iterable[Row]) -> list[str]:
        """Who recorded the stays of a base: rows of source, prefix and network."""
        found = []
        for row in told_by:
            told = _named(row)
            found.append(told if told and row["source"] in OF_OTHERS else self.name(row["source"]))
        return list(dict.fromkeys(found))

    def of_visit(self, sources: Sequence[str], evidence: Sequence[str]) -> list[str]:
        """Who recorded one stay: as its evidence tells, else as its sources are called."""
        told = [name for name in map(_told_by, evidence) if name]
        others = [source for source in sources if not (told and source in OF_OTHERS)]
        return list(dict.fromkeys([*told, *self.names(others)]))


def _named(row: Row) -> str | None:
    network = row["network"] or ""
    return PREFIXES.get(row["prefix"] or "") or NETWORKS.get(network, network) or None


def _told_by(evidence: str) -> str | None:
    trace = _TRACE.fullmatch(evidence)
    return NETWORKS.get(trace[1], trace[1]) if trace else PREFIXES.get(evidence.split(":", 1)[0])
