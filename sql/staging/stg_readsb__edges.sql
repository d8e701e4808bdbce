/*
grain: one row per first or last position of a stretch of track, anywhere in the world
key: [icao24, seen_at, network, edge]
empty_without: [raw.track_edges]
kind: view
columns:
  source: {type: VARCHAR, doc: "Code of the source module that brought the position"}
  network: {type: VARCHAR, doc: "Network whose receivers heard it"}
  icao24: {type: VARCHAR, doc: "24-bit address, lower case; a leading ~ marks an address that is not an ICAO one"}
  day: {type: DATE, doc: "UTC day under which the position was filed"}
  seen_at: {type: TIMESTAMPTZ, doc: "When"}
  at_s: {type: BIGINT, unit: s, doc: "Whole seconds since 1970"}
  edge: {type: VARCHAR, values: [first, last, before, after], doc: "First or last of the day; right before or after a stretch near a base"}
  latitude: {type: FLOAT, unit: deg, doc: "Latitude, WGS-84"}
  longitude: {type: FLOAT, unit: deg, doc: "Longitude, WGS-84"}
  is_ground: {type: BOOLEAN, doc: "The aircraft says that it is on the ground"}
  altitude_ft: {type: INTEGER, unit: ft, doc: "Height above sea level, by pressure where known, else by satellite navigation"}
  ground_speed_kt: {type: FLOAT, unit: kt, doc: "Speed over ground"}
  track_deg: {type: FLOAT, unit: deg, doc: "True track"}
  vertical_rate_fpm: {type: INTEGER, unit: ft/min, doc: "Climb (positive) or sink"}
  callsign: {type: VARCHAR, doc: "Callsign, trimmed"}
  registration: {type: VARCHAR, doc: "Registration mark as the archive gives it, upper case"}
  type_code: {type: VARCHAR, doc: "ICAO aircraft type designator"}
  is_military: {type: BOOLEAN, doc: "The archive's register calls it military"}
*/
SELECT
    source,
    network,
    lower(icao24) AS icao24,
    day,
    seen_at,
    epoch_us(seen_at) // 1000000 AS at_s,
    edge,
    latitude,
    longitude,
    coalesce(is_ground, FALSE) AS is_ground,
    altitude_ft,
    ground_speed_kt,
    track_deg,
    vertical_rate_fpm,
    nullif(trim(callsign), '') AS callsign,
    code_or_null(registration) AS registration,
    code_or_null(type_code) AS type_code,
    coalesce(db_flags & 1 = 1, FALSE) AS is_military
FROM raw.track_edges
WHERE latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180
