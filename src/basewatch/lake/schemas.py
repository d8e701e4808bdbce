"""The lake's tables: one declared Arrow schema each, the key that makes a row unique, and where its rows come from.

Lake tables are source-shaped: they keep a provider's own fields and units (typed); sql/staging/ renames and converts.
Every table starts with `source` (which source module brought the row) and `day` (the UTC day it is filed under).

A table's version grows whenever its columns change, and stands in the Parquet metadata of its files. An older file is
read with the columns that it lacks null; a newer one is refused. Where a record stood is told by `origin_file`,
`origin_sha256` (of that file's bytes) and `origin_place` (`record 3`; null: the file is the record). Tables made from
traces go without: the ledger row of their day has the archive's name and hash, and the member is
`trace_full_<icao24>.json`.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

AT = pa.timestamp("us", tz="UTC")
TEXTS = pa.list_(pa.string())


@dataclass(frozen=True)
class LakeTable:
    """A lake table: its schema and the columns that identify a row (the later of two equal rows wins)."""

    name: str
    schema: pa.Schema
    key: tuple[str, ...]
    doc: str
    version: int


def _table(name: str, key: str, doc: str, version: int = 1, **columns: pa.DataType) -> LakeTable:
    fields = [("source", pa.string()), ("day", pa.date32()), *columns.items()]
    return LakeTable(name, pa.schema(fields), tuple(key.split()), doc, version)


_POINT = {
    "icao24": pa.string(),
    "seen_at": AT,
    "network": pa.string(),
    "latitude": pa.float64(),
    "longitude": pa.float64(),
    "is_ground": pa.bool_(),
    "altitude_baro_ft": pa.int32(),
    "altitude_geom_ft": pa.int32(),
    "ground_speed_kt": pa.float32(),
    "track_deg": pa.float32(),
    "vertical_rate_fpm": pa.int32(),
    "position_type": pa.string(),
    "callsign": pa.string(),
    "registration": pa.string(),
    "type_code": pa.string(),
    "db_flags": pa.int32(),
    "is_new_leg": pa.bool_(),
    "is_stale": pa.bool_(),
    "base_id": pa.string(),
    "distance_km": pa.float32(),
}

_TABLES = [
    _table(
        "flightradar24_flights",
        "record_id",
        "Flightradar24 flight-summary rows (light leaves the fields of full null); distances in km, times UTC.",
        version=2,
        record_id=pa.string(),
        flight=pa.string(),
        callsign=pa.string(),
        operating_as=pa.string(),
        painted_as=pa.string(),
        type=pa.string(),
        reg=pa.string(),
        hex=pa.string(),
        orig_icao=pa.string(),
        orig_iata=pa.string(),
        datetime_takeoff=AT,
        runway_takeoff=pa.string(),
        dest_icao=pa.string(),
        dest_iata=pa.string(),
        dest_icao_actual=pa.string(),
        dest_iata_actual=pa.string(),
        datetime_landed=AT,
        runway_landed=pa.string(),
        flight_time=pa.float64(),
        actual_distance=pa.float64(),
        circle_distance=pa.float64(),
        category=pa.string(),
        first_seen=AT,
        last_seen=AT,
        flight_ended=pa.bool_(),
        fetched_at=AT,
        origin_file=pa.string(),
        origin_sha256=pa.string(),
        origin_place=pa.string(),
    ),
    _table(
        "opensky_flights",
        "record_id",
        "OpenSky flight objects, and lists made of its data; distances in metres, airports and times are estimates. "
        "registration, type_code and operator stand in the public monthly list and in OPDI alone.",
        version=3,
        record_id=pa.string(),
        icao24=pa.string(),
        callsign=pa.string(),
        first_seen=AT,
        last_seen=AT,
        est_departure_airport=pa.string(),
        est_arrival_airport=pa.string(),
        est_departure_airport_horiz_distance=pa.int64(),
        est_departure_airport_vert_distance=pa.int64(),
        est_arrival_airport_horiz_distance=pa.int64(),
        est_arrival_airport_vert_distance=pa.int64(),
        departure_airport_candidates_count=pa.int64(),
        arrival_airport_candidates_count=pa.int64(),
        registration=pa.string(),
        type_code=pa.string(),
        operator=pa.string(),
        origin_file=pa.string(),
        origin_sha256=pa.string(),
        origin_place=pa.string(),
    ),
    _table(
        "plain_flights",
        "record_id",
        "Flight records in the project's own plain form (docs/flight-files.md).",
        version=2,
        record_id=pa.string(),
        icao24=pa.string(),
        registration=pa.string(),
        callsign=pa.string(),
        type_code=pa.string(),
        operator=pa.string(),
        origin=pa.string(),
        departed_at=AT,
        destination=pa.string(),
        arrived_at=AT,
        url=pa.string(),
        origin_file=pa.string(),
        origin_sha256=pa.string(),
        origin_place=pa.string(),
    ),
    _table(
        "press_flights",
        "record_id",
        "Flights, pauses, resumptions and totals that the press reported: one cited page a row, paraphrased.",
        version=2,
        record_id=pa.string(),
        event_group=pa.string(),
        event_date_from=pa.date32(),
        event_date_to=pa.date32(),
        base_id=pa.string(),
        direction=pa.string(),
        aircraft_type=pa.string(),
        registration_or_hex=pa.string(),
        operator=pa.string(),
        count=pa.int64(),
        route_from=pa.string(),
        route_to=pa.string(),
        claim_kind=pa.string(),
        paraphrase=pa.string(),
        publisher=pa.string(),
        published_on=pa.date32(),
        url=pa.string(),
        date_basis=pa.string(),
        evidence=pa.string(),
        note=pa.string(),
        origin_file=pa.string(),
        origin_sha256=pa.string(),
        origin_place=pa.string(),
    ),
    _table(
        "track_points",
        "icao24 seen_at network",
        "Positions near watched bases, from trace archives and live polls; heights and speeds in aviation units. "
        "Near: within archive_ring_outer_nm below archive_ring_outer_ft (or on the ground, or of unknown height), or "
        "within archive_ring_inner_nm at any height. base_id, distance_km: the nearest base. track_deg on the ground "
        "is true heading. Addresses that are not ICAO's own (~) are left out.",
        **_POINT,
    ),
    _table(
        "watched_points",
        "icao24 seen_at network",
        "Positions of aircraft on the watch list (watched fleets; military by a register, the block of the address or "
        "the trace's own flag) within 160 NM of a watched base at any height, beyond the rings of track_points: one in "
        "watched_every_s, all within watched_around_min of a silence or of midnight. Where one end of a silence alone "
        "lies within reach, the other one and what leads to it are here, too: beyond reach base_id and distance_km are "
        "null. From archives: traces, else heatmaps. Columns as in track_points.",
        **_POINT,
    ),
    _table(
        "track_edges",
        "icao24 seen_at network edge",
        "Positions anywhere in the world of aircraft that came near a watched base or are on the watch list: the first "
        "and last of a day (edge first, last), and of each stretch near a base the position before and the one after "
        "(edge before, after). They stitch days together, show where it went, and prove that a silence was one.",
        icao24=pa.string(),
        seen_at=AT,
        network=pa.string(),
        edge=pa.string(),
        latitude=pa.float64(),
        longitude=pa.float64(),
        is_ground=pa.bool_(),
        altitude_ft=pa.int32(),
        ground_speed_kt=pa.float32(),
        track_deg=pa.float32(),
        vertical_rate_fpm=pa.int32(),
        callsign=pa.string(),
        registration=pa.string(),
        type_code=pa.string(),
        operator=pa.string(),
        db_flags=pa.int32(),
    ),
    _table(
        "base_background",
        "base_id network",
        "What the receivers heard near a base on one day of aircraft outside the watched fleets: the measure of what "
        "could have been seen. No row: nothing was heard, or not looked for (a scan of the watch list). Heights are "
        "above the field; arrivals_touchdown were heard on the ground, arrivals_low lost close to it and low, the rest "
        "higher up; jumps and stacked_aircraft (signs of GNSS interference) count every aircraft. aircraft_100nm "
        "counts them at any height, and is null where that was not looked at.",
        base_id=pa.string(),
        network=pa.string(),
        aircraft_100nm=pa.int32(),
        aircraft_50nm=pa.int32(),
        aircraft_25nm=pa.int32(),
        aircraft_low=pa.int32(),
        arrivals=pa.int32(),
        arrivals_touchdown=pa.int32(),
        arrivals_low=pa.int32(),
        departures=pa.int32(),
        departures_ground=pa.int32(),
        lowest_height_ft=pa.int32(),
        median_last_height_ft=pa.int32(),
        median_first_height_ft=pa.int32(),
        last_heights_ft=pa.list_(pa.int32()),
        points=pa.int64(),
        points_per_hour=pa.list_(pa.int32()),
        jumps=pa.int32(),
        jumped_aircraft=pa.int32(),
        stacked_aircraft=pa.int32(),
    ),
    _table(
        "heard_cells",
        "network slot_at south west is_ground band_ft",
        "What anybody was heard to do within 160 NM of a watched base, from heatmaps: one row for a cell of a tenth of "
        "a degree (its south-west corner), a band of 3,000 ft of pressure height (its lower bound; or the ground) and "
        "twenty minutes (their beginning) in which anybody was heard. passes: how often one entered; losses: how many "
        "were last heard there, for ten minutes at the least. Tells where receivers hear how low, and where not.",
        network=pa.string(),
        slot_at=AT,
        south=pa.float64(),
        west=pa.float64(),
        is_ground=pa.bool_(),
        band_ft=pa.int32(),
        aircraft=pa.int32(),
        lowest_ft=pa.int32(),
        passes=pa.int32(),
        losses=pa.int32(),
    ),
    _table(
        "news_articles",
        "article_id",
        "One article, feed item or page that names a watched base: facts about it, never its body.",
        version=3,
        article_id=pa.string(),
        url=pa.string(),
        domain=pa.string(),
        published_at=AT,
        published_basis=pa.string(),
        published_from=AT,
        published_to=AT,
        seen_at=AT,
        language=pa.string(),
        title=pa.string(),
        origin=pa.string(),
        data_origin=pa.string(),
        title_key=pa.string(),
        text_simhash=pa.int64(),
        origin_file=pa.string(),
        origin_sha256=pa.string(),
        origin_place=pa.string(),
    ),
    _table(
        "news_mentions",
        "article_id base_id",
        "One article that names one base: by which alias, how surely, and what it says of flights there.",
        article_id=pa.string(),
        base_id=pa.string(),
        matched_alias=pa.string(),
        alias_strength=pa.string(),
        matched_by=pa.string(),
        reports_pause=pa.bool_(),
        reports_resumption=pa.bool_(),
        verb_strength=pa.string(),
        claimed_pause_days=pa.int32(),
        claimed_types=TEXTS,
        claimed_from=pa.date32(),
        claimed_to=pa.date32(),
    ),
    _table(
        "news_claims",
        "article_id base_id claim_no",
        "One checkable statement of one article about one base: a pause, a resumption or a flight.",
        article_id=pa.string(),
        base_id=pa.string(),
        claim_no=pa.int32(),
        claim=pa.string(),
        fleet_id=pa.string(),
        type_code=pa.string(),
        claimed_count=pa.int32(),
        printed_type=pa.string(),
        route=pa.string(),
        claimed_from=pa.date32(),
        claimed_to=pa.date32(),
        duration_days=pa.int32(),
        is_rounded=pa.bool_(),
        verb_strength=pa.string(),
        window_basis=pa.string(),
        statement=pa.string(),
    ),
    _table(
        "news_totals",
        "series slot_at language",
        "How many articles a news source had in a slot of time, by language (null: all): the denominator of mentions.",
        series=pa.string(),
        slot_at=AT,
        language=pa.string(),
        articles=pa.int64(),
    ),
]

TABLES: dict[str, LakeTable] = {table.name: table for table in _TABLES}

LEDGER = pa.schema(
    [
        ("source", pa.string()),
        ("scope", pa.string()),
        ("day", pa.date32()),
        ("status", pa.string()),
        ("files", pa.int32()),
        ("bytes", pa.int64()),
        ("records_read", pa.int64()),
        ("records_kept", pa.int64()),
        ("records_rejected", pa.int64()),
        ("sha256", pa.string()),
        ("chosen_copy", pa.string()),
        ("ingested_at", AT),
        ("error", pa.string()),
        ("run_id", pa.string()),
        ("parts", TEXTS),
        ("watched", TEXTS),  # in a row of scope `global`: the bases that were looked for; null: all that there are
        ("source_detail", pa.string()),
        ("measures", pa.string()),  # JSON: what the day held, to hold others against (sources/volumes.py)
    ]
)

LEDGER_VERSION = 3
