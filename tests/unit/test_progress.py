"""Progress on stderr: a bar at a terminal while files are read, a line at times elsewhere."""

from __future__ import annotations

import io
import sys

import pytest

from basewatch import progress


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal in place of stderr, for the rest of the test."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def test_a_load_moves_a_bar_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch)
    with progress.load("flight_files", 1000) as advance:
        advance(250, "a\x1b[2J.csv")
        assert progress._live is not None
        (task,) = progress._live.tasks
        assert (task.completed, task.total) == (25, 100)
        assert task.description == "flight_files: a⟨U+001B⟩[2J.csv"
        advance(750, "b.csv")
        progress._live.refresh()
    assert "flight_files: b.csv" in stream.getvalue() and "100/100" in stream.getvalue()
    assert progress._live is None


def test_a_load_within_a_run_has_its_bar_below_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch)
    with progress.bar(3):
        progress.say("one")
        with progress.load("flight_files", 10) as advance:
            advance(5, "a.csv")
            assert progress._live is not None
            assert [task.description for task in progress._live.tasks] == ["one", "flight_files: a.csv"]
        assert len(progress._live.tasks) == 1
        progress.say("two")
    assert "one" in stream.getvalue() and "two" in stream.getvalue()


def test_elsewhere_a_long_load_says_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LONG_SECONDS", 0.0)
    with progress.load("flight_files", 4_000_000) as advance:
        advance(1_000_000, "a.csv")
    assert capsys.readouterr().err == "flight_files: 25% of 4.0 MB read, at a.csv\n"


def test_a_short_load_says_nothing_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.load("flight_files", 0) as advance:
        advance(0, "a.csv")
    assert capsys.readouterr().err == ""
