"""A day's archive decoded in parts, in this process or in several.

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
from typing import IO

import msgspec
import pyarrow as pa

from basewatch.errors import SourceError
from basewatch.readsb.decoder import Decoder, Job, Outcome, Shard


def run(job: Job, shards: Sequence[Shard], processes: int) -> Iterator[Outcome]:
    """What comes of each part, in their order, decoded by so many processes; with one, by this process itself.

    Raises SourceError where a decoding process fails or dies.
    """
    if processes <= 1:
        was_enabled = gc.isenabled()
        gc.disable()  # points are acyclic and many: each collection would look at all of them
        decoder = Decoder(job)
        try:
            for shard in shards:
                yield decoder.decode(shard)
        finally:
            decoder.close()
            if was_enabled:
                gc.enable()
        return
    started = [_Process(job) for _ in range(min(processes, len(shards)))]
    idle: SimpleQueue[_Process] = SimpleQueue()
    for process in started:
        idle.put(process)

    def decode(shard: Shard) -> Outcome:
        process = idle.get()
        try:
            return process.decode(shard)
        finally:
            idle.put(process)

    pool = ThreadPoolExecutor(len(started))
    try:
        for future in [pool.submit(decode, shard) for shard in shards]:
            yield future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in started:
            process.stop()


class _Process:
    """A decoding process of one's own."""

    def __init__(self, job: Job) -> None:
        command = [sys.executable, "-c", "from basewatch.readsb.workers import main; main()"]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
        assert self.child.stdin and self.child.stdout
        self.stdin, self.stdout = self.child.stdin, self.child.stdout
        with suppress(OSError):
            _send(self.stdin, msgspec.msgpack.encode(job))

    def decode(self, shard: Shard) -> Outcome:
        """Have one part decoded. Raises SourceError where the process fails."""
        try:
            _send(self.stdin, msgspec.msgpack.encode(shard))
            answer = _receive(self.stdout)
        except OSError:
            answer = b""
        if not answer:
            status = self.child.wait()
            raise SourceError(f"a decoding process ended with status {status} (-9: most likely out of memory)")
        outcome = msgspec.msgpack.decode(answer, type=Outcome)
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
    pa.set_cpu_count(1)
    decoder = Decoder(msgspec.msgpack.decode(_receive(stdin), type=Job))
    while request := _receive(stdin):
        shard = msgspec.msgpack.decode(request, type=Shard)
        try:
            outcome = decoder.decode(shard)
        except Exception:  # whatever it is, the process that waits must hear of it
            outcome = Outcome(shard.number, failure=traceback.format_exc(limit=-3))
        _send(stdout, msgspec.msgpack.encode(outcome))
