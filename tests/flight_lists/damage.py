"""Damage to flight lists, and the days that it could touch."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from flight_lists.files import Listing, Piece, encoded, joined, packed, pieces, split_pieces, write
from flight_lists.world import DAY, Entry, days_between, last_of

TEXT = ("csv", "json", "jsonl")
LINES = ("csv", "jsonl")
BAD_TIMES = ("2025-13-45T02:00:00Z", "soon", "########", "#REF!", "1.75963E+09", "", "99:99", "2025-10-", "NaT")
BAD_PLACES = ("unknown field", "#N/A", "???", "Somewhere Else", "#REF!")  # no codes: an unknown code is another field's
BAD_ADDRESSES = ("GGGGGG", "12", "1.5E+302", "#N/A", "unknown")
PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Session expired</h1></body></html>"


@dataclass
class Harm:
    """What damage could touch: days, and rows. everything: all covered days that no other file records, too."""

    kind: str
    days: set[date]
    entries: list[Entry]
    everything: bool = False


def around(entries: list[Entry]) -> set[date]:
    """The days that these entries state, and one more at either side."""
    days: set[date] = set()
    for entry in entries:
        legs = (entry.leg.departed_at.date(), entry.leg.arrived_at.date())
        days |= set(days_between(min(*legs, *entry.days) - DAY, max(*legs, *entry.days) + DAY))
    return days


def reach(entries: list[Entry]) -> set[date]:
    """From the first to the last day that these entries state, and one more at either side."""
    days = around(entries)
    return set(days_between(min(days), max(days))) if days else set()


def named(month: date) -> set[date]:
    """The month that a file's name states, and a day more at either side."""
    return set(days_between(month - DAY, last_of(month) + DAY))


ENOUGH_TO_PROVE_ORDER = 15  # rows, of which one or two may be lost


def is_in_order(listing: Listing) -> bool:
    """Whether the rows follow each other by days, one way or the other."""
    days = [(min(entry.days), max(entry.days)) for entry in listing.entries]
    return days == sorted(days) or days == sorted(days, reverse=True)


def can(kind: str, listing: Listing, is_named: bool, is_wide: bool) -> bool:
    """Whether this damage can befall the file. is_named: whether its name states its month.

    is_wide: the damage is to leave no trace of the days that were lost; else it is to leave one.
    """
    shape, count = listing.shape, len(listing.rows)
    if count < 4 or listing.damages:
        return False
    if kind in ("time", "cell_removed", "row_cut", "fields_added", "quote_open", "bytes_flipped"):
        # a table of its own in a zip or a workbook has first and last rows of its own
        is_one = shape.members == 1 and shape.sheets != "split"
        if not is_wide and not (is_one and is_in_order(listing) and count >= ENOUGH_TO_PROVE_ORDER):
            return False
        if kind != "time":
            return shape.members == 1 and (shape.kind == "csv" or (shape.kind == "jsonl" and kind == "bytes_flipped"))
        return True
    if kind == "one_time":
        return listing.form.name != "fr24_log" and not listing.form.is_split
    if kind == "place":
        return listing.form.name != "fr24_log"
    if kind == "address":
        has_mark = any(row.get(name) is not None for row in listing.rows for name in ("registration", "reg", "Tail"))
        return not has_mark and _address_column(listing) is not None
    if kind == "slash_date":
        # where the other dates show an order, one of another order is a date like any
        is_shown = listing.styles.times.startswith("slashes")
        return shape.kind == "csv" and not is_shown and listing.form.name not in ("fr24_log", "plain_days")
    if kind == "cut_short":
        return is_wide and shape.members == 1
    if kind == "heading_lost" and shape.kind != "csv":
        return False
    if kind == "packing_flipped" and shape.compression in ("none", "zst"):  # pyarrow writes no checksum into zstd
        return False
    if kind == "packing_header" and shape.compression not in ("gz", "zip", "xz", "bz2"):
        return False
    return is_named != is_wide


LOCAL = (
    "time", "one_time", "place", "address", "slash_date", "cell_removed", "row_cut", "fields_added", "quote_open",
    "bytes_flipped", "heading_lost", "heading_misspelt", "packing_flipped", "packing_header", "web_page", "noise",
    "wrong_ending", "link_to_nowhere", "no_bytes",
)  # fmt: skip
BLANKS_TIMES = ("one_time", "heading_misspelt")  # they can leave a place without its time
WIDE = (
    "cut_short", "cut_short", "time", "row_cut", "bytes_flipped", "heading_lost", "heading_misspelt", "packing_flipped",
    "packing_header", "web_page", "noise", "wrong_ending", "link_to_nowhere", "no_bytes",
)  # fmt: skip


def befall(kind: str, listing: Listing, month: date, rng: random.Random, is_named: bool, is_wide: bool) -> Harm:
    """Damage the file so; returns what that could touch. Damage that is not wide leaves first and last row alone."""
    listing.damages.append(kind)
    stated = named(month) if is_named else set()
    first, last = (0, len(listing.rows) - 1) if is_wide else (1, len(listing.rows) - 2)
    if kind in CELLS:
        rows = sorted({rng.randint(first, last) for _ in range(rng.choice([1, 1, 2]))})
        days = set().union(*(CELLS[kind](listing, row, rng) for row in rows))
        if kind == "time":
            days |= stated
        return Harm(kind, days, [listing.entries[row] for row in rows], is_wide)
    if kind in PIECES:
        made = pieces(listing)
        # a row that is cut in the last line is a file cut short
        row = rng.randint(first, min(last, len(listing.rows) - 2))
        at = next(n for n, piece in enumerate(made) if piece.row == row)
        PIECES[kind](listing, made, at, rng)
        listing.content = packed([encoded(joined(listing, made), listing.shape)], listing)
        hit = listing.entries[row:] if kind == "quote_open" else listing.entries[row : row + 2]
        return Harm(kind, around(hit) | reach(listing.entries) | stated, hit, is_wide)
    harm = Harm(kind, reach(listing.entries) | stated, [*listing.entries], is_wide)
    WHOLE[kind](listing, rng)
    return harm


# ---- cells: any sort of file


def _address_column(listing: Listing) -> str | None:
    return next((name for name in ("icao24", "hex", "Mode S") if name in listing.columns), None)


OTHER_TIMES = (
    "day",
    "dof",
    "first_seen",
    "last_seen",
)  # beside those of the ends; with OPDI they are those of the ends
PLACES = (
    "estDepartureAirport", "estArrivalAirport", "estdepartureairport", "estarrivalairport", "departure", "arrival",
    "origin", "destination", "adep", "ades", "orig_icao", "dest_icao_actual", "Left from", "Came to",
)  # fmt: skip


def _spoil_time(listing: Listing, row: int, rng: random.Random) -> set[date]:
    entry, values = listing.entries[row], listing.rows[row]
    stated = [name for name, value in values.items() if isinstance(value, (datetime, date)) and name != "dof"]
    if listing.form.name == "fr24_log":
        stated = ["Date", "Dep time", "Arr time"]
    for name in stated:
        values[name] = rng.choice(BAD_TIMES)
    if "Duration" in values and rng.random() < 0.5:
        values["Duration"] = None
    return around([entry]) | reach(listing.entries)


def _spoil_one_time(listing: Listing, row: int, rng: random.Random) -> set[date]:
    """The time of one end; the other stands."""
    values = listing.rows[row]
    times = [name for name, value in values.items() if isinstance(value, datetime)]
    ends = [name for name in times if name.lower() not in OTHER_TIMES] or [
        name for name in times if name.lower() != "dof"
    ]
    values[rng.choice(ends)] = rng.choice(BAD_TIMES)
    return around([listing.entries[row]])


SHEET_ERRORS = ("#N/A", "#REF!")


def _spoil_place(listing: Listing, row: int, rng: random.Random) -> set[date]:
    values = listing.rows[row]
    hit = [name for name in PLACES if values.get(name)]
    name = rng.choice(hit)
    values[name] = rng.choice(BAD_PLACES)
    twin = {"orig_icao": "orig_iata", "dest_icao_actual": "dest_iata_actual"}.get(name)
    for also in (twin, name.removesuffix("_actual"), "dest_iata" if twin == "dest_iata_actual" else None):
        if also and also != name and also in values:
            values[also] = values[name] if also == name.removesuffix("_actual") else None
    days = around([listing.entries[row]])
    # which cell of a workbook held an error is not told: every row without a place may have had one
    return days | reach(listing.entries) if values[name] in SHEET_ERRORS and listing.shape.kind == "xlsx" else days


def _spoil_address(listing: Listing, row: int, rng: random.Random) -> set[date]:
    name = _address_column(listing)
    assert name
    values, address = listing.rows[row], str(listing.rows[row][name])
    values[name] = address.lstrip("0") if address.startswith("0") and rng.random() < 0.6 else rng.choice(BAD_ADDRESSES)
    return around([listing.entries[row]])


def _spoil_slashes(listing: Listing, row: int, rng: random.Random) -> set[date]:
    """Dates with two readings: the days of both lose their count."""
    days = around([listing.entries[row]])
    for name, value in listing.rows[row].items():
        if isinstance(value, datetime) and value.day <= 12:
            listing.rows[row][name] = f"{value:%m/%d/%Y %H:%M}"
            other = date(value.year, value.day, value.month)
            days |= {other - DAY, other, other + DAY}
    return days


CELLS: dict[str, Callable[[Listing, int, random.Random], set[date]]] = {
    "time": _spoil_time,
    "one_time": _spoil_one_time,
    "place": _spoil_place,
    "address": _spoil_address,
    "slash_date": _spoil_slashes,
}


# ---- records as text


def _remove_cell(listing: Listing, made: list[Piece], at: int, rng: random.Random) -> None:
    cells = made[at].text.split(listing.shape.delimiter)
    del cells[rng.randrange(len(cells))]
    made[at].text = listing.shape.delimiter.join(cells)


def _cut_row(listing: Listing, made: list[Piece], at: int, rng: random.Random) -> None:
    text = made[at].text
    last = text.rindex(listing.shape.delimiter)
    made[at].text = text[: rng.randrange(1, last + 1)]


def _add_fields(listing: Listing, made: list[Piece], at: int, rng: random.Random) -> None:
    cells = made[at].text.split(listing.shape.delimiter)
    where = rng.randrange(len(cells) + 1)
    cells[where:where] = rng.choice([["extra"], ["", "7"], ["x", "y", "z"]])
    made[at].text = listing.shape.delimiter.join(cells)


def _open_quote(listing: Listing, made: list[Piece], at: int, rng: random.Random) -> None:
    cells = made[at].text.split(listing.shape.delimiter)
    where = rng.randrange(len(cells))
    cells[where] = '"' + cells[where] if not cells[where].startswith('"') else cells[where][:-1] or '"'
    made[at].text = listing.shape.delimiter.join(cells)


def _flip(listing: Listing, made: list[Piece], at: int, rng: random.Random) -> None:
    """Some characters become ones that stand in no flight list."""
    text = list(made[at].text)
    for _ in range(rng.choice([1, 1, 3])):
        where = rng.randrange(len(text))
        text[where] = rng.choice("\x00\x01\x1a¿¬§")
    made[at].text = "".join(text).encode(listing.shape.encoding, "replace").decode(listing.shape.encoding)


PIECES: dict[str, Callable[[Listing, list[Piece], int, random.Random], None]] = {
    "cell_removed": _remove_cell,
    "row_cut": _cut_row,
    "fields_added": _add_fields,
    "quote_open": _open_quote,
    "bytes_flipped": _flip,
}


# ---- whole files


def _lose_heading(listing: Listing, rng: random.Random) -> None:
    words = listing.heading
    made = [piece for piece in pieces(listing) if not (piece.row is None and words[0] in piece.text)]
    parts = split_pieces(listing, made) if listing.shape.compression == "zip" else [made]
    listing.content = packed([encoded(joined(listing, part), listing.shape) for part in parts], listing)


def _misspell_heading(listing: Listing, rng: random.Random) -> None:
    where = rng.randrange(len(listing.heading))
    word = listing.heading[where]
    listing.heading = [*listing.heading]
    listing.heading[where] = rng.choice([word[:-1] + "zz", word + "2", "x" + word, "col" + str(where), word[::-1]])


def _flip_packing(listing: Listing, rng: random.Random) -> None:
    content = bytearray(write(listing))
    for _ in range(rng.choice([1, 4])):
        where = rng.randrange(len(content) // 3, 2 * len(content) // 3 + 1)
        content[where] ^= 1 << rng.randrange(8)
    listing.content = bytes(content)


def _break_packing_header(listing: Listing, rng: random.Random) -> None:
    listing.content = bytes([0x3C, 0x21]) + write(listing)[2:]


def _page(listing: Listing, rng: random.Random) -> None:
    listing.content = PAGE.encode()


def _noise(listing: Listing, rng: random.Random) -> None:
    listing.content = rng.randbytes(rng.randrange(10, 3000))


def _nothing(listing: Listing, rng: random.Random) -> None:
    listing.content = b""


def _link(listing: Listing, rng: random.Random) -> None:
    listing.link_to = "gone/away"


def _wrong_ending(listing: Listing, rng: random.Random) -> None:
    stem = listing.path.split("/")[-1].split(".")[0]
    folder = listing.path.rsplit("/", 1)[0]
    listing.path = (
        f"{folder}/{stem}{rng.choice(['.csv', '.json', '.parquet', '.xlsx', '.gz', '.zip', '.jsonl', '.dat', '.xls'])}"
    )


def _cut_short(listing: Listing, rng: random.Random) -> None:
    """The end is lost: in the middle of a record, or of what was compressed."""
    shape = listing.shape
    if shape.kind in TEXT and shape.compression == "none":
        made = pieces(listing)
        if shape.kind == "json":
            content = write(listing)
            listing.content = content[: rng.randrange(len(content) // 3, len(content) - 3)]
            return
        numbers = [n for n, piece in enumerate(made) if piece.row]
        at = rng.choice(numbers)
        if shape.kind == "csv":
            _cut_row(listing, made, at, rng)
        else:
            made[at].text = made[at].text[: rng.randrange(1, len(made[at].text) - 1)]
        text = joined(listing, made[: at + 1])
        listing.content = encoded(text.removesuffix(shape.newline), shape)
        return
    content = write(listing)
    listing.content = content[: rng.randrange(len(content) // 3, len(content) - 8)]


WHOLE: dict[str, Callable[[Listing, random.Random], None]] = {
    "heading_lost": _lose_heading,
    "heading_misspelt": _misspell_heading,
    "packing_flipped": _flip_packing,
    "packing_header": _break_packing_header,
    "web_page": _page,
    "noise": _noise,
    "no_bytes": _nothing,
    "link_to_nowhere": _link,
    "wrong_ending": _wrong_ending,
    "cut_short": _cut_short,
}
