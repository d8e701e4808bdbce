"""What unit tests share: a disk that is not waited for."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _no_wait_for_the_disk() -> Iterator[None]:
    """No unit test pulls the plug, so no file need be on the disk: the waits for it are a tenth of the tests' time.

    A descriptor that is none is an error as before. Runs that are killed wait for the disk (tests/e2e).
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: os.fstat(descriptor) and None)
        yield
