"""The files of a new watch: a commented configuration and reference tables, in a folder that holds none yet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from basewatch import config
from basewatch.durable import make_folder, write_aside
from basewatch.errors import ConfigError
from basewatch.geo import NM_KM, distance_km
from basewatch.reference import load
from basewatch.reference.load import shipped_rows
from basewatch.reference.rows import FieldRunwayRow, FleetRow, Row
from basewatch.starting import world_runways
from basewatch.starting.places import Place

CONFIG = "basewatch.toml"
FOLDERS = ("records", "articles")
FIELDS_NM = 350.0  # as the shipped table has them: an aircraft that is lost within reach of a base lands no farther


def write(folder: Path, places: Sequence[Place], fleets: Sequence[FleetRow]) -> list[Path]:
    """Write a watch of these places and fleets; the files, the configuration last.

    With no place the shipped bases are watched, with no fleet the shipped ones are counted. What is written is loaded
    before it is left. Raises ConfigError where a file of the watch is there already.
    """
    texts: dict[str, str] = {}
    if places:
        texts["bases.csv"] = _csv([place.base for place in places])
        general = [row for row in shipped_rows("keywords") if row.base_id is None]
        texts["keywords.csv"] = _csv([*general, *(row for place in places for row in place.keywords)])
        texts["runways.csv"] = _csv([row for place in places for row in place.runways])
        texts["field_runways.csv"] = _csv(_of_fields_near(places))
    if fleets:
        texts["fleets.csv"] = _csv(fleets)
    texts = {name: text for name, text in texts.items() if text}
    texts[CONFIG] = _config([name for name in texts if name.endswith(".csv")], places, fleets)
    present = [name for name in texts if (folder / name).exists()]
    if present or (folder.exists() and not folder.is_dir()):
        raise ConfigError(f"{folder / (present or [''])[0]} is there already; name another folder, or take it away")
    for name in FOLDERS:
        make_folder(folder / name)
    written = []
    try:
        for name, text in texts.items():
            write_aside(folder / name, text.encode())
            written.append(folder / name)
        load.tables(config.load(folder / CONFIG))
    except BaseException:  # half a watch would be refused the next time
        for file in written:
            file.unlink(missing_ok=True)
        raise
    return written


def _of_fields_near(places: Sequence[Place]) -> list[FieldRunwayRow]:
    """Runways of the fields at which an aircraft that is lost near a place may have landed instead."""
    fields = shipped_rows("fields")
    apart = [
        distance_km(
            np.array([field.latitude for field in fields]),
            np.array([field.longitude for field in fields]),
            np.array([place.base.latitude]),
            np.array([place.base.longitude]),
        )
        for place in places
    ]
    own = {place.base.ident for place in places}
    near = np.min(apart, axis=0) <= FIELDS_NM * NM_KM
    found = world_runways.of({field.ident for field, is_near in zip(fields, near, strict=True) if is_near} - own)
    return [row for _, rows in sorted(found.items()) for row in rows]


def _csv(rows: Iterable[Row]) -> str:
    """Rows as a reference file; empty where there is none."""
    held = list(rows)
    if not held:
        return ""
    text = io.StringIO()
    names = list(type(held[0]).model_fields)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([[_cell(getattr(row, name)) for name in names] for row in held])
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else value


def _config(tables: Sequence[str], places: Sequence[Place], fleets: Sequence[FleetRow]) -> str:
    """The configuration's text: what is on, and what may be, with a word on each."""
    bases = ", ".join(f'"{place.base.base_id}"' for place in places)
    fleet = fleets[0].fleet_id if fleets else "all"
    first = places[0].base.base_id if places else "hmeimim"
    reference = "\n".join(f'{name.removesuffix(".csv")} = "{name}"' for name in tables) or '# bases = "bases.csv"'
    return f"""# A watch of air bases. `basewatch doctor` says what is wrong with it, `basewatch nightly` runs it.
# Relative paths start at this file's folder. Keys and passwords belong into the environment, never in here.

[warehouse]
root = "warehouse"                      # where all results go
# keep_releases = 30                    # older ones are deleted

[reference]                             # tables of your own in place of the shipped ones
{reference}

[report]
bases = [{bases}]{" " * max(1, 31 - len(bases))}# shown in the report; empty: all with a visit, mention or claim
fleet = "{fleet}"{" " * max(1, 31 - len(fleet))}# whose visits are shown first; `all` is every aircraft

[sources.flight_files]                  # lists of flights that you have: CSV, Excel, JSON, Parquet
enabled = false                         # true as soon as there is one in the folder
location = "records"
# Days on which your records of a base are complete. Without it a day without a record is missing, and never quiet.
# covers = [{{ base = "{first}", from = "2025-01-01", to = "2025-12-31" }}]

[sources.articles]                      # articles: text, Markdown, HTML or mail files
enabled = true
location = "articles"

# Tracks of all aircraft of a day, from a public archive. A day is some gigabytes: see docs/network-sources.md first.
# [sources.readsb_archive]
# enabled = true

# News of the world in translation, by the names of your bases.
# [sources.gdelt_doc]
# enabled = true
# bases = [{bases}]
"""
