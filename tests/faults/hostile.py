"""Hostile inputs: files beside the good ones that were made to break their reader, and texts made to be believed."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from basewatch import outside
from basewatch.errors import SourceError, containment
from faults.fault import Answer, Family, Fault, Meet
from faults.flights import PLAIN, World, good, written

FAMILY = "hostile"
ENTITIES = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaa">]><l>&a;</l>'
SECRET = "kc-secret-8f3a1d-77"


@dataclass(frozen=True)
class File:
    """A file that comes to lie beside the good ones: its name, and its bytes made of those of a sound file."""

    name: bytes
    data: Callable[[bytes], bytes]


@dataclass(frozen=True)
class Text:
    """What somebody says, and what must not be left of it where it is shown."""

    said: str
    gone: str


def _zip(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


def _zips(depth: int, data: bytes) -> bytes:
    for number in range(depth):
        data = _zip(f"{number}.zip" if number else "a.csv", data)
    return data


def _line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


READ = "read|nest|deep|large|limit|packed|cut|form|column|record|JSON|bytes|zip|parquet|binary|empty|text|no list"
FILES: tuple[tuple[str, File, str], ...] = (
    ("lists nested without end", File(b"more.json", lambda data: b"[" * 200_000), READ),
    ("objects nested without end", File(b"more.json", lambda data: b'{"a":' * 200_000), READ),
    ("nested deep in one line", File(b"more.jsonl", lambda data: b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}\n"), READ),
    ("a number of a million digits", File(b"more.json", lambda data: b"[" + b"9" * 1_000_000 + b"]"), READ),
    ("a gzip bomb", File(b"more.csv.gz", lambda data: gzip.compress(gzip.compress(bytes(1 << 28)))), READ),
    ("a bzip2 bomb", File(b"more.csv.bz2", lambda data: bz2.compress(bytes(1 << 28))), READ),
    ("an xz bomb", File(b"more.csv.xz", lambda data: lzma.compress(bytes(1 << 28), preset=1)), READ),
    ("zips within zips", File(b"more.zip", lambda data: _zips(12, data)), READ),
    ("a zip of noise", File(b"more.zip", lambda data: b"PK\x03\x04" + bytes(range(256)) * 20), READ),
    ("a zip whose member leads out", File(b"more.zip", lambda data: _zip("../../etc/passwd", b"root:x:0:0")), READ),
    ("a Parquet file of a magic word", File(b"more.parquet", lambda data: b"PAR1" + bytes(400) + b"PAR1"), READ),
    ("a Parquet file with a vast footer", File(b"more.parquet", lambda data: b"PAR1" + b"\xff\xff\xff\x7fPAR1"), READ),
    ("a workbook of noise", File(b"more.xlsx", lambda data: _zip("xl/workbook.xml", bytes(5000))), READ),
    ("a workbook of entities", File(b"more.xlsx", lambda data: _zip("xl/workbook.xml", ENTITIES)), READ),
    (
        "one quote without end",
        File(b"more.csv", lambda data: data.replace(b",OSLK", b',"OSLK', 1)),
        READ + "|quote|cell",
    ),
    (
        "zeros between cells",
        File(b"more.csv", lambda data: data[:3000] + bytes(5000) + data[3000:]),
        READ + "|zero|cell|character|NUL",
    ),
    ("a name that is not UTF-8", File(b"mo\xff\xfere.csv", lambda data: b"\xfe\xff\x00" * 500), READ),
    ("lone surrogates in JSON", File(b"more.jsonl", lambda data: b'{"icao24": "\\ud800\\ud800"}\n' * 5), READ),
    (
        "JSON that is no number",
        File(b"more.jsonl", lambda data: b'{"icao24": NaN, "firstSeen": Infinity}\n' * 5),
        READ + "|NaN|number",
    ),
    (
        "a callsign of 100,000 letters",
        File(b"more.csv", lambda data: data.replace(b"RFF7000", b"R" * 100_000)),
        "longer",
    ),
    ("a list of words", File(b"more.json", lambda data: _line(["a"] * 5000)), READ),
)
HARMLESS_FILES: tuple[tuple[str, File], ...] = (
    ("a sound file whose name is not UTF-8", File(b"mo\xff\xfere.csv", lambda data: data)),
    ("a name of many signs", File("=cmd|' ‮ calc.csv".encode(), lambda data: data)),
    ("a picture", File(b"more.jpg", lambda data: b"\xff\xd8\xff\xe0" + bytes(400))),
    ("a formula in a cell", File(b"more.csv", lambda data: data.replace(b"RFF7000", b"=cmd|'/C calc'!A0"))),
    (
        "a turned direction in a cell",
        File(b"more.csv", lambda data: data.replace(b"RFF7000", "RFF\u202e0007".encode())),
    ),
)
TEXTS: tuple[tuple[str, Text], ...] = (
    ("a key in an address", Text(f"GET https://x.example/?api_key={SECRET}: 500", SECRET)),
    ("a token in a header", Text(f"Authorization: Bearer {SECRET}", SECRET)),
    ("a password before a host", Text(f"https://user:{SECRET}@x.example/", SECRET)),
    ("a signed address", Text(f"https://x.example/a?X-Amz-Signature={SECRET}&b=1", SECRET)),
    ("a turned direction", Text("fine \u202egpj.exe", "\u202e")),
    ("a sign that rings", Text("fine \x07\x1b[31m red", "\x1b")),
    ("a sign of no width", Text("Hmei\u200bmim", "\u200b")),
    ("a message without end", Text("a" * 1_000_000 + "tail", "tail")),
)


def faults() -> list[Fault]:
    """All faults of the family."""
    found = [Fault(FAMILY, kind, "file", "window", file, reason) for kind, file, reason in FILES]
    found += [Fault(FAMILY, kind, "file", "window", file, "", False) for kind, file in HARMLESS_FILES]
    found += [Fault(FAMILY, kind, "text", "reader", text) for kind, text in TEXTS]
    return found


@contextlib.contextmanager
def world(folder: Path) -> Iterator[Meet]:
    """The good records of the plain form, in a folder that others can write into."""
    worlds: list[World] = []
    sound = written(good(PLAIN), PLAIN, "csv")

    def meet(fault: Fault) -> Answer:
        if isinstance(fault.harm, Text):
            shown = outside.message(fault.harm.said)
            return Answer("passed" if fault.harm.gone in shown else "contained", shown)
        if not worlds:
            worlds.append(World(folder, "plain csv"))
        here = worlds[0]
        here.put(sound)
        path = Path(str(folder / "flights")).joinpath(fault.harm.name.decode("utf-8", "surrogateescape"))
        path.write_bytes(fault.harm.data(sound))
        try:
            with containment.of_source("flight_files", "a night"):
                ends, _, words = here.read()
        except SourceError as error:
            return Answer("refused", str(error))
        if not words:
            is_told = bool(here.passed_over) and fault.is_harmful and ends == here.good_ends
            return Answer("contained" if is_told else "passed", here.passed_over)
        # days without a record in another file do not count; the good file has one on every day
        return Answer("contained" if ends == here.good_ends else "warned", words)

    yield meet


HOSTILE = Family(FAMILY, faults, world)
