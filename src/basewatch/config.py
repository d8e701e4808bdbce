"""Run settings: one TOML file, every value overridable from the environment, secrets from the environment only.

Thresholds that change a result are not here but in sql/params.yml; facts about the world are in sql/reference/.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import tomllib
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from basewatch import outside
from basewatch.errors import ConfigError
from basewatch.outside import json_text

CONFIG_VARIABLE = "BASEWATCH_CONFIG"
_HOST = re.compile(r"([a-z0-9-]+\.)+[a-z]{2,}")
LONG_AS_A_KEY = 16  # characters: parts of an address that are as long are hidden wherever they stand
DEFAULT_CONFIG = Path("basewatch.toml")


class Section(BaseModel):
    """A table of basewatch.toml; a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Warehouse(Section):
    """Where results live, and how many releases are kept."""

    root: str = Field("warehouse", description="A folder; relative ones start at the configuration file.")
    keep_releases: int = Field(
        30, ge=1, description="Published releases kept for `rollback`; the current one always is."
    )
    keep_bytes: int | None = Field(
        None, ge=1, description="Bytes that they may take up together; the oldest go first, the current one never."
    )
    storage: str | None = Field(
        None, description="s3://bucket/prefix, where lake and releases are kept; `root` is then a working copy of it."
    )
    endpoint: str | None = Field(
        None, pattern=r"^https?://[^@]+$", description="Of a storage that is not Amazon's own."
    )
    region: str = Field("us-east-1", description="Of the storage.")
    lease_seconds: float = Field(
        120, ge=1, description="A run that has not been heard of for so long counts as dead, and another may take over."
    )
    grace_hours: float = Field(
        24, ge=0, description="How long a release that is no longer kept stays in the storage, for who still reads it."
    )

    @field_validator("storage")
    @classmethod
    def _is_a_bucket(cls, given: str | None) -> str | None:
        if given is not None and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]+(/[^/?#]+)*/?", given):
            raise ValueError("must be s3://bucket or s3://bucket/prefix")
        return given


class Reference(Section):
    """CSV files that replace the shipped reference tables; empty means the shipped one."""

    bases: str | None = Field(None, description="The watched places.")
    runways: str | None = Field(None, description="Their runways.")
    fields: str | None = Field(None, description="Other fields that flights come from or may have landed at.")
    fleets: str | None = Field(None, description="Rules of the sets of aircraft that are counted.")
    aircraft: str | None = Field(None, description="What registers say of addresses.")
    aircraft_types: str | None = Field(None, description="Types of aircraft: description and wake category.")
    keywords: str | None = Field(None, description="Names by which texts call a base, and words that help to tell.")
    corrections: str | None = Field(None, description="Known errors in providers' records.")
    icao_blocks: str | None = Field(None, description="Blocks of addresses by country.")
    military_ranges: str | None = Field(None, description="Parts of these blocks that are given to military aircraft.")
    field_runways: str | None = Field(None, description="Runways of the other fields.")
    evidence_terms: str | None = Field(None, description="Steps of the tables by which silences are judged.")
    evidence_words: str | None = Field(None, description="What a term of evidence is called in a sentence.")
    registration_rules: str | None = Field(None, description="How countries make addresses of registrations.")
    register_rules: str | None = Field(None, description="What is left out of a register, or put right.")
    sources: str | None = Field(None, description="Licences and credits of the sources, and what their days prove.")
    reading_accuracy: str | None = Field(None, description="How well texts are read, measured on labelled cases.")
    params: str | None = Field(None, description="A params.yml in place of the shipped thresholds.")
    add_fleets: list[str] = Field(
        default_factory=list,
        description="Shipped fleets of states that are counted besides, as `us_transport`: docs/reference-data.md.",
    )


class Registers(Section):
    """Where `basewatch aircraft update` finds each register: a URL, a file, for tar1090_db also a folder of shards.

    An empty text leaves the register out.
    """

    plane_alert_db: str = Field(
        "https://raw.githubusercontent.com/sdr-enthusiasts/plane-alert-db/main/plane-alert-db.csv",
        description="Military and other aircraft worth a look, named by volunteers.",
    )
    tar1090_db: str = Field(
        "https://github.com/wiedehopf/tar1090-db/raw/refs/heads/csv/aircraft.csv.gz",
        description="The database of tar1090: most aircraft, few operators.",
    )
    opensky_metadata: str = Field(
        "https://opensky-network.org/datasets/metadata/aircraftDatabase.csv",
        description="OpenSky's database of aircraft; 47 MB in 2024.",
    )
    keep: Literal["relevant", "all"] = Field(
        "relevant",
        description="Rows kept of registers other than plane-alert-db: military ones and those of aircraft that "
        "plane-alert-db or the current release knows, or all (loading half a million rows is felt in every command).",
    )
    min_share_of_last: float = Field(
        0.5, ge=0, le=1, description="A file with fewer good rows than this share of the last one is refused."
    )
    max_body_mb: int = Field(512, ge=1, description="No register may be larger, unpacked.")
    attempts: int = Field(4, ge=1, description="Times a request is sent before it counts as failed.")
    connect_seconds: float = Field(10, gt=0, description="Time allowed to reach a host.")
    read_seconds: float = Field(60, gt=0, description="Time allowed between two pieces of an answer.")
    file_seconds: float = Field(3600, gt=0, description="Time allowed for a register as a whole, over all attempts.")
    allow_local: bool = Field(False, description="Whether loopback and link-local addresses may be asked.")


class Limits(Section):
    """What no text from outside may go beyond."""

    nesting: int = Field(100, ge=8, description="Lists and objects of JSON within each other.")


class Gates(Section):
    """How a candidate is judged, and what is kept of it for people."""

    judge: Literal["counts", "great_expectations"] = Field(
        "counts",
        description="Who judges what the suites ask for: the counts, or Great Expectations, which reads every row.",
    )
    derive_again: bool = Field(
        True,
        description="Whether what is published is derived a second time from the lake before the switch; off, a night "
        "goes out that such a check refuses by mistake.",
    )
    data_docs: bool = Field(
        True,
        description="Whether Great Expectations' validation results and Data Docs of each published run are kept in "
        "warehouse/quality/; they are made after the release stands.",
    )


class Nightly(Section):
    """The scheduled run."""

    cron: str = Field("15 5 * * *", description="When `basewatch schedule` runs, in UTC.")
    horizon_days: int = Field(14, ge=1, description="Days back a night looks for missing, failed or late ones.")


class Backfill(Section):
    """A range of days."""

    dask: str | None = Field(
        None,
        pattern=r"^(tcp|tls)://\S+$",
        description="The scheduler of a Dask cluster, as tcp://host:8786, on which archives are decoded; its workers "
        "must see the warehouse and the archives by the same paths. Without it processes here decode.",
    )
    days_at_once: int = Field(4, ge=1, description="Days of one archive under way on the cluster.")


class Report(Section):
    """What the HTML report shows."""

    bases: list[str] = Field(
        default_factory=list, description="Bases to show; empty: those with a visit, a mention or a claim."
    )
    fleet: str = Field("ru_mil", description="Fleet whose visits are shown first; `all` is every aircraft.")


AlertKind = Literal[
    "pause_called",
    "pause_ended",
    "pause_withdrawn",
    "first_sign",
    "claim_contradicted",
    "claim_corroborated",
    "surge",
    "accuracy_fallen",
    "source_late",
    "gate_refused",
    "night_failed",
]
ALERT_KINDS: tuple[str, ...] = get_args(AlertKind)
_ADDRESS = re.compile(r"[A-Za-z0-9_+-]{2,20}://\S*")
_QUIET = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


class AlertRule(Section):
    """Which alerts go where; what is left empty chooses all."""

    to: list[str] = Field(default_factory=list, description="Names of targets.")
    kinds: list[AlertKind] = Field(default_factory=list, description="Kinds of alerts (docs/alerts.md).")
    bases: list[str] = Field(default_factory=list, description="Bases; alerts of no base, such as a failure, pass.")
    fleets: list[str] = Field(default_factory=list, description="Fleets; alerts of no fleet pass.")


class Alerts(Section):
    """Who is told of what is worth a person's time."""

    targets: Annotated[dict[str, SecretStr], NoDecode] = Field(
        default_factory=dict,
        description='Addresses of apprise by a name of one\'s own, as {mail = "mailto://…"}. They hold secrets, whose '
        "place is the environment: BASEWATCH_ALERTS__TARGETS, with addresses between blanks or a JSON object.",
    )
    rules: list[AlertRule] = Field(
        default_factory=list, description="An alert goes where any rule sends it; without rules all go everywhere."
    )
    digest: bool = Field(True, description="Whether all that a run has to tell goes in one message.")
    quiet_hours: str | None = Field(
        None, description='When nothing is sent, as "22:00-07:00"; what waits is sent by the next run after them.'
    )
    time_zone: str = Field("UTC", description="Of the quiet hours, as Europe/Berlin.")
    days_back: int | None = Field(
        None, ge=1, description="What lies further back than so many days before the release's last one is not told."
    )
    accuracy_fall: float = Field(
        0.1, gt=0, le=1, description="By how much the share of hidden stays that are found must fall to be told."
    )
    accuracy_stays: int = Field(50, ge=1, description="Fewer hidden stays than this tell no fall.")
    heartbeat: SecretStr | None = Field(
        None, description="Asked (GET) after each run that ends with 0; {status} in it becomes the exit status."
    )
    heartbeat_failed: SecretStr | None = Field(None, description="The same after each run that ends otherwise.")

    @field_validator("targets", mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        """Targets by name; those of a list, or of a text with blanks between them, by number."""
        if isinstance(given, str):
            text = given.strip()
            try:
                given = json_text.read(text) if text[:1] in ("{", "[") else text.split()
            except ValueError:
                raise ValueError("starts like JSON and is none") from None
        if isinstance(given, list):
            given = {str(number): address for number, address in enumerate(given, start=1)}
        return given

    @field_validator("targets")
    @classmethod
    def _addresses(cls, given: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, address in given.items():
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name):
                raise ValueError("the name of a target is letters, digits, _ and -")
            if not _ADDRESS.fullmatch(address.get_secret_value()):
                raise ValueError(f"target {name} is no address of apprise, such as mailto://… or json://…")
        return given

    @field_validator("heartbeat", "heartbeat_failed")
    @classmethod
    def _web(cls, given: SecretStr | None) -> SecretStr | None:
        if given is not None and not re.fullmatch(r"https?://\S+", given.get_secret_value()):
            raise ValueError("must be an address that begins with http:// or https://")
        return given

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, given: str) -> str:
        try:
            ZoneInfo(given)
        except (KeyError, OSError, ValueError):
            raise ValueError(f"{given!r} is no time zone, such as Europe/Berlin") from None
        return given

    @field_validator("quiet_hours")
    @classmethod
    def _hours(cls, given: str | None) -> str | None:
        if given is not None and not _QUIET.fullmatch(given):
            raise ValueError(f'{given!r} is not two times of day, as in "22:00-07:00"')
        return given

    @model_validator(mode="after")
    def _known_targets(self) -> Alerts:
        for rule in self.rules:
            for name in rule.to:
                if name not in self.targets:
                    raise ValueError(f"a rule sends to {name!r}; known targets: {', '.join(self.targets) or 'none'}")
        return self

    @property
    def quiet(self) -> tuple[time, time] | None:
        """The quiet hours, in `time_zone`: first minute, and the first after them."""
        if self.quiet_hours is None:
            return None
        since, until = (time.fromisoformat(text) for text in self.quiet_hours.split("-"))
        return since, until

    def scheme(self, target: str) -> str:
        """What may be shown of a target: the sort of service."""
        return self.targets[target].get_secret_value().partition("://")[0].lower()


class Source(Section):
    """What every source takes."""

    enabled: bool = Field(False, description="Whether a run reads the source.")
    location: str | None = Field(None, description="A URL, or a local path to the same layout.")
    on_failure: Literal["continue", "stop"] = Field(
        "continue", description="Whether a run goes on without the source where it fails, or ends (4)."
    )
    max_stale_days: int | None = Field(None, ge=0, description="Fails the run (4) when no good day is newer.")
    minutes_per_run: float = Field(
        360, gt=0, description="Time that the source may take in one run; its other days are looked at by the next."
    )
    max_rows: int = Field(
        50_000_000, ge=1, description="Rows and rejects that one window may bring; with more it fails as a whole."
    )


class Cover(Section):
    """Days on which a set of flight records is complete for one base."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    base: str = Field(description="The base's id.")
    since: Annotated[date, Field(alias="from", description="The first of the days.")]
    until: Annotated[
        date | None, Field(alias="to", description="The last of them; without it: to where the files' data end.")
    ] = None

    @model_validator(mode="after")
    def _ordered(self) -> Cover:
        if self.until is not None and self.until < self.since:
            raise ValueError(f"covers for {self.base}: `to` {self.until} is before `from` {self.since}")
        return self


class OwnFiles(Source):
    """What every source takes that reads files of the user's own."""

    ignore: list[str] = Field(
        default_factory=list, description='Files that are left out, as patterns of their names: ["*.tmp", "old/*"].'
    )


class FlightFiles(OwnFiles):
    """Flight records that the user already has."""

    covers: list[Cover] = Field(
        default_factory=list, description="Days on which the files hold every flight of a base: {base, from, to}."
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="How to read a form that is not recognised: {field of the plain form = the file's column}.",
    )


class Simulated(FlightFiles):
    """Made-up flight records for demonstrations: read like flight_files, and named for what they are everywhere."""


class PressFlights(Source):
    """Flights that the press reported; the shipped CSV unless `location` names another."""

    enabled: bool = Field(True, description="Whether a run reads the source.")


class Articles(OwnFiles):
    """Article files in a folder."""


class SimulatedArticles(Articles):
    """Made-up articles for demonstrations: read like articles, and named for what they are everywhere."""


class OverHttp(Source):
    """What every source that speaks HTTP takes: how patient it is, and what it keeps of what it fetched."""

    connect_seconds: float = Field(10, gt=0, description="Time allowed to reach a host.")
    read_seconds: float = Field(60, gt=0, description="Time allowed between two pieces of an answer.")
    attempts: int = Field(5, ge=1, description="Times a request is sent before it counts as failed.")
    longest_wait_seconds: float = Field(
        120,
        gt=0,
        description="A provider that asks for more patience than this fails the day, which is caught up later.",
    )
    breaker_after: int = Field(3, ge=1, description="Failures in a row after which a source is left alone for a while.")
    breaker_seconds: float = Field(300, gt=0, description="How long it is left alone.")
    max_body_mb: int = Field(64, ge=1, description="No answer of an API may be larger.")
    answer_seconds: float = Field(300, gt=0, description="Time allowed for an answer as a whole.")
    file_seconds: float = Field(6 * 3600, gt=0, description="Time allowed for a file as a whole, over all attempts.")
    allow_local: bool = Field(
        False, description="Whether loopback and link-local addresses may be asked, as a readsb on this machine has."
    )
    keep_landing: bool = Field(True, description="Whether the verbatim files stay after they were decoded.")


class ReadsbArchive(OverHttp):
    """Daily readsb trace archives."""

    layout: Literal["auto", "github", "samples", "globe_history"] = Field(
        "auto",
        description="What a URL in `location` serves: GitHub releases (…/repos/<owner>/globe_history_{year}), the "
        "ADS-B Exchange samples, or a readsb globe_history. `auto` tells from the address.",
    )
    aircraft: list[str] = Field(
        default_factory=list, description="Addresses to fetch one by one; a globe_history URL serves nothing else."
    )
    network: str = Field(
        "adsblol",
        pattern=r"^[a-z0-9_.-]+$",
        description="Whose receivers the archive is of; coverage is measured for each network by itself.",
    )
    own_receiver: bool = Field(
        False, description="The archive of one's own receiver: few aircraft, so no day need fill all 256 folders."
    )
    scan: Literal["all", "military", "watch_list"] = Field(
        "all",
        description="Which traces are read: all; those with the military flag or on the watch list; or the watch list "
        "alone. The latter two are for fast backfills: they measure no coverage, so their days stay `unmeasured`.",
    )
    read: Literal["auto", "traces", "heatmap"] = Field(
        "auto",
        description="What of a day is read. `auto`: its heatmaps, and the traces of aircraft that matter; traces alone "
        "where heatmaps lack, heatmaps alone where traces do. `traces` or `heatmap`: those alone.",
    )
    processes: int = Field(0, ge=0, description="Decoding processes; 0: one a core.")
    index_url: str | None = Field(
        "https://raw.githubusercontent.com/adsblol/globe_history_{year}/main/PREFERRED_RELEASES.txt",
        description="The list of preferred files, asked where the releases API is used up or does not reach back.",
    )
    token: SecretStr | None = Field(None, description="A GitHub token: 5,000 requests an hour in place of 60.")
    late_days: int = Field(3, ge=0, description="Days after which an unpublished day counts as missing, not late.")
    history_days: int | None = Field(
        None, ge=1, description="How far back the provider keeps traces; none before that is `expired`, not `empty`."
    )
    split_bytes: int = Field(2_000_000_000, ge=1, description="Size at which the provider splits a day's tar.")
    disk_budget_gb: float = Field(50, gt=0, description="Landed archives may take up no more than this.")
    requests_per_second: float = Field(2, gt=0, description="For hosts that serve traces one by one.")


class ReadsbLive(OverHttp):
    """/v2 JSON of live providers or a local readsb; or recorded answers in a folder (`location`)."""

    networks: list[str] = Field(
        default_factory=lambda: ["adsb.lol"],
        description="adsb.lol, adsb.fi, airplanes.live, adsbexchange (needs api_key), local (needs an address).",
    )
    addresses: dict[str, str] = Field(
        default_factory=dict, description="Address of a network in place of its usual one; for `local`, aircraft.json."
    )
    api_key: SecretStr | None = Field(None, description="Key for adsbexchange.")
    api_key_header: str = Field("api-auth", description="Header in which adsbexchange takes the key.")
    bases: list[str] = Field(default_factory=list, description="Bases whose surroundings are polled.")
    aircraft: list[str] = Field(default_factory=list, description="Addresses that are polled wherever they are.")
    military: bool = Field(True, description="Whether to poll all aircraft that the network knows as military.")
    every_seconds: float = Field(60, gt=0, description="Time between two rounds of polls.")
    flush_seconds: float = Field(600, gt=0, description="Time between two additions to the lake.")
    max_gap_minutes: float = Field(
        10, gt=0, description="A longer time without an answer makes a hole: not polled is not quiet."
    )
    max_clock_difference_minutes: float = Field(
        10,
        gt=0,
        description="An answer whose own time `now` is farther from when it came is none: it was kept by somebody in "
        "between, or its clock is wrong.",
    )


class OpenSky(OverHttp):
    """OpenSky REST, OAuth2 client credentials. `location` replaces the API's base address."""

    client_id: str | None = Field(None, description="Name of an API client that your account made.")
    client_secret: SecretStr | None = Field(None, description="Its secret.")
    token_url: str = Field(
        "https://auth.opensky-network.org/auth/realms/opensky-network/protocol/openid-connect/token",
        description="Where a token is had for both.",
    )
    bases: list[str] = Field(default_factory=list, description="Bases whose arrivals and departures are asked for.")
    aircraft: list[str] = Field(default_factory=list, description="Addresses whose flights are asked for.")
    tier: Literal["anonymous", "standard", "feeder", "licensed"] = Field(
        "standard", description="What the account is: it decides the credits of a day."
    )
    publish_hours: float = Field(
        4, ge=0, description="Hours after midnight UTC before which the nightly batch of flights is not due yet."
    )
    poll_states: bool = Field(False, description="Whether `basewatch watch` polls /states/all around the bases too.")


class Flightradar24(OverHttp):
    """The official Flightradar24 API. `location` replaces its base address (the sandbox, for one)."""

    token: SecretStr | None = Field(None, description="The API token of your subscription.")
    bases: list[str] = Field(default_factory=list, description="Bases whose flights are asked for.")
    registrations: list[str] = Field(default_factory=list, description="Registrations asked for wherever they fly.")
    plan: Literal["explorer", "essential", "advanced"] = Field(
        "explorer", description="The plan subscribed to: requests a minute, rows an answer, days back."
    )
    detail: Literal["full", "light"] = Field(
        "full", description="`full` has names of runways and places; `light` costs fewer credits."
    )
    lookback_hours: float = Field(
        12,
        ge=0,
        description="Flights are selected by when they were first seen: so many hours before a day are asked for too.",
    )
    max_requests: int = Field(500, ge=1, description="A window that needs more requests than this is left unfinished.")
    positions_every_minutes: int | None = Field(
        None, ge=1, description="Ask for historic positions around the bases at this step; costs many credits."
    )
    retention_days: int | None = Field(
        30, ge=1, description="Landed files and lake rows older than this are deleted, as the API's terms demand."
    )


class GdeltDoc(OverHttp):
    """GDELT DOC 2.0. `location` replaces the API's address, or is a folder that a run landed."""

    bases: list[str] = Field(default_factory=list, description="Bases whose names are searched for; none by default.")
    languages: list[str] = Field(
        default_factory=lambda: ["en"],
        description="Languages of the names searched for; GDELT searches English translations, so English finds most.",
    )
    totals: list[str] = Field(
        default_factory=lambda: ["english", "russian", "arabic"],
        description="Languages whose articles are counted (one request each): what shares of mentions are taken of.",
    )
    publish_hours: float = Field(1, ge=0, description="Hours after midnight UTC before which a day is not whole yet.")


class GdeltFiles(OverHttp):
    """GDELT 2.0 raw files. `location` replaces their address (so http in place of https), or is a folder of them."""

    streams: list[Literal["gkg", "mentions", "export"]] = Field(
        ["gkg", "mentions", "export"],
        min_length=1,
        description="Tables read: gkg has titles and names, the other two addresses and places.",
    )
    translated: bool = Field(True, description="Whether the files of pages translated from 65 languages are read too.")
    lists: Literal["names", "master"] = Field(
        "names",
        description="How a day's files are known: by their fixed names (checked by the ETag, which is their md5), or "
        "from the master lists, which are over 100 MB and state every size and md5 (for backfills).",
    )
    keep_archives: bool = Field(
        False, description="Whether the zips (800 MB a day) stay beside the rows taken from them."
    )
    late_days: float = Field(2, ge=0, description="Days after which an archive that is not there counts as missing.")
    requests_per_second: float = Field(4, gt=0, description="Our own restraint; no limit is stated.")
    features: dict[str, str] = Field(
        default_factory=dict, description="FeatureIDs of GDELT's gazetteer that stand for a base: {id = base_id}."
    )


class Feed(Section):
    """One RSS or Atom feed."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$", description="How the feed is called in the ledger.")
    url: str = Field(pattern=r"^https?://", description="Its address.")
    language: str | None = Field(None, description="ISO 639-1 code, in place of what the feed declares.")
    params: dict[str, str] = Field(
        default_factory=dict,
        description="Parameters added to the address; {epoch} becomes the time, for feeds stuck in a cache.",
    )


class Feeds(OverHttp):
    """RSS and Atom. `location` is a folder of kept polls, read in place of the network."""

    feeds: list[Feed] = Field(default_factory=list, description="The feeds polled once a night.")
    keep_landing: Literal[True] = Field(True, description="Polls are always kept: no feed gives history.")

    @model_validator(mode="after")
    def _distinct(self) -> Feeds:
        names = [feed.name for feed in self.feeds]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two feeds are called {', '.join(twice)}")
        return self


class Sources(Section):
    """One table a source; the key is the source's code everywhere."""

    readsb_archive: ReadsbArchive = ReadsbArchive()
    readsb_live: ReadsbLive = ReadsbLive()
    opensky: OpenSky = OpenSky()
    flightradar24: Flightradar24 = Flightradar24()
    flight_files: FlightFiles = FlightFiles()
    simulated: Simulated = Simulated()
    press_flights: PressFlights = PressFlights()
    gdelt_doc: GdeltDoc = GdeltDoc()
    gdelt_files: GdeltFiles = GdeltFiles()
    feeds: Feeds = Feeds()
    articles: Articles = Articles()
    simulated_articles: SimulatedArticles = SimulatedArticles()


class Settings(BaseSettings):
    """Everything a run is told. `folder` is where the configuration file lies: relative paths start there."""

    model_config = SettingsConfigDict(
        env_prefix="BASEWATCH_", env_nested_delimiter="__", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    warehouse: Warehouse = Warehouse()
    reference: Reference = Reference()
    nightly: Nightly = Nightly()
    backfill: Backfill = Backfill()
    limits: Limits = Limits()
    gates: Gates = Gates()
    report: Report = Report()
    registers: Registers = Registers()
    alerts: Alerts = Alerts()
    sources: Sources = Sources()
    folder: Path = Field(default_factory=Path.cwd, exclude=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, which arrives as init arguments."""
        return env_settings, init_settings

    def path(self, value: str) -> Path:
        """`value` as an absolute path; a relative one starts at the configuration file's folder."""
        return (self.folder / Path(value).expanduser()).resolve()

    @property
    def root(self) -> Path:
        """The warehouse folder.

        Raises ConfigError for an object-store address, whose place is `storage`.
        """
        if "://" in self.warehouse.root:
            raise ConfigError(
                f"warehouse.root = {self.warehouse.root!r}: name a folder here, and the bucket in warehouse.storage; "
                "the folder is then a working copy of it"
            )
        return self.path(self.warehouse.root)

    def source(self, code: str) -> Source:
        """The settings of the source with this code."""
        section: Source = getattr(self.sources, code)
        return section

    def fingerprints(self) -> dict[str, str]:
        """By enabled source, a hash of what is set for it, secrets left out: what is edited shows."""
        told = {code: self.source(code).model_dump_json(exclude=SECRETS) for code in self.enabled_sources()}
        return {code: hashlib.sha256(text.encode()).hexdigest() for code, text in told.items()}

    def enabled_sources(self) -> list[str]:
        """Codes of the enabled sources, in the order of the configuration reference."""
        return [code for code in Sources.model_fields if self.source(code).enabled]


SECRETS = {"client_secret", "token", "api_key", "password"}


def find(config: Path | None = None) -> Path | None:
    """The file that `load` reads: `config`, else the one BASEWATCH_CONFIG names, else ./basewatch.toml, else none."""
    named = config or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    return named or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)


def load(config: Path | None = None) -> Settings:
    """Settings from `config`, else the file that BASEWATCH_CONFIG names, else ./basewatch.toml, else the defaults.

    Raises ConfigError naming the file, the key and the nearest right key.
    """
    file = find(config)
    values: dict[str, Any] = {}
    if file is not None:
        try:
            values = tomllib.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(
                f"configuration file {file} does not exist; README.md shows the smallest that is useful"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"configuration file {file} cannot be read: {error}") from None
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"configuration file {file} is not valid TOML: {error}") from None
        _refuse_secrets(values, str(file))
        values["folder"] = file.resolve().parent
    _check_environment()
    try:
        settings = Settings(**values)
        _hide_secrets(settings)
        return settings
    except ValidationError as error:
        raise ConfigError(_explain(error, str(file or "the environment"))) from None


def _hide_secrets(section: BaseModel) -> None:
    """Have every secret of the settings masked wherever text passes through `outside`, whoever uses it and when."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            _hide_secrets(value)
        for secret in value.values() if isinstance(value, dict) else [value]:
            if isinstance(secret, SecretStr):
                outside.hide(secret.get_secret_value(), *_parts(secret.get_secret_value()))


def _parts(address: str) -> list[str]:
    """What of a secret that is an address is secret by itself: a password, and whatever reads like a key."""
    rest = address.partition("://")[2]
    if not rest:
        return []
    password = re.match(r"[^/?#@]*?:([^/?#]*)@", rest)
    found = [password[1]] if password else []
    parts = re.split(r"[/?#&=@:,+ ]", rest)
    return [*found, *(part for part in parts if len(part) >= LONG_AS_A_KEY and not _HOST.fullmatch(part))]


def _refuse_secrets(values: dict[str, Any], file: str, prefix: str = "") -> None:
    for key, value in values.items():
        if isinstance(value, dict):
            _refuse_secrets(value, file, f"{prefix}{key}.")
        elif key in SECRETS:
            variable = "BASEWATCH_" + f"{prefix}{key}".upper().replace(".", "__")
            raise ConfigError(f"{file}: {prefix}{key} is a secret; take it out of the file and set {variable}")


def _check_environment() -> None:
    """A mistyped BASEWATCH_ variable must not be ignored in silence."""
    names = {name.upper() for name in Settings.model_fields} | {"CONFIG"}
    for variable in os.environ:
        if not variable.upper().startswith("BASEWATCH_"):
            continue
        head = variable.upper().removeprefix("BASEWATCH_").split("__")[0]
        if head not in names or head == "FOLDER":
            raise ConfigError(f"environment variable {variable} means nothing here{_nearest(head, names)}")


def _nearest(word: str, names: set[str]) -> str:
    close = difflib.get_close_matches(word, sorted(names), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(sorted(names))}"


def _explain(error: ValidationError, where: str) -> str:
    lines = []
    for fault in error.errors(include_input=False, include_url=False):
        key = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            keys = _known_keys(fault["loc"][:-1]) - {"folder"}
            lines.append(f"unknown key {key}{_nearest(str(fault['loc'][-1]), keys)}")
        else:
            lines.append(f"{key}: {fault['msg']}")
    return f"{where}: " + "; ".join(lines)


def _known_keys(location: tuple[int | str, ...]) -> set[str]:
    model: Any = Settings
    for part in location:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        if field is None:
            return set()
        model = field.annotation
        inner = getattr(model, "__args__", None)
        if inner:
            model = next((kind for kind in inner if hasattr(kind, "model_fields")), model)
    if not hasattr(model, "model_fields"):
        return set()
    return {field.alias or name for name, field in model.model_fields.items()}
