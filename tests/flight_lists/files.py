"""Flight lists as files: every file type, shape, encoding and compression, undamaged."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from flight_lists.forms import TEXT_TIMES, Cell, Form, Styles
from flight_lists.world import OPERATORS, Entry

ENCODINGS = {  # encoding as Python calls it, mark in front, words that it can write
    "utf-8": (b"", ("plain", "cyrillic", "accents")),
    "utf-8-sig": (b"", ("plain", "cyrillic", "accents")),
    "utf-16": (b"", ("plain", "cyrillic", "accents")),
    "utf-16-le": (b"", ("plain", "cyrillic")),
    "utf-16-be": (b"", ("plain", "cyrillic")),
    "cp1251": (b"", ("cyrillic",)),
    "koi8-r": (b"", ("cyrillic",)),
    "iso-8859-5": (b"", ("cyrillic",)),
    "cp1252": (b"", ("accents",)),
}
COMPRESSIONS = ("none", "gz", "bz2", "xz", "zip", "zst")


@dataclass
class Shape:
    """How a file is laid out. For text: delimiter, encoding, line end, quoting, oddities around the rows."""

    kind: str
    encoding: str = "utf-8"
    compression: str = "none"
    delimiter: str = ","
    newline: str = "\n"
    quoting: str = "needed"  # needed, all
    gap: str = ""  # between a delimiter and the next cell
    before: tuple[str, ...] = ()  # lines before the heading
    repeats_heading: bool = False
    has_total: bool = False
    has_blank_rows: bool = False
    ends_with_newline: bool = True
    container: str = "array"  # of JSON: array, data, flights
    is_ascii: bool = False  # of JSON: other characters as \\u escapes
    is_indented: bool = False
    times: str = "text"  # of typed files: naive, zoned, text, number
    sheets: str = "one"  # of workbooks: one, notes, split
    members: int = 1  # of a zip


@dataclass
class Piece:
    """A record as text, before line ends and encoding. row: which entry it holds; None for headings and the like."""

    text: str
    row: int | None = None


@dataclass
class Listing:
    """One file: what it states, how it is written, where it lies below the folder of lists."""

    path: str
    form: Form
    styles: Styles
    shape: Shape
    columns: list[str]
    heading: list[str]  # the columns as the file spells them
    rows: list[dict[str, Cell]]
    entries: list[Entry]  # one a row
    content: bytes | None = None  # None: written from the rows
    damages: list[str] = field(default_factory=list)
    link_to: str | None = None  # a link to nowhere in place of a file

    def bytes(self) -> bytes:
        """What the file holds."""
        return self.content if self.content is not None else write(self)


def random_shape(kind: str, form: Form, rng: random.Random) -> Shape:
    """A shape at random, that this sort of file can have."""
    shape = Shape(kind)
    if kind in ("csv", "json", "jsonl"):
        shape.compression = rng.choices(COMPRESSIONS, [8, 2, 1, 1, 2, 1])[0]
    if kind == "csv":
        shape.encoding = rng.choices(list(ENCODINGS), [6, 2, 2, 1, 1, 2, 1, 1, 2])[0]
        shape.delimiter = rng.choices([",", ";", "\t", "|"], [6, 3, 2, 1])[0]
        shape.newline = rng.choices(["\n", "\r\n", "\r"], [6, 5, 1])[0]
        shape.quoting = rng.choice(["needed", "needed", "all"])
        shape.gap = " " if rng.random() < 0.15 and shape.delimiter != "\t" else ""
        shape.ends_with_newline = rng.random() < 0.85
        if rng.random() < 0.3:
            blank = [(), ("",), ("", "")]
            comments = [("# made by hand",), ("# source: somewhere", "# 12 rows, 3 columns", "")]
            shape.before = rng.choice([*blank[1:], *comments])
        if rng.random() < 0.15:
            shape.before = (f"sep={shape.delimiter}",)
        shape.repeats_heading = rng.random() < 0.1
        shape.has_total = rng.random() < 0.1
        shape.has_blank_rows = rng.random() < 0.15
        if form.name == "fr24_log":
            shape.before, shape.delimiter, shape.quoting, shape.has_total = ("",), ",", "all", False
    elif kind in ("json", "jsonl"):
        shape.container = rng.choice(["array", "data", "flights"])
        shape.is_ascii = rng.random() < 0.3
        shape.is_indented = kind == "json" and rng.random() < 0.5
        shape.encoding = rng.choices(["utf-8", "utf-8-sig"], [9, 1])[0]
        shape.times = rng.choice(["text", "text", "number"])
    else:
        has_numbers = form.times is None or any(style.startswith("epoch") for style in form.times)
        shape.times = rng.choice(
            ["naive", "text", *(["zoned"] if kind == "parquet" else []), *(["number"] if has_numbers else [])]
        )
        shape.sheets = rng.choice(["one", "notes", "split"])
    if shape.compression == "zip":
        shape.members = rng.choice([1, 1, 2, 3])
    return shape


def ending(shape: Shape, rng: random.Random) -> str:
    """An ending that people give such a file."""
    if shape.kind == "csv":
        plain = rng.choice(["csv", "csv", "csv", "CSV", "txt", "tsv" if shape.delimiter == "\t" else "csv", ""])
    elif shape.kind == "json":
        plain = rng.choice(["json", "json", "JSON", ""])
    elif shape.kind == "jsonl":
        plain = rng.choice(["jsonl", "ndjson", "JSONL", "json"])
    else:
        plain = rng.choice([shape.kind, shape.kind.upper()])
    if shape.compression == "none":
        return f".{plain}" if plain else ""
    packed = rng.choice([shape.compression, shape.compression, shape.compression.upper()])
    if shape.compression == "zip":
        return f".{packed}"
    return f".{plain}.{packed}" if plain else f".{packed}"


def operators(shape: Shape) -> list[str]:
    """Operators that the file's encoding can write."""
    words = ENCODINGS[shape.encoding][1] if shape.kind == "csv" else ("plain", "cyrillic", "accents")
    return [name for word in words for name in OPERATORS[word]]


# ---- cells


def as_text(value: Cell, styles: Styles) -> str:
    """A cell of a text file."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return TEXT_TIMES[styles.times](value)
    if isinstance(value, date):
        return f"{value:%d.%m.%Y}" if styles.times == "dotted" else f"{value:%Y-%m-%d}"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def as_json(value: Cell, styles: Styles, shape: Shape) -> Any:
    """A cell of a JSON file."""
    if isinstance(value, datetime) and shape.times == "number" and styles.times.startswith("epoch"):
        return int(as_text(value, styles))
    if isinstance(value, (datetime, date)):
        return as_text(value, styles)
    return value


# ---- text


def pieces(listing: Listing) -> list[Piece]:
    """A CSV or JSON Lines file, record by record; a JSON file as one piece an object."""
    return _csv_pieces(listing) if listing.shape.kind == "csv" else _json_pieces(listing)


def _csv_pieces(listing: Listing) -> list[Piece]:
    shape = listing.shape

    def line(cells: list[str]) -> str:
        return f"{shape.delimiter}{shape.gap}".join(_quoted(cell, shape) for cell in cells)

    made = [Piece(text) for text in shape.before]
    heading = Piece(line(listing.heading))
    made.append(heading)
    for number, row in enumerate(listing.rows):
        if shape.repeats_heading and number == len(listing.rows) // 2 and number:
            made.append(Piece(heading.text))
        if shape.has_blank_rows and number % 3 == 1:
            made.append(Piece("" if number % 2 else shape.delimiter * (len(listing.columns) - 1)))
        made.append(Piece(line([as_text(row[name], listing.styles) for name in listing.columns]), number))
    if shape.has_total:
        cells = ["Total", *[""] * (len(listing.columns) - 2), str(len(listing.rows))]
        made.append(Piece(line(cells)))
    return made


def _quoted(cell: str, shape: Shape) -> str:
    special = (shape.delimiter, '"', "\n", "\r")
    if shape.quoting == "all" or any(mark in cell for mark in special) or cell != cell.strip():
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _json_pieces(listing: Listing) -> list[Piece]:
    made = []
    for number, row in enumerate(listing.rows):
        values = {
            spelt: as_json(row[name], listing.styles, listing.shape)
            for name, spelt in zip(listing.columns, listing.heading, strict=True)
        }
        if number % 4 == 3:  # what is not known may be left out
            values = {name: value for name, value in values.items() if value is not None}
        indent = 1 if listing.shape.is_indented else None
        made.append(Piece(json.dumps(values, ensure_ascii=listing.shape.is_ascii, indent=indent), number))
    return made


def joined(listing: Listing, made: list[Piece]) -> str:
    """The text of a file from its pieces."""
    shape = listing.shape
    if shape.kind == "json":
        listed = "[" + ",\n".join(piece.text for piece in made) + "]"
        return listed if shape.container == "array" else f'{{"{shape.container}": {listed}, "count": {len(made)}}}'
    text = shape.newline.join(piece.text for piece in made)
    return text + shape.newline if shape.ends_with_newline and made else text


def encoded(text: str, shape: Shape) -> bytes:
    """The text in the file's encoding."""
    return text.encode(shape.encoding)


def packed(parts: list[bytes], listing: Listing) -> bytes:
    """The file's parts (one, or a zip's members), compressed."""
    shape = listing.shape
    if shape.compression == "zip":
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for number, part in enumerate(parts):
                archive.writestr(f"part{number + 1}.{shape.kind}", part)
        return out.getvalue()
    (content,) = parts
    if shape.compression == "gz":
        return gzip.compress(content, mtime=0)
    if shape.compression == "bz2":
        return bz2.compress(content)
    if shape.compression == "xz":
        return lzma.compress(content)
    if shape.compression == "zst":
        return bytes(pa.compress(content, codec="zstd", asbytes=True))
    return content


def split_pieces(listing: Listing, made: list[Piece]) -> list[list[Piece]]:
    """The pieces of each member of a zip: all have the heading."""
    count = max(1, min(listing.shape.members, len(listing.rows)))
    if count == 1:
        return [made]
    head = made[: made.index(next(piece for piece in made if piece.row is not None))]
    rest = made[len(head) :]
    size = -(-len(rest) // count)
    return [[*head, *rest[start : start + size]] for start in range(0, len(rest), size)]


def write(listing: Listing) -> bytes:
    """The bytes of an undamaged file."""
    if listing.shape.kind in ("csv", "json", "jsonl"):
        made = pieces(listing)
        parts = split_pieces(listing, made) if listing.shape.compression == "zip" else [made]
        return packed([encoded(joined(listing, part), listing.shape) for part in parts], listing)
    return _parquet(listing) if listing.shape.kind == "parquet" else _workbook(listing)


# ---- typed files


def _parquet(listing: Listing) -> bytes:
    arrays = [
        _array([row[name] for row in listing.rows], listing.styles, listing.shape.times) for name in listing.columns
    ]
    out = io.BytesIO()
    pq.write_table(pa.table(dict(zip(listing.heading, arrays, strict=True))), out)
    return out.getvalue()


def _array(values: list[Cell], styles: Styles, times: str) -> pa.Array:
    if any(isinstance(value, (datetime, date)) for value in values):
        if any(isinstance(value, str) for value in values) or times == "text":
            return pa.array([None if value is None else as_text(value, styles) for value in values], pa.string())
        if times == "number":
            return pa.array([None if value is None else _epoch(value) for value in values], pa.int64())
        if any(isinstance(value, date) and not isinstance(value, datetime) for value in values):
            return pa.array(values, pa.date32())
        zone = "UTC" if times == "zoned" else None
        moments = [value.replace(tzinfo=None) if isinstance(value, datetime) else None for value in values]
        return pa.array(moments, pa.timestamp("us")).cast(pa.timestamp("us", zone))
    if any(isinstance(value, str) for value in values):
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    return pa.array(values)


def _epoch(value: Cell) -> int:
    if isinstance(value, datetime):
        return int(value.timestamp())
    assert isinstance(value, date)
    return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp())


def _workbook(listing: Listing) -> bytes:
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    halves = [listing.rows]
    if listing.shape.sheets == "notes":
        first.title = "Notes"
        first.append(["Flights as I noted them"])
        first.append(["Source", "somewhere"])
        first = book.create_sheet("Flights")
    elif listing.shape.sheets == "split" and len(listing.rows) > 1:
        middle = len(listing.rows) // 2
        halves = [listing.rows[:middle], listing.rows[middle:]]
    for number, rows in enumerate(halves):
        sheet = first if number == 0 else book.create_sheet(f"Sheet{number + 1}")
        sheet.append(listing.heading)
        for row in rows:
            sheet.append([_excel(row[name], listing.styles, listing.shape.times) for name in listing.columns])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _excel(value: Cell, styles: Styles, times: str) -> Any:
    if isinstance(value, datetime):
        if times == "naive":
            return value.replace(tzinfo=None)
        if times == "number" and styles.times.startswith("epoch"):
            return int(as_text(value, styles))
        return as_text(value, styles)
    if isinstance(value, date):
        return value if times == "naive" else as_text(value, styles)
    if isinstance(value, str) and value.isdigit() and not value.startswith("0"):
        return int(value)  # as a spreadsheet takes an address of digits
    return value
