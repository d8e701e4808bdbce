"""A day's archive surveyed and decoded in parts, in this process or in several.

Decoding processes are started afresh, not forked: the process that starts them may hold threads and locks (a scheduler,
a database), which a forked child would inherit. Each runs `main`, is told what to do and answers in msgpack over its
standard streams, and writes rows aside as Arrow.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from typing import IO, TypeVar

import msgspec
import pyarrow as pa

from basewatch.errors import SourceError
from basewatch.readsb import allocator
from basewatch.readsb.decoder import Decoder, Job, Outcome, Shard
from basewatch.readsb.survey import Look, Seen

Answer = TypeVar("Answer", Outcome, Seen)


class Workers:
    """So many processes for a job; with one, this process itself. Raises SourceError where one fails or dies."""

    def __init__(self, job: Job, processes: int) -> None:
        self.decoder = Decoder(job) if processes <= 1 else None
        self.started = [] if processes <= 1 else [_Process(job) for _ in range(processes)]
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
        outcome = msgspec.msgpack.decode(answer, type=kind)
        if outcome.failure:
            raise SourceError(f"decoding failed: {outcome.failure}")
        return outcome

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        for stream in (self.stdin, self.stdout):
            with suppress(OSError):
                stream.close()
        self.child.kill()
        self.child.wait()


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
