"""Commands that show the published tables: one a table, with the same options."""

from __future__ import annotations

from collections.abc import Callable

from basewatch.cli.loudness import App
from basewatch.cli.options import Base, ConfigFile, Fleet, Form, Limit, Raw, Since, Until, day, form, last_day

app = App()


def _table_command(name: str, doc: str) -> Callable[..., None]:
    def command(
        base: Base = None,
        fleet: Fleet = None,
        since: Since = None,
        until: Until = None,
        limit: Limit = None,
        form_name: Form = "table",
        raw: Raw = False,
        config_file: ConfigFile = None,
    ) -> None:
        from basewatch import config
        from basewatch.cli import tables
        from basewatch.warehouse.published import Published
        from basewatch.warehouse.views import Choice

        checked = form(form_name)
        choice = Choice(base, fleet, day(since, "--since"), last_day(until, "--until"), limit)
        names, rows = tables.rows(Published(config.load(config_file).root), name, choice)
        tables.show(name, names, rows, checked, raw=raw)

    command.__doc__ = doc
    command.__name__ = name
    return command


for _name, _doc in {
    "months": "Monthly activity of each base and fleet.",
    "gaps": "Spells with no visit.",
    "visits": "Stays of one aircraft at one base.",
    "mentions": "Articles that name a base.",
    "claims": "What the press said, held against what was recorded.",
    "bases": "The places that are watched; they have no time and no fleet.",
    "fleets": "The sets of aircraft that are counted; they have no time and no base.",
    "sources": "What each source brought into the release, by days.",
}.items():
    app.command(_name)(_table_command(_name, _doc))
