"""basewatch watches air bases: flight records and news in, monthly activity and its gaps out.

`basewatch.open("warehouse")` gives the published tables in Python (notebook/door.py, docs/python.md).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from basewatch.notebook.door import open as open

    __version__: str


def __getattr__(name: str) -> Any:
    """`open` and `__version__`, looked up when somebody asks: both take a while."""
    if name == "open":
        from basewatch.notebook import door

        return door.open
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("basewatch")
    except PackageNotFoundError:  # running from a tree that was never installed
        return "0+unknown"
