"""Memory that a decoding process frees stays at hand while it works, and is handed back afterwards."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
from pathlib import Path
from basewatch.readsb import allocator

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 >> 20

def freed_mb():
    before = resident_mb()
    pieces = [bytes(b"x" * (10 << 20)) for _ in range(8)]
    held = resident_mb()
    del pieces
    return held - resident_mb()

allocator.keep_what_is_freed()
print(freed_mb())
before = resident_mb()
allocator.give_back()
print(before - resident_mb())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep memory by rules of their own")
def test_freed_memory_is_kept_until_it_is_given_back() -> None:
    out = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True).stdout
    kept, given_back = map(int, out.split())
    assert kept < 20
    assert given_back > 60
