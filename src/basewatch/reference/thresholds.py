"""The thresholds of params.yml that Python code uses, with their types; the rest are for the models alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from basewatch.errors import ConfigError
from basewatch.geo import NM_KM, Ring


class Thresholds(BaseModel):
    """Units, reasons and sources stand in params.yml beside each value."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    rejected_share_max: float
    reject_partial_share: float
    file_loss_share_max: float
    record_longest_days: float
    stay_merge_minutes: float
    speed_max_kt: float
    speed_slack_km: float
    contact_apart_min: float
    address_aircraft_max: int
    file_alike_min: int
    position_apart_km: float
    volume_days: int
    volume_min_days: int
    volume_fewest: float
    volume_share_min: float
    volume_sigmas: float
    archive_edge_min: float
    volume_gone_share: float

    archive_ring_outer_nm: float
    archive_ring_outer_ft: int
    archive_ring_inner_nm: float
    archive_min_folders: int
    archive_min_share_of_median: float
    archive_trailing_days: int
    archive_trailing_min_days: int
    archive_publish_hours: float
    heatmap_busy_positions: float
    heatmap_hush_s: float
    watched_every_s: float
    watched_silence_min: float
    watched_around_min: float

    background_wide_nm: float
    background_ring_nm: float
    background_near_nm: float
    background_below_ft: float
    background_low_ft: float
    background_field_km: float
    background_silence_min: float
    background_loss_nm: float
    background_loss_sink_fpm: float
    background_loss_angle_deg: float
    background_loss_runner_up: float
    background_low_loss_km: float
    background_low_loss_ft: float
    background_jump_kt: float
    background_jump_km: float
    background_frozen_kt: float
    background_frozen_share: float
    background_frozen_ft: float

    news_cue_words: int
    news_pair_words: int
    news_point_km: float
    news_recent_days: int
    news_undated_pause_days: int

    @property
    def rings(self) -> tuple[Ring, ...]:
        """Which positions around a base are kept: near it at any height, further off low ones alone."""
        return (
            Ring(self.archive_ring_outer_nm * NM_KM, self.archive_ring_outer_ft),
            Ring(self.archive_ring_inner_nm * NM_KM),
        )


def thresholds(values: Mapping[str, Any], where: str = "params.yml") -> Thresholds:
    """The typed view of a table of thresholds. Raises ConfigError naming the threshold that is missing or mistyped."""
    try:
        return Thresholds.model_validate(values)
    except ValidationError as error:
        faults = (f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors(include_url=False))
        raise ConfigError(f"{where}: {'; '.join(faults)}") from None
