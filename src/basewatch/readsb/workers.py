"""A day's archive surveyed and decoded in parts, in this process or in several.

Decoding processes are started afresh, not forked: the process that starts them may hold threads and locks (a scheduler,
a database), which a forked child would inherit. Each runs `main`, is told what to do and answers in msgpack over its
standard streams, and writes rows aside as Arrow.
"""

from __future__ import annotations

import gc
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TypeVar

import msgspec
import pyarrow as pa

from basewatch.errors import SourceError
from basewatch.readsb import allocator
from basewatch.readsb.decoder import Decoder, Job, Outcome, Shard
from basewatch.readsb.survey import Look, Seen

Answer = TypeVar("Answer", Outcome, Seen)


Team = Callable[[bytes, list[bytes]], Iterator[bytes]]  # a job and its parts, encoded, to their answers, in order
_TEAM: ContextVar[Team | None] = ContextVar("team", default=None)


@contextmanager
def elsewhere(team: Team) -> Iterator[None]:
    """While it lasts, here and in threads that take this context over, jobs are done by the team and not here."""
    token = _TEAM.set(team)
    try:
        yield
    finally:
        _TEAM.reset(token)


class Workers:
    """So many processes for a job; with one, this process itself. Raises SourceError where one fails or dies.

    Where a team is set (`elsewhere`), it does the job.
    """

    def __init__(self, job: Job, processes: int) -> None:
        self.team, self.job = _TEAM.get(), job
        if self.team is not None:
            processes = 0
        self.decoder = Decoder(job) if processes == 1 else None
        self.started = [_Process(job) for _ in range(processes)] if processes > 1 else []
        self.was_enabled = gc.isenabled()
        if self.decoder is not None:
            gc.disable()  # points are acyclic and many: each collection would look at all of them
            allocator.keep_what_is_freed()
        self.idle: SimpleQueue[_Process] = SimpleQueue()
        for process in self.started:
            self.idle.put(process)
        self.pool = ThreadPoolExecutor(max(len(self.started), 1))

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown(wait=False, cancel_futures=True)
        for process in self.started:
            process.stop()
        if self.decoder is not None:
            self.decoder.close()
            allocator.give_back()
            if self.was_enabled:
                gc.enable()

    def decode(self, shards: Sequence[Shard]) -> Iterator[Outcome]:
        """What comes of each part, in their order."""
        if self.decoder is not None:
            yield from map(self.decoder.decode, shards)
        else:
            yield from self._spread(shards, Outcome)

    def survey(self, looks: Sequence[Look]) -> Iterator[Seen]:
        """What comes of each look, in their order."""
        if self.decoder is not None:
            yield from map(self.decoder.survey, looks)
        else:
            yield from self._spread(looks, Seen)

    def _spread(self, tasks: Sequence[Shard | Look], kind: type[Answer]) -> Iterator[Answer]:
        if self.team is not None:
            encoded = [msgspec.msgpack.encode(task) for task in tasks]
            for answer in self.team(msgspec.msgpack.encode(self.job), encoded):
                yield _sound(answer, kind)
            return

        def work(task: Shard | Look) -> Answer:
            process = self.idle.get()
            try:
                return process.work(task, kind)
            finally:
                self.idle.put(process)

        for future in [self.pool.submit(work, task) for task in tasks]:
            yield future.result()


class _Process:
    """A decoding process of one's own."""

    def __init__(self, job: Job) -> None:
        command = [sys.executable, "-c", "from basewatch.readsb.workers import main; main()"]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
        assert self.child.stdin and self.child.stdout
        self.stdin, self.stdout = self.child.stdin, self.child.stdout
        with suppress(OSError):
            _send(self.stdin, msgspec.msgpack.encode(job))

    def work(self, task: Shard | Look, kind: type[Answer]) -> Answer:
        """Have one part decoded, or one look taken. Raises SourceError where the process fails."""
        try:
            _send(self.stdin, msgspec.msgpack.encode(task))
            answer = _receive(self.stdout)
        except OSError:
            answer = b""
        if not answer:
            status = self.child.wait()
            raise SourceError(f"a decoding process ended with status {status} (-9: most likely out of memory)")
        return _sound(answer, kind)

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        for stream in (self.stdin, self.stdout):
            with suppress(OSError):
                stream.close()
        self.child.kill()
        self.child.wait()


def _sound(answer: bytes, kind: type[Answer]) -> Answer:
    """What came of a part or a look. Raises SourceError where it failed."""
    outcome = msgspec.msgpack.decode(answer, type=kind)
    if outcome.failure:
        raise SourceError(f"decoding failed: {outcome.failure}")
    return outcome


_MADE = threading.local()  # the job that this thread has made ready, and its decoder


def part(job: bytes, task: bytes) -> bytes:
    """Do a part of a job for a run of another process or machine, which sees this one's files by the same paths.

    What is written goes into a folder of its own: where a part is done twice, since it was thought lost, neither
    touches the other's.
    """
    asked = msgspec.msgpack.decode(task, type=Shard | Look)
    kind = Outcome if isinstance(asked, Shard) else Seen
    answer: Outcome | Seen
    try:
        with _decoder(job) as decoder:
            answer = decoder.decode(asked) if isinstance(asked, Shard) else decoder.survey(asked)
    except Exception as error:  # whatever it is, the process that waits must hear of it
        told = str(error) if isinstance(error, SourceError) else traceback.format_exc(limit=-3)
        answer = kind(asked.number, failure=told)
    return msgspec.msgpack.encode(answer)


@contextmanager
def _decoder(job: bytes) -> Iterator[Decoder]:
    """The decoder of a job, writing into a new folder. Raises SourceError where this machine does not see its files."""
    wanted = msgspec.msgpack.decode(job, type=Job)
    for place in (wanted.out, *([wanted.folder] if wanted.folder else wanted.parts)):
        if not Path(place).exists():
            raise SourceError(
                f"the worker on {socket.gethostname()} does not see {place}: a Dask worker must see the warehouse and "
                "the archives by the same paths as the machine that runs basewatch; share the folder (NFS and the like)"
            )
    if getattr(_MADE, "job", None) != job:
        if getattr(_MADE, "job", None) is not None:
            _MADE.decoder.close()
        allocator.keep_what_is_freed()
        _MADE.job, _MADE.decoder = job, Decoder(wanted)
    decoder: Decoder = _MADE.decoder
    decoder.job.out = tempfile.mkdtemp(prefix="part-", dir=wanted.out)
    was_enabled = gc.isenabled()
    gc.disable()  # points are acyclic and many: each collection would look at all of them
    try:
        yield decoder
    finally:
        if was_enabled:
            gc.enable()


def _send(stream: IO[bytes], data: bytes) -> None:
    stream.write(len(data).to_bytes(8, "big") + data)
    stream.flush()


def _receive(stream: IO[bytes]) -> bytes:
    size = stream.read(8)
    return stream.read(int.from_bytes(size, "big")) if len(size) == 8 else b""


def main() -> None:
    """Decode parts for the process that started this one, until it closes the stream."""
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    gc.disable()
    allocator.keep_what_is_freed()
    pa.set_cpu_count(1)
    decoder = Decoder(msgspec.msgpack.decode(_receive(stdin), type=Job))
    while request := _receive(stdin):
        task = msgspec.msgpack.decode(request, type=Shard | Look)
        answer: Outcome | Seen
        try:
            answer = decoder.decode(task) if isinstance(task, Shard) else decoder.survey(task)
        except Exception:  # whatever it is, the process that waits must hear of it
            kind = Outcome if isinstance(task, Shard) else Seen
            answer = kind(task.number, failure=traceback.format_exc(limit=-3))
        _send(stdout, msgspec.msgpack.encode(answer))
