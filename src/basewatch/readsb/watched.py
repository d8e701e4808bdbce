"""Which aircraft are watched, and whose whole track is kept, as archives and polled answers alike are asked."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import structs

from basewatch.geo import Bools
from basewatch.readsb.search import Search, compile_search
from basewatch.readsb.traces import PEEKED, Head, Lines
from basewatch.reference import watchlist
from basewatch.reference.watchlist import Rule, Watch

_MARK = re.compile(rb'"r": *"([^"\\]*)"')
_TYPE = re.compile(rb'"t": *"([^"\\]*)"')
_MILITARY = re.compile(rb'"dbFlags": *[0-9]*[13579]\b')


def are_listed(watch: Watch, heads: Sequence[Head]) -> Bools:
    """One a head: whether the aircraft's address or registration alone makes it watched."""
    return np.array([watchlist.is_listed(watch, head.icao.lower(), head.r or "") for head in heads], np.bool_)


def is_watched(watch: Watch, head: Head, callsigns: set[str]) -> bool:
    """Whether the aircraft belongs to a watched fleet by its head or by a callsign that it flew under."""
    return watchlist.is_watched(watch, head.icao.lower(), head.r or "", head.t or "", _is_military(head), callsigns)


def are_watched(watch: Watch, heads: Sequence[Head], callsigns: Sequence[set[str]]) -> Bools:
    """One a head: what `is_watched` says. callsigns: of each, those that it flew under."""
    return np.array([is_watched(watch, *each) for each in zip(heads, callsigns, strict=True)], np.bool_)


def _is_military(head: Head) -> bool:
    return bool((head.dbFlags or 0) & 1)


def mark(head: bytes) -> str:
    """The registration in a trace's first bytes, empty where there is none."""
    return _word(_MARK, head)


def is_military(head: bytes) -> bool:
    """Whether a trace's first bytes flag the aircraft as military."""
    return _MILITARY.search(head) is not None


def _word(pattern: re.Pattern[bytes], head: bytes) -> str:
    match = pattern.search(head)
    return match.group(1).decode("utf-8", "replace") if match else ""


class Followed:
    """Whose whole track is kept: watched fleets by all that a trace shows, armed forces by register, block or flag."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.addresses = watch.addresses | watch.military
        blocks = sorted(watch.ranges)
        self._starts = [low for low, _ in blocks]
        highest, self._ends = -1, []  # of each block and those before it
        for _, high in blocks:
            highest = max(highest, high)
            self._ends.append(highest)
        alone = [rule for rule in watch.rules if rule.callsign_prefix is None]
        # what a mark's prefix alone decides is asked of every trace already
        self._of_head = [rule for rule in alone if rule != Rule(registration_prefix=rule.registration_prefix)]
        # callsigns have few conditions in common: a country's block, a country's mark
        self._by_callsign: list[Rule] = []
        for rule in watch.rules:
            condition = structs.replace(rule, callsign_prefix=None)
            if rule.callsign_prefix is not None and condition not in self._by_callsign:
                self._by_callsign.append(condition)
        self._callsign = _search({rule.callsign_prefix for rule in watch.rules if rule.callsign_prefix})

    def is_one(self, head: Head, callsigns: set[str]) -> bool:
        """Whether the aircraft is followed by its head, or by a callsign that it flew under."""
        return self._by_address(head.icao.lower()) or _is_military(head) or is_watched(self.watch, head, callsigns)

    def may_be(self, icao24: str, text: bytes, place: Lines) -> bool:
        """Whether the aircraft of a trace may be followed, told from its text with as little reading as it takes."""
        if self._by_address(icao24):
            return True
        head = text[:PEEKED]
        if is_military(head):
            return True
        registration = mark(head)
        if watchlist.is_listed(self.watch, icao24, registration):
            return True
        type_code = _word(_TYPE, head) if self._of_head or self._by_callsign else ""

        def meets(rule: Rule) -> bool:
            return watchlist.meets(rule, icao24, registration, type_code, is_military=False)

        if any(map(meets, self._of_head)):
            return True
        return any(map(meets, self._by_callsign)) and self.has_callsign(text, place)

    def has_callsign(self, text: bytes, place: Lines) -> bool:
        """Whether a callsign like those of watched fleets stands in a trace's text."""
        return self._callsign(text, place.start, place.end) >= 0

    def _by_address(self, icao24: str) -> bool:
        if icao24 in self.addresses:
            return True
        address = int(icao24, 16)
        block = bisect_right(self._starts, address) - 1
        return block >= 0 and address <= self._ends[block]


def _search(prefixes: Iterable[str]) -> Search:
    """A search for a callsign of one of these prefixes with a digit behind it, in the details of a trace's points."""
    names = "|".join(re.escape(prefix) for prefix in sorted(prefixes))
    return compile_search(rf'"flight": *"[@ ]*(?:{names})[0-9]')
