"""The ledger's segments as a chain: each says how many rows went before it, and by which mark the one before ends.

A segment's name ends in the hash of its bytes, so that one which was cut or edited is known by itself. Its link is in
its Parquet metadata: its commits, its rows, the rows of all commits before, the mark at which it begins and the one at
which it ends. A mark is a hash over the mark before and the rows, so that a segment which is missing, swapped or
renamed leaves a chain that does not hold together. The lake's head (`lake/head.json`) says where the chain ends, and of
which version the lake is; it is written after each commit, and may be one commit behind where a process died.

Segments of basewatch before the chain end in eight random digits and have no link. They may only stand at the
beginning, and become the first link with the next commit.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import basewatch
from basewatch.durable import sha256, write_aside
from basewatch.errors import Damaged, StoreFault
from basewatch.lake.files import refuse_newer, version_of
from basewatch.lake.schemas import LEDGER_VERSION
from basewatch.lake.segments import DIGITS, Segment

KEY = b"basewatch.chain"
LAKE_VERSION = 2  # of the lake as a whole: raised where an older basewatch would read it wrongly


@dataclass(frozen=True)
class Link:
    """What a segment says of itself and of those before it."""

    first: int
    last: int
    rows: int
    rows_before: int
    before: str
    mark: str

    @property
    def metadata(self) -> dict[bytes, bytes]:
        """The link as Parquet metadata."""
        return {KEY: json.dumps(asdict(self), sort_keys=True).encode()}


BEGINNING = Link(0, 0, 0, 0, "", "")


def following(tail: Link, first: int, last: int, rows: int, content: Iterable[Any]) -> Link:
    """The link of new commits behind the tail of a chain. content: what the mark is made of, in order."""
    digest = hashlib.sha256(tail.mark.encode())
    for piece in content:
        digest.update(json.dumps(piece, default=str, sort_keys=True).encode())
    return Link(first, last, rows, tail.rows_before + tail.rows, tail.mark, digest.hexdigest())


def joined(links: Sequence[Link]) -> Link:
    """The link of several segments that become one."""
    first, last = links[0], links[-1]
    return Link(first.first, last.last, sum(link.rows for link in links), first.rows_before, first.before, last.mark)


def link_of(segment: Segment, folder: Path, data: bytes) -> Link | None:
    """The link in a segment's bytes; None for one of before the chain. Raises StoreFault where it is damaged."""
    file = folder / segment.name
    if segment.digest and hashlib.sha256(data).hexdigest()[:DIGITS] != segment.digest:
        raise Damaged(file, "is damaged: its bytes are not those that its name tells")
    try:
        metadata = pq.read_metadata(pa.BufferReader(data))
        values: Mapping[bytes, bytes] = metadata.schema.to_arrow_schema().metadata or {}
        rows = metadata.num_rows
        link = Link(**json.loads(values[KEY])) if KEY in values and version_of(values) <= LEDGER_VERSION else None
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise Damaged(file, f"is damaged: it cannot be read ({str(error).splitlines()[0][:120]})") from None
    refuse_newer(file, version_of(values), LEDGER_VERSION)
    if link is None:
        if segment.digest:
            raise Damaged(file, "is damaged: it has no link to the segment before it")
        return None
    if not segment.digest or (link.first, link.last) != (segment.first, segment.last):
        raise Damaged(file, f"was renamed: it holds commits {link.first} to {link.last}")
    if link.rows != rows:
        raise Damaged(file, f"is damaged: it holds {rows} rows in place of {link.rows}")
    return link


BROKEN = Link(-1, -1, -1, -1, "?", "?")  # stands for a segment that cannot be read: what follows is not held against it


def faults(links: Sequence[tuple[Segment, Link | None]], folder: Path, tail: Link = BEGINNING) -> list[Damaged]:
    """What does not hold together in segments in their order, behind the tail of those before them."""
    found = []
    for segment, link in links:
        if link is None and tail != BEGINNING:
            found.append(Damaged(folder / segment.name, "was put into the ledger by an older basewatch, or by hand"))
        if link is not None:
            what = None if BROKEN in (link, tail) else _fault(segment, link, tail, folder)
            found += [what] if what else []
            tail = link
    return found


def _fault(segment: Segment, link: Link, tail: Link, folder: Path) -> Damaged | None:
    if tail == BEGINNING and not link.before:
        return None  # the first link: of before the chain, commits may have any numbers
    if link.first > tail.last + 1:
        gap = _numbers(tail.last + 1, link.first - 1)
        return Damaged(folder, f"lacks the segment of {gap}, before {segment.name}")
    if link.first <= tail.last or link.before != tail.mark or link.rows_before != tail.rows_before + tail.rows:
        return Damaged(folder / segment.name, "does not follow the segment before it: one of them is of elsewhere")
    return None


def _numbers(first: int, last: int) -> str:
    return f"commit {first}" if first == last else f"commits {first} to {last}"


def link_within(file: Path) -> Link | None:
    """The link that a file holds, whatever it is called; None where it holds none that can be read."""
    try:
        values: Mapping[bytes, bytes] = pq.read_schema(file).metadata or {}
        return Link(**json.loads(values[KEY]))
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError):
        return None


def is_whole(file: Path, link: Link) -> bool:
    """Whether a file that lost its name still ends in the hash of its bytes: then only its numbers are wrong."""
    match = re.search(rf"([0-9a-f]{{{DIGITS}}})\.parquet$", file.name)
    return match is not None and match[1] == sha256(file)[:DIGITS] and link.first <= link.last


# ---- the head


def head_file(folder: Path) -> Path:
    """Where the lake's head is, by the folder of its ledger."""
    return folder.parent / "head.json"


def read_head(folder: Path) -> Link | None:
    """The link at which the chain was last seen to end; None on a lake of before the chain.

    Raises StoreFault for a head that cannot be read, and for a lake of a later version.
    """
    file = head_file(folder)
    try:
        values = json.loads(file.read_bytes())
        version, by, link = int(values["lake_version"]), str(values["written_by"]), Link(**values["link"])
        checksum = values.pop("sha256")
        is_ours = checksum in (_checksum(values), _checksum(values["link"]))  # those of before hold that of the link
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        version = _version(file)
        if version <= LAKE_VERSION:
            raise Damaged(file, f"is damaged: it cannot be read ({error})") from None
        by, link, is_ours = "a newer one", BEGINNING, False
    if version > LAKE_VERSION and not _is_ours_but_for_its_version(file):
        raise StoreFault(
            f"{file.parent} is a lake of version {version}, written by basewatch {by}, and this basewatch knows "
            f"versions up to {LAKE_VERSION}: upgrade basewatch to read this warehouse"
        )
    if not is_ours:
        raise Damaged(file, "is damaged: it was edited")
    return link


def _is_ours_but_for_its_version(file: Path) -> bool:
    """Whether a head is one of this version in which the number of the version was changed."""
    try:
        values = json.loads(file.read_bytes())
        return bool(values.pop("sha256") == _checksum({**values, "lake_version": LAKE_VERSION}))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _version(file: Path) -> int:
    """The version that a head names which has another form than ours; 0 where it names none."""
    try:
        return int(json.loads(file.read_bytes())["lake_version"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def write_head(folder: Path, link: Link) -> None:
    """Say where the chain ends."""
    values = {"lake_version": LAKE_VERSION, "written_by": basewatch.__version__, "link": asdict(link)}
    write_aside(head_file(folder), json.dumps({**values, "sha256": _checksum(values)}, indent=1).encode())


def _checksum(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def head_faults(head: Link | None, last: int, folder: Path) -> list[Damaged]:
    """What the end of the chain says against the head, which a process that died leaves one commit behind at most."""
    if head is None or last <= head.last + 1:
        return []
    return [Damaged(head_file(folder), f"is an older one: it ends at commit {head.last}, and the ledger at {last}")]


def end_faults(head: Link | None, tail: Link, last: int, folder: Path) -> list[Damaged]:
    """What the head says against the end of the chain.

    tail: BEGINNING where no segment has a link. last: the number of the last commit that there is.
    """
    file = head_file(folder)
    if head is None:
        return [Damaged(file, "is missing: nothing tells where the ledger ends")] if tail != BEGINNING else []
    if last < head.last:
        return [Damaged(folder, f"lacks the last segment: {_numbers(last + 1, head.last)}")]
    if tail.last == head.last and tail.mark != head.mark:
        return [Damaged(folder, f"ends in another commit {head.last} than {file.name} tells: one is of elsewhere")]
    return []
