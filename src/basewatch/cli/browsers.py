"""The report of a release in the browser of whoever sits at the terminal."""

from __future__ import annotations

import webbrowser

from basewatch import progress
from basewatch.errors import ConfigError
from basewatch.warehouse.published import Release


def show(release: Release) -> None:
    """Print where a release's report is, and open it. Raises ConfigError where the release has none."""
    page = (release.folder / "report" / "index.html").resolve()
    if not page.is_file():
        raise ConfigError(f"release {release.release_id} has no report; `basewatch report` makes one")
    print(page, flush=True)
    try:
        is_open = webbrowser.open(page.as_uri())
    except webbrowser.Error:
        is_open = False
    if not is_open:
        progress.plain("no browser could be started here: open the file above in one")
