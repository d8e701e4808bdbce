"""Settings: the file, the environment over it, and errors that name the nearest right key."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from basewatch import config
from basewatch.errors import ConfigError


def write(folder: Path, text: str) -> Path:
    file = folder / "basewatch.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_defaults_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = config.load()
    assert settings.root == tmp_path / "warehouse"
    assert settings.enabled_sources() == ["press_flights"]


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    settings = config.load(write(tmp_path, '[warehouse]\nroot = "out"\n'))
    assert settings.root == tmp_path / "out"


def test_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, "[warehouse]\nkeep_releases = 3\n[sources.opensky]\nenabled = true\n")
    monkeypatch.setenv("BASEWATCH_WAREHOUSE__KEEP_RELEASES", "7")
    monkeypatch.setenv("BASEWATCH_SOURCES__OPENSKY__CLIENT_SECRET", "hush")
    settings = config.load(file)
    assert settings.warehouse.keep_releases == 7
    assert settings.sources.opensky.enabled
    assert settings.sources.opensky.client_secret is not None
    assert settings.sources.opensky.client_secret.get_secret_value() == "hush"
    assert "hush" not in repr(settings)


def test_the_variable_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASEWATCH_CONFIG", str(write(tmp_path, "[warehouse]\nkeep_releases = 4\n")))
    assert config.load().warehouse.keep_releases == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[warehouse]\nkeep_release = 3\n", "warehouse.keep_release; did you mean keep_releases?"),
        ("[sources.flight_file]\nenabled = true\n", "did you mean flight_files?"),
        ("[warehose]\nroot = 'x'\n", "did you mean warehouse?"),
        ("[sources.opensky]\nenable = true\n", "did you mean enabled?"),
        ("[warehouse]\nkeep_releases = 0\n", "warehouse.keep_releases"),
        ("[sources.opensky]\non_failure = 'maybe'\n", "sources.opensky.on_failure"),
        ("[warehouse\n", "not valid TOML"),
        ("[sources.opensky]\nclient_secret = 'x'\n", "BASEWATCH_SOURCES__OPENSKY__CLIENT_SECRET"),
        (
            "[sources.flight_files]\ncovers = [{base = 'a', from = '2025-02-01', to = '2025-01-01'}]\n",
            "`to` 2025-01-01 is before `from` 2025-02-01",
        ),
        ("[sources.flight_files]\ncovers = [{base = 'a', since = '2025-02-01', till = '2025-03-01'}]\n", "till"),
    ],
)
def test_faults_say_what_and_where(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"basewatch\.toml") as caught:
        config.load(write(tmp_path, text))
    assert said in str(caught.value)
    assert caught.value.exit_status == 2


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml does not exist"):
        config.load(tmp_path / "nowhere.toml")


def test_a_mistyped_variable_is_not_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BASEWATCH_WAREHOSE__ROOT", "x")
    with pytest.raises(ConfigError, match="BASEWATCH_WAREHOSE__ROOT means nothing here; did you mean WAREHOUSE"):
        config.load()


def test_a_mistyped_key_in_a_variable_is_not_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BASEWATCH_WAREHOUSE__ROOTS", "x")
    with pytest.raises(ConfigError, match="did you mean root"):
        config.load()


def test_object_storage_is_refused_in_plain_words(tmp_path: Path) -> None:
    settings = config.load(write(tmp_path, '[warehouse]\nroot = "s3://bucket/prefix"\n'))
    with pytest.raises(ConfigError, match="name a folder here, and the bucket in"):
        _ = settings.root


def test_covers_take_from_and_to(tmp_path: Path) -> None:
    file = write(
        tmp_path, "[sources.flight_files]\ncovers = [{base = 'hmeimim', from = '2025-01-14', to = 2025-11-15}]\n"
    )
    cover = config.load(file).sources.flight_files.covers[0]
    assert (cover.base, cover.since, cover.until) == ("hmeimim", date(2025, 1, 14), date(2025, 11, 15))
