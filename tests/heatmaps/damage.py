"""Damage to a half hour's file, and other things that lie in its place. Of none of them may anything be believed."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from heatmaps.files import HEADER, RECORD, SPAN_S, HalfHour, half_hour, header, packed
from heatmaps.sky import Track, circuit

HOUR = 3600
DAY = 86_400
YEAR = 365 * DAY

PAGE = b"<!DOCTYPE html>\n<html><head><title>429 Too Many Requests</title></head><body><h1>Slow down</h1></html>\n"
REFUSAL = b'{"message":"Not Found","documentation_url":"https://docs.example/rest","status":"404"}'
TRACE = (
    b'{"icao":"14f10a",\n"timestamp":1741910400.000,\n"trace":[ \n'
    b'[36000.00,35.401100,35.948700,3000,150.0,170.0,0,-700,null,"adsb_icao",null,null,null,null] ]\n }\n'
)
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d7a2146" * 8 + b"\nsize 8312345\n"


@dataclass(frozen=True)
class Damage:
    """A sort of damage: the file in place of a sound one, and words (a pattern) of the reason why it is refused."""

    kind: str
    file: Callable[[HalfHour], bytes]
    reason: str


def scene(start_s: int, place: tuple[float, float] = (35.4, 35.95)) -> list[Track]:
    """Five aircraft around a place, heard in every slice of a half hour, so that no slice is empty."""
    return [
        circuit("14f10a", start_s, place, callsign="RFF7001"),
        circuit("4b1a01", start_s, place, every_s=9, altitude=11_000, callsign="SWR12"),
        circuit("~2c00b2", start_s, place, every_s=9.5, kind="tisb_other", callsign=""),
        circuit("7f7c9d", start_s, place, every_s=8, altitude="ground", kind="adsb_icao_nt", callsign="QTR9"),
        circuit("ae1234", start_s, (place[0] - 0.2, place[1] + 0.2), every_s=5, altitude=31_000, callsign="RCH401"),
    ]


# ---- parts of a file


def _plain(half: HalfHour) -> HalfHour:
    """The same file, not packed: nothing but its own records tells whether it is whole."""
    return half.copy(form=replace(half.form, level=None))


def _again(half: HalfHour, change: Callable[[list[list[bytes]]], object]) -> bytes:
    """The file with other slices and an index that is right for them."""
    made = half.copy()
    change(made.slices)
    return made.data()


def _moved(half: HalfHour, seconds: float, only: int | None = None) -> bytes:
    """The file with its slices, or one of them, at another time."""
    return _timed(half, lambda at_ms: at_ms + int(seconds * 1000), only)


def _timed(half: HalfHour, time_of: Callable[[int], int], only: int | None = None) -> bytes:
    form = half.form
    made = half.copy()
    for number, records in enumerate(made.slices):
        if only is None or number == only % len(made.slices):
            at_ms = time_of(half.start_s * 1000 + number * form.interval_ms)
            records[0] = struct.pack(
                "<IIIHh", HEADER, at_ms >> 32 & 0xFFFFFFFF, at_ms & 0xFFFFFFFF, form.interval_ms, 0
            )
    return made.data()


def _stated(half: HalfHour, interval_ms: int, only: int | None = None) -> bytes:
    """The file with another interval in its headers, or in one of them."""
    made = half.copy()
    for number, records in enumerate(made.slices):
        if only is None or number == only:
            records[0] = records[0][:12] + struct.pack("<H", interval_ms % 65536) + records[0][14:]
    return made.data()


def _spaced(half: HalfHour, interval_ms: int, slices: int) -> bytes:
    """The file with so many slices of such an interval, each in its turn."""
    made = half.copy()
    made.slices = [list(made.slices[number % len(made.slices)]) for number in range(slices)]
    for number, records in enumerate(made.slices):
        records[0] = header(half.start_s * 1000 + number * interval_ms, interval_ms)
    return made.data()


def _indexed(half: HalfHour, change: Callable[[list[int]], list[int]]) -> bytes:
    """The file with another index."""
    entries = change([struct.unpack("<I", entry[:4])[0] for entry in half.index()])
    index = b"".join(struct.pack("<I12x", entry) for entry in entries)
    return packed(index + half.plain()[len(half.slices) * RECORD :], half.form)


def _place_of(half: HalfHour, slice_number: int, record: int = 0) -> int:
    """At which byte of the plain file a record of a slice begins."""
    return (len(half.index()) + sum(map(len, half.slices[:slice_number])) + record) * RECORD


def _overwritten(half: HalfHour, at: int, with_bytes: bytes) -> bytes:
    data = bytearray(_plain(half).plain())
    data[at : at + len(with_bytes)] = with_bytes
    return bytes(data)


def _zeroed(half: HalfHour, at: int) -> bytes:
    """The file with zeros from a byte to the end, as a disk leaves it that lost power."""
    data = _plain(half).plain()
    return data[:at] + bytes(len(data) - at)


def _changed(half: HalfHour, field: int, value: bytes, every: bool = False) -> bytes:
    """The file with other bytes at a place of one position, or of all."""
    made = half.copy()
    for number, records in enumerate(made.slices):
        for place, record in enumerate(records):
            is_position = place > 0 and struct.unpack("<i", record[4:8])[0] < 1 << 30
            if is_position and (every or number == 90):
                records[place] = record[:field] + value + record[field + len(value) :]
                if not every:
                    return made.data()
    return made.data()


def _shifted(half: HalfHour) -> bytes:
    """A byte put in behind a header and one lost before the next: every record between them is out of step."""
    begin, end = _place_of(half, 90, 1), _place_of(half, 91)
    data = _plain(half).plain()
    return data[:begin] + b"\x2a" + data[begin : end - 1] + data[end:]


def _noise(count: int) -> bytes:
    return random.Random(7).randbytes(count)


def _tar(half: HalfHour) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("heatmap/20.bin.ttf")
        data = half.data()
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _zip(half: HalfHour) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("20.bin.ttf", half.plain())
    return buffer.getvalue()


def _hex_dump(half: HalfHour) -> bytes:
    return b"\n".join(f"{at:08x}: {record.hex(' ', 2)}".encode() for at, record in enumerate(half.records()))


def _narrow(half: HalfHour) -> bytes:
    """Records of twelve bytes, without height and speed."""
    return b"".join(record[:12] for record in half.records())


def _wide(half: HalfHour) -> bytes:
    """Records of twenty bytes, which hold one number more."""
    return b"".join(record + b"\1\0\0\0" for record in half.records())


def _turned(data: bytes) -> bytes:
    """Every two bytes swapped, as machines of sixteen bits leave them."""
    out = bytearray(data)
    out[::2], out[1::2] = data[1::2], data[::2]
    return bytes(out)


def _without_header(slices: list[list[bytes]]) -> None:
    slices[89] += slices.pop(90)[1:]


def _swap(slices: list[list[bytes]]) -> None:
    slices[50], slices[51] = slices[51], slices[50]


KINDS: tuple[Damage, ...] = (
    # cut short
    Damage("empty", lambda half: b"", "empty"),
    Damage("nothing in it", lambda half: gzip.compress(b""), "holds nothing|empty"),
    Damage("one byte", lambda half: b"\x1f", "no heatmap|cut short"),
    Damage("cut in the head of the gzip", lambda half: half.data()[:7], "gzip.*(too soon|cut short)"),
    Damage("cut in the gzip", lambda half: half.data()[: len(half.data()) // 2], "gzip.*(too soon|cut short)"),
    Damage("cut before the sum of the gzip", lambda half: half.data()[:-8], "gzip.*(too soon|cut short)"),
    Damage("cut in the sum of the gzip", lambda half: half.data()[:-3], "gzip.*(too soon|cut short)"),
    Damage("cut in a record", lambda half: half.plain()[: _place_of(half, 90, 1) + 7], "cut short"),
    Damage("cut at a record", lambda half: half.plain()[: _place_of(half, 90, 1)], "cut short"),
    Damage("cut at a slice", lambda half: half.plain()[: _place_of(half, 90)], "cut short"),
    Damage("cut behind the index", lambda half: half.plain()[: len(half.slices) * RECORD], "no slice header"),
    Damage("cut in the index", lambda half: half.plain()[: len(half.slices) // 2 * RECORD], "no slice header"),
    Damage("cut at the front, in the index", lambda half: half.plain()[50 * RECORD :], "index"),
    Damage("cut at the front, in a slice", lambda half: half.plain()[_place_of(half, 40, 1) :], "index|not of"),
    Damage("last slice missing", lambda half: _again(half, lambda slices: slices.pop()), "179 slices.*180"),
    Damage("last slices missing", lambda half: half.copy(slices=half.slices[:-40]).data(), "140 slices.*180"),
    Damage("first slices missing", lambda half: half.copy(slices=half.slices[40:]).data(), "140 slices.*180"),
    Damage("one slice alone", lambda half: half.copy(slices=half.slices[:1]).data(), "interval|slices"),
    # zeros
    Damage("zeros", lambda half: bytes(16 * 4000), "zeros"),
    Damage("few zeros", lambda half: bytes(64), "zeros"),
    Damage("packed zeros", lambda half: gzip.compress(bytes(16 * 4000)), "zeros"),
    Damage("zeros between headers", lambda half: _overwritten(half, _place_of(half, 90, 1), bytes(48)), "zeros"),
    Damage(
        "zeros from within a record", lambda half: _overwritten(half, _place_of(half, 90, 1) + 5, bytes(40)), "zeros"
    ),
    Damage("zeros over headers", lambda half: _overwritten(half, _place_of(half, 90, 1), bytes(4096)), "index|zeros"),
    Damage("zeros to the end", lambda half: _zeroed(half, _place_of(half, 170, 1)), "index"),
    Damage("zeros in place of the last slice", lambda half: _zeroed(half, _place_of(half, 179, 1)), "zeros"),
    # gzip
    Damage("sum of the gzip wrong", lambda half: half.data()[:-8] + b"abcd" + half.data()[-4:], "gzip.*(crc|check)"),
    Damage("length in the gzip wrong", lambda half: half.data()[:-4] + b"\1\2\3\0", "gzip.*(length|check)"),
    Damage("gzip with other bytes", lambda half: half.data()[:900] + _noise(40) + half.data()[940:], "gzip"),
    Damage("noise behind the gzip", lambda half: half.data() + _noise(99), "gzip"),
    # time
    Damage("of the day before", lambda half: _moved(half, -DAY), "it is of .*, not of"),
    Damage("of another year", lambda half: _moved(half, -YEAR), "it is of .*, not of"),
    Damage("of the half hour before", lambda half: _moved(half, -SPAN_S), "it is of .*, not of"),
    Damage("in local time", lambda half: _moved(half, 3 * HOUR), "it is of .*, not of"),
    Damage("a second late", lambda half: _moved(half, 1), "it is of .*, not of"),
    Damage("without a clock", lambda half: _moved(half, -half.start_s), "it is of 1970.*, not of"),
    Damage("in seconds", lambda half: _timed(half, lambda at_ms: at_ms // 1000), "interval|it is of 1970"),
    Damage("at no possible time", lambda half: _timed(half, lambda at_ms: at_ms - (1 << 62)), "no possible time"),
    Damage(
        "halves of the time swapped",
        lambda half: _timed(half, lambda at: at >> 32 | (at & 0xFFFFFFFF) << 32),
        "interval",
    ),
    # slices
    Damage(
        "no header", lambda half: half.copy(slices=[slice_[1:] for slice_ in half.slices]).data(), "no slice header"
    ),
    Damage("a header at a wrong time", lambda half: _moved(half, 4, only=90), "slice 91 of 180 is of"),
    Damage("second header at a wrong time", lambda half: _moved(half, 4, only=1), "interval"),
    Damage("last header at a wrong time", lambda half: _moved(half, DAY, only=-1), "slice 180 of 180 is of"),
    Damage("two slices swapped", lambda half: _again(half, _swap), "slice 51 of 180 is of"),
    Damage("slices turned round", lambda half: _again(half, lambda slices: slices.reverse()), "interval|slice"),
    Damage("a slice twice", lambda half: _again(half, lambda slices: slices.insert(90, slices[90])), "181 slices.*180"),
    Damage("the first slice twice", lambda half: _again(half, lambda slices: slices.insert(0, slices[0])), "interval"),
    Damage(
        "a slice in place of another",
        lambda half: _again(half, lambda slices: slices.__setitem__(90, slices[80])),
        "slice 91",
    ),
    Damage(
        "a slice missing in the middle", lambda half: _again(half, lambda slices: slices.pop(90)), "179 slices.*180"
    ),
    Damage("a header missing", lambda half: _again(half, _without_header), "179 slices.*180"),
    Damage(
        "two half hours in one",
        lambda half: half.data() + half_hour(scene(half.start_s), half.start_s + SPAN_S).data(),
        "index|slices",
    ),
    Damage("the half hour twice in one", lambda half: half.plain() * 2, "index|slices"),
    Damage("slices of an hour", lambda half: _spaced(half, 10_000, 360), "360 slices.*180"),
    # index
    Damage(
        "index that points outside",
        lambda half: _indexed(half, lambda index: [*index[:90], 1 << 31, *index[91:]]),
        "index",
    ),
    Damage(
        "index that points elsewhere",
        lambda half: _indexed(half, lambda index: [entry + 1 for entry in index]),
        "index",
    ),
    Damage(
        "index from zero", lambda half: _indexed(half, lambda index: [entry - len(index) for entry in index]), "index"
    ),
    Damage("index of zeros", lambda half: _indexed(half, lambda index: [0] * len(index)), "index"),
    Damage("index too short", lambda half: _indexed(half, lambda index: index[:-1]), "index"),
    Damage("index too long", lambda half: _indexed(half, lambda index: [*index, index[-1]]), "index"),
    # interval
    Damage("interval of zero", lambda half: _stated(half, 0), "intervals? of 0 ms"),
    Damage("interval of a millisecond", lambda half: _stated(half, 1), "intervals? of 1 ms"),
    Damage("interval of a minute stated", lambda half: _stated(half, 60_000), "intervals? of 60000 ms"),
    Damage("intervals that differ", lambda half: _stated(half, 30_000, only=90), "intervals? of 10000 ms and 30000 ms"),
    Damage("slices that fill no half hour", lambda half: _spaced(half, 7_000, 180), "180 slices of 7 s.*257"),
    Damage("slices at one moment", lambda half: _spaced(half, 0, 180), "interval"),
    # places
    Damage(
        "a latitude beyond the pole", lambda half: _changed(half, 4, struct.pack("<i", 90_000_001)), "latitude|place"
    ),
    Damage("a latitude far beyond", lambda half: _changed(half, 4, struct.pack("<i", -(1 << 31))), "latitude|place"),
    Damage(
        "a longitude beyond 180°", lambda half: _changed(half, 8, struct.pack("<i", -180_000_001)), "longitude|place"
    ),
    Damage("latitudes of noise", lambda half: _changed(half, 4, b"\xff\xff\xff\x3f", every=True), "latitude|place"),
    Damage("an address of too many bits", lambda half: _changed(half, 3, b"\x06"), "address"),
    Damage("records out of step", _shifted, "latitude|longitude|place|address|squawk"),
    Damage(
        "a byte put in", lambda half: half.plain()[:6000] + b"\0" + half.plain()[6000:], "cut short|no whole number"
    ),
    # other things
    Damage("a web page", lambda half: PAGE, "no heatmap"),
    Damage("a packed web page", lambda half: gzip.compress(PAGE), "no heatmap"),
    Damage("a web page of whole records", lambda half: PAGE.ljust(16 * 20), "no heatmap"),
    Damage("an error in JSON", lambda half: REFUSAL, "no heatmap"),
    Damage("a trace", lambda half: TRACE, "no heatmap"),
    Damage("a packed trace", lambda half: gzip.compress(TRACE), "no heatmap"),
    Damage("a list of warnings", lambda half: gzip.compress(b"2025-03-14,10:03:11,4b1a01,SWR12\n" * 64), "no heatmap"),
    Damage("a pointer to the file", lambda half: POINTER, "no heatmap"),
    Damage("a tar", _tar, "no heatmap"),
    Damage("a zip", _zip, "no heatmap"),
    Damage("packed with xz", lambda half: lzma.compress(half.plain()), "no heatmap"),
    Damage("packed with bzip2", lambda half: bz2.compress(half.plain()), "no heatmap"),
    Damage("packed with zlib", lambda half: zlib.compress(half.plain()), "no heatmap"),
    Damage("noise", lambda half: _noise(50_001), "no heatmap"),
    Damage("noise of whole records", lambda half: _noise(48_000), "no slice header"),
    Damage("packed noise", lambda half: gzip.compress(_noise(48_000)), "no slice header"),
    Damage("text for bytes", lambda half: base64.encodebytes(half.data()), "no heatmap"),
    Damage("a dump in hex", _hex_dump, "no heatmap"),
    Damage("sent as text of lines", lambda half: half.plain().replace(b"\n", b"\r\n"), "no heatmap|index|slices"),
    Damage(
        "sent as text in UTF-8",
        lambda half: half.plain().decode("utf-8", "replace").encode(),
        "no heatmap|no slice header",
    ),
    Damage("packed and sent as text", lambda half: half.data().decode("utf-8", "replace").encode(), "no heatmap"),
    Damage("records of twelve bytes", _narrow, "no heatmap|no slice header|index"),
    Damage("records of twenty bytes", _wide, "no heatmap|no slice header|index"),
    Damage("bytes swapped in pairs", lambda half: _turned(half.plain()), "no slice header"),
)

# Nothing is lost by these: such a file is read whole, or refused.
HARMLESS: tuple[tuple[str, Callable[[HalfHour], bytes]], ...] = (
    ("packed twice", lambda half: gzip.compress(half.data())),
    ("zeros behind the packed data", lambda half: half.data() + bytes(512)),
    ("an empty gzip member behind", lambda half: half.data() + gzip.compress(b"")),
    ("an empty gzip member before", lambda half: gzip.compress(b"") + half.data()),
    ("a name and a comment in the gzip", lambda half: _named_gzip(half.plain())),
    ("in blocks of gzip", lambda half: _blocks(half.plain())),
)


def _named_gzip(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile("20.bin", "wb", fileobj=buffer, mtime=1_741_946_400) as out:
        out.write(data)
    return buffer.getvalue()


def _blocks(data: bytes) -> bytes:
    return b"".join(
        gzip.compress(data[at : at + 4096], 6, mtime=0) for at in range(0, len(data), 4096)
    ) + gzip.compress(b"")


def bomb(sound: bytes, gib: int) -> bytes:
    """A gzip of a sound file and so many GiB behind it, though it is a few megabytes and states a modest length."""
    begin = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = begin.compress(sound) + begin.flush(zlib.Z_FULL_FLUSH)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)
    end = zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    return b"\x1f\x8b\x08" + bytes(6) + b"\xff" + head + piece * (64 * gib) + end + struct.pack("<II", 0, len(sound))


def bomb_of_members(sound: bytes, gib: int) -> bytes:
    """The same of many gzip members, each of which is as it should be."""
    return gzip.compress(sound) + gzip.compress(bytes(1 << 24)) * (64 * gib)


def damaged(half: HalfHour, kind: str) -> bytes:
    """The file of a half hour with one sort of damage."""
    return next(damage for damage in KINDS if damage.kind == kind).file(half)
