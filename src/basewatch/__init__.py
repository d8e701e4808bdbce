"""basewatch watches air bases: flight records and news in, monthly activity and its gaps out."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("basewatch")
except PackageNotFoundError:  # running from a tree that was never installed
    __version__ = "0+unknown"
