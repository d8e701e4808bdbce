"""basewatch watches air bases: flight records and news in, monthly activity and its gaps out."""


def __getattr__(name: str) -> str:
    """`__version__`, looked up when somebody asks: it takes a while."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("basewatch")
    except PackageNotFoundError:  # running from a tree that was never installed
        return "0+unknown"
