"""Damage to flight lists, and the days that it could touch."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flight_lists.files import Listing, Piece, encoded, joined, packed, pieces, split_pieces, write
from flight_lists.world import DAY, Entry, days_between, last_of

TEXT = ("csv", "json", "jsonl")
LINES = ("csv", "jsonl")
BAD_TIMES = ("2025-13-45T02:00:00Z", "soon", "########", "#REF!", "1.75963E+09", "", "99:99", "2025-10-", "NaT")
BAD_PLACES = ("ZZZQ", "QQZ", "unknown field", "#N/A", "???", "Somewhere Else (QQZ/ZZZQ)")
BAD_ADDRESSES = ("GGGGGG", "12", "1.5E+302", "#N/A", "unknown")
PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Session expired</h1></body></html>"


@dataclass
class Harm:
    """What damage could touch: days, and what a file states. everything: the covered days that no other file records."""

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


def can(kind: str, listing: Listing, is_named: bool) -> bool:
    """Whether this damage can befall the file. is_named: whether its name states its month."""
    shape, count = listing.shape, len(listing.rows)
    if count < 2 or listing.damages:
        return False
    if kind in ("address",):
        return all(row.get("registration") is None and row.get("reg") is None for row in listing.rows) and (
            _address_column(listing) is not None
        )
    if kind in ("time", "place"):
        return kind == "time" or listing.form.name != "fr24_log"
    if kind == "slash_date":
        return shape.kind == "csv" and listing.form.name not in ("fr24_log", "plain_days")
    if kind in ("cell_removed", "row_cut", "fields_added", "quote_open"):
        return shape.kind == "csv" and shape.members == 1
    if kind == "bytes_flipped":
        return shape.kind in LINES and shape.members == 1
    if kind in ("heading_lost", "heading_misspelt"):
        return is_named and (shape.kind == "csv" or kind == "heading_misspelt")
    if kind == "packing_flipped":
        return is_named and shape.compression not in ("none", "zst")  # pyarrow writes no checksum into zstd
    if kind == "packing_header":
        return is_named and shape.compression in ("gz", "zip", "xz", "bz2")
    if kind in ("web_page", "noise", "wrong_ending", "link_to_nowhere", "no_bytes"):
        return is_named
    if kind == "cut_short":
        return shape.members == 1 and (shape.kind != "csv" or count > 3)
    assert kind == "web_page_unnamed", kind
    return not is_named


LOCAL = (
    "time", "place", "address", "slash_date", "cell_removed", "row_cut", "fields_added", "quote_open", "bytes_flipped",
    "heading_lost", "heading_misspelt", "packing_flipped", "packing_header", "web_page", "noise", "wrong_ending",
    "link_to_nowhere", "no_bytes",
)  # fmt: skip
WIDE = ("cut_short", "web_page_unnamed")


def befall(kind: str, listing: Listing, month: date, rng: random.Random) -> Harm:
    """Damage the file so; returns what that could touch."""
    listing.damages.append(kind)
    number = rng.randrange(len(listing.rows))
    if kind in CELLS:
        count = rng.choice([1, 1, 2])
        rows = sorted({rng.randrange(len(listing.rows)) for _ in range(count)})
        days = set().union(*(CELLS[kind](listing, row, rng) for row in rows))
        return Harm(kind, days, [listing.entries[row] for row in rows])
    if kind in PIECES:
        made = pieces(listing)
        at = next(n for n, piece in enumerate(made) if piece.row == number)
        if kind == "row_cut" and at == len(made) - 1:  # cut in the last row is a file cut short
            at = next(n for n, piece in enumerate(made) if piece.row is not None)
        row = made[at].row
        assert row is not None
        PIECES[kind](listing, made, at, rng)
        listing.content = packed([encoded(joined(listing, made), listing.shape)], listing)
        hit = listing.entries[row:] if kind == "quote_open" else listing.entries[row : row + 2]
        return Harm(kind, around(hit) | reach(listing.entries), hit)
    harm = Harm(kind, reach(listing.entries) | named(month), [*listing.entries], everything=kind in WIDE)
    WHOLE[kind](listing, rng)
    return harm


# ---- cells: any sort of file


def _address_column(listing: Listing) -> str | None:
    return next((name for name in ("icao24", "hex", "Mode S") if name in listing.columns), None)


PLACES = (
    "estDepartureAirport", "estArrivalAirport", "estdepartureairport", "estarrivalairport", "departure", "arrival",
    "origin", "destination", "adep", "ades", "orig_icao", "dest_icao_actual", "Left from", "Came to",
)  # fmt: skip


def _spoil_time(listing: Listing, row: int, rng: random.Random) -> set[date]:
    entry, values = listing.entries[row], listing.rows[row]
    stated = [name for name, value in values.items() if isinstance(value, (datetime, date)) and name != "dof"]
    if listing.form.name == "fr24_log":
        stated = ["Date", "Dep time", "Arr time"]
    hit = rng.sample(stated, rng.choice([1, len(stated)]))
    for name in hit:
        values[name] = rng.choice(BAD_TIMES)
    if "Duration" in values and rng.random() < 0.5:
        values["Duration"] = None
    return around([entry]) | reach(listing.entries)


def _spoil_place(listing: Listing, row: int, rng: random.Random) -> set[date]:
    values = listing.rows[row]
    hit = [name for name in PLACES if values.get(name)]
    name = rng.choice(hit)
    values[name] = rng.choice(BAD_PLACES)
    twin = {"orig_icao": "orig_iata", "dest_icao_actual": "dest_iata_actual"}.get(name)
    for also in (twin, name.removesuffix("_actual"), "dest_iata" if twin == "dest_iata_actual" else None):
        if also and also != name and also in values:
            values[also] = values[name] if also == name.removesuffix("_actual") else None
    return around([listing.entries[row]])


def _spoil_address(listing: Listing, row: int, rng: random.Random) -> set[date]:
    name = _address_column(listing)
    assert name
    values, address = listing.rows[row], str(listing.rows[row][name])
    values[name] = address.lstrip("0") if address.startswith("0") and rng.random() < 0.6 else rng.choice(BAD_ADDRESSES)
    return around([listing.entries[row]])


def _spoil_slashes(listing: Listing, row: int, rng: random.Random) -> set[date]:
    """Dates with two readings: both lose their count."""
    entry, values = listing.entries[row], listing.rows[row]
    days = around([entry]) | reach(listing.entries)
    for name, value in values.items():
        if isinstance(value, datetime):
            values[name] = f"{value:%m/%d/%Y %H:%M}" if value.day <= 12 else "01/02/2025 10:00"
            for at in (value,):
                if at.day <= 12:
                    days |= {date(at.year, at.day, at.month) + timedelta(days=n) for n in (-1, 0, 1)}
    return days


CELLS: dict[str, Callable[[Listing, int, random.Random], set[date]]] = {
    "time": _spoil_time,
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
    listing.path = f"{folder}/{stem}{rng.choice(['.csv', '.json', '.parquet', '.xlsx', '.gz', '.zip', '.jsonl', '.dat', '.xls'])}"


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
    "web_page_unnamed": _page,
    "noise": _noise,
    "no_bytes": _nothing,
    "link_to_nowhere": _link,
    "wrong_ending": _wrong_ending,
    "cut_short": _cut_short,
}
