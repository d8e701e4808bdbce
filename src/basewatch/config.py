"""Run settings: one TOML file, every value overridable from the environment, secrets from the environment only.

Thresholds that change a result are not here but in sql/params.yml; facts about the world are in sql/reference/.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from basewatch.errors import ConfigError

CONFIG_VARIABLE = "BASEWATCH_CONFIG"
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


class Reference(Section):
    """CSV files that replace the shipped reference tables; empty means the shipped one."""

    bases: str | None = None
    runways: str | None = None
    fields: str | None = None
    fleets: str | None = None
    aircraft: str | None = None
    aircraft_types: str | None = None
    keywords: str | None = None
    corrections: str | None = None
    icao_blocks: str | None = None
    sources: str | None = None
    params: str | None = Field(None, description="A params.yml in place of the shipped thresholds.")


class Nightly(Section):
    """The scheduled run."""

    cron: str = Field("15 5 * * *", description="When `basewatch schedule` runs, in UTC.")
    horizon_days: int = Field(14, ge=1, description="Days back a night looks for missing, failed or late ones.")


class Report(Section):
    """What the HTML report shows."""

    bases: list[str] = Field(default_factory=list, description="Bases to show; empty: those with a visit or a mention.")
    fleet: str = "ru_mil"


class Source(Section):
    """What every source takes."""

    enabled: bool = False
    location: str | None = Field(None, description="A URL, or a local path to the same layout.")
    on_failure: Literal["continue", "stop"] = "continue"
    max_stale_days: int | None = Field(None, ge=0, description="Fails the run (4) when no good day is newer.")


class Cover(Section):
    """Days on which a set of flight records is complete for one base."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    base: str
    since: Annotated[date, Field(alias="from")]
    until: Annotated[date, Field(alias="to")]

    @model_validator(mode="after")
    def _ordered(self) -> Cover:
        if self.until < self.since:
            raise ValueError(f"covers for {self.base}: `to` {self.until} is before `from` {self.since}")
        return self


class FlightFiles(Source):
    """Flight records that the user already has."""

    covers: list[Cover] = Field(default_factory=list)


class PressFlights(Source):
    """Flights that the press reported; the shipped CSV unless `location` names another."""

    enabled: bool = True


class Articles(Source):
    """Article files in a folder."""


class ReadsbArchive(Source):
    """Daily readsb trace archives."""


class ReadsbLive(Source):
    """/v2 JSON of a live provider or a local readsb."""


class OpenSky(Source):
    """OpenSky REST, OAuth2 client credentials."""

    client_id: str | None = None
    client_secret: SecretStr | None = None


class Flightradar24(Source):
    """The official Flightradar24 API."""

    token: SecretStr | None = None


class GdeltDoc(Source):
    """GDELT DOC 2.0."""


class GdeltFiles(Source):
    """GDELT 2.0 raw files."""


class Feeds(Source):
    """RSS and Atom."""


class Sources(Section):
    """One table a source; the key is the source's code everywhere."""

    readsb_archive: ReadsbArchive = ReadsbArchive()
    readsb_live: ReadsbLive = ReadsbLive()
    opensky: OpenSky = OpenSky()
    flightradar24: Flightradar24 = Flightradar24()
    flight_files: FlightFiles = FlightFiles()
    press_flights: PressFlights = PressFlights()
    gdelt_doc: GdeltDoc = GdeltDoc()
    gdelt_files: GdeltFiles = GdeltFiles()
    feeds: Feeds = Feeds()
    articles: Articles = Articles()


class Settings(BaseSettings):
    """Everything a run is told. `folder` is where the configuration file lies: relative paths start there."""

    model_config = SettingsConfigDict(
        env_prefix="BASEWATCH_", env_nested_delimiter="__", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    warehouse: Warehouse = Warehouse()
    reference: Reference = Reference()
    nightly: Nightly = Nightly()
    report: Report = Report()
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

        Raises ConfigError for an object-store address: this version keeps its warehouse in a folder.
        """
        if "://" in self.warehouse.root:
            raise ConfigError(
                f"warehouse.root = {self.warehouse.root!r}: object storage is not supported by this version; "
                "name a folder (a mounted bucket works for reading, not for the atomic switch of `current`)"
            )
        return self.path(self.warehouse.root)

    def source(self, code: str) -> Source:
        """The settings of the source with this code."""
        section: Source = getattr(self.sources, code)
        return section

    def enabled_sources(self) -> list[str]:
        """Codes of the enabled sources, in the order of the configuration reference."""
        return [code for code in Sources.model_fields if self.source(code).enabled]


SECRETS = {"client_secret", "token", "api_key", "password"}


def load(config: Path | None = None) -> Settings:
    """Settings from `config`, else the file that BASEWATCH_CONFIG names, else ./basewatch.toml, else the defaults.

    Raises ConfigError naming the file, the key and the nearest right key.
    """
    named = config or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    file = named or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
    values: dict[str, Any] = {}
    if file is not None:
        try:
            values = tomllib.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(
                f"configuration file {file} does not exist; write one with `basewatch init DIR`"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"configuration file {file} cannot be read: {error}") from None
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"configuration file {file} is not valid TOML: {error}") from None
        _refuse_secrets(values, str(file))
        values["folder"] = file.resolve().parent
    _check_environment()
    try:
        return Settings(**values)
    except ValidationError as error:
        raise ConfigError(_explain(error, str(file or "the environment"))) from None


def _refuse_secrets(values: dict[str, Any], file: str, prefix: str = "") -> None:
    for key, value in values.items():
        if isinstance(value, dict):
            _refuse_secrets(value, file, f"{prefix}{key}.")
        elif key in SECRETS:
            variable = "BASEWATCH_" + f"{prefix}{key}".upper().replace(".", "__")
            raise ConfigError(f"{file}: {prefix}{key} is a secret; take it out of the file and set {variable}")


def _check_environment() -> None:
    """A mistyped BASEWATCH_ variable must not be ignored in silence."""
    known = {name.upper() for name in Settings.model_fields} | {"CONFIG"}
    for variable in os.environ:
        if not variable.upper().startswith("BASEWATCH_"):
            continue
        head = variable.upper().removeprefix("BASEWATCH_").split("__")[0]
        if head not in known or head == "FOLDER":
            raise ConfigError(f"environment variable {variable} means nothing here{_nearest(head, known)}")


def _nearest(word: str, known: set[str]) -> str:
    close = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(sorted(known))}"


def _explain(error: ValidationError, where: str) -> str:
    lines = []
    for fault in error.errors(include_input=False, include_url=False):
        key = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            known = _known_keys(fault["loc"][:-1]) - {"folder"}
            lines.append(f"unknown key {key}{_nearest(str(fault['loc'][-1]), known)}")
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
