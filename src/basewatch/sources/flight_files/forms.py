"""A table's form, by its columns: whose list of flights it is, and which column is which field of the lake's row.

A form is taken only where its columns name an aircraft, a place and a time: half a form would give records without a
meaning. Column names count without case, blanks and marks. What the user states in `columns` goes before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from basewatch.sources.flight_records import plain_name
from basewatch.sources.places import Places
from basewatch.sources.values import Malformed, moment, text


@dataclass(frozen=True)
class Form:
    """A known form.

    table: the lake table of its rows. needs: of each group of columns at least one must be there. lacks: columns that
    rule it out. fields: the columns that may hold each field, the best first. says: what it cannot tell.
    """

    name: str
    table: str
    needs: tuple[frozenset[str], ...]
    fields: Mapping[str, tuple[str, ...]]
    lacks: frozenset[str] = frozenset()
    says: str = ""


@dataclass(frozen=True)
class Mapped:
    """A table's form with, for each field, the numbers of the columns that may hold it; and the columns not read."""

    form: Form
    numbers: Mapping[str, tuple[int, ...]]
    columns: Sequence[str]
    unread: tuple[int, ...] = field(default=())

    @property
    def shown(self) -> str:
        """The columns and the fields that they are read as, in words."""
        pairs = [f"{self.columns[number]} → {name}" for name, numbers in self.numbers.items() for number in numbers]
        return ", ".join(pairs)


def _group(*names: str) -> frozenset[str]:
    return frozenset(names)


_POSITION = _group("latitude", "lat", "position")

# Names of columns that mean one thing in whatever list of flights they stand.
ADDRESS = (
    "icao24", "hex", "hexcode", "icaohex", "icao24hex", "hexident", "icao24address", "icaoaddress", "modes", "modescode",
    "modeshex", "transponderhex", "transpondercode", "adshex", "icao24code", "address",
)  # fmt: skip
REGISTRATION = (
    "registration", "reg", "regnumber", "tail", "tailnumber", "tailno", "acregistration", "aircraftregistration", "acreg",
    "aircraftreg", "regno",
)  # fmt: skip
ORIGIN = (
    "origin", "originicao", "originairport", "originairporticao", "origicao", "orig", "adep", "departureairport", "departureicao",
    "departureairporticao", "depairport", "depicao", "departureairportcode", "fromicao", "fromairport", "from", "icaofrom",
    "takeoffairport", "estdepartureairport", "airportofdeparture", "origiata", "originiata", "depiata", "dep", "departure",
)  # fmt: skip
DESTINATION = (
    "destination", "destinationicao", "destinationairport", "destinationairporticao", "desticaoactual", "dest", "ades",
    "arrivalairport", "arrivalicao", "arrivalairporticao", "arrairport", "arricao", "arrivalairportcode", "toicao", "toairport",
    "to", "icaoto", "landingairport", "estarrivalairport", "airportofdestination", "destiataactual", "destinationiata",
    "arriata", "desticao", "arr", "arrival",
)  # fmt: skip
DEPARTED = (
    "departedat", "departuretime", "deptime", "departuredatetime", "datetimetakeoff", "takeofftime", "takeoff", "takeoffat", "atot",
    "atd", "actualdeparturetime", "departuretimestamp", "departed", "timeofdeparture", "actualoffblocktime", "aobt", "offblock",
    "departuredate", "departureday", "depdate",
)  # fmt: skip
ARRIVED = (
    "arrivedat", "arrivaltime", "arrtime", "arrivaldatetime", "datetimelanded", "landingtime", "landed", "landedat", "landing",
    "aldt", "ata", "actualarrivaltime", "arrivaltimestamp", "arrived", "timeofarrival", "aibt", "arrivaldate", "arrivalday",
    "arrdate",
)  # fmt: skip
FIRST = ("firstseen", "start", "firstseenat", "starttime", "firstcontact")
LAST = ("lastseen", "stop", "lastseenat", "end", "endtime", "stoptime", "lastcontact")
CALLSIGN = ("callsign", "fltid", "acid", "flightcallsign", "atccallsign", "flight", "flightnumber")
TYPE = (
    "typecode", "actype", "aircrafttype", "icaotype", "type", "typedesignator", "aircrafttypeicao", "aircrafticaotype",
    "aircraftcode", "typeicao", "aircraft", "model",
)  # fmt: skip
OPERATOR = ("operator", "airline", "icaooperator", "operatoricao", "acoperator", "owner", "company")
EITHER = {"departure": ("origin", "departedat"), "arrival": ("destination", "arrivedat"), "dep": ("origin", "departedat"),
          "arr": ("destination", "arrivedat")}  # fmt: skip
"""Columns that one list uses for a place and another for a time: what stands in them decides."""

_LISTED = {
    "icao24": ADDRESS,
    "registration": REGISTRATION,
    "callsign": CALLSIGN,
    "typecode": TYPE[:-2],
    "operator": OPERATOR,
    "firstseen": FIRST,
    "lastseen": LAST,
}
_DISTANCES = {
    name: (name,)
    for name in (
        "estdepartureairporthorizdistance", "estdepartureairportvertdistance", "estarrivalairporthorizdistance",
        "estarrivalairportvertdistance", "departureairportcandidatescount", "arrivalairportcandidatescount",
    )
}  # fmt: skip
_POSITIONS = {f"{name}{end}": (f"{name}{end}",) for end in "12" for name in ("latitude", "longitude", "altitude")}
_SEEN = (frozenset((*ADDRESS, *REGISTRATION)), frozenset(FIRST), frozenset(LAST))


def _estimates(name: str, origin: tuple[str, ...], destination: tuple[str, ...], **more: tuple[str, ...]) -> Form:
    """A list made of OpenSky's data: first and last contact, and the airports that they suggest."""
    fields = {**_LISTED, "estdepartureairport": origin, "estarrivalairport": destination, **more}
    says = "airports and times are estimates from positions: confidence 2"
    return Form(name, "opensky_flights", (*_SEEN, frozenset(origin), frozenset(destination)), fields, says=says)


FLIGHTRADAR24 = Form(
    "Flightradar24 flight summary",
    "flightradar24_flights",
    (_group("fr24id", "flightid"), _group("datetimetakeoff", "datetimelanded", "firstseen"),
     _group("origicao", "origiata"), _group("desticao", "desticaoactual", "destiata", "destiataactual")),
    {
        "fr24id": ("fr24id", "flightid"),
        **{name: (name,) for name in (
            "flight", "callsign", "operatingas", "operatedas", "paintedas", "type", "reg", "hex", "origicao", "origiata",
            "datetimetakeoff", "runwaytakeoff", "desticao", "destiata", "desticaoactual", "destiataactual", "datetimelanded",
            "runwaylanded", "flighttime", "actualdistance", "circledistance", "category", "firstseen", "lastseen", "flightended",
        )},
    },
    lacks=_group("lat", "latitude", "position"),
    says="dest_icao alone is a plan: confidence 1",
)  # fmt: skip
LOG = Form(
    "my.flightradar24 flight log",
    "plain_flights",
    (_group("date"), _group("from"), _group("to"), _group("deptime"), _group("arrtime"), _group("registration")),
    {
        "date": ("date",), "origin": ("from",), "destination": ("to",), "departedat": ("deptime",), "arrivedat": ("arrtime",),
        "duration": ("duration",), "callsign": ("flightnumber",), "operator": ("airline",), "typecode": ("aircraft",),
        "registration": ("registration",),
    },
    says="times are local times of the airports; no address is given",
)  # fmt: skip
PLAIN_FIELDS = {
    "recordid": ("recordid",),
    "icao24": ADDRESS,
    "registration": REGISTRATION,
    "callsign": CALLSIGN,
    "typecode": TYPE,
    "operator": OPERATOR,
    "origin": ORIGIN,
    "departedat": DEPARTED,
    "destination": DESTINATION,
    "arrivedat": ARRIVED,
    "url": ("url", "link", "sourceurl"),
}
_WHO = frozenset((*ADDRESS, *REGISTRATION))
PLAIN = (
    Form("plain", "plain_flights",
         (_WHO, frozenset(ORIGIN), frozenset(DEPARTED), frozenset(DESTINATION), frozenset(ARRIVED)), PLAIN_FIELDS,
         lacks=_POSITION),
    Form("plain, arrivals", "plain_flights", (_WHO, frozenset(DESTINATION), frozenset(ARRIVED)), PLAIN_FIELDS,
         lacks=_POSITION, says="take-offs are not stated"),
    Form("plain, departures", "plain_flights", (_WHO, frozenset(ORIGIN), frozenset(DEPARTED)), PLAIN_FIELDS,
         lacks=_POSITION, says="landings are not stated"),
)  # fmt: skip
FORMS = (
    FLIGHTRADAR24,
    _estimates(
        "OpenSky flights (REST API, Trino)",
        ("estdepartureairport", "airportofdeparture"), ("estarrivalairport", "airportofdestination"), **_DISTANCES,
    ),
    _estimates("OpenSky flights (flights_data5)", ("airportofdeparture",), ("airportofdestination",)),
    _estimates("OpenSky flights (pyopensky, traffic)", ("departure",), ("arrival",)),
    _estimates("OPDI flight list", ("adep",), ("ades",)),
    _estimates("OpenSky public monthly list, traffic summary", ("origin",), ("destination",), **_POSITIONS),
    _estimates("flight list of first and last contacts", ORIGIN, DESTINATION, **_POSITIONS, **_DISTANCES),
    LOG,
    *PLAIN,
)  # fmt: skip
STATED = {  # what `columns` may name: the plain form's fields, and other usual names of them
    name: canonical for canonical, names in PLAIN_FIELDS.items() for name in (canonical, *names)
} | {"departureicao": "origin", "arrivalicao": "destination"}


def recognise(columns: Iterable[object], stated: Mapping[str, str] | None = None) -> Form | None:
    """The form that these columns give away, None if they are none that is known. `stated`: the setting `columns`."""
    names = _names([str(column) for column in columns], stated or {})
    present = {name for name in names if name}
    for form in FORMS:
        if all(group & present for group in form.needs) and not form.lacks & present:
            return form
    return None


def _names(columns: Sequence[str], stated: Mapping[str, str]) -> list[str]:
    """The plain name of each column: as the user states it, else as written, without a zone's name at its end."""
    own = {plain_name(column): STATED.get(plain_name(name), plain_name(name)) for name, column in stated.items()}
    applies = bool(own) and set(own) <= {plain_name(column) for column in columns}
    names = []
    for column in columns:
        name = plain_name(column)
        if applies and name in own:
            name = own[name]
        elif applies and name in own.values():
            name = ""  # another column was stated for this field
        names.append(_ZONE_AT_END.sub("", name) if name not in _ALL_NAMES else name)
    return names


_ALL_NAMES = frozenset(name for form in FORMS for names in form.fields.values() for name in names)
_ZONE_AT_END = re.compile(r"(?:utc|gmt|zulu)$")


def mapped(
    columns: Sequence[str], sample: Sequence[Sequence[object]], places: Places, stated: Mapping[str, str]
) -> Mapped | None:
    """The form of a table and where its fields stand; `sample`: the cells of some rows, which tell a place from a time."""
    form = recognise(columns, stated)
    if form is None:
        return None
    names = _names(columns, stated)
    if form.table == "plain_flights" and form is not LOG:
        names = [_told_apart(name, number, sample, places) for number, name in enumerate(names)]
        present = set(names)
        if not all(group & present for group in form.needs):
            form = next((one for one in PLAIN if all(group & present for group in one.needs)), form)
            if not all(group & present for group in form.needs):
                return None
    numbers: dict[str, tuple[int, ...]] = {}
    for name, alternatives in form.fields.items():
        of_field = tuple(number for one in alternatives for number, written in enumerate(names) if written == one)
        if of_field:
            numbers[name] = of_field
    read = {number for of_field in numbers.values() for number in of_field}
    unread = tuple(number for number in range(len(columns)) if number not in read)
    return Mapped(form, numbers, columns, unread)


def _told_apart(name: str, number: int, sample: Sequence[Sequence[object]], places: Places) -> str:
    """What a column is that may hold a place or a time, by what stands in it."""
    if name not in EITHER:
        return name
    place, time = EITHER[name]
    cells = [cells[number] for cells in sample if number < len(cells) and cells[number] not in (None, "")]
    times = 0
    for cell in cells:
        try:
            times += moment(cell) is not None and not (isinstance(cell, str) and places.resolve(text(cell)).is_resolved)
        except Malformed:
            continue
    return time if cells and times * 2 > len(cells) else place


WANTED = (
    "known forms: Flightradar24 flight summaries and logs; OpenSky flights (REST, Trino, pyopensky, traffic, monthly list); "
    "OPDI; the plain form (icao24 or registration, with origin and departed_at or destination and arrived_at)"
)


def not_recognised(columns: Sequence[object]) -> str:
    """Why a table is not read, with its columns and what to do."""
    shown = ", ".join(str(column)[:40] for column in columns[:20] if str(column).strip()) or "none"
    present = {plain_name(str(column)) for column in columns}
    if present & _POSITION and not present >= {"origin", "destination"}:
        return (
            f"a list of positions, of which the track cannot be read (columns: {shown}): positions need an address, a time, "
            "latitude and longitude; ask the provider for the list of flights, or leave the file out with `ignore`"
        )
    return (
        f'columns not recognised ({shown}); map them in basewatch.toml: columns = {{destination = "…", arrived_at = "…", '
        f'registration = "…"}}, or leave the file out with `ignore`; {WANTED}'
    )
