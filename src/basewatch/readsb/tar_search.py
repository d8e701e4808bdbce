"""The members of one folder of a tar that is dear to read, found without reading what lies beside them.

A tar has no index: its headers form a chain, and a day's archive has 70,000 of them. But whatever made it went folder
by folder, so the members of one folder lie together, in an order of folders that nobody states. So a header is looked
for here and there, first far apart, then closer. Where one of the folder turns up, the beginning of its run is found by
halves, and the run is read through to its end. A look that meets no header for long is inside a large member, and the
header of that one is looked for too. If members are still lacking, the search goes on.

Bytes of a member can look like a header. So a header counts only where its checksum is right and another header, or the
tar's end, follows where its member ends. A run counts only where the member before it ends where the run begins.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from basewatch.readsb.tar_index import BLOCK, LONGEST_NAME, MAGIC, Header, Member, header_of, name_given

SEARCH_SHARE = 0.25  # of the tar's bytes: beyond it nothing is looked for
MOST_SHARE = 0.5  # of the tar's bytes: a download of all that can be checked against its digest is then the better way
FINEST = 256  # the search ends where no gap is wider than this part of the tar: readsb has as many folders of traces
WINDOW = 64  # this part of the tar is read at once at most
LARGE = 4  # times the size of the others: a member in which no header is met for so long
TELLING = 8  # members from whose sizes those of the others are foretold
LEAST_LOOK, MOST_LOOK, LOOKS = 1024, 256 << 10, 1024  # bytes of a first look: this part of the tar within these bounds
LONGEST_LOOK = 16 << 20  # bytes that are looked through at once
LONGEST_END = 1 << 20  # zeros at the end of a tar; tar writes no larger records


class DearTar(Protocol):
    """A tar each byte of which costs something the first time; `spent` counts those bytes."""

    size: int
    spent: int

    def expect(self, offset: int, length: int) -> None:
        """Bring a stretch near, that it may be read."""

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from an offset on; fewer than asked for where the tar ends before."""


class NoTar(Exception):
    """What the bytes hold is no tar with ustar headers."""


class TooDear(Exception):
    """The members take up so much of the tar that reading all of it is the better way."""


@dataclass(frozen=True)
class Searched:
    """The members found, by number.

    runs: in how many places they lay. is_thorough: whether none was left out because too much had been spent, as far as
    the search goes.
    """

    members: dict[int, Member]
    runs: int
    is_thorough: bool


@dataclass(frozen=True)
class _Known:
    """A part of the tar that is known: no header from `start` on, one at `offset`, and headers no more before `end`.

    folder: of the member at `offset`; None where that is not known.
    """

    start: int
    offset: int
    end: int
    folder: bytes | None = None
    is_sought: bool = False


@dataclass(frozen=True)
class _Entry:
    """A member with the records of its name before it: from `offset` to `end`, its bytes from `data` on."""

    offset: int
    data: int
    end: int
    head: Header


def search(tar: DearTar, folder: bytes, number: Callable[[bytes], int | None], many: int) -> Searched:
    """The regular members of one folder by their number, which `number` tells from their name.

    `many` members are looked for. Of members that stand there twice the later one counts, as in any tar. Their bytes
    have been read when this returns. Raises NoTar, TooDear.
    """
    return _Search(tar, folder, number, many).run()


class _Search:
    def __init__(self, tar: DearTar, folder: bytes, number: Callable[[bytes], int | None], many: int) -> None:
        self.tar, self.folder, self.number, self.many = tar, folder.lower(), number, many
        self.look_bytes = max(min(tar.size // LOOKS, MOST_LOOK), LEAST_LOOK) // BLOCK * BLOCK
        self.window = max(tar.size // WINDOW // BLOCK * BLOCK, BLOCK)
        self.reach = max(self.window, 4 * self.look_bytes)
        self.known = [_Known(0, -1, 0), _Known(tar.size, tar.size, tar.size)]
        self.members: dict[int, Member] = {}

    def run(self) -> Searched:
        self._look_at_the_ends()
        gap = self._widest_gap()
        while len(self.members) < self.many and gap is not None and self.tar.spent < SEARCH_SHARE * self.tar.size:
            self._look_into(*gap)
            gap = self._widest_gap()
        offsets = [member.offset for member in self.members.values()]
        runs = sum(known.is_sought and any(known.offset < at < known.end for at in offsets) for known in self.known)
        return Searched(self.members, runs, gap is None or len(self.members) == self.many)

    # ---- where to look

    def _look_at_the_ends(self) -> None:
        """What lies first and last: a folder of few members is mostly before or after the many folders of traces."""
        self.tar.expect(0, self.look_bytes)
        entry = self._entry(0)
        if entry is None:
            raise NoTar
        while entry is not None and entry.offset < self.look_bytes:
            if self._is_sought(entry):
                self._read_run(self._known_of(entry, entry.offset))
                break
            self._add(self._known_of(entry, entry.offset))
            entry = self._entry(entry.end)
        last = self.tar.size - self.look_bytes
        if last > self.known[-2].end:
            self._look_into(self.known[-2], self.known[-1], last)

    def _widest_gap(self) -> tuple[_Known, _Known] | None:
        """The widest unknown part; between two members of one folder only where it is much wider than the others."""
        widest, gap = self.tar.size / FINEST, None
        for left, right in zip(self.known, self.known[1:], strict=False):
            is_of_one = left.folder is not None and left.folder == right.folder
            width = (right.start - left.end) / (4 if is_of_one else 1)
            if width > max(widest, 2 * BLOCK):
                widest, gap = width, (left, right)
        return gap

    def _look_into(self, left: _Known, right: _Known, at: int | None = None) -> None:
        """Look for a header from the middle of a gap on, or from `at`."""
        middle = _aligned((left.end + right.start) // 2 if at is None else at)
        reach = min(middle + self.reach, right.start)
        known = self._header_from(middle, reach)
        is_new = known is not None
        if known is None and reach == right.start:
            known = replace(right, start=middle)
            self._replace(right, known)
        elif known is None:
            known = _Known(middle, reach, reach)
            self._add(known)
        if known.is_sought or known.offset - middle > LARGE * max(self.look_bytes, self._usual_size()):
            first = self._first_of_run(known)
            if first is None:
                return
            known = first
        if known.is_sought:
            self._read_run(known)
        elif is_new:
            self._add(known)

    def _usual_size(self) -> int:
        """The mean size of the other members so far, in bytes."""
        sizes = [known.end - known.offset for known in self.known if known.folder is not None and not known.is_sought]
        return sum(sizes) // max(len(sizes), 1)

    def _header_from(self, start: int, until: int) -> _Known | None:
        """The first member whose header lies from `start` up to `until`; None where there is none."""
        at, step = start, self.look_bytes
        usual = max((member.size for member in self.members.values()), default=0)
        while at < until:
            step = min(step, until - at)
            self.tar.expect(at, step)
            data = self.tar.read(at, step)
            for place in _headers(data):
                entry = self._entry(at + place)
                if entry is not None and self._is_followed(entry):
                    return self._known_of(entry, start)
            at += step
            step = _aligned(min(max(self.look_bytes, usual, (at - start) // 2), LONGEST_LOOK))
        return None

    # ---- a run of sought members

    def _first_of_run(self, known: _Known) -> _Known | None:
        """The first member of the run of sought ones that reaches up to this header, else what has this header.

        None where the header lies in the bytes of another member.
        """
        while True:
            left = self.known[self._place(known.offset) - 1]
            low, high = left.end, known.start
            if low >= known.offset:
                return known if low == known.offset else None
            if high - low <= self.look_bytes:
                return self._followed_from(low, known)
            middle = _aligned((low + high) // 2)
            reach = min(middle + self.reach, high)
            before = self._header_from(middle, reach)
            if before is None and reach == high:
                known = replace(known, start=middle)
            elif before is None:
                self._add(_Known(middle, reach, reach))
            elif before.is_sought:
                known = before
            else:
                self._add(before)
                if before.end > known.offset:
                    return None

    def _followed_from(self, at: int, known: _Known) -> _Known | None:
        """As `_first_of_run`, by the chain of headers from `at` on, which is close by."""
        self.tar.expect(at, known.offset - at)
        while at < known.offset:
            entry = self._entry(at)
            if entry is None:  # damage, or nothing was known of what lies here
                found = self._header_from(at + BLOCK, known.offset)
                entry = self._entry(found.offset) if found else None
                if entry is None:
                    return known
            if self._is_sought(entry):
                return self._known_of(entry, entry.offset)
            self._add(self._known_of(entry, entry.offset))
            at = entry.end
        return known if at == known.offset else None

    def _read_run(self, first: _Known) -> None:
        """Read from the first member of a run on, up to the first that is of another folder."""
        at, ready, taken = first.offset, first.offset, 0
        while True:
            if at + BLOCK > ready:
                # A member may lie alone, so the run so far says how much of it may follow.
                ready = at + (self._ahead(at, at - first.offset) if taken > 1 else BLOCK)
                self._expect(at, ready - at)
            entry = self._entry(at)
            if entry is None:
                entry = self._behind_damage(at)
            if entry is None:
                break
            if not self._is_sought(entry):
                self._add(self._known_of(entry, entry.offset))
                break
            number = self.number(entry.head.name) if entry.head.is_file else None
            if number is not None:
                self._expect(entry.offset, entry.end - entry.offset)
                self._keep(number, Member(entry.head.name, entry.data, entry.head.size))
                taken += 1
            if taken >= TELLING:
                self._check_cost(self._lacking())
            at = entry.end
        self._add(_Known(first.start, first.offset, max(at, first.end), self.folder, is_sought=True))

    def _keep(self, number: int, member: Member) -> None:
        earlier = self.members.get(number)
        if earlier is None or earlier.offset <= member.offset:
            self.members[number] = member

    def _lacking(self) -> int:
        """How many bytes the members still lacking have, if they are like the others."""
        usual = sum(member.size for member in self.members.values()) // len(self.members)
        return usual * (self.many - len(self.members))

    def _ahead(self, at: int, taken: int) -> int:
        """How much to read at once in a run of which `taken` bytes were read: no more than may be of it."""
        largest = max(member.size for member in self.members.values()) + 2 * BLOCK
        lacking = max(self.many - len(self.members), 1) * largest
        right = self.known[min(self._place(at + 1), len(self.known) - 1)]
        return _aligned(max(min(lacking, taken, self.window, right.offset - at), BLOCK))

    def _behind_damage(self, at: int) -> _Entry | None:
        """The next sound header behind one that is damaged; None where the tar ends, or nothing is near."""
        block = self.tar.read(at, BLOCK)
        if len(block) < BLOCK or not block.strip(b"\0"):
            return None
        found = self._header_from(at + BLOCK, min(at + self.window, self.tar.size))
        return self._entry(found.offset) if found else None

    def _expect(self, offset: int, length: int) -> None:
        if offset + length > self.tar.size:
            length = self.tar.size - offset
        self._check_cost(length)
        self.tar.expect(offset, length)

    def _check_cost(self, more: int) -> None:
        if self.tar.spent + more > MOST_SHARE * self.tar.size:
            raise TooDear

    # ---- headers

    def _entry(self, offset: int) -> _Entry | None:
        """The member whose header, or the first record of whose name, is at the offset; None where none is sound."""
        at, longer = offset, None
        while (head := header_of(self.tar.read(at, BLOCK))) is not None:
            data = at + BLOCK
            end = data + (head.size + BLOCK - 1) // BLOCK * BLOCK
            if end > self.tar.size:
                return None
            if not head.is_of_name:
                return _Entry(offset, data, end, replace(head, name=longer or head.name))
            if head.size > LONGEST_NAME:
                return None
            longer = name_given(head, self.tar.read(data, head.size)) or longer
            at = end
        return None

    def _is_followed(self, entry: _Entry) -> bool:
        """Whether a member ends where another header begins, or the tar ends."""
        block = self.tar.read(entry.end, BLOCK)
        if len(block) == BLOCK and block.strip(b"\0"):
            return header_of(block) is not None
        return self.tar.size - entry.end <= LONGEST_END

    def _folder(self, entry: _Entry) -> bytes:
        return entry.head.name.rpartition(b"/")[0].removeprefix(b"./").lower()

    def _is_sought(self, entry: _Entry) -> bool:
        """Whether a member lies in the folder that is sought, is that folder, or bears such a name elsewhere."""
        return self._folder(entry).rpartition(b"/")[2] == self.folder or self.number(entry.head.name) is not None

    # ---- what is known

    def _known_of(self, entry: _Entry, start: int) -> _Known:
        return _Known(start, entry.offset, entry.end, self._folder(entry), self._is_sought(entry))

    def _place(self, offset: int) -> int:
        return bisect_left(self.known, offset, key=lambda known: known.offset)

    def _replace(self, old: _Known, new: _Known) -> None:
        self.known[self.known.index(old)] = new

    def _add(self, new: _Known) -> None:
        """Take in a part; what was taken for headers inside its members were bytes of these."""
        place = self._place(new.offset)
        end = place
        while end < len(self.known) - 1 and self.known[end].offset < max(new.end, new.offset + 1):
            end += 1
        if not new.is_sought:
            inside = [key for key, member in self.members.items() if new.offset < member.offset < new.end]
            for key in inside:
                del self.members[key]
        self.known[place:end] = [new]
        right = self.known[place + 1]
        if right.start < new.end:
            self.known[place + 1] = replace(right, start=new.end)


def _aligned(offset: int) -> int:
    return (offset + BLOCK - 1) // BLOCK * BLOCK


def _headers(data: bytes) -> Iterator[int]:
    """Where in the data a block begins that has a header's magic."""
    found = data.find(b"ustar")
    while found >= 0:
        place = found - MAGIC.start
        if place % BLOCK == 0 and 0 <= place <= len(data) - BLOCK:
            yield place
        found = data.find(b"ustar", found + 1)
