"""Daily archives over the network, brought to the local layout that `readsb_archive` reads.

There are three kinds of address:

- daily releases on GitHub: a repository a year, a tar a day, split where it is large
- the sample archive of ADS-B Exchange: single traces of the first day of each month
- any readsb globe_history: single traces, for watched aircraft alone, since nobody offers a world of single files
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from basewatch.config import ReadsbArchive
from basewatch.durable import make_folder
from basewatch.errors import Damaged, SourceError
from basewatch.lake import notes
from basewatch.net import providers
from basewatch.net.client import Client
from basewatch.net.faults import HttpFault
from basewatch.net.limits import STATE, Limit
from basewatch.net.secrets import clean_url
from basewatch.sources.contract import Context, Finding, Landed, LandedFile, Window
from basewatch.sources.landing import Landing, hours_since, is_url, slug
from basewatch.sources.readsb_archive import ranges
from basewatch.sources.readsb_archive.local import ALONE, CODE
from basewatch.sources.readsb_archive.pieces import Asset

RELEASES = "https://api.github.com/repos/adsblol/globe_history_{year}"
SAMPLES_HOST = "samples.adsbexchange.com"
PAGE = 100  # the most that a page of releases holds
MARGIN_DAYS = 10  # releases are listed by when they were made, which is not strictly by day
FRESH_SECONDS = 600.0  # a list younger than this is not asked for again although it lacks a day
STALE_SECONDS = 3600.0  # nor is one younger than this that has the day
ROOM_GB = 1.0  # space left free on the disk beside what is downloaded

_TAG = re.compile(r"v(\d{4})\.(\d\d)\.(\d\d)-planes-readsb-([a-z0-9-]+)")
_HEX = re.compile(r"~?[0-9a-f]{6}")


@dataclass(frozen=True)
class Copy:
    """One release of a day: its tag and the files that make one tar, in order; `lack` says what is missing of it."""

    tag: str
    assets: tuple[Asset, ...]
    lack: str | None = None

    @property
    def size(self) -> int:
        """Bytes in all, as far as stated."""
        return sum(asset.size or 0 for asset in self.assets)

    @property
    def label(self) -> str:
        """Tag, number of parts and size."""
        parts = f" in {len(self.assets)} parts" if len(self.assets) > 1 else ""
        return f"{self.tag}{parts} ({self.size / 1e6:,.1f} MB)"


def fetch(window: Window, context: Context[ReadsbArchive]) -> Landed:
    """The window's days as local tars, or folders of traces, below the landing.

    A day that the provider has not published is noted as late while it may still come, then as missing; one beyond the
    provider's history as expired. Raises SourceError where a day could not be had for another reason (of several days:
    where none could).
    """
    settings = context.settings
    layout = layout_of(settings)
    publish = context.params.archive_publish_hours
    files: list[LandedFile] = []
    absent: dict[date, tuple[str, str]] = {}
    failures: list[SourceError] = []
    for day in window.days():
        hours = hours_since(day, context.now)
        if hours < publish and layout != "globe_history":
            absent[day] = ("late", f"not published yet: due {publish:g} h after the day's end")
            continue
        if hours < 0:
            absent[day] = ("late", "the day has not ended")
            continue
        try:
            match layout:
                case "github":
                    files_or_reason = _release_day(day, settings, context)
                case "samples":
                    files_or_reason = _samples_day(day, settings, context)
                case _:
                    files_or_reason = _traces_day(day, settings, context)
        except SourceError as error:
            failures.append(error)
            absent[day] = ("failed", str(error))
            continue
        if isinstance(files_or_reason, str):
            absent[day] = _absence(day, files_or_reason, settings, context)
        else:
            files += files_or_reason
    if failures and len(failures) == len(list(window.days())):
        raise failures[0]
    return Landed(window, tuple(files), absent)


def layout_of(settings: ReadsbArchive) -> str:
    """What the configured address serves: github, samples or globe_history."""
    if settings.layout != "auto":
        return settings.layout
    parts = urlsplit(settings.location or RELEASES)
    if "/repos/" in parts.path:
        return "github"
    return "samples" if parts.hostname == SAMPLES_HOST else "globe_history"


def _absence(day: date, why: str, settings: ReadsbArchive, context: Context[ReadsbArchive]) -> tuple[str, str]:
    """The ledger status of a day that the provider does not have: late, missing or expired."""
    age = hours_since(day, context.now) / 24
    if settings.history_days is not None and age > settings.history_days:
        return "expired", f"{why}; the provider keeps {settings.history_days} days"
    return ("late" if age <= settings.late_days else "missing"), why


def absent(days: Sequence[date], context: Context[ReadsbArchive]) -> set[date]:
    """Those of the days that the provider cannot have: no sample day, or of years without a repository.

    Asks for the list of a year's repository, and of the neighbouring year's where there is none, as the days' own
    windows do. Raises SourceError.
    """
    settings = context.settings
    match layout_of(settings):
        case "samples":
            return {day for day in days if day.day != 1}
        case "github" if "{year}" in (settings.location or RELEASES):
            has: dict[int, bool] = {}

            def lacks(year: int) -> bool:
                if year not in has:
                    has[year] = _has_repository(year, settings, context)
                return not has[year]

            return {day for day in days if all(lacks(year) for year in _years(day))}
        case _:
            return set()


# ---- GitHub releases


def _years(day: date) -> tuple[int, int]:
    """The years whose repositories may hold a day: days stray over New Year."""
    return day.year, day.year + 1 if day.month >= 7 else day.year - 1


def _has_repository(year: int, settings: ReadsbArchive, context: Context[ReadsbArchive]) -> bool:
    url = (settings.location or RELEASES).rstrip("/").replace("{year}", str(year))
    try:
        next(_pages(url, date(year, 1, 1), settings, context), None)
    except HttpFault as fault:
        if fault.kind == "absent":
            return False
        raise
    return True


def _release_day(day: date, settings: ReadsbArchive, context: Context[ReadsbArchive]) -> list[LandedFile] | str:
    """The landed parts of the day's best copy, or why there is none."""
    releases = copies(day, settings, context)
    whole = [copy for copy in releases if copy.lack is None]
    if not whole:
        lacks = "; ".join(f"{copy.tag}: {copy.lack}" for copy in releases)
        return f"no complete release of {day}" + (f" ({lacks})" if lacks else "")
    copy = max(whole, key=lambda copy: (copy.size, copy.tag))
    if settings.read != "heatmap":
        return _download(copy, day, settings, context)
    if all(_has_size(context.landing / slug(asset.name), asset) for asset in copy.assets):
        return _download(copy, day, settings, context)  # which an earlier run did
    try:
        return _heatmaps(copy, day, settings, context)
    except ranges.NoHeatmaps as why:
        return f'{copy.label}: {why}; read = "traces" or "auto" reads its traces'
    except ranges.WholePartsNeeded as why:
        return _download(copy, day, settings, context, f"; whole, since its heatmaps cannot be had alone: {why}")


def copies(day: date, settings: ReadsbArchive, context: Context[ReadsbArchive]) -> list[Copy]:
    """The day's releases in the repository of its year, else of the neighbouring year (days stray over New Year).

    Releases of multilateration alone are left out, they hold next to nothing. Where the releases API is used up or does
    not reach back, the repository's own list of preferred files is asked.
    """
    base = (settings.location or RELEASES).rstrip("/")
    years = _years(day) if "{year}" in base else (day.year,)
    copies_of_day: list[Copy] = []
    for year in years:
        of_year, is_complete = _listed(base.replace("{year}", str(year)), day, settings, context)
        if not of_year and not is_complete and settings.index_url:
            of_year = _preferred(settings.index_url.replace("{year}", str(year)), day, settings, context)
        copies_of_day += of_year
        if any(copy.lack is None for copy in of_year):
            break
    return copies_of_day


def _listed(url: str, day: date, settings: ReadsbArchive, context: Context[ReadsbArchive]) -> tuple[list[Copy], bool]:
    """The day's copies by the releases API, and whether the API's list reaches as far back as the day."""
    copies_of_day: list[Copy] = []
    try:
        for releases in _pages(url, day, settings, context):
            days = [at for at, _ in map(_about, releases) if at is not None]
            copies_of_day += [_copy(release, settings) for release in releases if _is_of(release, day)]
            if days and min(days) < day - timedelta(days=MARGIN_DAYS):
                return copies_of_day, True
    except HttpFault as fault:
        if fault.kind == "limited" and not copies_of_day:
            return [], False
        if fault.kind == "absent":
            return [], True  # no repository of that year
        raise
    return copies_of_day, False


def _about(release: Mapping[str, Any]) -> tuple[date | None, str]:
    """Day and variant of a release, by its tag."""
    match = _TAG.fullmatch(str(release.get("tag_name", "")))
    if match is None:
        return None, ""
    try:
        return date(int(match[1]), int(match[2]), int(match[3])), match[4]
    except ValueError:
        return None, ""


def _is_of(release: Mapping[str, Any], day: date) -> bool:
    on, variant = _about(release)
    return on == day and not variant.startswith("mlatonly") and not release.get("draft")


def _copy(release: Mapping[str, Any], settings: ReadsbArchive) -> Copy:
    assets = []
    listed = release.get("assets")
    for asset in listed if isinstance(listed, list) else ():
        size = asset.get("size")
        url = str(asset.get("browser_download_url", ""))
        digest = re.fullmatch(r"sha256:([0-9a-f]{64})", str(asset.get("digest") or "").lower())
        if (
            asset.get("state") == "uploaded"
            and isinstance(size, int)
            and size > 0
            and url.startswith(("http://", "https://"))
        ):
            assets.append(Asset(str(asset.get("name", "")), url, size, digest[1] if digest else None))
    return choose(str(release["tag_name"]), assets, settings.split_bytes)


def choose(tag: str, assets: Iterable[Asset], split_bytes: int) -> Copy:
    """The files of a release that make its tar: the tar itself, or its parts, never both; and what is missing.

    Where both are there the larger counts. All parts but the last have the size at which the tar was split, and they
    are lettered without a gap; a last part of just that size has a successor that is missing.
    """
    named = {asset.name: asset for asset in assets}
    whole = named.get(f"{tag}.tar")
    parts = [named[name] for name in sorted(named) if re.fullmatch(re.escape(tag) + r"\.tar\.[a-z]{2}", name)]
    lack = _lack(tag, parts, split_bytes) if parts else None
    if whole and (not parts or lack or (whole.size or 0) >= sum(part.size or 0 for part in parts)):
        return Copy(tag, (whole,))
    if parts:
        return Copy(tag, tuple(parts), lack)
    return Copy(tag, (), "no uploaded tar in it")


def _lack(tag: str, parts: list[Asset], split_bytes: int) -> str | None:
    letters = [part.name[-2:] for part in parts]
    for position, letter in enumerate(letters):
        due = chr(97 + position // 26) + chr(97 + position % 26)
        if letter != due:
            return f"part .{due} is missing"
    sizes = [part.size for part in parts]
    for letter, size in zip(letters[:-1], sizes[:-1], strict=True):
        if size is not None and size != split_bytes:
            return f"part .{letter} has {size:,} bytes where {split_bytes:,} are due"
    if sizes[-1] == split_bytes:
        return f"the part after .{letters[-1]} is missing"
    return None


def _pages(
    url: str, day: date, settings: ReadsbArchive, context: Context[ReadsbArchive]
) -> Iterator[list[dict[str, Any]]]:
    """The pages of a repository's releases, newest first; from the landing where they are fresh enough."""
    client = _api_client(settings)
    number = 1
    while True:
        following, releases = _page(client, url, number, day, settings, context)
        yield releases
        if not following:
            return
        number += 1


def _page(
    client: Client, url: str, number: int, day: date, settings: ReadsbArchive, context: Context[ReadsbArchive]
) -> tuple[bool, list[dict[str, Any]]]:
    """One page and whether another follows. Kept with its ETag: a page that has not changed costs no quota."""
    cache_file = context.landing / "index" / f"{slug(urlsplit(url).netloc + urlsplit(url).path)}-{number}.json"
    cached = _read_cache(cache_file)
    now = STATE.clock.wall()
    if cached:
        age = now - cached["at"]
        has_day = any(_is_of(release, day) and not _copy(release, settings).lack for release in cached["releases"])
        if 0 <= age < (STALE_SECONDS if has_day else FRESH_SECONDS):
            if cached.get("fault"):
                raise HttpFault(str(cached["fault"]), kind="absent", status=404)
            return cached["next"], cached["releases"]
    headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    try:
        answer = client.get(
            f"{url}/releases",
            {"per_page": str(PAGE), "page": str(number)},
            headers=headers,
            etag=cached["etag"] if cached else None,
        )
    except HttpFault as fault:
        if fault.kind == "absent":  # kept too: each of its days would else be asked for, at the cost of quota
            nothing: dict[str, Any] = {"at": now, "etag": None, "next": False, "releases": [], "fault": str(fault)}
            notes.write(cache_file, nothing)
        raise
    if answer.status == 304 and cached:
        values = {**cached, "at": now}
    else:
        releases = answer.json()
        if not isinstance(releases, list):
            raise HttpFault(f"{CODE}: {answer.url} answered JSON that is no list of releases", kind="content")
        following = 'rel="next"' in answer.headers.get("Link", "")
        values = {
            "at": now,
            "etag": answer.headers.get("ETag"),
            "next": following,
            "releases": [_slim(r) for r in releases],
        }
    notes.write(cache_file, values)
    return values["next"], values["releases"]


def _read_cache(path: Path) -> dict[str, Any] | None:
    try:
        page = notes.read(path)
    except Damaged:  # the provider is asked anew
        return None
    return page if {"at", "etag", "next", "releases"} <= set(page) else None


def _slim(release: Any) -> dict[str, Any]:
    """What of a release is used."""
    if not isinstance(release, dict):
        return {}
    asset_keys = ("name", "size", "state", "digest", "browser_download_url")
    listed = release.get("assets")
    assets = [
        {key: asset.get(key) for key in asset_keys}
        for asset in (listed if isinstance(listed, list) else ())
        if isinstance(asset, dict)
    ]
    return {"tag_name": release.get("tag_name"), "draft": release.get("draft"), "assets": assets}


def _preferred(url: str, day: date, settings: ReadsbArchive, context: Context[ReadsbArchive]) -> list[Copy]:
    """The day's copy by the repository's list of preferred files: one line a day, addresses without sizes."""
    try:
        answer = _file_client(settings).get(url, expect="text")
    except HttpFault as fault:
        if fault.kind == "absent":
            return []
        raise
    if answer.body[:1] == b"<":
        raise HttpFault(f"{CODE}: {answer.url} answered a page where a list of files is due", kind="content")
    assets_of_tag: dict[str, list[Asset]] = {}
    for line in answer.body.decode("utf-8", "replace").splitlines():
        for address in (part.strip() for part in line.split(",")):
            pieces = urlsplit(address).path.split("/")
            if len(pieces) < 2 or not address.startswith(("http://", "https://")):
                continue
            tag, name = unquote(pieces[-2]), unquote(pieces[-1])
            if _is_of({"tag_name": tag}, day):
                assets_of_tag.setdefault(tag, []).append(Asset(name, address))
    return [choose(tag, assets, settings.split_bytes) for tag, assets in assets_of_tag.items()]


def _heatmaps(copy: Copy, day: date, settings: ReadsbArchive, context: Context[ReadsbArchive]) -> list[LandedFile]:
    """The copy's heatmaps alone, as a folder of the local layout. Raises WholePartsNeeded."""
    home = context.landing
    make_folder(home)

    def check_room(needed: int, mine: set[Path]) -> None:
        _check_room(copy.tag, needed, mine, home, settings)

    landing = Landing(context, Window(CODE, day, day), "manifests")
    landed = ranges.fetch(copy.assets, day, home, _file_client(settings), check_room)
    address = clean_url(copy.assets[0].url)
    note = f"{copy.label}; {landed.note}"
    now = context.now.astimezone(UTC)
    folder = LandedFile(landed.root, address, landed.sha256, landed.size, now, day, note, landed.within)
    ranges.remove_pieces(home, day)
    _finish([folder], set(), day, landing)
    return [folder]


def _download(
    copy: Copy, day: date, settings: ReadsbArchive, context: Context[ReadsbArchive], why: str = ""
) -> list[LandedFile]:
    """The copy's files in the landing, beside those of other days: the layout of a local archive.

    why: what the note says of them besides.
    """
    home = context.landing
    make_folder(home)
    targets = {asset.name: home / slug(asset.name) for asset in copy.assets}
    mine = set(targets.values()) | {target.with_name(f".{target.name}.part") for target in targets.values()}
    _check_room(copy.tag, copy.size, mine, home, settings)
    client = _file_client(settings)
    landing = Landing(context, Window(CODE, day, day), "manifests")
    files = []
    for position, asset in enumerate(copy.assets):
        target = targets[asset.name]
        sha256 = _already(target, asset)
        if sha256 is None:
            got = client.download(
                asset.url,
                target,
                size=asset.size,
                sha256=asset.sha256,
                expect="tar" if position == 0 else "bytes",
                max_bytes=asset.size or int(settings.disk_budget_gb * 1e9),
            )
            sha256 = got.sha256
        size = target.stat().st_size
        note = f"{copy.label}{why}"
        files.append(LandedFile(target, clean_url(asset.url), sha256, size, context.now.astimezone(UTC), day, note))
    ranges.remove(home, day)
    _finish(files, set(targets.values()), day, landing)
    return files


def _finish(files: list[LandedFile], tars: set[Path], day: date, landing: Landing) -> None:
    """Delete other tars of the day, and what is left of broken downloads; write the manifest."""
    for stale in landing.context.landing.iterdir():
        bare = stale.name.strip(".").split(".part")[0]
        if f"{day:%Y.%m.%d}" in bare and stale.is_file() and stale not in tars:
            stale.unlink()
    for file in files:
        landing.keep(file)
    landing.note("global", day, day, "release", "ok")
    landing.finish()


def _has_size(target: Path, asset: Asset) -> bool:
    return asset.size is not None and target.exists() and target.stat().st_size == asset.size


def _already(target: Path, asset: Asset) -> str | None:
    """The sha256 of a file that an earlier run brought whole; None where it must be fetched."""
    if not _has_size(target, asset):
        return None
    with target.open("rb") as handle:
        sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
    return sha256 if asset.sha256 in (None, sha256) else None


def _check_room(tag: str, needed: int, mine: set[Path], home: Path, settings: ReadsbArchive) -> None:
    """Raise SourceError where `needed` bytes would overrun the disk budget or the disk.

    mine: the files and folders in which these bytes will lie, some of which may be there.
    """
    have = sum(_bytes_of(path) for path in mine)
    others = _bytes_of(home) - _bytes_of(home / "index") - _bytes_of(home / "manifests") - have
    if others + needed > settings.disk_budget_gb * 1e9:
        raise SourceError(
            f"{CODE}: {tag} needs {needed / 1e9:,.2f} GB, landed archives take {others / 1e9:,.2f} GB and "
            f"sources.{CODE}.disk_budget_gb allows {settings.disk_budget_gb:g}: raise it, or set "
            f"sources.{CODE}.keep_landing = false and delete old files below {home}"
        )
    free = shutil.disk_usage(home).free
    if needed - have + ROOM_GB * 1e9 > free:
        raise SourceError(
            f"{CODE}: {tag} needs {needed / 1e9:,.2f} GB and the disk of {home} has {free / 1e9:,.2f} GB "
            "free: free some, or move the warehouse"
        )


def _bytes_of(path: Path) -> int:
    """The bytes of a file, or of all files below a folder; none where there is neither."""
    if not path.is_dir():
        return path.stat().st_size if path.exists() else 0
    # A year of heatmaps is 17,500 files, which is why no Path is made of each.
    folders, size = [str(path)], 0
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    size += entry.stat(follow_symlinks=False).st_size
    return size


def restated(done: Mapping[date, int], context: Context[ReadsbArchive]) -> list[date]:
    """Of the days given with the bytes of the copy that was read, those of which a larger copy is out now.

    Costs no quota where the lists have not changed. A list that cannot be had says nothing.
    """
    settings = context.settings
    if not is_url(settings.location) or layout_of(settings) != "github":
        return []
    days: list[date] = []
    for day, size in sorted(done.items()):
        try:
            whole = [copy for copy in copies(day, settings, context) if copy.lack is None and copy.size]
        except SourceError:
            return days
        best = max(whole, key=lambda copy: (copy.size, copy.tag), default=None)
        if best is not None and best.size > ranges.copy_size(context.landing, day, size):
            days.append(day)
    return days


# ---- single traces


def _samples_day(day: date, settings: ReadsbArchive, context: Context[ReadsbArchive]) -> list[LandedFile] | str:
    if day.day != 1:
        return "the sample archive holds the first day of each month alone"
    base = (settings.location or f"https://{SAMPLES_HOST}").rstrip("/")
    start = f"{base}/traces/{day:%Y/%m/%d}"
    client = _trace_client(settings, base)
    index = client.json(f"{start}/index.json", absent=(404,))
    if index is None:
        return f"no sample of {day}"
    names = index.get("traces") if isinstance(index, dict) else None
    if not isinstance(names, list):
        raise HttpFault(f"{CODE}: {clean_url(start)}/index.json holds no list `traces`", kind="content")
    addresses = [name for name in names if isinstance(name, str) and _HEX.fullmatch(name)]
    configured = {address.lower() for address in settings.aircraft}
    chosen = [address for address in addresses if address in configured] if configured else addresses
    return _traces(day, start, chosen, client, settings, context, configured=sorted(configured) or None)


def _traces_day(day: date, settings: ReadsbArchive, context: Context[ReadsbArchive]) -> list[LandedFile] | str:
    if not settings.aircraft:
        raise SourceError(
            f"{CODE}: {clean_url(settings.location or '')} serves one trace at a time: name the aircraft to fetch in "
            f"sources.{CODE}.aircraft, or use a source of whole days (a folder, or GitHub releases)"
        )
    base = (settings.location or "").rstrip("/").removesuffix("/globe_history")
    start = f"{base}/globe_history/{day:%Y/%m/%d}/traces"
    addresses = sorted({address.lower() for address in settings.aircraft})
    return _traces(day, start, addresses, _trace_client(settings, base), settings, context, configured=addresses)


def _traces(
    day: date,
    start: str,
    addresses: Iterable[str],
    client: Client,
    settings: ReadsbArchive,
    context: Context[ReadsbArchive],
    configured: list[str] | None,
) -> list[LandedFile] | str:
    """The traces of some addresses as a folder of the local layout; 404 is "no data" for one address on one day."""
    landing = Landing(context, Window(CODE, day, day), "manifests")
    root = ranges.root_of(context.landing, day)
    shutil.rmtree(root, ignore_errors=True)
    digests, size = [], 0
    within: list[tuple[str, str]] = []
    had: set[str] = set()
    for address in addresses:
        if not _HEX.fullmatch(address):
            raise SourceError(f"sources.{CODE}.aircraft: {address!r} is not an address of six hex digits")
        name = f"trace_full_{address}.json"
        target = root / "traces" / address[-2:] / name
        try:
            got = client.download(
                f"{start}/{address[-2:]}/{name}", target, expect="trace", max_bytes=settings.max_body_mb << 20
            )
        except HttpFault as fault:
            if fault.kind == "absent":
                continue
            if fault.status == 403:
                raise HttpFault(
                    f"{fault}; the provider does not let these files be fetched", kind="denied", status=403
                ) from None
            raise
        had.add(address)
        within.append((str(target.relative_to(root)), got.sha256))
        digests.append(f"{address} {got.sha256}")
        size += got.size
    for address in configured or ():
        landing.note(f"aircraft:{address}", day, day, "trace", "ok", None if address in had else "no trace")
    if not had:
        return f"no trace of {day}" + (f" of the {len(configured)} aircraft asked for" if configured else "")
    digest = hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()
    note = f"{ALONE}: {len(had)} of {len(configured)}" if configured else f"{len(had)} sample traces"
    now = context.now.astimezone(UTC)
    folder = LandedFile(root, clean_url(start), digest, size, now, day, note, tuple(within))
    landing.keep(folder)
    landing.finish()
    return [folder]


# ---- transport


def _api_client(settings: ReadsbArchive) -> Client:
    token = settings.token.get_secret_value() if settings.token else None
    return Client(
        CODE,
        limits=providers.rates("github", "token" if token else "anonymous"),
        private_headers={"Authorization": f"Bearer {token}"} if token else None,
        secrets=[token],
        policy=providers.policy(settings),
    )


def _file_client(settings: ReadsbArchive) -> Client:
    """For the files themselves: no token goes to hosts that serve bytes."""
    return Client(CODE, policy=providers.policy(settings))


def _trace_client(settings: ReadsbArchive, base: str) -> Client:
    parts = urlsplit(base)
    referer = f"{parts.scheme}://{parts.hostname}/"
    policy = replace(providers.policy(settings), attempts=max(settings.attempts, 1))
    rate = Limit(1, 1 / settings.requests_per_second)
    return Client(CODE, limits=[rate], headers={"Referer": referer}, policy=policy)


# ---- doctor


def check(context: Context[ReadsbArchive]) -> list[Finding]:
    """Reachability, disk budget and layout of a networked archive."""
    settings = context.settings
    layout = layout_of(settings)
    findings = [Finding(True, f"{CODE}: {clean_url(settings.location or RELEASES)} read as {layout}")]
    target = context.landing
    nearest = target
    while not nearest.exists():
        nearest = nearest.parent
    free = shutil.disk_usage(nearest).free / 1e9
    findings.append(
        Finding(
            free >= min(settings.disk_budget_gb, 10),
            f"{CODE}: budget of {settings.disk_budget_gb:g} GB, {free:,.1f} GB free",
            f"free space on the disk of {nearest} (a day is up to 4 GB), or lower sources.{CODE}.disk_budget_gb",
        )
    )
    if layout == "globe_history" and not settings.aircraft:
        findings.append(Finding(False, f"{CODE}: no aircraft named for single traces", f"set sources.{CODE}.aircraft"))
    day = (context.now.astimezone(UTC) - timedelta(days=2)).date()
    try:
        if layout == "github":
            releases = copies(day, settings, context)
            findings.append(
                Finding(
                    bool(releases),
                    f"{CODE}: {len(releases)} releases of {day}",
                    f"look at the project's page for {day}",
                )
            )
        else:
            base = (settings.location or f"https://{SAMPLES_HOST}").rstrip("/")
            _trace_client(settings, base).get(f"{base}/", expect="text", ok=(200, 403, 404))
            findings.append(Finding(True, f"{CODE}: {clean_url(base)} answers"))
    except SourceError as error:
        findings.append(Finding(False, str(error), "check network and proxy; a GitHub token raises the hourly quota"))
    return findings
