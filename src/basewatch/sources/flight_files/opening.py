"""A file's bytes to tables of cells, whatever it is packed in: what it holds says how, not its ending.

gzip, bzip2, xz, zstd, zip; UTF-8, UTF-16 and older encodings; text with any delimiter; JSON in its usual shapes, JSON
Lines; Parquet, Arrow; Excel and OpenDocument. What cannot be read is a fault with words, and what can be read before
the damage is still read.
"""

from __future__ import annotations

import bz2
import contextlib
import csv
import io
import json
import lzma
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from basewatch.news.encodings import likely_codec
from basewatch.outside import json_text
from basewatch.sources.flight_files import forms
from basewatch.sources.values import Ambiguous, Malformed, moment

LARGEST_UNPACKED = 4 * 2**30  # bytes: a file that unpacks to more is an error, or an attack
DEEPEST = 3  # archives within archives
HEADING_WITHIN = 30  # lines: a heading stands among the first, below a title or comments
DELIMITERS = (",", ";", "\t", "|")
MOST_CONTROLS = 0.01  # share of control characters above which bytes are no text


class Unreadable(ValueError):
    """What cannot be read, and why."""


@dataclass(frozen=True)
class Row:
    """One row: where it stands, its cells, or why it could not be split into cells (then `raw` is all there is)."""

    place: str
    cells: Sequence[Any] = ()
    raw: str = ""
    fault: str | None = None


@dataclass
class Table:
    """Rows under one heading, or still without one (text and sheets: the heading is among the first rows).

    columns: as written; None where the heading must be found. rows: each as long as the columns, or not. length: about
    how many rows. losses: what of it is lost; whole only when the rows have been read. above: what stands above the
    heading, or beside the list: it may say of when the data are.
    """

    name: str
    kind: str
    rows: Iterator[Row]
    columns: list[str] | None = None
    length: int = 0
    above: str = ""
    is_open: bool = False  # a text whose last line has no end: it may have been cut within it
    losses: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Fault:
    """A file, or a part of one, of which nothing can be read. `text`: what it holds, where that can be seen."""

    name: str
    reason: str
    text: str = ""


@dataclass(frozen=True)
class NoData:
    """A file, or a part of one, that plainly is no list of flights."""

    name: str
    reason: str


Part = Table | Fault | NoData


def parts(data: bytes, name: str, stated: Mapping[str, str], depth: int = 0) -> Iterator[Part]:
    """The tables in a file, and what in it is none.

    stated: the setting `columns`, field by column. The heading of a known form tells which mark parts the cells.
    """
    try:
        packed = _unpacked(data, name, depth)
        if packed is not None:
            for one in packed:
                yield from [one] if isinstance(one, Fault) else _of_member(one, stated, depth + 1)
            return
        yield from _tables(data, name, stated)
    except Unreadable as fault:
        yield Fault(name, str(fault))


@dataclass(frozen=True)
class _Member:
    name: str
    data: bytes
    loss: str | None = None


def _of_member(member: _Member, stated: Mapping[str, str], depth: int) -> Iterator[Part]:
    for part in parts(member.data, member.name, stated, depth):
        if member.loss and isinstance(part, Table):
            part.losses.append(member.loss)
        elif member.loss and isinstance(part, Fault):
            part = replace(part, reason=f"{part.reason}; {member.loss}")
        yield part


# ---- what it is packed in


def _unpacked(data: bytes, name: str, depth: int) -> list[_Member | Fault] | None:
    """What a packed file holds; None for one that is not packed. Raises Unreadable."""
    is_zip = data[:4] == b"PK\x03\x04" and not _is_workbook(data)
    if depth >= DEEPEST and (is_zip or data.startswith(_PACKED_STARTS)):
        raise Unreadable(f"archives within archives, more than {DEEPEST} deep")
    if data[:2] == b"\x1f\x8b":
        inflated, loss = _inflated(data, lambda: zlib.decompressobj(zlib.MAX_WBITS | 16))
    elif data[:3] == b"BZh":
        inflated, loss = _inflated(data, bz2.BZ2Decompressor)
    elif data[:6] == b"\xfd7zXZ\x00":
        inflated, loss = _inflated(data, lzma.LZMADecompressor)
    elif data[:4] == b"\x28\xb5\x2f\xfd":
        inflated, loss = _zstd(data)
    elif is_zip:
        return _zip_members(data, name)
    elif data[:4] in (b"7z\xbc\xaf", b"Rar!"):
        raise Unreadable("an archive of a kind that is not read: pack it as .zip or .gz")
    else:
        return None
    ending = PurePosixPath(name).suffix
    inside = name.removesuffix(ending) if ending.lower() in _PACKED_ENDINGS else name
    return [_Member(inside, inflated, loss)]


_PACKED_ENDINGS = (".gz", ".gzip", ".bz2", ".xz", ".zst", ".zstd")
_PACKED_STARTS = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")


def _inflated(data: bytes, decompressor: Callable[[], Any]) -> tuple[bytes, str | None]:
    """The unpacked bytes, and what was lost. Raises Unreadable where nothing came."""
    out: list[bytes] = []
    size, rest, loss = 0, data, None
    while rest:
        stream = decompressor()
        try:
            for start in range(0, len(rest), 2**20):
                out.append(stream.decompress(rest[start : start + 2**20]))
                size += len(out[-1])
                if size > LARGEST_UNPACKED:
                    raise Unreadable(f"unpacks to more than {LARGEST_UNPACKED / 2**30:.0f} GiB")
                if stream.eof:
                    break
        except (zlib.error, OSError, EOFError, lzma.LZMAError) as error:
            loss = f"damaged: it can be unpacked up to byte {size} only ({error})"
            break
        if not stream.eof:
            loss = f"cut short: it ends within the packed data, after {size} bytes"
            break
        rest = stream.unused_data + rest[start + 2**20 :]
        if not rest.strip(b"\x00"):  # tapes and some tools fill up with zeros
            break
        if not rest.startswith(data[:2]):
            loss = "damaged: other bytes follow the packed data"
            break
    unpacked = b"".join(out)
    if loss and not unpacked:
        raise Unreadable(loss)
    return unpacked, loss


def _zstd(data: bytes) -> tuple[bytes, str | None]:
    out: list[bytes] = []
    size = 0
    try:
        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
            while piece := stream.read(2**20):
                out.append(piece)
                size += len(piece)
                if size > LARGEST_UNPACKED:
                    raise Unreadable(f"unpacks to more than {LARGEST_UNPACKED / 2**30:.0f} GiB")
    except (pa.ArrowException, OSError) as error:
        if not out:
            raise Unreadable(f"damaged: it cannot be unpacked ({error})") from None
        return b"".join(out), f"cut short or damaged: it cannot be unpacked to its end ({error})"
    return b"".join(out), None


def _is_workbook(data: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return b"xl/work" in data[:65536] or b"xl/_rels" in data[:65536] or b"opendocument.spreadsheet" in data[:512]
    return any(name.startswith("xl/") for name in names) or "content.xml" in names


def _is_litter(name: str) -> bool:
    """Whether a member is what a file system leaves beside files: resource forks, folder settings, previews."""
    path = PurePosixPath(name)
    return any(part.startswith((".", "__MACOSX")) for part in path.parts) or path.name in ("Thumbs.db", "desktop.ini")


def _zip_members(data: bytes, name: str) -> list[_Member | Fault]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as error:
        raise Unreadable(f"damaged or cut short: not readable as a zip ({error})") from None
    found: list[_Member | Fault] = []
    size = 0
    with archive:
        for entry in archive.infolist():
            inside = f"{name}, {entry.filename}"
            if not entry.is_dir() and ".." in PurePosixPath(entry.filename.replace("\\", "/")).parts:
                found.append(Fault(inside, "is not read: its name leads out of the archive"))
                continue
            if entry.is_dir() or _is_litter(entry.filename):
                continue
            size += entry.file_size
            if size > LARGEST_UNPACKED:
                found.append(Fault(inside, f"unpacks to more than {LARGEST_UNPACKED / 2**30:.0f} GiB"))
                break
            try:
                found.append(_Member(inside, archive.read(entry)))
            except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, zlib.error, EOFError) as error:
                found.append(Fault(inside, f"cannot be unpacked: {error}"))
    return found


# ---- what kind of file


def _tables(data: bytes, name: str, stated: Mapping[str, str]) -> Iterator[Part]:
    ending = PurePosixPath(name).suffix.lower()
    if _is_plainly_no_data(name, ending):
        yield from _perhaps_text(data, name, stated)
    elif data[:4] == b"PAR1":
        yield _parquet(data, name)
    elif data[:6] in (b"ARROW1", b"FEA1"):
        yield _arrow(data, name)
    elif data[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        yield from _sheets(data, name)
    elif ending in (".parquet", ".feather", ".arrow", ".xlsx", ".xls", ".xlsb", ".ods") and data:
        decoded = _decoded(data)
        reason = f"not readable as {ending[1:].capitalize()}: it does not begin as such a file does"
        yield from _lists_in(data, decoded, name, stated) or [Fault(name, reason, decoded[0] if decoded else "")]
    else:
        decoded = _decoded(data)
        if decoded is None and not _is_web_page(data):
            raise Unreadable("binary data of a kind that is not known")
        words, encoding = decoded or ("", "")
        if _is_web_page(data):
            reason = "a web page stands where a list of flights is due"
            yield from _web_tables(words, name, stated) or [Fault(name, reason, words)]
        else:
            yield _text(words, encoding, name, stated)


def _perhaps_text(data: bytes, name: str, stated: Mapping[str, str]) -> Iterator[Part]:
    """What a file of a kind that plainly holds no data holds nevertheless: a page or a note with a list of flights."""
    decoded = _decoded(data) if data else None
    nothing: Part = NoData(name, "of a kind that holds no list of flights")
    if decoded and PurePosixPath(name).suffix.lower() in forms.known()["no_data"]["may_list"]:
        listed = [line for line in decoded[0].split("\n") if days_in(line)]
        if any(_CODES.search(line) for line in decoded[0].split("\n")) and listed:
            nothing = Fault(name, "names days and airports or addresses, and is of no form that is read", decoded[0])
    yield from _lists_in(data, decoded, name, stated) or [nothing]


_CODES = re.compile(r"(?<![A-Za-z])[A-Z]{4}(?![A-Za-z])|(?<![0-9A-Za-z])[0-9a-fA-F]{6}(?![0-9A-Za-z])")


def _lists_in(data: bytes, decoded: tuple[str, str] | None, name: str, stated: Mapping[str, str]) -> list[Part]:
    """The lists of flights in a text or a web page that is called something else; none where there is none."""
    if decoded is None:
        return []
    if _is_web_page(data):
        return _web_tables(decoded[0], name, stated)
    has_list = _heading(_with_plain_ends(decoded[0]).split("\n"), stated)
    return [_text(*decoded, name, stated)] if has_list else []


def _is_web_page(data: bytes) -> bool:
    start = data[:1024].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").replace(b"\x00", b"").lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<table", b"<?xml")) or b"<table" in start


def _web_tables(words: str, name: str, stated: Mapping[str, str]) -> list[Part]:
    """The tables of a web page: lists of flights, and tables that name days but are of no known form."""
    from lxml import html  # only for those who keep pages

    try:
        tables = list(html.fromstring(words.encode()).iter("table"))
    except (ValueError, html.etree.ParserError, html.etree.XMLSyntaxError):
        return []
    found: list[Part] = []
    for number, table in enumerate(tables, start=1):
        grid = [[" ".join(cell.text_content().split()) for cell in line.iter("th", "td")] for line in table.iter("tr")]
        inside = f"{name}, table {number}" if len(tables) > 1 else name
        rows = (Row(f"row {place}", cells) for place, cells in enumerate(grid, start=1))
        if any(forms.recognise(cells, stated) for cells in grid[:HEADING_WITHIN]):
            found.append(Table(inside, "web page", rows, length=len(grid)))
        elif any(days_in(" ".join(cells)) for cells in grid if len(cells) > 2):
            shown = "\n".join(" ".join(cells) for cells in grid)
            found.append(Fault(inside, forms.not_recognised(grid[0] if grid else []), shown))
    return found


def _is_plainly_no_data(name: str, ending: str) -> bool:
    own_name = PurePosixPath(name.rsplit(", ", 1)[-1]).name
    known = forms.known()["no_data"]
    is_named_so = own_name.split(".")[0].lower() in known["names"] and ending not in known["unless_ending"]
    return ending in known["endings"] or is_named_so


def _parquet(data: bytes, name: str) -> Table:
    try:
        opened = pq.ParquetFile(io.BytesIO(data))
        columns = list(opened.schema_arrow.names)
    except (pa.ArrowException, OSError) as error:
        raise Unreadable(f"not readable as Parquet: {_first_line(error)}") from None
    table = Table(name, "Parquet", iter(()), columns, opened.metadata.num_rows)

    def rows() -> Iterator[Row]:
        number = 0
        try:
            for batch in opened.iter_batches(batch_size=8192):
                for cells in zip(*(_values(column) for column in batch.columns), strict=True):
                    number += 1
                    yield Row(f"record {number}", cells)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            table.losses.append(f"damaged: not readable after record {number} ({_first_line(error)})")

    table.rows = rows()
    return table


def _arrow(data: bytes, name: str) -> Table:
    try:
        whole = pa.ipc.open_file(pa.BufferReader(data)).read_all()
    except (pa.ArrowException, OSError) as error:
        raise Unreadable(f"not readable as an Arrow file: {_first_line(error)}") from None
    rows = (
        Row(f"record {number}", cells)
        for number, cells in enumerate(zip(*(_values(column) for column in whole.columns), strict=True), start=1)
    )
    return Table(name, "Arrow", rows, list(whole.column_names), whole.num_rows)


def _values(column: Any) -> list[Any]:
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):  # texts of Impala and old Spark
        with contextlib.suppress(pa.ArrowInvalid):
            column = column.cast(pa.large_string())
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":  # a pandas object a cell else
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    return list(column.to_pylist())


def _sheets(data: bytes, name: str) -> Iterator[Part]:
    from python_calamine import CalamineError, CalamineWorkbook  # only for those who have spreadsheets

    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        names = workbook.sheet_names
    except (CalamineError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise Unreadable(f"not readable as a spreadsheet: {_first_line(error)}") from None
    errors = _error_cells(data)
    for sheet in names:
        inside = f"{name}, sheet {sheet}" if len(names) > 1 else name
        try:
            grid = workbook.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
        except (CalamineError, OSError, ValueError) as error:
            yield Fault(inside, f"not readable as a spreadsheet: {_first_line(error)}")
            continue
        rows = (
            Row(f"row {number}", _cells(cells, errors.get(number, {}))) for number, cells in enumerate(grid, start=1)
        )
        is_empty = not any(map(any, grid))
        yield NoData(inside, "an empty sheet") if is_empty else Table(inside, "spreadsheet", rows, length=len(grid))


def _cells(cells: Sequence[Any], errors: Mapping[int, str]) -> list[Any]:
    """The values of a row; `errors`: by number of the column from 0, what stands in place of a value that was lost."""
    values = [f"{value}" if isinstance(value, timedelta) else value for value in cells]
    for at, error in errors.items():
        if at < len(values) and values[at] in ("", None):
            values[at] = error
    return values


_CELL = re.compile(rb'<c ([^>]*\bt="e"[^>]*)>(?:<f>[^<]*</f>)?<v>([^<]*)</v>')
_REFERENCE = re.compile(rb'\br="([A-Z]+)(\d+)"')


def _error_cells(data: bytes) -> dict[int, dict[int, str]]:
    """By row from 1 and column from 0, the errors of a workbook (`#N/A`, `#REF!`), which calamine gives as empty cells.

    Those of all its sheets together: what is empty there on another sheet is taken for lost too.
    """
    found: dict[int, dict[int, str]] = defaultdict(dict)
    with contextlib.suppress(zipfile.BadZipFile, OSError, zlib.error), zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            sheet = archive.read(name) if name.startswith("xl/worksheets/") else b""
            for attributes, error in _CELL.findall(sheet) if b't="e"' in sheet else ():
                reference = _REFERENCE.search(attributes)
                if reference:
                    column = 0
                    for letter in reference[1]:
                        column = column * 26 + letter - ord("A") + 1
                    found[int(reference[2])][column - 1] = error.decode("utf-8", "replace")
    return found


def _first_line(error: BaseException) -> str:
    return str(error).split("\n", 1)[0][:200] or type(error).__name__


# ---- text


def _decoded(data: bytes) -> tuple[str, str] | None:
    """A text and its encoding; None for what is no text."""
    for mark, encoding in ((b"\xff\xfe\x00\x00", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace").removeprefix("\ufeff"), encoding.upper()
    zeros = data[:65536].count(b"\x00")
    if zeros > 0.2 * min(len(data), 65536) > 0:  # Latin text in UTF-16: every other byte is zero
        encoding = "utf-16-le" if data[1:65536:2].count(b"\x00") > data[0:65536:2].count(b"\x00") else "utf-16-be"
        words = data.decode(encoding, "replace")
        return (words, encoding.upper()) if words.isprintable() or _is_text(words) else None
    try:
        words, encoding = data.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError:
        words, encoding = _older(data)
    return (words, encoding) if _is_text(words) else None


def _is_text(words: str) -> bool:
    sample = words[:65536]
    controls = sum(letter < " " and letter not in "\t\n\r\f\x1a" for letter in sample)
    return controls <= MOST_CONTROLS * max(len(sample), 1)


def _older(data: bytes) -> tuple[str, str]:
    """Text that is not UTF-8: UTF-8 with damaged bytes where most others are sound, else the likeliest code page."""
    replaced = data.decode("utf-8", "replace").removeprefix("\ufeff")
    damaged = replaced.count("\ufffd")
    if sum(not letter.isascii() for letter in replaced) - damaged >= 4 * damaged:
        return replaced, "UTF-8 with damaged bytes"
    # codes, times and addresses are the same bytes in all that it tells apart: a wrong guess costs no flight
    encoding = likely_codec(data) or "cp1252"
    try:
        return data.decode(encoding, "replace"), encoding
    except LookupError:
        return data.decode("cp1252", "replace"), "cp1252"


def _with_plain_ends(words: str) -> str:
    return words.replace("\r\n", "\n").replace("\r", "\n")


def _text(words: str, encoding: str, name: str, stated: Mapping[str, str]) -> Part:
    words = _with_plain_ends(words).rstrip("\x1a")
    kind = f", {encoding}" if encoding != "UTF-8" else ""
    start = words.lstrip()[:1]
    if start in ("{", "["):
        return _json(words, name, kind)
    ending = PurePosixPath(name).suffix.lower()
    lines = words.split("\n")
    if not words.strip():
        raise Unreadable("holds nothing, not even a heading")
    heading = _heading(lines, stated)
    if heading is None:
        if ending in (".json", ".jsonl", ".ndjson"):
            return Fault(name, "neither JSON nor JSON Lines", words)
        delimiter = max(DELIMITERS, key=lambda mark: sum(line.count(mark) for line in lines[:HEADING_WITHIN]))
        first = next((line for line in lines if line.strip()), "")
        if ending not in _TABLE_ENDINGS and first.count(delimiter) < 2 and not _DATE.search(words):
            return NoData(name, "a text without a table")
        return Table(name, f"text{kind}", _lines(lines, delimiter), length=len(lines), is_open=bool(lines[-1].strip()))
    delimiter, number = heading
    named = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}[delimiter]
    return Table(
        name,
        f"text with {named}{kind}",
        _lines(lines, delimiter, number),
        length=len(lines),
        above="\n".join(lines[:number]),
        is_open=bool(lines[-1].strip()),
    )


_TABLE_ENDINGS = (".csv", ".tsv", ".tab", ".psv")
_DATE = re.compile(r"(?:19|20)\d{2}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[./]\d{1,2}[./](?:19|20)\d{2}")


def _heading(lines: list[str], stated: Mapping[str, str]) -> tuple[str, int] | None:
    """The mark between cells and the number (from 0) of the line that is the heading of a known form."""
    for number, line in enumerate(lines[:HEADING_WITHIN]):
        for delimiter in DELIMITERS:
            with contextlib.suppress(csv.Error):  # a cell without end is no heading
                if delimiter in line and forms.recognise(_split(line, delimiter), stated):
                    return delimiter, number
    return None


def _split(line: str, delimiter: str, *, strict: bool = False) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True, strict=strict), [])


def _lines(lines: list[str], delimiter: str, start: int = 0) -> Iterator[Row]:
    """The rows of a text, from a line on. A quote that is never closed spoils its own line, not those that follow."""
    width = 0
    at = start
    while at < len(lines):
        line, place = lines[at], f"line {at + 1}"
        if not line.strip():
            at += 1
            continue
        fault = "a quote is opened and never closed"
        try:
            cells, taken = _row(lines, at, delimiter, width)
        except csv.Error as error:
            cells, taken, fault = None, 1, f"cannot be split into cells: {error}"
        if cells is None:
            yield Row(place, raw=line, fault=fault)
        else:
            width = width or len(cells)
            yield Row(place, cells, line)
        at += taken


MOST_LINES = 200  # in one cell


def _row(lines: list[str], at: int, delimiter: str, width: int) -> tuple[list[str] | None, int]:
    """The cells of the row that begins at a line, and how many lines it takes; no cells where a quote stays open."""
    line = lines[at]
    if '"' not in line:
        return _split(line, delimiter), 1
    try:
        return _split(line, delimiter, strict=True), 1
    except csv.Error:
        pass
    if line.count('"') % 2 == 0:  # quotes within a cell, not doubled
        return _split(line, delimiter), 1
    for more in range(1, min(MOST_LINES, len(lines) - at)):
        following = lines[at + more]
        if not following.count('"') % 2:
            if width > 1 and len(_split(following, delimiter)) == width:
                break  # a whole row of its own: the quote before it was never closed
            continue
        try:
            cells = next(
                csv.reader(
                    ["\n".join(lines[at : at + more + 1])], delimiter=delimiter, skipinitialspace=True, strict=True
                )
            )
        except (csv.Error, StopIteration):
            break
        if width and len(cells) != width:
            break
        return cells, more + 1
    return None, 1


# ---- JSON


def _json(words: str, name: str, kind: str) -> Part:
    """A table of the objects in a JSON text, in any of its usual shapes, whole or cut short."""
    try:
        whole = json_text.read_loosely(words, strict=True)
    except json.JSONDecodeError as error:
        fault = f"line {error.lineno}, column {error.colno}: {error.msg}"
    except ValueError as error:
        fault = str(error)
    else:
        return _shaped(whole, name, f"JSON{kind}", words)
    lines = [(number, line) for number, line in enumerate(words.split("\n"), start=1) if line.strip()]
    objects: list[tuple[str, Any]] = []
    wrong = 0
    for number, line in lines:
        try:
            objects.append((f"line {number}", json_text.read_loosely(line, strict=True)))
        except ValueError:
            objects.append((f"line {number}", _Broken(line)))
            wrong += 1
    if (
        wrong < len(objects)
        and wrong <= len(objects) / 2
        and all(isinstance(value, Mapping | _Broken) for _, value in objects)
    ):
        table = _of_objects(objects, name, f"JSON Lines{kind}")
        if isinstance(objects[-1][1], _Broken) and not words.endswith("\n"):
            table.losses.append("cut short: its last line ends within a record")
        return table
    pieces = _pieces(words)
    if not any(isinstance(value, Mapping) for _, value in pieces):
        return Fault(name, f"neither JSON nor JSON Lines ({fault})", words)
    table = _of_objects(pieces, name, f"JSON{kind}")
    if isinstance(pieces[-1][1], _Broken) or not words.rstrip().endswith(("]", "}")):
        table.losses.append("cut short: the JSON text ends before its end")
    return table


class _Broken(str):
    """A piece of JSON text that is none."""


_OBJECT_START = re.compile(r"\{")
_NEXT_OBJECT = re.compile(r"\}\s*,?\s*(?=\{)")
_LIST_START = re.compile(r"\[\s*(?=\{)")


def _pieces(words: str) -> list[tuple[str, Any]]:
    """The objects of a damaged list, one by one; what lies between is broken."""
    begin = _LIST_START.search(words) or _OBJECT_START.search(words)
    if begin is None:
        return []
    at = begin.end() if begin.group().startswith("[") else begin.start()
    decoder = json.JSONDecoder()
    pieces: list[tuple[str, Any]] = []
    while at < len(words):
        place = f"record {len(pieces) + 1}"
        try:
            value, end = decoder.raw_decode(words, at)
            pieces.append((place, value))
        except (ValueError, RecursionError):
            after = _NEXT_OBJECT.search(words, at)
            end = after.end() if after else len(words)
            pieces.append((place, _Broken(words[at:end].strip()[:2000])))
        following = _OBJECT_START.search(words, end)
        at = following.start() if following else len(words)
    return pieces


_LISTS = ("data", "flights", "results", "records", "rows", "items", "flightlist")


def _shaped(whole: Any, name: str, kind: str, words: str) -> Part:
    """A table of a JSON value: a list of objects, an object that holds one, or as pandas writes a frame."""
    above, missing = "", list[str]()
    track = _track(whole, name, kind)
    if track is not None:
        return track
    if isinstance(whole, Mapping):
        above = "\n".join(f"{key}: {value}" for key, value in whole.items() if isinstance(value, str | int | float))
        held = next((whole[key] for key in _LISTS if isinstance(whole.get(key), list)), None)
        if isinstance(whole.get("columns"), list) and isinstance(held, list):  # orient="split"
            columns = [str(column) for column in whole["columns"]]
            rows = [
                Row(f"record {number}", cells) for number, cells in enumerate(held, start=1) if isinstance(cells, list)
            ]
            return Table(name, kind, iter(rows), columns, len(rows))
        if held is None and len(lists := [value for value in whole.values() if _is_of_objects(value)]) == 1:
            held = lists[0]
        if held is None and whole and all(isinstance(value, Mapping) for value in whole.values()):
            held = _frame(whole)
        if held is None and not any(key in whole for key in _LISTS):
            held = [whole]
        fault = _error_told(whole) if held == [] else None
        if fault:
            return Fault(name, fault, words)
        missing = _missing_pages(whole, len(held)) if isinstance(held, list) else []
        whole = held
    if not isinstance(whole, list):
        return Fault(name, "JSON holds neither a list of records nor an object with `data`", words)
    if whole and all(value is None for value in whole):
        return Fault(name, "a list of nulls", words)
    table = _of_objects([(f"record {number}", value) for number, value in enumerate(whole, start=1)], name, kind)
    table.above = above
    table.losses += missing
    return table


def _error_told(whole: Mapping[str, Any]) -> str | None:
    """What an answer without records says is the matter; None where it says nothing of the kind."""
    for key in ("error", "errors", "message", "detail", "fault", "reason"):
        if whole.get(key):
            return f"no records, and an error: {key} {json.dumps(whole[key])[:200]}"
    codes = [whole[key] for key in ("status", "code", "statusCode", "status_code") if isinstance(whole.get(key), int)]
    return f"no records, and status {max(codes)}" if codes and max(codes) >= 400 else None


_NEXT = ("next", "next_page", "nextPage", "next_url", "nextUrl", "next_cursor", "nextPageToken")
_TOTALS = ("total", "total_count", "totalCount", "total_results", "totalResults", "record_count", "recordCount")


def _missing_pages(whole: Mapping[str, Any], rows: int) -> list[str]:
    """What a JSON answer says of records that are not in it."""
    places = [
        whole,
        *(value for key in ("links", "meta", "paging", "pagination") if isinstance(value := whole.get(key), Mapping)),
    ]
    totals = [
        place[key]
        for place in places
        for key in _TOTALS
        if isinstance(place.get(key), int) and not isinstance(place[key], bool)
    ]
    if any(total > rows for total in totals):
        return [f"one page of several: it states {max(totals)} records and holds {rows}"]
    if any(place.get(key) for place in places for key in _NEXT):
        return ["one page of several: it names a next one"]
    return []


STATE = (  # the fields of OpenSky's state vectors, in their order (REST API documentation)
    "icao24", "callsign", "origincountry", "timeposition", "lastcontact", "longitude", "latitude", "baroaltitude",
    "onground", "velocity", "truetrack", "vertrate", "sensors", "geoaltitude",
)  # fmt: skip


def _track(whole: Any, name: str, kind: str) -> Table | None:
    """Positions in a JSON value of their own shape: OpenSky's states, or the playback of one Flightradar24 flight."""
    if isinstance(whole, Mapping) and isinstance(whole.get("states"), list):
        cells = [
            state[: len(STATE)] for state in whole["states"] if isinstance(state, list) and len(state) >= len(STATE)
        ]
        rows = [Row(f"record {number}", of_state) for number, of_state in enumerate(cells, start=1)]
        return Table(name, kind, iter(rows), list(STATE), len(rows))
    flight = _flight_with_track(whole)
    if flight is None:
        return None
    aircraft = flight.get("aircraft") or {}
    identity = aircraft.get("identification") or aircraft
    own = {
        "fr24_id": _inside(flight, "identification", "id"),
        "hex": identity.get("modes") or identity.get("hex") or aircraft.get("hex"),
        "registration": identity.get("registration") or aircraft.get("registration"),
        "callsign": _inside(flight, "identification", "callsign"),
        "type_code": _inside(aircraft, "model", "code"),
    }
    columns = [*own, "timestamp", "latitude", "longitude", "alt", "gspeed", "vspeed", "track"]
    rows = []
    for number, point in enumerate(flight["track"], start=1):
        if not isinstance(point, Mapping):
            continue
        of_point = [point.get("timestamp"), point.get("latitude"), point.get("longitude")]
        of_point += [
            _inside(point, "altitude", "feet"),
            _inside(point, "speed", "kts"),
            _inside(point, "verticalSpeed", "fpm"),
        ]
        rows.append(Row(f"record {number}", [*own.values(), *of_point, point.get("heading")]))
    return Table(name, kind, iter(rows), columns, len(rows))


def _inside(value: Mapping[str, Any], *names: str) -> Any:
    """What stands under a path of names; a value that is no object stands for all below it."""
    found: Any = value
    for one in names:
        if not isinstance(found, Mapping):
            break
        found = found.get(one)
    return found


def _flight_with_track(value: Any, depth: int = 0) -> Mapping[str, Any] | None:
    """The flight whose track a playback holds, a few levels down."""
    if not isinstance(value, Mapping) or depth > 5:
        return None
    track = value.get("track")
    if isinstance(track, list) and track and isinstance(track[0], Mapping) and "latitude" in track[0]:
        return value
    return next(filter(None, (_flight_with_track(inner, depth + 1) for inner in value.values())), None)


def _is_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _frame(whole: Mapping[str, Any]) -> list[Any] | None:
    """The records of a frame as pandas writes it by default (by column, then by row) or by row."""
    if any(isinstance(cell, Mapping | list) for column in whole.values() for cell in column.values()):
        return None
    keys = [list(column) for column in whole.values()]
    if all(left == right for left, right in pairwise(keys)) and keys and all(key.isdigit() for key in keys[0]):
        return [{column: cells[row] for column, cells in whole.items()} for row in keys[0]]
    return list(whole.values()) if all(key.isdigit() for key in whole) else None


def _of_objects(objects: list[tuple[str, Any]], name: str, kind: str) -> Table:
    columns: dict[str, None] = {}
    for _, value in objects:
        if isinstance(value, Mapping):
            columns.update(dict.fromkeys(map(str, value)))
    names = list(columns)

    def rows() -> Iterator[Row]:
        for place, value in objects:
            if isinstance(value, Mapping):
                yield Row(place, [value.get(column) for column in names])
            elif isinstance(value, _Broken):
                yield Row(place, raw=str(value), fault="not readable as JSON")
            elif value is not None:
                yield Row(place, raw=json.dumps(value)[:2000], fault=f"a {_word(value)} stands where a record is due")

    return Table(name, kind, rows(), names, len(objects))


def _word(value: Any) -> str:
    return {list: "list", str: "text", bool: "boolean"}.get(type(value), "number")


def days_in(words: str) -> set[date]:
    """The days that a text names, as dates in digits or seconds to nanoseconds since 1970; ambiguous ones as both."""
    days: set[date] = set()
    for match in _DAY_TEXT.finditer(words):
        try:
            at = moment(match.group())
        except Ambiguous as twice:
            days.update(twice.readings)
        except Malformed:
            continue
        else:
            days |= {at.date()} if at else set()
    return days


_DAY_TEXT = re.compile(
    r"(?<!\d)(?:(?:19|20)\d{2}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2(?:19|20)\d{2}|(?:19|20)\d{6}|"
    r"\d{1,2}[- ](?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}[- ](?:20)?\d{2}|"
    r"[1-4]\d{9}(?:\d{3}){0,3})(?!\d)",
    re.IGNORECASE,
)
