"""Flightradar24's official API: flight summaries at watched bases and of watched registrations, and, where the plan
allows, historic positions around the bases.

The API pages by nothing but its row limit: an answer that is full is asked again in two halves. What it gave may be
kept for a limited time only; `expire` keeps to that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from basewatch.config import Flightradar24
from basewatch.errors import SourceError, containment
from basewatch.lake.events import Day, Event, Reject, Rows
from basewatch.net import providers
from basewatch.net.content import describe
from basewatch.net.faults import HttpFault
from basewatch.outside import json_text
from basewatch.readsb import polled
from basewatch.sources import flight_records, scoped, values
from basewatch.sources.contract import Context, Expiry, Finding, Grain, Landed, Window
from basewatch.sources.landing import (
    LandedAnswer,
    Landing,
    Manifest,
    chunks,
    hours_since,
    is_url,
    manifests,
    midnight,
    remove_expired,
    replay,
)
from basewatch.sources.places import Places

if TYPE_CHECKING:
    from basewatch.net.client import Client

CODE = "flightradar24"
API = "https://fr24api.flightradar24.com/api"
SUMMARY, POSITIONS = "summary", "positions"
SHORTEST = timedelta(minutes=2)  # a span that is still full at this length is left incomplete, and said so
SETTLED = timedelta(hours=24)  # a flight not ended so long after it was last seen will never be said to have ended


@dataclass(frozen=True)
class Subject:
    """What one question is about: a ledger scope, and the API's filter for it."""

    scope: str
    filter: Mapping[str, str]


class _Stopped(Exception):
    """No further request of this window makes sense."""

    def __init__(self, fault: HttpFault | None, reason: str) -> None:
        super().__init__(reason)
        self.fault, self.reason = fault, reason


def grain(_: Flightradar24) -> Grain:
    """One window a day."""
    return "day"


def fetch(window: Window, context: Context[Flightradar24]) -> Landed:
    """The window's flight summaries (and positions), one file an answer.

    Days before the plan's history are noted as expired, days that have not ended as late; neither is asked for. Raises
    SourceError where nothing at all could be had.
    """
    settings = context.settings
    if settings.location and not is_url(settings.location):
        return replay(context.path(settings.location), window)
    landing = Landing(context, window)
    all_subjects = subjects(context)
    due = _due(window, all_subjects, landing, context)
    answered, stopped, fault = 0, None, None
    asker = _Asker(settings, landing, context)
    for since, until in chunks(due, _days_a_query(settings)):
        for subject in all_subjects:
            if stopped:
                landing.note(subject.scope, since, until, SUMMARY, "failed", stopped)
                continue
            try:
                asker.summaries(subject, since, until)
                answered += 1
            except _Stopped as error:
                stopped, fault = error.reason, error.fault
                landing.note(subject.scope, since, until, SUMMARY, "failed", stopped)
            except HttpFault as error:
                fault = error
                landing.note(subject.scope, since, until, SUMMARY, "failed", str(error))
    if due and not answered:
        raise SourceError(stopped or str(fault), retryable=fault is None or fault.retryable)
    if settings.positions_every_minutes and not stopped:
        asker.positions(due)
    return landing.finish()


def scopes(context: Context[Flightradar24]) -> list[str]:
    """The ledger scopes that the settings ask for. Raises SourceError where they name none."""
    return [subject.scope for subject in subjects(context)]


def subjects(context: Context[Flightradar24]) -> list[Subject]:
    """What is asked about: each base by its airport code, each registration. Raises SourceError where none is named."""
    settings = context.settings
    if not settings.bases and not settings.registrations:
        raise SourceError(
            "flightradar24 asks for one airport or registration at a time and none is named: set "
            "sources.flightradar24.bases to base_ids of bases.csv (or sources.flightradar24.registrations)"
        )
    bases = [
        Subject(f"base:{base.base_id}", {"airports": f"both:{scoped.airport(CODE, base)}"})
        for base in scoped.bases(CODE, settings.bases, context)
    ]
    return bases + [Subject(f"aircraft:reg:{mark}", {"registrations": mark}) for mark in settings.registrations]


def _due(
    window: Window, all_subjects: Iterable[Subject], landing: Landing, context: Context[Flightradar24]
) -> list[date]:
    settings = context.settings
    history = providers.stated(CODE, "history", settings.plan)
    due = []
    for day in window.days():
        if hours_since(day, context.now) < 0:
            status, why = "late", "the day has not ended"
        elif history and context.now - midnight(day) > timedelta(days=history):
            status, why = "expired", f"before the {history:,.0f} days that the plan {settings.plan!r} reaches back"
        else:
            due.append(day)
            continue
        for subject in all_subjects:
            landing.note(subject.scope, day, day, SUMMARY, status, why)
    return due


def _days_a_query(settings: Flightradar24) -> int:
    """Days that fit into one query with the hours asked for before them."""
    room = timedelta(days=providers.due(CODE, "summary_window")) - timedelta(hours=settings.lookback_hours)
    return max(1, int(room / timedelta(days=1)))


class _Asker:
    """The requests of one window, counted."""

    def __init__(self, settings: Flightradar24, landing: Landing, context: Context[Flightradar24]) -> None:
        self.settings, self.landing, self.context = settings, landing, context
        self.client = _client(settings)
        self.api = (settings.location or API).rstrip("/")
        self.rows = int(providers.due(CODE, "rows", settings.plan))

    def summaries(self, subject: Subject, since: date, until: date) -> None:
        """Land all summaries of flights first seen from some hours before the first day to the end of the last."""
        begin = midnight(since) - timedelta(hours=self.settings.lookback_hours)
        history = providers.stated(CODE, "history", self.settings.plan)
        if history:  # the hours before may lie beyond what the plan reaches
            begin = max(begin, self.context.now - timedelta(days=history) + timedelta(minutes=5))
        self._halves(subject, since, until, begin, midnight(until) + timedelta(days=1, seconds=-1))

    def _halves(self, subject: Subject, since: date, until: date, begin: datetime, end: datetime) -> None:
        query = {
            **subject.filter,
            "flight_datetime_from": _text(begin),
            "flight_datetime_to": _text(end),
            "sort": "asc",
            "limit": str(self.rows),
        }
        body, url, count = self._ask(f"{self.api}/flight-summary/{self.settings.detail}", query)
        if count >= self.rows and end - begin > SHORTEST:
            middle = (begin + (end - begin) / 2).replace(microsecond=0)
            self._halves(subject, since, until, begin, middle)
            self._halves(subject, since, until, middle + timedelta(seconds=1), end)
            return
        name = f"{subject.scope}-{SUMMARY}-{begin:%Y%m%dT%H%M%S}-{end:%Y%m%dT%H%M%S}.json"
        self.landing.put(name, body, url, subject.scope, since, until, SUMMARY)
        if count >= self.rows:
            why = f"more than {self.rows} flights within {_text(begin)}–{_text(end)}: the plan shows no more"
            self.landing.note(subject.scope, since, until, SUMMARY, "partial", why)

    def positions(self, days: Iterable[date]) -> None:
        """Land snapshots of the positions around each base; a plan without them leaves a note, and no fault."""
        step = timedelta(minutes=self.settings.positions_every_minutes or 60)
        reach = float(self.context.params.archive_ring_inner_nm)
        for base in scoped.bases(CODE, self.settings.bases, self.context):
            for day in days:
                at = midnight(day)
                while at < midnight(day) + timedelta(days=1):
                    query = {
                        "bounds": _bounds(base.latitude, base.longitude, reach),
                        "timestamp": str(int(at.timestamp())),
                        "data_sources": "ADSB,MLAT",  # the third kind, ESTIMATED, is nobody's observation
                    }
                    try:
                        body, url, count = self._ask(f"{self.api}/historic/flight-positions/full", query)
                    except (_Stopped, HttpFault) as fault:
                        self.landing.note(f"base:{base.base_id}", day, day, POSITIONS, "ok", f"no positions: {fault}")
                        return
                    if count:
                        name = f"base:{base.base_id}-{POSITIONS}-{at:%Y%m%dT%H%M%S}.json"
                        self.landing.put(name, body, url, f"base:{base.base_id}", day, day, POSITIONS)
                    at += step

    def _ask(self, url: str, query: Mapping[str, str]) -> tuple[bytes, str, int]:
        if self.client.requests >= self.settings.max_requests:
            raise _Stopped(
                None,
                f"flightradar24: {self.settings.max_requests} requests made in one window (sources.flightradar24."
                "max_requests); the rest is left to the next run",
            )
        try:
            answer = self.client.get(url, query)
        except HttpFault as fault:
            if fault.status == 402:
                raise _Stopped(fault, f"{fault}; credits are used up until the plan renews or is topped up") from None
            if fault.status == 401:
                raise _Stopped(fault, f"{fault}; check BASEWATCH_SOURCES__FLIGHTRADAR24__TOKEN") from None
            if fault.status == 403:
                raise _Stopped(fault, f"{fault}; the plan does not include this (sources.flightradar24.plan)") from None
            if fault.kind in ("limited", "circuit"):
                raise _Stopped(fault, str(fault)) from None
            raise
        content = answer.json()
        complaint = data_fault(content)
        if complaint:
            raise HttpFault(
                f"{CODE}: {answer.url} answered 200 with {describe(answer.body)}: {complaint}",
                kind="content",
                retryable=True,
            )
        return answer.body, answer.url, len(content["data"])


def data_fault(content: Any) -> str | None:
    """Why JSON is no answer of the API; None where it is one. Only `data`, a list, says what there was, if anything."""
    rows = content.get("data") if isinstance(content, dict) else None
    if not isinstance(rows, list):
        return "it has no list `data`"
    if not rows and any(content.get(key) for key in ("message", "error", "errors", "details")):
        return "it reports an error beside an empty list"
    if rows and not any(isinstance(row, dict) for row in rows):
        return "its list holds other things than records"
    return None


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _bounds(latitude: float, longitude: float, reach_nm: float) -> str:
    """A box around a place as the API writes it: north, south, west, east, three decimals."""
    tall = reach_nm / 60
    wide = min(tall / max(0.02, math.cos(math.radians(latitude))), 179.0)
    return ",".join(f"{value:.3f}" for value in (latitude + tall, latitude - tall, longitude - wide, longitude + wide))


def _client(settings: Flightradar24) -> Client:
    if settings.token is None:
        raise SourceError("flightradar24 needs a token: set BASEWATCH_SOURCES__FLIGHTRADAR24__TOKEN")
    from basewatch.net.client import Client  # the HTTP library: only where something is asked

    token = settings.token.get_secret_value()
    return Client(
        CODE,
        limits=providers.rates(CODE, settings.plan),
        headers={"Accept": "application/json", "Accept-Version": "v1"},
        private_headers={"Authorization": f"Bearer {token}"},
        secrets=[token],
        policy=providers.policy(settings),
    )


# ---- decode


def decode(landed: Landed, context: Context[Flightradar24]) -> Iterator[Event]:
    """Summaries as rows of `flightradar24_flights`, positions as rows of `track_points`, and the days.

    A flight is filed under the day it was first seen; one from the hours before the window that was still seen in it,
    under the window's first day. A day with a flight that had not ended is partial, and is looked at again.
    """
    window = landed.window
    tallies = scoped.tallies()
    unended: set[tuple[str, date]] = set()
    places = Places(context.reference)
    read: list[Manifest] = []
    for folder, manifest in manifests(landed):
        read.append(manifest)
        for answer in manifest.answers:
            if answer.file is None:
                continue
            if answer.kind == POSITIONS:
                yield from _positions(folder, answer, manifest, window, tallies, context)
            else:
                flights = _summaries(folder, answer, manifest, window, tallies, unended, places, context)
                yield from scoped.contained(flights, answer, window, tallies, CODE)
    for noted in scoped.judge(window, read, tallies, context, rejected_share_max=0.0):
        yield _not_ended(noted, unended)


def _not_ended(noted: Day, unended: set[tuple[str, date]]) -> Day:
    waiting = any(day == noted.day and noted.scope in (scope, "global") for scope, day in unended)
    if not waiting or noted.status not in ("ok", "empty"):
        return noted
    return Day(**{**vars(noted), "status": "partial", "error": "a flight had not ended when the day was fetched"})


def _read(folder: Path, answer: LandedAnswer, manifest: Manifest) -> tuple[list[Any], int, str]:
    """The `data` of a landed answer, its size and hash. Raises ValueError."""
    assert answer.file is not None
    body = (folder / answer.file).read_bytes()
    try:
        content = json_text.read(body)
    except ValueError as error:
        raise ValueError(f"not readable as JSON: {error}") from None
    fault = data_fault(content)
    if fault:
        raise ValueError(f"no answer of the API: {fault}")
    return content["data"], len(body), str(manifest.files[answer.file]["sha256"])


def _summaries(
    folder: Path,
    answer: LandedAnswer,
    manifest: Manifest,
    window: Window,
    tallies: scoped.Tallies,
    unended: set[tuple[str, date]],
    places: Places,
    context: Context[Flightradar24],
) -> Iterator[Event]:
    assert answer.file is not None
    first, last = max(answer.since, window.since), min(answer.until, window.until)
    try:
        rows, size, digest = _read(folder, answer, manifest)
    except ValueError as error:
        scoped.spoil(tallies, answer.scope, first, last)
        yield Reject(first, answer.file, str(error))
        return
    fetched_at = manifest.fetched_at(answer.file)
    table, rejects = flight_records.flightradar24_rows(
        rows, CODE, flight_records.Origin(answer.file, digest), fetched_at, places
    )
    for reject in rejects:
        scoped.spoil(tallies, answer.scope, first, last)
        yield Reject(first, reject.where, reject.reason, reject.raw)
    earliest = answer.since - timedelta(days=1, hours=context.settings.lookback_hours)
    if table.num_rows and not scoped.touches(table, earliest, answer.until):
        scoped.spoil(tallies, answer.scope, first, last)
        yield Reject(first, answer.file, f"none of its {table.num_rows} flights is of the days that were asked for")
        return
    table, told = scoped.consistent("flightradar24_flights", table, answer, window, tallies, places, context)
    yield from told
    days = []
    for on, seen, landed_at, ended in zip(
        *(table.column(name).to_pylist() for name in ("day", "last_seen", "datetime_landed", "flight_ended")),
        strict=True,
    ):
        last_sign = max((at for at in (seen, landed_at) if at), default=midnight(on))
        if on < first:  # from the hours before: only what reached into the window is of it
            on = first if last_sign >= midnight(first) else on
        days.append(on)
        if ended is False and fetched_at - last_sign < SETTLED and first <= on <= last:
            unended.add((answer.scope, on))
    table = scoped.filed_under(table, days)
    for day in sorted({day for day in days if first <= day <= last}):
        rows_of_day = table.filter(pc.equal(table.column("day"), day))
        tallies[answer.scope, day].count(scoped.Tally(rows_of_day.num_rows, rows_of_day.num_rows, 0, size, {digest}))
        yield Rows("flightradar24_flights", day, rows_of_day, answer.scope)


def _positions(
    folder: Path,
    answer: LandedAnswer,
    manifest: Manifest,
    window: Window,
    tallies: scoped.Tallies,
    context: Context[Flightradar24],
) -> Iterator[Event]:
    assert answer.file is not None
    if not window.holds(answer.since):
        return
    try:
        rows, size, digest = _read(folder, answer, manifest)
    except ValueError as error:
        yield Reject(answer.since, answer.file, str(error))
        return
    aircraft, rejects = [], []
    for row in rows:
        try:
            position = sighting(row)
            if position is not None:
                aircraft.append(position)
        except Exception as error:
            why = containment.reason(error, answer.file)
            rejects.append(Reject(answer.since, answer.file, f"position: {why}", flight_records.raw(row)))
    yield from rejects
    surroundings = polled.Surroundings(context.reference, context.params, context.now)
    table = polled.points(aircraft, answer.since, CODE, surroundings)
    tally = scoped.Tally(len(rows), table.num_rows, len(rejects), size, {digest})
    tallies[answer.scope, answer.since].count(tally)
    if table.num_rows:
        yield Rows("track_points", answer.since, table, answer.scope)


def sighting(row: Mapping[str, Any]) -> polled.Sighting | None:
    """A position as a sighting; None where it is an estimate or names no address.

    Heights are feet, speeds knots and feet a minute, as the API gives them. Height 0 is how it writes the ground, track
    0 may mean unknown. Raises ValueError for a malformed row.
    """
    if not isinstance(row, Mapping):
        raise ValueError("no object")
    if row.get("hex") is None or str(row.get("source", "")).upper() == "ESTIMATED":
        return None
    at = values.moment(row.get("timestamp"))
    address = values.icao24(row["hex"])
    latitude, longitude = values.number(row.get("lat")), values.number(row.get("lon"))
    if at is None or address is None or latitude is None or longitude is None:
        raise ValueError("no time, address or place")
    height = values.whole(row.get("alt"))
    craft = polled.Craft(
        hex=address,
        flight=values.callsign(row.get("callsign")),
        r=values.upper(row.get("reg")),
        t=values.upper(row.get("type")),
        type=(values.text(row.get("source")) or "").lower() or None,
        alt_baro="ground" if height == 0 else height,
        gs=values.number(row.get("gspeed")),
        track=values.number(row.get("track")) or None,
        baro_rate=values.number(row.get("vspeed")),
        lat=latitude,
        lon=longitude,
    )
    return polled.Sighting(CODE, at.timestamp(), craft)


# ---- the subscriber's terms


def expire(context: Context[Flightradar24]) -> Expiry | None:
    """Delete landed windows fetched longer ago than the terms allow (sources.flightradar24.retention_days).

    The lake's rows of that age have expired with them. Rows that the user brought as files are the user's.
    """
    days = context.settings.retention_days
    if days is None:
        return None
    remove_expired(context, days)
    why = f"deleted {days} days after it was fetched, as the provider's terms demand"
    return Expiry(context.now.astimezone(UTC) - timedelta(days=days), why)


# ---- doctor


def check(context: Context[Flightradar24]) -> list[Finding]:
    """Configuration, token and reachability of Flightradar24; asks once, for an empty span of time (one credit)."""
    settings = context.settings
    if settings.location and not is_url(settings.location):
        there = context.path(settings.location).is_dir()
        return [Finding(there, f"flightradar24: replay folder {settings.location}", "name an existing folder")]
    findings = []
    try:
        findings.append(Finding(True, f"flightradar24: asks for {', '.join(scopes(context))}"))
    except SourceError as error:
        return [Finding(False, str(error), "name bases in sources.flightradar24.bases")]
    if settings.token is None:
        advice = "set BASEWATCH_SOURCES__FLIGHTRADAR24__TOKEN to the token of your subscription"
        return [*findings, Finding(False, "flightradar24: no token", advice)]
    retention = settings.retention_days
    findings.append(
        Finding(
            retention is not None,
            f"flightradar24: rows are kept {retention} days" if retention else "flightradar24: rows are kept for ever",
            "the API's terms ask for deletion within 30 days: set sources.flightradar24.retention_days",
        )
    )
    end = context.now.astimezone(UTC) - timedelta(days=1)
    query = {
        **subjects(context)[0].filter,
        "flight_datetime_from": _text(end - timedelta(minutes=1)),
        "flight_datetime_to": _text(end),
        "limit": "1",
    }
    try:
        answer = _client(settings).get(f"{(settings.location or API).rstrip('/')}/flight-summary/light", query)
        fault = data_fault(answer.json())
        if fault:
            raise HttpFault(f"{CODE}: {answer.url} answered 200 with {describe(answer.body)}: {fault}", kind="content")
        findings.append(Finding(True, "flightradar24: reachable, token accepted"))
    except SourceError as error:
        findings.append(Finding(False, str(error), "check network, token, plan and credits"))
    return findings
