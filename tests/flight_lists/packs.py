"""Packs of examples: some fifty worlds of flights in one folder, run at once, and each held against its truth."""

from __future__ import annotations

import json
import random
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from basewatch import run
from basewatch.cli import status
from basewatch.config import Settings
from flight_lists import damage, files, world
from flight_lists.damage import Harm
from flight_lists.files import Listing
from flight_lists.forms import FORMS, MAPPED, TEXT_TIMES, Cell, Form, Styles
from flight_lists.world import Entry, Place

JUNK = {  # what lies in such folders and is no flight list
    "photo.JPG": b"\xff\xd8\xff\xe0 not really", ".DS_Store": b"\x00\x00\x00\x01Bud1", "Thumbs.db": b"\xd0\xcf\x11\xe0",
    "half.csv.tmp": b"icao24,origin\n1", "README.md": b"# Flights\n\nOne folder an example.\n",
}  # fmt: skip


@dataclass
class Example:
    """A world of its own: a month, bases, days declared complete, files, and what damage could touch."""

    number: int
    month: date
    bases: list[Place]
    covers: dict[str, tuple[date, date]]
    listings: list[Listing]
    harms: list[Harm] = field(default_factory=list)


@dataclass
class Pack:
    """Examples that share a warehouse."""

    seed: int
    flavour: str
    examples: list[Example]

    def damages(self) -> Counter[str]:
        """How often each damage befell a file."""
        return Counter(kind for one in self.examples for listing in one.listings for kind in listing.damages)


def make(seed: int, flavour: str, numbers: Iterable[int]) -> Pack:
    """A pack. flavour: `whole` without damage, `harmed` with damage that stays local, `blind` with files lost unnamed.

    Each example follows from seed, flavour and its number alone, so that a smaller pack holds the same ones.
    """
    return Pack(seed, flavour, [_example(seed, flavour, number) for number in numbers])


def _example(seed: int, flavour: str, number: int) -> Example:
    rng = random.Random(f"{seed}/{flavour}/{number}")
    month = world.month_of_example(number)
    forms = [FORMS[name] for name in rng.choices(list(FORMS), k=rng.choice([1, 1, 2, 2, 3]))]
    is_local = any(form.is_local for form in forms)
    # days alone do not tell the order of a hop from one base to another
    count = 1 if any(form.is_slow for form in forms) else rng.choice([1, 1, 2])
    bases = [world.real_base(number, n) if is_local else world.base(number, n, rng) for n in range(count)]
    covers = {}
    for base in bases:
        days = world.days_between(month, world.last_of(month))
        first, last = (0, len(days) - 1) if rng.random() < 0.7 else sorted(rng.sample(range(len(days)), 2))
        covers[str(base.base_id)] = (days[first], days[last])
    listings = _listings(number, month, bases, forms, rng)
    example = Example(number, month, bases, covers, listings)
    if flavour == "whole":
        _extras(example, rng)
    else:
        _harm(example, flavour, rng)
    return example


def _listings(number: int, month: date, bases: list[Place], forms: list[Form], rng: random.Random) -> list[Listing]:
    """The files of an example: each leg in one of them, some in two."""
    away = world.real_fields()[world.FAR] if any(form.is_local for form in forms) else world.fields()
    is_slow = any(form.is_slow for form in forms)
    identities = [rng.choice(form.identities) for form in forms]
    fleet = [
        world.aircraft(number, which, identity, rng)
        for which, identity in enumerate([*identities, *rng.choices(identities, k=rng.choice([0, 1, 2]))])
    ]
    # a run from the month's first day on does not ask for what ended before
    legs = [leg for leg in world.flights(bases, away, fleet, month, rng, is_slow) if leg.arrived_at.date() >= month]
    held: list[list[Entry]] = [[] for _ in forms]
    able_of = {plane: [n for n, form in enumerate(forms) if plane.identity in form.identities] for plane in fleet}
    # where one file tells days alone, each aircraft keeps to one file: a time and a day do not tell which came first
    home = {plane: rng.choice(able) for plane, able in able_of.items()}
    for leg in legs:
        able = able_of[leg.aircraft]
        chosen = home[leg.aircraft] if is_slow else rng.choice(able)
        others = [n for n in able if n != chosen and not is_slow]
        for n in {chosen, *(rng.sample(others, 1) if others and rng.random() < 0.2 else [])}:
            held[n].append(Entry(leg))
    return [
        _listing(number, which, form, month, entries, rng)
        for which, (form, entries) in enumerate(zip(forms, held, strict=True))
    ]


def _listing(number: int, which: int, form: Form, month: date, entries: list[Entry], rng: random.Random) -> Listing:
    if form.is_split:
        parts = [[Entry(e.leg, True, False), Entry(e.leg, False, True)] for e in entries]
        entries = [part for both in parts for part in both if part.ends or rng.random() < 0.5]
        entries = [part for part in entries if max(part.days) >= month]
    order = rng.choice(["as they flew", "newest first", "any"])
    entries = sorted(entries, key=lambda entry: (min(entry.days), max(entry.days), entry.leg.departed_at))
    if order == "any":
        rng.shuffle(entries)
    elif order == "newest first":
        entries.reverse()
    kinds = [kind for kind in form.kinds if entries or kind != "jsonl"]  # JSON Lines of no rows are a file of no bytes
    shape = files.random_shape(rng.choice(kinds), form, rng)
    times = rng.choice(form.times or list(TEXT_TIMES))
    styles = Styles(
        times, rng.choice(form.places), rng.random() < 0.5, rng.choice(["as is", "as is", "upper", "lower"])
    )
    names = files.operators(shape)
    rows: list[dict[str, Cell]] = []
    for entry in entries:
        (row,) = form.rows(entry, styles, rng)
        for name in ("operator", "Owner"):
            if name in row:
                word = rng.choice([*names, None])
                if word and rng.random() < 0.1:
                    word += "\u2028or so" if shape.kind in ("json", "jsonl") else "\nor so"
                row[name] = word
        rows.append(row)
    if form.name.startswith("plain") and rng.random() < 0.4:  # a number of its own in every file
        rows = [{"record_id": n + 1, **row} for n, row in enumerate(rows)]
    if rng.random() < 0.3 and form.name != "fr24_log":
        rows = [{**row, "remark": rng.choice(["", "seen", None]), "height": rng.randrange(40000)} for row in rows]
    columns = list(rows[0]) if rows else list(_empty_row(form, styles, rng))
    if form.may_be_renamed and rng.random() < 0.4:
        rng.shuffle(columns)
    spell = {"upper": str.upper, "lower": str.lower}.get(styles.case, str) if form.may_be_renamed else str
    stem = rng.choice([f"list-{which}", f"{month:%Y-%m} flights {which}", f"{month}_{world.last_of(month)}-{which}"])
    return Listing(
        f"e{number:02}/{stem}{files.ending(shape, rng)}", form, styles, shape, columns, [spell(c) for c in columns],
        rows, entries,
    )  # fmt: skip


def _empty_row(form: Form, styles: Styles, rng: random.Random) -> dict[str, Cell]:
    """The columns of a form, from a flight that nobody flew."""
    plane = world.aircraft(0, 0, form.identities[0], rng)
    leg = world.flights([world.base(0, 0, rng)], world.fields(), [plane], world.month_of_example(0), rng, False)[0]
    return form.rows(Entry(leg), styles, rng)[0]


def _extras(example: Example, rng: random.Random) -> None:
    """Rows that stand twice, and files that hold a heading alone."""
    for listing in example.listings:
        if listing.rows and rng.random() < 0.15:
            n = rng.randrange(len(listing.rows))
            listing.rows.append(dict(listing.rows[n]))
            listing.entries.append(listing.entries[n])
    if rng.random() < 0.1:
        form = FORMS["plain"]
        empty = _listing(example.number, 9, form, example.month, [], rng)
        empty.shape = files.Shape("csv")
        empty.path = f"e{example.number:02}/empty.csv"
        example.listings.append(empty)


def is_named(example: Example, listing: Listing) -> bool:
    """Whether the file's name states the month."""
    return f"{example.month:%Y-%m}" in listing.path


def _harm(example: Example, flavour: str, rng: random.Random) -> None:
    kinds = list(damage.WIDE if flavour == "blind" else damage.LOCAL)
    rng.shuffle(kinds)
    is_blind = (
        flavour == "blind"
    )  # one file alone is lost among ten examples: two would hide what either does not touch
    wanted = int(example.number % 10 == 0) if is_blind else rng.choice([0, 1, 2, 2, 3])
    for kind in kinds:
        able = [one for one in example.listings if damage.can(kind, one, is_named(example, one), is_blind)]
        if wanted and able:
            hit = rng.choice(able)
            if is_blind:
                _part(example, hit)
            example.harms.append(damage.befall(kind, hit, example.month, rng, is_named(example, hit), is_blind))
            wanted -= 1


def _part(example: Example, lost: Listing) -> None:
    """Leave the days of its flights to a file that will be lost: days of which another file has records stand."""
    theirs = {key for entry in lost.entries for key in entry.base_days}
    for listing in example.listings:
        if listing is not lost:
            kept = [n for n, entry in enumerate(listing.entries) if not entry.base_days & theirs]
            listing.rows = [listing.rows[n] for n in kept]
            listing.entries = [listing.entries[n] for n in kept]
    # JSON Lines of no record are a file of no byte, which is no list
    example.listings = [one for one in example.listings if one.rows or one.shape.kind != "jsonl"]


# ---- on disk, and run


def write(pack: Pack, folder: Path) -> Settings:
    """Write the pack's reference tables and files below `folder`; returns the settings of its run."""
    lists = folder / "records"
    lists.mkdir(parents=True)
    bases = [base for one in pack.examples for base in one.bases]
    tables = world.reference(bases)
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    for listing in (listing for one in pack.examples for listing in one.listings):
        path = lists / listing.path
        path.parent.mkdir(exist_ok=True)
        if listing.link_to:
            path.symlink_to(listing.link_to)
        else:
            path.write_bytes(listing.bytes())
    for name, content in JUNK.items():
        (lists / name).write_bytes(content)
    covers = [
        {"base": base, "from": first, "to": last} for one in pack.examples for base, (first, last) in one.covers.items()
    ]
    source = {"location": "records", "covers": covers, "columns": MAPPED, "ignore": ["*.tmp"]}
    (folder / "basewatch.toml").write_text(_toml(tables, source), encoding="utf-8")
    return Settings(
        folder=folder,
        warehouse={"root": "warehouse"},  # type: ignore[arg-type]
        reference={name: f"{name}.csv" for name in tables},  # type: ignore[arg-type]
        report={"fleet": "all"},  # type: ignore[arg-type]
        sources={"press_flights": {"enabled": False}, "flight_files": {"enabled": True, **source}},  # type: ignore[arg-type]
    )


def _toml(tables: Iterable[str], source: dict[str, Any]) -> str:
    """The same settings as a file, to try a pack by hand."""
    covers = ", ".join(f'{{base = "{c["base"]}", from = "{c["from"]}", to = "{c["to"]}"}}' for c in source["covers"])
    columns = ", ".join(f"{name} = {json.dumps(word)}" for name, word in source["columns"].items())
    return (
        '[warehouse]\nroot = "warehouse"\n[report]\nfleet = "all"\n[reference]\n'
        + "".join(f'{name} = "{name}.csv"\n' for name in tables)
        + "[sources.press_flights]\nenabled = false\n[sources.flight_files]\nenabled = true\n"
        + f'location = "records"\nignore = ["*.tmp"]\ncolumns = {{{columns}}}\ncovers = [{covers}]\n'
    )


def span(pack: Pack) -> tuple[date, date]:
    """The first and last day of the run."""
    return min(one.month for one in pack.examples), max(world.last_of(one.month) for one in pack.examples)


def execute(pack: Pack, settings: Settings) -> None:
    """Run the product over the pack's months."""
    since, until = span(pack)
    work = run.start(settings, until, since)
    work.progress = lambda _: None
    run.execute(work)


# ---- judged


def faults(pack: Pack, settings: Settings) -> dict[int, list[str]]:
    """What is wrong with what was published, by example; nothing where all is right."""
    with duckdb.connect(str((settings.root / "basewatch.duckdb").resolve()), read_only=True) as connection:
        daily = connection.execute(
            "SELECT base_id, day, observability, arrivals, departures, visits FROM base_daily_activity "
            "WHERE fleet_id = 'all'"
        ).fetchall()
        monthly = connection.execute(
            "SELECT base_id, month, visits, arrivals, departures, days_unmeasured, days_missing, days_observed, "
            "days_blind FROM base_monthly_activity WHERE fleet_id = 'all'"
        ).fetchall()
    days = {(row[0], row[1]): row[2:] for row in daily}
    months = {(row[0], row[1]): row[2:] for row in monthly}
    accounts = {account["file"]: account for account in status.read(settings)["files"]}
    touched = set().union(*(harm.days for one in pack.examples for harm in one.harms))
    told: dict[int, list[str]] = {}
    for one in pack.examples:
        wrong = [*_wrong_days(pack, one, days, touched), *_wrong_months(pack, one, months, touched)]
        wrong += _wrong_accounts(one, accounts, bool(wrong) or bool(one.harms))
        if wrong:
            told[one.number] = wrong
    return told


def _truth(example: Example) -> world.Truth:
    """What is to be counted."""
    return world.truth(entry for listing in example.listings for entry in listing.entries)


def _stays_of_what_is_left(example: Example) -> list[world.Truth]:
    """What is to be counted where one or all of the rows that damage touched are lost.

    A stay whose take-off is lost lasts until the next end that was read; one whose landing is lost begins later. On the
    days between, which nothing names, stays may differ from the truth by such a stay.
    """
    harmed = [entry for harm in example.harms for entry in harm.entries]
    whole = [entry for one in example.listings if not one.damages for entry in one.entries]
    hit = [entry for one in example.listings if one.damages for entry in one.entries]
    left = [[*whole, *(one for one in hit if one not in lost)] for lost in [harmed, *([entry] for entry in harmed)]]
    return [world.truth(entries) for entries in left]


def _is_blind(pack: Pack) -> bool:
    return any(harm.everything for one in pack.examples for harm in one.harms)


def _vouched(example: Example) -> set[tuple[str, date]]:
    """Bases and days that a whole file records."""
    whole = [listing for listing in example.listings if not listing.damages]
    return {key for listing in whole for entry in listing.entries for key in entry.base_days}


def _wrong_days(
    pack: Pack,
    example: Example,
    published: dict[tuple[str, date], tuple[Any, ...]],
    touched: set[date],
) -> list[str]:
    real, wrong = _truth(example), []
    _, until = span(pack)
    vouched, is_blind = _vouched(example), _is_blind(pack)
    # an end whose time is lost counts on the day of the other end, also beside a record that has its time
    shifted = {day for harm in example.harms if harm.kind in damage.BLANKS_TIMES for day in harm.days}
    variants = _stays_of_what_is_left(example) if example.harms else []
    for place in example.bases:
        base = str(place.base_id)
        first, last = example.covers[base]
        spine = min(first, real.first_evidence.get(base, first))
        begun = min((d for b, d in published if b == base), default=until)
        for day in world.days_between(spine, until):
            count = real.days.get((base, day), world.Count())
            want = (count.arrivals, count.departures, count.visits)
            row = published.get((base, day))
            is_loose = day in touched or (is_blind and (base, day) not in vouched)
            if row is None:  # a spine begins with the first day that is looked at or recorded
                if not is_loose and (first <= day <= last or day > begun):
                    wrong.append(f"{base} {day}: no row")
                continue
            seen, got = row[0], row[1:]
            stays = [want[2], *(one.days.get((base, day), world.Count()).visits for one in variants)]
            has_right_stays = min(stays) <= (got[2] or 0) <= max(stays)
            if first <= day <= last and seen == "unmeasured":
                if got[:2] != want[:2] or not has_right_stays:
                    wrong.append(f"{base} {day}: {got} published, {want} true{' (touched)' if is_loose else ''}")
            elif seen != "missing" or (first <= day <= last and not is_loose):
                wrong.append(f"{base} {day}: {seen} {got}, true {want}")
            elif 0 in got:
                wrong.append(f"{base} {day}: a zero on a missing day, {got}")
            elif is_loose:
                # stays made longer are no lower bound
                most = zip(got[:2], want, strict=False)
                if day not in shifted and any(value is not None and value > true for value, true in most):
                    wrong.append(f"{base} {day}: {seen} {got} is more than the truth, {want} (touched)")
            elif got[:2] != tuple(value or None for value in want[:2]) or not has_right_stays:
                wrong.append(f"{base} {day}: {seen} {got}, true {want}")
    return wrong


def _wrong_months(
    pack: Pack,
    example: Example,
    published: dict[tuple[str, date], tuple[Any, ...]],
    touched: set[date],
) -> list[str]:
    real, wrong = _truth(example), []
    _, until = span(pack)
    for place in example.bases:
        base = str(place.base_id)
        first, last = example.covers[base]
        begun = min((month for b, month in published if b == base), default=until)
        month = min(first, real.first_evidence.get(base, first)).replace(day=1)
        while month <= until:
            days = world.days_between(month - world.DAY, world.last_of(month) + world.DAY)
            if not touched.intersection(days) and not _is_blind(pack):
                count = real.months.get((base, month), world.Count())
                covered = sum(first <= day <= last for day in days[1:-1])
                is_known = 2 * covered >= len(days) - 2
                values = (count.visits, count.arrivals, count.departures)
                want = (
                    *(value if is_known else value or None for value in values),
                    covered, len(days) - 2 - covered, 0, 0,
                )  # fmt: skip
                if published.get((base, month)) != want and (month >= begun or covered or any(values)):
                    wrong.append(f"{base} {month:%Y-%m}: {published.get((base, month))} published, {want} true")
            month = world.last_of(month) + world.DAY
    return wrong


def _wrong_accounts(example: Example, accounts: dict[str, dict[str, Any]], is_doubtful: bool) -> list[str]:
    """Rows read = kept + rejected + duplicates for every file; damaged files are named."""
    wrong = []
    for listing in example.listings:
        mine = [account for name, account in accounts.items() if listing.path in name]
        if not mine:
            wrong.append(f"{listing.path}: no account")
            continue
        read, kept, rejected, duplicate, unresolved = (
            sum(account[f"records_{what}"] or 0 for account in mine)
            for what in ("read", "kept", "rejected", "duplicate", "unresolved")
        )
        told = f"{listing.path}: read {read}, kept {kept}, rejected {rejected}, duplicates {duplicate}"
        reasons = [account["fault"] or account["first_reason"] for account in mine if account["fault"] or rejected]
        if read != kept + rejected + duplicate:
            wrong.append(f"{told} do not add up")
        if not listing.damages:
            if rejected or unresolved or read != len(listing.rows) or reasons:
                wrong.append(f"{told}, unresolved {unresolved}; {len(listing.rows)} rows written; {reasons}")
        elif kept + duplicate < len(listing.rows) and not any(reasons) and not unresolved:
            wrong.append(f"{told}; {len(listing.rows)} rows written, {listing.damages}, and nothing says so")
    return wrong


def attempt(pack: Pack, folder: Path) -> dict[int, list[str]]:
    """Write, run and judge a pack; returns the faults by example. A run that ends with an error is a fault of all."""
    made = write(pack, folder)
    try:
        execute(pack, made)
    except Exception as error:
        return {one.number: [f"the run ended with {type(error).__name__}: {error}"] for one in pack.examples}
    return faults(pack, made)


def fails_alone(pack: Pack, number: int) -> bool:
    """Whether one example of the pack fails by itself."""
    with tempfile.TemporaryDirectory() as folder:
        return bool(attempt(make(pack.seed, pack.flavour, [number]), Path(folder)))
