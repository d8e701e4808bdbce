"""The inner tables of a build, at a terminal: which there are, their rows, and their SQL ready to paste."""

from __future__ import annotations

from pathlib import Path

from basewatch import config, progress, run
from basewatch.cli import tables
from basewatch.config import Settings
from basewatch.errors import ConfigError
from basewatch.reference import load
from basewatch.warehouse import learnt, models, work
from basewatch.warehouse.build import gather_inputs
from basewatch.warehouse.releases import Warehouse


def show_all(config_file: Path | None, form: tables.Format) -> None:
    """Print the tables in the order in which they are built, with how many rows are kept."""
    try:
        with work.opened(Warehouse(config.load(config_file).root).root) as work_file:
            rows = work.kept_rows(work_file)
    except ConfigError:
        rows = {}
    columns = ["table", "kind", "rows_kept", "grain", "reads"]
    model_rows = [
        (model.table, "view" if model.is_view else "table", rows.get(model.table), model.grain, sorted(model.parents))
        for model in models.load().values()
    ]
    tables.write("models", columns, model_rows, form, shown=("table", "kind", "rows_kept", "grain"))


def show_rows(
    config_file: Path | None, name: str, where: str | None, limit: int | None, form: tables.Format, *, raw: bool
) -> None:
    """Print the rows of a kept table. Raises ConfigError where it is not kept, or `where` is no condition on it."""
    model = work.find(name)
    settings = config.load(config_file)
    with work.opened(Warehouse(settings.root).root) as work_file:
        columns, rows = work.read(work_file, model, where, limit)
        _warn_if_old(work_file, settings, config_file)
    tables.write(f"{model.table}: {model.grain}", columns, rows, form, raw=raw)


def show_sql(config_file: Path | None, name: str) -> None:
    """Print a table's SQL with every parameter bound."""
    model = work.find(name)
    settings = config.load(config_file)
    root = Warehouse(settings.root).root
    try:
        with work.opened(root) as work_file:
            as_of = work_file.inputs.as_of
            _warn_if_old(work_file, settings, config_file)
    except ConfigError:
        as_of = run.last_day(run.start(settings, None))
        progress.plain(f"there is no {root / work.WORK} to paste it into yet; `basewatch build --keep` makes it")
    print(f"-- {model.table}: {model.grain}")
    print(f"{work.bound_sql(model, {**load.params(settings).values, 'as_of': as_of})};")


def _warn_if_old(work_file: work.Work, settings: Settings, config_file: Path | None) -> None:
    """Say on stderr where a build now would be made from something else.

    Without a configuration file nothing is said of thresholds and reference tables: it may be the sample's warehouse.
    """
    lake = Warehouse(settings.root).lake
    now = gather_inputs(
        lake, learnt.applied(load.tables(settings), settings.root), load.params(settings), work_file.inputs.as_of
    )
    parts = {"the lake": "lake", "the models": "models"}
    if config.find(config_file):
        parts["thresholds or reference tables"] = "parameters"
    changed = [part for part, name in parts.items() if getattr(now, name) != getattr(work_file.inputs, name)]
    if changed:
        progress.plain(
            f"{work.WORK} is of {work_file.built_at:%Y-%m-%d %H:%M} UTC; {' and '.join(changed)} changed since then: "
            "`basewatch build --keep` makes it anew"
        )
