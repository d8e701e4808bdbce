"""What the C library does with memory that is given back to it, set for work that takes and gives back much of it.

A file of a day is read, unpacked and looked at in tens of megabytes, which are freed before the next one is read. By
default glibc hands so much back to the system at once, and has each page of it filled with zeros again a moment later:
a tenth of all the work.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

# from glibc's malloc.h
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3

KEPT = 128 << 20  # bytes that may lie free before any are handed back: what one file and the work on it take
SINGLE = 64 << 20  # bytes of one piece, from which on it is handed back at once whatever is kept


def keep_what_is_freed() -> None:
    """Let this process keep freed memory for what it reads next. Does nothing where the C library is not glibc."""
    with suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        library.mallopt(MMAP_THRESHOLD, SINGLE)
        library.mallopt(TRIM_THRESHOLD, KEPT)


def give_back() -> None:
    """Hand all free memory back to the system. Does nothing where the C library is not glibc."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
