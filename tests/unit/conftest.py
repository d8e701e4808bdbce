"""What unit tests share: a disk that is not waited for, and one small warehouse that is built once a session."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from filelock import FileLock

from unit import told_release
from wholeruns import Watch, stays

ARTICLE = """# Fewer flights to Hmeimim
Date: 2025-02-10
Source: a newspaper
Language: en

Russian military transports have not landed at the Hmeimim air base in Syria since the end of January.

Original URL: https://news.example/hmeimim
"""


@pytest.fixture(scope="module", autouse=True)
def _no_wait_for_the_disk() -> Iterator[None]:
    """No unit test pulls the plug, so no file need be on the disk: the waits for it are a tenth of the tests' time.

    A descriptor that is none is an error as before. Runs that are killed wait for the disk (tests/e2e).
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: os.fstat(descriptor) and None)
        yield


@pytest.fixture(scope="session")
def small_watch(tmp_path_factory: pytest.TempPathFactory) -> Watch:
    """Two months of Hmeimim, silent in the second, built stage by stage from the command line. Not to be changed.

    `candidate` beside its warehouse is the candidate that was published. All workers of a session share one.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "small-watch"
    watch = Watch(folder)
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "ready").exists():
            _build(watch)
            (folder / "ready").touch()
    return watch


def _build(watch: Watch) -> None:
    watch.folder.mkdir()
    watch.configure(
        '[sources.articles]\nenabled = true\nlocation = "articles"\n',
        covers='covers = [{base = "hmeimim", from = "2025-01-01", to = "2025-02-28"}]',
    )
    watch.write_flights(stays(date(2025, 1, 3), date(2025, 1, 30)))
    (watch.folder / "articles").mkdir()
    (watch.folder / "articles" / "one.md").write_text(ARTICLE, encoding="utf-8")
    watch.ingest("2025-02-28")
    built = watch.inside("build")
    assert built.returncode == 0, built.stderr
    shutil.copytree(watch.root / "candidate", watch.folder / "candidate")
    published = watch.inside("publish")
    assert published.returncode == 0, published.stderr


@pytest.fixture
def own_watch(small_watch: Watch, tmp_path: Path) -> Watch:
    """The small watch in a folder of the test's own, to change at will."""
    folder = tmp_path / "watch"
    shutil.copytree(small_watch.folder, folder, symlinks=True)
    return Watch(folder)


@pytest.fixture(scope="session")
def told_watch(small_watch: Watch, tmp_path_factory: pytest.TempPathFactory) -> Watch:
    """A release made by hand, with one finding of each sort (told_release.py). Not to be changed."""
    return told_release.publish(tmp_path_factory.mktemp("told"), small_watch)
