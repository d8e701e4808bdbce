"""A run with its warehouse in S3-compatible storage: the lease, the copy brought up to date, what is new stored."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from basewatch import progress
from basewatch.config import Settings
from basewatch.errors import BasewatchError
from basewatch.remote import lease, pointer
from basewatch.remote.bucket import Bucket
from basewatch.remote.copy import Copy
from basewatch.remote.pointer import Claimed
from basewatch.warehouse.releases import Warehouse


def bucket(settings: Settings) -> Bucket | None:
    """Where the warehouse is stored; None where it is a folder alone."""
    where = settings.warehouse
    return Bucket(where.storage, where.endpoint, where.region) if where.storage else None


@contextlib.contextmanager
def held(settings: Settings) -> Iterator[Callable[[], None]]:
    """Hold the storage for one run, whose warehouse is brought up to it first; what is new in the end is stored.

    Gives what stores the state of the warehouse at once, for the moment of a publish. Where no storage is set, nothing
    of this happens. Raises WarehouseBusy where another run holds either.
    """
    store = bucket(settings)
    if store is None:
        yield lambda: None
        return
    warehouse = Warehouse(settings.root)
    with warehouse.lock():
        told = pointer.read(store)
        with lease.held(store, settings.warehouse.lease_seconds, told[0].token if told else 0) as mine:
            copy = Copy(warehouse, Claimed(store, mine), settings.warehouse.grace_hours)
            copy.pull()
            try:
                yield copy.push
            except Exception:
                try:
                    copy.push()  # what was ingested before, and the record of the run
                except BasewatchError as fault:
                    progress.say(f"not stored: {fault}")
                raise
            copy.push()


def check(settings: Settings) -> str | None:
    """A sentence on the storage for `basewatch doctor`, None where none is set. Raises where something is wrong."""
    store = bucket(settings)
    if store is None:
        return None
    found = pointer.read(store)
    store.require_conditions()
    at = f"generation {found[0].generation}, release {found[0].release or 'none'}" if found else "nothing stored yet"
    return f"storage {store.address}: it heeds conditions; {at}"
