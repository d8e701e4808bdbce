"""Live positions: the /v2 JSON of public networks or a local receiver's aircraft.json, polled by `basewatch watch`.

Each answer lands verbatim as it comes. Every so often the day's landed polls are decoded whole and replace what the
lake had of the day, so a poller that was killed goes on where it stopped. What was not polled is in the ledger: a scope
whose polls leave a hole is partial, with the hole named. Recorded answers in a folder are read in the same way.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import os
import re
import threading
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from basewatch.config import OpenSky, ReadsbLive
from basewatch.errors import ConfigError, SourceError, containment
from basewatch.lake import landings
from basewatch.lake.events import Day, Event, Reject, Rows
from basewatch.net import providers
from basewatch.net.content import GZIP, plain
from basewatch.net.limits import STATE
from basewatch.net.secrets import clean_url
from basewatch.outside import json_text
from basewatch.readsb import polled
from basewatch.readsb.day_names import day_in, days_in
from basewatch.readsb.polled import Heard, Sighting
from basewatch.sources import opensky, scoped
from basewatch.sources.contract import Context, Finding, Grain, Landed, LandedFile, Window, Writer, refuse_links
from basewatch.sources.landing import Landing, is_url, midnight
from basewatch.sources.values import Malformed, icao24, moment

if TYPE_CHECKING:
    from basewatch.net.client import Client

CODE = "readsb_live"
SEEN = "aircraft:polled"  # the scope that carries the rows: aircraft that were seen, wherever; it covers no base
MILITARY = "aircraft:military"
ADDRESSES_A_CALL = 50  # keeps an address list well below any limit on the length of a URL
MARGIN_NM = 1.0
LARGEST_ANSWER = 256 << 20  # bytes of text; the whole world's traffic takes a tenth
ENDINGS = (".json", ".jsonl", ".ndjson")  # of recorded answers, also with .gz behind
_PAPER = re.compile(r"(readme|licen[cs]e|notice|attribution|copying|copyright|changelog)\b", re.IGNORECASE)
UNREAD = "not read"  # how a landed file says that no reader takes it
NAMED_IN_LEDGER = 3  # answers that cannot be used, as the ledger row of their day names them
NAMED = 50  # rejects of one file that are named; the rest are counted
log = logging.getLogger("basewatch.watch")


@dataclass(frozen=True)
class Network:
    """A network's address and how it writes an area: `point` is /v2/point/{lat}/{lon}/{nm}, `lat` spells the words."""

    base: str | None
    area: str


NETWORKS = {
    "adsb.lol": Network("https://api.adsb.lol", "point"),
    "adsb.fi": Network("https://opendata.adsb.fi/api", "lat"),
    "airplanes.live": Network("https://api.airplanes.live", "point"),
    "adsbexchange": Network(None, "lat"),
    "local": Network(None, ""),
    "opensky": Network(None, ""),
}


@dataclass(frozen=True)
class Query:
    """One call of a round: the network, the address, and the ledger scopes that its answer is about."""

    network: str
    url: str
    scopes: tuple[str, ...]
    base_id: str | None = None


@dataclass(frozen=True)
class Poll:
    """One landed poll: when (epoch seconds), of what, and the answer's text, or why there is none."""

    at: float
    network: str
    scopes: tuple[str, ...]
    url: str = ""
    body: str | None = None
    error: str | None = None


def grain(settings: ReadsbLive) -> Grain:
    """`whole` where recorded answers in a folder are read, `live` where a network is polled."""
    return "whole" if settings.location and not is_url(settings.location) else "live"


def column(network: str) -> str:
    """The network as rows name it: adsb.lol is `adsblol`, as in its archive."""
    return network.replace(".", "")


# ---- what is asked


def queries(context: Context[ReadsbLive]) -> list[Query]:
    """The calls of one round. Raises SourceError for an unknown network or base, or a missing key or address."""
    settings = context.settings
    reach = context.params.archive_ring_outer_nm + MARGIN_NM
    bases = scoped.bases(CODE, settings.bases, context)
    addresses = [_address(text) for text in settings.aircraft]
    calls: list[Query] = []
    for name in settings.networks:
        network = NETWORKS.get(name)
        if network is None or name == "opensky":
            networks = ", ".join(sorted(set(NETWORKS) - {"opensky"}))
            raise SourceError(f"sources.{CODE}.networks: {name!r} is not known; known: {networks}")
        start = _start(name, network, settings)
        if name == "local":
            covered = tuple(f"base:{base.base_id}" for base in bases)
            calls.append(Query(name, start, covered or (SEEN,)))
            continue
        if settings.military:
            calls.append(Query(name, f"{start}/v2/mil", (MILITARY,)))
        for base in bases:
            radius = min(reach, providers.stated(name, "radius") or reach)
            place = (f"{base.latitude:.4f}", f"{base.longitude:.4f}", f"{radius:.0f}")
            path = "/v2/point/{}/{}/{}" if network.area == "point" else "/v2/lat/{}/lon/{}/dist/{}"
            calls.append(Query(name, start + path.format(*place), (f"base:{base.base_id}",), base.base_id))
        for first in range(0, len(addresses), ADDRESSES_A_CALL):
            some = addresses[first : first + ADDRESSES_A_CALL]
            scopes = tuple(f"aircraft:{address}" for address in some)
            calls.append(Query(name, f"{start}/v2/hex/{','.join(some)}", scopes))
    calls += _states_queries(context)
    if not calls:
        raise SourceError(
            f"{CODE} has nothing to poll: set sources.{CODE}.military = true, or name bases or aircraft there"
        )
    return calls


def _address(text: str) -> str:
    try:
        address = icao24(text)
    except Malformed as error:
        raise SourceError(f"sources.{CODE}.aircraft: {text!r} {error}") from None
    if address is None:
        raise SourceError(f"sources.{CODE}.aircraft holds an empty address")
    return address


def _start(name: str, network: Network, settings: ReadsbLive) -> str:
    start = settings.addresses.get(name) or (settings.location if len(settings.networks) == 1 else None) or network.base
    if start is None:
        missing = "the address of its aircraft.json" if name == "local" else "the address of your contract"
        raise SourceError(f'{CODE}: {name} has no usual address: set sources.{CODE}.addresses."{name}" to {missing}')
    if name == "adsbexchange" and settings.api_key is None:
        raise SourceError(f"{CODE}: adsbexchange needs a key: set BASEWATCH_SOURCES__READSB_LIVE__API_KEY")
    return start.rstrip("/")


def _states_queries(context: Context[ReadsbLive]) -> list[Query]:
    account = context.beside(opensky.CODE, OpenSky)
    if not (account.settings.enabled and account.settings.poll_states):
        return []
    named = scoped.bases(opensky.CODE, account.settings.bases, account)
    return [Query("opensky", base.base_id, (f"base:{base.base_id}",), base.base_id) for base in named]


def intervals(context: Context[ReadsbLive]) -> dict[str, float]:
    """Seconds between two rounds of each network: as set, and longer where a limit by the day demands it."""
    settings = context.settings
    calls: dict[str, int] = defaultdict(int)
    for query in queries(context):
        calls[query.network] += 1
    seconds = {}
    for network, number in calls.items():
        a_day = _calls_a_day(network, context)
        seconds[network] = max(settings.every_seconds, number * 86400 * 1.02 / a_day if a_day else 0.0)
    return seconds


def _calls_a_day(network: str, context: Context[ReadsbLive]) -> float | None:
    if network != "opensky":
        return providers.stated(network, "requests_per_day")
    account = context.beside(opensky.CODE, OpenSky).settings
    return providers.due("opensky", "credits", account.tier if account.client_id else "anonymous")


# ---- polling


@dataclass
class _Poller:
    """The state of a running watch."""

    context: Context[ReadsbLive]
    clients: dict[str, Client]
    started: float
    due: dict[str, float] = field(default_factory=dict)
    flushed: float = 0.0
    answers: int = 0


def pace(context: Context[ReadsbLive]) -> str:
    """How often each network is polled, in words. Raises ConfigError for wrong settings; nothing is asked."""
    return ", ".join(f"{network} every {seconds:,.0f} s" for network, seconds in _rounds(context)[1].items())


def _rounds(context: Context[ReadsbLive]) -> tuple[list[Query], dict[str, float]]:
    """The calls of one round, and the seconds between two rounds of each network. Raises ConfigError."""
    try:
        return queries(context), intervals(context)
    except SourceError as error:  # nothing was asked yet: it is the settings that are wrong
        raise ConfigError(str(error)) from None


def watch(context: Context[ReadsbLive], write: Writer, stop: threading.Event) -> int:
    """Poll until `stop` is set. Returns the number of answers that came.

    `write` gets, every `flush_seconds` and at the end, the events of a day as a whole: rows and ledger days that
    replace what the lake had of that day and scope. The last day polled before this one comes first: what was landed
    of it after the last flush counts, and by now it has ended. A network that fails is asked again when its circuit
    closes; the poller itself goes on. Raises ConfigError for wrong settings, before the first poll.
    """
    settings = context.settings
    calls, every = _rounds(context)
    clock = STATE.clock
    poller = _Poller(context, {name: _client(name, settings) for name in every}, clock.wall(), flushed=clock.wall())
    today = datetime.fromtimestamp(clock.wall(), UTC).date()
    before = _last_polled(today, context)
    if before is not None:
        _flush(before, poller, write)
    while not stop.is_set():
        now = clock.wall()
        for name in every:
            if now >= poller.due.get(name, 0.0):
                poller.due[name] = now + every[name]
                for query in calls:
                    if query.network == name and not stop.is_set():
                        _land(_poll(query, poller), poller)
        now = clock.wall()
        on = datetime.fromtimestamp(now, UTC).date()
        if on != today:
            _flush(today, poller, write)
            today = on
        elif now - poller.flushed >= settings.flush_seconds:
            _flush(today, poller, write)
        if clock.wait(stop, max(0.05, min(poller.due.values()) - clock.wall())):
            break
    _flush(today, poller, write)
    return poller.answers


def _last_polled(today: date, context: Context[ReadsbLive]) -> date | None:
    """The last day before today of which polls are landed."""
    polls = context.landing.glob("????-??-??/polls-*.jsonl.gz")
    return max((day for path in polls if (day := date.fromisoformat(path.parent.name)) < today), default=None)


def _client(name: str, settings: ReadsbLive) -> Client:
    from basewatch.net.client import Client  # the HTTP library: only where something is asked

    key = settings.api_key.get_secret_value() if settings.api_key and name == "adsbexchange" else None
    policy = replace(providers.policy(settings), attempts=min(settings.attempts, 2), longest_wait_seconds=30.0)
    return Client(
        f"{CODE} {name}",  # a circuit of its own: one network's outage says nothing of another
        limits=providers.rates(name),
        private_headers={settings.api_key_header: key} if key else None,
        secrets=[key],
        policy=policy,
    )


def _poll(query: Query, poller: _Poller) -> Poll:
    clock = STATE.clock
    try:
        if query.network == "opensky":
            answer = opensky.states(poller.context.beside(opensky.CODE, OpenSky), query.url)
            body, url = answer.body, answer.url
        elif not is_url(query.url):
            body, url = plain(Path(query.url).expanduser().read_bytes()), query.url
        else:
            answer = poller.clients[query.network].get(query.url)
            body, url = answer.body, answer.url
    except Exception as error:
        is_news = getattr(error, "kind", None) != "circuit"  # while it is open, what opened it has been told
        why = containment.reason(error, f"{query.network} {query.scopes}")
        log.log(logging.WARNING if is_news else logging.DEBUG, "%s", why)
        return Poll(clock.wall(), query.network, query.scopes, clean_url(query.url), error=why[:500])
    poller.answers += 1
    return Poll(clock.wall(), query.network, query.scopes, url, body.decode("utf-8", "replace"))


def _land(poll: Poll, poller: _Poller) -> None:
    """Append a poll to the landing, as a gzip member of its own: a kill in the middle spoils that one alone."""
    on = datetime.fromtimestamp(poll.at, UTC)
    begun = datetime.fromtimestamp(poller.started, UTC)
    home = poller.context.landing / f"{on:%Y-%m-%d}"
    if not any((home / name).exists() for name in (landings.MANIFEST, landings.UNFINISHED)):
        landings.begin(home)  # the manifest comes with the first flush
    with (home / f"polls-{begun:%Y%m%dT%H%M%S}-{os.getpid()}.jsonl.gz").open("ab") as handle:
        handle.write(gzip.compress(msgspec.json.encode(poll) + b"\n", 6))


def _flush(day: date, poller: _Poller, write: Writer) -> None:
    now = STATE.clock.wall()
    poller.flushed = now
    context = replace(poller.context, now=datetime.fromtimestamp(now, UTC))
    try:
        with containment.of_source(CODE, f"{CODE} {day}", passing=(OSError,)):
            write(list(decode(landed_day(day, context), context)))
    except SourceError as error:
        log.error("%s", error)


def landed_day(day: date, context: Context[ReadsbLive]) -> Landed:
    """The day's landed polls, with a manifest beside them."""
    window = Window(CODE, day, day)
    landing = Landing(context, window)
    for path in sorted(landing.path.glob("polls-*.jsonl.gz")):
        landing.keep(_landed_file(path, context, day))
    landing.note(SEEN, day, day, "polls", "ok")
    whole = landing.finish()
    return replace(whole, files=tuple(file for file in whole.files if file.note != "manifest"))


def _landed_file(path: Path, context: Context[ReadsbLive], day: date | None = None) -> LandedFile:
    body = path.read_bytes()
    return LandedFile(path, path.name, hashlib.sha256(body).hexdigest(), len(body), context.now.astimezone(UTC), day)


# ---- recorded answers


def fetch(window: Window, context: Context[ReadsbLive]) -> Landed:
    """Recorded answers of the configured folder, or what `watch` landed of the window. Raises SourceError for none."""
    settings = context.settings
    if settings.location and not is_url(settings.location):
        location = context.path(settings.location)
        paths = [location] if location.is_file() else sorted(location.rglob("*")) if location.is_dir() else []
        files = [path for path in paths if path.is_file() and not _is_no_data(path)]
        refuse_links(files if location.is_dir() else (), location, CODE)
        if not any(map(_is_recorded, files)):
            others = f"; there are {', '.join(path.name for path in files[:3])}" if files else ""
            raise SourceError(
                f"{CODE}: no .json, .jsonl or .jsonl.gz file of recorded answers at {settings.location}{others}"
            )
        return Landed(
            window,
            tuple(_landed_file(path, context) if _is_recorded(path) else _unread(path, context) for path in files),
        )
    files_of_days: list[LandedFile] = []
    absent = {}
    for day in window.days():
        files = sorted((context.landing / f"{day}").glob("polls-*.jsonl.gz"))
        files_of_days += [_landed_file(path, context, day) for path in files]
        if not files:
            absent[day] = ("missing", "not polled: `basewatch watch` did not run")
    return Landed(window, tuple(files_of_days), absent)


def _is_no_data(path: Path) -> bool:
    """Whether a file is plainly none of answers: hidden, a manifest of the landing, or a paper about the data."""
    return path.name == "manifest.json" or path.name.startswith(".") or bool(_PAPER.match(path.name))


def _is_recorded(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith(ENDINGS)


def _unread(path: Path, context: Context[ReadsbLive]) -> LandedFile:
    """A file beside recorded answers that is none by its name; told by size and time, since it may be huge."""
    state = path.stat()
    digest = hashlib.sha256(f"{path.name} {state.st_size} {state.st_mtime_ns}".encode()).hexdigest()
    return LandedFile(path, path.name, digest, state.st_size, context.now.astimezone(UTC), note=UNREAD)


# ---- decode


@dataclass
class _Looked:
    """What was looked at on one day: times of polls that were answered, and of those that were not, by scope."""

    answered: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    unanswered: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    seen: polled.Collector | None = None
    recorded: int = 0
    read: int = 0
    rejected: int = 0
    files: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)

    def lose(self, where: str, why: str, file: LandedFile) -> None:
        """Count an answer that cannot be used: the time for which it stands was not looked at."""
        self.read += 1
        self.rejected += 1
        self.lost.append(f"{where}: {why}")
        self.files[file.sha256] = file.size


@dataclass(frozen=True)
class _Answer:
    """A landed or recorded answer as understood; `fault`: why it does not count as one, though some may be seen."""

    poll: Poll
    heard: Heard | None = None
    fault: str | None = None


def decode(landed: Landed, context: Context[ReadsbLive]) -> Iterator[Event]:
    """Positions near bases, edges and background of the polled days, and the days with the holes between the polls.

    A base that was polled without a hole is `ok`: all traffic around it was asked for. An answer that cannot be used is
    a poll in vain. The rows are carried by a scope of their own, which covers no base.
    """
    days: dict[date, _Looked] = defaultdict(_Looked)
    nowhere: list[tuple[str, str, LandedFile]] = []  # answers that cannot be used, and nothing tells their day
    for file in landed.files:
        if file.note == UNREAD:
            yield from _name(file, landed.window, days)
        else:
            yield from _read(file, landed.window, days, nowhere, context)
    for lost in nowhere:
        for day in sorted(days) or [landed.window.until]:  # it may have been of any
            days[day].lose(*lost)
    surroundings = polled.Surroundings(context.reference, context.params, context.now)
    for day, looked in sorted(days.items()):
        around = {scope.removeprefix("base:") for scope in looked.answered if scope.startswith("base:")}
        seen = looked.seen.sightings() if looked.seen else []
        for name, table in polled.rows(seen, day, CODE, surroundings, around):
            yield Rows(name, day, table, SEEN)
        yield from _days(day, looked, context)


def _name(file: LandedFile, window: Window, days: dict[date, _Looked]) -> Iterator[Reject]:
    """A file that no reader takes, named; it makes a day doubtful only where its name says which."""
    why = f"not read: recorded answers end in {', '.join(ENDINGS)}, also with .gz behind"
    day = _named_day(file)
    if day is not None and window.holds(day):
        days[day].lose(file.url, why, file)
    yield Reject(day, file.url, why)


def _named_day(file: LandedFile) -> date | None:
    """The day that a file's name spells, or else the folders in which it lies."""
    return file.day or day_in(file.url) or (None if days_in(file.url) else day_in("/".join(file.path.parts[-4:-1])))


def _read(
    file: LandedFile,
    window: Window,
    days: dict[date, _Looked],
    nowhere: list[tuple[str, str, LandedFile]],
    context: Context[ReadsbLive],
) -> Iterator[Reject]:
    named = 0
    reached: set[date] = set()
    undated: list[tuple[str, str, LandedFile]] = []
    named_day = _named_day(file)
    for position, value in enumerate(_documents(file.path), start=1):
        where = f"{file.url}, answer {position}"
        try:
            if isinstance(value, ValueError):
                raise value
            answer = _understand(value, named_day, context)
        except Exception as error:
            why = containment.reason(error, where)
            if named_day is None:
                undated.append((where, why, file))
            elif window.holds(named_day):
                days[named_day].lose(where, why, file)
            yield Reject(named_day, where, why)
            continue
        on = datetime.fromtimestamp(answer.poll.at, UTC).date()
        reached.add(on)
        if not window.holds(on):
            continue
        looked, faults = days[on], answer.heard.faults if answer.heard else []
        _take(answer, where, file, looked, context)
        if answer.fault and not faults:
            yield Reject(on, where, answer.fault)
        for fault in faults:
            named += 1
            if named <= NAMED:
                yield Reject(on, where, fault)
    if named > NAMED:
        yield Reject(window.until, file.url, f"{named - NAMED} more aircraft objects that cannot be used")
    for lost in undated:
        for day in sorted(reached):  # its neighbours in the file tell when it was
            if window.holds(day):
                days[day].lose(*lost)
    if not reached:
        nowhere += undated


def _take(answer: _Answer, where: str, file: LandedFile, looked: _Looked, context: Context[ReadsbLive]) -> None:
    """Add an answer to what was looked at on its day."""
    poll, heard = answer.poll, answer.heard
    looked.files[file.sha256] = file.size
    if answer.fault and heard and heard.faults:  # its objects that cannot be read are counted themselves
        looked.lost.append(f"{where}: {answer.fault}")
    elif answer.fault:
        looked.lose(where, answer.fault, file)
    if heard:
        looked.read += len(heard.seen) + len(heard.faults)
        looked.rejected += len(heard.faults)
        looked.seen = looked.seen or polled.Collector(context.reference, context.params)
        looked.seen.add(heard.seen)
    for scope in poll.scopes:
        error = poll.error or answer.fault
        if error is None:
            looked.answered[scope].append(poll.at)
        else:
            looked.unanswered[scope].append(error)
    looked.recorded += not poll.scopes


def _documents(path: Path) -> Iterator[Any]:
    """The JSON values of a file: one a line, or one in all. What cannot be read is given as the ValueError it is."""
    try:
        data = path.read_bytes()
    except OSError as error:
        yield ValueError(f"cannot be read: {error.strerror}")
        return
    if not data.strip():
        yield ValueError("the file is empty")
        return
    is_whole = path.name.lower().removesuffix(".gz").endswith(".json")
    pieces = list(_members(data)) if is_whole else _members(data)
    if is_whole:
        pieces = [b"".join(pieces) if all(pieces) else b""]
    for piece in pieces:
        if not piece:
            yield ValueError("the file ends within an answer: it was cut short while it was written or copied")
        elif is_whole:
            yield _decoded(piece)
        else:
            yield from (_decoded(line) for line in piece.splitlines() if line.strip())


def _decoded(text: bytes) -> Any:
    try:
        return json_text.read(text)
    except ValueError as error:
        return ValueError(f"not readable as JSON: {error}")


def _members(data: bytes) -> Iterator[bytes]:
    """The texts of a file's gzip members, one after another; nothing, at last, for one that is not whole.

    Plain text is given as it is. A hostile member is given up at the size at which no answer can be honest.
    """
    if not data.startswith(GZIP):
        yield data
        return
    while data:
        stream = zlib.decompressobj(31)
        try:
            piece = stream.decompress(data, LARGEST_ANSWER)
        except zlib.error:
            piece = b""
        if not piece or not stream.eof:
            yield b""
            return
        yield piece
        data = stream.unused_data


def _understand(value: Any, named_day: date | None, context: Context[ReadsbLive]) -> _Answer:
    """A landed poll, a bare answer, or one recorded aircraft object.

    A landed poll says by itself when and of what it was, so that an answer in it that is none is a poll in vain. Raises
    ValueError for anything else that cannot be used: then nothing but the file's name may tell its day (`named_day`).
    """
    settings = context.settings
    network = settings.networks[0] if settings.networks else "local"
    apart_s = settings.max_clock_difference_minutes * 60
    latest = (context.now + timedelta(days=1)).timestamp()
    if isinstance(value, Mapping) and "scopes" in value and "network" in value:
        try:
            poll = msgspec.convert(value, Poll)
        except msgspec.ValidationError as error:
            raise ValueError(f"not a landed poll: {error}") from None
        if not polled.EARLIEST <= poll.at < latest:
            raise ValueError(f"not a landed poll: its time {poll.at} cannot be")
        return _understood(poll, apart_s, context)
    if isinstance(value, Mapping) and "observed_at_utc" in value:
        observed = moment(value["observed_at_utc"])
        if observed is None:
            raise ValueError("observed_at_utc is empty")
        heard = polled.heard({"ac": [value]}, column(network), observed.timestamp(), apart_s)
    else:
        heard = polled.heard(value, column(network), None, apart_s)
    on = datetime.fromtimestamp(heard.at, UTC)
    if heard.at > latest:
        raise ValueError(f"it is of {on:%Y-%m-%d %H:%M} UTC, which has not come yet")
    if named_day is not None and abs((on.date() - named_day).days) > 1:  # a name may be in local time
        raise ValueError(f"it is of {on:%Y-%m-%d %H:%M} UTC by its time, and of {named_day} by its name")
    return _Answer(Poll(heard.at, network, ()), heard, _doubt(heard, context))


def _understood(poll: Poll, apart_s: float, context: Context[ReadsbLive]) -> _Answer:
    """A landed poll with what its answer says, or why that is none."""
    if poll.body is None:
        return _Answer(poll)
    try:
        if poll.network == "opensky":
            heard = _from_states(poll.body, poll.at, apart_s)
        else:
            heard = polled.read(poll.body, column(poll.network), poll.at, apart_s)
    except Exception as error:
        return _Answer(poll, None, containment.reason(error, f"{poll.network} {poll.at:.0f}"))
    return _Answer(poll, heard, _doubt(heard, context))


def _doubt(heard: Heard, context: Context[ReadsbLive]) -> str | None:
    """Why an answer with a list does not say all that was in the air."""
    if heard.faults and len(heard.faults) >= heard.objects * context.params.rejected_share_max:
        return f"{len(heard.faults)} of its {heard.objects} aircraft cannot be read: {heard.faults[0]}"
    return heard.doubt


def _from_states(body: str, polled_at: float, apart_s: float) -> Heard:
    """What an answer of /states/all says. Raises ValueError where it is none."""
    answer = _decoded(body.encode())
    if isinstance(answer, ValueError):
        raise answer
    complaint = opensky.states_fault(answer)
    if complaint:
        raise ValueError(complaint)
    now = polled.time_of(answer["time"], polled_at, apart_s)
    vectors = answer["states"] or []
    seen, faults = [], ["a state vector without its 17 values" for each in vectors if not opensky.is_state(each)]
    for values in opensky.states_aircraft(answer):
        at = values.pop("seen_at")
        try:
            seen.append(Sighting("opensky", float(at), polled.craft(values)))
        except Exception as error:
            faults.append(containment.reason(error, "a state vector"))
    return Heard(now, seen, faults, len(vectors))


def _days(day: date, looked: _Looked, context: Context[ReadsbLive]) -> Iterator[Day]:
    settings = context.settings
    digest = hashlib.sha256("\n".join(sorted(looked.files)).encode()).hexdigest()
    counts: dict[str, Any] = {
        "files": len(looked.files),
        "bytes": sum(looked.files.values()),
        "records_read": looked.read,
        "records_kept": looked.read - looked.rejected,
        "records_rejected": looked.rejected,
        "sha256": digest,
    }
    every = sorted({at for times in looked.answered.values() for at in times})
    for scope in sorted({*looked.answered, *looked.unanswered} - {SEEN}):
        status, error = judge(looked.answered.get(scope, []), looked.unanswered.get(scope, []), day, settings, context)
        yield Day(day, status, scope, error=error)
    lost = _lost(looked)
    if looked.recorded:
        why = f"recorded answers: a lower bound, not a watch kept all day{lost and f'; {lost}'}"
        yield Day(day, "partial", SEEN, error=why, **counts)
        return
    if lost and not every and not looked.unanswered:
        yield Day(day, "failed", SEEN, error=lost, **counts)
        return
    unanswered = [error for errors in looked.unanswered.values() for error in errors]
    status, error = judge(every, unanswered, day, settings, context)
    if status == "failed" and looked.read > looked.rejected:  # something was seen, though no answer was whole
        status = "partial"
    if status != "ok" and lost:
        error = f"{error}; {lost}"
    yield Day(day, status, SEEN, error=error, **counts)


def _lost(looked: _Looked) -> str:
    """The day's answers that cannot be used: how many, and the first by name; empty where there are none."""
    if not looked.lost:
        return ""
    more = f", and {len(looked.lost) - NAMED_IN_LEDGER} more" if len(looked.lost) > NAMED_IN_LEDGER else ""
    return f"{len(looked.lost)} answers cannot be used: {'; '.join(looked.lost[:NAMED_IN_LEDGER])}{more}"


def judge(
    answered: Iterable[float], unanswered: list[str], day: date, settings: ReadsbLive, context: Context[ReadsbLive]
) -> tuple[str, str | None]:
    """Ledger status of a scope on a day by the times of its answered polls, and the holes between them in words.

    `failed` where every poll was in vain, `partial` where a hole is longer than `max_gap_minutes` or the day lasts on.
    """
    times = sorted(answered)
    if not times:
        return "failed", (unanswered[-1] if unanswered else "not polled")
    start, end = midnight(day).timestamp(), (midnight(day) + timedelta(days=1)).timestamp()
    now = context.now.timestamp()
    most = settings.max_gap_minutes * 60
    holes = [
        (since, until)
        for since, until in zip([start, *times], [*times, min(end, now)], strict=True)
        if until - since > most
    ]
    if holes:
        minutes = sum(until - since for since, until in holes) / 60
        first_holes = ", ".join(f"{_clock(since)}–{_clock(until)}" for since, until in holes[:10])
        more = f" and {len(holes) - 10} more" if len(holes) > 10 else ""
        why = f"; last fault: {unanswered[-1]}" if unanswered else ""
        return "partial", f"not polled {minutes:,.0f} min: {first_holes}{more} UTC{why}"
    if now < end:
        return "partial", "the day has not ended"
    return "ok", None


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M")


# ---- doctor


def check(context: Context[ReadsbLive]) -> list[Finding]:
    """Configuration of the networks and a first answer of each."""
    settings = context.settings
    if grain(settings) == "whole":
        try:
            files = fetch(Window(CODE, date.min, date.max), context).files
        except SourceError as error:
            return [Finding(False, str(error), f"set sources.{CODE}.location")]
        unread = [file.url for file in files if file.note == UNREAD]
        findings = [Finding(True, f"{CODE}: {len(files) - len(unread)} files of recorded answers")]
        if unread:
            more = ", …" if len(unread) > NAMED_IN_LEDGER else ""
            names = f"{', '.join(unread[:NAMED_IN_LEDGER])}{more}"
            advice = f"recorded answers end in {', '.join(ENDINGS)}, also with .gz behind: rename or move what is none"
            findings.append(Finding(False, f"{CODE}: {len(unread)} files are not read: {names}", advice))
        return findings
    try:
        calls = queries(context)
    except SourceError as error:
        return [Finding(False, str(error), "correct the configuration")]
    findings = []
    for network, seconds in intervals(context).items():
        slow = seconds > settings.max_gap_minutes * 60
        findings.append(
            Finding(
                not slow,
                f"{CODE}: {network} polled every {seconds:,.0f} s",
                "name fewer bases, or raise max_gap_minutes: the provider's daily limit leaves holes",
            )
        )
    clock = STATE.clock.wall()
    for network in sorted({query.network for query in calls}):
        first = next(query for query in calls if query.network == network)
        poller = _Poller(context, {network: _client(network, settings)}, clock)
        poll = _poll(first, poller)
        fault = _understood(poll, settings.max_clock_difference_minutes * 60, context).fault
        complaint = poll.error or (f"{CODE}: {network} answers, but not with aircraft: {fault}" if fault else None)
        advice = "check the address, the network and the key" if complaint else ""
        findings.append(Finding(complaint is None, complaint or f"{CODE}: {network} answers", advice))
    return findings
