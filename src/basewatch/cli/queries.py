"""A query of the user's own on a release: read-only, and without a way to files, the network or other databases."""

from __future__ import annotations

from typing import Any

import duckdb

from basewatch.cli import tables
from basewatch.errors import ConfigError
from basewatch.warehouse.published import Published

SHUT_IN = (  # in this order: the last one keeps a query from undoing the others
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


def rows(
    published: Published, query: str, release: str | None, limit: int | None
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of a query on a release (None: the current one), at most `limit` of them.

    Raises ConfigError where the query fails, in words that say why.
    """
    with tables.opened(published, release) as connection:
        for setting in SHUT_IN:
            connection.execute(setting)
        try:
            result = connection.execute(query)
            names = [column[0] for column in result.description or []]
            found = result.fetchall() if limit is None else result.fetchmany(limit)
        except duckdb.Error as error:
            raise ConfigError(explained(error)) from None
        return names, found


def explained(error: duckdb.Error) -> str:
    """What is wrong with a query, in plain words, and DuckDB's own words below."""
    told = str(error).strip()
    if isinstance(error, duckdb.PermissionException) or "configuration" in told:
        return f"a query here sees the published tables and no file, and changes no setting\n{told}"
    if "read-only" in told:
        return f"a release never changes: ask for rows with SELECT\n{told}"
    if isinstance(error, duckdb.CatalogException):
        return f"{told}\n`SHOW TABLES` lists the tables, `DESCRIBE base_visits` the columns of one"
    return f"this query does not work\n{told}"
